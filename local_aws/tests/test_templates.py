"""Templates that CloudFormation refuses, and exports that it protects."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from stacks import Stack, Template
from wire import Client

_numbers = itertools.count()


def bucket(**properties: Any) -> Template:
    return {"Type": "AWS::S3::Bucket", "Properties": properties}


def tagged(value: Any) -> Template:
    return {"Resources": {"Bucket": bucket(Tags=[{"Key": "k", "Value": value}])}}


def output(value: Any, **more: Any) -> Template:
    return {"Resources": {"Bucket": bucket()}, "Outputs": {"Name": {"Value": value, **more}}}


NEVER = {"Never": {"Fn::Equals": ["a", "b"]}}
UNRESOLVED = r"Template format error: Unresolved resource dependencies \[Nobody\] in the Resources block"
UNRESOLVED_OUTPUT = UNRESOLVED.replace("Resources block", "Outputs block")
UNDEFINED = "Template error: instance of Fn::GetAtt references undefined resource Nobody"
REFUSED: list[tuple[str, Template]] = [
    (UNRESOLVED, tagged({"Ref": "Nobody"})),
    (UNRESOLVED, tagged({"Fn::Join": ["", ["a", {"Fn::Select": [0, [{"Ref": "Nobody"}]]}]]})),
    (UNRESOLVED, tagged({"Fn::Sub": "a ${Nobody} b"})),
    (UNRESOLVED, tagged({"Fn::Sub": ["${Given}", {"Given": {"Ref": "Nobody"}}]})),
    (UNRESOLVED, {"Resources": {"Bucket": {**bucket(), "DependsOn": "Nobody"}}}),
    (UNRESOLVED, {"Resources": {"Bucket": {**bucket(), "DependsOn": ["Bucket2", "Nobody"]}, "Bucket2": bucket()}}),
    (UNRESOLVED, {"Resources": {"Bucket": {**bucket(), "Metadata": {"Ref": "Nobody"}}}}),
    # Also where it would not be used.
    (UNRESOLVED, {"Conditions": NEVER, **tagged({"Fn::If": ["Never", {"Ref": "Nobody"}, "a"]})}),
    (
        UNRESOLVED,
        {
            "Conditions": NEVER,
            "Resources": {"Nobody": {**bucket(), "Condition": "Never"}, **tagged({"Ref": "Nobody"})["Resources"]},
        },
    ),
    (r"\[AWS::Nothing\]", tagged({"Ref": "AWS::Nothing"})),
    (UNRESOLVED_OUTPUT, output({"Ref": "Nobody"})),
    (UNRESOLVED_OUTPUT, output({"Fn::Sub": "${Nobody}"})),
    (UNRESOLVED_OUTPUT, output("a", Export={"Name": {"Ref": "Nobody"}})),
    (UNDEFINED, tagged({"Fn::GetAtt": ["Nobody", "Arn"]})),
    (UNDEFINED, tagged({"Fn::GetAtt": "Nobody.Arn"})),
    (UNDEFINED, output({"Fn::GetAtt": ["Nobody", "Arn"]})),
    (
        UNDEFINED,
        {**tagged({"Fn::GetAtt": ["Nobody", "Arn"]}), "Parameters": {"Nobody": {"Type": "String", "Default": "a"}}},
    ),
    ("instance of Fn::Sub references invalid resource attribute Nobody.Arn", tagged({"Fn::Sub": "${Nobody.Arn}"})),
    ("variable names in Fn::Sub syntax must contain only", tagged({"Fn::Sub": "${no body}"})),
    (
        r"Cannot reference resources in the Conditions block",
        {"Conditions": {"C": {"Fn::Equals": [{"Ref": "Bucket"}, "a"]}}, **tagged("a")},
    ),
    (
        "Unresolved condition dependency Nowhere in the Conditions block",
        {"Conditions": {"C": {"Condition": "Nowhere"}}, **tagged("a")},
    ),
    ("Circular dependency between conditions", {"Conditions": {"A": {"Fn::Not": [{"Condition": "A"}]}}, **tagged("a")}),
    (
        "Unresolved condition dependency Nowhere in the Resources block",
        {"Resources": {"Bucket": {**bucket(), "Condition": "Nowhere"}}},
    ),
    ("Unresolved condition dependency Nowhere in the Resources block", tagged({"Fn::If": ["Nowhere", "a", "b"]})),
    ("Unresolved condition dependency Nowhere in the Outputs block", output("a", Condition="Nowhere")),
    (
        r"Circular dependency between resources: \[(A, B|B, A)\]",
        {"Resources": {"A": {**bucket(), "DependsOn": "B"}, "B": bucket(Tags=[{"Key": "k", "Value": {"Ref": "A"}}])}},
    ),
    (r"Circular dependency between resources: \[Bucket\]", tagged({"Ref": "Bucket"})),
    ("Resource name front-door is non alphanumeric", {"Resources": {"front-door": bucket()}}),
    (
        "Output name front-door is non alphanumeric",
        {"Resources": {"A": bucket()}, "Outputs": {"front-door": {"Value": "a"}}},
    ),
    ("Duplicate logical id Bucket", {"Parameters": {"Bucket": {"Type": "String", "Default": "a"}}, **tagged("a")}),
    ("Encountered unsupported function: Fn::Nothing", tagged({"Fn::Nothing": "a"})),
    (
        "Every DependsOn value must be a string",
        {"Resources": {"A": {**bucket(), "DependsOn": {"Ref": "B"}}, "B": bucket()}},
    ),
    ("Every Resources object must contain a Type member", {"Resources": {"A": {"Properties": {}}}}),
    (
        "Invalid template resource property 'DependOn'",
        {"Resources": {"A": {**bucket(), "DependOn": "B"}, "B": bucket()}},
    ),
    (r"Invalid template property or properties \[Resource\]", {"Resource": {}, **tagged("a")}),
    ("At least one Resources member must be defined", {"Resources": {}}),
    ("must contain a Value", {"Resources": {"A": bucket()}, "Outputs": {"Name": {"Description": "a"}}}),
    ("can't depend on a resource", output("a", Export={"Name": {"Ref": "Bucket"}})),
]


@pytest.mark.parametrize(
    ("complaint", "template"), REFUSED, ids=lambda value: value[:40] if isinstance(value, str) else ""
)
def test_a_template_is_refused_before_anything_is_made(client: Client, complaint: str, template: Template) -> None:
    cloudformation = client("cloudformation")
    body = json.dumps(template)

    with pytest.raises(ClientError, match=complaint):
        cloudformation.create_stack(StackName="refused", TemplateBody=body)
    with pytest.raises(ClientError, match=complaint):
        cloudformation.create_change_set(
            StackName="refused", ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=body
        )
    with pytest.raises(ClientError, match="does not exist"):
        cloudformation.describe_stacks(StackName="refused")


def test_what_a_template_may_refer_to(client: Client) -> None:
    template = {
        "Parameters": {"Named": {"Type": "String", "Default": "a"}},
        "Conditions": {**NEVER, "Always": {"Fn::Not": [{"Condition": "Never"}]}},
        "Resources": {
            "Unmade": {**bucket(), "Condition": "Never"},
            "Bucket": bucket(
                Tags=[
                    {"Key": "a", "Value": {"Fn::Sub": ["${Named} ${Own} ${!Literal} ${AWS::Region}", {"Own": "o"}]}},
                    {"Key": "b", "Value": {"Fn::If": ["Never", {"Ref": "Unmade"}, {"Ref": "Named"}]}},
                    {"Fn::If": ["Always", {"Key": "c", "Value": "c"}, {"Ref": "AWS::NoValue"}]},
                ]
            ),
            "Policy": {
                "Type": "AWS::S3::BucketPolicy",
                "DependsOn": ["Bucket"],
                "Properties": {
                    "Bucket": {"Ref": "Bucket"},
                    # Condition is a word of policies, too.
                    "PolicyDocument": {
                        "Statement": [
                            {
                                "Effect": "Deny",
                                "Principal": "*",
                                "Action": "s3:*",
                                "Resource": {"Fn::GetAtt": ["Bucket", "Arn"]},
                                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                            }
                        ]
                    },
                },
            },
        },
        "Outputs": {"Unmade": {"Value": {"Ref": "Unmade"}, "Condition": "Never"}, "Tag": {"Value": {"Ref": "Bucket"}}},
    }

    assert new_stack(client).deploy(template) == "CREATE_COMPLETE"


def test_a_name_that_is_given_twice_is_refused(client: Client) -> None:
    body = '{"Resources": {"A": {"Type": "AWS::S3::Bucket"}, "A": {"Type": "AWS::SNS::Topic"}}}'

    with pytest.raises(ClientError, match="duplicate key A"):
        client("cloudformation").create_stack(StackName="twice", TemplateBody=body)


def new_stack(client: Client) -> Stack:
    return Stack(client, f"stack{next(_numbers)}")


@pytest.fixture
def export() -> str:
    return f"export{next(_numbers)}"


def exporting(export: str, value: Any = "a") -> Template:
    return output(value, Export={"Name": export})


def importing(export: str) -> Template:
    return tagged({"Fn::Join": ["", [{"Fn::ImportValue": export}, "."]]})


def test_an_export_in_use_is_neither_changed_nor_removed_nor_deleted(client: Client, export: str) -> None:
    exporter, importer = new_stack(client), new_stack(client)
    assert exporter.deploy(exporting(export)) == "CREATE_COMPLETE"
    assert importer.deploy(importing(export)) == "CREATE_COMPLETE"

    assert exporter.deploy(exporting(export, "b")) == "UPDATE_ROLLBACK_COMPLETE"
    assert f"Export {export} cannot be updated as it is in use by {importer.name}" in exporter.reasons()
    assert exporter.deploy(output("b")) == "UPDATE_ROLLBACK_COMPLETE"
    assert f"Export {export} cannot be deleted as it is in use by {importer.name}" in exporter.reasons()
    with pytest.raises(ClientError, match=f"Export {export} cannot be deleted as it is in use by {importer.name}"):
        exporter.delete()
    exports = {one["Name"]: one["Value"] for one in client("cloudformation").list_exports()["Exports"]}
    assert exports[export] == "a"

    # Other changes succeed, and so does every change once nobody imports the export.
    assert exporter.deploy(output("a", Export={"Name": export}, Description="x")) == "UPDATE_COMPLETE"
    assert importer.deploy(tagged("nothing")) == "UPDATE_COMPLETE"
    assert exporter.deploy(exporting(export, "b")) == "UPDATE_COMPLETE"
    assert exporter.deploy(output("b")) == "UPDATE_COMPLETE"
    assert export not in [one["Name"] for one in client("cloudformation").list_exports()["Exports"]]


def test_the_name_of_an_export_is_taken_once(client: Client, export: str) -> None:
    first, second = new_stack(client), new_stack(client)
    assert first.deploy(exporting(export)) == "CREATE_COMPLETE"

    assert second.deploy(exporting(export, "b")) == "ROLLBACK_COMPLETE"
    assert f"Export with name {export} is already exported by stack {first.name}" in second.reasons()


def test_parameters_have_to_be_those_of_the_template(client: Client) -> None:
    stack = new_stack(client)
    parameterised = {"Parameters": {"Needed": {"Type": "String"}}, **tagged({"Ref": "Needed"})}

    with pytest.raises(ClientError, match="Needed"):
        stack.deploy(parameterised)
    given = [{"ParameterKey": name, "ParameterValue": "a"} for name in ("Needed", "Unknown")]
    with pytest.raises(ClientError, match=r"Parameters: \[Unknown\] do not exist in the template"):
        stack.deploy(parameterised, Parameters=given)
    assert stack.deploy(parameterised, Parameters=given[:1]) == "CREATE_COMPLETE"
    with pytest.raises(ClientError, match="No updates are to be performed"):
        stack.deploy(parameterised, Parameters=given[:1])


@pytest.mark.parametrize(
    "compared",
    [
        [{"Ref": "AWS::Region"}, "us-east-1"],
        [{"Fn::FindInMap": ["Sizes", {"Ref": "AWS::Region"}, "size"]}, "big"],
        [{"Fn::Join": ["-", [{"Ref": "Stage"}, "x"]]}, "prod-x"],
    ],
)
def test_a_condition_compares_whatever_cloudformation_lets_it(client: Client, compared: Any) -> None:
    template = {
        "Parameters": {"Stage": {"Type": "String", "Default": "prod"}},
        "Mappings": {"Sizes": {"us-east-1": {"size": "big"}}},
        "Conditions": {"Holds": {"Fn::Not": [{"Fn::Not": [{"Fn::Equals": compared}]}]}},
        "Resources": {"Bucket": bucket(), "Other": {**bucket(), "Condition": "Holds"}},
    }
    stack = new_stack(client)

    assert stack.deploy(template) == "CREATE_COMPLETE"
    assert set(stack.resources()) == {"Bucket", "Other"}


def test_a_stack_that_was_rolled_back_keeps_its_name_until_it_is_deleted(client: Client, export: str) -> None:
    stack = new_stack(client)
    assert stack.deploy(importing(export)) == "ROLLBACK_COMPLETE"

    body = json.dumps(tagged("a"))
    with pytest.raises(ClientError, match="already exists"):
        client("cloudformation").create_stack(StackName=stack.name, TemplateBody=body)
    stack.delete()
    client("cloudformation").get_waiter("stack_delete_complete").wait(StackName=stack.name, WaiterConfig={"Delay": 1})
    client("cloudformation").create_stack(StackName=stack.name, TemplateBody=body)
    assert stack.wait() == "CREATE_COMPLETE"


def test_a_nested_template_is_checked_as_well(client: Client) -> None:
    client("s3").create_bucket(Bucket="templates")
    client("s3").put_object(Bucket="templates", Key="dangling", Body=json.dumps(tagged({"Ref": "Nobody"})))
    url = f"{client('s3').meta.endpoint_url}/templates/dangling"
    nested = {"Resources": {"Nested": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": url}}}}
    stack = new_stack(client)

    assert stack.deploy(nested) == "ROLLBACK_COMPLETE"
    assert "Unresolved resource dependencies [Nobody] in the Resources block" in stack.reasons()


def test_a_bucket_of_a_template_has_its_encryption(client: Client) -> None:
    stack, name = new_stack(client), f"encrypted-{next(_numbers)}"
    key = client("kms").create_key()["KeyMetadata"]["Arn"]

    def encrypted(**default: str) -> Template:
        rule = {"ServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}
        declared = {"ServerSideEncryptionConfiguration": [rule]}
        return {"Resources": {"Bucket": bucket(BucketName=name, BucketEncryption=declared)}}

    def default() -> Any:
        encryption = client("s3").get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]
        return encryption["Rules"][0]["ApplyServerSideEncryptionByDefault"]

    assert stack.deploy(encrypted(SSEAlgorithm="aws:kms", KMSMasterKeyID=key)) == "CREATE_COMPLETE"
    assert default() == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    assert stack.deploy(encrypted(SSEAlgorithm="aws:kms:dsse", KMSMasterKeyID=key)) == "UPDATE_COMPLETE"
    assert default()["SSEAlgorithm"] == "aws:kms:dsse"
    assert stack.deploy(encrypted(SSEAlgorithm="aws:kms")) == "UPDATE_COMPLETE"
    put = client("s3").put_object(Bucket=name, Key="asset", ServerSideEncryption="aws:kms")  # as the CDK CLI uploads
    assert (put["ServerSideEncryption"], put["SSEKMSKeyId"]) == ("aws:kms", "alias/aws/s3")
    client("s3").delete_object(Bucket=name, Key="asset")
    assert stack.deploy({"Resources": {"Bucket": bucket(BucketName=name)}}) == "UPDATE_COMPLETE"
    assert default() == {"SSEAlgorithm": "AES256"}
    assert stack.deploy(encrypted(SSEAlgorithm="none")) == "UPDATE_ROLLBACK_COMPLETE"
