"""IAM's quotas for the policies of a role, a user or a group; ministack has none.

See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from ministack.services import iam
from ministack.services.cloudformation import provisioners

_MANAGED_POLICIES = 10
_MANAGED_CHARACTERS = 6_144
_INLINE_CHARACTERS = {"Role": 10_240, "User": 2_048, "Group": 5_120}


class _QuotaError(ValueError):
    """A quota is exceeded."""


def install() -> None:
    """Check the quotas where ministack attaches and stores policies, for its API and for CloudFormation."""
    attach_managed_policy, store_policy = iam.attach_managed_policy, iam.store_policy
    create_policy_version = iam._create_policy_version

    def attach(entity: dict[str, Any], arn: str) -> None:
        attached = entity.get("AttachedPolicies", [])
        if arn not in attached and len(attached) >= _MANAGED_POLICIES:
            kind = next(kind for kind in _INLINE_CHARACTERS if f"{kind}Name" in entity)
            raise _QuotaError(f"Cannot exceed quota for PoliciesPer{kind}: {_MANAGED_POLICIES}")
        attach_managed_policy(entity, arn)

    def store(arn: str, name: str, path: str, document: Any, **more: Any) -> Any:
        _check_managed(document)
        return store_policy(arn, name, path, document, **more)

    def create_version(request: Mapping[str, Any]) -> Any:
        _check_managed(iam._p(request, "PolicyDocument"))
        return create_policy_version(request)

    iam.attach_managed_policy, iam.store_policy = attach, store
    iam._create_policy_version = _answering(create_version)
    iam._IAM_HANDLERS["CreatePolicyVersion"] = iam._create_policy_version
    for action in ("CreatePolicy", *(f"Attach{kind}Policy" for kind in _INLINE_CHARACTERS)):
        iam._IAM_HANDLERS[action] = _answering(iam._IAM_HANDLERS[action])
    inline: dict[str, Callable[[str], Mapping[str, Any]]] = {
        "Role": lambda name: (iam._roles.get(name) or {}).get("InlinePolicies", {}),
        "User": lambda name: iam._user_inline_policies.get(name) or {},
        "Group": lambda name: iam._group_inline_policies.get(name) or {},
    }
    for kind, policies in inline.items():
        put = _checking(kind, policies, getattr(iam, f"_put_{kind.lower()}_policy"))
        setattr(iam, f"_put_{kind.lower()}_policy", put)
        iam._IAM_HANDLERS[f"Put{kind}Policy"] = put
    # In a template, policies are also properties of a role.
    handlers = provisioners._RESOURCE_HANDLERS["AWS::IAM::Role"]
    create, update = handlers["create"], handlers["update"]
    handlers["create"] = lambda logical_id, properties, stack: create(logical_id, _checked(properties), stack)
    handlers["update"] = lambda physical_id, old, new, *more: update(physical_id, old, _checked(new), *more)


def _checking(kind: str, policies: Callable[[str], Mapping[str, Any]], put: Callable[[Any], Any]) -> Any:
    def checked(request: Mapping[str, Any]) -> Any:
        name = iam._p(request, f"{kind}Name")
        own = iam._p(request, "PolicyName")
        _check_inline(kind, name, {**policies(name), own: iam._p(request, "PolicyDocument")})
        return put(request)

    return _answering(checked)


def _answering(handle: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def answer(request: Any) -> Any:
        try:
            return handle(request)
        except _QuotaError as error:
            return iam._error(409, "LimitExceeded", str(error), ns="iam")

    return answer


def _checked(properties: dict[str, Any]) -> dict[str, Any]:
    """Check the policies of a role in a template; return its properties."""
    name = properties.get("RoleName", "")
    inline = {policy.get("PolicyName"): policy.get("PolicyDocument") for policy in properties.get("Policies", [])}
    _check_inline("Role", name, inline)
    if len(set(properties.get("ManagedPolicyArns", []))) > _MANAGED_POLICIES:
        raise _QuotaError(f"Cannot exceed quota for PoliciesPerRole: {_MANAGED_POLICIES}")
    return properties


def _check_managed(document: Any) -> None:
    if _characters(document) > _MANAGED_CHARACTERS:
        raise _QuotaError(f"Cannot exceed quota for PolicySize: {_MANAGED_CHARACTERS}")


def _check_inline(kind: str, name: str, policies: Mapping[str, Any]) -> None:
    quota = _INLINE_CHARACTERS[kind]
    if sum(map(_characters, policies.values())) > quota:
        raise _QuotaError(f"Maximum policy size of {quota} bytes exceeded for {kind.lower()} {name}")


def _characters(document: Any) -> int:
    """Count the characters of a policy, without white space."""
    text = document if isinstance(document, str) else json.dumps(document)
    return len(re.sub(r"\s", "", text))
