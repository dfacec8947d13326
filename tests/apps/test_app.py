from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest

from .conftest import ROOT, app_of

DEFAULTS = json.loads((ROOT / "cdk.json").read_text())["context"]


def resources(monkeypatch: pytest.MonkeyPatch, **context: str) -> dict[str, dict[str, Any]]:
    """The resources of app.py, by their types; each type is there once, but for the role of the producer."""
    # On the command line every value is text.
    app = app_of(ROOT / "app.py", monkeypatch, {**DEFAULTS, **context})
    template = app.synth().get_stack_by_name("Camera").template
    by_type = {resource["Type"]: resource for resource in template["Resources"].values()}
    assert len(by_type) == len(template["Resources"]) - 1
    return by_type


def test_one_stream_its_images_and_a_private_bucket_that_expires_them(monkeypatch: pytest.MonkeyPatch) -> None:
    found = resources(monkeypatch)
    assert found["AWS::KinesisVideo::Stream"]["Properties"]["DataRetentionInHours"] == 24
    configuration = found["Custom::KinesisVideoImageGeneration"]["Properties"]["ImageGenerationConfiguration"]
    assert configuration["SamplingInterval"] == 3000
    assert configuration["FormatConfig"] == {"JPEGQuality": "80"}
    assert (configuration["WidthPixels"], configuration["HeightPixels"]) == (640, 360)
    bucket = found["AWS::S3::Bucket"]["Properties"]
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    assert bucket["LifecycleConfiguration"]["Rules"] == [{"ExpirationInDays": 30, "Status": "Enabled"}]
    (statement,) = found["AWS::S3::BucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    # The producer's permissions.
    policy = found["AWS::IAM::Policy"]["Properties"]["PolicyDocument"]
    assert [statement["Action"] for statement in policy["Statement"]] == [
        ["kinesisvideo:DescribeStream", "kinesisvideo:GetDataEndpoint", "kinesisvideo:PutMedia"],
        "s3:PutObject",
    ]


def test_the_settings_come_from_the_context(monkeypatch: pytest.MonkeyPatch) -> None:
    found = resources(
        monkeypatch,
        data_retention_hours="2",
        sampling_interval_ms="500",
        image_format="png",
        width_pixels="1280",
        height_pixels="720",
    )
    assert found["AWS::KinesisVideo::Stream"]["Properties"]["DataRetentionInHours"] == 2
    configuration = found["Custom::KinesisVideoImageGeneration"]["Properties"]["ImageGenerationConfiguration"]
    assert configuration["SamplingInterval"] == 500
    assert configuration["Format"] == "PNG"
    assert (configuration["WidthPixels"], configuration["HeightPixels"]) == (1280, 720)


@pytest.mark.parametrize(
    ("context", "sentence"),
    [
        ({"sampling_interval_ms": "often"}, "`sampling_interval_ms` is 'often', it must be a whole number"),
        ({"sampling_interval_ms": "100"}, "`sampling_interval` is 100 ms, it must be 200 to 2147483647 ms"),
        ({"image_format": "gif"}, "`image_format` is 'gif', it must be jpeg or png"),
    ],
)
def test_fails_on_a_setting_out_of_its_bounds(
    monkeypatch: pytest.MonkeyPatch, context: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        resources(monkeypatch, **context)


def test_plain_python_runs_the_cdk_on_a_supported_node() -> None:
    """Of any other version it prints a banner."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("JSII_")}
    program = "import constructs; print(constructs.Construct)"

    ran = subprocess.run([sys.executable, "-c", program], env=plain, capture_output=True, text=True, check=True)

    assert (ran.stdout, ran.stderr) == ("<class 'constructs.Construct'>\n", "")
