"""Who calls PutMedia: given, or found in CloudTrail's event history."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .calls import Calls, UndecidedError

# At 2 calls a second and 50 records a call.
_MAX_PAGES = 10
_GIVE = "give the ARN of the role or user that calls PutMedia: --producer ARN"


@dataclass(frozen=True)
class Producer:
    """A role or a user of IAM."""

    arn: str
    others: tuple[str, ...] = ()
    """Who else has asked for the stream's endpoint of PutMedia."""
    missing: bool = False
    """Whether it was given and doesn't exist."""
    boundary: str = ""
    """The ARN of its permissions boundary."""

    @property
    def account(self) -> str:
        """Its account."""
        return self.arn.split(":")[4]


def find_producer(call: Calls, stream_name: str, stream_arn: str) -> Producer:
    """Find who has asked last for the stream's endpoint of PutMedia.

    PutMedia itself is a data event, which CloudTrail's event history doesn't have.

    Raises
    ------
    UndecidedError
        If the history has nobody, or can't be read.
    """
    found: dict[str, None] = {}
    page: dict[str, Any] = {}
    for _ in range(_MAX_PAGES):
        page = call(
            "cloudtrail:LookupEvents",
            "lookup_events",
            LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "GetDataEndpoint"}],
            **page,
        )
        for event in page["Events"]:
            record = json.loads(event["CloudTrailEvent"])
            request = {name.lower(): value for name, value in (record.get("requestParameters") or {}).items()}
            stream = {request.get("streamname"), request.get("streamarn")}
            if request.get("apiname") == "PUT_MEDIA" and stream & {stream_name, stream_arn}:
                found.setdefault(_identity(record["userIdentity"]))
        if not page.get("NextToken"):
            break
        page = {"NextToken": page["NextToken"]}
    if not found:
        raise UndecidedError(
            "nobody has asked for the stream's endpoint of PutMedia in CloudTrail's event history: its records come "
            "some minutes late, and a producer may have kept its endpoint",
            _GIVE,
        )
    newest, *others = found
    producer = resolve_producer(call, newest, given=False)
    return Producer(producer.arn, tuple(others), boundary=producer.boundary)


def _identity(identity: dict[str, Any]) -> str:
    issuer = identity.get("sessionContext", {}).get("sessionIssuer", {})
    return str(issuer.get("arn") or identity.get("arn"))


def resolve_producer(call: Calls, arn: str, *, given: bool) -> Producer:
    """Find the role or the user that an ARN, also one of a session, is of.

    Raises
    ------
    UndecidedError
        If it can't be looked at, or if it is neither a role nor a user.
    """
    parts = arn.split(":", 5)
    kind, _, path = parts[-1].partition("/")
    if len(parts) == 6 and kind in ("role", "user", "assumed-role") and path:
        if kind == "user":
            name = path.rpartition("/")[2]
            found = call("iam:GetUser", "get_user", absent=("NoSuchEntity",), UserName=name)
        else:
            name = path.partition("/")[0] if kind == "assumed-role" else path.rpartition("/")[2]
            found = call("iam:GetRole", "get_role", absent=("NoSuchEntity",), RoleName=name)
        entity = found and (found.get("Role") or found.get("User"))
        # A role of another account can have the same name.
        if entity and entity["Arn"].split(":")[4] == parts[4] and (kind == "assumed-role" or entity["Arn"] == arn):
            return Producer(
                entity["Arn"], boundary=entity.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", "")
            )
        if given:
            return Producer(arn, missing=True)
        raise UndecidedError(f"{arn} has asked for the stream's endpoint, and doesn't exist here any more", _GIVE)
    raise UndecidedError(f"the rights of {arn} can't be simulated: it is neither a role nor a user", _GIVE)
