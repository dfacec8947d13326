"""What passes keep in S3.

``ledger.json`` says what is declared, what was declared before, and which pass has the turn. ``events/`` has the events
of CloudFormation until they are answered: their ResponseURL is a secret, which the history of a state machine would
show. ``unfinished/`` has the streams that may still have an earlier declaration, and ``new-streams/`` a mark for each
function that is setting new streams. Below ``passes/<name>/`` a pass keeps ``plan.json``, the work lists, a report for
each batch, ``streams.json`` with the streams that were not set, and ``result.json``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from kinesis_video_configuration import Deadline
from kinesis_video_configuration.retries import CallError, Retries, pages

_LEDGER = "ledger.json"
# How long a call is repeated: less than what a step keeps of its time for them.
_CALL_SECONDS = 25
CHANGED_MEANWHILE = ("PreconditionFailed", "ConditionalRequestConflict")


@dataclass(frozen=True)
class Turn:
    """The pass that has the turn, or had it last."""

    name: str = ""
    execution: str = ""
    """The ARN of its execution."""
    taken: float = 0
    """When it took the turn. Dates are seconds since 1970."""
    settled: float = 0
    """When calls of the pass before it can no longer reach the service."""
    until: float = 0
    """When other passes no longer wait for it, whatever it does."""
    ended: bool = True
    """Whether it is over, and its event is answered."""
    stopped: str = ""
    """Why it must not set anything more."""


@dataclass(frozen=True)
class Earlier:
    """What was declared earlier, and may still be on some streams."""

    properties: Mapping[str, Any]
    streams: str = ""
    """The object that lists the ARNs of these streams; empty if it may be on any stream."""


@dataclass(frozen=True)
class Ledger:
    """What outlives a pass."""

    turn: Turn = Turn()
    newest: tuple[float, ...] = ()
    """When the newest event of CloudFormation was sent, and when it arrived."""
    declaration: Mapping[str, Any] | None = None
    """The properties of the fleet; None before the first pass and from a delete on."""
    earlier: tuple[Earlier, ...] = ()
    """Newest first."""
    touched: bool = False
    """Whether any stream may have a configuration of this fleet."""


class Store:
    """The work bucket, through a client of Amazon S3 that `create_client` makes.

    Each method repeats its calls. If they fail, it raises botocore's error, so that the step is repeated.
    """

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self.bucket = bucket

    def read(self, key: str) -> Any:
        """Read an object; None if there is none."""
        return self._read(key)[0]

    def write(self, key: str, value: Any, **conditions: str) -> None:
        """Write an object."""
        self._call("put_object", Key=key, Body=json.dumps(value).encode(), **conditions)

    def delete(self, key: str) -> None:
        """Delete an object, if it is there."""
        self._call("delete_object", Key=key)

    def empty(self, but: str) -> None:
        """Delete all objects but one, a page with each call: passes leave many thousands in 30 days."""
        for page in self._pages(""):
            objects = [{"Key": entry["Key"]} for entry in page.get("Contents", []) if entry["Key"] != but]
            if not objects:
                continue
            answer = self._call("delete_objects", Delete={"Objects": objects, "Quiet": True})
            for error in answer.get("Errors", []):
                raise RuntimeError(f"{error['Key']} was not deleted: {error['Code']}: {error['Message']}")

    def all(self, prefix: str) -> Iterator[Any]:
        """Read the objects whose keys begin so, in their order, except those that are deleted meanwhile."""
        for page in self._pages(prefix):
            for entry in page.get("Contents", []):
                if (value := self.read(entry["Key"])) is not None:
                    yield value

    def ledger(self) -> Ledger:
        """Read the ledger."""
        return _ledger(self.read(_LEDGER))

    def change_ledger(self, change: Callable[[Ledger], Ledger], *, at_turn_of: str = "") -> Ledger:
        """Change the ledger, so that no change of another pass is lost; `change` may be called several times.

        If a pass is named, nothing is changed unless it has the turn.
        """
        while True:
            value, etag = self._read(_LEDGER)
            before = _ledger(value)
            changed = change(before) if at_turn_of in ("", before.turn.name) else before
            if changed == before:
                return before
            condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
            try:
                self.write(_LEDGER, asdict(changed), **condition)
            except ClientError as error:
                if error.response["Error"]["Code"] not in CHANGED_MEANWHILE:
                    raise
            else:
                return changed

    def change_turn(self, name: str, **changes: Any) -> None:
        """Change fields of the turn of a pass, if the pass still has it."""
        self.change_ledger(lambda found: replace(found, turn=replace(found.turn, **changes)), at_turn_of=name)

    def touch(self) -> None:
        """Note that streams may have a configuration of this fleet, unless a delete has emptied the bucket."""
        self.change_ledger(lambda found: replace(found, touched=found.touched or found.declaration is not None))

    def earlier(self, ledger: Ledger) -> list[dict[str, Any]]:
        """Read earlier declarations, each with the ARNs of the streams that may have it; None for all streams."""
        return [
            {"properties": each.properties, "streams": self.read(each.streams) if each.streams else None}
            for each in ledger.earlier
        ]

    def _pages(self, prefix: str) -> Iterator[Mapping[str, Any]]:
        return pages(partial(self._call, "list_objects_v2"), Prefix=prefix)

    def _read(self, key: str) -> tuple[Any, str]:
        try:
            found = self._call("get_object", Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchKey":
                raise
            return None, ""
        return json.loads(found["Body"]), found["ETag"]

    def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        # A step that is denied is repeated by its state machine, and a person waits for a command.
        retries = Retries(Deadline(_CALL_SECONDS), denied=Deadline(0))
        try:
            return retries.call(self._client, operation, Bucket=self.bucket, **parameters)
        except CallError as error:
            raise error.__cause__ or error from None


def folder_of(name: str) -> str:
    """Return the folder of a pass."""
    return f"passes/{name}/"


def event_key(name: str) -> str:
    """Return the key of the event of CloudFormation that started a pass."""
    return f"events/{name}.json"


def work_key(name: str, attempt: int) -> str:
    """Return the key of the work list for the first or the second attempt."""
    return f"{folder_of(name)}work-{attempt}.json"


def _ledger(value: Mapping[str, Any] | None) -> Ledger:
    if value is None:
        return Ledger()
    if isinstance(value["turn"], str):
        # Of version 0.2, which kept less; its passes may have set any stream.
        earlier = tuple(Earlier(properties) for properties in value["earlier"])
        return Ledger(Turn(value["turn"]), (), value["declaration"], earlier, touched=True)
    known = {each.name for each in fields(Turn)}
    turn = Turn(**{name: found for name, found in value["turn"].items() if name in known})
    earlier = tuple(Earlier(**each) for each in value["earlier"])
    return Ledger(turn, tuple(value["newest"]), value["declaration"], earlier, value["touched"])
