"""What passes keep in S3.

``ledger.json`` says what is declared, what was declared before, and which pass may work. ``events/`` has the events of
CloudFormation until they are answered: their ResponseURL is a secret, which the history of a state machine would show.
``unfinished/`` has the streams that may have an earlier declaration yet, and ``new-streams/`` a mark for each function
that sets new streams at this moment. Below ``passes/<name>/`` is what one pass has: ``plan.json``, the work lists, a
report for each batch, ``streams.json`` with the streams that were not set, and ``result.json``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from botocore.exceptions import ClientError

_LEDGER = "ledger.json"
_CHANGED_MEANWHILE = ("PreconditionFailed", "ConditionalRequestConflict")


@dataclass(frozen=True)
class Turn:
    """The pass that may work, or that worked last."""

    name: str = ""
    execution: str = ""
    """The ARN of its execution."""
    taken: float = 0
    """When it took the turn. Dates are seconds since 1970."""
    settled: float = 0
    """When no call of the pass before it can reach the service any more."""
    until: float = 0
    """When it holds up no other pass any more, whatever it does."""
    ended: bool = True
    """Whether it is over, and its event is answered."""
    stopped: str = ""
    """Why it must set nothing more."""


@dataclass(frozen=True)
class Earlier:
    """What was declared earlier, and may be on some streams yet."""

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
    """The properties that the fleet's streams shall follow; None before the first pass and from a delete on."""
    earlier: tuple[Earlier, ...] = field(default=())
    """Newest first."""
    touched: bool = False
    """Whether any stream may have a configuration of this fleet."""


class Store:
    """The work bucket.

    Parameters
    ----------
    client
        Of Amazon S3.
    bucket
        The bucket's name.
    """

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self.bucket = bucket

    def read(self, key: str) -> Any:
        """Read an object; None if there is none."""
        text = self.read_text(key)
        return None if text is None else json.loads(text)

    def read_text(self, key: str) -> str | None:
        """Read an object that is no JSON as a whole."""
        return self._read(key)[0]

    def write(self, key: str, value: Any, **conditions: str) -> None:
        """Write an object."""
        self.write_text(key, json.dumps(value), **conditions)

    def write_text(self, key: str, text: str, **conditions: str) -> None:
        """Write an object that is no JSON as a whole."""
        self._client.put_object(Bucket=self.bucket, Key=key, Body=text.encode(), **conditions)

    def delete(self, key: str) -> None:
        """Delete an object, if it is there."""
        self._client.delete_object(Bucket=self.bucket, Key=key)

    def empty(self, but: str) -> None:
        """Delete all objects but one, a page with each call: what passes leave in 30 days can be many thousands.

        Raises
        ------
        RuntimeError
            If S3 has not deleted one of them.
        """
        for page in self._pages(""):
            objects = [{"Key": entry["Key"]} for entry in page.get("Contents", []) if entry["Key"] != but]
            if not objects:
                continue
            answer = self._client.delete_objects(Bucket=self.bucket, Delete={"Objects": objects, "Quiet": True})
            for error in answer.get("Errors", []):
                raise RuntimeError(f"{error['Key']} was not deleted: {error['Code']}: {error['Message']}")

    def all(self, prefix: str) -> Iterator[Any]:
        """Read the objects whose keys begin so, but those that are deleted meanwhile."""
        for page in self._pages(prefix):
            for entry in page.get("Contents", []):
                if (value := self.read(entry["Key"])) is not None:
                    yield value

    def ledger(self) -> Ledger:
        """Read the ledger."""
        return _ledger(self.read(_LEDGER))

    def change_ledger(self, change: Callable[[Ledger], Ledger]) -> Ledger:
        """Change the ledger; two passes that do so at the same time don't lose each other's change."""
        while True:
            text, etag = self._read(_LEDGER)
            before = _ledger(None if text is None else json.loads(text))
            changed = change(before)
            if changed == before:
                return before
            condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
            try:
                self.write(_LEDGER, asdict(changed), **condition)
            except ClientError as error:
                if error.response["Error"]["Code"] not in _CHANGED_MEANWHILE:
                    raise
            else:
                return changed

    def _pages(self, prefix: str) -> Iterator[Mapping[str, Any]]:
        return iter(self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix))

    def _read(self, key: str) -> tuple[str | None, str]:
        try:
            found = self._client.get_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchKey":
                raise
            return None, ""
        return found["Body"].read().decode(), found["ETag"]


def folder_of(name: str) -> str:
    """Find where a pass has its objects."""
    return f"passes/{name}/"


def event_key(name: str) -> str:
    """Find where the event of CloudFormation that began a pass is kept until it is answered."""
    return f"events/{name}.json"


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
