"""Who calls PutMedia: given, or found in CloudTrail's event history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from .calls import Calls, UndecidedError
from .trail import Record, look_up

_MAX_RECORDS_OF_OTHERS = 50
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
    records = look_up(call, "GetDataEndpoint")

    def asked(record: Record) -> str | None:
        of_stream = record.is_of(stream_name, stream_arn) and record.request.get("apiname") == "PUT_MEDIA"
        return _identity(record.identity) if of_stream else None

    newest = next(filter(None, map(asked, records)), None)
    if newest is None:
        raise UndecidedError(
            "the newest 500 records of GetDataEndpoint in CloudTrail's event history have nobody who asked where to "
            "send this stream's video; records come some minutes late, and a producer may have kept its endpoint",
            _GIVE,
        )
    producer = resolve_producer(call, newest, given=False)
    # Whoever else sends asks soon, and a page of the history takes half a second.
    others = dict.fromkeys(filter(None, map(asked, islice(records, _MAX_RECORDS_OF_OTHERS))))
    return replace(producer, others=tuple(other for other in others if other != newest))


def _identity(identity: Mapping[str, Any]) -> str:
    issuer = identity.get("sessionContext", {}).get("sessionIssuer", {})
    return str(issuer.get("arn") or identity.get("arn") or identity.get("type"))


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
