"""The bounds of where images are delivered to: ``s3://<bucket>/<prefix>``."""

from __future__ import annotations

import re

MAX_URI_LENGTH = 255
"""Of the whole URI, see
https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/API_ImageGenerationDestinationConfig.html"""

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
MIN_BUCKET_NAME_LENGTH, MAX_BUCKET_NAME_LENGTH = 3, 63

PREFIX_MISTAKES = (
    (re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]*:/"), "a URI's scheme", "give the bucket as `bucket` and here what follows"),
    (re.compile(r"[\x00-\x1f\x7f-\x9f]"), "control characters", "take them out"),
    (re.compile(r"\*"), "*", "take that character out"),
    (re.compile(r"(^|/)\.\.?(/|$)"), "'.' or '..' as a folder", "give the folder itself"),
    (re.compile(r"^/|//"), "empty folders", "take one of the slashes out"),
)
"""What a prefix must not contain, what that is called, and what to do. A slash at its beginning is taken off first."""
