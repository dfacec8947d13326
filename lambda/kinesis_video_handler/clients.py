"""The function's own clients."""

from __future__ import annotations

from functools import cache
from typing import Any

from botocore.config import Config
from botocore.loaders import Loader
from botocore.session import Session

from kinesis_video_configuration.service import create_client

from .gate import guard_connections


class _FewServices(Loader):
    """Lists three services. botocore searches the folders of hundreds of services, twice for each client."""

    def list_available_services(self, type_name: str) -> list[str]:
        return ["cloudformation", "events", "kinesisvideo"]


class _Session(Session):
    """Makes clients as boto3 does, without importing it: that takes 8% of a cold start's CPU."""

    def client(self, service_name: str, *, config: Config) -> Any:
        return self.create_client(service_name, config=config)


guard_connections()
_session = _Session()
_session.register_component("data_loader", _FewServices())

# Lambda initialises the function with a full CPU, whatever its memory is.
kinesis_video = create_client(_session)


@cache
def cloudformation() -> Any:
    """Make the client when it is first used: most events don't need it, and its model is large."""
    return create_client(_session, "cloudformation")


@cache
def eventbridge() -> Any:
    """Make the client when it is first used: only reports of drift need it, and only if the monitor has a rule."""
    return create_client(_session, "events")
