"""What a policy of a resource says of a request."""

from __future__ import annotations

from typing import Any

import pytest

from kinesis_video_doctor.policies import Judgement, Match, Request, judge

ACCOUNT, ROLE = "111122223333", "arn:aws:iam::111122223333:role/things/producer"
IMAGE = "arn:aws:s3:::images/cameras/111122223333_front-door_1700000000000_0.jpg"
REQUEST = Request(
    "s3:PutObject",
    IMAGE,
    ROLE,
    ACCOUNT,
    {"aws:SecureTransport": "true", "aws:PrincipalArn": ROLE, "aws:RequestedRegion": "us-east-1"},
)
NO, MAYBE, YES = Match.NO, Match.MAYBE, Match.YES


def denies(**statement: Any) -> Match:
    return judged("Deny", **statement).denies


def judged(effect: str, request: Request = REQUEST, **statement: Any) -> Judgement:
    statement = {"Effect": effect, "Principal": "*", "Action": "s3:PutObject", "Resource": "*", **statement}
    for element in "Principal", "Action", "Resource":
        if f"Not{element}" in statement:
            del statement[element]
    # A statement alone may stand without a list.
    return judge({"Statement": statement}, request)


@pytest.mark.parametrize(
    ("principal", "allows", "delegates", "denied"),
    [
        ("*", YES, NO, YES),
        ({"AWS": "*"}, YES, NO, YES),
        ({"AWS": ROLE}, YES, NO, YES),
        ({"AWS": ["arn:aws:iam::111122223333:role/other", ROLE]}, YES, NO, YES),
        ({"AWS": ACCOUNT}, NO, YES, YES),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, NO, YES, YES),
        ({"AWS": "arn:aws:iam::444455556666:root"}, NO, NO, NO),
        ({"AWS": f"arn:aws:sts::{ACCOUNT}:assumed-role/producer/camera-1"}, MAYBE, NO, MAYBE),
        ({"AWS": f"arn:aws:sts::{ACCOUNT}:assumed-role/other/camera-1"}, NO, NO, NO),
        ({"Service": "kinesisvideo.amazonaws.com"}, NO, NO, NO),
        ({"AWS": "AIDAEXAMPLE"}, NO, NO, NO),
        (["of another form"], MAYBE, MAYBE, MAYBE),
    ],
)
def test_principals(principal: Any, allows: Match, delegates: Match, denied: Match) -> None:
    allowed = judged("Allow", Principal=principal)
    assert (allowed.allows, allowed.delegates, allowed.denies) == (allows, delegates, NO)
    assert denies(Principal=principal) == denied


def test_what_is_for_all_but_some_depends_on_sessions() -> None:
    assert denies(NotPrincipal={"AWS": ROLE}) == MAYBE


def test_a_producer_that_is_not_known_may_be_any_of_its_account() -> None:
    unknown = Request("s3:PutObject", IMAGE, None, ACCOUNT)
    assert judged("Deny", unknown, Principal={"AWS": ROLE}).denies == MAYBE
    assert judged("Deny", unknown, Principal={"AWS": "arn:aws:iam::444455556666:role/producer"}).denies == NO
    assert judged("Deny", unknown).denies == YES


@pytest.mark.parametrize(
    ("element", "value", "match"),
    [
        ("Action", "s3:putobject", YES),
        ("Action", "s3:Put*", YES),
        ("Action", ["s3:GetObject", "*"], YES),
        ("Action", "s3:GetObject", NO),
        ("NotAction", "s3:Get*", YES),
        ("NotAction", ["s3:PutObject"], NO),
        ("Resource", IMAGE, YES),
        ("Resource", "arn:aws:s3:::images/*", YES),
        ("Resource", "arn:aws:s3:::images/cameras/????????????_front-door_*", YES),
        ("Resource", "arn:aws:s3:::Images/*", NO),
        # Each star tried with each other would take longer than anybody waits.
        ("Resource", "arn:aws:s3:::images/" + "*0" * 12 + "*!", NO),
        ("Resource", "arn:aws:s3:::*" + "*0" * 12 + "*.jpg", YES),
        ("Resource", "arn:aws:s3:::images", NO),
        ("Resource", "arn:aws:s3:::images/${aws:username}/*", MAYBE),
        ("Resource", "arn:aws:s3:::images/${aws:username}.jpg", MAYBE),
        ("Resource", "arn:aws:s3:::images/${aws:username}.png", NO),
        ("Resource", "arn:aws:s3:::${aws:username}/*", MAYBE),
        ("NotResource", "*.jpg", NO),
        ("NotResource", "*.png", YES),
        ("NotResource", "arn:aws:s3:::${aws:username}/*", MAYBE),
    ],
)
def test_actions_and_resources(element: str, value: Any, match: Match) -> None:
    assert denies(**{element: value}) == match


@pytest.mark.parametrize(
    ("condition", "match"),
    [
        ({"Bool": {"aws:SecureTransport": "false"}}, NO),
        ({"Bool": {"AWS:securetransport": "true"}}, YES),
        ({"BoolIfExists": {"aws:SecureTransport": ["false"]}}, NO),
        ({"Null": {"aws:SecureTransport": "true"}}, NO),
        ({"Null": {"aws:SecureTransport": "false"}}, YES),
        ({"StringEquals": {"aws:PrincipalArn": ROLE}}, YES),
        ({"StringEquals": {"aws:PrincipalArn": ROLE.upper()}}, NO),
        ({"StringEqualsIgnoreCase": {"aws:PrincipalArn": ROLE.upper()}}, YES),
        ({"ArnNotLike": {"aws:PrincipalArn": [f"arn:aws:iam::{ACCOUNT}:role/things/*"]}}, NO),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::444455556666:*"}}, NO),
        ({"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}}, YES),
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, MAYBE),
        ({"StringNotEqualsIfExists": {"aws:SourceVpce": "vpce-1"}}, MAYBE),
        ({"Null": {"s3:x-amz-server-side-encryption": "true"}}, MAYBE),
        ({"StringLike": {"aws:PrincipalArn": "arn:aws:iam::${aws:PrincipalAccount}:*"}}, MAYBE),
        ({"ForAnyValue:StringLike": {"aws:RequestedRegion": "us-*"}}, MAYBE),
        ({"Bool": {"aws:SecureTransport": "false"}, "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, NO),
        ({"StringEquals": {"aws:PrincipalArn": ROLE, "aws:SourceVpc": "vpc-1"}}, MAYBE),
    ],
)
def test_conditions(condition: Any, match: Match) -> None:
    assert denies(Condition=condition) == match


def test_the_statement_that_is_surest_to_deny_is_told() -> None:
    everybody = {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}
    statements = [
        {"Sid": "Other", **everybody, "Action": "s3:GetObject"},
        {"Sid": "Perhaps", **everybody, "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
        {"Sid": "Surely", **everybody},
    ]
    assert judge({"Statement": statements}, REQUEST).denying["Sid"] == "Surely"
    assert judge({"Statement": statements[:2]}, REQUEST).denying["Sid"] == "Perhaps"
    assert judge({}, REQUEST) == Judgement()


@pytest.mark.parametrize(
    ("allows", "delegates", "allowed", "same_account", "match"),
    [
        (YES, NO, True, True, YES),
        (YES, NO, False, True, YES),
        (YES, NO, True, False, YES),
        (YES, NO, False, False, NO),
        (NO, YES, True, True, YES),
        (NO, YES, False, True, NO),
        (NO, YES, True, False, YES),
        (NO, NO, True, True, NO),
        (MAYBE, NO, False, True, MAYBE),
        (NO, MAYBE, True, False, MAYBE),
    ],
)
def test_both_policies_together(
    allows: Match, delegates: Match, allowed: bool, same_account: bool, match: Match
) -> None:
    assert Judgement(allows, delegates).together(allowed=allowed, same_account=same_account) == match
