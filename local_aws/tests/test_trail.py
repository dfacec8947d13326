"""CloudTrail's records of calls: who called what."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from kinesis_video_local import LocalAws
from roles import assume_role, create_role, document

NewStream = Callable[..., str]
Client = Callable[[str], Any]


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws(enforce_iam=True, quotas=False, creating_seconds=0) as aws:
        yield aws


@pytest.fixture
def records(client: Client) -> Callable[..., list[dict[str, Any]]]:
    """Look up records by one attribute, the newest first."""

    def look_up(**attribute: str) -> list[dict[str, Any]]:
        [(key, value)] = attribute.items()
        pages = (
            client("cloudtrail")
            .get_paginator("lookup_events")
            .paginate(LookupAttributes=[{"AttributeKey": key, "AttributeValue": value}])
        )
        return [json.loads(event["CloudTrailEvent"]) for page in pages for event in page["Events"]]

    return look_up


def assume(aws: LocalAws, name: str, action: str) -> Any:
    """Create a role with a path that is allowed one action, and assume it."""
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    role = create_role(aws.client("iam"), name, statement, Path="/cameras/")
    return assume_role(aws.client("sts"), role, "front").client("kinesisvideo", endpoint_url=aws.endpoint_url)


def test_a_role_is_named_by_what_it_calls(aws: LocalAws, new_stream: NewStream, records: Any, stream_name: str) -> None:
    new_stream(stream_name)

    role = assume(aws, stream_name, "kinesisvideo:GetDataEndpoint")
    role.get_data_endpoint(StreamName=stream_name, APIName="PUT_MEDIA")
    role.close()

    [record] = [
        record
        for record in records(EventName="GetDataEndpoint")
        if record["requestParameters"] == {"streamName": stream_name, "aPIName": "PUT_MEDIA"}
    ]
    identity = record["userIdentity"]
    assert identity["type"] == "AssumedRole"
    assert identity["arn"] == f"arn:aws:sts::000000000000:assumed-role/{stream_name}/front"
    issuer = identity["sessionContext"]["sessionIssuer"]
    assert issuer["arn"] == f"arn:aws:iam::000000000000:role/cameras/{stream_name}"
    assert (record["eventSource"], record["awsRegion"]) == ("kinesisvideo.amazonaws.com", "us-east-1")
    assert (record["readOnly"], record["responseElements"]) == (True, None)


def test_root_and_a_user_are_named_as_what_they_are(
    aws: LocalAws, new_stream: NewStream, records: Any, client: Client, stream_name: str
) -> None:
    arn = new_stream(stream_name)
    client("iam").create_user(UserName=stream_name)
    client("iam").put_user_policy(
        UserName=stream_name,
        PolicyName="policy",
        PolicyDocument=document({"Effect": "Allow", "Action": "kinesisvideo:TagStream", "Resource": arn}),
    )
    key = client("iam").create_access_key(UserName=stream_name)["AccessKey"]
    session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name="us-east-1")
    user = session.client("kinesisvideo", endpoint_url=aws.endpoint_url)
    user.tag_stream(StreamARN=arn, Tags={"Site": "north"})
    user.close()

    tagged, created = records(ResourceName=stream_name)
    assert (created["userIdentity"]["type"], tagged["userIdentity"]["type"]) == ("Root", "IAMUser")
    assert tagged["userIdentity"]["arn"] == f"arn:aws:iam::000000000000:user/{stream_name}"
    assert tagged["requestParameters"] == {"streamARN": arn, "tags": {"Site": "north"}}
    assert created["responseElements"] == {"streamARN": arn}


def test_a_configuration_is_recorded_with_the_names_of_cloudtrail(
    kinesis_video: Any, new_stream: NewStream, records: Any, stream_name: str, configuration: dict[str, Any]
) -> None:
    new_stream(stream_name)
    kinesis_video.update_image_generation_configuration(
        StreamName=stream_name, ImageGenerationConfiguration=configuration
    )

    recorded = records(ResourceName=stream_name)[0]["requestParameters"]["imageGenerationConfiguration"]

    assert recorded["destinationConfig"] == {"uri": "s3://images/front-door/", "destinationRegion": "us-east-1"}
    assert recorded["formatConfig"] == {"JPEGQuality": "80"}


def test_a_refused_call_is_recorded_with_its_error(
    aws: LocalAws, new_stream: NewStream, records: Any, stream_name: str
) -> None:
    new_stream(stream_name)
    role = assume(aws, stream_name, "kinesisvideo:DescribeStream")
    with pytest.raises(ClientError):
        role.delete_stream(StreamARN=role.describe_stream(StreamName=stream_name)["StreamInfo"]["StreamARN"])
    role.close()

    deleted = records(ResourceName=stream_name)[0]

    assert (deleted["eventName"], deleted["errorCode"]) == ("DeleteStream", "NotAuthorizedException")
    assert "is not authorized to perform: kinesisvideo:DeleteStream" in deleted["errorMessage"]


def test_the_history_is_read_by_one_attribute_and_in_pages(
    kinesis_video: Any, client: Client, new_stream: NewStream, records: Any, stream_name: str
) -> None:
    new_stream(stream_name)
    for _ in range(51):
        kinesis_video.describe_image_generation_configuration(StreamName=stream_name)

    assert len(records(ResourceName=stream_name)) == 52
    assert {record["eventSource"] for record in records(EventSource="kinesisvideo.amazonaws.com")} == {
        "kinesisvideo.amazonaws.com"
    }
    assert client("cloudtrail").lookup_events(StartTime=4_000_000_000)["Events"] == []
    two = [{"AttributeKey": key, "AttributeValue": "x"} for key in ("EventName", "ResourceName")]
    with pytest.raises(ClientError, match="takes one lookup attribute"):
        client("cloudtrail").lookup_events(LookupAttributes=two)
