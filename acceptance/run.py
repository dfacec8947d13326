"""Deploys the stack, runs the checks, writes the table, and removes everything, whatever happens in between."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
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
_INTERRUPTED = 130


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
    account: str,
    deploy: Callable[[], None],
    checks: Sequence[Check],
    *,
    patience: float,
    output: Path,
) -> int:
    """Deploy the stack, run the checks, write the table, and remove the stack, also if it is interrupted.

    The first SIGINT, SIGTERM or SIGHUP ends the checks; the removal can't be interrupted. Each result is awaited for
    `patience` seconds. It returns 0 if every result is as assumed, 1 if not or if it failed, 130 if it was interrupted.
    """
    findings: list[Finding] = []

    def note(*new: Finding) -> None:
        findings.extend(new)
        output.write_text(table(findings, account, session.region_name), encoding="utf-8")
        for finding in new:
            print(f"  {'!' if finding.differs else ' '} {finding.statement}: {finding.seen}", flush=True)

    # Written at the start and after each finding, so that the table is complete however the run ends.
    output.parent.mkdir(parents=True, exist_ok=True)
    note()
    code = 0
    try:
        _check_stack(session, deploy, checks, patience, note)
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except Exception as error:  # The table exists in any case.
        print(f"{type(error).__name__}: {printable(str(error))}", file=sys.stderr)
        code = 1
    print(f"The table is in {output}")
    return code or int(any(finding.differs for finding in findings))


def _check_stack(
    session: boto3.Session,
    deploy: Callable[[], None],
    checks: Sequence[Check],
    patience: float,
    note: Callable[[Finding], None],
) -> None:
    handlers = [(number, signal.signal(number, _interrupt)) for number in _SIGNALS]
    try:
        try:
            print("remove the rest of an earlier run", flush=True)
            remove(session)
            print("deploy", flush=True)
            deploy()
            print("wait for the producers' roles", flush=True)
            site = Site(session, patience)
            site.wait_for_roles()
            for check in checks:
                name = check.__name__.replace("_", " ")
                print(name, flush=True)
                try:
                    with closing(check(site)) as found:
                        for finding in found:
                            note(finding)
                # An account can fail a check in unexpected ways, and the other findings still matter.
                except Exception as error:
                    note(Finding(name, f"{type(error).__name__}: {error}", "an answer"))
        finally:
            _ignore_signals()
            print("remove everything; Ctrl-C is ignored meanwhile", flush=True)
    finally:
        try:
            remove(session)
        finally:
            for number, handler in handlers:
                signal.signal(number, handler)


def _interrupt(*_: object) -> None:
    _ignore_signals()
    raise KeyboardInterrupt


def _ignore_signals() -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def remove(session: boto3.Session) -> None:
    """Remove the stack and its contents, if it exists; raise a RuntimeError if it can't be removed."""
    cloudformation = session.client("cloudformation")
    s3: Any = session.resource("s3")
    for _ in range(_REMOVALS):
        if not _wait_for_stack(cloudformation):
            return
        for resource in cloudformation.list_stack_resources(StackName=STACK)["StackResourceSummaries"]:
            if resource["ResourceType"] == "AWS::S3::Bucket" and resource.get("PhysicalResourceId"):
                # An earlier attempt may have removed the bucket, and failed on something else.
                with suppress(s3.meta.client.exceptions.NoSuchBucket):
                    s3.Bucket(resource["PhysicalResourceId"]).objects.delete()
        cloudformation.delete_stack(StackName=STACK)
    raise RuntimeError(f"The stack {STACK} can't be removed; look at its events and delete it")


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


def table(findings: Sequence[Finding], account: str, region: str) -> str:
    """Write the findings, without the account's number."""
    lines = [f"# What was seen on an account in {region}, {datetime.now(UTC):%Y-%m-%d}", ""]
    lines += ["| statement | seen | assumed | |", "| --- | --- | --- | --- |"]
    for finding in findings:
        verdict = "**different**" if finding.differs else ""
        cells = (finding.statement, finding.seen, finding.assumed or "", verdict)
        lines.append(f"| {' | '.join(' '.join(cell.replace('|', '/').split()) for cell in cells)} |")
    return "\n".join([*lines, ""]).replace(account, "ACCOUNT")
