"""A Kinesis video stream."""

from __future__ import annotations

import re
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any

import jsii
from aws_cdk import Duration, Fn, RemovalPolicy, Resource, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisvideo as kinesisvideo
from aws_cdk.interfaces.aws_kinesisvideo import IStreamRef, StreamReference
from constructs import Construct

from kinesis_video_contract.streams import STREAM_NAME_PATTERN

from ._grants import (
    PUT_MEDIA_KEY_ACTIONS,
    READ_ACTIONS,
    READ_KEY_ACTIONS,
    Statement,
    check_grantee,
    combine,
    grant,
    grant_on_key,
    put_media_actions,
)
from ._streams import CfnStream, DeclaredStream, check_stream_name, note
from ._validation import (
    check_duration,
    check_enum,
    check_pattern,
    check_place,
    check_removal_policy,
    check_type,
    check_whole,
    given,
    has,
    is_known,
)
from .stream_metrics import StreamMetrics

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms

MAX_MEDIA_TYPE_LENGTH = 128
MEDIA_TYPE_PATTERN = r"[\w\-\.\+]+/[\w\-\.\+]+(,[\w\-\.\+]+/[\w\-\.\+]+)*"
MIN_DATA_RETENTION_HOURS = 1
# CloudFormation's bound, 10 years; the API's model has none.
MAX_DATA_RETENTION_HOURS = 87_600
DEFAULT_DATA_RETENTION_HOURS = 24

_ACTION = re.compile(r"kinesisvideo:[A-Za-z*?]+")
_STREAM_ARN = re.compile(rf"arn:[a-z\d-]+:kinesisvideo:[a-z0-9-]+:[0-9]+:stream/({STREAM_NAME_PATTERN})/[0-9]+")


class StorageTier(str, Enum):
    """Where a stream keeps its media.

    See https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/tiered-storage.html
    """

    HOT = "HOT"
    """Immediate access with the lowest latency."""
    WARM = "WARM"
    """Cheaper storage, charged for at least 30 days, for media that is read less often."""


# `Resource` comes first: for each stream, jsii searches the classes before it for overrides.
@jsii.implements(IStreamRef)
class IVideoStream(Resource, StreamMetrics):
    """A Kinesis video stream: a `VideoStream` of this app, or what `VideoStream.from_stream_arn` imports."""

    _stream_arn: str
    _stream_name: str
    _encryption_key: kms.IKey | kms.Key | None

    @property
    def stream_arn(self) -> str:
        """The ARN of the stream.

        For a stream imported by its name it is the pattern `…:stream/<name>/*`, for IAM policies only: an ARN ends
        with the creation time of the stream, which is not known from the name.
        """
        return self._stream_arn

    @property
    def stream_name(self) -> str:
        """The name of the stream."""
        return self._stream_name

    @property
    def stream_ref(self) -> StreamReference:
        """The reference with which other constructs refer to this stream."""
        return StreamReference(stream_arn=self.stream_arn, stream_name=self.stream_name)

    @property
    def encryption_key(self) -> kms.IKey | None:
        """The customer managed key of the stream, if it is known to have one."""
        return self._encryption_key

    def grant(self, grantee: iam.IGrantable, *actions: str) -> iam.Grant:
        """Allow actions on the stream; the caller must grant actions on its key.

        Parameters
        ----------
        grantee
            The role, user or other grantee.
        actions
            The actions, such as ``kinesisvideo:TagStream``, see
            https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonkinesisvideostreams.html

        Raises
        ------
        ValueError
            If there is no action, or if one is not an action of Kinesis Video Streams.
        """
        check_grantee("grantee", grantee)
        _check_actions(actions)
        return grant(self, grantee, Statement(actions, (self.stream_arn,)))

    def grant_put_media(self, grantee: iam.IGrantable, *, tag_stream: bool = False) -> iam.Grant:
        """Allow sending video to the stream, and using its key for that.

        It does not allow writing images: `ImageGeneration.grant_put_media` allows both.

        Parameters
        ----------
        grantee
            The producer's role or user. A stream has no policy of its own, so it must be of the stream's account.
        tag_stream
            True also allows ``kinesisvideo:TagStream``: AWS's C++ producer, such as ``kvssink`` and
            ``kvs_gstreamer_sample``, tags its stream when it starts, and exits without this permission. Policies can
            grant access by tags, so allow it only to producers that need it. Default: False.
        """
        check_grantee("grantee", grantee)
        return combine(
            grant(self, grantee, Statement(put_media_actions(tag_stream), (self.stream_arn,))),
            grant_on_key(self, grantee, PUT_MEDIA_KEY_ACTIONS, self._encryption_key),
        )

    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow reading the video (GetMedia, GetImages, HLS, DASH, clips, fragments), and using its key for that.

        Parameters
        ----------
        grantee
            The reader's role or user, of the stream's account.
        """
        check_grantee("grantee", grantee)
        return combine(
            grant(self, grantee, Statement(READ_ACTIONS, (self.stream_arn,))),
            grant_on_key(self, grantee, READ_KEY_ACTIONS, self._encryption_key),
        )


class _ImportedVideoStream(IVideoStream):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        stream_arn: str,
        stream_name: str,
        encryption_key: kms.IKey | kms.Key | None,
        *,
        environment_from_arn: str | None = None,
    ) -> None:
        super().__init__(scope, construct_id, environment_from_arn=environment_from_arn)
        self._stream_arn = stream_arn
        self._stream_name = stream_name
        self._encryption_key = encryption_key


class VideoStream(IVideoStream, DeclaredStream):
    """Define a Kinesis video stream.

    Parameters
    ----------
    scope
        The construct that this one belongs to.
    construct_id
        The id of this construct within `scope`.
    stream_name
        The name, 1 to 256 of the characters ``a-z A-Z 0-9 _ . -``. A new name replaces the stream and leaves its media
        behind. Default: CloudFormation generates one.
    data_retention
        How long the stream keeps its media, in whole hours, 1 hour to 10 years. A stream that keeps nothing delivers
        no images. Default: one day.
    encryption_key
        The KMS key that encrypts the media. It can't be changed later. Default: the key that Kinesis Video Streams
        manages, ``aws/kinesisvideo``.
    media_type
        The media type of the media, such as ``video/h264`` or ``video/h264,audio/aac``, at most 128 characters.
        Default: the stream names none.
    storage_tier
        Where the media is kept. Default: the service's default, which is `StorageTier.HOT`.
    removal_policy
        What happens to the stream when it is removed from the stack or the stack is deleted. Default:
        `RemovalPolicy.RETAIN`, since it holds video; the stream then stays outside the stack and still costs money.

    Raises
    ------
    ValueError
        If a prop is out of its bounds.

    See Also
    --------
    https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/API_CreateStream.html
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-kinesisvideo-stream.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stream_name: str | None = None,
        data_retention: Duration | None = None,
        encryption_key: kms.IKey | kms.Key | None = None,
        media_type: str | None = None,
        storage_tier: StorageTier | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        check_place(scope, construct_id)
        if stream_name is not None:
            check_stream_name("stream_name", stream_name)
        _check_key(encryption_key)
        retention_hours = (
            DEFAULT_DATA_RETENTION_HOURS if data_retention is None else _data_retention_hours(data_retention)
        )
        check_pattern("media_type", media_type, MEDIA_TYPE_PATTERN, MAX_MEDIA_TYPE_LENGTH, "types such as video/h264")
        if storage_tier is not None:
            check_enum("storage_tier", storage_tier, StorageTier)
        check_removal_policy(removal_policy)
        super().__init__(scope, construct_id, physical_name=stream_name)
        # The name differs from the given one only if the CDK generates it.
        self._given_name = stream_name if stream_name is None or is_known(stream_name) else self._physical_name
        key_id = None if encryption_key is None else encryption_key.key_arn
        stream = CfnStream(
            self,
            "Resource",
            name=self._given_name,
            data_retention_in_hours=retention_hours,
            kms_key_id=key_id,
            media_type=media_type,
            stream_storage_configuration=None
            if storage_tier is None
            else kinesisvideo.CfnStream.StreamStorageConfigurationProperty(default_storage_tier=storage_tier.value),
        )
        note(stream, data_retention_in_hours=retention_hours, kms_key_id=key_id)
        # The L2's method has fewer options than the L1's; jsii checks them for each stream.
        self.apply_removal_policy(removal_policy)
        self.cfn_stream = stream
        self.declared_in = scope
        self._encryption_key = encryption_key

    # Cached, since each takes several round trips to the CDK's process.
    @cached_property
    def _stream_arn(self) -> str:  # type: ignore[override]
        return self._get_resource_arn_attribute(
            self.cfn_stream.attr_arn, service="kinesisvideo", resource="stream", resource_name=f"{self._given_name}/*"
        )

    @cached_property
    def _stream_name(self) -> str:  # type: ignore[override]
        return self._get_resource_name_attribute(self.cfn_stream.ref)

    @staticmethod
    def from_stream_arn(
        scope: Construct, construct_id: str, stream_arn: str, *, encryption_key: kms.IKey | kms.Key | None = None
    ) -> IVideoStream:
        """Import a stream by its ARN.

        Parameters
        ----------
        scope
            The construct that the imported one belongs to.
        construct_id
            The id of the imported construct within `scope`.
        stream_arn
            The ARN, ``arn:<partition>:kinesisvideo:<region>:<account>:stream/<name>/<creation time>``, or a token.
        encryption_key
            The customer managed key of the stream, for the grants. Default: it has none.

        Raises
        ------
        ValueError
            If it is the ARN of something else.
        """
        check_place(scope, construct_id)
        _check_key(encryption_key)
        if isinstance(stream_arn, str) and not is_known(stream_arn):
            stream_name = Fn.select(1, Fn.split("/", stream_arn))
        else:
            match = _STREAM_ARN.fullmatch(stream_arn) if isinstance(stream_arn, str) else None
            if match is None:
                raise ValueError(
                    f"`stream_arn` is {given(stream_arn)}, it must be the ARN of a Kinesis video stream such as "
                    "arn:aws:kinesisvideo:us-east-1:111122223333:stream/front-door/1690707290324"
                )
            stream_name = match[1]
        return _ImportedVideoStream(
            scope, construct_id, stream_arn, stream_name, encryption_key, environment_from_arn=stream_arn
        )

    @staticmethod
    def from_stream_name(
        scope: Construct, construct_id: str, stream_name: str, *, encryption_key: kms.IKey | kms.Key | None = None
    ) -> IVideoStream:
        """Import a stream of the stack's own account and Region by its name.

        Parameters
        ----------
        scope
            The construct that the imported one belongs to.
        construct_id
            The id of the imported construct within `scope`.
        stream_name
            The name, 1 to 256 of the characters ``a-z A-Z 0-9 _ . -``, or a token.
        encryption_key
            The customer managed key of the stream, for the grants. Default: it has none.

        Raises
        ------
        ValueError
            If it can't be the name of a stream.
        """
        check_place(scope, construct_id)
        check_stream_name("stream_name", stream_name)
        _check_key(encryption_key)
        stream_arn = Stack.of(scope).format_arn(
            service="kinesisvideo", resource="stream", resource_name=f"{stream_name}/*"
        )
        return _ImportedVideoStream(scope, construct_id, stream_arn, stream_name, encryption_key)


def _check_key(encryption_key: Any) -> None:
    fits = encryption_key is None or has(encryption_key, "key_arn")
    check_type("encryption_key", encryption_key, fits, "a key such as kms.Key")


def _check_actions(actions: tuple[Any, ...]) -> None:
    if not actions:
        raise ValueError("`actions` is empty, it must be one action or more such as 'kinesisvideo:TagStream'")
    for action in actions:
        fits = isinstance(action, str) and (not is_known(action) or _ACTION.fullmatch(action))
        check_type("actions", action, bool(fits), "an action such as 'kinesisvideo:TagStream'")


def _data_retention_hours(data_retention: Duration) -> jsii.Number:
    check_duration("data_retention", data_retention, "Duration.days(1)")
    hours = check_whole("data_retention", data_retention.to_hours(integral=False), "hours", "Duration.hours(24)")
    if is_known(hours) and not MIN_DATA_RETENTION_HOURS <= hours <= MAX_DATA_RETENTION_HOURS:
        raise ValueError(
            f"`data_retention` is {hours} hours, it must be {MIN_DATA_RETENTION_HOURS} to {MAX_DATA_RETENTION_HOURS} "
            "hours, as a stream that keeps no data delivers no images"
        )
    return hours
