"""Repeats the events of custom resources whose function fails, twice, as Lambda does with asynchronous invocations.

ministack repeats the events of other services. Its pauses are 1 and 2 seconds instead of 1 and 2 minutes.

See https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import Any

from ministack.services import lambda_svc
from ministack.services.cloudformation import custom_resource

_RETRIES = 2
_by_cloudformation: ContextVar[bool] = ContextVar("by_cloudformation", default=False)


def install() -> None:
    """Repeat the events of custom resources."""
    invoke_custom_resource = custom_resource.invoke_custom_resource
    execute = lambda_svc._execute_function_with_config_scope

    def invoke(*arguments: Any, **more: Any) -> Any:
        token = _by_cloudformation.set(True)
        try:
            return invoke_custom_resource(*arguments, **more)
        finally:
            _by_cloudformation.reset(token)

    def execute_with_retries(function: Any, event: Any) -> Any:
        result = execute(function, event)
        if _by_cloudformation.get():
            for retry in range(_RETRIES):
                if not result.get("error"):
                    break
                time.sleep(lambda_svc._LAMBDA_ASYNC_RETRY_BASE_SECONDS * 2**retry)
                result = execute(function, event)
        return result

    custom_resource.invoke_custom_resource = invoke
    lambda_svc._execute_function_with_config_scope = execute_with_retries
