"""What the policies of the producer itself allow, as IAM's simulator says.

See https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .calls import Calls, DependsError, UndecidedError
from .policies import because_of

BOUNDARY = "its permissions boundary"
"""An obstacle of which a producer has one at the most."""

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
    """What an Allow in the producer's policies would not overcome; empty if there is nothing of that kind."""


def simulate(
    call: Calls, principal: str, action: str, resource: str, context: Mapping[str, str], thing_name: str
) -> Decision:
    """Ask the simulator.

    Parameters
    ----------
    call
        Makes the calls.
    principal
        The ARN of a role or a user.
    action
        The action.
    resource
        The ARN of the resource.
    context
        The condition keys whose values are known.
    thing_name
        What an IoT thing is named by the documentation's model: as its stream.

    Raises
    ------
    UndecidedError
        If it can't be asked, or if the answer depends on what only the request knows.
    """
    with_thing = {**context, _THING: thing_name}
    result = _result(call, principal, action, resource, with_thing)
    if not result.allowed:
        # Denied to a thing of that name, it may be allowed to the thing that it is.
        _result(call, principal, action, resource, context)
    return result


def _result(call: Calls, principal: str, action: str, resource: str, context: Mapping[str, str]) -> Decision:
    answer = call(
        "iam:SimulatePrincipalPolicy",
        "simulate_principal_policy",
        PolicySourceArn=principal,
        ActionNames=[action],
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
    results = answer["EvaluationResults"]
    if not results:
        raise UndecidedError(f"the simulator says nothing of {action}", "run it again")
    result = results[0]
    specific = _specific(result, resource)
    missing = sorted({*result.get("MissingContextValues", ()), *specific.get("MissingContextValues", ())})
    if missing:
        raise DependsError(
            f"whether {principal} is allowed {action} on {resource} depends on {', '.join(missing)}, "
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
