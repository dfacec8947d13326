"""A client of Amazon S3 with one bucket."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from typing import Any

import boto3
from botocore.exceptions import ClientError

MOST_KEYS = 1000
"""Of one DeleteObjects, and on one page."""


def refusal(code: str, status: int) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "AnOperation")


class Bucket:
    """A client of Amazon S3 with one bucket, some of whose deletes fail."""

    meta = boto3.client("s3", region_name="eu-west-1").meta

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.requests: Counter[str] = Counter()
        """As Amazon S3 charges for them; LIST costs the same as PUT."""
        self.deletes = 0
        self.failing_deletes: set[int] = set()
        self.failure = "InvalidRequest", 400
        self.refused = ""

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, **_conditions: str) -> dict[str, Any]:  # noqa: N803
        self.requests["PUT"] += 1
        self.objects[Key] = Body
        return {}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        self.requests["GET"] += 1
        if Key not in self.objects:
            raise refusal("NoSuchKey", 404)
        body = self.objects[Key]
        return {"Body": io.BytesIO(body), "ETag": hashlib.md5(body).hexdigest()}

    def delete_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        self._delete([Key])
        return {}

    def delete_objects(self, *, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        keys = [each["Key"] for each in Delete["Objects"]]
        assert len(keys) <= MOST_KEYS
        refused = [key for key in keys if key == self.refused]
        self._delete([key for key in keys if key not in refused])
        return {"Errors": [{"Key": key, "Code": "InternalError", "Message": "again"} for key in refused]}

    def list_objects_v2(self, *, Bucket: str, Prefix: str, ContinuationToken: str = "") -> dict[str, Any]:  # noqa: N803
        self.requests["PUT"] += 1
        keys = [key for key in sorted(self.objects) if key.startswith(Prefix) and key > ContinuationToken]
        page: dict[str, Any] = {"Contents": [{"Key": key} for key in keys[:MOST_KEYS]]}
        return page | ({"NextContinuationToken": keys[MOST_KEYS - 1]} if len(keys) > MOST_KEYS else {})

    def _delete(self, keys: list[str]) -> None:
        self.deletes += 1
        if self.deletes in self.failing_deletes:
            raise refusal(*self.failure)
        for key in keys:
            self.objects.pop(key, None)
