"""The exact statements of each grant, and a warning for each statement that this app can't add."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import Annotations, App, CfnParameter, CfnResource, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisvideo as kinesisvideo
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_notifications as notifications
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from cdk_kinesis_video import DestinationPath, FragmentNotification, ImageGeneration, StreamFleet, VideoStream
from cdk_kinesis_video._policy_size import HIGHER_QUOTA

from .conftest import ENVIRONMENT, STREAM_ARN, fails_with, images_in, role_in
from .synthesis import messages_of, resources_of, statements_of, template_of

KEY_ARN = "arn:aws:kms:eu-west-1:{account}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
PUT_MEDIA = {
    "Effect": "Allow",
    "Action": ["kinesisvideo:DescribeStream", "kinesisvideo:GetDataEndpoint", "kinesisvideo:PutMedia"],
    "Resource": STREAM_ARN,
}
PUT_OBJECT = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::camera-images/front-door/*"}
IMAGE_KEY_ACTIONS = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]
OTHER_ACCOUNT = "444455556666"
OTHER_ROLE = f"arn:aws:iam::{OTHER_ACCOUNT}:role/camera"


@pytest.fixture
def role(stack: Stack) -> iam.Role:
    return role_in(stack)


@pytest.fixture
def stream(stack: Stack) -> Any:
    return VideoStream.from_stream_arn(stack, "Stream", STREAM_ARN)


@pytest.fixture
def bucket(stack: Stack) -> s3.IBucket:
    # Imported by its ARN, it has a literal one.
    return s3.Bucket.from_bucket_arn(stack, "Bucket", "arn:aws:s3:::camera-images")


@pytest.fixture
def images(stack: Stack, stream: Any, bucket: s3.IBucket) -> ImageGeneration:
    return images_in(stack, stream=stream, bucket=bucket, prefix="front-door")


@pytest.mark.parametrize(
    ("grant", "statements"),
    [
        (lambda stream, images, role: images.grant_put_media(role), [PUT_MEDIA, PUT_OBJECT]),
        (lambda stream, images, role: stream.grant_put_media(role), [PUT_MEDIA]),
        (
            lambda stream, images, role: stream.grant(role, "kinesisvideo:TagStream"),
            [{"Effect": "Allow", "Action": "kinesisvideo:TagStream", "Resource": STREAM_ARN}],
        ),
        (
            lambda stream, images, role: images.grant_read_images(role),
            [
                {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::camera-images/front-door/*"},
                {
                    "Effect": "Allow",
                    "Action": "s3:ListBucket",
                    "Resource": "arn:aws:s3:::camera-images",
                    "Condition": {"StringLike": {"s3:prefix": "front-door/*"}},
                },
            ],
        ),
    ],
    ids=["a producer", "a producer of the stream alone", "any action of a stream", "a reader of the images"],
)
def test_a_grant_has_its_statements_and_no_others(
    stack: Stack, stream: Any, images: ImageGeneration, role: iam.Role, grant: Any, statements: list[Any]
) -> None:
    assert grant(stream, images, role).success
    assert statements_of(template_of(stack)) == statements


def test_a_reader_of_the_video(stack: Stack, role: iam.Role, stream: Any) -> None:
    stream.grant_read(role)
    (statement,) = statements_of(template_of(stack))
    assert statement["Action"] == sorted(statement["Action"])
    assert {"kinesisvideo:GetMedia", "kinesisvideo:GetImages", "kinesisvideo:GetClip"} < set(statement["Action"])
    assert statement["Resource"] == STREAM_ARN


def test_a_stream_imported_by_name_is_granted_by_a_pattern(stack: Stack, role: iam.Role) -> None:
    VideoStream.from_stream_name(stack, "Stream", "front-door").grant_put_media(role)
    (statement,) = statements_of(template_of(stack))
    assert statement["Resource"]["Fn::Join"][1][-1] == ":kinesisvideo:eu-west-1:111122223333:stream/front-door/*"


PLACES = "arn:aws:s3:::camera-images/"


@pytest.mark.parametrize(
    ("prefix", "in_policies"),
    [
        ("cam-?/", "cam-${?}/"),
        ("${aws:PrincipalTag/team}", "${$}{aws:PrincipalTag/team}/"),
        ("$100/{a}/$$/", "$100/{a}/$$/"),
        ("a$${b}?/", "a$${$}{b}${?}/"),
        (DestinationPath("/yard?"), "yard${?}"),
        (None, ""),
    ],
)
def test_what_iam_takes_for_patterns_and_variables_is_written_as_text(
    stack: Stack, role: iam.Role, stream: Any, bucket: s3.IBucket, prefix: Any, in_policies: str
) -> None:
    images = images_in(stack, stream=stream, bucket=bucket, prefix=prefix)
    images.grant_put_media(role)
    images.grant_read_images(role)
    _, put, get, listing = statements_of(template_of(stack))
    assert put["Resource"] == get["Resource"] == f"{PLACES}{in_policies}*"
    # Without a prefix the whole bucket is the destination.
    assert listing.get("Condition") == ({"StringLike": {"s3:prefix": f"{in_policies}*"}} if prefix else None)


def test_only_what_is_known_of_a_prefix_is_written_as_text(
    stack: Stack, role: iam.Role, stream: Any, bucket: s3.IBucket
) -> None:
    site = CfnParameter(stack, "Site").value_as_string
    images = images_in(stack, stream=stream, bucket=bucket, prefix=f"cam?/{site}/${{x}}/")
    images.grant_put_media(role)
    _, put = statements_of(template_of(stack))
    assert put["Resource"] == {"Fn::Join": ["", [f"{PLACES}cam${{?}}/", {"Ref": "Site"}, "/${$}{x}/*"]]}
    assert "cdk-kinesis-video:open-prefix" not in str(messages_of(stack, "warning"))


@pytest.mark.parametrize(
    "use",
    [
        lambda images, role: images.grant_put_media(role),
        lambda images, role: images.grant_read_images(role),
        lambda images, role: images.add_image_notification(notifications.SqsDestination(sqs.Queue(role, "Queue"))),
        lambda images, role: images.count_by_request_metrics(),
    ],
    ids=["a producer", "a reader", "a notification", "request metrics"],
)
@pytest.mark.parametrize("path", ["/cam-1", None], ids=["path", "token"])
def test_warns_of_a_prefix_that_also_begins_the_keys_of_others(
    stack: Stack, role: iam.Role, stream: Any, path: str | None, use: Any
) -> None:
    prefix = DestinationPath(path) if path else CfnParameter(stack, "Site").value_as_string
    use(images_in(stack, stream=stream, bucket=s3.Bucket(stack, "Bucket"), prefix=prefix), role)
    (warning,) = [text for text in messages_of(stack, "warning") if "open-prefix" in text]
    assert "as 'cam-1' includes 'cam-10/'; end it with a slash" in warning


@pytest.mark.parametrize("path", ["/images", None], ids=["path", "token"])
def test_warns_of_a_fleets_prefix_that_also_begins_the_keys_of_others(
    stack: Stack, role: iam.Role, bucket: s3.IBucket, path: str | None
) -> None:
    prefix = DestinationPath(path) if path else CfnParameter(stack, "Site").value_as_string
    StreamFleet(stack, "Fleet", name_prefix="cam-", bucket=bucket, prefix=prefix).grant_put_media(role)
    assert len([text for text in messages_of(stack, "warning") if "open-prefix" in text]) == 1


def service(source: dict[str, str]) -> iam.PrincipalBase:
    principal = iam.ServicePrincipal("rekognition.amazonaws.com")
    return principal.with_conditions({"StringEquals": source}) if source else principal


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"aws:SourceAccount": ENVIRONMENT.account}),
        ({"aws:PrincipalTag/a": "b"}, {"aws:PrincipalTag/a": "b", "aws:SourceAccount": ENVIRONMENT.account}),
        # This condition says who asked the service, and not for whom it acts.
        ({"aws:SourceIdentity": "a"}, {"aws:SourceIdentity": "a", "aws:SourceAccount": ENVIRONMENT.account}),
        ({"aws:SourceOrgID": "o-1"}, {"aws:SourceOrgID": "o-1"}),
    ],
)
def test_a_service_is_granted_what_it_does_for_this_account(
    stack: Stack, stream: Any, given: dict[str, str], expected: dict[str, str]
) -> None:
    key = kms.Key(stack, "Key")
    bucket = s3.Bucket(stack, "Bucket", encryption_key=key)
    images_in(stack, stream=stream, bucket=bucket).grant_read_images(service(given))
    FragmentNotification(stack, "Notes", stream=stream, topic=sns.Topic(stack, "Topic")).grant_put_media(service(given))
    policies = [
        resource["Properties"] for resource in template_of(stack)["Resources"].values() if "Properties" in resource
    ]
    documents = [each[name] for each in policies for name in ("PolicyDocument", "KeyPolicy") if name in each]
    statements = [statement for document in documents for statement in document["Statement"]]
    granted = [s for s in statements if s.get("Principal") == {"Service": "rekognition.amazonaws.com"}]
    actions = {s["Action"] for s in granted if isinstance(s["Action"], str)}
    assert actions == {"kms:Decrypt", "s3:GetObject", "s3:ListBucket", "sns:Publish"}
    assert [each["Condition"]["StringEquals"] for each in granted] == [expected] * len(granted)


def test_a_service_and_others_are_granted_apart(images: ImageGeneration) -> None:
    both = iam.CompositePrincipal(service({}), iam.ArnPrincipal(OTHER_ROLE))
    with fails_with("`grantee` is a CompositePrincipal of an AWS service and others, grant to each one separately"):
        images.grant_read_images(both)


def test_a_producer_may_use_both_keys_by_its_own_policy_and_by_theirs(stack: Stack, role: iam.Role) -> None:
    stream = VideoStream(stack, "Stream", encryption_key=kms.Key(stack, "StreamKey"))
    bucket = s3.Bucket(stack, "Bucket", encryption_key=kms.Key(stack, "BucketKey"))
    images_in(stack, stream=stream, bucket=bucket).grant_put_media(role)
    template = template_of(stack)
    of_role = [s for s in statements_of(template) if s["Action"] == IMAGE_KEY_ACTIONS]
    assert [s["Resource"]["Fn::GetAtt"][0][:-8] for s in of_role] == ["StreamKey", "BucketKey"]
    keys = resources_of(template, "AWS::KMS::Key").values()
    assert len(keys) == 2
    for key in keys:
        root, granted = key["Properties"]["KeyPolicy"]["Statement"]
        assert root["Action"] == "kms:*"
        assert granted["Action"] == IMAGE_KEY_ACTIONS
        assert granted["Principal"]["AWS"]["Fn::GetAtt"][1] == "Arn"


def test_video_alone_takes_less_of_the_streams_key(stack: Stack, role: iam.Role) -> None:
    stream = VideoStream(stack, "Stream", encryption_key=kms.Key(stack, "Key"))
    stream.grant_put_media(role)
    stream.grant_read(role)
    actions = [s["Action"] for s in statements_of(template_of(stack))]
    assert [a for a in actions if a in ("kms:GenerateDataKey", "kms:Decrypt")] == ["kms:GenerateDataKey", "kms:Decrypt"]


def test_a_key_of_another_stack_is_granted_without_a_circle_between_the_stacks() -> None:
    app = App()
    base, cameras = Stack(app, "Base", env=ENVIRONMENT), Stack(app, "Cameras", env=ENVIRONMENT)
    stream = VideoStream(base, "Stream", encryption_key=kms.Key(base, "Key"))
    stream.grant_put_media(role_in(cameras))
    assert [s["Action"] for s in statements_of(template_of(base), "AWS::KMS::Key")] == ["kms:*"]
    assert [d.stack_name for d in cameras.dependencies] == ["Base"]


NO_KEY_ARN = (
    "the stream's `kms_key_id` is not an ARN, so no permission on its key was granted; set the key's ARN, or declare "
    "the stream as VideoStream(encryption_key=...) [ack: cdk-kinesis-video:unknown-stream-key]"
)


@pytest.mark.parametrize(
    ("key_id", "granted", "warnings"),
    [
        ("attribute", True, []),
        (KEY_ARN.format(account="111122223333"), True, []),
        ("alias/cameras", False, [NO_KEY_ARN]),
        # The service's own key needs no grant.
        ("alias/aws/kinesisvideo", False, []),
    ],
)
def test_the_key_of_a_cfn_stream_is_found_by_its_arn(
    stack: Stack, role: iam.Role, key_id: str, granted: bool, warnings: list[str]
) -> None:
    key_id = kms.Key(stack, "Key").key_arn if key_id == "attribute" else key_id
    stream = kinesisvideo.CfnStream(stack, "Stream", data_retention_in_hours=24, kms_key_id=key_id)
    images_in(stack, stream=stream).grant_put_media(role)
    keys = [s["Resource"] for s in statements_of(template_of(stack)) if s["Action"] == IMAGE_KEY_ACTIONS]
    assert keys == ([stack.resolve(key_id)] if granted else [])
    assert messages_of(stack, "warning") == warnings


def test_a_key_that_the_l1_of_a_stream_was_given_is_granted(stack: Stack, role: iam.Role) -> None:
    stream = VideoStream(stack, "Stream")
    resource: Any = stream.node.default_child
    resource.kms_key_id = KEY_ARN.format(account="111122223333")
    images_in(stack, stream=stream).grant_put_media(role)
    (statement,) = (s for s in statements_of(template_of(stack)) if s["Action"] == IMAGE_KEY_ACTIONS)
    assert statement["Resource"] == resource.kms_key_id


def test_an_imported_role_of_this_account_gets_the_policy(stack: Stack, images: ImageGeneration) -> None:
    images.grant_put_media(iam.Role.from_role_arn(stack, "Imported", "arn:aws:iam::111122223333:role/camera"))
    assert statements_of(template_of(stack)) == [PUT_MEDIA, PUT_OBJECT]
    assert messages_of(stack, "warning") == []


def test_a_role_of_another_account_is_let_in_by_the_buckets_and_the_keys_policy(stack: Stack, stream: Any) -> None:
    bucket = s3.Bucket(stack, "Bucket", encryption_key=kms.Key(stack, "Key"))
    images = images_in(stack, stream=stream, bucket=bucket, prefix="front-door")
    images.grant_put_media(iam.Role.from_role_arn(stack, "Imported", OTHER_ROLE))
    template = template_of(stack)
    (of_bucket,) = statements_of(template, "AWS::S3::BucketPolicy")
    assert (of_bucket["Action"], of_bucket["Principal"]) == ("s3:PutObject", {"AWS": OTHER_ROLE})
    assert of_bucket["Resource"]["Fn::Join"][1][1] == "/front-door/*"
    _, of_key = statements_of(template, "AWS::KMS::Key")
    assert (of_key["Action"], of_key["Principal"]) == (IMAGE_KEY_ACTIONS, {"AWS": OTHER_ROLE})
    warnings = messages_of(stack, "warning")
    assert len(warnings) == 3
    assert warnings[0] == (
        "`grantee` is of another account, add this statement to its own policy: "
        '{"Action": ["kinesisvideo:DescribeStream", "kinesisvideo:GetDataEndpoint", "kinesisvideo:PutMedia"], '
        f'"Effect": "Allow", "Resource": "{STREAM_ARN}"}}; a stream has no policy of its own, so a principal of '
        "another account must assume a role of the stream's [ack: cdk-kinesis-video:principal-without-policy]"
    )


def test_a_bucket_and_a_key_of_another_account_are_a_warning_with_the_statements(
    stack: Stack, role: iam.Role, stream: Any
) -> None:
    bucket = s3.Bucket.from_bucket_attributes(
        stack,
        "Bucket",
        bucket_name="camera-images",
        account=OTHER_ACCOUNT,
        encryption_key=kms.Key.from_key_arn(stack, "Key", KEY_ARN.format(account=OTHER_ACCOUNT)),
    )
    images_in(stack, stream=stream, bucket=bucket, prefix="front-door").grant_put_media(role)
    of_bucket, of_key = messages_of(stack, "warning")
    assert of_bucket.startswith(
        'camera-images is imported, add this statement to its own policy: {"Action": "s3:PutObject", "Effect": "Allow",'
        ' "Principal": {"AWS": {"Fn::GetAtt": ["Role1ABCC5F0", "Arn"]}}, "Resource": '
    )
    assert of_bucket.endswith("[ack: cdk-kinesis-video:add-to-resource-policy]")
    assert of_key.startswith(f"{KEY_ARN.format(account=OTHER_ACCOUNT)} is imported, add this statement to its own")
    assert "kms:GenerateDataKey" in of_key
    # The role's own policy has the other half.
    assert [s["Action"] for s in statements_of(template_of(stack))] == [
        PUT_MEDIA["Action"],
        "s3:PutObject",
        IMAGE_KEY_ACTIONS,
    ]


def test_a_principal_that_takes_no_policy_is_a_warning_with_the_statement(stack: Stack, stream: Any) -> None:
    stream.grant_put_media(iam.ArnPrincipal("arn:aws:iam::111122223333:user/camera"))
    (warning,) = messages_of(stack, "warning")
    assert warning.startswith("`grantee` accepts no policy, add this statement to its own policy: {")


ROLE_ARN = "arn:aws:iam::111122223333:role/camera"
IMMUTABLE = pytest.mark.parametrize(
    "make",
    [
        lambda stack: iam.Role.from_role_arn(stack, "Imported", ROLE_ARN, mutable=False),
        lambda stack: iam.Role(stack, "Own", assumed_by=iam.AccountRootPrincipal()).without_policy_updates(),
    ],
    ids=["imported", "without policy updates"],
)


@IMMUTABLE
def test_a_role_that_keeps_no_policy_is_a_warning_with_each_statement(
    stack: Stack, images: ImageGeneration, make: Any
) -> None:
    role = make(stack)
    images.grant_put_media(role)
    images.grant_read_images(role)
    warnings = messages_of(stack, "warning")
    assert len(warnings) == 4
    assert all(w.startswith("`grantee` accepts no policy, add this statement to its own policy: {") for w in warnings)
    assert f'"Resource": "{STREAM_ARN}"' in warnings[0]
    assert '"Action": "s3:PutObject"' in warnings[1]
    assert resources_of(template_of(stack), "AWS::IAM::Policy") == {}


@IMMUTABLE
def test_an_own_keys_policy_lets_in_a_role_that_keeps_no_policy(stack: Stack, make: Any) -> None:
    stream = VideoStream(stack, "Keyed", encryption_key=kms.Key(stack, "Key"))
    stream.grant_put_media(make(stack))
    (warning,) = messages_of(stack, "warning")
    assert "kinesisvideo:PutMedia" in warning
    _, of_key = statements_of(template_of(stack), "AWS::KMS::Key")
    assert of_key["Action"] == "kms:GenerateDataKey"


def test_an_own_buckets_policy_may_be_all_that_an_immutable_role_needs(stack: Stack, stream: Any) -> None:
    role = iam.Role.from_role_arn(stack, "Imported", ROLE_ARN, mutable=False, add_grants_to_resources=True)
    images_in(stack, stream=stream, bucket=s3.Bucket(stack, "Bucket")).grant_put_media(role)
    (warning,) = messages_of(stack, "warning")
    assert "kinesisvideo:PutMedia" in warning
    (of_bucket,) = statements_of(template_of(stack), "AWS::S3::BucketPolicy")
    assert of_bucket["Action"] == "s3:PutObject"


def test_users_and_lazy_roles_keep_their_policies(stack: Stack, images: ImageGeneration) -> None:
    images.grant_put_media(iam.User(stack, "User"))
    images.grant_put_media(iam.User.from_user_name(stack, "Imported", "camera"))
    images.grant_put_media(iam.LazyRole(stack, "Lazy", assumed_by=iam.AccountRootPrincipal()))
    assert messages_of(stack, "warning") == []


def test_the_role_of_an_iot_role_alias_has_one_policy_for_any_number_of_things(
    stack: Stack, role: iam.Role, bucket: s3.IBucket
) -> None:
    for name in ("north", "south", "west"):
        stream = VideoStream(stack, name, stream_name=name)
        images = images_in(stack, f"Images-{name}", stream=stream, bucket=bucket, prefix=f"c/{name}")
        images.grant_put_media(role, by_thing_name=True)
    video, put = statements_of(template_of(stack))
    assert video["Action"] == PUT_MEDIA["Action"]
    assert video["Resource"]["Fn::Join"][1][-1] == (
        ":kinesisvideo:eu-west-1:111122223333:stream/${credentials-iot:ThingName}/*"
    )
    assert put["Resource"] == "arn:aws:s3:::camera-images/c/${credentials-iot:ThingName}/*"


def test_fails_on_things_that_would_share_a_prefix(role: iam.Role, stack: Stack) -> None:
    stream = VideoStream(stack, "North", stream_name="north")
    with fails_with(
        "`prefix` is 'northern/', it must have the stream's name 'north' as a folder when `by_thing_name` is True, or "
        "each thing could overwrite the images of all, use a prefix such as 'north/'"
    ):
        images_in(stack, stream=stream, prefix="northern").grant_put_media(role, by_thing_name=True)


def test_fails_on_a_thing_whose_stream_has_no_known_name(role: iam.Role, stack: Stack) -> None:
    message = "`by_thing_name` is True and the stream's name is not known here, give the stream the name of its thing"
    with fails_with(message):
        images_in(stack).grant_put_media(role, by_thing_name=True)


NO_PRODUCER = (
    "no producer is allowed to deliver: Kinesis Video Streams delivers with the producer's permissions, and without "
    "them it delivers nothing and reports no error; call grant_put_media() with the producer's role, or acknowledge "
    "this warning if its permissions are declared elsewhere [ack: cdk-kinesis-video:no-uploader]"
)


@pytest.mark.parametrize("whole", [False, True], ids=["one construct", "the stack"])
def test_the_warning_can_be_acknowledged(stack: Stack, images: ImageGeneration, whole: bool) -> None:
    others = images_in(stack, "Others")
    acknowledged = Annotations.of(stack if whole else images)
    acknowledged.acknowledge_warning("cdk-kinesis-video:no-uploader", "the cameras' role is elsewhere")
    assert messages_of(stack, "warning") == ([] if whole else [NO_PRODUCER])
    assert messages_of(others, "warning") == ([] if whole else [NO_PRODUCER])


def test_images_that_are_switched_off_need_no_producer(stack: Stack) -> None:
    images_in(stack, enabled=False)
    assert messages_of(stack, "warning") == []


def test_imported_streams_without_an_account_are_of_this_one() -> None:
    stack = Stack(App(), "Open")
    VideoStream.from_stream_name(stack, "Stream", "front-door").grant_put_media(role_in(stack))
    assert messages_of(stack, "warning") == []


@pytest.mark.parametrize("by_thing_name", [False, True])
@pytest.mark.parametrize("tag_stream", [False, True])
def test_a_producer_may_tag_its_stream_if_that_is_asked_for(
    stack: Stack, images: ImageGeneration, stream: Any, tag_stream: bool, by_thing_name: bool
) -> None:
    gate = VideoStream.from_stream_name(stack, "Gate", "gate")
    producible: list[Any] = [
        images_in(stack, "GateImages", stream=gate, prefix="gate"),
        FragmentNotification(stack, "Fragments", stream=gate, topic=sns.Topic(stack, "Topic")),
        StreamFleet(stack, "Fleet", name_prefix="cam-", bucket=images.bucket),
    ]
    grants = [
        *(
            each.grant_put_media(role_in(stack, f"Role{number}"), by_thing_name=by_thing_name, tag_stream=tag_stream)
            for number, each in enumerate(producible)
        ),
        stream.grant_put_media(role_in(stack), tag_stream=tag_stream),
    ]
    actions = [*PUT_MEDIA["Action"], *["kinesisvideo:TagStream"] * tag_stream]
    assert [granted.principal_statements[0].actions for granted in grants] == [actions] * 4


def test_the_grant_is_of_all_that_was_granted(stack: Stack, role: iam.Role, images: ImageGeneration) -> None:
    granted = images.grant_put_media(role)
    other = images.grant_read_images(iam.User(stack, "Reader"))
    assert isinstance(granted, iam.Grant)
    granted.assert_success()
    resources = [statement.resources for statement in granted.principal_statements]
    assert resources == [[PUT_MEDIA["Resource"]], [PUT_OBJECT["Resource"]]]
    assert len(granted.combine(other).principal_statements) == 4
    assert len(other.combine(granted).principal_statements) == 4


@pytest.mark.parametrize(
    "wait",
    [
        lambda granted, needy: granted.apply_before(needy),
        lambda granted, needy: needy.node.add_dependency(granted),
    ],
    ids=["apply_before", "add_dependency"],
)
def test_a_resource_can_wait_for_a_grant(stack: Stack, role: iam.Role, images: ImageGeneration, wait: Any) -> None:
    wait(images.grant_put_media(role), CfnResource(stack, "Needy", type="Custom::Needy"))
    template = template_of(stack)
    assert template["Resources"]["Needy"]["DependsOn"] == list(resources_of(template, "AWS::IAM::Policy"))


def test_a_role_of_another_stack_refers_to_the_stream_by_an_export() -> None:
    app = App()
    cameras, producers = Stack(app, "Cameras", env=ENVIRONMENT), Stack(app, "Producers", env=ENVIRONMENT)
    images_in(cameras, stream=VideoStream(cameras, "Stream")).grant_put_media(role_in(producers))
    (video, _) = statements_of(template_of(producers))
    assert video["Resource"]["Fn::ImportValue"].startswith("Cameras:ExportsOutputFnGetAttStream790BDEE4Arn")


# The longest statement for a stream: there are about forty actions.
ACTIONS = [f"kinesisvideo:Action{letter}{other}" for letter in "ABCDEF" for other in "ABCDEF"]


def grant_many(stack: Stack, grantee: iam.IGrantable, count: int) -> None:
    for number in range(count):
        name = f"camera-{number}"
        VideoStream.from_stream_name(stack, name, name).grant(grantee, *ACTIONS)


def problem_of(stack: Stack) -> str:
    with pytest.raises(RuntimeError) as caught:
        template_of(stack)
    return str(caught.value)


@pytest.mark.parametrize("of_the_user", [0, 1, 2])
def test_fails_on_a_role_that_would_have_more_managed_policies_than_iam_takes(
    stack: Stack, role: iam.Role, of_the_user: int
) -> None:
    grant_many(stack, role, (62, 56, 50)[of_the_user])
    statements = [iam.PolicyStatement(actions=["s3:ListAllMyBuckets"], resources=["*"])]
    if of_the_user > 0:
        iam.ManagedPolicy(stack, "NamesTheRole", roles=[role], statements=statements)
    if of_the_user > 1:
        role.add_managed_policy(iam.ManagedPolicy(stack, "NamedByTheRole", statements=statements))
    problem = problem_of(stack)
    assert "`grantee` 'Cameras/Role' would have 11 managed policies, IAM allows a role 10, use" in problem
    assert "`by_thing_name`" in problem
    assert "'@aws-cdk/aws-iam:minimizePolicies'" in problem


def test_ten_managed_policies_pass_and_so_do_more_where_the_account_has_a_higher_quota() -> None:
    app = App(context={HIGHER_QUOTA: 11})
    stack = Stack(app, "Cameras", env=ENVIRONMENT)
    grant_many(stack, role_in(stack), 62)
    assert len(resources_of(template_of(stack), "AWS::IAM::ManagedPolicy")) == 11


@pytest.mark.parametrize(
    ("make", "most", "quota"),
    [
        (lambda stack: iam.Role.from_role_name(stack, "Producer", "camera"), 8, "a role 10,240"),
        (lambda stack: iam.User(stack, "Producer"), 2, "a user 2,048"),
        (lambda stack: iam.Group(stack, "Producer"), 4, "a group 5,120"),
    ],
    ids=["imported role", "user", "group"],
)
def test_fails_on_inline_policies_that_iam_does_not_take(
    stack: Stack, make: Callable[[Stack], iam.IGrantable], most: int, quota: str
) -> None:
    producer = make(stack)
    grant_many(stack, producer, most)
    template_of(stack)
    for number in range(most):
        VideoStream.from_stream_name(stack, f"other-{number}", f"other-{number}").grant(producer, *ACTIONS)
    problem = problem_of(stack)
    assert "`grantee` 'Cameras/Producer' would have inline policies of at least " in problem
    assert f"characters, IAM allows {quota}, use `by_thing_name`" in problem
