"""Every app of this repository synthesises, has sound templates, and passes a security review."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from aws_cdk import CloudFormationValidatePlugin, Validations
from aws_cdk.cx_api import SynthesisMessageLevel
from cdk_nag import AwsSolutionsChecks

from .conftest import APPS, EXAMPLES, ROOT, app_of
from .test_app import DEFAULTS

POLICY = "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:kinesisvideo:<AWS::Region>:<AWS::AccountId>:stream/*]"

# The accepted findings of the review, as patterns, and the reasons.
ACKNOWLEDGED = {
    "AwsSolutions-S1": "Access logs of the bucket are beside the point of an example",
    re.escape(POLICY): "The policy must not shrink when a stream is removed, for its resource is deleted only then",
    r"AwsSolutions-IAM5\[Resource::(<.+\.Arn>|[\w-]*Storage:.+Arn\w+)/.*\*\]": "Images lie under a prefix",
    r"AwsSolutions-IAM5\[.*:stream/<credentials-iot:ThingName>/\*\]": "A thing's own stream, whose number nobody knows",
    r"AwsSolutions-IAM4\[.*/AWSLambdaBasicExecutionRole\]": "The CDK's own role for a function",
}


def test_every_app_synthesises_without_a_warning_and_its_templates_are_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    templates: list[Path] = []
    # One for all: it takes seconds to start.
    validation = CloudFormationValidatePlugin()
    for path in APPS:
        app = app_of(path, monkeypatch, DEFAULTS)
        Validations.of(app).add_plugins(validation)
        assembly = app.synth()
        messages = [message for stack in assembly.stacks for message in stack.messages]
        assert [message.entry.data for message in messages if message.level is not SynthesisMessageLevel.INFO] == []
        report = json.loads(Path(assembly.directory, "validation-report.json").read_text())
        assert [violation for plugin in report["pluginReports"] for violation in plugin["violations"]] == []
        templates += Path(assembly.directory).glob("*.template.json")
    assert len(templates) >= len(APPS)
    # Of the CDK itself: its function depends on its role twice (W3005), and it joins with an empty delimiter (E3703).
    options = ["--format", "parseable", "--regions", "us-east-1", "--ignore-checks", "W3005", "E3703"]
    lint = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), *options, "--", *templates],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (lint.stdout, lint.stderr, lint.returncode) == ("", "", 0)


def test_the_readme_has_a_row_for_every_example() -> None:
    rows = re.findall(r"^\| \[([\w/]+\.py)\]\(\1\) \|", (ROOT / "examples" / "README.md").read_text(), re.MULTILINE)
    assert sorted(rows) == sorted([*(path.name for path in EXAMPLES), "starter/app.py"])


@pytest.mark.parametrize("path", APPS, ids=[path.relative_to(ROOT).as_posix() for path in APPS])
def test_a_security_review_finds_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = app_of(path, monkeypatch, DEFAULTS)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    with suppress(RuntimeError):  # the findings are in the report, too
        app.synth()
    report = json.loads(Path(app.outdir, "validation-report.json").read_text())
    found = {
        violation["ruleName"]
        for plugin in report["pluginReports"]
        for violation in plugin["violations"]
        # What CDK Pipelines defines is CDK's.
        if not all(one["constructPath"].startswith("Delivery/Pipeline") for one in violation["violatingConstructs"])
    }
    assert [finding for finding in found if not any(re.fullmatch(known, finding) for known in ACKNOWLEDGED)] == []
    # The policy is in every app: without this finding the review would not have run.
    assert POLICY in found


def test_the_three_packages_are_the_real_ones() -> None:
    names = ("constructs", "aws_cdk", "cdk_kinesis_video")
    # Where they would be imported from, here, where a folder has the name of a library.
    program = f"from importlib.util import find_spec; print(*(find_spec(name).origin for name in {names}))"
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    packages = [Path(origin).parent for origin in ran.stdout.split()]
    assert [path.name for path in packages] == list(names)
    assert [path.parent.name for path in packages] == ["site-packages", "site-packages", "constructs"]
