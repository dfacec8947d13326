"""What is changed inside ministack, and what is used of it.

Everything in this folder reaches into ministack's tables, which is why its version is pinned exactly.
"""

from __future__ import annotations

from ministack.app import app as application

from ..kinesisvideo import KinesisVideo
from . import alarms, reset, resource_types
from .caller import SignedCaller, pinned_caller

__all__ = ["SignedCaller", "application", "install", "pinned_caller"]


def install(kinesis_video: KinesisVideo) -> None:
    """Add the CloudFormation type and the alarms on metric math to ministack, and let it reset the streams."""
    resource_types.install(kinesis_video)
    alarms.install()
    reset.install(kinesis_video)
