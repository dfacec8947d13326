"""``make acceptance``: checks on a real account what the local AWS assumes, and writes a table."""

STACK = "KinesisVideoAcceptance"
"""The name of the stack that is deployed and removed."""
