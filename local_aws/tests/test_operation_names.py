"""A request that names two operations, or one where its service doesn't look, by a user with few permissions."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import unquote, urlsplit

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from kinesis_video_local import LocalAws

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
TEXT = {"Content-Type": "text/plain"}
JSON = {"Content-Type": "application/x-amz-json-1.0"}
QUEUE = "http%3A%2F%2F127.0.0.1%2F000000000000%2Fown"
MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:own"
EXECUTION = "arn:aws:states:us-east-1:000000000000:execution:other:1"
GROUP = "arn:aws:logs:us-east-1:000000000000:log-group:own"
TOPIC = "arn:aws:sns:us-east-1:000000000000:alarms"
OWNED = {
    "cloudwatch": "arn:aws:cloudwatch:us-east-1:000000000000:alarm:own",
    "cloudformation": "arn:aws:cloudformation:us-east-1:000000000000:stack/own/*",
    "iam": "arn:aws:iam::000000000000:user/few",
    "logs": f"{GROUP}*",
    "s3": "arn:aws:s3:::bucket/own/*",
    "sns": "arn:aws:sns:us-east-1:000000000000:own",
    "sqs": "arn:aws:sqs:us-east-1:000000000000:own",
    "ssm": "arn:aws:ssm:us-east-1:000000000000:parameter/own/*",
    "states": MACHINE,
}
ALLOWED = [
    "lambda:CreateAlias",
    "lambda:ListVersionsByFunction",
    "lambda:UpdateAlias",
    "s3:GetAnalyticsConfiguration",
    "s3:GetBucketLocation",
    "s3:PutAnalyticsConfiguration",
    "s3:PutBucketCORS",
    "s3:PutBucketTagging",
    "s3:PutObjectTagging",
    "cloudwatch:ListMetrics",
    "iam:GetUser",
    "kms:ListKeys",
    "lambda:GetFunction",
    "lambda:ListAliases",
    "s3:GetObject",
    "sns:GetTopicAttributes",
    "sqs:ListQueues",
]
INVOKE = "/2015-03-31/functions/none/invocations"
STREAM = "/2021-11-15/functions/none/response-streaming-invocations"
ASSUME = "Action=AssumeRole&RoleSessionName=me&RoleArn=arn:aws:iam::000000000000:role/admin"


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws(enforce_iam=True) as aws:
        aws.client("s3").create_bucket(Bucket="bucket")
        yield aws


@pytest.fixture(scope="module")
def keys(aws: LocalAws) -> Credentials:
    iam = aws.client("iam")
    iam.create_user(UserName="few")
    statements = [
        {"Effect": "Allow", "Action": ALLOWED, "Resource": "*"},
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::bucket"},
        {"Effect": "Allow", "Action": [f"{name}:*" for name in OWNED], "Resource": list(OWNED.values())},
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_user_policy(UserName="few", PolicyName="few", PolicyDocument=document)
    key = iam.create_access_key(UserName="few")["AccessKey"]
    return Credentials(key["AccessKeyId"], key["SecretAccessKey"])


def send(
    aws: LocalAws, keys: Credentials, service: str, method: str, target: str, headers: dict[str, str], body: str
) -> tuple[int, bytes]:
    request = AWSRequest(method, aws.endpoint_url + target, data=body.encode(), headers=headers)
    signer = S3SigV4Auth if service == "s3" else SigV4Auth
    signer(keys, service, "us-east-1").add_auth(request)
    address = urlsplit(aws.endpoint_url)
    with closing(http.client.HTTPConnection(address.hostname or "", address.port, timeout=20)) as connection:
        connection.request(method, target, body.encode(), dict(request.headers.items()))
        answer = connection.getresponse()
        return answer.status, answer.read()


@pytest.mark.parametrize(
    ("service", "method", "target", "headers", "body"),
    [
        ("s3", "DELETE", "/bucket/key?Action=GetObject", {}, ""),
        ("s3", "PUT", "/bucket/key", FORM, "Action=GetObject"),
        ("s3", "PUT", "/bucket/key", {"X-Amz-Target": "S3.GetObject"}, ""),
        # Two subresources, one of the other level, and one that ministack doesn't have.
        ("s3", "PUT", "/bucket?policy=&tagging=", {}, "{}"),
        ("s3", "POST", "/bucket/key?select=&uploads=", {}, ""),
        ("s3", "PUT", "/bucket/key?partNumber=1&tagging=&uploadId=1", {"x-amz-copy-source": "/other/key"}, ""),
        ("s3", "GET", "/bucket?list-type=2&location=", {}, ""),
        ("s3", "GET", "/bucket/key?location=", {}, ""),
        ("s3", "DELETE", "/bucket/key?cors=", {}, ""),
        ("s3", "GET", "/bucket?analytics=", {}, ""),
        ("s3", "DELETE", "/bucket?analytics=", {}, ""),
        # What is deleted, and a key in a form.
        ("s3", "POST", "/bucket?delete=", {}, "<Delete><Object><Key>other</Key><Key>own/key</Key></Object></Delete>"),
        (
            "s3",
            "POST",
            "/bucket",
            {"Content-Type": "multipart/form-data; boundary=b"},
            '--b\r\nContent-Disposition: form-data; name="key"\r\n\r\nother\r\n'
            '--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n\r\n--b--\r\n',
        ),
        # A variable with a slash, or with a word that the service takes for the operation.
        ("lambda", "POST", f"{INVOKE}/aliases", {}, "{}"),
        ("lambda", "PUT", "/2015-03-31/functions/none/code/aliases/live", {}, "{}"),
        ("lambda", "GET", "/2015-03-31/functions/none/configuration/versions", {}, ""),
        ("lambda", "POST", "/2015-03-31/functions/none%252Faliases/aliases", {}, "{}"),
        ("lambda", "PUT", "/2015-03-31/functions/none/aliases/url", {}, "{}"),
        ("lambda", "PUT", "/2015-03-31/functions/none/aliases/event-invoke-config", {}, "{}"),
        ("lambda", "POST", f"{INVOKE}?Action=GetFunction", {}, "{}"),
        ("lambda", "POST", INVOKE, FORM, "Action=GetFunction"),
        ("lambda", "POST", INVOKE, {"X-Amz-Target": "Lambda.GetFunction"}, "{}"),
        ("lambda", "POST", STREAM, {}, "{}"),
        ("lambda", "DELETE", "/2015-03-31/functions/none/aliases/live", {}, ""),
        ("sns", "POST", "/?Action=GetTopicAttributes", FORM, f"Action=DeleteTopic&TopicArn={TOPIC}"),
        ("sns", "POST", "/", TEXT, f"Action=DeleteTopic&TopicArn={TOPIC}"),
        (
            "sns",
            "POST",
            "/",
            {**TEXT, "X-Amz-Target": "SNS.GetTopicAttributes"},
            f"Action=DeleteTopic&TopicArn={TOPIC}",
        ),
        ("sts", "POST", "/?Action=GetCallerIdentity", FORM, ASSUME),
        ("sts", "POST", "/", TEXT, ASSUME),
        ("iam", "POST", "/", FORM, "Action=&Action=CreateAccessKey&UserName=few"),
        ("logs", "POST", "/service/Logs/operation/CreateLogGroup", JSON, '{"logGroupName": "group"}'),
        (
            "iam",
            "POST",
            "/",
            {**JSON, "X-Amz-Target": "IAM.GetUser"},
            '{"Action": "CreateAccessKey", "UserName": "few"}',
        ),
        ("cloudformation", "POST", "/", TEXT, "Action=CreateStack&StackName=s&TemplateBody=x"),
        ("sqs", "POST", "/?Action=ListQueues", {**JSON, "X-Amz-Target": "AmazonSQS.CreateQueue"}, '{"QueueName": "q"}'),
        ("sqs", "POST", "/", {**JSON, "X-Amz-Target": "SQS.ListQueues"}, "Action=CreateQueue&QueueName=q"),
        # With the name of a resource of their own beside that of another one.
        (
            "states",
            "POST",
            "/",
            {**JSON, "X-Amz-Target": "AWSStepFunctions.DescribeExecution"},
            json.dumps({"executionArn": EXECUTION, "stateMachineArn": MACHINE}),
        ),
        (
            "logs",
            "POST",
            "/",
            {**JSON, "X-Amz-Target": "Logs_20140328.StartQuery"},
            json.dumps({"logGroupName": "own", "logGroupIdentifiers": ["other"], "startTime": 0, "endTime": 1}),
        ),
        ("iam", "POST", "/", FORM, "Action=AddUserToGroup&UserName=few&GroupName=other"),
        ("iam", "POST", "/", FORM, "Action=CreatePolicyVersion&UserName=few&PolicyArn=other"),
        ("sns", "POST", "/", FORM, f"Action=Unsubscribe&SubscriptionArn={TOPIC}:1&TopicArn={OWNED['sns']}"),
        ("sqs", "POST", "/000000000000/own", FORM, "Action=CreateQueue&QueueName=other"),
        ("sqs", "POST", f"/000000000000/other?QueueUrl={QUEUE}", {**JSON, "X-Amz-Target": "AmazonSQS.PurgeQueue"}, ""),
        (
            "sqs",
            "POST",
            f"/?Action=PurgeQueue&QueueUrl={QUEUE.replace('own', 'other')}",
            TEXT,
            json.dumps({"QueueUrl": unquote(QUEUE)}),
        ),
        ("monitoring", "POST", "/", FORM, "Action=DeleteAlarms&AlarmNames.member.1=other&AlarmName=own"),
        (
            "monitoring",
            "POST",
            "/",
            {**JSON, "X-Amz-Target": "GraniteServiceVersion20100801.DeleteAlarms"},
            '{"AlarmNames": ["other"], "AlarmName": "own"}',
        ),
        (
            "ssm",
            "POST",
            "/?Name=%2Fown%2Fname",
            {**JSON, "X-Amz-Target": "AmazonSSM.GetParameters"},
            '{"Names": ["/other"]}',
        ),
        ("kms", "POST", "/?Action=ListKeys", {**JSON, "X-Amz-Target": "TrentService.CreateKey"}, "{}"),
        (
            "monitoring",
            "POST",
            "/service/GraniteServiceVersion20100801/operation/DeleteAlarms",
            JSON,
            '{"AlarmNames": ["alarm"]}',
        ),
    ],
)
def test_no_request_does_another_operation_than_the_one_that_is_allowed(
    aws: LocalAws, keys: Credentials, service: str, method: str, target: str, headers: dict[str, str], body: str
) -> None:
    status, answer = send(aws, keys, service, method, target, headers, body)

    assert status in (400, 403)
    assert b"AccessDenied" in answer or b"AuthorizationError" in answer


@pytest.mark.parametrize(
    ("service", "target", "headers", "body"),
    [
        ("iam", "/", FORM, "Action=GetUser&UserName=few"),
        ("iam", "/?Action=GetUser&UserName=few", {}, ""),
        ("sqs", "/", FORM, "Action=ListQueues"),
        ("sqs", "/", {**JSON, "X-Amz-Target": "AmazonSQS.ListQueues"}, "{}"),
        ("kms", "/", {**JSON, "X-Amz-Target": "TrentService.ListKeys"}, "{}"),
        ("monitoring", "/", {**JSON, "X-Amz-Target": "GraniteServiceVersion20100801.ListMetrics"}, "{}"),
        ("monitoring", "/service/GraniteServiceVersion20100801/operation/ListMetrics", JSON, "{}"),
    ],
)
def test_each_protocol_of_a_service_names_the_operation(
    aws: LocalAws, keys: Credentials, service: str, target: str, headers: dict[str, str], body: str
) -> None:
    assert send(aws, keys, service, "POST", target, headers, body)[0] == 200


def test_the_id_of_a_key_or_a_change_set_names_its_owner(aws: LocalAws, keys: Credentials) -> None:
    """Whatever user or stack the request names beside it."""
    iam, cloudformation = aws.client("iam"), aws.client("cloudformation")
    iam.create_user(UserName="other")
    other = iam.create_access_key(UserName="other")["AccessKey"]["AccessKeyId"]
    template = '{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}'
    change_set = cloudformation.create_change_set(
        StackName="other", ChangeSetName="name", ChangeSetType="CREATE", TemplateBody=template
    )["Id"]

    for service, body in (
        ("iam", f"Action=DeleteAccessKey&UserName=few&AccessKeyId={other}"),
        ("cloudformation", f"Action=ExecuteChangeSet&StackName=own&ChangeSetName={change_set}"),
    ):
        status, answer = send(aws, keys, service, "POST", "/", FORM, body)

        assert (status, b"AccessDenied" in answer) == (403, True)
