"""An AWS on this machine, with Amazon Kinesis Video Streams, for the demo and the tests."""

from __future__ import annotations

from .cdk import Cdk, CdkError
from .kinesisvideo.journal import Call
from .server import LocalAws, LocalAwsError

__all__ = ["Call", "Cdk", "CdkError", "LocalAws", "LocalAwsError"]
