"""The function's own client, made while Lambda initialises it."""

from __future__ import annotations

import boto3
import botocore.session
from botocore.loaders import Loader

from kinesis_video_configuration.service import create_client


class _OneService(Loader):
    """Knows the one service: botocore looks through the folders of hundreds for it, twice for each client."""

    def list_available_services(self, type_name: str) -> list[str]:
        return ["kinesisvideo"]


_session = botocore.session.get_session()
_session.register_component("data_loader", _OneService())

# While the function is initialised Lambda gives a full CPU, whatever the function's memory.
kinesis_video = create_client(boto3.Session(botocore_session=_session))
