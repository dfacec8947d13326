"""Fixtures for the tests of your own apps: an AWS on this machine, and the CDK CLI on it.

pytest finds them by itself where ``kinesis-video-local`` is installed. Nothing is imported or started before a test
asks for one, so they cost other tests nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from kinesis_video_local import Cdk, LocalAws


@pytest.fixture(scope="session")
def local_aws_options() -> dict[str, Any]:
    """Parameters of `LocalAws`, such as ``tls_port`` and ``ca``: return others from a fixture of this name."""
    return {}


@pytest.fixture(scope="session")
def local_aws(local_aws_options: dict[str, Any]) -> Iterator[LocalAws]:
    """Start an AWS on this machine that checks IAM policies; it ends with the session."""
    from kinesis_video_local import LocalAws

    with LocalAws(**{"enforce_iam": True, **local_aws_options}) as aws:
        yield aws


@pytest.fixture(scope="session")
def local_cdk(local_aws: LocalAws) -> Iterator[Cdk]:
    """Bootstrap the local AWS, and return the CDK CLI on it: of ``node_modules``, or of the PATH."""
    from kinesis_video_local import Cdk

    with Cdk(local_aws) as cdk:
        cdk.bootstrap()
        yield cdk
