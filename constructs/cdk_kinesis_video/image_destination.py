"""The destination of images, and the permissions to write and read them."""

from __future__ import annotations

from typing import Any

from aws_cdk import Annotations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from kinesis_video_contract.destinations import (
    MAX_URI_LENGTH,
    MIN_BUCKET_NAME_LENGTH,
    PREFIX_MISTAKES,
    literal_in_policy,
)

from ._grants import (
    IMAGE_KEY_ACTIONS,
    READ_KEY_ACTIONS,
    Statement,
    check_grantee,
    combine,
    grant_on_key,
    grant_with_policy,
)
from ._jsii import bucket_arn_of, bucket_key_of, bucket_name_of, bucket_region_of
from ._stream_configuration import StreamConfiguration
from ._validation import TOKEN, change_known, check_text, check_type, has, is_known
from .destination_path import DestinationPath

OPEN_PREFIX = "cdk-kinesis-video:open-prefix"
_OPEN_PREFIX_WARNING = (
    "`prefix` has no slash at its end, or is a token that may have none, so permissions, notifications of the bucket "
    "and request metrics for it include the keys of other prefixes that begin with it, as 'cam-1' includes 'cam-10/'; "
    "end it with a slash, for a token as in f'{prefix}/'"
)


class ImageDestination(StreamConfiguration):
    """The destination of an image generation, and the permissions to write and read there."""

    _bucket: s3.IBucket
    _prefix: str
    _destination_uri: str

    @property
    def bucket(self) -> s3.IBucket:
        """The bucket that the images are delivered to."""
        return self._bucket

    @property
    def prefix(self) -> str:
        """The prefix of the images' keys, which permissions and filters use.

        It is empty or ends with a slash, except for a `DestinationPath` without one.
        """
        return self._prefix

    @property
    def destination_uri(self) -> str:
        """The URI that the images are delivered to, ``s3://<bucket>/<prefix>``."""
        return self._destination_uri

    def grant_put_media(
        self, grantee: iam.IGrantable, *, by_thing_name: bool = False, tag_stream: bool = False
    ) -> iam.Grant:
        """Allow a producer to send video and to write its images.

        Kinesis Video Streams writes the images with the permissions of the caller of PutMedia. This grants PutMedia,
        GetDataEndpoint and DescribeStream on the stream, ``s3:PutObject`` below the destination's prefix, and Decrypt,
        Encrypt and GenerateDataKey on the stream's and the bucket's key if they are customer managed, in the keys'
        policies as well. For a grantee of another account the bucket's and the keys' policies allow it too. If this
        app can't change a policy, a warning has the statement to add.

        Parameters
        ----------
        grantee
            The producer's role or user.
        by_thing_name
            True for the role of an IoT role alias whose things have the names of their streams: the policy then uses
            ``${credentials-iot:ThingName}`` instead of the stream's name and stays the same for any number of
            streams, and each thing can reach only its own stream and images. The prefix must have the stream's name as
            a folder. Default: False.
        tag_stream
            True also allows ``kinesisvideo:TagStream``: AWS's C++ producer, such as ``kvssink`` and
            ``kvs_gstreamer_sample``, tags its stream when it starts, and exits without this permission. Policies can
            grant access by tags, so allow it only to producers that need it. Default: False.

        Raises
        ------
        ValueError
            If `by_thing_name` is True and the stream's name is not known at synth or is no folder of the prefix.

        See Also
        --------
        https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/s3-real-time-image-create.html
        https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/how-iot.html
        """
        self._check_grant(grantee, by_thing_name)
        keys = self._by_thing_name(self._prefix) if by_thing_name else self._keys()
        return combine(
            self._grant_stream(grantee, IMAGE_KEY_ACTIONS, by_thing_name=by_thing_name, tag_stream=tag_stream),
            self._grant_on_bucket(grantee, Statement(("s3:PutObject",), (self._objects(keys),))),
            grant_on_key(self, grantee, IMAGE_KEY_ACTIONS, bucket_key_of(self._bucket)),
        )

    def grant_read_images(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow listing and reading the images, and nothing else in the bucket.

        It grants ``s3:GetObject`` below the prefix, ``s3:ListBucket`` for keys below it, and ``kms:Decrypt`` on the
        bucket's key if it is customer managed.

        Parameters
        ----------
        grantee
            The reader's role or user.
        """
        check_grantee("grantee", grantee)
        keys = self._keys()
        conditions = {"StringLike": {"s3:prefix": f"{keys}*"}} if keys else None
        return combine(
            self._grant_on_bucket(grantee, Statement(("s3:GetObject",), (self._objects(keys),))),
            self._grant_on_bucket(grantee, Statement(("s3:ListBucket",), (bucket_arn_of(self._bucket),), conditions)),
            grant_on_key(self, grantee, READ_KEY_ACTIONS, bucket_key_of(self._bucket)),
        )

    def _keys(self) -> str:
        """Write the prefix of the keys for IAM."""
        self._warn_of_open_prefix()
        return change_known(self._prefix, literal_in_policy)

    def _warn_of_open_prefix(self) -> None:
        warn_of_open_prefix(self, self._prefix)

    def _objects(self, keys: str) -> str:
        return f"{bucket_arn_of(self._bucket)}/{keys}*"

    def _grant_on_bucket(self, grantee: iam.IGrantable, statement: Statement) -> iam.Grant:
        return grant_with_policy(self, grantee, statement, self._bucket, bucket_name_of(self._bucket))


def warn_of_open_prefix(scope: Construct, prefix: str) -> None:
    """Warn if permissions for a prefix also cover other prefixes."""
    if prefix and not prefix.endswith("/"):
        Annotations.of(scope).add_warning_v2(OPEN_PREFIX, _OPEN_PREFIX_WARNING)


def check_bucket(bucket: Any) -> None:
    """Check that it is a bucket; the L1 has a `bucket_name`, too, but none of the other attributes."""
    if isinstance(bucket, s3.CfnBucket):
        check_type("bucket", bucket, False, "a bucket such as s3.Bucket, use s3.Bucket.from_cfn_bucket()")
    check_type("bucket", bucket, has(bucket, "bucket_arn"), "a bucket such as s3.Bucket")


def key_prefix(prefix: Any) -> str:
    """Check a prefix, and return the start of the keys: without a leading slash, and with one at the end."""
    if prefix is None:
        return ""
    check_text("prefix", prefix, "front-door/")
    folders: str = prefix.removeprefix("/")
    # Only CloudFormation knows the value of a token.
    for wrong, mistake, fix in PREFIX_MISTAKES:
        if wrong.search(TOKEN.sub("token", folders)):
            raise ValueError(f"`prefix` is {prefix!r}, it must not contain {mistake}, {fix}")
    return folders if folders == "" or folders.endswith("/") or not is_known(folders) else f"{folders}/"


def uri_path(prefix: Any) -> str:
    """Check a prefix, and return the part of the destination's URI after the bucket's name."""
    if isinstance(prefix, DestinationPath):
        return prefix.path
    folders = key_prefix(prefix)
    return f"/{folders}" if folders else ""


def destination_uri_of(bucket_name: str, path: str) -> str:
    """Make the URI of a destination, and check its length."""
    if is_known(path):
        name = bucket_name if is_known(bucket_name) else "b" * MIN_BUCKET_NAME_LENGTH
        length = len(f"s3://{name}{path}")
        if length > MAX_URI_LENGTH:
            raise ValueError(
                f"`prefix` makes a destination of {length} characters, it must be at most {MAX_URI_LENGTH} with the "
                f"bucket's name, shorten it by {length - MAX_URI_LENGTH}"
            )
    return f"s3://{bucket_name}{path}"


def check_bucket_region(of_stream: str, bucket: s3.IBucket) -> None:
    """Check that the bucket is in the stream's Region, if both are known."""
    if not is_known(of_stream):
        return
    of_bucket = bucket_region_of(bucket)
    if is_known(of_bucket) and of_stream != of_bucket:
        raise ValueError(
            f"`bucket` is in {of_bucket} and `stream` in {of_stream}, images are delivered in the stream's Region "
            f"only, use a bucket in {of_stream}"
        )
