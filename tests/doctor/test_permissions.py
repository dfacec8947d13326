"""A permission that the doctor lacks makes checks unknown, and none pass or fail wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kinesis_video_doctor import Diagnosis, Status, doctor_policy

from .breakages import BREAKAGES, Breakage, nothing_is_tagged
from .site import DOCTOR, PRODUCER, STREAM, Site

# Taken only if something is wrong, or not checked by ministack at all.
NOT_FOR_WHAT_WORKS = {
    "iam:GetUser",
    "kinesisvideo:ListStreams",
    "kms:Decrypt",
    "kms:ListGrants",
    "s3:GetObject",
    "s3:ListBucketVersions",
}
PERMISSIONS = sorted(action for statement in doctor_policy()["Statement"] for action in statement["Action"])
# What a check asks for besides, which decides whether a failure is one.
USES = {
    "stream": ("kinesisvideo:DescribeStream",),
    "retention": ("kinesisvideo:DescribeStream",),
    "configured": ("kinesisvideo:DescribeImageGenerationConfiguration", "kinesisvideo:DescribeStream"),
    "enabled": ("kinesisvideo:DescribeImageGenerationConfiguration",),
    "bucket": ("s3:ListBucket",),
    "owner": ("s3:ListBucket",),
    "bucket-policy": ("s3:GetBucketPolicy", "iam:GetRole"),
    "bucket-key": ("s3:GetEncryptionConfiguration", "kms:DescribeKey"),
    "stream-key": ("kinesisvideo:DescribeStream", "kms:DescribeKey"),
    "producer": ("iam:GetRole",),
    "may-put-media": ("iam:SimulatePrincipalPolicy", "cloudtrail:LookupEvents", "iam:GetRole"),
    "may-put-object": ("iam:SimulatePrincipalPolicy", "s3:GetBucketPolicy", "s3:ListBucket"),
    "may-use-keys": ("iam:SimulatePrincipalPolicy", "kms:GetKeyPolicy", "kms:ListGrants", "kms:DescribeKey"),
    "fragments": ("cloudwatch:GetMetricData", "kinesisvideo:ListFragments", "kinesisvideo:GetDataEndpoint"),
    "tagged": ("kinesisvideo:GetMediaForFragmentList", "kinesisvideo:ListFragments"),
    "codec": ("kinesisvideo:GetMediaForFragmentList",),
    "images": ("s3:ListBucket", "kinesisvideo:GetMediaForFragmentList"),
    "recent": ("cloudtrail:LookupEvents",),
}
# One breakage of each kind: failures and warnings.
ROWS = {(one.check, one.status): one for one in BREAKAGES if one.stream == STREAM}


@pytest.fixture
def permissions(site: Site) -> Iterator[None]:
    """Give the doctor its permissions back at the end."""
    yield
    site.allow_doctor()


def examine_without(site: Site, permission: str, **options: Any) -> Diagnosis:
    site.allow_doctor(without=permission)
    return site.examine(**options)


@pytest.mark.usefixtures("permissions")
@pytest.mark.parametrize("permission", PERMISSIONS)
def test_a_missing_permission_is_named_and_nothing_else_changes(site: Site, permission: str) -> None:
    diagnosis = examine_without(site, permission)
    unknown = [finding for finding in diagnosis.findings if finding.status == Status.UNKNOWN]
    assert {finding.status for finding in diagnosis.findings} <= {Status.PASSED, Status.UNKNOWN}
    assert bool(unknown) == (permission not in NOT_FOR_WHAT_WORKS)
    if unknown:
        assert any(permission in finding.fix for finding in unknown)


@pytest.mark.usefixtures("permissions")
@pytest.mark.parametrize("breakage", ROWS.values(), ids=str)
def test_what_is_broken_never_passes_for_a_missing_permission(site: Site, breakage: Breakage) -> None:
    with breakage.break_(site):
        for permission in USES.get(breakage.check, ()):
            diagnosis = examine_without(site, permission, **breakage.options)
            assert diagnosis[breakage.check].status in (breakage.status, Status.UNKNOWN)
            others = {
                finding.check
                for finding in diagnosis.findings
                if finding.status in (Status.FAILED, Status.WARNED) and finding.check != breakage.check
            }
            assert others <= ({"images"} if breakage.no_images else set())
            assert diagnosis.exit_code(strict=True) != 0


@pytest.mark.usefixtures("permissions")
def test_without_any_permission_nothing_is_decided(site: Site) -> None:
    site.client("iam").delete_role_policy(RoleName="doctor", PolicyName="permissions")
    diagnosis = site.examine(producer=PRODUCER)
    assert {finding.status for finding in diagnosis.findings} == {Status.UNKNOWN}
    assert diagnosis.verdict is None
    assert diagnosis.exit_code() == 2
    assert DOCTOR.rpartition("/")[2] in diagnosis["stream"].seen
    assert diagnosis.sentence.startswith(
        "No check failed, and it is not known whether images arrive: kinesisvideo:Describe"
    )


@pytest.mark.usefixtures("permissions")
def test_similar_names_are_an_extra(site: Site) -> None:
    site.allow_doctor(without="kinesisvideo:ListStreams")
    missing = site.examine("front-porch")["stream"]
    assert missing.status == Status.FAILED
    assert "similar names" not in missing.seen


@pytest.mark.usefixtures("permissions")
def test_no_tag_is_a_warning_also_if_no_image_can_be_looked_for(site: Site) -> None:
    site.allow_doctor(without="s3:ListBucket")
    with nothing_is_tagged(site):
        assert site.examine("untagged")["tagged"].status == Status.WARNED
