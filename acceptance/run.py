"""Deploys the stack, runs the checks, and removes everything, whatever happens in between."""

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
# An image can arrive after the bucket was emptied, and then the bucket can't be deleted.
_REMOVALS = 10
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Finding:
    """The result of one statement."""

    statement: str
    """The statement that only an account can confirm."""
    seen: str
    """The result on the account."""
    assumed: str | None = None
    """The result on the local AWS; None if there is nothing to compare, such as with times."""

    def __post_init__(self) -> None:
        """Escape unprintable characters in untrusted text."""
        object.__setattr__(self, "seen", printable(self.seen))

    @property
    def differs(self) -> bool:
        """Whether the result differs from the assumed one."""
        return self.assumed not in (None, self.seen)


Findings: TypeAlias = Generator[Finding, None, None]
Check = Callable[[Site], Findings]
"""A check of the site. Its name is shown."""


def run(
    session: boto3.Session,
    deploy: Callable[[], None],
    checks: Sequence[Check],
    *,
    patience: float,
    on_step: Callable[[str], None],
    on_finding: Callable[[Finding], None],
) -> None:
    """Deploy the stack, run the checks, and remove the stack, also if it is interrupted.

    The first SIGINT, SIGTERM or SIGHUP raises a KeyboardInterrupt; the removal can't be interrupted. A check that fails
    becomes a finding with its error, and the next one follows. Each result is awaited for `patience` seconds. It raises
    a RuntimeError if the stack can't be removed.
    """
    signals = _Signals()
    try:
        try:
            on_step("remove the rest of an earlier run")
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
                # An account can fail a check in unexpected ways, and the other findings still matter.
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
    """Remove the stack and its contents, if it exists; raise a RuntimeError if it can't be removed."""
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
    """Turns the first signal that ends a program into a KeyboardInterrupt, so that the removal isn't interrupted."""

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
    """Wait until no operation on the stack is in progress, and return whether the stack exists."""
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
        # An earlier attempt removed it, and failed on something else.
        pass
