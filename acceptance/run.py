"""Deploys the stack, makes the checks, and removes everything, whatever happens in between."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import boto3
from botocore.exceptions import ClientError

from kinesis_video_configuration import printable

from . import STACK
from .site import Site

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

_PAUSE_SECONDS = 1.0
# An image that is under way when the bucket is emptied comes into it afterwards, and the bucket stays.
_REMOVALS = 10
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Finding:
    """What was seen of one statement."""

    statement: str
    """What only an account can answer."""
    seen: str
    """What was seen."""
    assumed: str | None = None
    """What the local AWS does; None if it is of no interest, as times are."""

    def __post_init__(self) -> None:
        """Write out what doesn't print: it is text of others."""
        object.__setattr__(self, "seen", printable(self.seen))

    @property
    def differs(self) -> bool:
        """Whether something else was seen than is assumed."""
        return self.assumed not in (None, self.seen)


Findings: TypeAlias = Generator[Finding, None, None]
Check = Callable[[Site], Findings]
"""Looks at something on the site; its name says at what."""


def run(
    session: boto3.Session,
    deploy: Callable[[], None],
    checks: Sequence[Check],
    *,
    patience: float,
    on_step: Callable[[str], None],
    on_finding: Callable[[Finding], None],
) -> None:
    """Deploy the stack, make the checks, and remove the stack, also if any of it is interrupted.

    Meanwhile the first SIGINT, SIGTERM or SIGHUP raises a KeyboardInterrupt, and the removal can't be interrupted. A
    check that fails, for whatever reason, says so in a finding, and the next one follows. What should come is waited
    for as many seconds as `patience` says. It raises a RuntimeError if the stack can't be removed.
    """
    signals = _Signals()
    try:
        try:
            on_step("remove what an earlier run has left")
            remove(session)
            on_step("deploy")
            deploy()
            on_step("wait for the producers' roles")
            site = Site(session, patience)
            site.wait_for_roles()
            for check in checks:
                name = check.__name__.replace("_", " ")
                on_step(name)
                try:
                    with closing(check(site)) as findings:
                        for finding in findings:
                            on_finding(finding)
                # Nobody knows how an account may surprise a check, and the others' findings are worth the run.
                except Exception as error:
                    on_finding(Finding(name, f"{type(error).__name__}: {error}", "an answer"))
        finally:
            signals.ignore()
            on_step("remove everything; Ctrl-C is ignored meanwhile")
    finally:
        try:
            remove(session)
        finally:
            signals.restore()


def remove(session: boto3.Session) -> None:
    """Remove the stack and all that is in it, if it is there; raise a RuntimeError if it can't be removed."""
    cloudformation = session.client("cloudformation")
    for _ in range(_REMOVALS):
        if not _wait_for_stack(cloudformation):
            return
        for resource in cloudformation.list_stack_resources(StackName=STACK)["StackResourceSummaries"]:
            if resource["ResourceType"] == "AWS::S3::Bucket" and resource.get("PhysicalResourceId"):
                _empty(session.client("s3"), resource["PhysicalResourceId"])
        cloudformation.delete_stack(StackName=STACK)
    raise RuntimeError(f"The stack {STACK} can't be removed; look at its events and delete it")


class _Signals:
    """What ends a program raises KeyboardInterrupt, and once only: what cleans up after it isn't interrupted."""

    def __init__(self) -> None:
        self._before = [(number, signal.signal(number, self._interrupt)) for number in _SIGNALS]

    def ignore(self) -> None:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def restore(self) -> None:
        for number, handler in self._before:
            signal.signal(number, handler)

    def _interrupt(self, *_: object) -> None:
        self.ignore()
        raise KeyboardInterrupt


def _wait_for_stack(cloudformation: CloudFormationClient) -> bool:
    """Wait until nothing happens to the stack, and tell whether there is one."""
    while True:
        try:
            (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ValidationError":
                return False
            raise
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            return stack["StackStatus"] != "DELETE_COMPLETE"
        time.sleep(_PAUSE_SECONDS)


def _empty(s3: Any, bucket: str) -> None:
    try:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            if objects := [{"Key": entry["Key"]} for entry in page.get("Contents", [])]:
                s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
    except s3.exceptions.NoSuchBucket:
        # An attempt before has removed it, and failed on something else.
        pass
