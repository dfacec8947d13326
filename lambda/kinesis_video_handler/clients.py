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
    """Knows three services: botocore looks through the folders of hundreds for each, twice for each client."""

    def list_available_services(self, type_name: str) -> list[str]:
        return ["cloudformation", "events", "kinesisvideo"]


class _Session(Session):
    """Makes botocore's clients as boto3 does: the import of boto3 alone takes a tenth of a cold start's CPU."""

    def client(self, service_name: str, *, config: Config) -> Any:
        return self.create_client(service_name, config=config)


guard_connections()
_session = _Session()
_session.register_component("data_loader", _FewServices())

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
