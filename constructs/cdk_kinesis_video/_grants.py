"""Grants that say so when they can't be complete: what this app may not write itself becomes a warning with the text.

A stream has no resource policy. Buckets, topics and keys have one, and need a statement there for a principal of
another account.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from aws_cdk import Annotations, Resource, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk.interfaces.aws_kinesisvideo import IStreamRef
from constructs import Construct

from ._identity import known_of, stream_of_app
from ._validation import is_known

# Sorted. https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/how-iam.html
PUT_MEDIA_ACTIONS = (
    "kinesisvideo:DescribeStream",
    "kinesisvideo:GetDataEndpoint",
    "kinesisvideo:PutMedia",
)
READ_ACTIONS = (
    "kinesisvideo:DescribeStream",
    "kinesisvideo:GetClip",
    "kinesisvideo:GetDASHStreamingSessionURL",
    "kinesisvideo:GetDataEndpoint",
    "kinesisvideo:GetHLSStreamingSessionURL",
    "kinesisvideo:GetImages",
    "kinesisvideo:GetMedia",
    "kinesisvideo:GetMediaForFragmentList",
    "kinesisvideo:ListFragments",
)
# https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/how-kms.html
PUT_MEDIA_KEY_ACTIONS = ("kms:GenerateDataKey",)
READ_KEY_ACTIONS = ("kms:Decrypt",)
# https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/s3-real-time-image-create.html: the page doesn't say for
# which of the two keys each is, so they are given for both.
IMAGE_KEY_ACTIONS = ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey")
# https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
PUBLISH_KEY_ACTIONS = ("kms:Decrypt", "kms:GenerateDataKey")

THING_NAME = "${credentials-iot:ThingName}"
"""The policy variable that stands for the thing which has got its credentials through an IoT role alias.

See https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/how-iot.html
"""

NO_UPLOADER = "cdk-kinesis-video:no-uploader"
PRINCIPAL_WITHOUT_POLICY = "cdk-kinesis-video:principal-without-policy"
ADD_TO_RESOURCE_POLICY = "cdk-kinesis-video:add-to-resource-policy"
UNKNOWN_STREAM_KEY = "cdk-kinesis-video:unknown-stream-key"

Conditions = Mapping[str, Mapping[str, Any]]


def grant_on_stream(
    scope: Construct, grantee: iam.IGrantable, actions: Sequence[str], stream: IStreamRef, stream_arn: str | None = None
) -> iam.Grant:
    """Allow actions on a stream."""
    arn = stream_arn or iam_arn(stream)
    grant = iam.Grant.add_to_principal(grantee=grantee, actions=list(actions), resource_arns=[arn])
    _warn_of_principal(scope, grantee, grant, actions, [arn], None)
    return grant


def grant_on_resource(
    scope: Construct,
    grantee: iam.IGrantable,
    actions: Sequence[str],
    resource_arns: Sequence[str],
    resource: s3.IBucket | sns.ITopic,
    name: str,
    conditions: Conditions | None = None,
) -> iam.Grant:
    """Allow actions on a bucket or topic, in its own policy as well if the grantee is of another account."""
    grant = iam.Grant.add_to_principal_or_resource(
        grantee=grantee,
        actions=list(actions),
        resource_arns=list(resource_arns),
        resource=_as_policy_holder(resource),
        conditions=conditions,
    )
    _warn_of_resource(scope, grantee, grant, actions, resource_arns, conditions, resource, name)
    _warn_of_principal(scope, grantee, grant, actions, resource_arns, conditions)
    return grant


def grant_on_key(
    scope: Construct, grantee: iam.IGrantable, actions: Sequence[str], key: kms.IKey | None
) -> iam.Grant | None:
    """Allow actions with a customer managed key, in its policy as well; there is nothing to do without a key."""
    if key is None:
        return None
    grant = key.grant(grantee, *actions)
    owned = Resource.is_owned_resource(key)
    # A key whose policy was written by hand may leave nothing to IAM. Into another stack's key policy no role can go
    # without a circle between the stacks; there CDK's default policy, which leaves it to IAM, has to do.
    if owned and grant.resource_statement is None and _is_in_stack(grantee, Stack.of(key)):
        key.add_to_resource_policy(
            iam.PolicyStatement(actions=list(actions), resources=["*"], principals=[grantee.grant_principal])
        )
    _warn_of_resource(scope, grantee, grant, actions, ["*"], None, key, key.key_arn)
    _warn_of_principal(scope, grantee, grant, actions, [key.key_arn], None)
    return grant


def combine(first: iam.Grant, *others: iam.Grant | None) -> iam.Grant:
    """Make one grant of several."""
    for other in others:
        if other is not None:
            first = first.combine(other)
    return first


def iam_arn(stream: IStreamRef) -> str:
    """Make the ARN of a stream for a policy; of one imported by its name it is a pattern."""
    # The reference would ask CDK for the name as well.
    arn: str | None = getattr(stream, "stream_arn", None)
    return arn or stream.stream_ref.stream_arn


def thing_arn(scope: Construct) -> str:
    """Make the ARN of the stream that has the name of the thing whose credentials are used."""
    return Stack.of(scope).format_arn(service="kinesisvideo", resource="stream", resource_name=f"{THING_NAME}/*")


def key_of(scope: Construct, stream: IStreamRef) -> kms.IKey | None:
    """Find the customer managed key of a stream."""
    key: kms.IKey | None = getattr(stream, "encryption_key", None)
    if key is not None:
        return key
    resource = stream_of_app(stream)
    # A mixin is given the L1 of a VideoStream, which knows the key itself.
    if resource is stream:
        key = cast("kms.IKey | None", getattr(resource.node.scope, "encryption_key", None))
        if key is not None:
            return key
    key_id = None if resource is None else resource.kms_key_id
    if resource is None or key_id is None or key_id == "alias/aws/kinesisvideo":
        return None
    found = resource.node.try_find_child("cdk-kinesis-video:Key")
    if found is not None:
        return cast("kms.IKey", found)
    if _is_key_arn(Stack.of(resource).resolve(key_id)):
        return kms.Key.from_key_arn(resource, "cdk-kinesis-video:Key", key_id)
    # A key id or an alias is good for no policy.
    Annotations.of(scope).add_warning_v2(
        UNKNOWN_STREAM_KEY,
        "the stream's `kms_key_id` is no ARN, so no right to its key was granted; give the key's ARN, or declare the "
        "stream as VideoStream(encryption_key=...)",
    )
    return None


def _is_key_arn(key_id: Any) -> bool:
    if isinstance(key_id, str):
        return key_id.startswith("arn:") and ":key/" in key_id
    return isinstance(key_id, dict) and list(key_id.get("Fn::GetAtt", []))[1:] == ["Arn"]


def _as_policy_holder(resource: Any) -> Any:
    # The types of both have what the interface asks for, which their generated Python types don't say.
    return resource


def _is_of_another_account(grantee: iam.IGrantable, ours: str) -> bool:
    theirs = known_of(known_of(grantee, "grant_principal"), "principal_account")
    return theirs is not None and is_known(theirs) and is_known(ours) and theirs != ours


def _is_in_stack(grantee: Any, stack: Stack) -> bool:
    # A principal such as iam.ArnPrincipal is no construct and in no stack.
    return hasattr(grantee, "node") and Stack.of(grantee).node.path == stack.node.path


def _warn_of_principal(
    scope: Construct,
    grantee: iam.IGrantable,
    grant: iam.Grant,
    actions: Sequence[str],
    resource_arns: Sequence[str],
    conditions: Conditions | None,
) -> None:
    foreign = _is_of_another_account(grantee, known_of(Stack.of(scope), "account"))
    if grant.success and not foreign:
        return
    advice = (
        "; a stream has no policy of its own, so let a principal of another account assume a role of the stream's"
        if foreign and actions[0].startswith("kinesisvideo:")
        else ""
    )
    Annotations.of(scope).add_warning_v2(
        PRINCIPAL_WITHOUT_POLICY,
        f"`grantee` {'is of another account' if foreign else 'takes no policy'}, add this statement to its own policy: "
        f"{_statement(scope, actions, resource_arns, conditions, None)}{advice}",
    )


def _warn_of_resource(
    scope: Construct,
    grantee: iam.IGrantable,
    grant: iam.Grant,
    actions: Sequence[str],
    resource_arns: Sequence[str],
    conditions: Conditions | None,
    resource: s3.IBucket | sns.ITopic | kms.IKey,
    name: str,
) -> None:
    if Resource.is_owned_resource(resource):
        return
    if grant.success and not _is_of_another_account(grantee, resource.env.account):
        return
    statement = _statement(scope, actions, resource_arns, conditions, grantee)
    where = json.dumps(Stack.of(scope).resolve(name)).strip('"')
    Annotations.of(scope).add_warning_v2(
        ADD_TO_RESOURCE_POLICY,
        f"{where} is imported, add this statement to its own policy: {statement}",
    )


def _statement(
    scope: Construct,
    actions: Sequence[str],
    resource_arns: Sequence[str],
    conditions: Conditions | None,
    grantee: iam.IGrantable | None,
) -> str:
    statement = iam.PolicyStatement(
        actions=list(actions),
        resources=list(resource_arns),
        principals=None if grantee is None else [grantee.grant_principal],
        conditions=conditions,
    )
    return json.dumps(Stack.of(scope).resolve(statement.to_statement_json()), sort_keys=True)
