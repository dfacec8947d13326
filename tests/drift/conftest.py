"""The local AWS, with IAM enforced."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kinesis_video_local import LocalAws

from ..integ.conftest import Cloud


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws(quotas=False, enforce_iam=True, creating_seconds=0) as aws:
        yield aws


@pytest.fixture(scope="module")
def cloud(aws: LocalAws) -> Cloud:
    return Cloud(aws)
