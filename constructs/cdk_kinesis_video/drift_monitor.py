"""A monitor that compares streams with the configurations that their stack declares."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, Unpack, cast

import jsii
from aws_cdk import (
    Annotations,
    CfnResource,
    Duration,
    IAnyProducer,
    IResolveContext,
    Lazy,
    Stack,
    Token,
)
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from kinesis_video_contract.configurations import STREAM_ARN
from kinesis_video_contract.destinations import MAX_URI_LENGTH
from kinesis_video_contract.drift import (
    DETAIL_TYPE,
    DRIFTED,
    DRIFTED_METRIC,
    LOOKED,
    MESSAGE,
    NOT_COMPARED,
    NOT_COMPARED_COUNT,
    NOT_COMPARED_METRIC,
    SOURCE,
    STACK,
)
from kinesis_video_contract.metrics import NAMESPACE
from kinesis_video_contract.streams import MAX_STREAM_NAME_LENGTH

from ._jsii import account_of, stack_of
from ._protocols import RuleTarget
from ._stream_configuration import Declared, at_synth, provider_of
from ._streams import name_of
from ._validation import (
    check_bool,
    check_enum,
    check_id,
    check_list,
    check_place,
    check_text,
    check_type,
    is_known,
    whole_minutes,
)
from .fragment_notification import FragmentNotification
from .image_events import check_target
from .image_generation import ImageGeneration
from .stream_metrics import MetricOptions, metric

# https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_InputTransformer.html
MAX_INPUT_CHARACTERS = 8192
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
MAX_TARGETS_OF_A_RULE = 5
MAX_STREAMS_OF_AN_INPUT = 9
MAX_EVERY_MINUTES = 24 * 60
DEFAULT_EVERY = Duration.hours(1)

NOTHING_TO_MONITOR = "cdk-kinesis-video:nothing-to-monitor"

_CALLS = [
    "DeleteStream",
    "UpdateDataRetention",
    "UpdateImageGenerationConfiguration",
    "UpdateNotificationConfiguration",
]
_AT_REST = [
    "CREATE_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
]

# An input without its declarations, with a stack id of 256 characters.
_MAX_FRAME_CHARACTERS = 512
_MAX_CHARACTERS_OF_AN_ARN = len('"arn:aws-us-gov:kinesisvideo:ap-southeast-1:111122223333:stream//1690707290324"')
# The longest number or constant of the API, with its quotation marks.
_MAX_CHARACTERS_OF_ANOTHER_VALUE = 22


class Repair(str, Enum):
    """What the monitor sets again: only on streams that the stack holds, and only while the stack is at rest."""

    NONE = "NONE"
    """Nothing: the monitor only reports."""
    MISSING = "MISSING"
    """A configuration that the stream has lost."""
    ALWAYS = "ALWAYS"
    """A configuration that the stream has lost, and one that somebody has changed."""


class DriftMonitor(Construct):
    """Compare the streams of a stack with its declarations, and report or repair differences.

    CloudFormation doesn't check custom resources again: neither its drift detection nor another deployment sees a
    configuration that was changed or removed by hand. With this monitor, the stack's function checks the streams after
    each deployment, on a schedule, and when CloudTrail reports a change. It detects configurations that were changed or
    removed, streams that were deleted, and streams whose data retention was set to 0.

    A difference counts if a second check 10 seconds later sees one, too, and the stack is at rest, so a deployment is
    not reported as drift. Each stream that drifts is a line in the function's log, with the fields, their declared and
    actual values, and who changed it, if known; each stream that could not be compared is another line. The function
    needs no further permissions.

    Parameters
    ----------
    scope
        The construct that this one belongs to.
    construct_id
        The id of this construct within `scope`.
    images
        The image generations and fragment notifications of this stack to watch. Default: all of the stack.
    every
        The time between two checks, in whole minutes, 1 minute to 1 day, known at synth. Default: 1 hour.
    on_change
        True also checks a stream when somebody changes it. This needs a CloudTrail trail that logs management events of
        this Region; EventBridge receives them on a best-effort basis. Only such a check knows who made the change.
        Default: True.
    repair
        What the monitor sets again: `Repair.NONE` nothing, `Repair.MISSING` a configuration that the stream has lost,
        `Repair.ALWAYS` also one that was changed. The monitor reports repairs, too. Default: `Repair.NONE`.

    Raises
    ------
    ValueError
        If one of `images` belongs to another stack, or if a prop is out of its bounds.

    See Also
    --------
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html
    https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/monitoring-cloudtrail.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        images: Sequence[ImageGeneration | FragmentNotification] | None = None,
        every: Duration | None = None,
        on_change: bool = True,
        repair: Repair = Repair.NONE,
    ) -> None:
        check_place(scope, construct_id)
        if images is not None:
            _check_images(images, stack_of(scope))
        self._every = DEFAULT_EVERY if every is None else every
        whole_minutes("every", self._every, "Duration.hours(1)", MAX_EVERY_MINUTES)
        check_bool("on_change", on_change)
        check_enum("repair", repair, Repair)
        super().__init__(scope, construct_id)
        self._stack = stack_of(scope)
        self._provider = provider_of(self._stack, self)
        self._images = images
        self._on_change = on_change
        self._repair = repair
        self._puts_events = False
        self._metric_filters: set[str] = set()
        self._defined = False
        # At synth, when the stack is complete.
        at_synth(self, self._define_rules)

    def metric_drifted(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the number of streams that differed: a count, summed over `every`.

        A stream counts again at each check, until it is as declared. The metric covers the whole stack and costs what
        CloudWatch charges for a custom metric.

        Parameters
        ----------
        options
            What to change of the metric.
        """
        return self._metric(DRIFTED_METRIC, DRIFTED, options)

    def metric_not_compared(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the number of streams that could not be compared: a count, summed over `every`.

        The reason is a missing permission, an outage of the service, or constant throttling of the calls for a stream.
        Each check has a data point, also if it is 0, so the statistic ``SampleCount`` is the number of checks. The
        metric costs as much as `metric_drifted`.

        Parameters
        ----------
        options
            What to change of the metric.
        """
        return self._metric(NOT_COMPARED_METRIC, NOT_COMPARED_COUNT, options)

    def alarm(
        self, construct_id: str, *, alarm_name: str | None = None, alarm_description: str | None = None
    ) -> cloudwatch.Alarm:
        """Define an alarm that is quiet only while every stream is known to be as declared.

        It goes off if a stream differs, if a stream could not be compared, or if there was no check for twice the time
        of `every`. It ends when that time has passed without any of them. It is in ALARM before the first check, which
        follows the end of the first deployment.

        Parameters
        ----------
        construct_id
            The id of the alarm within this construct.
        alarm_name
            The alarm's name. Default: CloudFormation generates one.
        alarm_description
            The alarm's description. Default: one that says what to look at.
        """
        check_id(construct_id)
        check_text("alarm_name", alarm_name, "cameras-drifted")
        check_text("alarm_description", alarm_description, "Somebody has changed a camera")
        # A check may start a little late, so the alarm's period covers two checks.
        period = Duration.minutes(2 * self._every.to_minutes())
        doubt = cloudwatch.MathExpression(
            # Both metrics have a data point for each check: FILL fills nothing if a metric never had a data point.
            expression="IF(FILL(looks, 0) < 1, 1, FILL(drifted, 0) + FILL(not_compared, 0))",
            label="Streams not known to be as declared",
            using_metrics={
                "drifted": self.metric_drifted(period=period),
                "not_compared": self.metric_not_compared(period=period),
                "looks": self.metric_not_compared(statistic="SampleCount", period=period),
            },
            period=period,
        )
        return cloudwatch.Alarm(
            self,
            construct_id,
            metric=doubt,
            threshold=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            evaluation_periods=1,
            # No data means that there was no check.
            treat_missing_data=cloudwatch.TreatMissingData.BREACHING,
            alarm_name=alarm_name,
            alarm_description=alarm_description
            or "A stream is not known to have what its stack declares: look in the log of the stack's function for "
            f"{MESSAGE!r} and {NOT_COMPARED!r}; if there is no {LOOKED!r}, the monitor does not run",
        )

    def on_drift(
        self,
        construct_id: str,
        *,
        target: events.IRuleTarget | RuleTarget | None = None,
        description: str | None = None,
        rule_name: str | None = None,
    ) -> events.Rule:
        """Define an EventBridge rule for each stream that differs, at each check.

        The event's detail equals the line of the log. With the first such rule, the function is allowed to put events
        of the source ``cdk-kinesis-video`` on the default event bus.

        Parameters
        ----------
        construct_id
            The id of the rule within this construct.
        target
            The target to invoke. Default: none; add targets with ``add_target`` of the rule.
        description
            The rule's description. Default: it has none.
        rule_name
            The rule's name. Default: CloudFormation generates one.
        """
        check_id(construct_id)
        check_target(target)
        check_text("description", description, "A camera was changed")
        check_text("rule_name", rule_name, "cameras-drifted")
        if not self._puts_events:
            self._puts_events = True
            iam.Grant.add_to_principal(
                grantee=self._provider,
                actions=["events:PutEvents"],
                resource_arns=[self._stack.format_arn(service="events", resource="event-bus", resource_name="default")],
                conditions={"StringEquals": {"events:source": SOURCE}},
            )
        return events.Rule(
            self,
            construct_id,
            description=description,
            rule_name=rule_name,
            event_pattern=events.EventPattern(
                # Other accounts may send events to the bus, too.
                account=[account_of(self._stack)],
                source=[SOURCE],
                detail_type=[DETAIL_TYPE],
                detail={STACK: [self._stack.stack_name]},
            ),
            targets=None if target is None else [cast("events.IRuleTarget", target)],
        )

    def _metric(self, name: str, number: str, options: MetricOptions) -> cloudwatch.Metric:
        if name not in self._metric_filters:
            self._metric_filters.add(name)
            logs.MetricFilter(
                self,
                "MetricFilter" if name == DRIFTED_METRIC else f"MetricFilter{name}",
                log_group=self._provider.log_group,
                filter_pattern=logs.FilterPattern.string_value("$.message", "=", LOOKED),
                metric_namespace=NAMESPACE,
                metric_name=name,
                metric_value=f"$.{number}",
                dimensions={"StackName": f"$.{STACK}"},
            )
        defaults: MetricOptions = {"statistic": "Sum", "period": self._every}
        return metric(NAMESPACE, name, {"StackName": self._stack.stack_name}, {**defaults, **options})

    def _define_rules(self) -> None:
        """Define the rules once, however often the app is synthesised."""
        if self._defined:
            return
        self._defined = True
        images = self._images
        watched = [d for d in self._provider.declared if images is None or d.construct in images]
        if not watched:
            Annotations.of(self).add_warning_v2(
                NOTHING_TO_MONITOR, "nothing is declared that could drift, declare an ImageGeneration in this stack"
            )
        templates = [self._template(group) for group in _groups(watched)]
        triggers = list(self._triggers())
        for number, first in enumerate(range(0, len(templates), MAX_TARGETS_OF_A_RULE)):
            rule = events.CfnRule(
                self,
                f"Rule{number}",
                description="Looks whether the streams of this stack have what it declares",
                schedule_expression=events.Schedule.rate(self._every).expression_string,
                # EventBridge interprets an `$or` with one element as the name of a field.
                event_pattern={"$or": triggers} if len(triggers) > 1 else triggers[0],
                targets=[
                    events.CfnRule.TargetProperty(
                        id=f"Streams{index}",
                        arn=self._provider.function_arn,
                        input_transformer=events.CfnRule.InputTransformerProperty(
                            input_paths_map={"time": "$.time", "detail": "$.detail"}, input_template=template
                        ),
                    )
                    for index, template in enumerate(templates[first : first + MAX_TARGETS_OF_A_RULE])
                ],
            )
            # The class of aws_lambda would import that module.
            CfnResource(
                self,
                f"Permission{number}",
                type="AWS::Lambda::Permission",
                properties={
                    "Action": "lambda:InvokeFunction",
                    "FunctionName": self._provider.function_arn,
                    "Principal": "events.amazonaws.com",
                    "SourceArn": rule.attr_arn,
                },
            )

    def _triggers(self) -> Iterator[dict[str, Any]]:
        # After each operation, its clean-up included, when other tools delete their configuration.
        yield {
            "account": [account_of(self._stack)],
            "source": ["aws.cloudformation"],
            "detail-type": ["CloudFormation Stack Status Change"],
            "detail": {"stack-id": [self._stack.stack_id], "status-details": {"status": _AT_REST}},
        }
        # The function's own calls don't start a check; a deployment makes one call for each stream. A filter on a
        # missing field matches nothing, and the identity of a user has no role.
        issuers: list[dict[str, Any]] = [{"anything-but": [self._provider.role.role_arn]}, {"exists": False}]
        for issuer in issuers if self._on_change else ():
            yield {
                "account": [account_of(self._stack)],
                "source": ["aws.kinesisvideo"],
                "detail-type": ["AWS API Call via CloudTrail"],
                "detail": {
                    "eventName": _CALLS,
                    "errorCode": [{"exists": False}],
                    "userIdentity": {"sessionContext": {"sessionIssuer": {"arn": [issuer]}}},
                },
            }

    def _template(self, group: Sequence[Declared]) -> str:
        """Write the input of a target, with tokens for values that only the CDK or CloudFormation knows."""
        declarations: dict[str, list[Any]] = {}
        for declared in group:
            declarations.setdefault(declared.feature.resource_type, []).append(declared.properties)
        written = Token.as_string(Lazy.uncached_any(_ForEventBridge(declarations)))
        known = {"StackId": self._stack.stack_id, "Repair": self._repair.value, "PutEvents": self._puts_events}
        # EventBridge inserts the time as text and the detail as an object.
        return f'{{"Time":<time>,"Detail":<detail>,{json.dumps(known)[1:-1]},"Declarations":{written}}}'


@jsii.implements(IAnyProducer)
class _ForEventBridge:
    """JSON within an EventBridge template, whose values may have any character.

    The CDK resolves it when it knows which references of other stacks are imports, parameters or plain. The CDK's own
    `to_json_string` would break if a value that CloudFormation inserts had a quotation mark.
    """

    def __init__(self, declarations: Mapping[str, Any]) -> None:
        self._declarations = declarations

    def produce(self, context: IResolveContext) -> Any:
        return {"Fn::Join": ["", list(_json(context.resolve(self._declarations)))]}


def _json(value: Any) -> Iterator[Any]:
    """Write JSON as parts: text, and the expressions of CloudFormation."""
    if isinstance(value, list):
        yield "["
        for number, each in enumerate(value):
            yield "," * bool(number)
            yield from _json(each)
        yield "]"
    elif not isinstance(value, Mapping):
        yield _escape(json.dumps(value, ensure_ascii=False))
    elif not _is_expression(value):
        yield "{"
        for number, (name, each) in enumerate(value.items()):
            yield f'{"," * bool(number)}"{name}":'
            yield from _json(each)
        yield "}"
    elif "Fn::Join" in value and value["Fn::Join"][0] == "":
        yield '"'
        before = None
        for part in value["Fn::Join"][1]:
            is_text = isinstance(part, str)
            yield _escape(json.dumps(part, ensure_ascii=False)[1:-1]) if is_text else _escaped(part, before)
            before = part
        yield '"'
    else:
        yield from ('"', value, '"')


def _is_expression(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)).startswith(("Ref", "Fn::"))


def _escaped(expression: Mapping[str, Any], before: Any) -> Mapping[str, Any]:
    """Make CloudFormation escape a value that may have any character, such as a parameter's, in a URI or an ARN.

    An attribute, a Region, and the name of a bucket have no character to escape.
    """
    if before == "s3://" or "Fn::GetAtt" in expression or str(expression.get("Ref")).startswith("AWS::"):
        return expression
    for character, escape in (("\\", r"\\"), ('"', r"\""), ("<", r"\u003c"), (">", r"\u003e")):
        # CloudFormation has no other way to replace characters.
        expression = {"Fn::Join": [escape, {"Fn::Split": [character, expression]}]}
    return expression


def _check_images(images: Any, stack: Stack) -> None:
    items = "ImageGenerations and FragmentNotifications"
    check_list("images", images, items)
    if not images:
        raise ValueError("`images` is empty, pass at least one ImageGeneration, or None for all of the stack")
    for each in images:
        fits = isinstance(each, ImageGeneration | FragmentNotification)
        check_type("images", each, fits, f"a list of {items}")
        if stack_of(each) is not stack:
            raise ValueError(
                f"`images` has {each.node.path!r} of another stack, which has a function of its own, define a "
                "DriftMonitor there"
            )


def _groups(watched: Sequence[Declared]) -> Iterator[list[Declared]]:
    """Divide the declarations into inputs, none of them too long."""
    group: list[Declared] = []
    length = _MAX_FRAME_CHARACTERS
    for declared in watched:
        added = _max_characters(declared)
        if group and (len(group) == MAX_STREAMS_OF_AN_INPUT or length + added > MAX_INPUT_CHARACTERS):
            yield group
            group, length = [], _MAX_FRAME_CHARACTERS
        group.append(declared)
        length += added
    if group:
        yield group


def _max_characters(declared: Declared) -> int:
    """Count the characters of a declaration, with the service's own bounds for values that aren't known here."""
    name = name_of(declared.stream)
    arn = _MAX_CHARACTERS_OF_AN_ARN + (len(name) if is_known(name) else MAX_STREAM_NAME_LENGTH)

    def count(key: str, value: Any) -> int:
        if isinstance(value, Mapping):
            return sum(len(name) + len('"":,') + count(name, inner) for name, inner in value.items()) + len("{}")
        if is_known(value):
            return len(_escape(json.dumps(value)))
        escapes = len(_escape(json.dumps(value))) - len(value) if isinstance(value, str) else 0
        return escapes + {STREAM_ARN: arn, "Uri": MAX_URI_LENGTH}.get(key, _MAX_CHARACTERS_OF_ANOTHER_VALUE)

    return count("", declared.properties) + len(",")


def _escape(written: str) -> str:
    """Escape characters that are special to EventBridge; in JSON they are always within a value."""
    return written.replace("<", r"\u003c").replace(">", r"\u003e")
