"""The CloudFormation custom resource protocol: the event, the one answer to it, and how the answer is sent.

See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from math import inf
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from kinesis_video_configuration import Deadline, one_line, timing
from kinesis_video_contract.configurations import SERVICE_TIMEOUT

MAX_ANSWER_BYTES = 4096
"""A longer answer fails the operation with "Response object is too long", even if it says SUCCESS."""

_UNCUT = 54
"""The minimum length of a function's name that CloudFormation has cut."""

CREATE_FAILED_ID = "cdk-kinesis-video::create-failed"
"""The physical id of a Create that failed. A Delete with this id has nothing to delete."""


class AnswerNotSentError(Exception):
    """CloudFormation did not accept the answer. It is raised so that Lambda repeats the event."""


# By partition; in all others it is `amazonaws.com`.
_S3_SUFFIXES = {
    "aws-cn": "amazonaws.com.cn",
    "aws-eusc": "amazonaws.eu",
    "aws-iso": "c2s.ic.gov",
    "aws-iso-b": "sc2s.sgov.gov",
    "aws-iso-e": "cloud.adc-e.uk",
    "aws-iso-f": "csp.hci.ic.gov",
}


def _is_of_s3(url: str, stack_id: str) -> bool:
    """Whether an address is Amazon S3's. Without this check, a caller could make the function call any address."""
    suffix = _S3_SUFFIXES.get(stack_id.split(":")[1] if ":" in stack_id else "", "amazonaws.com")
    region = r"[a-z]{2,4}(-[a-z]+)+-\d"
    host = rf"([a-z0-9][a-z0-9.-]*\.)?s3([.-](dualstack\.)?{region}|-external-1)?\.{re.escape(suffix)}(:443)?"
    return re.match(rf"https://{host}[/?]", url) is not None


def _is_local(url: str) -> bool:
    """Whether an address is one of the local AWS that the function runs on."""
    try:
        endpoint, address = (urlsplit(each) for each in (os.environ.get("AWS_ENDPOINT_URL", ""), url))
    except ValueError:
        return False
    loopback = ("127.0.0.1", "localhost")
    return (
        address.scheme in ("http", "https")
        and address.hostname is not None
        and (address.hostname == endpoint.hostname or {address.hostname, endpoint.hostname} <= {*loopback})
    )


def require_own_stack(stack_id: object, function_arn: str) -> None:
    """Refuse an event of another stack: permission to invoke the function of one stack must not control all stacks.

    CloudFormation names a function after its stack, and cuts a name of more than 64 characters.

    Raises
    ------
    ValueError
        If the stack is in another account or Region than the function, or has another name.
    """
    of_stack, of_function = str(stack_id).split(":"), function_arn.split(":")
    if len(of_function) < 7:
        # Not in Lambda.
        return
    stack_name = of_stack[5].split("/")[1] if len(of_stack) > 5 and "/" in of_stack[5] else ""
    name, mark, _ = of_function[6].rpartition("-CdkKinesisVideo")
    is_cut = len(of_function[6]) > _UNCUT and stack_name.startswith(name)
    is_named = not mark or name == stack_name or is_cut
    if of_stack[1:5:2] != of_function[1:5:2] or of_stack[4:5] != of_function[4:5] or not is_named:
        raise ValueError(f"the event is not of the function's own stack but of {one_line(str(stack_id), limit=200)}")


@dataclass(frozen=True)
class Request:
    """One event of CloudFormation, checked. The presigned URL is a secret and left out of `repr`."""

    request_type: str
    request_id: str
    stack_id: str
    logical_resource_id: str
    resource_type: str
    physical_resource_id: str
    properties: Mapping[str, Any]
    old_properties: Mapping[str, Any]
    response_url: str = field(repr=False)

    @classmethod
    def from_event(cls, event: object) -> Request:
        """Check that the event has what an answer needs.

        Raises
        ------
        ValueError
            If the event can't be answered.
        """
        if not isinstance(event, Mapping):
            raise ValueError("the event is not a CloudFormation custom resource event")

        texts = {key: value for key, value in event.items() if isinstance(value, str)}
        maps = {key: value for key, value in event.items() if isinstance(value, Mapping)}
        missing = [key for key in ("ResponseURL", "RequestId", "StackId", "LogicalResourceId") if not texts.get(key)]
        if missing:
            raise ValueError(f"the event can't be answered, it has no {', '.join(missing)}")
        response_url, stack_id = texts["ResponseURL"], texts["StackId"]
        if not response_url.startswith(("https://", "http://")):
            raise ValueError("the event can't be answered, its ResponseURL is not a web address")
        if not _is_of_s3(response_url, stack_id) and not _is_local(response_url):
            raise ValueError("the event can't be answered, its ResponseURL is not an address of Amazon S3")
        return cls(
            request_type=texts.get("RequestType", ""),
            request_id=texts["RequestId"],
            stack_id=stack_id,
            logical_resource_id=texts["LogicalResourceId"],
            resource_type=texts.get("ResourceType", ""),
            physical_resource_id=texts.get("PhysicalResourceId", ""),
            properties=maps.get("ResourceProperties", {}),
            old_properties=maps.get("OldResourceProperties", {}),
            response_url=response_url,
        )

    @property
    def identity(self) -> str:
        """Identifies the event by 64 hexadecimal digits, which don't reveal the ResponseURL.

        An event that Lambda repeats has the same identity. A `RequestId` alone is not enough: it is unique only within
        a resource of a stack, and CloudFormation reuses it, with another ResponseURL, when a deployment is retried.
        """
        parts = (self.stack_id, self.logical_resource_id, self.request_id, self.response_url)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    @property
    def moved_away(self) -> bool:
        """Whether the event moves the resource away from the stream that it has."""
        return self.is_at(self.old_properties) and not self.is_at(self.properties)

    def is_at(self, properties: Mapping[str, Any]) -> bool:
        """Whether properties name the stream that the resource has."""
        name = properties.get("StreamName")
        by_name = isinstance(name, str) and f":stream/{name}/" in self.physical_resource_id
        return by_name if name else self.physical_resource_id == properties.get("StreamARN")

    def seconds_left(self) -> float:
        """Return how long CloudFormation still waits for the answer, by the date in the presigned URL.

        Lambda may deliver an event up to 6 hours late. Without a readable date the result is infinite.
        """
        try:
            query = parse_qs(urlsplit(self.response_url).query)
            if "X-Amz-Date" in query:
                made = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%S%z").timestamp()
                return made + self.service_timeout() - timing.since_1970()
            if "Expires" in query:
                return int(query["Expires"][0]) - timing.since_1970()
        except (ValueError, OverflowError):
            pass
        return inf

    def service_timeout(self) -> int:
        """Return how long CloudFormation waits for the answer, in seconds."""
        try:
            given = self.properties[SERVICE_TIMEOUT]
            # True would be 1 second.
            seconds = 0 if isinstance(given, bool) else int(given)
        except (KeyError, TypeError, ValueError, OverflowError):
            seconds = 0
        return seconds if 0 < seconds <= timing.SERVICE_TIMEOUT_SECONDS else timing.SERVICE_TIMEOUT_SECONDS


@dataclass(frozen=True)
class Answer:
    """An answer to CloudFormation."""

    status: Literal["SUCCESS", "FAILED"]
    physical_resource_id: str
    reason: str = ""
    data: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def success(cls, physical_resource_id: str, **data: str) -> Answer:
        """Say that the resource is as declared, and has this physical id from now on."""
        return cls("SUCCESS", physical_resource_id, data=data)

    @classmethod
    def failed(cls, request: Request) -> Answer:
        """Say that the resource is not as declared. CloudFormation adopts this id, too, so it must not be a new one."""
        return cls("FAILED", request.physical_resource_id or CREATE_FAILED_ID)

    def encode(self, request: Request) -> bytes:
        """Make the body of the answer, of at most `MAX_ANSWER_BYTES`: a longer reason is cut in the middle."""
        reason = self.reason
        while True:
            body = {
                "Status": self.status,
                "PhysicalResourceId": self.physical_resource_id,
                "StackId": request.stack_id,
                "RequestId": request.request_id,
                "LogicalResourceId": request.logical_resource_id,
            }
            if self.status == "FAILED":
                body["Reason"] = reason or "no reason was given"
            encoded = json.dumps(body | ({"Data": dict(self.data)} if self.data else {})).encode()
            if len(encoded) <= MAX_ANSWER_BYTES:
                return encoded
            if not reason:
                raise ValueError("the event's own ids are longer than an answer may be")
            reason = one_line(reason, limit=len(reason) // 2)


@dataclass
class Interim:
    """The answer to give if the work ends without one: with an error, or at the deadline."""

    answer: Answer
    remark: str = ""
    """What the reason of a failure must end with."""

    def ended_by(self, problem: str) -> Answer:
        """Make the answer. What has succeeded before the problem stays a success."""
        if self.answer.status == "SUCCESS":
            return self.answer
        return replace(self.answer, reason=one_line(f"{problem}{self.remark}"))


def send(request: Request, answer: Answer, end: Deadline) -> None:
    """PUT the answer to the event's ResponseURL. Only the first attempt may start when it could end too late.

    Raises
    ------
    AnswerNotSentError
        If no attempt was answered with a status below 300. The message names no address: it is a secret.
    """
    body = answer.encode(request)
    problem = ""
    attempts = 0
    for pause in timing.SEND_PAUSES_SECONDS:
        timing.sleep(pause)
        if attempts and end.remaining() < timing.SEND_SECONDS:
            break
        attempts += 1
        try:
            # The presigned URL is signed for an empty content type; S3 answers any other with 403.
            put = urllib.request.Request(request.response_url, data=body, method="PUT", headers={"Content-Type": ""})
            with urllib.request.urlopen(put, timeout=timing.SEND_SECONDS, context=_tls()):
                return
        except urllib.error.HTTPError as error:
            problem = f"HTTP status {error.code}"
            error.close()
        except (OSError, http.client.HTTPException, ValueError) as error:
            problem = type(error).__name__
    raise AnswerNotSentError(f"CloudFormation did not take the answer in {attempts} attempts, the last one: {problem}")


@cache
def _tls() -> ssl.SSLContext:
    # Reading the certificate authorities takes longer than the rest of a warm event, so it is done once.
    return ssl.create_default_context()
