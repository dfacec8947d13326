"""IAM's quotas for the policies of a role; ministack has none, and none is checked for users and groups.

See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ministack.services import iam
from ministack.services.cloudformation import provisioners

_MANAGED_POLICIES = 10
_MANAGED_CHARACTERS = 6_144
_INLINE_CHARACTERS = 10_240


class _QuotaError(ValueError):
    """A quota is exceeded."""


def install() -> None:
    """Check the quotas where ministack attaches and stores policies, for its API and for CloudFormation."""
    attach_managed_policy, store_policy = iam.attach_managed_policy, iam.store_policy
    create_policy_version, put_role_policy = iam._create_policy_version, iam._put_role_policy

    def attach(entity: dict[str, Any], arn: str) -> None:
        attached = entity.get("AttachedPolicies", [])
        if "RoleName" in entity and arn not in attached and len(attached) >= _MANAGED_POLICIES:
            raise _QuotaError(f"Cannot exceed quota for PoliciesPerRole: {_MANAGED_POLICIES}")
        attach_managed_policy(entity, arn)

    def store(arn: str, name: str, path: str, document: Any, **more: Any) -> Any:
        _check_managed(document)
        return store_policy(arn, name, path, document, **more)

    def create_version(request: Mapping[str, Any]) -> Any:
        _check_managed(iam._p(request, "PolicyDocument"))
        return create_policy_version(request)

    def put(request: Mapping[str, Any]) -> Any:
        name = iam._p(request, "RoleName")
        policies = dict((iam._roles.get(name) or {}).get("InlinePolicies", {}))
        policies[iam._p(request, "PolicyName")] = iam._p(request, "PolicyDocument")
        _check_inline(name, policies.values())
        return put_role_policy(request)

    iam.attach_managed_policy, iam.store_policy = attach, store
    iam._create_policy_version, iam._put_role_policy = _answering(create_version), _answering(put)
    iam._IAM_HANDLERS["CreatePolicyVersion"] = iam._create_policy_version
    iam._IAM_HANDLERS["PutRolePolicy"] = iam._put_role_policy
    for action in "CreatePolicy", "AttachRolePolicy":
        iam._IAM_HANDLERS[action] = _answering(iam._IAM_HANDLERS[action])
    # In a template, inline policies are also properties of a role.
    handlers = provisioners._RESOURCE_HANDLERS["AWS::IAM::Role"]
    create, update = handlers["create"], handlers["update"]
    handlers["create"] = lambda logical_id, properties, stack: create(logical_id, _checked(properties), stack)
    handlers["update"] = lambda physical_id, old, new, *more: update(physical_id, old, _checked(new), *more)


def _answering(handle: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def answer(request: Any) -> Any:
        try:
            return handle(request)
        except _QuotaError as error:
            return iam._error(409, "LimitExceeded", str(error), ns="iam")

    return answer


def _checked(properties: dict[str, Any]) -> dict[str, Any]:
    """Check the inline policies of a role in a template; return its properties."""
    documents = [policy.get("PolicyDocument") for policy in properties.get("Policies", [])]
    _check_inline(properties.get("RoleName", ""), documents)
    return properties


def _check_managed(document: Any) -> None:
    if _characters(document) > _MANAGED_CHARACTERS:
        raise _QuotaError(f"Cannot exceed quota for PolicySize: {_MANAGED_CHARACTERS}")


def _check_inline(role: str, documents: Iterable[Any]) -> None:
    if sum(map(_characters, documents)) > _INLINE_CHARACTERS:
        raise _QuotaError(f"Maximum policy size of {_INLINE_CHARACTERS} bytes exceeded for role {role}")


def _characters(document: Any) -> int:
    """Count the characters of a policy, without white space."""
    text = document if isinstance(document, str) else json.dumps(document)
    return len(re.sub(r"\s", "", text))
