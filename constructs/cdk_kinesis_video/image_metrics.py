"""The number of images, and the alarm for those that are missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Unpack

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from kinesis_video_contract.doctor import BUCKET_ACTIONS, IMAGE_ACTIONS, READ_KEY_ACTIONS

from ._grants import Statement, grant_on_key
from ._jsii import bucket_arn_of, bucket_key_of, stack_of
from ._validation import (
    check_id,
    check_integer,
    check_pattern,
    check_period,
    check_text,
    check_topic,
    check_type,
    has,
)
from .image_destination import ImageDestination
from .stream_metrics import MetricOptions, default_period, metric, stream_metric

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_sns as sns

    from .image_doctor import ImageDoctor

# With periods of 5 minutes, a week: the longest time that an alarm looks back.
MAX_EVALUATION_PERIODS = 2016
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_MetricsConfiguration.html
MAX_FILTER_ID_LENGTH = 64
FILTER_ID_PATTERN = "[a-zA-Z0-9_.-]+"


@dataclass(frozen=True)
class ImageCounter:
    """A metric of another service that increases by one for each image: Kinesis Video Streams has none."""

    namespace: str
    metric_name: str
    dimensions: dict[str, str]

    @classmethod
    def of_rule(cls, rule: events.Rule) -> ImageCounter:
        """Count by an EventBridge rule that matches each image."""
        return cls("AWS/Events", "TriggeredRules", {"RuleName": rule.rule_name})

    @classmethod
    def of_requests(cls, bucket: s3.IBucket, filter_id: str) -> ImageCounter:
        """Count by S3's request metrics."""
        return cls("AWS/S3", "PutRequests", {"BucketName": bucket.bucket_name, "FilterId": filter_id})


class ImageMetrics(ImageDestination):
    """The metrics of an image generation."""

    _counter: ImageCounter | None

    def count_by_request_metrics(self, *, filter_id: str | None = None) -> None:
        """Count the images by S3's request metrics below the prefix, which CloudWatch charges as custom metrics.

        Only needed without `on_image_delivered`, whose rule counts them anyway.

        Parameters
        ----------
        filter_id
            The id of an existing request metrics filter, for an imported bucket. Default: a filter is added to the
            bucket.

        Raises
        ------
        ValueError
            If the bucket is imported and `filter_id` is missing, or if `filter_id` can't be the id of a filter.

        See Also
        --------
        https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-configurations.html
        """
        check_pattern("filter_id", filter_id, FILTER_ID_PATTERN, MAX_FILTER_ID_LENGTH, "a-z A-Z 0-9 _ . -")
        if filter_id is None:
            self._warn_of_open_prefix()
            if not isinstance(self._bucket, s3.Bucket):
                raise ValueError(
                    "`filter_id` is None and `bucket` is imported, pass the id of a request metrics filter that the "
                    f"bucket has for {self._prefix or 'all its objects'!r}"
                )
            filter_id = f"images-{self.node.addr[-16:]}"
            self._bucket.add_metric(id=filter_id, prefix=self._prefix or None)
        self._counter = ImageCounter.of_requests(self._bucket, filter_id)

    def metric_images_delivered(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the number of images delivered: a count, summed over 5 minutes.

        Kinesis Video Streams has no such metric. The rule of `on_image_delivered` counts the images at no extra cost;
        without such a rule, `count_by_request_metrics` makes S3 count them.

        Parameters
        ----------
        options
            Options that replace those of the metric.

        Raises
        ------
        ValueError
            If nothing counts the images, because neither of the two methods was called before; or if an option has a
            value that CloudWatch doesn't accept.
        """
        counter = self._counter
        # CloudWatch charges for S3's request metrics, and EventBridge for the events of the whole bucket, so neither is
        # switched on by default.
        if counter is None:
            raise ValueError(
                f"nothing counts the images of {self.node.path!r}, call on_image_delivered() without `event_pattern` "
                "or count_by_request_metrics() first, each of which has a cost"
            )
        return metric(counter.namespace, counter.metric_name, counter.dimensions, {"statistic": "Sum", **options})

    def metric_images_missing(
        self, *, period: Duration | None = None, label: str | None = None
    ) -> cloudwatch.MathExpression:
        """Return a metric that is 1 for a period in which fragments arrived without images, and otherwise 0.

        A period without fragments has no data.

        Parameters
        ----------
        period
            The time that one data point covers. It must be longer than the longest time between two tagged fragments.
            Default: 5 minutes.
        label
            Its label in a graph. Default: ``images missing``.

        Raises
        ------
        ValueError
            If nothing counts the images, see `metric_images_delivered`, or if CloudWatch doesn't accept the period.
        """
        check_period("period", period)
        check_text("label", label, "images missing")
        from aws_cdk import aws_cloudwatch as cloudwatch

        of_period: MetricOptions = {"period": default_period() if period is None else period}
        return cloudwatch.MathExpression(
            # A period without images has no data point, and means 0.
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
        """Define an alarm for fragments that arrive while no image is delivered.

        It suits producers that tag constantly. A producer that tags only when something happens goes longer without
        images, so set a longer `period`. A stream that gets no video doesn't raise this alarm. `diagnose_on` finds the
        reason when it goes off.

        Parameters
        ----------
        construct_id
            The id of the alarm within this construct.
        period
            The time that one data point covers. Default: 5 minutes.
        evaluation_periods
            The number of consecutive periods without images. Default: 3. The last of them may be incomplete, so 1
            causes false alarms.
        alarm_name
            The alarm's name. Default: CloudFormation generates one.
        alarm_description
            The alarm's description. Default: one that says what to check.

        Raises
        ------
        ValueError
            If nothing counts the images, see `metric_images_delivered`, or if a prop is out of its bounds.
        """
        check_id(construct_id)
        check_integer("evaluation_periods", evaluation_periods, 1, MAX_EVALUATION_PERIODS)
        check_text("alarm_name", alarm_name, "images-missing")
        check_text("alarm_description", alarm_description, "No images from the front door")
        from aws_cdk import aws_cloudwatch as cloudwatch

        return cloudwatch.Alarm(
            self,
            construct_id,
            metric=self.metric_images_missing(period=period),
            threshold=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            evaluation_periods=evaluation_periods,
            # A period without fragments has no data point, and no image is missing.
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_name=alarm_name,
            alarm_description=_WHAT_TO_LOOK_AT if alarm_description is None else alarm_description,
        )

    def diagnose_on(
        self,
        construct_id: str,
        *,
        alarm: cloudwatch.IAlarm,
        topic: sns.ITopic | sns.Topic,
        producer: iam.IRole | iam.Role | None = None,
    ) -> ImageDoctor:
        """Find out why no image arrives when an alarm goes off, and publish the verdict.

        A function runs the checks of ``kinesis-video doctor`` on the stream: its configuration, the bucket and the
        keys, the permissions of the producers, the video and its tags, the images. The subject of the message names the
        cause, its text has the findings and the fix, and its attribute ``Verdict`` has the check that failed. The
        stack has one such function for all its alarms. It is allowed to read the data of the checks and to publish to
        the topic, and nothing else; the function that configures the stream gets no permission. There is always a
        message: if the stream can't be examined, it says why. If the function itself fails, for example because it runs
        out of memory, Lambda sends its own record to the topic of the stack's first `diagnose_on`.

        Parameters
        ----------
        construct_id
            The id of the rule and its permission within this construct.
        alarm
            The alarm, such as that of `alarm_on_missing_images`, in the Region of the stack. Its own actions don't
            change.
        topic
            The topic that the verdict is published to; not a FIFO topic.
        producer
            The role that sends the video. Default: all callers that asked for the stream's endpoint according to
            CloudTrail's event history; the function is then allowed to read the policies of any role and user.

        Returns
        -------
        ImageDoctor
            The function, for its metrics and for other permissions of its role.

        Raises
        ------
        ValueError
            If the alarm is known to be in another Region, or if a prop has the wrong type.

        See Also
        --------
        https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
        """
        from .image_doctor import check_alarm, doctor_of

        stack = stack_of(self)
        check_id(construct_id)
        check_alarm(alarm, stack)
        check_topic(topic)
        check_type("producer", producer, producer is None or has(producer, "role_arn"), "a role such as iam.Role")
        doctor = doctor_of(stack)
        doctor.may_examine(self, self._stream, producer)
        self._grant_on_bucket(doctor.role, Statement(BUCKET_ACTIONS, (bucket_arn_of(self._bucket),)))
        self._grant_on_bucket(doctor.role, Statement(IMAGE_ACTIONS, (self._objects(self._keys()),)))
        grant_on_key(self, doctor.role, READ_KEY_ACTIONS, bucket_key_of(self._bucket))
        # The Ref of the configuration is the stream's ARN, even if the stream is imported by its name.
        event = {"StreamARN": self._resource.ref}
        if producer is not None:
            event["Producer"] = producer.role_arn
        # The count of the rule shows whether a consumer removes the images.
        if self._counter is not None and (rule := self._counter.dimensions.get("RuleName")):
            event["Rule"] = rule
        doctor.examine_on(Construct(self, construct_id), alarm, topic, event)
        return doctor


_WHAT_TO_LOOK_AT = (
    "Fragments come in and no image comes out: does the producer tag its fragments with "
    "AWS_KINESISVIDEO_IMAGE_GENERATION, and may its role put objects under the destination's prefix?"
)
