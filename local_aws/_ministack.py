"""Makes Amazon Kinesis Video Streams one of ministack's services.

Everything here reaches into ministack's tables, which is why its version is pinned exactly.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from ministack import app
from ministack.core import iam_actions, router
from ministack.core.responses import get_account_id, get_region
from ministack.services.cloudformation import provisioners

from .kinesisvideo import cloudformation
from .kinesisvideo.errors import access_denied
from .kinesisvideo.service import Answer, KinesisVideo, lenient_json
from .kinesisvideo.streams import Streams, stream_name

_NAME = "kinesisvideo"
_MAX_STREAM_NAME = 256


def install(service: KinesisVideo) -> None:
    """Add the API, the CloudFormation type and the IAM actions to ministack."""
    _add_api(service)
    _add_cloudformation_type(service)
    _add_iam_actions(service)


def _add_api(service: KinesisVideo) -> None:
    async def handle_request(method: str, path: str, _headers: Any, body: bytes, _query: Any) -> Answer:
        return await service.answer(method, path, body, get_account_id(), get_region())

    router.SERVICE_PATTERNS[_NAME] = {"host_patterns": [r"kinesisvideo\."]}
    app.SERVICE_HANDLERS[_NAME] = handle_request
    # ministack's own reset looks a service up here.
    app.SERVICE_REGISTRY[_NAME] = {"module": _NAME}
    app._loaded_modules[_NAME] = service


def _add_cloudformation_type(service: KinesisVideo) -> None:
    def current_streams() -> Streams:
        return service.streams(get_account_id(), get_region())

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


def _add_iam_actions(service: KinesisVideo) -> None:
    extract_resource_arn = iam_actions.extract_resource_arn
    access_denied_response = iam_actions.access_denied_response

    def resource_arn(
        name: str, method: str, path: str, headers: Any, body: bytes, query: Any, region: str, account: str
    ) -> Any:
        if name != _NAME:
            return extract_resource_arn(name, method, path, headers, body, query, region, account)
        return service.streams(account, region).arn_for_authorization(lenient_json(body))

    def denied(name: str, action: str, principal: str, request_id: str, **details: Any) -> Any:
        if name != _NAME or details.get("error_code"):
            return access_denied_response(name, action, principal, request_id, **details)
        resource = details["resource_arn"]
        message = f"User: {principal} is not authorized to perform: {action} on resource: {resource}"
        operation = action.removeprefix(f"{_NAME}:")
        return service.refuse(operation, stream_name({"StreamARN": resource}), access_denied(operation, message))

    iam_actions.SERVICE_TO_IAM_NAMESPACE[_NAME] = _NAME
    iam_actions._BOTOCORE_SERVICE_MAP[_NAME] = [_NAME]
    iam_actions.extract_resource_arn = resource_arn
    iam_actions.access_denied_response = denied
