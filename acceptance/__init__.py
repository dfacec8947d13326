"""Video in, images out on a real account: ``make acceptance``, with a table of what was seen."""

STACK = "KinesisVideoAcceptance"
"""The name of the stack that is deployed and removed."""
