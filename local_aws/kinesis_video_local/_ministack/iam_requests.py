"""The action and the resource of a request, where ministack's check of policies finds others than IAM.

- ministack knows a few of AWS Lambda's actions, and takes many operations for one of them or for none.
- It removes slashes from the key of an object.
- It checks the first object of DeleteObjects without its version.
- It checks the user or the policy that joins a group, not the group, and no role or user whose policies are simulated.
"""

from __future__ import annotations

from typing import Any

from ministack.core import iam_actions

_LAMBDA_ACTIONS = {
    "GetLayerVersionByArn": "GetLayerVersion",
    "Invoke": "InvokeFunction",
    "InvokeAsync": "InvokeFunction",
    "InvokeWithResponseStream": "InvokeFunction",
}


def install() -> None:
    """Find what IAM finds."""
    match_rest_action = iam_actions._match_rest_action
    extract_resource_arn = iam_actions.extract_resource_arn
    batch_delete_targets = iam_actions._s3_batch_delete_targets

    def match(service: str, *request: Any) -> str | None:
        operation: str | None = match_rest_action(service, *request)
        return _LAMBDA_ACTIONS.get(operation, operation) if operation and service == "lambda" else operation

    def extract(service: str, method: str, path: str, headers: Any, body: bytes, query: Any, *more: Any) -> Any:
        bucket, _, key = path.lstrip("/").partition("/")
        if service == "s3" and key:
            return f"arn:aws:s3:::{bucket}/{key}"
        if service == "iam" and "PolicySourceArn" in query:
            return iam_actions._query_param(query, "PolicySourceArn")
        if service == "iam" and "GroupName" in query:
            body, query = b"", {"GroupName": query["GroupName"]}
        return extract_resource_arn(service, method, path, headers, body, query, *more)

    def deleted(bucket: str, body: bytes) -> Any:
        targets = batch_delete_targets(bucket, body)
        # ministack checks s3:DeleteObject for the first one, even of a version.
        return [*targets[:1], *targets] if targets and targets[0][1] else targets

    # With botocore's routes of AWS Lambda, which ministack has for other services.
    iam_actions._BOTOCORE_SERVICE_MAP["lambda"] = ["lambda"]
    iam_actions._lambda_action = lambda *_: None
    iam_actions._match_rest_action = match
    iam_actions.extract_resource_arn = extract
    iam_actions._s3_batch_delete_targets = deleted
