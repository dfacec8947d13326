"""A role's policy, checked on each call."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from kinesis_video_local import LocalAws

if TYPE_CHECKING:
    from mypy_boto3_kinesisvideo import KinesisVideoClient

NewStream = Callable[..., str]
Client = Callable[[str], Any]
AssumeRole = Callable[[dict[str, Any]], Any]


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws(enforce_iam=True, creating_seconds=0) as aws:
        yield aws


@pytest.fixture
def assume_role(aws: LocalAws, stream_name: str) -> Iterator[AssumeRole]:
    """Create a role with this statement, assume it, and return its client."""
    with contextlib.ExitStack() as clients:

        def assume(statement: dict[str, Any]) -> KinesisVideoClient:
            trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
            iam = aws.client("iam")
            role = iam.create_role(RoleName=stream_name, AssumeRolePolicyDocument=document(trust))["Role"]
            iam.put_role_policy(RoleName=stream_name, PolicyName="policy", PolicyDocument=document(statement))
            session = aws.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="test")["Credentials"]
            client = boto3.client(
                "kinesisvideo",
                endpoint_url=aws.endpoint_url,
                region_name="us-east-1",
                aws_access_key_id=session["AccessKeyId"],
                aws_secret_access_key=session["SecretAccessKey"],
                aws_session_token=session["SessionToken"],
            )
            return clients.enter_context(contextlib.closing(client))

        yield assume


def document(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def refusal(call: Callable[[], Any]) -> tuple[str, int]:
    with pytest.raises(ClientError) as refused:
        call()
    return (
        refused.value.response["Error"]["Code"],
        refused.value.response["ResponseMetadata"]["HTTPStatusCode"],
    )


def test_a_policy_allows_its_action_on_its_stream_only(
    aws: LocalAws,
    new_stream: NewStream,
    assume_role: AssumeRole,
    stream_name: str,
    configuration: Any,
) -> None:
    arn = new_stream(stream_name)
    other = new_stream(f"{stream_name}-other")
    role = assume_role(
        {"Effect": "Allow", "Action": "kinesisvideo:UpdateImageGenerationConfiguration", "Resource": arn}
    )

    for address in {"StreamName": stream_name}, {"StreamARN": arn}:
        role.update_image_generation_configuration(**address, ImageGenerationConfiguration=configuration)
    aws.clear_calls()
    for address in {"StreamName": f"{stream_name}-other"}, {"StreamARN": other}:
        update = partial(role.update_image_generation_configuration, ImageGenerationConfiguration=configuration)
        assert refusal(partial(update, **address)) == ("AccessDeniedException", 401)

    assert [(call.stream, call.error) for call in aws.calls()] == [
        (f"{stream_name}-other", "AccessDeniedException")
    ] * 2


def test_another_action_on_the_stream_is_refused_as_the_model_says(
    new_stream: NewStream, assume_role: AssumeRole, stream_name: str
) -> None:
    arn = new_stream(stream_name)
    role = assume_role(
        {"Effect": "Allow", "Action": "kinesisvideo:UpdateImageGenerationConfiguration", "Resource": "*"}
    )

    assert refusal(lambda: role.describe_image_generation_configuration(StreamARN=arn)) == (
        "AccessDeniedException",
        401,
    )
    assert refusal(lambda: role.describe_stream(StreamName=stream_name)) == ("NotAuthorizedException", 401)
    assert refusal(lambda: role.list_streams()) == ("AccessDeniedException", 401)


def test_a_policy_on_all_streams_of_a_name_allows_creating_one_and_using_it(
    assume_role: AssumeRole, stream_name: str
) -> None:
    role = assume_role(
        {
            "Effect": "Allow",
            "Action": ["kinesisvideo:CreateStream", "kinesisvideo:DescribeStream"],
            "Resource": f"arn:aws:kinesisvideo:us-east-1:000000000000:stream/{stream_name}/*",
        }
    )

    role.create_stream(StreamName=stream_name)

    assert role.describe_stream(StreamName=stream_name)["StreamInfo"]["StreamName"] == stream_name
    assert refusal(lambda: role.create_stream(StreamName="other")) == ("AccessDeniedException", 401)


def test_listing_the_streams_needs_a_policy_on_everything(assume_role: AssumeRole, new_stream: NewStream) -> None:
    role = assume_role({"Effect": "Allow", "Action": "kinesisvideo:ListStreams", "Resource": "*"})

    role.list_streams()


def test_an_explicit_deny_wins(new_stream: NewStream, assume_role: AssumeRole, stream_name: str) -> None:
    arn = new_stream(stream_name)
    role = assume_role({"Effect": "Deny", "Action": "kinesisvideo:*", "Resource": "*"})

    assert refusal(lambda: role.describe_image_generation_configuration(StreamARN=arn)) == (
        "AccessDeniedException",
        401,
    )


def test_unknown_credentials_are_refused(aws: LocalAws) -> None:
    with contextlib.closing(
        boto3.client(
            "kinesisvideo",
            endpoint_url=aws.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id="AKIANOBODY",
            aws_secret_access_key="secret",
        )
    ) as nobody:
        assert refusal(nobody.list_streams)[1] == 403


@pytest.mark.parametrize(("owner", "status"), [("000000000000", 200), ("111122223333", 403)])
def test_a_bucket_is_told_by_its_owner(client: Client, stream_name: str, owner: str, status: int) -> None:
    client("s3").create_bucket(Bucket=stream_name)

    def outcome(operation: str, **arguments: Any) -> int:
        try:
            answer = getattr(client("s3"), operation)(Bucket=stream_name, ExpectedBucketOwner=owner, **arguments)
        except ClientError as error:
            answer = error.response
        return int(answer["ResponseMetadata"]["HTTPStatusCode"])

    outcomes = {outcome("head_bucket"), outcome("list_objects_v2"), outcome("put_object", Key="a", Body=b"")}

    assert outcomes == {status}


def test_the_right_to_simulate_policies_is_one_on_whose_they_are(aws: LocalAws, stream_name: str) -> None:
    iam = aws.client("iam")
    trust = document({"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"})
    arns = {
        name: iam.create_role(RoleName=f"{stream_name}-{name}", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        for name in ("reader", "one", "other")
    }
    right = {"Effect": "Allow", "Action": "iam:SimulatePrincipalPolicy", "Resource": arns["one"]}
    iam.put_role_policy(RoleName=f"{stream_name}-reader", PolicyName="policy", PolicyDocument=document(right))
    session = aws.client("sts").assume_role(RoleArn=arns["reader"], RoleSessionName="test")["Credentials"]
    reader: Any = boto3.client(
        "iam",
        endpoint_url=aws.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )
    with contextlib.closing(reader):
        simulate = partial(reader.simulate_principal_policy, ActionNames=["s3:PutObject"])

        assert simulate(PolicySourceArn=arns["one"])["EvaluationResults"][0]["EvalDecision"] == "implicitDeny"
        assert refusal(lambda: simulate(PolicySourceArn=arns["other"]))[1] == 403
