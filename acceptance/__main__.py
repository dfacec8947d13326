"""``make acceptance``: asks for the account's number, runs the checks there, and writes a table of the results."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from kinesis_video_configuration import printable

from . import STACK
from .checks import CHECKS
from .run import Finding, run

_ROOT = Path(__file__).parent.parent
_TABLE = Path("build", "acceptance.md")
_NOTHING_DONE, _INTERRUPTED = 2, 130


def main() -> int:
    """Run the command; return 0 if every result is as assumed, 1 if not, 2 if nothing was done."""
    parser = argparse.ArgumentParser(prog="python -m acceptance", description=__doc__)
    parser.add_argument(
        "--patience", type=float, default=300, metavar="S", help="how many seconds to wait for each result (300)"
    )
    parser.add_argument("--output", type=Path, default=_TABLE, metavar="FILE", help=f"the table ({_TABLE})")
    options = parser.parse_args()
    try:
        session = boto3.Session()
        caller = session.client("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        print(f"There are no credentials and Region for an account: {printable(str(error))}", file=sys.stderr)
        return _NOTHING_DONE
    account = caller["Account"]
    if caller["Arn"].endswith(":root"):
        print(
            "These are credentials of the account's root user, which can't assume the producers' roles; use a user or\n"
            "a role with the permissions in docs/acceptance.md.",
            file=sys.stderr,
        )
        return _NOTHING_DONE
    print(
        f"This deploys the stack {STACK} to the account {account} in {session.region_name}, sends video to it for\n"
        "some minutes, and removes everything; see docs/acceptance.md."
    )
    try:
        typed = input("Type the account's number to continue: ").strip()
    except (EOFError, KeyboardInterrupt):
        typed = ""
    if typed != account:
        print("This is not the account's number; nothing was done.", file=sys.stderr)
        return _NOTHING_DONE
    return _run(session, account, options.patience, options.output)


def _run(session: boto3.Session, account: str, patience: float, output: Path) -> int:
    findings: list[Finding] = []

    def write() -> None:
        output.write_text(table(findings, account, session.region_name), encoding="utf-8")

    # Written at the start and after each finding, so that the table is complete however the run ends.
    output.parent.mkdir(parents=True, exist_ok=True)
    write()

    def show(finding: Finding) -> None:
        findings.append(finding)
        write()
        print(f"  {'!' if finding.differs else ' '} {finding.statement}: {finding.seen}", flush=True)

    code = 0
    try:
        deploy = partial(_deploy, account, session.region_name)
        run(session, deploy, CHECKS, patience=patience, on_step=lambda step: print(step, flush=True), on_finding=show)
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except Exception as error:  # The table exists in any case.
        print(f"{type(error).__name__}: {printable(str(error))}", file=sys.stderr)
        code = 1
    print(f"The table is in {output}")
    return code or int(any(finding.differs for finding in findings))


def _deploy(account: str, region: str) -> None:
    bin_folder = _ROOT / "node_modules" / ".bin"
    # Like npx, run the CDK CLI with the Node.js of the project.
    path = f"{bin_folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    with TemporaryDirectory() as assembly:
        command: list[str | Path] = [
            bin_folder / "cdk",
            "deploy",
            "--app",
            shlex.join([sys.executable, "-m", "acceptance.app"]),
        ]
        command += ["--context", f"account={account}", "--context", f"region={region}", "--output", assembly]
        # The direct method leaves no change set behind.
        command += ["--method", "direct", "--require-approval", "never"]
        subprocess.run(command, cwd=_ROOT, env={**os.environ, "PATH": path, "AWS_REGION": region}, check=True)


def table(findings: Sequence[Finding], account: str, region: str) -> str:
    """Write the findings, without the account's number."""
    lines = [f"# What was seen on an account in {region}, {datetime.now(UTC):%Y-%m-%d}", ""]
    lines += ["| statement | seen | assumed | |", "| --- | --- | --- | --- |"]
    for finding in findings:
        verdict = "**different**" if finding.differs else ""
        cells = (finding.statement, finding.seen, finding.assumed or "", verdict)
        lines.append(f"| {' | '.join(' '.join(cell.replace('|', '/').split()) for cell in cells)} |")
    return "\n".join([*lines, ""]).replace(account, "ACCOUNT")


if __name__ == "__main__":
    sys.exit(main())
