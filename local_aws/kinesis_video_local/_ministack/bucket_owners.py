"""Amazon S3 refuses a request that expects another owner of the bucket, whatever the request is.

See https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ministack.services import s3

_HEADER = "x-amz-expected-bucket-owner"


def install() -> None:
    """Compare the owner where ministack looks it up."""
    apply_bucket_scope = s3._apply_bucket_scope

    def apply(method: str, bucket: str, key: str, headers: Mapping[str, str], *more: Any) -> Any:
        expected = headers.get(_HEADER)
        owner = s3._bucket_owner_account(bucket) if expected and bucket else None
        if owner and owner != expected:
            return s3._error("AccessDenied", "Access Denied", 403, f"/{bucket}")
        return apply_bucket_scope(method, bucket, key, headers, *more)

    s3._apply_bucket_scope = apply
