"""What passes keep in S3.

``ledger.json`` says what is declared, what was declared before and may be on some streams yet, and which pass may
work. ``events/`` has the events of CloudFormation until they are answered: their ResponseURL is a secret, which the
history of a state machine would show. Below ``passes/<name>/`` is what one pass has: ``plan.json``, the work list
``work.jsonl``, a report for each batch, ``failed.json`` and ``result.json``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from botocore.exceptions import ClientError

_LEDGER = "ledger.json"
_CHANGED_MEANWHILE = ("PreconditionFailed", "ConditionalRequestConflict")


@dataclass(frozen=True)
class Ledger:
    """What outlives a pass."""

    turn: str = ""
    """The name of the pass that may work."""
    declaration: Mapping[str, Any] | None = None
    """The properties that the fleet's streams shall follow; None before the first pass and from a delete on."""
    earlier: tuple[Mapping[str, Any], ...] = ()
    """The properties that some streams may follow yet, newest first."""


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

    def reports(self, name: str) -> Iterator[Mapping[str, Any]]:
        """Read the reports of a pass."""
        return map(self.read, self._keys(f"{folder_of(name)}reports/"))

    def ledger(self) -> Ledger:
        """Read the ledger."""
        return _ledger(self.read(_LEDGER))

    def change_ledger(self, change: Callable[[Ledger], Ledger]) -> Ledger:
        """Change the ledger; two passes that do so at the same time don't lose each other's change."""
        while True:
            value, etag = self._read(_LEDGER)
            changed = change(_ledger(value))
            condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
            try:
                self.write(_LEDGER, asdict(changed), **condition)
            except ClientError as error:
                if error.response["Error"]["Code"] not in _CHANGED_MEANWHILE:
                    raise
            else:
                return changed

    def _keys(self, prefix: str) -> Iterator[str]:
        return (entry["Key"] for page in self._pages(prefix) for entry in page.get("Contents", []))

    def _pages(self, prefix: str) -> Iterator[Mapping[str, Any]]:
        return iter(self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix))

    def _read(self, key: str) -> tuple[Any, str]:
        try:
            found = self._client.get_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchKey":
                raise
            return None, ""
        return json.loads(found["Body"].read()), found["ETag"]


def folder_of(name: str) -> str:
    """Find where a pass has its objects."""
    return f"passes/{name}/"


def event_key(request_id: str) -> str:
    """Find where an event of CloudFormation is kept until it is answered."""
    return f"events/{request_id}.json"


def _ledger(value: Mapping[str, Any] | None) -> Ledger:
    return Ledger() if value is None else Ledger(value["turn"], value["declaration"], tuple(value["earlier"]))
