"""The limits of PutMedia.

See https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/limits.html and
https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/API_dataplane_PutMedia.html
"""

CONNECTION_SECONDS = 45 * 60
FRAGMENT_MILLISECONDS = 20_000
FRAGMENT_BYTES = 50_000_000
TRACKS = 3
# The end-of-fragment tag is among them.
TAGS = 10
TAG_NAME_BYTES = 128
TAG_VALUE_BYTES = 256

# Data that arrives faster is read later.
BYTES_PER_SECOND = 12_500_000
FRAGMENTS_PER_SECOND = 5

# Without data the connection ends after the first, and gets an IDLE acknowledgement each time the second has passed.
IDLE_SECONDS = 30
IDLE_ACKNOWLEDGEMENT_SECONDS = 10
