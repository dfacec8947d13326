"""The metrics that this library publishes itself."""

from __future__ import annotations

NAMESPACE = "CdkKinesisVideo"
