"""Caches of the CDK's answers that never change and that many streams share.

The CDK runs in a separate process; each answer takes a round trip of about 0.5 ms. jsii keeps every construct until its
process ends, so these caches keep nothing alive that jsii would free.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from aws_cdk import Duration, Resource, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import IConstruct

_Owner = TypeVar("_Owner")
_Answer = TypeVar("_Answer")


def once(ask: Callable[[_Owner], _Answer]) -> Callable[[_Owner], _Answer]:
    """Cache each answer, and keep the types: `functools.cache` accepts any hashable arguments."""
    kept: Any = cache(ask)
    answers: Callable[[_Owner], _Answer] = kept
    return answers


@once
def stack_of(construct: IConstruct) -> Stack:
    """Find the stack: saves a trip for each further stream of a scope, and two for each grant."""
    return construct if isinstance(construct, Stack) else Stack.of(construct)


@once
def region_of(stack: Stack) -> str:
    """Find the Region: saves two trips for each further stream."""
    return stack.region


@once
def account_of(stack: Stack) -> str:
    """Find the account: saves two trips for each grant."""
    return stack.account


@once
def partition_of(region: str) -> str:
    """Find a Region's partition, or "" if the CDK doesn't know it: saves two trips for each further imported stream."""
    from aws_cdk.region_info import RegionInfo

    return RegionInfo.get(region).partition or ""


@once
def bucket_region_of(bucket: s3.IBucket) -> str:
    """Find the bucket's Region: saves two trips for each further stream of a known Region."""
    return bucket.env.region


@once
def bucket_name_of(bucket: s3.IBucket) -> str:
    """Find the bucket's name: saves a trip for each further stream, and one for each grant."""
    return bucket.bucket_name


@once
def bucket_arn_of(bucket: s3.IBucket) -> str:
    """Find the bucket's ARN: saves a trip for each grant."""
    return bucket.bucket_arn


@once
def bucket_key_of(bucket: s3.IBucket) -> kms.IKey | None:
    """Find the bucket's key: saves a trip for each grant."""
    return bucket.encryption_key


@once
def is_owned(resource: IConstruct) -> bool:
    """Return whether the app declares the bucket: saves a trip for each grant."""
    return Resource.is_owned_resource(resource)


@once
def principal_of(grantee: iam.IGrantable) -> iam.IPrincipal:
    """Find the principal of a grant: saves a trip for each statement of a grant."""
    return grantee.grant_principal


@once
def account_of_grantee(grantee: iam.IGrantable) -> str | None:
    """Find the grantee's account: saves two trips for each statement of a grant."""
    return principal_of(grantee).principal_account


@once
def millis_of(duration: Duration) -> float:
    """Convert to milliseconds: saves a trip for each further stream that shares a Duration."""
    # jsii doesn't round: asked for an integral number, it raises its own error with an internal stack trace.
    return duration.to_milliseconds(integral=False)


@once
def is_token(text: str) -> bool:
    """Return whether text that looks like a token has one: saves a trip for each use of a shared bucket or Region."""
    return Token.is_unresolved(text)


_takers: set[iam.IGrantable] = set()


def takes_policies(grantee: iam.IGrantable, grant: iam.Grant | None = None) -> bool:
    """Return whether the grantee accepts statements, all of them if it accepted one: saves a trip for each."""
    if grantee not in _takers and grant is not None and grant.success:
        _takers.add(grantee)
    return grantee in _takers


@once
def keeps_policies(grantee: iam.IGrantable) -> bool:
    """Return whether the grantee has a policy after it accepted a statement: saves three trips for each.

    A role that was imported with ``mutable=False``, or is ``without_policy_updates()``, accepts every statement and
    drops it. It then has no policy, while every other role has one as a child.
    """
    if isinstance(grantee, iam.Role | iam.User | iam.Group | iam.LazyRole):
        return True
    principal = grantee.grant_principal
    return not hasattr(principal, "node") or bool(principal.node.children)
