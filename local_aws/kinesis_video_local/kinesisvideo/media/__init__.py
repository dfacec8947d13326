"""The media plane: video in by PutMedia, and out as images, notifications, metrics, fragments and GetMedia.

It follows AWS's documentation, and otherwise what AWS's own producers were seen to need. docs/local-aws.md lists the
behaviour that is inferred: extend the list if a change here adds to it.
"""
