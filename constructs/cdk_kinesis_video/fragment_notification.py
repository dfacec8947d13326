"""The notifications that Kinesis Video Streams sends for a stream's fragments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk.interfaces.aws_kinesisvideo import IStreamRef
from constructs import Construct

from kinesis_video_contract.configurations import FRAGMENT_NOTIFICATION
from kinesis_video_contract.images import DISABLED, ENABLED

from ._grants import PUBLISH_KEY_ACTIONS, PUT_MEDIA_KEY_ACTIONS, Statement, combine, grant_on_key, grant_with_policy
from ._stream_configuration import StreamConfiguration, Target, check_lifecycle
from ._streams import check_stream
from ._validation import check_bool, check_place, check_topic

if TYPE_CHECKING:
    from aws_cdk import aws_sns as sns


class FragmentNotification(StreamConfiguration):
    """Make Kinesis Video Streams notify a topic of a stream's fragments.

    A notification is sent when a fragment has been stored that the producer has tagged with
    ``AWS_KINESISVIDEO_NOTIFICATION``; it doesn't describe images. The stream has the configuration while the stack
    has this construct. Renaming or moving the construct within its stack doesn't affect the configuration. Kinesis
    Video Streams publishes with the permissions of the producer: grant them with `grant_put_media`. If no producer has
    them, a warning says so.

    Parameters
    ----------
    scope
        The construct that this one belongs to.
    construct_id
        The id of this construct within `scope`.
    stream
        The stream: a `VideoStream`, a `CfnStream` or an imported one. It must be in the stack's own account and Region
        and keep its data for at least one hour.
    topic
        The topic that is notified, a standard one.
    enabled
        False keeps the configuration on the stream and stops the notifications. Default: True.
    removal_policy
        What happens to the configuration when this construct or its stack is removed: `RemovalPolicy.DESTROY` deletes
        it from the stream, unless somebody else has changed it since; `RemovalPolicy.RETAIN` leaves it, and the
        notifications go on; `RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE` leaves it, too, but deletes it if the creation
        is rolled back, while plain RETAIN leaves it for the next attempt to find. Default: `RemovalPolicy.DESTROY`.
    adopt_existing
        True takes over a stream that has a fragment notification already, from another stack, another tool or
        by hand, and sets it as declared here. Otherwise such a stream is refused and nothing is touched. While it
        is True, removing this construct leaves the configuration on the stream, so set it for one deployment only.
        Default: False.
    revision
        Any text, such as a date or the number of a ticket: if it changes, the function sets the declared configuration
        again in the next deployment, for instance after somebody has changed it by hand. CloudFormation updates a
        resource only if its properties change. Default: none.

    Raises
    ------
    ValueError
        If the topic is a FIFO topic, if the stream keeps no data, if it is known to be in another Region or account
        than this stack, if its notifications are declared already, or if a prop has the wrong type.

    See Also
    --------
    https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/notifications.html
    https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/API_UpdateNotificationConfiguration.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stream: IStreamRef,
        topic: sns.ITopic | sns.Topic,
        enabled: bool = True,
        removal_policy: RemovalPolicy = RemovalPolicy.DESTROY,
        adopt_existing: bool = False,
        revision: str | None = None,
    ) -> None:
        check_place(scope, construct_id)
        check_stream("stream", stream)
        check_bool("enabled", enabled)
        check_lifecycle(removal_policy, adopt_existing, revision)
        check_topic(topic)
        super().__init__(scope, construct_id)
        self._topic = topic
        self._declare(
            FRAGMENT_NOTIFICATION,
            Target.of(scope, stream),
            {"Status": ENABLED if enabled else DISABLED, "DestinationConfig": {"Uri": topic.topic_arn}},
            enabled=enabled,
            removal_policy=removal_policy,
            adopt_existing=adopt_existing,
            revision=revision,
        )

    @property
    def topic(self) -> sns.ITopic:
        """The topic that is notified."""
        return self._topic

    def grant_put_media(
        self, grantee: iam.IGrantable, *, by_thing_name: bool = False, tag_stream: bool = False
    ) -> iam.Grant:
        """Allow a producer to send video and to publish its notifications.

        This grants PutMedia, GetDataEndpoint and DescribeStream on the stream, ``sns:Publish`` on the topic, and the
        necessary actions on the stream's and the topic's customer managed keys, in the keys' policies as well.
        For a grantee of another account the topic's and the keys' policies allow it too. If this app can't change a
        policy, a warning has the statement to add.

        Parameters
        ----------
        grantee
            The producer's role or user.
        by_thing_name
            True for the role of an IoT role alias whose things have the names of their streams: the policy then uses
            ``${credentials-iot:ThingName}`` instead of the stream's name and stays the same for any number of
            streams. Default: False.
        tag_stream
            True also allows ``kinesisvideo:TagStream``: AWS's C++ producer, such as ``kvssink`` and
            ``kvs_gstreamer_sample``, tags its stream when it starts, and exits without this permission. Policies can
            grant access by tags, so allow it only to producers that need it. Default: False.

        Raises
        ------
        ValueError
            If `by_thing_name` is True and the stream's name is not known at synth.
        """
        self._check_grant(grantee, by_thing_name)
        if by_thing_name:
            self._stream_name_as_declared()
        topic = self._topic
        return combine(
            self._grant_stream(grantee, PUT_MEDIA_KEY_ACTIONS, by_thing_name=by_thing_name, tag_stream=tag_stream),
            grant_with_policy(self, grantee, Statement(("sns:Publish",), (topic.topic_arn,)), topic, topic.topic_name),
            grant_on_key(self, grantee, PUBLISH_KEY_ACTIONS, topic.master_key),
        )
