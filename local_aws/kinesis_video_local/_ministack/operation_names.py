"""Finds a request's action where its service reads the operation.

ministack's check takes the action from `Action`, then from `X-Amz-Target`, then from the path, whatever the service
reads: a request that names two operations would be checked for one and do the other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote
from xml.etree.ElementTree import ParseError

from botocore.model import OperationNotFoundError, ServiceModel
from botocore.session import get_session
from ministack import app
from ministack.core import iam_actions
from ministack.services import cloudformation, iam, s3

# The name of the action of a request that names no operation, or two.
_UNCLEAR = "Unclear"
_UNCLEAR_ACTION = f"unclear:{_UNCLEAR}"

_JSON = frozenset({"cloudtrail", "events", "kms", "logs", "ssm", "states"})
_QUERY = frozenset({"cloudformation", "iam", "monitoring", "sns", "sqs", "sts"})
# Of those, the ones whose operation can also be in X-Amz-Target, after this.
_TARGETS = {"monitoring": "GraniteServiceVersion20100801.", "sqs": "AmazonSQS."}
# In the path, by the protocols that CloudWatch has, too.
_IN_PATH = re.compile(r"/operation/([^/?]+)")
# One of them names the groups of a request.
_LOG_GROUPS = frozenset({"logGroupIdentifier", "logGroupIdentifiers", "logGroupName", "logGroupNames"})
_LAMBDA_ACTIONS = {
    "GetLayerVersionByArn": "GetLayerVersion",
    "Invoke": "InvokeFunction",
    "InvokeAsync": "InvokeFunction",
    "InvokeWithResponseStream": "InvokeFunction",
}
# The parameters by which Amazon S3 finds the operation on a bucket (False) and on an object (True).
_S3_PARAMETERS = {
    (False, "GET"): "accelerate acl cors encryption lifecycle list-type location logging notification object-lock"
    " ownershipControls policy publicAccessBlock replication tagging uploads versioning versions website",
    (False, "PUT"): "accelerate acl cors encryption lifecycle logging notification object-lock ownershipControls policy"
    " publicAccessBlock replication requestPayment tagging versioning website",
    (False, "DELETE"): "cors encryption lifecycle ownershipControls policy publicAccessBlock replication tagging"
    " website",
    (False, "POST"): "delete",
    (True, "GET"): "acl annotation attributes legal-hold retention tagging uploadId",
    (True, "PUT"): "acl annotation legal-hold retention tagging uploadId",
    (True, "DELETE"): "annotation tagging uploadId",
    (True, "POST"): "restore uploadId uploads",
}
# ministack's check finds an operation by these, too, and its Amazon S3 does another one.
_S3_UNSERVED = "analytics intelligent-tiering inventory metrics policyStatus request-payment select torrent"
_ALL_S3_PARAMETERS = frozenset(" ".join([*_S3_PARAMETERS.values(), _S3_UNSERVED]).split())
# AWS Lambda looks for these anywhere in a path before it looks for the operation where it belongs.
_LAMBDA_WORDS = re.compile("^url|event-invoke-config|provisioned-concurrency|code-signing-config|account-settings")


def install() -> None:
    """Find actions where the services read them."""
    extract_action, extract_resource = iam_actions.extract_iam_action, iam_actions.extract_resource_arn
    merge, s3_action = app._routing_params, iam_actions._s3_action
    iam_actions._BOTOCORE_SERVICE_MAP["lambda"] = ["lambda"]

    def action_of(service: str, method: str, path: str, headers: Any, body: bytes, query: Any) -> str | None:
        action: str | None
        if service in ("s3", "lambda"):
            query = {name: value for name, value in query.items() if name != "Action"}
            if service == "lambda":
                name = _lambda_operation(method, path, query)
                return f"lambda:{_LAMBDA_ACTIONS.get(name, name)}" if name else _UNCLEAR_ACTION
            action = extract_action(service, method, path, {}, b"", query)
            return action
        if service in _JSON:
            target = {"x-amz-target": headers.get("x-amz-target", "")}
            return extract_action(service, method, path, target, b"", {}) or _UNCLEAR_ACTION
        if service not in _QUERY:
            action = extract_action(service, method, path, headers, body, query)
            return action
        in_header, in_path = headers.get("x-amz-target", ""), _IN_PATH.search(path)
        if not (in_header or in_path):
            fields = _fields(method, body)
            # Of several values, the services ignore an empty one.
            if any(len(value) > 1 or query.get(name, value) != value for name, value in fields.items()):
                return _UNCLEAR_ACTION
            action = extract_action(service, method, path, {}, b"", {**fields, **query})
            return action
        is_form = "x-www-form-urlencoded" in headers.get("content-type", "")
        if (in_header and in_path) or is_form or "Action" in query or service not in _TARGETS:
            return _UNCLEAR_ACTION
        if in_path:
            return f"cloudwatch:{in_path[1]}" if service == "monitoring" else _UNCLEAR_ACTION
        if not in_header.startswith(_TARGETS[service]):
            return _UNCLEAR_ACTION
        action = extract_action(service, method, path, headers, b"", {})
        return action

    def s3_action_of(method: str, path: str, query: Any) -> Any:
        bucket, _, key = path.lstrip("/").partition("/")
        given = _ALL_S3_PARAMETERS & set(query)
        # The key in a form isn't checked, and its own signature replaces the one in a header.
        is_form = method == "POST" and not (key or given)
        if is_form or len(given) > 1 or not given <= set(_S3_PARAMETERS.get((bool(key), method), "").split()):
            return _UNCLEAR
        return s3_action(method, f"/{bucket}/key" if key else f"/{bucket}", query)

    def resource_of(service: str, method: str, path: str, headers: Any, body: bytes, query: Any, *more: Any) -> Any:
        if service == "s3":
            bucket, _, key = path.lstrip("/").partition("/")
            if key:
                # With all its slashes.
                return f"arn:aws:s3:::{bucket}/{key}"
        in_header, in_path = headers.get("x-amz-target", ""), _IN_PATH.search(path)
        if service in _JSON or (service in _QUERY and (in_header or in_path)):
            operation = in_header.rpartition(".")[2] if in_header or not in_path else in_path[1]
            members = _members(service, operation, body)
            if len(_LOG_GROUPS & set(members)) > 1:
                return "*"
            # The services don't read the URL's query.
            body, query = json.dumps(members).encode(), {}
        elif service in _QUERY:
            given = {**_fields(method, body), **query}
            operation = iam_actions._query_param(given, "Action")
            body, query = b"", _owner(operation, {n: given[n] for n in given if n in _names(service, operation)})
        if service == "sqs" and "QueueUrl" not in _names(service, operation):
            path = "/"
        return extract_resource(service, method, path, headers, body, query, *more)

    def merge_form(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
        # These services don't read a form.
        if app.detect_service(method, path, headers, query) in ("s3", "lambda"):
            return query
        return merge(method, path, headers, body, query)

    iam_actions.extract_iam_action, iam_actions.extract_resource_arn = action_of, resource_of
    iam_actions._s3_action, iam_actions._s3_batch_delete_targets = s3_action_of, _deleted
    app._routing_params = merge_form


def is_unclear(action: str) -> bool:
    """Return whether a request names no operation, or two."""
    return action.endswith(f":{_UNCLEAR}")


def _deleted(bucket: str, body: bytes) -> list[tuple[str, str]]:
    """Return the ARN and the version of each object that DeleteObjects deletes."""
    try:
        objects = [element for element in s3.fromstring(body).iter() if element.tag.rpartition("}")[2] == "Object"]
    except (ParseError, ValueError):
        return []
    texts = [[s3._find_xml_tag(element, name) for name in ("Key", "VersionId")] for element in objects]
    named = [["" if text is None else text.text or "" for text in pair] for pair in texts]
    targets = [(f"arn:aws:s3:::{bucket}/{key}", version) for key, version in named if key]
    # ministack checks s3:DeleteObject for the first one, even of a version.
    return [*targets[:1], *targets] if targets and targets[0][1] else targets


def _lambda_operation(method: str, path: str, query: Any) -> str | None:
    """Return the operation of a path if each of its variables is one segment: ministack's pattern takes several."""
    operation: str | None = iam_actions._match_rest_action("lambda", method, path, query)
    if operation is None:
        return None
    route = _model("lambda").operation_model(operation).http["requestUri"].partition("?")[0].rstrip("/").split("/")
    # The service decodes the path once more.
    segments = unquote(path).rstrip("/").split("/")
    if route[2] == "durable-executions":
        # The ARN has slashes.
        return None if _LAMBDA_WORDS.search("/".join(segments)) or "functions" in segments else operation
    variables = [given for given, part in zip(segments, route, strict=False) if part.startswith("{")]
    if len(segments) != len(route) or any(map(_LAMBDA_WORDS.search, variables)):
        return None
    return operation


def _members(service: str, operation: str, body: bytes) -> Mapping[str, Any]:
    """Return the members of a request that its operation has: another one could name another resource."""
    try:
        given = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return {}
    names = _names(service, operation)
    return {name: value for name, value in given.items() if name in names} if isinstance(given, dict) else {}


def _names(service: str, operation: str) -> Container[str]:
    """Return the names of an operation's members."""
    try:
        shape = _model(service).operation_model(operation).input_shape
    except OperationNotFoundError:
        return ()
    return shape.members if shape else ()


def _owner(operation: str, query: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the members of a form that name its resource, as IAM takes them."""
    if "GroupName" in query:
        # ministack's check would take the user or the policy that is added to the group.
        return {"GroupName": query["GroupName"]}
    # Each has the id of something whose owner another member could misstate.
    key = iam._access_keys.get(iam_actions._query_param(query, "AccessKeyId"))
    if key is not None:
        return {**query, "UserName": [key["UserName"]]}
    change_set = cloudformation._change_sets.get(iam_actions._query_param(query, "ChangeSetName"))
    if change_set is not None and operation != "CreateChangeSet":
        return {**query, "StackName": [change_set["StackId"]]}
    return query


@cache
def _model(service: str) -> ServiceModel:
    return get_session().get_service_model(
        {"states": "stepfunctions", "monitoring": "cloudwatch"}.get(service, service)
    )


def _fields(method: str, body: bytes) -> Mapping[str, list[str]]:
    # The services read a form whatever its content type.
    return parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True) if method == "POST" else {}
