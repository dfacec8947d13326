from __future__ import annotations

import re
from typing import Any

import pytest
from aws_cdk import App, Duration, Environment, RemovalPolicy, Stack
from constructs import Construct

from cdk_kinesis_video import StreamFleet, VideoStream
from kinesis_video_contract.fleets import METRIC_NAMES, METRICS
from tests.templates import resolve

from .conftest import ENVIRONMENT, bucket_in, fails_with, images_in, role_in
from .synthesis import messages_of, only_resource, resources_of, template_of

FLEET = "Custom::KinesisVideoStreamFleet"
ACCOUNT, REGION = "111122223333", "eu-west-1"


def fleet_of(scope: Construct, construct_id: str = "Cameras", **props: Any) -> StreamFleet:
    given: dict[str, Any] = {"name_prefix": "cam-", "bucket": bucket_in(scope, f"{construct_id}Bucket"), **props}
    return StreamFleet(scope, construct_id, **given)


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    stack = Stack(App(), "Fleet", env=ENVIRONMENT)
    fleet = fleet_of(
        stack,
        prefix="cameras/{stream_name}/",
        sampling_interval=Duration.seconds(1),
        width_pixels=640,
        exclude=["cam-9", "cam-7"],
        every=Duration.minutes(30),
    )
    fleet.alarm("Alarm")
    fleet.dashboard("Dashboard")
    fleet.grant_put_media(role_in(stack, "Producers"))
    fleet.grant_put_media(role_in(stack, "Things"), by_thing_name=True)
    return template_of(stack)


def named(template: dict[str, Any], resource_type: str, part: str) -> dict[str, Any]:
    (found,) = (r for name, r in resources_of(template, resource_type).items() if part in name)
    return found


def statements(role: dict[str, Any]) -> dict[str, Any]:
    """Return the resources that a role may use, by the actions."""
    (policy,) = role["Properties"]["Policies"]
    return {
        ",".join([s["Action"]] if isinstance(s["Action"], str) else s["Action"]): text_of(s["Resource"])
        for s in policy["PolicyDocument"]["Statement"]
    }


def text_of(value: Any) -> Any:
    """Write a value as text, with logical ids in the place of references."""
    return resolve(value, lambda name, _: name, {"AWS::Partition": "aws"})


def test_the_custom_resource_has_the_request_of_the_api(template: dict[str, Any]) -> None:
    properties = dict(only_resource(template, FLEET)["Properties"])
    begin = template["Resources"][properties.pop("ServiceToken")["Fn::GetAtt"][0]]["Properties"]
    assert begin["Handler"] == "kinesis_video_fleet.begin.handler"
    assert begin["Environment"]["Variables"]["STACK_ID"] == {"Ref": "AWS::StackId"}
    assert properties == {
        "ServiceTimeout": 3600,
        "NamePrefix": "cam-",
        "Exclude": ["cam-7", "cam-9"],
        "ImageGenerationConfiguration": {
            "Status": "ENABLED",
            "ImageSelectorType": "PRODUCER_TIMESTAMP",
            "SamplingInterval": 1000,
            "Format": "JPEG",
            "WidthPixels": 640,
            "DestinationConfig": {"Uri": "s3://camera-images/cameras/{stream_name}/", "DestinationRegion": REGION},
        },
    }


def test_each_role_has_the_permissions_that_it_needs_and_no_others(template: dict[str, Any]) -> None:
    (bucket,) = resources_of(template, "AWS::S3::Bucket")
    (machine,) = resources_of(template, "AWS::StepFunctions::StateMachine")
    (log_group,) = resources_of(template, "AWS::Logs::LogGroup")
    logs = {"logs:CreateLogStream,logs:PutLogEvents": log_group}
    start = {"states:StartExecution": machine}
    # Of what works on streams.
    shared = {
        "kinesisvideo:DescribeImageGenerationConfiguration,kinesisvideo:UpdateImageGenerationConfiguration": (
            f"arn:aws:kinesisvideo:{REGION}:{ACCOUNT}:stream/cam-*/*"
        ),
        "s3:ListBucket": bucket,
        "cloudwatch:PutMetricData": "*",
        **logs,
    }
    begin, work, new = (named(template, "AWS::IAM::Role", f"{name}Role") for name in ("Begin", "Work", "New"))
    assert statements(begin) == {"s3:DeleteObject,s3:PutObject": f"{bucket}/events/*", **start, **logs}
    assert statements(work) == {
        **shared,
        "kinesisvideo:ListStreams": "*",
        "s3:DeleteObject,s3:GetObject,s3:PutObject": f"{bucket}/*",
        "cloudformation:DescribeStacks,cloudformation:ListStackResources": "AWS::StackId",
    }
    # Nothing of events/, where the ResponseURLs are.
    assert statements(new) == {
        **shared,
        **start,
        "s3:GetObject,s3:PutObject": f"{bucket}/ledger.json",
        "s3:GetObject": f"{bucket}/unfinished/*",
        "s3:DeleteObject,s3:PutObject": f"{bucket}/new-streams/*",
    }
    conditions = [s.get("Condition") for s in work["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]]
    assert [c for c in conditions if c] == [{"StringEquals": {"cloudwatch:namespace": "CdkKinesisVideo"}}]
    for role in (begin, work):
        assert "ManagedPolicyArns" not in role["Properties"]
    looks = named(template, "AWS::IAM::Policy", "LooksAtPasses")["Properties"]["PolicyDocument"]["Statement"]
    executions = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:{machine}:*"
    assert [(s["Action"], text_of(s["Resource"])) for s in looks] == [("states:DescribeExecution", executions)]


def test_the_work_bucket_is_private_and_its_objects_expire(template: dict[str, Any]) -> None:
    bucket = only_resource(template, "AWS::S3::Bucket")
    assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
    rules = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    assert {(rule["Prefix"], rule["ExpirationInDays"]) for rule in rules} == {("passes/", 30), ("events/", 1)}
    assert bucket["DeletionPolicy"] == "Delete"
    tls, events = only_resource(template, "AWS::S3::BucketPolicy")["Properties"]["PolicyDocument"]["Statement"]
    assert (tls["Effect"], tls["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    (role,) = (name for name in resources_of(template, "AWS::IAM::Role") if "WorkRole" in name)
    assert events["Condition"] == {"ArnNotEquals": {"aws:PrincipalArn": {"Fn::GetAtt": [role, "Arn"]}}}
    assert (events["Effect"], events["Principal"]) == ("Deny", {"AWS": "*"})
    assert text_of(events["Resource"]).endswith("/events/*")


def test_triggers_of_passes_exist_only_while_the_fleet_does(template: dict[str, Any]) -> None:
    (resource,) = resources_of(template, FLEET)
    for rule in resources_of(template, "AWS::Events::Rule").values():
        assert resource in rule["DependsOn"]
    needed = template["Resources"][resource]["DependsOn"]
    for part in ("BeginFunction", "WorkFunction", "Passes", "WorkBucket", "LooksAtPasses", "DistributedMapPolicy"):
        assert any(part in name for name in needed), part


def test_the_schedule_starts_passes_and_an_event_sets_a_new_stream(template: dict[str, Any]) -> None:
    assert named(template, "AWS::Events::Rule", "Schedule")["Properties"]["ScheduleExpression"] == "rate(30 minutes)"
    pattern = named(template, "AWS::Events::Rule", "StreamCreated")["Properties"]["EventPattern"]
    assert pattern["source"] == ["aws.kinesisvideo"]
    assert pattern["detail"]["eventName"] == ["CreateStream"]
    assert pattern["detail"]["requestParameters"] == {"streamName": [{"prefix": "cam-"}]}
    # Others may put events on the default bus.
    assert pattern["account"] == [ACCOUNT]
    queues = {name: queue["Properties"] for name, queue in resources_of(template, "AWS::SQS::Queue").items()}
    ((dead_letters, _),) = ((name, q) for name, q in queues.items() if "RedrivePolicy" not in q)
    (queue,) = (q for q in queues.values() if "RedrivePolicy" in q)
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": [dead_letters, "Arn"]}
    assert all(each["SqsManagedSseEnabled"] for each in queues.values())
    timeout = named(template, "AWS::Lambda::Function", "NewFunction")["Properties"]["Timeout"]
    assert timeout == 120 <= queue["VisibilityTimeout"] < queue["MessageRetentionPeriod"]
    mapping = only_resource(template, "AWS::Lambda::EventSourceMapping")["Properties"]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


@pytest.mark.parametrize(("props", "calls"), [({}, {"43", "1"}), ({"on_create": False, "calls_per_second": 2}, {"2"})])
def test_the_pass_and_new_streams_share_the_calls(stack: Stack, props: dict[str, Any], calls: set[str]) -> None:
    fleet_of(stack, **props)
    template = template_of(stack)
    functions = resources_of(template, "AWS::Lambda::Function").values()
    variables = [each["Properties"]["Environment"]["Variables"] for each in functions]
    assert {each["CALLS_PER_SECOND"] for each in variables if "CALLS_PER_SECOND" in each} == calls
    # Lambda runs no fewer functions for a queue, and each has this pace.
    for mapping in resources_of(template, "AWS::Lambda::EventSourceMapping").values():
        assert mapping["Properties"]["ScalingConfig"] == {"MaximumConcurrency": 2}
    assert len(resources_of(template, "AWS::SQS::Queue")) == (0 if props else 2)


def policy_of(template: dict[str, Any], role: str) -> list[tuple[Any, Any, Any]]:
    policy = named(template, "AWS::IAM::Policy", f"{role}DefaultPolicy")["Properties"]["PolicyDocument"]
    return [(s["Action"], text_of(s["Resource"]), s.get("Condition")) for s in policy["Statement"]]


@pytest.mark.parametrize(
    ("role", "stream", "folder", "condition"),
    [
        ("Producers", "cam-*/*", "cameras/cam-*/*", None),
        (
            "Things",
            "${credentials-iot:ThingName}/*",
            "cameras/${credentials-iot:ThingName}/*",
            # A thing that is named like a stream outside the fleet reaches nothing.
            {"StringLike": {"credentials-iot:ThingName": "cam-*"}},
        ),
    ],
)
def test_producers_reach_the_streams_and_their_images(
    template: dict[str, Any], role: str, stream: str, folder: str, condition: Any
) -> None:
    put_media = ["kinesisvideo:DescribeStream", "kinesisvideo:GetDataEndpoint", "kinesisvideo:PutMedia"]
    assert policy_of(template, role) == [
        (put_media, f"arn:aws:kinesisvideo:{REGION}:{ACCOUNT}:stream/{stream}", condition),
        ("s3:PutObject", f"arn:aws:s3:::camera-images/{folder}", condition),
    ]


def test_the_alarm_is_on_while_any_of_its_parts_is(template: dict[str, Any]) -> None:
    alarms = {name: alarm["Properties"] for name, alarm in resources_of(template, "AWS::CloudWatch::Alarm").items()}
    rule = text_of(only_resource(template, "AWS::CloudWatch::CompositeAlarm")["Properties"]["AlarmRule"])
    assert rule == f"({' OR '.join(f'ALARM({chr(34)}{name}{chr(34)})' for name in alarms)})"
    by_metric = {}
    for alarm in alarms.values():
        names, periods = zip(*metrics_of(alarm), strict=True)
        assert len(set(periods)) == 1
        by_metric[names] = (alarm["EvaluationPeriods"] * periods[0], alarm["TreatMissingData"])
    assert by_metric == {
        # Until the next pass it stays as it is, whatever happens to new streams.
        ("Failures",): (300, "ignore"),
        ("ExecutionsAborted", "ExecutionsTimedOut", "ExecutionsFailed"): (300, "notBreaching"),
        # Twice `every`.
        ("SignsOfLife",): (3600, "breaching"),
        ("NewStreamsFailed", "NewStreamsUnreadable"): (300, "notBreaching"),
        ("ApproximateAgeOfOldestMessage",): (300, "notBreaching"),
        ("ApproximateNumberOfMessagesVisible",): (300, "notBreaching"),
    }


def metrics_of(alarm: dict[str, Any]) -> list[tuple[str, int]]:
    """The names and periods of the metrics of an alarm."""
    if "MetricName" in alarm:
        return [(alarm["MetricName"], alarm["Period"])]
    stats = [each["MetricStat"] for each in alarm["Metrics"] if "MetricStat" in each]
    return [(stat["Metric"]["MetricName"], stat["Period"]) for stat in stats]


@pytest.mark.parametrize(
    ("every", "seconds"),
    [(Duration.minutes(1), 900), (Duration.hours(6), 43_200), (Duration.days(3), 6 * 86_400)],
)
def test_the_alarm_for_silence_looks_back_no_longer_than_cloudwatch_allows(
    stack: Stack, every: Duration, seconds: int
) -> None:
    fleet_of(stack, every=every, on_create=False).alarm("Alarm")
    alarms = resources_of(template_of(stack), "AWS::CloudWatch::Alarm").values()
    (silence,) = (a["Properties"] for a in alarms if a["Properties"].get("MetricName") == "SignsOfLife")
    assert silence["EvaluationPeriods"] * silence["Period"] == seconds
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    assert seconds <= (86_400 if silence["Period"] < 3600 else 7 * 86_400)


def test_the_dashboard_shows_metrics_that_are_published(template: dict[str, Any]) -> None:
    body = text_of(only_resource(template, "AWS::CloudWatch::Dashboard")["Properties"]["DashboardBody"])
    for metric in METRICS.values():
        assert metric in body


def test_renaming_or_moving_the_construct_changes_nothing() -> None:
    stack, moved = Stack(App(), "Fleet"), Stack(App(), "Fleet")
    fleet_of(stack)
    fleet_of(Construct(moved, "Moved"), "Eyes")
    assert template_of(stack) == template_of(moved)


def test_the_logical_ids_are_frozen(template: dict[str, Any]) -> None:
    assert [*resources_of(template, FLEET)] == ["CdkKinesisVideoFleetcamE4A7C6DF"]
    (begin,) = (name for name in resources_of(template, "AWS::Lambda::Function") if "Begin" in name)
    assert begin == "CdkKinesisVideoFleetcamBeginFunction815ABF6D"


def test_retain_keeps_the_configurations_and_the_work_bucket(stack: Stack) -> None:
    fleet_of(stack, removal_policy=RemovalPolicy.RETAIN)
    template = template_of(stack)
    fleet, bucket = only_resource(template, FLEET), only_resource(template, "AWS::S3::Bucket")
    assert fleet["DeletionPolicy"] == bucket["DeletionPolicy"] == fleet["Properties"]["RemovalPolicy"] == "Retain"


def test_messages_tell_of_the_images_a_day_and_of_the_missing_producer(stack: Stack) -> None:
    fleet = fleet_of(stack, sampling_interval=Duration.millis(200))
    (line,) = messages_of(stack, "info")
    assert "100 streams like these make at most 43,200,000 images a day, with a `sampling_interval` of 200 ms" in line
    assert any("no producer is allowed to deliver" in warning for warning in messages_of(stack, "warning"))
    assert fleet.name_prefix == "cam-"


@pytest.mark.parametrize(("one", "other"), [("cam-", "cam-1"), ("cam-1", "cam-"), ("cam-", "cam-")])
def test_fleets_that_share_streams_are_refused(stack: Stack, one: str, other: str) -> None:
    fleet_of(stack, "One", name_prefix=one)
    with fails_with(
        f"`name_prefix` is {other!r} and shares streams with {one!r} of 'Cameras/One', use prefixes of which none "
        "begins with the other"
    ):
        fleet_of(stack, "Other", name_prefix=other)


def test_fleets_that_share_streams_are_refused_in_another_stack_of_the_environment() -> None:
    app = App()
    fleet_of(Stack(app, "One", env=ENVIRONMENT))
    with pytest.raises(ValueError, match="shares streams"):
        fleet_of(Stack(app, "Other", env=ENVIRONMENT))
    fleet_of(Stack(app, "Elsewhere", env=Environment(account=ACCOUNT, region="us-east-1")))


def test_props_that_would_fail_later_are_refused_at_synth(stack: Stack) -> None:
    with fails_with("`every` is 4321 minutes, it must be at most 3 days, as an alarm looks back a week"):
        fleet_of(stack, every=Duration.minutes(4321))
    with fails_with("`exclude` has 'door', which does not begin with `name_prefix` 'cam-', remove it"):
        fleet_of(stack, "B", exclude=["door"])
    with fails_with(
        "`calls_per_second` is 2, it must be at least 3 with `on_create`, as two calls are for new streams, raise it "
        "or set `on_create=False`"
    ):
        fleet_of(stack, "C", calls_per_second=2)
    # The destination of the shortest name.
    with fails_with(
        "`prefix` makes a destination of 270 characters, it must be at most 255 with the bucket's name, shorten it by "
        "15"
    ):
        fleet_of(stack, "D", prefix="a" * 250)


def test_fleets_that_share_the_quota_have_a_warning(stack: Stack) -> None:
    fleet_of(stack, "One", name_prefix="one-")
    # Of the longest prefix: a function's description has at most 256 characters.
    fleet_of(stack, "Two", name_prefix="c" * 212, prefix="all/")
    assert any("make 90 a second together" in warning for warning in messages_of(stack, "warning"))
    for function in resources_of(template_of(stack), "AWS::Lambda::Function").values():
        assert len(function["Properties"]["Description"]) <= 256


@pytest.mark.parametrize(("calls", "told"), [(25, False), (26, True)])
def test_fleets_of_stacks_without_an_environment_may_meet(calls: int, told: bool) -> None:
    app = App()
    fleet_of(Stack(app, "One"), name_prefix="cam-", calls_per_second=25)
    other = Stack(app, "Other")
    fleet_of(other, name_prefix="cam-1", calls_per_second=calls)
    warnings = messages_of(other, "warning")
    assert any("shares streams with 'cam-' of 'One/Cameras' if both are deployed to one" in w for w in warnings)
    assert any("make 51 a second together" in w for w in warnings) == told


@pytest.mark.parametrize("imported", [True, False])
def test_a_stream_with_images_of_its_own_is_excluded_or_refused(stack: Stack, imported: bool) -> None:
    fleet_of(stack, exclude=["cam-2"])
    for name in ("cam-1", "cam-2", "door"):
        stream = (
            VideoStream.from_stream_name(stack, name, name) if imported else VideoStream(stack, name, stream_name=name)
        )
        images_in(stack, f"{name}Images", stream=stream)
    with pytest.raises(RuntimeError) as error:
        template_of(stack)
    told = "`name_prefix` 'cam-' covers the stream 'cam-1', whose image generation 'Cameras/cam-1Images' declares, add"
    assert told in str(error.value)
    assert "'cam-2'" not in str(error.value)
    assert "door" not in str(error.value)


def test_an_unknown_prop_is_a_type_error(stack: Stack) -> None:
    with pytest.raises(TypeError, match="StreamFleet has no prop `interval`"):
        fleet_of(stack, interval=3)


def test_by_thing_name_needs_a_folder_for_each_stream(stack: Stack) -> None:
    with fails_with(
        "`prefix` is 'all/', it must have '{stream_name}' as a folder when `by_thing_name` is True, or each thing "
        "could overwrite the images of all, use a prefix such as '{stream_name}/'"
    ):
        fleet_of(stack, prefix="all/").grant_put_media(role_in(stack), by_thing_name=True)


def test_the_reference_names_every_metric() -> None:
    assert set(re.findall(r"``(\w+)``", StreamFleet.metric.__doc__ or "")) == set(METRIC_NAMES)
