"""``make acceptance``: asks for the account's number, runs the checks there, and writes a table of the results."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from kinesis_video_configuration import printable

from . import STACK
from .checks import CHECKS
from .run import run

_ROOT = Path(__file__).parent.parent
_TABLE = Path("build", "acceptance.md")
_NOTHING_DONE = 2


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
        return _refuse(f"There are no credentials and Region for an account: {printable(str(error))}")
    account = caller["Account"]
    if caller["Arn"].endswith(":root"):
        return _refuse(
            "These are credentials of the account's root user, which can't assume the producers' roles; use a user or\n"
            "a role with the permissions in docs/acceptance.md."
        )
    print(
        f"This deploys the stack {STACK} to the account {account} in {session.region_name}, sends video to it for\n"
        "some minutes, and removes everything; see docs/acceptance.md."
    )
    try:
        typed = input("Type the account's number to continue: ").strip()
    except (EOFError, KeyboardInterrupt):
        typed = ""
    if typed != account:
        return _refuse("This is not the account's number; nothing was done.")
    deploy = partial(_deploy, account, session.region_name)
    return run(session, account, deploy, CHECKS, patience=options.patience, output=options.output)


def _refuse(reason: str) -> int:
    print(reason, file=sys.stderr)
    return _NOTHING_DONE


def _deploy(account: str, region: str) -> None:
    bin_folder = _ROOT / "node_modules" / ".bin"
    # Like npx, run the CDK CLI with the Node.js of the project.
    path = f"{bin_folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    app = shlex.join([sys.executable, "-m", "acceptance.app"])
    with TemporaryDirectory() as assembly:
        command: list[str | Path] = [bin_folder / "cdk", "deploy", "--app", app, "--output", assembly]
        command += ["--context", f"account={account}", "--context", f"region={region}"]
        # The direct method leaves no change set behind.
        command += ["--method", "direct", "--require-approval", "never"]
        subprocess.run(command, cwd=_ROOT, env={**os.environ, "PATH": path, "AWS_REGION": region}, check=True)


if __name__ == "__main__":
    sys.exit(main())
