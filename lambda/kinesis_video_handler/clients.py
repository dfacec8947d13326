"""The function's own clients."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
import botocore.session
from botocore.loaders import Loader

from kinesis_video_configuration.service import create_client

from .gate import guard_connections


class _FewServices(Loader):
    """Knows three services: botocore looks through the folders of hundreds for each, twice for each client."""

    def list_available_services(self, type_name: str) -> list[str]:
        return ["cloudformation", "events", "kinesisvideo"]


guard_connections()
_botocore_session = botocore.session.get_session()
_botocore_session.register_component("data_loader", _FewServices())
_session = boto3.Session(botocore_session=_botocore_session)

# While the function is initialised Lambda gives a full CPU, whatever the function's memory.
kinesis_video = create_client(_session)


@cache
def cloudformation() -> Any:
    """Make the client at its first use: most events don't need it, and its model is a large one."""
    return create_client(_session, "cloudformation")


@cache
def eventbridge() -> Any:
    """Make the client at its first use: only drift is told to EventBridge, and only if somebody listens."""
    return create_client(_session, "events")
