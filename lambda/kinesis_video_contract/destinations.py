"""Where images are delivered to, ``s3://<bucket>/<prefix>``: its bounds, its parts, and how a policy writes it."""

from __future__ import annotations

import re

MAX_URI_LENGTH = 255
"""The maximum length of the whole URI, see
https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/API_ImageGenerationDestinationConfig.html"""

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
MIN_BUCKET_NAME_LENGTH, MAX_BUCKET_NAME_LENGTH = 3, 63

PREFIX_MISTAKES = (
    (re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]*:/"), "a URI's scheme", "pass the bucket as `bucket` and only the path here"),
    (re.compile(r"[\x00-\x1f\x7f-\x9f]"), "control characters", "remove them"),
    (re.compile(r"\*"), "*", "remove that character"),
    (re.compile(r"(^|/)\.\.?(/|$)"), "'.' or '..' as a folder", "use the folder itself"),
    (re.compile(r"^/|//"), "empty folders", "remove one of the slashes"),
)
"""The patterns that a prefix must not contain, their names, and how to fix them. A leading slash is removed first."""

# The API's own pattern, for S3: it also takes a URI without the two slashes. A key may contain any character, including
# those with a meaning in other URIs.
_URI = re.compile(r"s3:(//)?(?P<bucket>[^/]+)/?(?P<prefix>[^*]*)", re.DOTALL)
_PATTERN_OR_VARIABLE = re.compile(r"\$(?=\{)|[?*]")


def parts_of_uri(uri: str) -> tuple[str, str] | None:
    """Split a destination's URI into the bucket's name and the prefix of the keys; None if it names no bucket."""
    parts = _URI.fullmatch(uri)
    return None if parts is None else (parts["bucket"], parts["prefix"])


def literal_in_policy(text: str) -> str:
    """Escape text for a resource or a condition of a policy, so that IAM takes each character literally.

    See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
    """
    return _PATTERN_OR_VARIABLE.sub(lambda found: f"${{{found[0]}}}", text)
