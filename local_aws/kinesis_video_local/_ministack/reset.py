"""What ministack resets together with its own services."""

from __future__ import annotations

from ministack import app

from ..kinesisvideo import KinesisVideo

_NAME = "kinesisvideo"


def install(kinesis_video: KinesisVideo) -> None:
    """Let ministack's reset forget the streams as well: it looks a service up in these two places."""
    app.SERVICE_REGISTRY[_NAME] = {"module": _NAME}
    app._loaded_modules[_NAME] = kinesis_video
