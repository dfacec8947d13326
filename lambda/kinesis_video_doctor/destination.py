"""Where the images go: the bucket, its policy and its key, each asked for once, and the objects in it."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any

from kinesis_video_configuration.retries import pages
from kinesis_video_images import parse_image_key

from .archive import milliseconds
from .calls import Fact, RefusedError, UndecidedError
from .policies import literal
from .stream import Key, Stream, needed

# The service accepts any text as the bucket. Names of old buckets have up to 255 characters, and capitals.
_URI = re.compile(r"s3:(//)?(?P<bucket>[a-zA-Z0-9._-]{3,255})(/(?P<prefix>.*))?", re.DOTALL)
# A page has 1,000 objects: an hour's images at the shortest interval are 18.
_MAX_PAGES = 20
_NO_SUCH_BUCKET = ("404", "NoSuchBucket")


@dataclass(frozen=True)
class Image:
    """An image in the bucket."""

    bucket: str
    key: str
    own_prefix: str
    """The part of its key between the destination's prefix and the account."""
    timecode: int
    """The time in its key, in milliseconds since 1970. It can be wrong, like a producer's clock."""
    delivered: datetime
    """When Amazon S3 received it, or when it was copied in place."""

    @property
    def uri(self) -> str:
        """The URI of the image."""
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class Encryption:
    """How a bucket encrypts."""

    by_kms: bool = False
    key: Key | None = None
    """The customer managed key; None if it has none."""
    by_bucket_key: bool = False


class Destination:
    """The bucket of a stream's images."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._call = stream.call

    @property
    def uri(self) -> str:
        """The URI of the destination."""
        return str(self._stream.configuration["DestinationConfig"]["Uri"])

    @property
    def is_bucket(self) -> bool:
        """Whether the URI names a possible bucket."""
        return _URI.fullmatch(self.uri) is not None

    @property
    def _parts(self) -> re.Match[str]:
        return needed(_URI.fullmatch(self.uri), f"the destination {self.uri} names no bucket")

    @property
    def bucket(self) -> str:
        """The bucket."""
        return self._parts["bucket"]

    @property
    def prefix(self) -> str:
        """The prefix of the images' keys."""
        return self._parts["prefix"] or ""

    @property
    def bucket_arn(self) -> str:
        """The ARN of the bucket."""
        return f"arn:{self._stream.partition}:s3:::{self.bucket}"

    def _start(self, own_prefix: str) -> str:
        """Return the start of the keys of the stream's images, up to their time."""
        own = f"{own_prefix}_" if own_prefix else ""
        return f"{self.prefix}{own}{self._stream.account}_{self._stream.name}_"

    def image_arn(self, own_prefix: str = "") -> str:
        """Return the ARN of an image that could arrive now."""
        extension = "png" if self._stream.configuration.get("Format") == "PNG" else "jpg"
        time = milliseconds(self._stream.now)
        return f"{self.bucket_arn}/{self._start(own_prefix)}{time}_{uuid.UUID(int=0)}.{extension}"

    def images_pattern(self, own_prefixes: Sequence[str]) -> str | list[str]:
        """Return the resource of a policy for the images: all under a folder, otherwise those of the stream alone."""
        if self.prefix.endswith("/"):
            return f"{self.bucket_arn}/{literal(self.prefix)}*"
        patterns = [f"{self.bucket_arn}/{literal(self._start(own))}*" for own in dict.fromkeys(own_prefixes)]
        return patterns if len(patterns) > 1 else patterns[0]

    @Fact
    def _owned(self) -> Mapping[str, Any] | None:
        """The answer of HeadBucket; None if the stream's account has no such bucket, or the call is refused."""
        owner = {"ExpectedBucketOwner": self._stream.account}
        return self._head(("403", "AccessDenied", *_NO_SUCH_BUCKET), **owner)

    @Fact
    def found(self) -> Mapping[str, Any] | None:
        """The answer of HeadBucket; None if there is no such bucket."""
        with suppress(UndecidedError):
            if self._owned is not None:
                return self._owned
        try:
            return self._head(_NO_SUCH_BUCKET)
        except RefusedError as error:
            seen = f"{error.seen}; if the caller has the permission, the bucket is of another account"
            raise RefusedError(seen, error.fix, error.headers) from error

    @property
    def region(self) -> str | None:
        """The Region of the bucket; None if the answer leaves it out. S3 names it in a refusal, too."""
        try:
            return needed(self.found, "the bucket doesn't exist").get("BucketRegion")
        except RefusedError as error:
            if region := error.headers.get("x-amz-bucket-region"):
                return region
            raise

    @Fact
    def is_foreign(self) -> bool:
        """Whether the bucket belongs to another account than the stream."""
        needed(self.found, "the bucket doesn't exist")
        # The call without an owner was allowed, so this one was refused for the owner.
        return self._owned is None

    def _head(self, absent: tuple[str, ...], **owner: str) -> Mapping[str, Any] | None:
        return self._call(  # type: ignore[no-any-return]  # the client is untyped
            "s3:ListBucket", "head_bucket", absent=absent, Bucket=self.bucket, **owner
        )

    @Fact
    def policy(self) -> Mapping[str, Any] | None:
        """The policy of the bucket; None if it has none, or if there is no such bucket."""
        absent = ("NoSuchBucketPolicy", *_NO_SUCH_BUCKET)
        answer = self._call("s3:GetBucketPolicy", "get_bucket_policy", absent=absent, Bucket=self.bucket)
        return json.loads(answer["Policy"]) if answer else None

    @Fact
    def encryption(self) -> Encryption:
        """How the bucket encrypts."""
        answer = self._call(
            "s3:GetEncryptionConfiguration",
            "get_bucket_encryption",
            absent=("ServerSideEncryptionConfigurationNotFoundError",),
            Bucket=self.bucket,
        )
        rules = answer["ServerSideEncryptionConfiguration"]["Rules"] if answer else []
        for rule in rules:
            default = rule.get("ApplyServerSideEncryptionByDefault", {})
            if default.get("SSEAlgorithm", "").startswith("aws:kms"):
                key = Key.find(self._call, default.get("KMSMasterKeyID"), self._stream.region)
                return Encryption(by_kms=True, key=key, by_bucket_key=bool(rule.get("BucketKeyEnabled")))
        return Encryption()

    def images(self, since: datetime, own_prefixes: Sequence[str] | None) -> list[Image]:
        """List the images of the stream whose keys have this time or a later one.

        `own_prefixes` are what the producer's tags add to the destination's prefix. None of them are known if it is
        None; then everything under the destination's prefix is searched as well.
        """
        stream = self._stream
        objects: list[Mapping[str, Any]] = []
        for own in own_prefixes or [""]:
            # By the documented form, the keys of one prefix sort by time.
            start = self._start(own)
            objects += self._objects(f"{self.prefix}{own}" if own else start, f"{start}{milliseconds(since)}")
        if own_prefixes is None:
            try:
                objects += self._all
            except UndecidedError:
                if not objects:
                    raise
        elif not objects and self.prefix and not self.prefix.endswith("/"):
            # Whether the service puts a slash after a destination that has none is not documented.
            objects = self._objects(f"{self.prefix}/", "")
        found: dict[str, Image] = {}
        for entry in objects:
            try:
                key = parse_image_key(entry["Key"], account=stream.account, stream_name=stream.name)
            except ValueError:
                continue
            rest = key.prefix.removeprefix(self.prefix).removeprefix("/")
            own = rest.removesuffix("_")
            # A prefix that only begins alike is that of an earlier configuration.
            is_own = own in own_prefixes if own_prefixes is not None else not rest or rest.endswith("_")
            if is_own and key.timecode >= milliseconds(since):
                image = Image(self.bucket, entry["Key"], own, key.timecode, entry["LastModified"])
                found[image.key] = image
        return list(found.values())

    @Fact
    def _all(self) -> list[Mapping[str, Any]]:
        """All objects that begin with the destination's prefix."""
        return self._objects(self.prefix, "")

    def _objects(self, prefix: str, after: str) -> list[Mapping[str, Any]]:
        ask = partial(self._call, "s3:ListBucket", "list_objects_v2", Bucket=self.bucket, Prefix=prefix)
        objects: list[Mapping[str, Any]] = []
        for page in islice(pages(ask, **{"StartAfter": after} if after else {}), _MAX_PAGES):
            objects += page.get("Contents", [])
            if not page.get("NextContinuationToken"):
                return objects
        raise UndecidedError(f"there are more than {_MAX_PAGES},000 objects under s3://{self.bucket}/{prefix}")

    def metadata(self, image: Image) -> Mapping[str, str]:
        """Read the metadata of an image, with names in lower case; they contain the number of its fragment."""
        answer = self._call(
            "s3:GetObject", "head_object", absent=("404", "NoSuchKey"), Bucket=self.bucket, Key=image.key
        )
        return {name.lower(): value for name, value in (answer or {}).get("Metadata", {}).items()}

    def deleted_since(self, since: datetime, arrived: datetime, own_prefix: str) -> int:
        """Count the delete markers, in a bucket with versions, of images whose keys have this time or a later one.

        A key's time alone can be ahead, so only what was deleted after `arrived` counts.
        """
        start = self._start(own_prefix)
        answer = self._call(
            "s3:ListBucketVersions",
            "list_object_versions",
            Bucket=self.bucket,
            Prefix=start,
            KeyMarker=f"{start}{milliseconds(since)}",
        )
        return sum(marker["LastModified"] >= arrived for marker in answer.get("DeleteMarkers", []))
