"""The images that Kinesis Video Streams extracts from a stream and delivers to a bucket."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import Any, Unpack
from weakref import WeakKeyDictionary

import jsii
from aws_cdk import Annotations, Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk.interfaces.aws_kinesisvideo import IStreamRef
from constructs import Construct, IValidation

from ._configuration import StreamConfiguration, check_configuration_props
from ._grants import IMAGE_KEY_ACTIONS, READ_KEY_ACTIONS, combine, grant_on_key, grant_on_resource
from ._identity import Target, known_of
from ._metrics import DEFAULT_PERIOD, MetricOptions, metric, stream_metric
from ._validation import check_integer, check_type, has, is_known, whole_units

# The first two are in the API's documentation only, the model has no bound for them.
MIN_SAMPLING_INTERVAL_MILLIS = 200
DEFAULT_SAMPLING_INTERVAL_MILLIS = 3000
MIN_JPEG_QUALITY, MAX_JPEG_QUALITY = 1, 100
MIN_WIDTH_PIXELS, MAX_WIDTH_PIXELS = 1, 3840
MIN_HEIGHT_PIXELS, MAX_HEIGHT_PIXELS = 1, 2160
MAX_URI_LENGTH = 255

# The API's integer has 32 bits.
MAX_SAMPLING_INTERVAL_MILLIS = 2**31 - 1

MILLIS_PER_DAY = 24 * 60 * 60 * 1000

# With periods of 5 minutes, a week: the longest time that an alarm looks back.
MAX_EVALUATION_PERIODS = 2016

# S3's bounds of a bucket name, for a name that is not known yet.
_SHORTEST_BUCKET_NAME = "b" * 3


class ImageSelectorType(str, Enum):
    """Which clock the sampling interval is measured by."""

    PRODUCER_TIMESTAMP = "PRODUCER_TIMESTAMP"
    """The producer's, also right for media that was recorded earlier."""
    SERVER_TIMESTAMP = "SERVER_TIMESTAMP"
    """The service's, at the arrival of the fragment."""


@dataclass(frozen=True)
class ImageFormat:
    """The file format of the images. Made by `ImageFormat.jpeg` or `ImageFormat.png`."""

    _format: str
    _quality: jsii.Number | None = None

    @staticmethod
    def jpeg(*, quality: jsii.Number | None = None) -> ImageFormat:
        """JPEG.

        Parameters
        ----------
        quality
            1, the smallest file, to 100, the best image. Default: the service decides, which is 80.

        Raises
        ------
        ValueError
            If the quality is out of its bounds.
        """
        check_integer("quality", quality, MIN_JPEG_QUALITY, MAX_JPEG_QUALITY)
        return ImageFormat("JPEG", quality)

    @staticmethod
    def png() -> ImageFormat:
        """PNG, without loss."""
        return ImageFormat("PNG")


class ImageGeneration(StreamConfiguration):
    """Define that Kinesis Video Streams extracts images from a stream and delivers them to a bucket.

    The stream has the configuration as long as the stack has this construct. Renaming or moving the construct within
    its stack changes nothing. Images arrive for fragments that the producer has tagged, and are written with the
    rights of the producer: grant them with `grant_put_media`. As long as nobody has them, a warning says so.

    Parameters
    ----------
    scope
        The construct that this one belongs to.
    construct_id
        The id of this construct within `scope`.
    stream
        The stream: a `VideoStream`, a `CfnStream` or an imported one. It must be in the stack's own account and Region
        and keep its data for at least one hour.
    bucket
        The bucket that the images are delivered to, in the stream's Region.
    prefix
        What the keys of the images begin with, such as ``front-door/``; a slash is added at the end if there is none.
        A token is taken as it is, so let its value end in a slash. Default: the images lie at the root of the bucket.
    sampling_interval
        The time between two images, in whole milliseconds, at least 200. Default: 3 seconds.
    format
        The format of the images. Default: JPEG at the service's own quality, which is 80.
    width_pixels
        The width of the images, 1 to 3840 pixels. With `height_pixels` the image is stretched to both, alone it keeps
        its aspect ratio. Default: it follows from the height, and without that is the width of the video.
    height_pixels
        The height of the images, 1 to 2160 pixels. Default: it follows from the width, and without that is the height
        of the video.
    image_selector_type
        Which clock the sampling interval is measured by. Default: the producer's.
    enabled
        False keeps the configuration on the stream and stops the images. Default: True.
    removal_policy
        What happens to the configuration when this construct or its stack is removed: `RemovalPolicy.DESTROY` deletes
        it from the stream, unless somebody else has changed it since; `RemovalPolicy.RETAIN` leaves it, and the images
        go on. Default: `RemovalPolicy.DESTROY`.

    Raises
    ------
    ValueError
        If a prop is out of its bounds, if stream and bucket are known to be in different Regions, if the stream keeps
        no data, or if the stream has its image generation declared already.

    See Also
    --------
    https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/images.html
    https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/API_ImageGenerationConfiguration.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stream: IStreamRef,
        bucket: s3.IBucket,
        prefix: str | None = None,
        sampling_interval: Duration | None = None,
        format: ImageFormat | None = None,
        width_pixels: jsii.Number | None = None,
        height_pixels: jsii.Number | None = None,
        image_selector_type: ImageSelectorType = ImageSelectorType.PRODUCER_TIMESTAMP,
        enabled: bool = True,
        removal_policy: RemovalPolicy = RemovalPolicy.DESTROY,
    ) -> None:
        check_configuration_props(stream, enabled, removal_policy)
        check_type("bucket", bucket, has(bucket, "bucket_name"), "a bucket such as s3.Bucket")
        interval_millis = (
            DEFAULT_SAMPLING_INTERVAL_MILLIS
            if sampling_interval is None
            else _sampling_interval_millis(sampling_interval)
        )
        image_format = ImageFormat.jpeg() if format is None else format
        check_type("format", format, isinstance(image_format, ImageFormat), "ImageFormat.jpeg() or ImageFormat.png()")
        check_integer("width_pixels", width_pixels, MIN_WIDTH_PIXELS, MAX_WIDTH_PIXELS)
        check_integer("height_pixels", height_pixels, MIN_HEIGHT_PIXELS, MAX_HEIGHT_PIXELS)
        selectors = " or ".join(f"ImageSelectorType.{selector.name}" for selector in ImageSelectorType)
        check_type(
            "image_selector_type", image_selector_type, isinstance(image_selector_type, ImageSelectorType), selectors
        )
        key_prefix = _key_prefix(prefix)
        uri = _destination_uri(known_of(bucket, "bucket_name"), key_prefix)
        target = Target.of(scope, stream)
        _check_bucket_region(target.region, bucket)
        super().__init__(
            scope,
            construct_id,
            kind="ImageGeneration",
            target=target,
            configuration={
                "ImageGenerationConfiguration": {
                    "Status": "ENABLED" if enabled else "DISABLED",
                    "ImageSelectorType": image_selector_type.value,
                    "DestinationConfig": {"Uri": uri, "DestinationRegion": target.here},
                    "SamplingInterval": interval_millis,
                    "Format": image_format._format,
                    "FormatConfig": None
                    if image_format._quality is None
                    else {"JPEGQuality": str(image_format._quality)},
                    "WidthPixels": width_pixels,
                    "HeightPixels": height_pixels,
                },
            },
            enabled=enabled,
            removal_policy=removal_policy,
        )
        self._bucket = bucket
        self._prefix = key_prefix
        self._destination_uri = uri
        self._images_per_day = _images_per_day(interval_millis) if enabled else 0
        self._counter: tuple[str, str, dict[str, str]] | None = None
        if enabled:
            _plan_of(target.stack).add(interval_millis, self._images_per_day)

    @property
    def bucket(self) -> s3.IBucket:
        """The bucket that the images are delivered to."""
        return self._bucket

    @property
    def prefix(self) -> str:
        """What the keys of the images begin with, empty or with a slash at the end."""
        return self._prefix

    @property
    def destination_uri(self) -> str:
        """Where the images are delivered, as ``s3://<bucket>/<prefix>``."""
        return self._destination_uri

    @property
    def images_per_day(self) -> int | None:
        """The most images that the sampling interval allows in a day; 0 if disabled, None if it is a token.

        It holds for a producer that tags every fragment, all day, in fragments longer than the interval. The
        documentation leaves open whether shorter ones make an image each, which would be up to one a second.
        """
        return self._images_per_day

    def grant_put_media(self, grantee: iam.IGrantable, *, by_thing_name: bool = False) -> iam.Grant:
        """Allow a producer to send video and have its images delivered.

        Kinesis Video Streams writes the images with the rights of whoever calls PutMedia. This grants what that
        takes: PutMedia, GetDataEndpoint and DescribeStream on the stream, ``s3:PutObject`` below the destination's
        prefix, and Decrypt, Encrypt and GenerateDataKey with the stream's and the bucket's key where these are
        customer managed, in the keys' policies as well. For a grantee of another account the bucket's and the keys'
        policies allow it too. What this app can't write itself becomes a warning with the statement to add.

        Parameters
        ----------
        grantee
            The producer's role or user.
        by_thing_name
            True for the role of an IoT role alias whose things are named like their streams: the policy then says
            ``${credentials-iot:ThingName}`` in the place of the stream's name and stays the same for any number of
            streams, and each thing reaches its own stream and images only. The prefix must have the stream's name as
            a folder. Default: False.

        Raises
        ------
        ValueError
            If `by_thing_name` is True and the stream's name is not known at synth or is no folder of the prefix.

        See Also
        --------
        https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/s3-real-time-image-create.html
        https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/how-iot.html
        """
        prefix = self._by_thing_name(self._prefix) if by_thing_name else self._prefix
        return combine(
            self._grant_stream(grantee, IMAGE_KEY_ACTIONS, by_thing_name),
            grant_on_resource(
                self,
                grantee,
                ("s3:PutObject",),
                [self._bucket.arn_for_objects(f"{prefix}*")],
                self._bucket,
                known_of(self._bucket, "bucket_name"),
            ),
            grant_on_key(self, grantee, IMAGE_KEY_ACTIONS, self._bucket.encryption_key),
        )

    def grant_read_images(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow listing and reading the images, and nothing else in the bucket.

        It grants ``s3:GetObject`` below the prefix, ``s3:ListBucket`` for keys below it, and ``kms:Decrypt`` with the
        bucket's key where it is customer managed.

        Parameters
        ----------
        grantee
            The reader's role or user.
        """
        objects = f"{self._prefix}*"
        bucket, name = self._bucket, self._bucket.bucket_name
        return combine(
            grant_on_resource(self, grantee, ("s3:GetObject",), [bucket.arn_for_objects(objects)], bucket, name),
            grant_on_resource(
                self,
                grantee,
                ("s3:ListBucket",),
                [bucket.bucket_arn],
                bucket,
                name,
                {"StringLike": {"s3:prefix": objects}} if self._prefix else None,
            ),
            grant_on_key(self, grantee, READ_KEY_ACTIONS, bucket.encryption_key),
        )

    def on_image_delivered(
        self,
        construct_id: str,
        *,
        target: events.IRuleTarget | None = None,
        description: str | None = None,
        rule_name: str | None = None,
        event_pattern: events.EventPattern | None = None,
        cross_stack_scope: Construct | None = None,
    ) -> events.Rule:
        """Define an EventBridge rule for each image that is delivered.

        It switches on EventBridge for the bucket. A bucket of the app gets it declared; for an imported one the CDK
        adds it to the notifications that the bucket has, by a custom resource with a function of its own, which works
        for a bucket of this account and Region. S3 then sends the events of all objects in the bucket, and EventBridge
        charges for each of them.

        Parameters
        ----------
        construct_id
            The id of the rule within this construct, or within `cross_stack_scope`.
        target
            What is invoked. Default: nothing; add targets with ``add_target`` of the rule.
        description
            The rule's description. Default: it has none.
        rule_name
            The rule's name. Default: CloudFormation makes one up.
        event_pattern
            What else an event must match. Default: each image under the prefix matches.
        cross_stack_scope
            Where the rule is defined, for a target of another stack. Default: in this construct.

        See Also
        --------
        https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html
        """
        self._bucket.enable_event_bridge_notification()
        rule = events.Rule(
            cross_stack_scope or self,
            construct_id,
            description=description,
            rule_name=rule_name,
            event_pattern=event_pattern,
            targets=None if target is None else [target],
        )
        detail: dict[str, Any] = {"bucket": {"name": [self._bucket.bucket_name]}}
        if self._prefix:
            detail["object"] = {"key": [{"prefix": self._prefix}]}
        rule.add_event_pattern(source=["aws.s3"], detail_type=["Object Created"], detail=detail)
        # A rule that matches less than all images doesn't count them.
        if self._counter is None and event_pattern is None:
            self._counter = ("AWS/Events", "TriggeredRules", {"RuleName": rule.rule_name})
        return rule

    def add_image_notification(
        self, destination: s3.IBucketNotificationDestination, *, suffix: str | None = None
    ) -> None:
        """Notify a function, queue or topic of each image by the bucket's own notifications, which cost nothing extra.

        S3 refuses two notifications of a bucket whose prefixes overlap; `on_image_delivered` knows no such limit.

        Parameters
        ----------
        destination
            Who is notified: one of ``aws_cdk.aws_s3_notifications``.
        suffix
            What the key must end in, such as ``.jpg``. Default: any key under the prefix.

        See Also
        --------
        https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventNotifications.html
        """
        filters = [s3.NotificationKeyFilter(prefix=self._prefix or None, suffix=suffix)]
        self._bucket.add_event_notification(
            s3.EventType.OBJECT_CREATED, destination, *(filters if self._prefix or suffix else [])
        )

    def count_by_request_metrics(self, *, filter_id: str | None = None) -> None:
        """Count the images by S3's request metrics below the prefix, which CloudWatch charges as custom metrics.

        Only needed if there is no `on_image_delivered`, whose rule counts them anyway.

        Parameters
        ----------
        filter_id
            The id of a request metrics filter that the bucket has already, for a bucket that is imported. Default: a
            filter is added to the bucket.

        Raises
        ------
        ValueError
            If the bucket is imported and no `filter_id` is given.

        See Also
        --------
        https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-configurations.html
        """
        if filter_id is None:
            if not isinstance(self._bucket, s3.Bucket):
                raise ValueError(
                    "`filter_id` is None and `bucket` is imported, give the id of a request metrics filter that the "
                    f"bucket has for {self._prefix or 'all its objects'!r}"
                )
            filter_id = f"images-{self.node.addr[-16:]}"
            self._bucket.add_metric(id=filter_id, prefix=self._prefix or None)
        self._counter = (
            "AWS/S3",
            "PutRequests",
            {"BucketName": self._bucket.bucket_name, "FilterId": filter_id},
        )

    def metric_images_delivered(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the number of images delivered: a count, summed over 5 minutes.

        Kinesis Video Streams has no metric of it. The rule of `on_image_delivered` counts its images at no cost of its
        own; without such a rule, `count_by_request_metrics` makes S3 count them.

        Parameters
        ----------
        options
            What to change of the metric.

        Raises
        ------
        ValueError
            If nothing counts the images: neither of the two methods was called before.
        """
        if self._counter is None:
            raise ValueError(
                f"nothing counts the images of {self.node.path!r}, call on_image_delivered() without `event_pattern` "
                "or count_by_request_metrics() first, each of which costs something"
            )
        namespace, name, dimensions = self._counter
        return metric(namespace, name, dimensions, {"statistic": "Sum", **options})

    def metric_images_missing(
        self, *, period: Duration | None = None, label: str | None = None
    ) -> cloudwatch.MathExpression:
        """Return 1 for a period in which fragments came in and no image came out, otherwise 0.

        Nothing is returned for a period without fragments.

        Parameters
        ----------
        period
            The time that one data point stands for, longer than a producer goes without a tagged fragment. Default:
            5 minutes.
        label
            What a graph calls it. Default: ``images missing``.

        Raises
        ------
        ValueError
            If nothing counts the images, see `metric_images_delivered`.
        """
        of_period: MetricOptions = {"period": DEFAULT_PERIOD if period is None else period}
        return cloudwatch.MathExpression(
            # The count has no data point for a period without images, where 0 is meant.
            expression="IF(fragments > 0 AND FILL(images, 0) == 0, 1, 0)",
            using_metrics={
                "fragments": stream_metric(self, self._stream, "PutMedia.IncomingFragments", **of_period),
                "images": self.metric_images_delivered(**of_period),
            },
            period=of_period["period"],
            label="images missing" if label is None else label,
        )

    def alarm_on_missing_images(
        self,
        construct_id: str,
        *,
        period: Duration | None = None,
        evaluation_periods: int = 3,
        alarm_name: str | None = None,
        alarm_description: str | None = None,
    ) -> cloudwatch.Alarm:
        """Define an alarm for fragments that come in while no image comes out.

        It is for producers that tag all along. One that tags only when something happens goes without images for
        longer, so give it a longer `period`. A stream that gets no video is no reason for this alarm.

        Parameters
        ----------
        construct_id
            The id of the alarm within this construct.
        period
            The time that one data point stands for. Default: 5 minutes.
        evaluation_periods
            How many periods in a row must be without images. Default: 3. The last of them may be incomplete, so 1
            makes false alarms.
        alarm_name
            The alarm's name. Default: CloudFormation makes one up.
        alarm_description
            The alarm's description. Default: one that says what to look at.

        Raises
        ------
        ValueError
            If nothing counts the images, see `metric_images_delivered`, or if `evaluation_periods` is below 1.
        """
        check_integer("evaluation_periods", evaluation_periods, 1, MAX_EVALUATION_PERIODS)
        return cloudwatch.Alarm(
            self,
            construct_id,
            metric=self.metric_images_missing(period=period),
            threshold=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            evaluation_periods=evaluation_periods,
            # No fragments, no data point, and nothing that is missing.
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_name=alarm_name,
            alarm_description=_WHAT_TO_LOOK_AT if alarm_description is None else alarm_description,
        )


_WHAT_TO_LOOK_AT = (
    "Fragments come in and no image comes out: does the producer tag its fragments with "
    "AWS_KINESISVIDEO_IMAGE_GENERATION, and may its role put objects under the destination's prefix?"
)


@jsii.implements(IValidation)
class _Plan:
    """How many images the streams of a stack make, told in one line at synth: a hundred lines would hide it."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._images_per_day = 0
        self._streams_by_interval: Counter[int] = Counter()
        self._streams_with_token = 0
        self._told = 0

    def add(self, interval_millis: jsii.Number, images_per_day: int | None) -> None:
        if images_per_day is None:
            self._streams_with_token += 1
        else:
            self._images_per_day += images_per_day
            self._streams_by_interval[int(interval_millis)] += 1

    def validate(self) -> list[str]:
        # It finds no fault: CDK asks when every construct is there and annotations are still taken, at each synth.
        if self._told != self._images_per_day:
            self._told = self._images_per_day
            intervals = ", ".join(
                f"one every {millis} ms from {_streams(streams)}"
                for millis, streams in sorted(self._streams_by_interval.items())
            )
            tokens = (
                f", without those of {_streams(self._streams_with_token)} whose interval is a token"
                if self._streams_with_token
                else ""
            )
            Annotations.of(self._stack).add_info_v2(
                "cdk-kinesis-video:images-per-day",
                f"up to {self._images_per_day:,} images a day while every fragment is tagged: {intervals}{tokens}; "
                "change `sampling_interval` for more or fewer",
            )
        return []


def _streams(count: int) -> str:
    return f"{count} stream{'' if count == 1 else 's'}"


_plans: WeakKeyDictionary[Stack, _Plan] = WeakKeyDictionary()


def _plan_of(stack: Stack) -> _Plan:
    plan = _plans.get(stack)
    if plan is None:
        plan = _plans[stack] = _Plan(stack)
        stack.node.add_validation(plan)
    return plan


def _images_per_day(interval_millis: jsii.Number) -> int | None:
    return -(-MILLIS_PER_DAY // int(interval_millis)) if is_known(interval_millis) else None


def _sampling_interval_millis(interval: Duration) -> jsii.Number:
    check_type("sampling_interval", interval, isinstance(interval, Duration), "a Duration such as Duration.seconds(3)")
    millis = whole_units("sampling_interval", interval, "milliseconds", "Duration.millis(200)")
    if is_known(millis) and not MIN_SAMPLING_INTERVAL_MILLIS <= millis <= MAX_SAMPLING_INTERVAL_MILLIS:
        raise ValueError(
            f"`sampling_interval` is {millis} ms, it must be {MIN_SAMPLING_INTERVAL_MILLIS} to "
            f"{MAX_SAMPLING_INTERVAL_MILLIS} ms"
        )
    return millis


def _key_prefix(prefix: str | None) -> str:
    if prefix is None:
        return ""
    if not isinstance(prefix, str):
        raise ValueError(f"`prefix` is {prefix!r}, it must be text such as 'front-door/'")
    if not is_known(prefix):
        return prefix
    if "*" in prefix:
        raise ValueError(f"`prefix` is {prefix!r}, it must not contain *, take that character out")
    folders = prefix.strip("/")
    return folders and f"{folders}/"


def _destination_uri(bucket_name: str, prefix: str) -> str:
    if is_known(prefix):
        name = bucket_name if is_known(bucket_name) else _SHORTEST_BUCKET_NAME
        length = len(f"s3://{name}/{prefix}")
        if length > MAX_URI_LENGTH:
            raise ValueError(
                f"`prefix` makes a destination of {length} characters, it must be at most {MAX_URI_LENGTH} with the "
                f"bucket's name, shorten it by {length - MAX_URI_LENGTH}"
            )
    return f"s3://{bucket_name}/{prefix}" if prefix else f"s3://{bucket_name}"


def _check_bucket_region(of_stream: str, bucket: s3.IBucket) -> None:
    if not is_known(of_stream):
        return
    of_bucket = bucket.env.region
    if is_known(of_bucket) and of_stream != of_bucket:
        raise ValueError(
            f"`bucket` is in {of_bucket} and `stream` in {of_stream}, images are delivered in the stream's Region "
            f"only, take a bucket in {of_stream}"
        )
