"""CloudFormation's conversation with the functions of a stack, which run as on AWS."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import unquote

import psutil
from aiohttp import web

from tests.cloudformation import CloudFormation
from tests.templates import resolve, stringify

from .assembly import ACCOUNT, REGION, Assembly
from .loopback import serving, taking_answers
from .runtime import Function, Outcome

MAX_ANSWER_BYTES = 4096
LAMBDA_TRIES = 3
"""Lambda invokes a function that failed on an asynchronous event, as CloudFormation's are, twice more."""
_LOGGING = {"AWS_LAMBDA_LOG_FORMAT": "LogFormat", "AWS_LAMBDA_LOG_LEVEL": "ApplicationLogLevel"}


@dataclass(frozen=True)
class Told:
    """What CloudFormation was told about one event."""

    status: str
    """SUCCESS or FAILED; nothing if no answer came."""
    physical_id: str
    reason: str
    answers: int
    invocations: int


class Backend:
    """The functions of one synthesised stack, whose processes start when they are invoked."""

    def __init__(self, assembly: Assembly, answers: CloudFormation) -> None:
        self._resources = assembly.template["Resources"]
        self._answers = answers
        self._functions: dict[str, tuple[Function, float]] = {}

    @classmethod
    @asynccontextmanager
    async def running(
        cls, assembly: Assembly, environment: Mapping[str, str], seconds: float | None = None
    ) -> AsyncIterator[Self]:
        """Have the functions for as long as the block runs.

        `environment` points them to their AWS. An invocation of a function whose timeout is the user's choice may take
        so many `seconds`, by default the stack's.
        """
        async with AsyncExitStack() as stack:
            answers, trust = stack.enter_context(taking_answers())
            backend = cls(assembly, answers)
            # The provider framework invokes the user's function by Lambda's API.
            url = await stack.enter_async_context(serving(backend._invoke_api))
            for name, resource in assembly.of_type("AWS::Lambda::Function").items():
                properties = resource["Properties"]
                handler, runtime, logging = (properties.get(key, {}) for key in ("Handler", "Runtime", "LoggingConfig"))
                function = Function(
                    # The functions of AWS CDK take the latest runtime of their Region from a mapping in the template.
                    runtime if isinstance(runtime, str) else "nodejs20.x",
                    handler,
                    assembly.assets[properties["Code"]["S3Key"]],
                    {
                        **environment,
                        **trust,
                        "AWS_ENDPOINT_URL_LAMBDA": url,
                        **resolve(properties.get("Environment", {}).get("Variables", {}), _known("")),
                        **{variable: logging[key] for variable, key in _LOGGING.items() if key in logging},
                    },
                )
                # The provider framework sets the 15 minutes of its own function itself.
                chosen = None if handler.startswith("framework.") else seconds
                timeout = chosen or properties.get("Timeout", 3)
                backend._functions[name] = (await stack.enter_async_context(function.running()), timeout)
            yield backend

    @property
    def processes(self) -> list[psutil.Process]:
        return [function.process for function, _ in self._functions.values()]

    async def send(self, request_type: str, stream_arn: str, *statuses: int, **more: Any) -> Told:
        """Send an event of the stack's custom resource, and of this stream, as CloudFormation does, by Lambda's queue.

        The first answers get these `statuses`, and later ones 200; `more` is what else the event has.
        """
        name, resource = next(i for i in self._resources.items() if "ServiceToken" in i[1].get("Properties", {}))
        properties = stringify(resolve(resource["Properties"], _known(stream_arn)))
        event = {
            "RequestType": request_type,
            "RequestId": str(uuid.uuid4()),
            "StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/Cameras/{uuid.uuid4()}",
            "ResponseURL": f"{self._answers.response_url.replace('http:', 'https:')}&{uuid.uuid4()}",
            "ResourceType": resource["Type"],
            "LogicalResourceId": name,
            "ResourceProperties": properties,
            **({"OldResourceProperties": properties} if request_type == "Update" else {}),
            **more,
        }
        self._answers.script = [*statuses]
        invocations = 1
        while (await self._invoke(properties["ServiceToken"], event)).error:
            if invocations == LAMBDA_TRIES:
                break
            invocations += 1
        puts = [put.body for put in self._answers.puts if event["ResponseURL"].endswith(put.path)]
        taken = puts[len(statuses) :]
        if not taken:
            return Told("", "", "", 0, invocations)
        # The first answer counts.
        body = json.loads(taken[0])
        if len(taken[0]) > MAX_ANSWER_BYTES:
            body |= {"Status": "FAILED", "Reason": "Response object is too long."}
        return Told(body["Status"], body["PhysicalResourceId"], body.get("Reason", ""), len(taken), invocations)

    async def _invoke(self, arn: str, event: Any) -> Outcome:
        function, seconds = self._functions[arn.rpartition(":")[2]]
        return await function.invoke(event, seconds)

    async def _invoke_api(self, request: web.BaseRequest) -> web.StreamResponse:
        outcome = await self._invoke(unquote(request.path.split("/")[3]), await request.json())
        headers = {"X-Amz-Function-Error": outcome.error} if outcome.error else {}
        return web.json_response(outcome.payload, headers=headers)


def _known(stream_arn: str) -> Any:
    def value(name: str, attribute: str) -> str:
        if name.startswith("Camera"):
            return stream_arn
        if attribute == "Ref":
            return "images-of-the-cameras"
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"

    return value
