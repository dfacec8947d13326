"""The right to simulate policies is one on the role or the user whose policies they are.

See https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
"""

from __future__ import annotations

from typing import Any

from ministack.core import iam_actions

_SOURCE = "PolicySourceArn"


def install() -> None:
    """Let ministack find the resource of SimulatePrincipalPolicy."""
    extract_resource_arn = iam_actions.extract_resource_arn

    def extract(
        service: str, method: str, path: str, headers: Any, body: bytes, query: dict[str, Any], *more: str
    ) -> str:
        source: str = iam_actions._query_param(query, _SOURCE) if service == "iam" else ""
        return source or extract_resource_arn(service, method, path, headers, body, query, *more)

    iam_actions.extract_resource_arn = extract
