"""The image generation of all streams with a common name prefix, including streams that devices create."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Unpack

import jsii
from aws_cdk import Annotations, Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct, IConstruct, IValidation

from kinesis_video_contract import configurations, fleets
from kinesis_video_contract.destinations import literal_in_policy
from kinesis_video_contract.metrics import NAMESPACE
from kinesis_video_contract.streams import MAX_STREAM_NAME_LENGTH, STREAM_NAME_PATTERN

from ._fleet import FleetEngine, calls_for_new_streams
from ._function import check_runtime
from ._grants import (
    IMAGE_KEY_ACTIONS,
    THING_NAME,
    THING_NAME_KEY,
    Statement,
    check_grantee,
    combine,
    grant,
    grant_on_key,
    grant_with_policy,
    put_media_actions,
    thing_arn,
)
from ._jsii import account_of, bucket_arn_of, bucket_key_of, bucket_name_of, once, region_of, stack_of
from ._stream_configuration import DELETION_POLICIES, Names, Warnings, names_in
from ._streams import check_stream_name
from ._validation import (
    TOKEN,
    change_known,
    check_bool,
    check_id,
    check_integer,
    check_list,
    check_options,
    check_pattern,
    check_place,
    check_type,
    either,
    is_known,
    whole_minutes,
)
from .destination_path import DestinationPath
from .image_destination import check_bucket, check_bucket_region, destination_uri_of, uri_path, warn_of_open_prefix
from .image_generation import ImageOptions, most_images_per_day, request_of_options
from .stream_dashboard import graph
from .stream_metrics import MetricOptions, metric

DEFAULT_PREFIX = f"{fleets.STREAM_NAME}/"
DEFAULT_EVERY = Duration.hours(6)
DEFAULT_CALLS_PER_SECOND = 45
# The quota is 50.
MIN_CALLS_PER_SECOND, MAX_CALLS_PER_SECOND = 2, 50
LONGEST_EVERY, SHORTEST_SILENCE = Duration.days(3), Duration.minutes(15)
SERVICE_TIMEOUT_SECONDS = 3600
"""CloudFormation's longest wait for a custom resource: a pass through 100,000 streams takes most of it."""

LEFT_OUT = (fleets.FAILED, fleets.FOREIGN, fleets.WITHOUT_RETENTION)
IMAGES_PER_DAY = "cdk-kinesis-video:fleet-images-per-day"
FLEETS_MAY_SHARE_STREAMS = "cdk-kinesis-video:fleets-may-share-streams"
FLEETS_SHARE_QUOTA = "cdk-kinesis-video:fleets-share-quota"
_SOME_STREAMS = 100
# With a dollar before it, it looks like a variable of a policy.
_PLACEHOLDER = re.compile(rf"(?<!\$){re.escape(fleets.STREAM_NAME)}")
_BRACES = re.compile("[{}]")
_NOT_SUCCEEDED = ("Aborted", "TimedOut", "Failed")


class StreamFleet(Construct):
    """Make Kinesis Video Streams extract images from all streams whose names begin with a prefix.

    Use it for streams that devices create at run time, and for more streams than a stack can hold. A state machine
    processes them, at a rate below the account's quota: when the fleet is created, updated or deleted, which the
    deployment waits for, and on a schedule. In between, streams are configured within seconds of their creation.
    A configuration that this fleet has not declared is left alone.

    The fleet's resources belong to the stack and are named after the prefix, so renaming or moving this construct
    within its stack doesn't affect them. The alarms of `alarm` follow the construct, and are replaced. Tags reach the
    fleet's resources by ``Tags.of`` the stack.

    Parameters
    ----------
    scope
        The construct that this one belongs to.
    construct_id
        The id of this construct within `scope`.
    name_prefix
        The prefix of the streams' names, such as ``cam-``; known at synth. Another prefix makes another fleet.
    bucket
        The bucket that the images are delivered to, in the stack's Region.
    prefix
        What the keys of the images begin with; ``{stream_name}`` in it stands for the name of the stream. A
        `DestinationPath` is declared as it is. Default: ``{stream_name}/``.
    every
        The time between two scheduled passes, a whole number of minutes that is known at synth, at most 3 days.
        Default: 6 hours.
    on_create
        True configures a stream when it is created. This needs a CloudTrail trail in the Region. Default: True.
    calls_per_second
        The maximum number of calls of each operation, 2 to 50, and at least 3 with `on_create`. The account's quota of
        50 is shared with consoles, deployments and other fleets. Default: 45.
    exclude
        The names of streams that are never touched, such as those that have an `ImageGeneration`. A stream that is
        excluded later keeps what it has. Default: none.
    adopt_existing
        True also sets streams that have another configuration already. While it is True, removing the fleet leaves the
        configurations on the streams. Default: False, such streams are left alone and counted as foreign.
    runtime
        The runtime of the fleet's functions, Python 3.11 or later; AWS GovCloud and China get new runtimes late.
        Default: Python 3.14.
    options
        The props of `ImageGeneration` that are the same for each stream: `sampling_interval`, `format`,
        `width_pixels`, `height_pixels`, `image_selector_type`, `enabled`, `removal_policy` and `revision`.

    Raises
    ------
    TypeError
        If there is no such prop.
    ValueError
        If a prop is out of its bounds, or another fleet of the app shares streams with this one; at synth, if a stream
        of the fleet has an `ImageGeneration` and is not excluded.

    See Also
    --------
    https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
    https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/service-quotas.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name_prefix: str,
        bucket: s3.IBucket,
        prefix: str | DestinationPath | None = None,
        every: Duration | None = None,
        on_create: bool = True,
        calls_per_second: jsii.Number = DEFAULT_CALLS_PER_SECOND,
        exclude: Sequence[str] = (),
        adopt_existing: bool = False,
        runtime: lambda_.Runtime | None = None,
        **options: Unpack[ImageOptions],
    ) -> None:
        check_place(scope, construct_id)
        _check_name_prefix(name_prefix)
        check_bucket(bucket)
        self._path = _path(prefix)
        minutes = whole_minutes("every", DEFAULT_EVERY if every is None else every, "Duration.hours(6)")
        check_bool("on_create", on_create)
        check_integer("calls_per_second", calls_per_second, MIN_CALLS_PER_SECOND, MAX_CALLS_PER_SECOND)
        if minutes > LONGEST_EVERY.to_minutes():
            raise ValueError(f"`every` is {minutes} minutes, it must be at most 3 days, as an alarm looks back a week")
        known = calls_per_second is not None and is_known(calls_per_second)
        check_type("calls_per_second", calls_per_second, known, "a whole number that is known at synth such as 45")
        check_list("exclude", exclude, "stream names such as ['cam-7']")
        if on_create and calls_per_second - calls_for_new_streams(int(calls_per_second)) < 1:
            raise ValueError(
                f"`calls_per_second` is {calls_per_second}, it must be at least 3 with `on_create`, as two calls are "
                "for new streams, raise it or set `on_create=False`"
            )
        for name in exclude:
            check_stream_name("exclude", name)
            if is_known(name) and not name.startswith(name_prefix):
                raise ValueError(
                    f"`exclude` has {name!r}, which does not begin with `name_prefix` {name_prefix!r}, remove it"
                )
        check_bool("adopt_existing", adopt_existing)
        check_runtime(runtime)
        check_options("StreamFleet", options, ImageOptions)
        request = request_of_options(options)
        super().__init__(scope, construct_id)
        stack = stack_of(self)
        _check_others(_Fleet(self, name_prefix, int(calls_per_second)))
        self.node.add_validation(_NoOtherDeclaration(names_in(stack), name_prefix, exclude))
        self._name_prefix = name_prefix
        self._bucket = bucket
        self._every = Duration.minutes(minutes)
        self._warnings = Warnings(self)
        if options.get("enabled", True):
            self._warnings.expect_producer(self._warnings)
        region, bucket_name = region_of(stack), bucket_name_of(bucket)
        check_bucket_region(region, bucket)
        # A name is at least as long as its prefix.
        destination_uri_of(bucket_name, self._path.replace(fleets.STREAM_NAME, name_prefix))
        self._tell_images_per_day(request)
        removal_policy = options.get("removal_policy", RemovalPolicy.DESTROY)
        destination = {"Uri": f"s3://{bucket_name}{self._path}", "DestinationRegion": region}
        self._engine = FleetEngine(
            # Below the stack, so that the place of this construct is in no logical id: CloudFormation would create a
            # second fleet before it deletes the first, and refuses to give a custom resource another function.
            Construct(stack, f"CdkKinesisVideoFleet-{name_prefix}"),
            name_prefix,
            int(calls_per_second),
            every_minutes=minutes,
            on_create=on_create,
            properties={
                configurations.SERVICE_TIMEOUT: SERVICE_TIMEOUT_SECONDS,
                fleets.NAME_PREFIX: name_prefix,
                fleets.EXCLUDE: sorted(exclude) or None,
                configurations.IMAGE_GENERATION.configuration: {**request, "DestinationConfig": destination},
                configurations.ADOPT_EXISTING: adopt_existing or None,
                configurations.REVISION: options.get("revision"),
                configurations.REMOVAL_POLICY: DELETION_POLICIES.get(removal_policy),
            },
            removal_policy=removal_policy,
            runtime=runtime,
        )

    def _tell_images_per_day(self, request: dict[str, Any]) -> None:
        images = most_images_per_day(request["SamplingInterval"])
        if images is not None and request["Status"] == "ENABLED":
            Annotations.of(self).add_info_v2(
                IMAGES_PER_DAY,
                f"{_SOME_STREAMS} streams like these make at most {_SOME_STREAMS * images:,} images a day, with a "
                f"`sampling_interval` of {request['SamplingInterval']} ms and video all day",
            )

    @property
    def name_prefix(self) -> str:
        """The prefix of the streams' names."""
        return self._name_prefix

    @property
    def bucket(self) -> s3.IBucket:
        """The bucket that the images are delivered to."""
        return self._bucket

    @property
    def prefix(self) -> str:
        """What the keys of the images begin with; ``{stream_name}`` stands for the name of the stream."""
        return self._path.removeprefix("/")

    @property
    def state_machine(self) -> sfn.StateMachine:
        """The state machine; each of its executions is a pass through all streams."""
        return self._engine.state_machine

    @property
    def work_bucket(self) -> s3.Bucket:
        """The bucket with the work lists and the names of streams that failed."""
        return self._engine.bucket

    def grant_put_media(
        self, grantee: iam.IGrantable, *, by_thing_name: bool = False, tag_stream: bool = False
    ) -> iam.Grant:
        """Allow producers to send video to the fleet's streams and to write their images.

        It grants the same as `ImageGeneration.grant_put_media`, for all streams of the prefix.

        Parameters
        ----------
        grantee
            The producers' role or user.
        by_thing_name
            True for the role of an IoT role alias whose things are named like their streams: the policy then says
            ``${credentials-iot:ThingName}`` in the place of the stream's name, and each thing reaches its own stream
            and images only, if its name begins with `name_prefix`. `prefix` must have ``{stream_name}`` as a folder.
            Default: False.
        tag_stream
            True also allows ``kinesisvideo:TagStream``: AWS's C++ producer, such as ``kvssink`` and
            ``kvs_gstreamer_sample``, tags its stream when it starts, and exits without this permission. Policies can
            grant access by tags, so allow it only to producers that need it. Default: False.

        Raises
        ------
        ValueError
            If `by_thing_name` is True and ``{stream_name}`` is not a folder of `prefix`.
        """
        check_grantee("grantee", grantee)
        check_bool("by_thing_name", by_thing_name)
        if by_thing_name and fleets.STREAM_NAME not in self.prefix.split("/")[:-1]:
            raise ValueError(
                f"`prefix` is {self.prefix!r}, it must have {fleets.STREAM_NAME!r} as a folder when `by_thing_name` is "
                f"True, or each thing could overwrite the images of all, use a prefix such as '{DEFAULT_PREFIX}'"
            )
        warn_of_open_prefix(self, self.prefix)
        of_all = f"{self._name_prefix}*"
        arn = stack_of(self).format_arn(service="kinesisvideo", resource="stream", resource_name=f"{of_all}/*")
        streams = thing_arn(self) if by_thing_name else arn
        keys = change_known(self.prefix, literal_in_policy).replace(
            fleets.STREAM_NAME, THING_NAME if by_thing_name else of_all
        )
        objects = f"{bucket_arn_of(self._bucket)}/{keys.removesuffix('*')}*"
        # What a variable stands for is compared as any key of the request's context, so a thing with another name gets
        # nothing. A Deny of all streams but these would take away what the role is granted for other fleets.
        conditions = {"StringLike": {THING_NAME_KEY: of_all}} if by_thing_name else None
        self._warnings.found_producer(self._warnings)
        return combine(
            grant(self, grantee, Statement(put_media_actions(tag_stream), (streams,), conditions)),
            grant_with_policy(
                self,
                grantee,
                Statement(("s3:PutObject",), (objects,), conditions),
                self._bucket,
                bucket_name_of(self._bucket),
            ),
            grant_on_key(self, grantee, IMAGE_KEY_ACTIONS, bucket_key_of(self._bucket)),
        )

    def metric(self, metric_name: str, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return a metric of the passes: a count, summed over 5 minutes.

        Parameters
        ----------
        metric_name
            ``StreamsSet``, ``StreamsRemoved``, ``StreamsEqual``, ``StreamsForeign``, ``StreamsWithoutRetention``,
            ``StreamsFailed``, ``PassesFailed``, ``Failures`` (both of these), ``SignsOfLife`` (one for each batch and
            each end of a pass), ``NewStreamsSet``, ``NewStreamsFailed`` or ``NewStreamsUnreadable``.
        options
            Options that replace those of the metric.

        Raises
        ------
        TypeError
            If there is no such option.
        ValueError
            If there is no such metric, or an option has a value that CloudWatch doesn't accept.
        """
        check_type("metric_name", metric_name, metric_name in fleets.METRIC_NAMES, either(fleets.METRIC_NAMES))
        return metric(NAMESPACE, metric_name, {fleets.NAME_PREFIX: self._name_prefix}, {"statistic": "Sum", **options})

    def metric_failed(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the number of streams that could not be configured, counted when a pass ends."""
        return self.metric(fleets.METRICS[fleets.FAILED], **options)

    def alarm(self, construct_id: str) -> cloudwatch.CompositeAlarm:
        """Define an alarm for every failure of this fleet, including missing passes.

        It is on while one of the following alarms is on. They are defined below `construct_id`, with these ids:

        - ``Failures``: the last pass failed, or streams failed in it; a pass without failures ends it.
        - ``Stopped``: a pass was stopped or ended without a result, in the last 5 minutes.
        - ``Silence``: no pass has made progress for twice `every`, at least 15 minutes.
        - ``NewStreams``: a new stream was not set, or its record could not be read, in the last 5 minutes.
        - ``Waiting``: a new stream waits for 15 minutes.
        - ``DeadLetters``: a new stream was given up.

        The last three are for ``on_create=True``. CloudWatch charges for each of them.

        Parameters
        ----------
        construct_id
            The id of the alarm within this construct.
        """
        check_id(construct_id)
        place = Construct(self, construct_id)
        # Before its first pass a fleet is silent.
        place.node.add_dependency(self._engine.resource)
        silence = max(2 * self._every.to_seconds(), SHORTEST_SILENCE.to_seconds())
        # An alarm looks back a day with short periods, and a week with those of an hour and more.
        period = Duration.minutes(5) if silence <= Duration.days(1).to_seconds() else Duration.hours(1)
        executions = [self.state_machine.metric(f"Executions{end}", statistic="Sum") for end in _NOT_SUCCEEDED]
        parts = [
            # There is a data point for each pass only: until the next one the alarm stays as it is.
            _part(
                place, "Failures", self.metric(fleets.FAILURES), treat_missing_data=cloudwatch.TreatMissingData.IGNORE
            ),
            _part(place, "Stopped", _any_of(*executions)),
            _part(
                place,
                "Silence",
                self.metric(fleets.SIGNS_OF_LIFE, period=period),
                evaluation_periods=ceil(silence / period.to_seconds()),
                comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
                treat_missing_data=cloudwatch.TreatMissingData.BREACHING,
            ),
        ]
        queue, dead_letters = self._engine.queue, self._engine.dead_letters
        if queue is not None and dead_letters is not None:
            not_set = _any_of(self.metric(fleets.NEW_STREAMS_FAILED), self.metric(fleets.NEW_STREAMS_UNREADABLE))
            age = queue.metric_approximate_age_of_oldest_message(statistic="Maximum")
            given_up = dead_letters.metric_approximate_number_of_messages_visible(statistic="Maximum")
            parts += [
                _part(place, "NewStreams", not_set),
                _part(place, "Waiting", age, threshold=SHORTEST_SILENCE.to_seconds()),
                _part(place, "DeadLetters", given_up),
            ]
        any_part = (cloudwatch.AlarmRule.from_alarm(part, cloudwatch.AlarmState.ALARM) for part in parts)
        return cloudwatch.CompositeAlarm(
            place,
            "Any",
            alarm_rule=cloudwatch.AlarmRule.any_of(*any_part),
            alarm_description="A pass of the fleet failed or did not come, or streams failed: the alarm that is on "
            "says which, and `kinesis-video fleet` names the streams",
        )

    def dashboard(self, construct_id: str) -> cloudwatch.Dashboard:
        """Define a CloudWatch dashboard of the passes: the results of the streams, and the duration.

        Parameters
        ----------
        construct_id
            The id of the dashboard within this construct.
        """
        check_id(construct_id)
        machine = self.state_machine
        passes = [machine.metric_started(), machine.metric_succeeded(), machine.metric_failed()]
        done = [self.metric(name) for outcome, name in fleets.METRICS.items() if outcome not in LEFT_OUT]
        left_out = [self.metric(fleets.METRICS[outcome]) for outcome in LEFT_OUT]
        rows: list[list[cloudwatch.IWidget]] = [
            [graph("Streams", "count", done), graph("Streams left out", "count", left_out)],
            [graph("Passes", "count", passes), graph("Time of a pass", "ms", [machine.metric_time()])],
        ]
        return cloudwatch.Dashboard(self, construct_id, widgets=rows)


@jsii.implements(IValidation)
class _NoOtherDeclaration:
    """Finds the streams of a fleet that have an `ImageGeneration`, when all are declared."""

    def __init__(self, names: Names, name_prefix: str, exclude: Sequence[str]) -> None:
        self._names = names
        self._name_prefix = name_prefix
        self._exclude = frozenset(exclude)

    def validate(self) -> list[str]:
        return [
            f"`name_prefix` {self._name_prefix!r} covers the stream {name!r}, whose image generation "
            f"{scope.node.path!r} declares, add it to `exclude`"
            for name, scope in sorted(self._names.configured(configurations.IMAGE_GENERATION).items())
            if name.startswith(self._name_prefix) and name not in self._exclude
        ]


def _check_name_prefix(name_prefix: Any) -> None:
    fits = isinstance(name_prefix, str) and is_known(name_prefix)
    check_type("name_prefix", name_prefix, fits, "text that is known at synth such as 'cam-'")
    check_pattern("name_prefix", name_prefix, STREAM_NAME_PATTERN, MAX_STREAM_NAME_LENGTH, "a-z A-Z 0-9 _ . -")


@dataclass(frozen=True)
class _Fleet:
    scope: Construct
    name_prefix: str
    calls_per_second: int

    def shares_streams_with(self, other: _Fleet) -> bool:
        return self.name_prefix.startswith(other.name_prefix) or other.name_prefix.startswith(self.name_prefix)

    def is_where(self, other: _Fleet) -> bool | None:
        """Whether both are in one account and Region; None if that isn't known."""
        one, two = stack_of(self.scope), stack_of(other.scope)
        if names_in(one) is names_in(two):
            return True
        pairs = ((account_of(one), account_of(two)), (region_of(one), region_of(two)))
        return None if all(a == b or not is_known(a) or not is_known(b) for a, b in pairs) else False


@once
def _fleets_of(_app: IConstruct) -> list[_Fleet]:
    """Keep the fleets of an app; a walk through its tree would take a round trip for each construct."""
    return []


def _check_others(this: _Fleet) -> None:
    known = _fleets_of(this.scope.node.root)
    others = [fleet for fleet in known if this.is_where(fleet) is not False]
    for other in filter(this.shares_streams_with, others):
        shares = f"shares streams with {other.name_prefix!r} of {other.scope.node.path!r}"
        use = "use prefixes of which none begins with the other"
        if this.is_where(other):
            raise ValueError(f"`name_prefix` is {this.name_prefix!r} and {shares}, {use}")
        Annotations.of(this.scope).add_warning_v2(
            FLEETS_MAY_SHARE_STREAMS,
            f"`name_prefix` {this.name_prefix!r} {shares} if both are deployed to one account and Region, give the "
            f"stacks their environments or {use}",
        )
    known.append(this)
    calls = sum(fleet.calls_per_second for fleet in (*others, this))
    if others and calls > MAX_CALLS_PER_SECOND:
        Annotations.of(this.scope).add_warning_v2(
            FLEETS_SHARE_QUOTA,
            f"`calls_per_second` of this fleet and of {', '.join(repr(f.scope.node.path) for f in others)} make "
            f"{calls} a second together, and an account has {MAX_CALLS_PER_SECOND} in a Region, divide them",
        )


def _path(prefix: str | DestinationPath | None) -> str:
    checked = uri_path(DEFAULT_PREFIX if prefix is None else prefix)
    if _BRACES.search(_PLACEHOLDER.sub("", TOKEN.sub("token", checked))):
        raise ValueError(
            f"`prefix` is {prefix!r}, it must have no placeholder but {fleets.STREAM_NAME!r}, use that or take the "
            "braces out"
        )
    return checked


def _part(place: Construct, name: str, metric: cloudwatch.IMetric, **options: Any) -> cloudwatch.Alarm:
    """Define an alarm that is on while the metric is 1 or more, unless the options say otherwise."""
    defaults: dict[str, Any] = {
        "threshold": 1,
        "evaluation_periods": 1,
        "comparison_operator": cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        "treat_missing_data": cloudwatch.TreatMissingData.NOT_BREACHING,
    }
    return cloudwatch.Alarm(place, name, metric=metric, **defaults | options)


def _any_of(*metrics: cloudwatch.Metric) -> cloudwatch.MathExpression:
    """Add up metrics that have values only now and then."""
    named = {f"m{number}": each for number, each in enumerate(metrics)}
    return cloudwatch.MathExpression(
        expression=" + ".join(f"FILL({name}, 0)" for name in named),
        using_metrics=named,
        label=", ".join(each.metric_name for each in metrics),
        period=Duration.minutes(5),
    )
