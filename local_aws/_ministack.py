"""Makes Amazon Kinesis Video Streams one of ministack's services, and lets its alarms be about metric math.

Everything here reaches into ministack's tables, which is why its version is pinned exactly.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from ministack import app
from ministack.core import iam_actions, router
from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch
from ministack.services.cloudformation import provisioners

from . import metric_math
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
    _add_metric_math()


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


def _add_metric_math() -> None:
    alarm_record = provisioners._cw_metric_alarm_record
    evaluate_alarm = cloudwatch._evaluate_alarm

    def record(name: str, properties: dict[str, Any]) -> dict[str, Any]:
        metrics = properties.get("Metrics")
        if not metrics:
            return dict(alarm_record(name, properties))
        # ministack insists on a metric; the alarm has several, and none at this place.
        names = {"Metrics": None, "MetricName": "none", "Namespace": "none"}
        alarm = alarm_record(name, {**properties, **names})
        return {**alarm, "Metrics": metrics, "MetricName": None, "Namespace": None}

    def evaluate(alarm: dict[str, Any]) -> None:
        if not alarm.get("Metrics"):
            evaluate_alarm(alarm)
            return
        now = time.time()
        old = alarm["StateValue"]
        new = metric_math.state(alarm, [_values(alarm, now, number) for number in range(alarm["EvaluationPeriods"])])
        if new != old:
            reason = f"Threshold Crossed: {alarm['ComparisonOperator']} {alarm['Threshold']}"
            alarm.update(StateValue=new, StateReason=reason, StateUpdatedTimestamp=int(now))
            cloudwatch._record_history(alarm["AlarmName"], old, new, reason)
            cloudwatch._dispatch_alarm_actions(alarm, old, new, reason)

    provisioners._cw_metric_alarm_record = record
    cloudwatch._evaluate_alarm = evaluate


def _values(alarm: Mapping[str, Any], now: float, number: int) -> dict[str, metric_math.Value]:
    """Return the values of an alarm's metrics in the period that ended `number` periods ago."""
    values = {}
    for metric in alarm["Metrics"]:
        if not (stat := metric.get("MetricStat")):
            continue
        period = int(stat["Period"])
        end = now - number * period
        dimensions = {d["Name"]: d["Value"] for d in stat["Metric"].get("Dimensions", [])}
        key = (stat["Metric"]["Namespace"], stat["Metric"]["MetricName"], cloudwatch._dims_key(dimensions))
        points = [p for p in cloudwatch._metrics.get(key, []) if end - period < p["Timestamp"] <= end]
        statistics = cloudwatch._calc_stats(points)
        values[metric["Id"]] = statistics[stat["Stat"]] if statistics else None
    return values
