"""IAM's simulator, where it says more than the local AWS's does: its answers are of the documentation."""

from __future__ import annotations

from typing import Any

import pytest

from kinesis_video_doctor import Status

from .breakages import SIMULATE, answers, http_answer, the_producer_may_not_put_images
from .site import ACCOUNT, REGION, STREAM, Site

TEMPLATE = "arn:aws:kinesisvideo:${Region}:${Account}:stream/${StreamName}/${CreationTime}"
ANOTHER = f"arn:aws:kinesisvideo:{REGION}:{ACCOUNT}:stream/front-door/0"
BOTH_ALLOW = {
    "OrganizationsDecisionDetail": {"AllowedByOrganizations": True},
    "PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": True},
}
BOUNDARY_DENIES = {"PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": False}}
MISSING: dict[str, Any] = {"MissingContextValues": ["aws:SourceIp"]}
NOTHING: dict[str, Any] = {}


@pytest.mark.parametrize(
    ("decision", "details", "of_stream", "status", "words"),
    [
        ("implicitDeny", BOTH_ALLOW, {}, Status.FAILED, "add to the policies of"),
        # The decision for the resource counts, and not that for its template.
        (
            "implicitDeny",
            {"EvalResourceName": TEMPLATE},
            {"EvalResourceDecision": "allowed"},
            Status.PASSED,
            "may send",
        ),
        (
            "allowed",
            {},
            {"EvalResourceDecision": "implicitDeny", **BOUNDARY_DENIES},
            Status.FAILED,
            "change its permissions boundary",
        ),
        *(
            (decision, *missing, Status.UNKNOWN, "depends on aws:SourceIp")
            for decision in ("allowed", "implicitDeny", "explicitDeny")
            for missing in [(MISSING, NOTHING), (NOTHING, {"EvalResourceDecision": decision, **MISSING})]
        ),
    ],
)
def test_a_decision_is_that_for_the_stream(
    site: Site, decision: str, details: dict[str, Any], of_stream: dict[str, Any], status: Status, words: str
) -> None:
    another = {"EvalResourceName": ANOTHER, "EvalResourceDecision": "explicitDeny"}
    own = {"EvalResourceName": site.stream_arn(STREAM), **of_stream}

    def change(answer: dict[str, Any]) -> None:
        for result in answer["EvaluationResults"]:
            if result["EvalActionName"] == "kinesisvideo:PutMedia":
                specific = [another, own] if of_stream else []
                result.update(EvalDecision=decision, ResourceSpecificResults=specific, **details)

    with answers(site, SIMULATE, change):
        finding = site.examine()["may-put-media"]
    assert (finding.status, words in f"{finding.seen} {finding.fix}") == (status, True)


def test_it_is_told_what_is_known_and_a_denial_is_asked_again_without_the_things_name(site: Site) -> None:
    asked: list[dict[str, tuple[str, list[str]]]] = []

    def note(params: dict[str, Any], **_: object) -> None:
        if params["ActionNames"] == ["s3:PutObject"]:
            entries = params["ContextEntries"]
            asked.append({one["ContextKeyName"]: (one["ContextKeyType"], one["ContextKeyValues"]) for one in entries})

    with the_producer_may_not_put_images(site), site.doctor.handled(f"before-parameter-build.{SIMULATE}", note):
        site.examine()
    first, second = asked
    assert first["aws:SecureTransport"] == ("boolean", ["true"])
    assert first["aws:RequestedRegion"] == ("string", [REGION])
    assert first == {**second, "credentials-iot:ThingName": ("string", [STREAM])}
    assert "credentials-iot:ThingName" not in second


@pytest.mark.parametrize(("code", "status"), [("Throttling", 400), ("ServiceFailure", 500)])
def test_a_call_that_fails_decides_nothing(site: Site, monkeypatch: pytest.MonkeyPatch, code: str, status: int) -> None:
    # No time is left for another attempt.
    monkeypatch.setattr("random.uniform", lambda *_: 60)
    body = f"<ErrorResponse><Error><Code>{code}</Code><Message>Rate exceeded</Message></Error></ErrorResponse>"
    with site.doctor.handled(f"before-send.{SIMULATE}", lambda **_: http_answer(status, body.encode(), {})):
        finding = site.examine()["may-put-media"]
    assert finding.status == Status.UNKNOWN
    assert "Rate exceeded" in finding.seen
