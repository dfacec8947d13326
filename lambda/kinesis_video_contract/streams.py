"""The bounds of a stream's name.

See https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/API_CreateStream.html
"""

from __future__ import annotations

MAX_STREAM_NAME_LENGTH = 256
STREAM_NAME_PATTERN = "[a-zA-Z0-9_.-]+"
