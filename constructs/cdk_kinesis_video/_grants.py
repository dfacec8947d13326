"""Grants that warn if they can't be complete: a statement that this app can't add becomes a warning with its text.

A stream has no resource policy. Buckets, topics and keys have one, which needs a statement for a principal of
another account.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from aws_cdk import Annotations, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk.interfaces.aws_kinesisvideo import IStreamRef
from constructs import Construct

from ._jsii import account_of, account_of_grantee, is_owned, keeps_policies, principal_of, stack_of, takes_policies
from ._policy_size import check_at_synth
from ._streams import DeclaredStream
from ._validation import check_bool, check_type, given, has, is_known

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_sns as sns

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


def put_media_actions(tag_stream: Any) -> tuple[str, ...]:
    """List the actions that a producer needs to send video, and to tag its stream if requested."""
    check_bool("tag_stream", tag_stream)
    return (*PUT_MEDIA_ACTIONS, "kinesisvideo:TagStream") if tag_stream else PUT_MEDIA_ACTIONS


THING_NAME_KEY = "credentials-iot:ThingName"
"""The context key for the thing that got its credentials through an IoT role alias.

See https://docs.aws.amazon.com/iot/latest/developerguide/authorizing-direct-aws.html
"""
THING_NAME = f"${{{THING_NAME_KEY}}}"
"""The policy variable for the name of that thing.

See https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/how-iot.html
"""

PRINCIPAL_WITHOUT_POLICY = "cdk-kinesis-video:principal-without-policy"
ADD_TO_RESOURCE_POLICY = "cdk-kinesis-video:add-to-resource-policy"


@dataclass(frozen=True)
class Statement:
    """Actions on resources, for any grantee."""

    actions: Sequence[str]
    resources: Sequence[str]
    conditions: Mapping[str, Mapping[str, Any]] | None = None

    def text(self, scope: Construct, principal: iam.IPrincipal | None = None) -> str:
        """Return the statement as a policy has it."""
        statement = iam.PolicyStatement(
            actions=list(self.actions),
            resources=list(self.resources),
            principals=None if principal is None else [principal],
            conditions=self.conditions,
        )
        return json.dumps(stack_of(scope).resolve(statement.to_statement_json()), sort_keys=True)


def check_grantee(prop: str, grantee: Any) -> None:
    """Check that somebody can be granted something."""
    check_type(prop, grantee, has(grantee, "grant_principal"), "a role, a user or another grantee such as iam.Role")
    if isinstance(principal_of(grantee), iam.UnknownPrincipal):
        raise ValueError(f"`{prop}` is {given(grantee)}, which is imported without its role, pass the role itself")


def grant(scope: Construct, grantee: iam.IGrantable, statement: Statement) -> iam.Grant:
    """Allow in the grantee's own policy."""
    check_at_synth(grantee)
    made = iam.Grant.add_to_principal(
        grantee=grantee,
        actions=list(statement.actions),
        resource_arns=list(statement.resources),
        conditions=statement.conditions,
    )
    _warn_of_principal(scope, grantee, takes_policies(grantee, made) and keeps_policies(grantee), statement)
    return made


def grant_with_policy(
    scope: Construct, grantee: iam.IGrantable, statement: Statement, resource: s3.IBucket | sns.ITopic, name: str
) -> iam.Grant:
    """Allow on a bucket or topic, in its own policy as well if the grantee belongs to another account."""
    grantee = _for_this_account(scope, grantee)
    check_at_synth(grantee)
    made = iam.Grant.add_to_principal_or_resource(
        grantee=grantee,
        actions=list(statement.actions),
        resource_arns=list(statement.resources),
        resource=_as_policy_holder(resource),
        conditions=statement.conditions,
    )
    success = takes_policies(grantee) or made.success
    _warn_of_resource(scope, grantee, success, statement, resource, name)
    kept = success and (keeps_policies(grantee) or made.resource_statement is not None)
    _warn_of_principal(scope, grantee, kept, statement)
    return made


def grant_on_key(
    scope: Construct, grantee: iam.IGrantable, actions: Sequence[str], key: kms.IKey | None
) -> iam.Grant | None:
    """Allow actions on a customer managed key, in its policy as well; does nothing without a key."""
    if key is None:
        return None
    grantee = _for_this_account(scope, grantee)
    made = key.grant(grantee, *actions)
    # A custom key policy may not delegate to IAM. The key policy of another stack can't name a role without a cycle
    # between the stacks; that case depends on CDK's default policy, which delegates to IAM.
    in_key_policy = is_owned(key) and made.resource_statement is not None
    if is_owned(key) and not in_key_policy and _is_in_stack(grantee, stack_of(key)):
        # In the policy of a key `*` is that key.
        key.add_to_resource_policy(
            iam.PolicyStatement(actions=list(actions), resources=["*"], principals=[grantee.grant_principal])
        )
        in_key_policy = True
    _warn_of_resource(scope, grantee, made.success, Statement(actions, ("*",)), key, key.key_arn)
    kept = made.success and (in_key_policy or keeps_policies(grantee))
    _warn_of_principal(scope, grantee, kept, Statement(actions, (key.key_arn,)))
    return made


class _Combined(iam.Grant):
    """Grants that the CDK combines when they are read: few apps do that, and it takes a round trip for each stream."""

    _parts: list[iam.Grant]

    @classmethod
    def of(cls, parts: list[iam.Grant]) -> iam.Grant:
        combined = cls.__new__(cls)
        combined._parts = parts
        return combined

    def __getattr__(self, name: str) -> Any:
        # Every attribute of a grant comes from the CDK's object, which is created when it is first missing.
        parts = vars(self)["_parts"]
        if len(parts) > 1:
            parts[:] = [reduce(iam.Grant.combine, parts)]
        return getattr(parts[0], name)


def combine(first: iam.Grant, *others: iam.Grant | None) -> iam.Grant:
    parts = [part for grant in (first, *others) if grant is not None for part in vars(grant).get("_parts", [grant])]
    return _Combined.of(parts) if len(parts) > 1 else first


def stream_arn(stream: IStreamRef) -> str:
    """Make the ARN of a stream for a policy; for a stream imported by its name it is a pattern."""
    # The reference would ask the CDK for the name as well.
    arn: str | None = getattr(stream, "stream_arn", None)
    return arn or stream.stream_ref.stream_arn


def arn_for(grantee: iam.IGrantable, stream: IStreamRef) -> str:
    """Make the ARN of a stream for the policy of a grantee."""
    principal: Any = principal_of(grantee)
    if not isinstance(stream, DeclaredStream) or not has(principal, "node"):
        return stream_arn(stream)
    # The L2's ARN also works for other environments, which takes a second round trip.
    in_one_stack = stack_of(principal) is stack_of(stream.declared_in)
    return stream.cfn_stream.attr_arn if in_one_stack else stream_arn(stream)


def thing_arn(scope: Construct) -> str:
    """Make the ARN of the stream with the name of the thing whose credentials are used."""
    return stack_of(scope).format_arn(service="kinesisvideo", resource="stream", resource_name=f"{THING_NAME}/*")


def _for_this_account(scope: Construct, grantee: iam.IGrantable) -> iam.IGrantable:
    """Allow an AWS service to act for this account only: other accounts could make it act for them.

    See https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    principal: Any = principal_of(grantee)
    if has(principal, "node"):
        return grantee
    fragment = principal.policy_fragment
    keys = [key.lower() for condition in fragment.conditions.values() for key in condition]
    # aws:SourceIp, aws:SourceIdentity and aws:SourceVpc don't say for whom the service acts.
    limited_already = any(key.startswith(("aws:sourceaccount", "aws:sourcearn", "aws:sourceorg")) for key in keys)
    if "Service" not in fragment.principal_json or limited_already:
        return grantee
    if len(fragment.principal_json) > 1:
        raise ValueError(f"`grantee` is {given(principal)} of an AWS service and others, grant to each one separately")
    limited: iam.IGrantable = principal.with_conditions(
        {"StringEquals": {"aws:SourceAccount": account_of(stack_of(scope))}}
    )
    return limited


def _as_policy_holder(resource: Any) -> Any:
    # Both types satisfy the interface, although their generated Python types don't say so.
    return resource


def _is_of_another_account(grantee: iam.IGrantable, ours: Callable[[], str]) -> bool:
    # The grantee's account is usually a token; skip the lookup then.
    theirs = account_of_grantee(grantee)
    return theirs is not None and is_known(theirs) and is_known(ours()) and theirs != ours()


def _is_in_stack(grantee: Any, stack: Stack) -> bool:
    # A principal such as iam.ArnPrincipal is not a construct and belongs to no stack.
    return hasattr(grantee, "node") and stack_of(grantee).node.path == stack.node.path


def _warn_of_principal(scope: Construct, grantee: iam.IGrantable, success: bool, statement: Statement) -> None:
    foreign = _is_of_another_account(grantee, lambda: account_of(stack_of(scope)))
    if success and not foreign:
        return
    advice = (
        "; a stream has no policy of its own, so a principal of another account must assume a role of the stream's"
        if foreign and statement.actions[0].startswith("kinesisvideo:")
        else ""
    )
    Annotations.of(scope).add_warning_v2(
        PRINCIPAL_WITHOUT_POLICY,
        f"`grantee` {'is of another account' if foreign else 'accepts no policy'}, add this statement to its own "
        f"policy: {statement.text(scope)}{advice}",
    )


def _warn_of_resource(
    scope: Construct,
    grantee: iam.IGrantable,
    success: bool,
    statement: Statement,
    resource: s3.IBucket | sns.ITopic | kms.IKey,
    name: str,
) -> None:
    if is_owned(resource) or (success and not _is_of_another_account(grantee, lambda: resource.env.account)):
        return
    where = json.dumps(stack_of(scope).resolve(name)).strip('"')
    Annotations.of(scope).add_warning_v2(
        ADD_TO_RESOURCE_POLICY,
        f"{where} is imported, add this statement to its own policy: {statement.text(scope, grantee.grant_principal)}",
    )
