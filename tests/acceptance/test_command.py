"""``make acceptance`` as a separate process that deploys with the CDK CLI."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from acceptance import STACK

from .conftest import NUMBER, Account

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "acceptance", "--patience", "30", "--output"]


@pytest.fixture
def somebody(account: Account, bootstrapped: None) -> Iterator[dict[str, str]]:
    """The environment of a role with exactly the permissions that docs/acceptance.md lists."""
    iam = account.aws.client("iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": NUMBER}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = iam.create_role(RoleName="somebody", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    policy = re.search(
        r"^```json\n(.*?)^```$", ROOT.joinpath("docs/acceptance.md").read_text(), re.DOTALL | re.MULTILINE
    )
    assert policy
    iam.put_role_policy(RoleName="somebody", PolicyName="own", PolicyDocument=policy[1].replace("ACCOUNT", NUMBER))
    role = account.aws.client("sts").assume_role(RoleArn=arn, RoleSessionName="somebody")["Credentials"]
    before = account.contents()
    yield {
        **os.environ,
        "AWS_ACCESS_KEY_ID": role["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": role["SecretAccessKey"],
        "AWS_SESSION_TOKEN": role["SessionToken"],
    }
    assert account.contents() == before
    iam.delete_role_policy(RoleName="somebody", PolicyName="own")
    iam.delete_role(RoleName="somebody")


def acceptance(output: Path, environment: dict[str, str], typed: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, str(output)]
    return subprocess.run(command, cwd=ROOT, env=environment, input=typed, capture_output=True, text=True, check=False)


def test_the_local_aws_is_as_assumed_and_nothing_is_left(somebody: dict[str, str], tmp_path: Path) -> None:
    output = tmp_path / "build" / "acceptance.md"

    ran = acceptance(output, somebody, NUMBER)

    written = output.read_text()
    assert "different" not in written
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "| an image arrives, with the permissions of `grant_put_media` | yes | yes |  |" in written
    assert "| without retention, deleting the configuration | NoDataRetentionException |" in written
    assert NUMBER not in written


def test_ctrl_c_during_the_deployment_leaves_nothing(
    account: Account, somebody: dict[str, str], tmp_path: Path
) -> None:
    command = [*COMMAND, str(tmp_path / "acceptance.md")]
    with subprocess.Popen(
        command, cwd=ROOT, env=somebody, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        process.stdin.write(f"{NUMBER}\n")
        process.stdin.close()
        while account.cloud.status(STACK) != "CREATE_IN_PROGRESS":
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 130


@pytest.mark.parametrize("typed", ["", "111122223333\n"])
def test_without_its_number_nothing_is_done(typed: str, somebody: dict[str, str], tmp_path: Path) -> None:
    ran = acceptance(tmp_path / "table.md", somebody, typed)

    assert ran.returncode == 2
    assert ran.stderr == "This is not the account's number; nothing was done.\n"
    assert list(tmp_path.iterdir()) == []


def test_the_root_user_is_refused_with_a_reason(account: Account, tmp_path: Path) -> None:
    before = account.contents()

    ran = acceptance(tmp_path / "table.md", dict(os.environ), NUMBER)

    assert ran.returncode == 2
    assert "root user, which can't assume the producers' roles" in ran.stderr
    assert account.contents() == before
    assert list(tmp_path.iterdir()) == []
