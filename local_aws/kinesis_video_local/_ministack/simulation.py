"""IAM's policy simulator, where ministack's is incomplete.

- Roles and users with a path are found, and unknown ones are an error.
- Each resource is simulated with the given context. A key that a statement about the action uses, but that isn't given,
  is reported as missing; so is the transport, since a simulation has none.
- The decision of the permissions boundary is separate.
- Names in error messages are escaped.

See https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html and
https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from xml.sax.saxutils import escape, unescape

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam

from .policy_variables import keys_of

_NAMESPACE = "iam"
_DECISIONS = {"Allow": "allowed", "Deny": "explicitDeny", "ImplicitDeny": "implicitDeny"}
# Every request has these, but a simulation doesn't.
_OF_REQUESTS = ("aws:securetransport", "aws:sourceip")


@dataclass
class _Simulated(iam_evaluator.EvalContext):  # type: ignore[misc]  # ministack is untyped
    """The context of a simulation."""

    given: dict[str, Any] = field(default_factory=dict)


def install() -> None:
    """Simulate as IAM does."""
    resolve_condition_key = iam_evaluator._resolve_condition_key
    respond_with_error = iam._error

    def resolve(key: str, context: Any) -> Any:
        if isinstance(context, _Simulated):
            if key.lower() in context.given:
                return context.given[key.lower()]
            if key.lower() in _OF_REQUESTS:
                return None
        return resolve_condition_key(key, context)

    def error(status: int, code: str, message: str, *more: Any, **named: Any) -> Any:
        # The message has names of the request, some of them already escaped.
        return respond_with_error(status, code, escape(unescape(message)), *more, **named)

    iam._error = error
    iam_evaluator._resolve_condition_key = resolve
    iam._IAM_HANDLERS["SimulatePrincipalPolicy"] = _simulate_principal_policy


def _simulate_principal_policy(request: Mapping[str, Any]) -> Any:
    source: str = iam._p(request, "PolicySourceArn")
    account = get_account_id()
    _, _, resource = source.rpartition(":")
    kind, _, path = resource.partition("/")
    name = path.rpartition("/")[2]
    entities = {"role": iam._roles, "user": iam._users}.get(kind)
    if entities is None:
        return iam._error(400, "InvalidInput", f"Invalid ARN {source}", ns=_NAMESPACE)
    if (entities.get(name) or {}).get("Arn") != source:
        return iam._error(404, "NoSuchEntity", f"{source} does not exist", ns=_NAMESPACE)
    gather = iam_evaluator._gather_role_policies if kind == "role" else iam_evaluator._gather_user_policies
    limits = iam_evaluator._permissions_boundary(entities, name, account)
    policies = gather(name, account)
    given: dict[str, Any] = {"aws:username": name} if kind == "user" else {}
    for number, name in enumerate(_members(request, "ContextEntries.member.{}.ContextKeyName"), start=1):
        values = list(_members(request, f"ContextEntries.member.{number}.ContextKeyValues.member.{{}}"))
        given[name.lower()] = values[0] if len(values) == 1 else values
    results = []
    for action in _members(request, "ActionNames.member.{}"):
        for resource in list(_members(request, "ResourceArns.member.{}")) or ["*"]:
            context = _Simulated(
                principal_arn=source,
                principal_type="User" if kind == "user" else "AssumedRole",
                principal_account=account,
                action=action,
                resource_arn=resource,
                region=get_region(),
                given=given,
            )
            results.append(_result(context, policies, limits))
    body = f"<EvaluationResults>{''.join(results)}</EvaluationResults><IsTruncated>false</IsTruncated>"
    body = _element("SimulatePrincipalPolicyResult", body)
    return iam._xml(200, "SimulatePrincipalPolicyResponse", body, ns=_NAMESPACE)


def _result(context: _Simulated, policies: Sequence[Any], limits: Sequence[Any]) -> str:
    decision = _DECISIONS[iam_evaluator.evaluate(context, policies, *limits).decision]
    missing = sorted(_missing(context, [*policies, *(policy for limit in limits for policy in limit)]))
    boundary = ""
    if limits:
        allowed = str(iam_evaluator.evaluate(context, limits[0]).decision == "Allow").lower()
        boundary = _element("PermissionsBoundaryDecisionDetail", _element("AllowedByPermissionsBoundary", allowed))
    values = "".join(_element("member", escape(key)) for key in missing)
    resource = _element("EvalResourceName", escape(context.resource_arn))
    details = _element("MatchedStatements", "") + _element("MissingContextValues", values) + boundary
    specific = ""
    if context.resource_arn != "*":
        specific = resource + _element("EvalResourceDecision", decision) + details
        specific = _element("ResourceSpecificResults", _element("member", specific))
        details = _element("MatchedStatements", "") + _element("MissingContextValues", "") + boundary
    action = _element("EvalActionName", escape(context.action))
    return _element("member", action + resource + _element("EvalDecision", decision) + details + specific)


def _missing(context: _Simulated, policies: Sequence[Sequence[Any]]) -> set[str]:
    """Find the keys that statements about the action use and that have no value."""
    return {
        key
        for statements in policies
        for statement in statements
        if iam_evaluator._action_matches(context.action, statement.actions, statement.not_actions)
        for key in keys_of(statement)
        if iam_evaluator._resolve_condition_key(key, context) is None
    }


def _members(request: Mapping[str, Any], name: str) -> Iterator[str]:
    for number in count(1):
        value = iam._p(request, name.format(number))
        if not value:
            return
        yield value


def _element(name: str, content: str) -> str:
    return f"<{name}>{content}</{name}>"
