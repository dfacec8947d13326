"""The values of a deployed template's expressions, as CloudFormation evaluates them, in JSON and YAML."""

from __future__ import annotations

import re
from typing import Any

import pytest

from kinesis_video_tools.template import UnknownValueError, Values, parse_template

DESCRIBED = {
    "StackId": "arn:aws:cloudformation:eu-west-1:111122223333:stack/Cameras/1",
    "StackName": "Cameras",
    "Parameters": [
        {"ParameterKey": "Hidden", "ParameterValue": "****"},
        {"ParameterKey": "Stage", "ParameterValue": "prod"},
        {"ParameterKey": "Folders", "ParameterValue": "a, b,c"},
        {"ParameterKey": "Placeholder", "ParameterValue": "${!x}"},
        {"ParameterKey": "Stored", "ParameterValue": "/name", "ResolvedValue": "stored"},
    ],
}
ROWS = [
    {"LogicalResourceId": "Bucket", "PhysicalResourceId": "images"},
    {"LogicalResourceId": "Pending"},
    {"LogicalResourceId": "Nested", "PhysicalResourceId": "nested-id"},
]
OUTPUTS = {"nested-id": {"Of.Nested": "of-nested"}}
TEMPLATE = {
    "Parameters": {"Stage": {"Type": "String"}, "Folders": {"Type": "CommaDelimitedList"}},
    "Mappings": {"ByStage": {"prod": {"width": 640, "folder": "p"}}},
    "Conditions": {
        "IsProd": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]},
        "IsTest": {"Fn::Not": [{"Condition": "IsProd"}]},
        "Both": {"Fn::And": [{"Condition": "IsProd"}, {"Condition": "IsTest"}]},
        "Any": {"Fn::Or": [{"Condition": "IsProd"}, {"Condition": "IsTest"}]},
        "OfUnknown": {"Fn::Equals": [{"Ref": "Hidden"}, "x"]},
        "OfMangled": {"Fn::Equals": ["?", "?"]},
        "Numbers": {"Fn::Equals": [1, "1"]},
        "Truths": {"Fn::Equals": [True, "true"]},
    },
}


def values(template: Any = TEMPLATE) -> Values:
    return Values(template, DESCRIBED, ROWS, lambda: {"exported": "of-others"}, OUTPUTS.__getitem__)


def unless(condition: str) -> dict[str, Any]:
    return {"Fn::If": [condition, "yes", "no"]}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ({"Ref": "Bucket"}, "images"),
        ({"Ref": "AWS::Partition"}, "aws"),
        ({"Ref": "Stored"}, "stored"),
        ({"Ref": "Folders"}, ["a", "b", "c"]),
        ({"Fn::Join": ["/", {"Ref": "Folders"}]}, "a/b/c"),
        ({"Fn::Join": ["", ["s3://", {"Ref": "Bucket"}, "/", 1, True]]}, "s3://images/1true"),
        ({"Fn::Select": ["1", {"Fn::Split": ["-", "a-b"]}]}, "b"),
        ({"Fn::Select": [{"Fn::FindInMap": ["ByStage", "none", "n", {"DefaultValue": 2}]}, {"Ref": "Folders"}]}, "c"),
        ({"Fn::FindInMap": ["ByStage", {"Ref": "Stage"}, "width"]}, 640),
        ({"Fn::ImportValue": {"Fn::Sub": "${Imported}"}}, None),
        ({"Fn::ImportValue": "exported"}, "of-others"),
        ({"Fn::Sub": "s3://${Bucket}/${AWS::Region}/${!Literal}/"}, "s3://images/eu-west-1/${Literal}/"),
        ({"Fn::Sub": "${Placeholder}/${!y}"}, "${!x}/${y}"),
        ({"Fn::GetAtt": ["Nested", "Outputs.Of.Nested"]}, "of-nested"),
        ({"Fn::Sub": "${Nested.Outputs.Of.Nested}/"}, "of-nested/"),
        ({"Fn::Sub": ["${Bucket}/${f}", {"f": {"Ref": "Stage"}, "Bucket": "mine"}]}, "mine/prod"),
        (unless("IsProd"), "yes"),
        (unless("IsTest"), "no"),
        (unless("Both"), "no"),
        (unless("Any"), "yes"),
        (unless("Numbers"), "yes"),
        (unless("Truths"), "yes"),
        ({"a": {"Fn::If": ["IsTest", 1, {"Ref": "AWS::NoValue"}]}, "b": 2}, {"b": 2}),
        ([{"Fn::If": ["IsTest", 1, {"Ref": "AWS::NoValue"}]}, 2], [2]),
        ({"Fn::If": ["IsTest", {"Ref": "Hidden"}, "known"]}, "known"),
        # A megabyte, as a template may have, of what has no end: hours, if each looked for its own.
        ("{{resolve:" * 100_000, "{{resolve:" * 100_000),
        ({"Fn::Sub": "${" * 500_000}, "${" * 500_000),
    ],
    ids=lambda value: str(value)[:60],
)
def test_expressions_have_the_values_that_cloudformation_gives_them(expression: Any, value: Any) -> None:
    if value is None:
        with pytest.raises(UnknownValueError):
            values().resolve(expression)
    else:
        assert values().resolve(expression) == value


@pytest.mark.parametrize(
    "expression",
    [
        "s3://{{resolve:ssm:/bucket:1}}/",
        {"Fn::Join": ["", ["s3://{{resolve:ssm:/", {"Ref": "AWS::StackName"}, ":1}}/"]]},
        # CloudFormation says so of a parameter with NoEcho.
        {"Fn::Join": ["", ["s3://", {"Ref": "Hidden"}, "/"]]},
        {"Ref": "Pending"},
        {"Fn::GetAtt": ["Bucket", "Arn"]},
        {"Fn::Sub": "${Bucket.Arn}"},
        {"Fn::GetAtt": ["Nested", "Outputs.Other"]},
        {"Ref": ["Bucket"]},
        # CloudFormation executes 't\xfcr', and tells so of it.
        "s3://images/t?r/",
        unless("OfMangled"),
        {"Fn::Sub": ["${Given}", {}]},
        unless("OfUnknown"),
        unless("Nowhere"),
        {"Fn::If": ["IsProd", "yes"]},
        {"Fn::FindInMap": ["ByStage", "none", "width"]},
        {"Fn::ImportValue": "nobody-exports-it"},
        {"Fn::Select": ["9", ["a"]]},
        {"Fn::Select": ["-1", ["a"]]},
        {"Fn::Join": "nonsense"},
        {"Fn::Join": ["", [{"a": 1, "b": 2}]]},
        {"Fn::GetAZs": ""},
    ],
)
def test_a_value_that_only_cloudformation_knows_is_not_taken_for_one(expression: Any) -> None:
    with pytest.raises(UnknownValueError):
        values().resolve({"DestinationConfig": {"Uri": expression}})


def test_each_condition_is_evaluated_once() -> None:
    """Sixty that each name the one before twice would take longer than anybody waits."""
    conditions: dict[str, Any] = {"C0": {"Fn::Equals": ["a", "a"]}}
    for number in range(1, 61):
        conditions[f"C{number}"] = {"Fn::And": [{"Condition": f"C{number - 1}"}] * 2}

    assert values({"Conditions": conditions}).resolve({"Fn::If": ["C60", "yes", "no"]}) == "yes"


YAML = """\
AWSTemplateFormatVersion: 2010-09-09
Parameters:
  Folders: {Type: CommaDelimitedList}
Mappings:
  ByStage: {prod: {folder: p}}
  ByAccount: {111122223333: {size: 1.10}}
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
  Either: !Or [!Condition IsProd, !Not [!Condition IsProd]]
Resources:
  Images:
    Type: Custom::KinesisVideoImageGeneration
    Properties:
      Uri: !Sub
        - s3://${Bucket}/${Folder}/${Of}/
        - Folder: !FindInMap [ByStage, !Ref Stage, folder]
          Of: !Select [1, !Split ["-", !Join ["-", !Ref Folders]]]
      Status: !If [Either, ENABLED, DISABLED]
      Width: !If [IsProd, !Ref AWS::NoValue, 640]
      Size: !FindInMap [ByAccount, !Ref AWS::AccountId, size]
      Imported: !ImportValue exported
      Long:
        Fn::Sub: "${AWS::StackName}"
"""


def test_yaml_has_the_same_values_and_dates_stay_text() -> None:
    template = parse_template(YAML)
    assert template["AWSTemplateFormatVersion"] == "2010-09-09"
    assert values(template).resolve(template["Resources"]["Images"]["Properties"]) == {
        "Uri": "s3://images/p/b/",
        "Status": "ENABLED",
        "Size": "1.10",
        "Imported": "of-others",
        "Long": "Cameras",
    }
    assert parse_template("Attribute: !GetAtt A.B.C") == {"Attribute": {"Fn::GetAtt": ["A", "B.C"]}}
    assert parse_template(TEMPLATE) == TEMPLATE


@pytest.mark.parametrize("body", ["just: [text", "text", "!!python/object/apply:os.system [ls]"])
def test_what_is_no_template_is_said(body: str) -> None:
    with pytest.raises(ValueError, match=re.escape("the stack's template is n")):
        parse_template(body)
