"""IAM's simulator, where it says more than the local AWS's does: its answers are of the documentation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from kinesis_video_doctor.calls import Calls, UndecidedError
from kinesis_video_doctor.simulator import Decision, simulate

ROLE = "arn:aws:iam::111122223333:role/producer"
STREAM = "arn:aws:kinesisvideo:us-east-1:111122223333:stream/front-door/1"
ACTION = "kinesisvideo:PutMedia"
THING = "credentials-iot:ThingName"
KNOWN = {"aws:SecureTransport": "true"}


@pytest.fixture(scope="module")
def calls() -> Iterator[Calls]:
    with Calls(boto3.Session("test", "test", region_name="us-east-1"), seconds=3600) as calls:
        yield calls


@pytest.fixture
def iam(calls: Calls) -> Iterator[Stubber]:
    with Stubber(calls.client("iam")) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def answer(iam: Stubber, decision: str, *, thing: bool = True, **result: Any) -> None:
    """Expect a call with what is known, and with the thing's name or without."""
    known = {**KNOWN, THING: "front-door"} if thing else KNOWN
    result = {"EvalActionName": ACTION, "EvalDecision": decision, "EvalResourceName": STREAM, **result}
    expected = {
        "PolicySourceArn": ROLE,
        "ActionNames": [ACTION],
        "ResourceArns": [STREAM],
        "ContextEntries": [
            {
                "ContextKeyName": key,
                "ContextKeyValues": [value],
                "ContextKeyType": "boolean" if key == "aws:SecureTransport" else "string",
            }
            for key, value in known.items()
        ],
    }
    iam.add_response("simulate_principal_policy", {"EvaluationResults": [result]}, expected)


def ask(calls: Calls) -> Decision:
    decision = simulate(calls, ROLE, (ACTION,), STREAM, KNOWN, "front-door")[ACTION]
    if isinstance(decision, UndecidedError):
        raise decision
    return decision


def test_what_is_allowed_is_asked_for_once(calls: Calls, iam: Stubber) -> None:
    answer(iam, "allowed")
    assert ask(calls) == Decision(allowed=True)


@pytest.mark.parametrize(
    ("decision", "details", "obstacle"),
    [
        ("implicitDeny", {}, ""),
        ("explicitDeny", {}, "a Deny in one of its policies"),
        (
            "implicitDeny",
            {"PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": False}},
            "its permissions boundary",
        ),
        (
            "implicitDeny",
            {"OrganizationsDecisionDetail": {"AllowedByOrganizations": False}},
            "a service control policy of the organization",
        ),
        (
            "implicitDeny",
            {
                "OrganizationsDecisionDetail": {"AllowedByOrganizations": True},
                "PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": True},
            },
            "",
        ),
    ],
)
def test_what_no_allow_would_overcome_is_told(
    calls: Calls, iam: Stubber, decision: str, details: dict[str, Any], obstacle: str
) -> None:
    answer(iam, decision, **details)
    answer(iam, decision, thing=False, **details)
    assert ask(calls) == Decision(allowed=False, obstacle=obstacle)


def test_the_decision_for_the_resource_counts_and_not_that_for_its_template(calls: Calls, iam: Stubber) -> None:
    template = "arn:aws:kinesisvideo:${Region}:${Account}:stream/${StreamName}/${CreationTime}"
    specific = {"EvalResourceName": STREAM, "EvalResourceDecision": "allowed"}
    another = {"EvalResourceName": f"{STREAM}0", "EvalResourceDecision": "explicitDeny"}
    answer(iam, "implicitDeny", EvalResourceName=template, ResourceSpecificResults=[another, specific])
    assert ask(calls) == Decision(allowed=True)


def test_a_boundary_of_the_resources_result_counts(calls: Calls, iam: Stubber) -> None:
    boundary = {"PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": False}}
    specific = {"EvalResourceName": STREAM, "EvalResourceDecision": "implicitDeny", **boundary}
    for thing in True, False:
        answer(iam, "allowed", thing=thing, ResourceSpecificResults=[specific])
    assert ask(calls) == Decision(allowed=False, obstacle="its permissions boundary")


@pytest.mark.parametrize("decision", ["allowed", "implicitDeny", "explicitDeny"])
@pytest.mark.parametrize("of_the_resource", [True, False])
def test_what_depends_on_the_request_is_unknown(
    calls: Calls, iam: Stubber, decision: str, of_the_resource: bool
) -> None:
    missing: dict[str, Any] = {"MissingContextValues": ["aws:SourceIp"]}
    if of_the_resource:
        specific = {"EvalResourceName": STREAM, "EvalResourceDecision": decision, **missing}
        missing = {"ResourceSpecificResults": [specific]}
    answer(iam, decision, **missing)
    with pytest.raises(UndecidedError, match=r"depends on aws:SourceIp"):
        ask(calls)


def test_a_thing_that_may_be_named_otherwise_than_its_stream_is_unknown(calls: Calls, iam: Stubber) -> None:
    answer(iam, "implicitDeny")
    answer(iam, "implicitDeny", thing=False, MissingContextValues=[THING])
    with pytest.raises(UndecidedError, match=THING):
        ask(calls)


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        ("AccessDenied", 403, "iam:SimulatePrincipalPolicy is refused"),
        ("Throttling", 400, "Rate exceeded"),
        ("ServiceFailure", 500, "Rate exceeded"),
    ],
)
def test_a_call_that_fails_decides_nothing(
    calls: Calls, iam: Stubber, monkeypatch: pytest.MonkeyPatch, code: str, status: int, words: str
) -> None:
    # No time is left for another attempt.
    monkeypatch.setattr("random.uniform", lambda *_: 60)
    iam.add_client_error("simulate_principal_policy", code, "Rate exceeded", status, expected_params=ANY_PARAMETERS)
    with pytest.raises(UndecidedError, match=words):
        ask(calls)


ANY_PARAMETERS = dict.fromkeys(("PolicySourceArn", "ActionNames", "ResourceArns", "ContextEntries"), ANY)
