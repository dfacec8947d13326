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
from roles import assume_role, create_role

if TYPE_CHECKING:
    from mypy_boto3_kinesisvideo import KinesisVideoClient

DENIED = ("AccessDeniedException", 401)
NewStream = Callable[..., str]
Client = Callable[[str], Any]
Assumed = Callable[[dict[str, Any]], Any]


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws(enforce_iam=True, creating_seconds=0) as aws:
        yield aws


@pytest.fixture
def assumed(aws: LocalAws, stream_name: str) -> Iterator[Assumed]:
    """Create a role with this statement, assume it, and return its client."""
    with contextlib.ExitStack() as clients:

        def assume(statement: dict[str, Any]) -> KinesisVideoClient:
            session = assume_role(aws.client("sts"), create_role(aws.client("iam"), stream_name, statement))
            client = session.client("kinesisvideo", endpoint_url=aws.endpoint_url)
            return clients.enter_context(contextlib.closing(client))

        yield assume


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
    assumed: Assumed,
    stream_name: str,
    configuration: Any,
) -> None:
    arn = new_stream(stream_name)
    other = new_stream(f"{stream_name}-other")
    role = assumed({"Effect": "Allow", "Action": "kinesisvideo:UpdateImageGenerationConfiguration", "Resource": arn})

    for address in {"StreamName": stream_name}, {"StreamARN": arn}:
        role.update_image_generation_configuration(**address, ImageGenerationConfiguration=configuration)
    aws.clear_calls()
    for address in {"StreamName": f"{stream_name}-other"}, {"StreamARN": other}:
        update = partial(role.update_image_generation_configuration, ImageGenerationConfiguration=configuration)
        assert refusal(partial(update, **address)) == DENIED

    assert [(call.stream, call.error) for call in aws.calls()] == [
        (f"{stream_name}-other", "AccessDeniedException")
    ] * 2


def test_another_action_on_the_stream_is_refused_as_the_model_says(
    new_stream: NewStream, assumed: Assumed, stream_name: str
) -> None:
    arn = new_stream(stream_name)
    role = assumed({"Effect": "Allow", "Action": "kinesisvideo:UpdateImageGenerationConfiguration", "Resource": "*"})

    assert refusal(lambda: role.describe_image_generation_configuration(StreamARN=arn)) == DENIED
    assert refusal(lambda: role.describe_stream(StreamName=stream_name)) == ("NotAuthorizedException", 401)
    assert refusal(lambda: role.list_streams()) == DENIED


def test_a_policy_on_all_streams_of_a_name_allows_creating_one_and_using_it(assumed: Assumed, stream_name: str) -> None:
    role = assumed(
        {
            "Effect": "Allow",
            "Action": ["kinesisvideo:CreateStream", "kinesisvideo:DescribeStream"],
            "Resource": f"arn:aws:kinesisvideo:us-east-1:000000000000:stream/{stream_name}/*",
        }
    )

    arn = role.create_stream(StreamName=stream_name)["StreamARN"]

    assert role.describe_stream(StreamName=stream_name)["StreamInfo"]["StreamName"] == stream_name
    assert refusal(lambda: role.create_stream(StreamName="other")) == DENIED
    # A member that the operation doesn't have counts for nothing.
    role.meta.events.register(
        "before-call.*.CreateStream",
        lambda params, **_: params.update(body=json.dumps({"StreamName": "other", "StreamARN": arn}).encode()),
    )
    assert refusal(lambda: role.create_stream(StreamName="other")) == DENIED


def test_listing_the_streams_needs_a_policy_on_everything(assumed: Assumed, new_stream: NewStream) -> None:
    role = assumed({"Effect": "Allow", "Action": "kinesisvideo:ListStreams", "Resource": "*"})

    role.list_streams()


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
    one, other = (create_role(iam, f"{stream_name}-{name}") for name in ("one", "other"))
    right = {"Effect": "Allow", "Action": "iam:SimulatePrincipalPolicy", "Resource": one}
    session = assume_role(aws.client("sts"), create_role(iam, f"{stream_name}-reader", right))
    reader: Any = session.client("iam", endpoint_url=aws.endpoint_url)
    with contextlib.closing(reader):
        simulate = partial(reader.simulate_principal_policy, ActionNames=["s3:PutObject"])

        assert simulate(PolicySourceArn=one)["EvaluationResults"][0]["EvalDecision"] == "implicitDeny"
        assert refusal(lambda: simulate(PolicySourceArn=other))[1] == 403
