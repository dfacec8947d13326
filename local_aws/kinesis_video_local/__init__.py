"""An AWS on this machine, with Amazon Kinesis Video Streams, for the demo and the tests."""

from __future__ import annotations

from .cdk import Cdk, CdkError
from .server import LocalAws, LocalAwsError
from .service.journal import Call

__all__ = ["Call", "Cdk", "CdkError", "LocalAws", "LocalAwsError"]
