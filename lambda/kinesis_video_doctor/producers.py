"""Who calls PutMedia: given, or found in CloudTrail's event history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .calls import Calls, Fact, UndecidedError, if_known
from .stream import Stream
from .trail import Trail

_MAX_EXAMINED = 10
_GIVE = "give the ARN of the role or user that calls PutMedia: --producer ARN"


@dataclass(frozen=True)
class Producer:
    """A role or a user of IAM."""

    arn: str
    missing: bool = False
    """Whether it was given and doesn't exist."""
    boundary: str = ""
    """The ARN of its permissions boundary."""

    @property
    def account(self) -> str:
        """Its account."""
        return self.arn.split(":")[4]

    @property
    def name(self) -> str:
        """Its name in a line of the report."""
        return self.arn.rpartition("/")[2]


@dataclass(frozen=True)
class Found:
    """Who calls PutMedia."""

    producers: Sequence[Producer]
    """Those whose permissions can be examined, the most recent first."""
    others: Sequence[str] = ()
    """The ARNs of those whose permissions can't."""
    cut: str = ""
    """How far back the history was read, if not to its end."""


class Producers:
    """The producers of one stream: the one whose ARN was given, or those in CloudTrail's event history."""

    def __init__(self, stream: Stream, trail: Trail, given: str | None) -> None:
        self._stream = stream
        self._trail = trail
        self._given = given

    @Fact
    def found(self) -> Found:
        """Who calls PutMedia.

        PutMedia itself is a data event, which CloudTrail's event history doesn't have: this is who asked where to send.
        """
        if self._given:
            return Found([resolve_producer(self._stream.call, self._given, given=True)])
        arns, cut = self._trail.askers
        producers, others = [], []
        undecided: UndecidedError | None = None
        for arn in arns[:_MAX_EXAMINED]:
            try:
                producers.append(resolve_producer(self._stream.call, arn, given=False))
            except UndecidedError as error:
                undecided = undecided or error
                others.append(arn)
        if undecided and not producers:
            raise undecided
        if not producers:
            read = f"back to {cut}" if cut else "of 90 days"
            raise UndecidedError(
                f"CloudTrail's event history, read {read}, has nobody who asked where to send this stream's video; "
                "records come some minutes late, and a producer may have kept its endpoint",
                _GIVE,
            )
        return Found(producers, [*others, *arns[_MAX_EXAMINED:]], cut)

    @property
    def usable(self) -> Sequence[Producer]:
        """Those that exist in the stream's account."""
        found = self.found.producers
        usable = [one for one in found if not one.missing and one.account == self._stream.account]
        if not usable:
            raise UndecidedError(f"the permissions of {found[0].arn} can't be examined")
        return usable

    @property
    def known(self) -> Sequence[Producer]:
        """Those that are known."""
        return if_known(lambda: self.found.producers, [])

    @property
    def arn(self) -> str | None:
        """The ARN of the most recent one, or of the one that was given."""
        return next((producer.arn for producer in self.known), self._given)


def resolve_producer(call: Calls, arn: str, *, given: bool) -> Producer:
    """Find the role or user of an ARN, which can be that of a session."""
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
            boundary = entity.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", "")
            return Producer(entity["Arn"], boundary=boundary)
        if given:
            return Producer(arn, missing=True)
        raise UndecidedError(f"{arn} has asked for the stream's endpoint, and doesn't exist here any more", _GIVE)
    raise UndecidedError(f"the permissions of {arn} can't be simulated: it is neither a role nor a user", _GIVE)
