"""Checks at synth whether IAM would refuse the policies of a role or a user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsii
from aws_cdk import aws_iam as iam
from constructs import IValidation

from ._jsii import once, principal_of, stack_of
from ._validation import has

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
MANAGED_POLICIES_OF_A_ROLE = 10
INLINE_CHARACTERS_OF_A_ROLE, INLINE_CHARACTERS_OF_A_USER, INLINE_CHARACTERS_OF_A_GROUP = 10_240, 2_048, 5_120
HIGHER_QUOTA = "cdk-kinesis-video:managed-policies-of-a-role"
"""The context key for an account's higher quota of managed policies."""

_MINIMIZE = "@aws-cdk/aws-iam:minimizePolicies"
_SHORTEST_ARN = len("arn:aws:s3:::abc")
_ADVICE = (
    "use `by_thing_name` for things that have the names of their streams, allow streams with a common prefix by one "
    "statement of your own with a wildcard"
)


def check_at_synth(grantee: iam.IGrantable) -> None:
    """Check the policies of a grantee once all grants are made; the check is added once for each grantee."""
    _check(principal_of(grantee))


@once
def _check(principal: Any) -> None:
    if has(principal, "node"):
        principal.node.add_validation(_FitsIntoIam(principal))


@jsii.implements(IValidation)
class _FitsIntoIam:
    def __init__(self, principal: Any) -> None:
        self._principal = principal

    def validate(self) -> list[str]:
        principal = self._principal
        problem = _too_many_managed(principal) if isinstance(principal, iam.Role) else _too_long(principal)
        return [] if problem is None else [f"`grantee` {principal.node.path!r} would have {problem}"]


def _too_many_managed(role: iam.Role) -> str | None:
    # CDK splits a role's own policy into managed policies when it exceeds the limit for inline policies.
    if not any(isinstance(child, iam.ManagedPolicy) for child in role.node.children):
        return None
    stack, resource = stack_of(role), role.node.default_child
    # Managed policies that name the role, besides those that the role names.
    policies = [node for node in stack.node.find_all() if isinstance(node, iam.CfnManagedPolicy)]
    role_name, *roles = stack.resolve([role.role_name, *(policy.roles for policy in policies)])
    count = sum(role_name in (names or ()) for names in roles)
    if isinstance(resource, iam.CfnRole):
        count += len(stack.resolve(resource.managed_policy_arns) or ())
    quota = role.node.try_get_context(HIGHER_QUOTA) or MANAGED_POLICIES_OF_A_ROLE
    if count <= quota:
        return None
    minimize = "" if role.node.try_get_context(_MINIMIZE) else f", set the context {_MINIMIZE!r} to true"
    return (
        f"{count} managed policies, IAM allows a role {quota}, {_ADVICE}{minimize}, use several roles, or set the "
        f"context {HIGHER_QUOTA!r} to the account's quota if that is higher"
    )


def _too_long(principal: Any) -> str | None:
    if isinstance(principal, iam.User):
        kind, most = "user", INLINE_CHARACTERS_OF_A_USER
    elif isinstance(principal, iam.Group):
        kind, most = "group", INLINE_CHARACTERS_OF_A_GROUP
    else:
        kind, most = "role", INLINE_CHARACTERS_OF_A_ROLE
    policies = [policy for policy in principal.node.find_all() if isinstance(policy, iam.CfnPolicy)]
    least = sum(_least_length(stack_of(policy).resolve(policy.policy_document)) for policy in policies)
    if least <= most:
        return None
    return f"inline policies of at least {least:,} characters, IAM allows a {kind} {most:,}, {_ADVICE}"


def _least_length(value: Any) -> int:
    """Count the characters of a policy, with the shortest possible ARN where only CloudFormation knows it."""
    if isinstance(value, Mapping):
        if "Fn::Join" in value:
            # The parts are one text, so each has no quotation marks of its own.
            return 2 + sum(_least_length(part) - 2 for part in value["Fn::Join"][1] if isinstance(part, str))
        if "Ref" in value or any(name.startswith("Fn::") for name in value):
            return _SHORTEST_ARN
        return 1 + sum(len(name) + 4 + _least_length(item) for name, item in value.items())
    if isinstance(value, list):
        return 1 + sum(1 + _least_length(item) for item in value)
    return len(str(value)) + 2
