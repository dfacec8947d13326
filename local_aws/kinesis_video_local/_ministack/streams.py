"""Kinesis video streams as a resource type of ministack's CloudFormation, and in ministack's reset."""

from __future__ import annotations

from functools import partial

from ministack import app
from ministack.core.responses import get_account_id, get_region
from ministack.services.cloudformation import provisioners

from ..kinesisvideo import KinesisVideo, cloudformation
from ..kinesisvideo.streams import Streams

_NAME = "kinesisvideo"
_MAX_STREAM_NAME = 256


def install(kinesis_video: KinesisVideo) -> None:
    """Let templates declare streams, and let a reset delete them."""

    def current_streams() -> Streams:
        return kinesis_video.streams(get_account_id(), get_region())

    stream_type = cloudformation.StreamType(
        current_streams, partial(provisioners._physical_name, max_len=_MAX_STREAM_NAME)
    )
    provisioners._RESOURCE_HANDLERS[cloudformation.TYPE] = {
        "create": stream_type.create,
        "update": stream_type.update,
        "delete": stream_type.delete,
    }
    provisioners._REPLACING_PROPERTIES[cloudformation.TYPE] = cloudformation.REPLACING_PROPERTIES
    provisioners._STACK_TAG_PROPERTY[cloudformation.TYPE] = ("Tags", "list")
    # A reset looks a service up in these two places.
    app.SERVICE_REGISTRY[_NAME] = {"module": _NAME}
    app._loaded_modules[_NAME] = kinesis_video
