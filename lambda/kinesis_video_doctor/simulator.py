"""What the policies of the producer itself allow, as IAM's simulator says.

See https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .calls import Calls, DependsError, UndecidedError
from .policies import because_of

BOUNDARY = "its permissions boundary"
"""An obstacle; a producer has at most one boundary."""

_THING = "credentials-iot:ThingName"
_FIX_OF_THING = (
    f"compare the key of the image with the policy's resource, where the thing's name stands for ${{{_THING}}}, and "
    "change the destination's prefix or the policy so that they agree"
)


@dataclass(frozen=True)
class Decision:
    """What the simulator says of one action on one resource."""

    allowed: bool
    obstacle: str = ""
    """What an Allow in the producer's policies would not override; empty if there is nothing of the kind."""


def simulate(
    call: Calls, principal: str, actions: Sequence[str], resource: str, context: Mapping[str, str], thing_name: str
) -> dict[str, Decision | UndecidedError]:
    """Ask for each action whether a role or user is allowed it, with the condition keys whose values are known.

    The principal may be a thing of AWS IoT, which has the stream's name in the documentation's example.
    """
    try:
        decisions = _decisions(call, principal, actions, resource, {**context, _THING: thing_name})
        if denied := [action for action, one in decisions.items() if isinstance(one, Decision) and not one.allowed]:
            # Denied to a thing of that name, it may be allowed to the thing that it is.
            without = _decisions(call, principal, denied, resource, context)
            decisions |= {action: one for action, one in without.items() if isinstance(one, UndecidedError)}
    except UndecidedError as error:
        return dict.fromkeys(actions, error)
    return decisions


def _decisions(
    call: Calls, principal: str, actions: Sequence[str], resource: str, context: Mapping[str, str]
) -> dict[str, Decision | UndecidedError]:
    answer = call(
        "iam:SimulatePrincipalPolicy",
        "simulate_principal_policy",
        PolicySourceArn=principal,
        ActionNames=list(actions),
        ResourceArns=[resource],
        ContextEntries=[
            {
                "ContextKeyName": key,
                "ContextKeyValues": [value],
                "ContextKeyType": "boolean" if value in ("true", "false") else "string",
            }
            for key, value in context.items()
        ],
    )
    return {result["EvalActionName"]: _decision(principal, resource, result) for result in answer["EvaluationResults"]}


def _decision(principal: str, resource: str, result: Mapping[str, Any]) -> Decision | UndecidedError:
    specific = _specific(result, resource)
    missing = sorted({*result.get("MissingContextValues", ()), *specific.get("MissingContextValues", ())})
    if missing:
        return DependsError(
            f"whether {principal} is allowed {result['EvalActionName']} on {resource} depends on {', '.join(missing)}, "
            "which only the producer's request knows",
            _FIX_OF_THING
            if missing == [_THING]
            else f"allow it in a way that doesn't depend on it{because_of(missing)}",
        )
    decision = specific.get("EvalResourceDecision", result["EvalDecision"])
    return Decision(decision == "allowed", "" if decision == "allowed" else _obstacle(decision, result, specific))


def _specific(result: Mapping[str, Any], resource: str) -> Mapping[str, Any]:
    # `EvalResourceName` of the result itself is the template of the ARN; the decision for the ARN stands here.
    for specific in result.get("ResourceSpecificResults", ()):
        if specific["EvalResourceName"] == resource:
            return specific  # type: ignore[no-any-return]  # the client is untyped
    return {}


def _obstacle(decision: str, result: Mapping[str, Any], specific: Mapping[str, Any]) -> str:
    boundary = specific.get("PermissionsBoundaryDecisionDetail") or result.get("PermissionsBoundaryDecisionDetail", {})
    if not result.get("OrganizationsDecisionDetail", {}).get("AllowedByOrganizations", True):
        return "a service control policy of the organization"
    if not boundary.get("AllowedByPermissionsBoundary", True):
        return BOUNDARY
    return "a Deny in one of its policies" if decision == "explicitDeny" else ""
