"""The variables and the size of policies, and the results of the policy simulator."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from kinesis_video_local import LocalAws
from roles import ANYBODY, assume_role, create_role, document
from stacks import Stack

BUCKET = "things"
KEYS = ["front/a", "back/a", "f*t/a", "f?ont/a", "$/a", "<&>/a"]
TAGS = [{"Key": "team", "Value": "front"}, {"Key": "wild", "Value": "f*t"}]
THINGS = {"Service": "credentials.iot.amazonaws.com"}
EVERYTHING = f"arn:aws:s3:::{BUCKET}/*"


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws(enforce_iam=True, creating_seconds=0) as aws:
        s3 = aws.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        for key in KEYS:
            s3.put_object(Bucket=BUCKET, Key=key)
        yield aws


def allow(*resources: str, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "s3:GetObject", "Resource": resources, **more}


NewRole = Callable[..., str]


@pytest.fixture
def new_role(aws: LocalAws, stream_name: str) -> NewRole:
    """Create a role with tags and an inline policy of these statements, and return its ARN."""

    return partial(create_role, aws.client("iam"), stream_name, Tags=TAGS)


def readable(aws: LocalAws, role: str, session_name: str = "front") -> list[str]:
    """List the keys that a session of the role is allowed to read."""
    session = assume_role(aws.client("sts"), role, session_name)
    client: Any = session.client("s3", endpoint_url=aws.endpoint_url)
    found = []
    with contextlib.closing(client) as s3:
        for key in KEYS:
            with contextlib.suppress(ClientError):
                s3.get_object(Bucket=BUCKET, Key=key)
                found.append(key)
    return found


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (allow("arn:aws:s3:::things/${aws:PrincipalTag/team}/*"), ["front/a"]),
        (allow("arn:aws:s3:::things/${aws:PrincipalTag/TEAM}/*"), ["front/a"]),
        (allow("arn:aws:s3:::things/${aws:PrincipalTag/unknown}/*"), []),
        (allow("arn:aws:s3:::things/${aws:PrincipalTag/unknown, 'back'}/*"), ["back/a"]),
        (allow("arn:aws:s3:::things/${aws:PrincipalTag/unknown}/*", "arn:aws:s3:::things/back/*"), ["back/a"]),
        # The value of a variable is no pattern, and neither are these three.
        (allow("arn:aws:s3:::things/${aws:PrincipalTag/wild}/*"), ["f*t/a"]),
        (allow("arn:aws:s3:::things/f${*}t/*"), ["f*t/a"]),
        (allow("arn:aws:s3:::things/f${?}ont/*"), ["f?ont/a"]),
        (allow("arn:aws:s3:::things/${$}/*"), ["$/a"]),
        (allow("arn:aws:s3:::things/f?ont/*"), ["front/a", "f?ont/a"]),
        # Nobody here is a thing.
        (allow("arn:aws:s3:::things/${credentials-iot:ThingName}/*"), []),
        (allow(EVERYTHING, Condition={"StringEquals": {"aws:PrincipalTag/team": "${aws:PrincipalTag/team}"}}), KEYS),
        (allow(EVERYTHING, Condition={"StringEquals": {"aws:PrincipalTag/team": "${aws:PrincipalTag/unknown}"}}), []),
        (allow(EVERYTHING, Condition={"StringNotEquals": {"aws:PrincipalTag/team": "${aws:PrincipalTag/none}"}}), KEYS),
        (allow(EVERYTHING, Condition={"StringEquals": {"aws:PrincipalTag/wild": "f${*}t"}}), KEYS),
        (allow(EVERYTHING, Condition={"StringLike": {"aws:PrincipalTag/team": "f${*}t"}}), []),
    ],
)
def test_a_variable_has_its_value_of_the_request(
    aws: LocalAws, new_role: NewRole, statement: dict[str, Any], expected: list[str]
) -> None:
    assert readable(aws, new_role(statement)) == expected


@pytest.mark.parametrize("version", [None, "2008-10-17"])
def test_an_older_policy_has_no_variables(aws: LocalAws, new_role: NewRole, version: str | None) -> None:
    role = new_role(allow("arn:aws:s3:::things/${aws:PrincipalTag/team}/*"), version=version)

    assert readable(aws, role) == []


def test_a_denial_counts_for_the_value_only(aws: LocalAws, new_role: NewRole) -> None:
    denied = {**allow("arn:aws:s3:::things/${aws:PrincipalTag/team}/*"), "Effect": "Deny"}

    assert readable(aws, new_role(allow(EVERYTHING), denied)) == [key for key in KEYS if key != "front/a"]


def test_a_pattern_covers_names_with_line_breaks(aws: LocalAws, new_role: NewRole) -> None:
    for key in "lines/a", "lines/a\n", "lines/a\nb":
        aws.client("s3").put_object(Bucket=BUCKET, Key=key)
    session = assume_role(
        aws.client("sts"), new_role(allow("arn:aws:s3:::things/lines/a", "arn:aws:s3:::things/lines/*b")), "front"
    )
    with contextlib.closing(session.client("s3", endpoint_url=aws.endpoint_url)) as s3:
        for key in "lines/a", "lines/a\nb":
            s3.get_object(Bucket=BUCKET, Key=key)
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.get_object(Bucket=BUCKET, Key="lines/a\n")


def test_a_bucket_policy_has_variables_too(aws: LocalAws, new_role: NewRole) -> None:
    role = new_role(allow("arn:aws:s3:::nothing/*"))
    granted = {**allow("arn:aws:s3:::things/${aws:PrincipalTag/team}/*"), "Principal": {"AWS": role}}
    aws.client("s3").put_bucket_policy(Bucket=BUCKET, Policy=document(granted))
    try:
        assert readable(aws, role) == ["front/a"]
    finally:
        aws.client("s3").delete_bucket_policy(Bucket=BUCKET)


def test_a_session_of_a_role_for_things_is_the_thing_that_it_is_named_by(aws: LocalAws, new_role: NewRole) -> None:
    role = new_role(allow("arn:aws:s3:::things/${credentials-iot:ThingName}/*"), trusted=THINGS)

    assert readable(aws, role, "back") == ["back/a"]


def test_each_operation_needs_its_own_action_on_its_own_resource(aws: LocalAws, new_role: NewRole) -> None:
    """Also those for which ministack would check others."""
    allowed = "arn:aws:s3:::things/a//b", "arn:aws:s3:::things/front/"
    session = assume_role(
        aws.client("sts"),
        new_role(
            {"Effect": "Allow", "Action": "s3:PutObject", "Resource": allowed},
            {"Effect": "Allow", "Action": ["lambda:GetAlias", "s3:DeleteObject"], "Resource": "*"},
            {"Effect": "Allow", "Action": "iam:AddUserToGroup", "Resource": "arn:aws:iam::*:user/*"},
        ),
    )
    version = {"Objects": [{"Key": KEYS[0], "VersionId": "null"}]}
    denied: list[tuple[str, str, dict[str, Any]]] = [
        ("lambda", "delete_alias", {"FunctionName": "none", "Name": "live"}),
        ("lambda", "invoke_with_response_stream", {"FunctionName": "none"}),
        ("s3", "delete_objects", {"Bucket": BUCKET, "Delete": version}),
        ("s3", "put_object", {"Bucket": BUCKET, "Key": "a/b"}),
        ("iam", "add_user_to_group", {"UserName": "user", "GroupName": "group"}),
    ]
    with contextlib.ExitStack() as closed:
        clients: dict[str, Any] = {}
        for service in "lambda", "s3", "iam":
            client: Any = session.client(service, endpoint_url=aws.endpoint_url)
            clients[service] = closed.enter_context(contextlib.closing(client))
        for service, operation, arguments in denied:
            with pytest.raises(ClientError, match="AccessDenied"):
                getattr(clients[service], operation)(**arguments)
        with pytest.raises(ClientError, match="ResourceNotFound"):
            clients["lambda"].get_alias(FunctionName="none", Name="live")
        clients["s3"].delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "none"}]})
        for key in "a//b", "front/":
            clients["s3"].put_object(Bucket=BUCKET, Key=key)


def simulate(aws: LocalAws, role: str, *resources: str, **context: str) -> list[dict[str, Any]]:
    entries = [
        {"ContextKeyName": name.replace("_", ":"), "ContextKeyValues": [value], "ContextKeyType": "string"}
        for name, value in context.items()
    ]
    answer = aws.client("iam").simulate_principal_policy(
        PolicySourceArn=role, ActionNames=["s3:GetObject"], ResourceArns=resources, ContextEntries=entries
    )
    results: list[dict[str, Any]] = answer["EvaluationResults"]
    return results


def test_a_role_with_a_path_is_simulated_and_texts_stay_texts(aws: LocalAws, new_role: NewRole) -> None:
    role = new_role(allow("arn:aws:s3:::things/<&>/*"), Path="/cameras/front/")
    resources = ["arn:aws:s3:::things/<&>/a", "arn:aws:s3:::things/front/a"]

    decisions = [(one["EvalResourceName"], one["EvalDecision"]) for one in simulate(aws, role, *resources)]

    assert decisions == [(resources[0], "allowed"), (resources[1], "implicitDeny")]


def test_who_is_not_there_is_not_simulated(aws: LocalAws, new_role: NewRole) -> None:
    role = new_role(allow(EVERYTHING), Path="/cameras/")

    for other in role.replace("/cameras/", "/"), f"{role}<&>":
        with pytest.raises(ClientError) as refused:
            simulate(aws, other, EVERYTHING)
        assert refused.value.response["Error"]["Code"] == "NoSuchEntity"


def test_a_key_that_the_simulation_lacks_is_reported(aws: LocalAws, new_role: NewRole) -> None:
    role = new_role(
        allow(
            "arn:aws:s3:::things/${credentials-iot:ThingName}/*", Condition={"Bool": {"aws:SecureTransport": "true"}}
        ),
        {**allow(EVERYTHING, Condition={"StringEquals": {"aws:SourceVpc": "vpc"}}), "Action": "s3:PutObject"},
    )
    resource = "arn:aws:s3:::things/front/a"

    (unknown,) = simulate(aws, role, resource)
    (known,) = simulate(aws, role, resource, **{"aws_SecureTransport": "true", "credentials-iot_ThingName": "front"})
    (other,) = simulate(aws, role, resource, **{"aws_SecureTransport": "true", "credentials-iot_ThingName": "back"})

    # The key of another action isn't.
    missing = ["aws:SecureTransport", "credentials-iot:ThingName"]
    assert unknown["EvalDecision"] == "implicitDeny"
    assert unknown["ResourceSpecificResults"][0]["MissingContextValues"] == missing
    assert (known["EvalDecision"], known["ResourceSpecificResults"][0]["MissingContextValues"]) == ("allowed", [])
    assert other["EvalDecision"] == "implicitDeny"


def test_a_boundary_is_simulated(aws: LocalAws, new_role: NewRole, stream_name: str) -> None:
    policy = {"PolicyName": stream_name, "PolicyDocument": document(allow("arn:aws:s3:::things/back/*"))}
    boundary = aws.client("iam").create_policy(**policy)["Policy"]["Arn"]
    role = new_role(allow(EVERYTHING), PermissionsBoundary=boundary)

    front, back = simulate(aws, role, "arn:aws:s3:::things/front/a", "arn:aws:s3:::things/back/a")

    assert (front["EvalDecision"], back["EvalDecision"]) == ("implicitDeny", "allowed")
    assert front["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
    assert back["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": True}


def long(characters: int) -> dict[str, Any]:
    """Return a statement with the given number of characters."""
    return allow("arn:aws:s3:::" + "a" * (characters - len(document(allow("arn:aws:s3:::")).replace(" ", ""))))


def test_a_role_takes_as_many_policies_as_in_aws(aws: LocalAws, new_role: NewRole, stream_name: str) -> None:
    iam = aws.client("iam")
    new_role(allow(EVERYTHING))
    arns = []
    for number in range(11):
        name = f"{stream_name}-{number}"
        arns.append(iam.create_policy(PolicyName=name, PolicyDocument=document(allow(EVERYTHING)))["Policy"]["Arn"])
    for arn in [*arns[:10], arns[0]]:
        iam.attach_role_policy(RoleName=stream_name, PolicyArn=arn)

    with pytest.raises(ClientError, match="Cannot exceed quota for PoliciesPerRole: 10"):
        iam.attach_role_policy(RoleName=stream_name, PolicyArn=arns[10])


def test_a_policy_is_as_long_as_in_aws(aws: LocalAws, new_role: NewRole, stream_name: str) -> None:
    iam = aws.client("iam")
    new_role(allow(EVERYTHING))

    iam.create_policy(PolicyName=f"{stream_name}-fits", PolicyDocument=document(long(6_144)))
    with pytest.raises(ClientError, match="Cannot exceed quota for PolicySize: 6144"):
        iam.create_policy(PolicyName=stream_name, PolicyDocument=document(long(6_145)))
    # All of a role's inline policies together; the one that is replaced doesn't count.
    for name, characters in ("policy", 5_000), ("other", 5_240):
        iam.put_role_policy(RoleName=stream_name, PolicyName=name, PolicyDocument=document(long(characters)))
    with pytest.raises(ClientError, match=f"Maximum policy size of 10240 bytes exceeded for role {stream_name}"):
        iam.put_role_policy(RoleName=stream_name, PolicyName="third", PolicyDocument=document(allow(EVERYTHING)))


@pytest.mark.parametrize(("kind", "quota"), [("user", 2_048), ("group", 5_120)])
def test_users_and_groups_have_quotas_of_their_own(aws: LocalAws, stream_name: str, kind: str, quota: int) -> None:
    iam, entity = aws.client("iam"), {f"{kind.title()}Name": stream_name}
    getattr(iam, f"create_{kind}")(**entity)
    put = getattr(iam, f"put_{kind}_policy")
    put(**entity, PolicyName="policy", PolicyDocument=document(long(quota)))
    with pytest.raises(ClientError, match=f"Maximum policy size of {quota} bytes exceeded for {kind} {stream_name}"):
        put(**entity, PolicyName="other", PolicyDocument=document(allow(EVERYTHING)))

    properties = {f"{kind.title()}s": [stream_name], "PolicyDocument": json.loads(document(allow(EVERYTHING)))}
    policy = {"Type": "AWS::IAM::ManagedPolicy", "Properties": properties}
    stack = Stack(aws.client, stream_name)
    template = {"Resources": {f"Policy{number}": policy for number in range(11)}}
    assert stack.deploy(template, Capabilities=["CAPABILITY_IAM"]) == "ROLLBACK_COMPLETE"
    assert f"Cannot exceed quota for PoliciesPer{kind.title()}: 10" in stack.reasons()


@pytest.mark.parametrize(
    ("complaint", "properties"),
    [
        (
            "Maximum policy size of 10240 bytes exceeded",
            {"Policies": [{"PolicyName": "p", "PolicyDocument": json.loads(document(long(10_241)))}]},
        ),
        (
            "Cannot exceed quota for PoliciesPerRole: 10",
            {"ManagedPolicyArns": [f"arn:aws:iam::000000000000:policy/p{number}" for number in range(11)]},
        ),
    ],
)
def test_the_role_of_a_template_has_no_more(
    aws: LocalAws, stream_name: str, complaint: str, properties: dict[str, Any]
) -> None:
    trust = json.loads(document({"Effect": "Allow", "Principal": ANYBODY, "Action": "sts:AssumeRole"}))
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust, **properties}}
    stack = Stack(aws.client, stream_name)

    assert stack.deploy({"Resources": {"Role": role}}, Capabilities=["CAPABILITY_IAM"]) == "ROLLBACK_COMPLETE"
    assert complaint in stack.reasons()
