"""IAM's simulator, where it says more than the local AWS's does: its answers are of the documentation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from kinesis_video_doctor.calls import Calls, UndecidedError
from kinesis_video_doctor.simulator import Decision, simulate

ROLE = "arn:aws:iam::111122223333:role/producer"
STREAM = "arn:aws:kinesisvideo:us-east-1:111122223333:stream/front-door/1"
TEMPLATE = "arn:aws:kinesisvideo:${Region}:${Account}:stream/${StreamName}/${CreationTime}"
ACTION = "kinesisvideo:PutMedia"
THING = "credentials-iot:ThingName"
KNOWN = {"aws:SecureTransport": "true"}


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


def ask(calls: Calls) -> Decision | UndecidedError:
    return simulate(calls, ROLE, (ACTION,), STREAM, KNOWN, "front-door")[ACTION]


def of_organization(allowed: bool) -> dict[str, Any]:
    return {"OrganizationsDecisionDetail": {"AllowedByOrganizations": allowed}}


def of_boundary(allowed: bool) -> dict[str, Any]:
    return {"PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": allowed}}


def of_resource(decision: str, resource: str = STREAM, **details: Any) -> dict[str, Any]:
    return {"EvalResourceName": resource, "EvalResourceDecision": decision, **details}


ANOTHER = of_resource("explicitDeny", f"{STREAM}0")


@pytest.mark.parametrize(
    ("decision", "details", "expected"),
    [
        ("allowed", {}, Decision(True)),
        ("implicitDeny", {}, Decision(False)),
        ("explicitDeny", {}, Decision(False, "a Deny in one of its policies")),
        ("implicitDeny", of_boundary(False), Decision(False, "its permissions boundary")),
        ("implicitDeny", of_organization(False), Decision(False, "a service control policy of the organization")),
        ("implicitDeny", {**of_organization(True), **of_boundary(True)}, Decision(False)),
        # The decision for the resource counts, and not that for its template.
        (
            "implicitDeny",
            {"EvalResourceName": TEMPLATE, "ResourceSpecificResults": [ANOTHER, of_resource("allowed")]},
            Decision(True),
        ),
        (
            "allowed",
            {"ResourceSpecificResults": [of_resource("implicitDeny", **of_boundary(False))]},
            Decision(False, "its permissions boundary"),
        ),
    ],
)
def test_a_decision_names_what_no_allow_would_overcome(
    calls: Calls, iam: Stubber, decision: str, details: dict[str, Any], expected: Decision
) -> None:
    answer(iam, decision, **details)
    if not expected.allowed:
        answer(iam, decision, thing=False, **details)
    assert ask(calls) == expected


@pytest.mark.parametrize("decision", ["allowed", "implicitDeny", "explicitDeny"])
@pytest.mark.parametrize("is_specific", [True, False])
def test_what_depends_on_the_request_is_unknown(calls: Calls, iam: Stubber, decision: str, is_specific: bool) -> None:
    missing: dict[str, Any] = {"MissingContextValues": ["aws:SourceIp"]}
    answer(iam, decision, **{"ResourceSpecificResults": [of_resource(decision, **missing)]} if is_specific else missing)
    assert "depends on aws:SourceIp" in str(ask(calls))


def test_a_thing_that_may_be_named_otherwise_than_its_stream_is_unknown(calls: Calls, iam: Stubber) -> None:
    answer(iam, "implicitDeny")
    answer(iam, "implicitDeny", thing=False, MissingContextValues=[THING])
    assert f"depends on {THING}" in str(ask(calls))


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
    parameters = dict.fromkeys(("PolicySourceArn", "ActionNames", "ResourceArns", "ContextEntries"), ANY)
    iam.add_client_error("simulate_principal_policy", code, "Rate exceeded", status, expected_params=parameters)
    assert words in str(ask(calls))
