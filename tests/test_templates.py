"""What CloudFormation makes of a template's values."""

from __future__ import annotations

from typing import Any

import pytest

from tests.templates import PSEUDO_PARAMETERS, resolve, stringify


def known(logical_id: str, attribute: str) -> str:
    return f"{logical_id}/{attribute}"


@pytest.mark.parametrize(
    ("value", "resolved"),
    [
        ({"Ref": "Bucket"}, "Bucket/Ref"),
        ({"Ref": "AWS::Region"}, "us-east-1"),
        ({"Fn::GetAtt": ["Bucket", "Arn"]}, "Bucket/Arn"),
        ({"Fn::GetAtt": "Nested.Outputs.Arn"}, "Nested/Outputs.Arn"),
        ({"Fn::Join": ["/", ["s3:/", {"Ref": "Bucket"}, 1]]}, "s3://Bucket/Ref/1"),
        ({"Fn::Sub": "arn:${AWS::Partition}:s3:::${Bucket}/${Bucket.Arn}"}, "arn:aws:s3:::Bucket/Ref/Bucket/Arn"),
        (
            {"Fn::Sub": ["${name} of ${Bucket}, not ${!this}", {"name": {"Ref": "Name"}}]},
            "Name/Ref of Bucket/Ref, not ${this}",
        ),
        ({"A": [{"Ref": "B"}, 1, True], "C": {}}, {"A": ["B/Ref", 1, True], "C": {}}),
    ],
)
def test_intrinsic_functions_are_done_at_every_depth(value: Any, resolved: Any) -> None:
    assert resolve(value, known) == resolved


def test_a_stack_may_be_of_another_region() -> None:
    elsewhere = {**PSEUDO_PARAMETERS, "AWS::Region": "eu-west-1"}
    assert resolve({"Ref": "AWS::Region"}, known, elsewhere) == "eu-west-1"


def test_what_is_not_in_the_template_is_an_error() -> None:
    with pytest.raises(KeyError):
        resolve({"Ref": "Nobody"}, lambda name, _attribute: {"Somebody": "1"}[name])


def test_every_scalar_becomes_text() -> None:
    assert stringify({"A": [1, 2.5, True, False, "text"], "B": {"C": 0}}) == {
        "A": ["1", "2.5", "true", "false", "text"],
        "B": {"C": "0"},
    }
