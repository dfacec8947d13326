"""The account and the Region of a sub-command, and how long it waits for AWS."""

from __future__ import annotations

import argparse
import os
import re
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, NoRegionError
from botocore.model import OperationModel
from botocore.parsers import ResponseParserError

from kinesis_video_configuration import Deadline, timing
from kinesis_video_configuration.retries import CallError, Retries

from .failures import CommandError
from .screen import say

SILENCE_SECONDS = 10.0
"""The seconds after which a command says that AWS doesn't answer."""

OUTAGE_SECONDS = 20.0
"""The seconds after which a command gives up on a service that it can't reach; the last call can take as long again."""

# For clients that use botocore's own retries.
_CALLS = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2})


def add_account(arguments: argparse._ActionsContainer, of: str) -> None:
    """Add the options for the account, the Region and the endpoint."""
    account = arguments.add_argument_group("account")
    account.add_argument("--profile", help="the profile of your AWS configuration (AWS_PROFILE)")
    account.add_argument("--region", help=f"the Region of the {of} (AWS_REGION, or the profile's)")
    account.add_argument(
        "--endpoint-url", metavar="URL", help="the endpoint, such as that of a local AWS (AWS_ENDPOINT_URL)"
    )


class AccountSession(boto3.Session):
    """A session whose clients all use the endpoint of ``--endpoint-url``, and don't wait long for an answer.

    None leaves the endpoint to botocore. The options are those of `boto3.Session`.
    """

    def __init__(self, endpoint_url: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._endpoint_url = endpoint_url
        self._silence = _Silence()
        self.events.register("before-send", self._silence.asked)
        self.events.register("response-received", self._silence.answered)
        self.events.register("before-parse", _refuse_pages)

    def close(self) -> None:
        """Stop reporting calls without an answer."""
        self._silence.end()

    def client(self, service_name: Any, *arguments: Any, **options: Any) -> Any:
        """Make a client, as `boto3.Session.client` does."""
        options["endpoint_url"] = options.get("endpoint_url") or self._endpoint_url
        given = options.get("config")
        options["config"] = _CALLS.merge(given) if given else _CALLS
        return super().client(service_name, *arguments, **options)


def _refuse_pages(response_dict: Mapping[str, Any], operation_model: OperationModel, **_: object) -> None:
    """Refuse the web page of a proxy or of another server, which botocore mistakes for an empty reply."""
    body, status = response_dict["body"], response_dict["status_code"]
    is_page = isinstance(body, bytes) and body.lstrip()[:9].lower().startswith((b"<html", b"<!doctype"))
    has_json = operation_model.service_model.metadata["protocol"] in ("json", "rest-json")
    is_text = response_dict["headers"].get("content-type", "").startswith("text/")
    if is_page or (has_json and is_text and status < 300):
        raise ResponseParserError(f"the body of the response is not a service's, its HTTP status is {status}")


def session_of(options: argparse.Namespace, region: str | None = None) -> AccountSession:
    """Return a session in the account of the options that `add_account` has added.

    `region` is that of an ARN that was given: it counts if ``--region`` isn't given, before the environment and the
    profile. `options.region` is set to the effective Region, and `run` closes `options.session`.
    """
    _check_endpoint(options.endpoint_url or os.environ.get("AWS_ENDPOINT_URL", ""))
    # All other SDKs and the AWS CLI read AWS_REGION; boto3 reads AWS_DEFAULT_REGION only.
    region = options.region or region or os.environ.get("AWS_REGION") or None
    session = AccountSession(options.endpoint_url, region_name=region, profile_name=options.profile)
    if session.region_name == "":
        raise NoRegionError
    options.region, options.session = session.region_name, session
    return session


def _check_endpoint(url: str) -> None:
    try:
        parts = urlsplit(url)
        fits = not url or (parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0)
    except ValueError:
        fits = False
    if not fits:
        raise CommandError(f"the endpoint {url!r} is not a URL", "give a URL such as http://127.0.0.1:4566")


def region_of(given: str, service: str, resource: str) -> str | None:
    """Return the Region of an ARN; None for a name. An ARN of another service or resource type is refused."""
    if not given.startswith("arn:"):
        return None
    _, _, of_service, region, _, of_resource, *_ = [*given.split(":"), *[""] * 6]
    if of_service != service or re.split("[/:]", of_resource)[0] != resource or not region:
        raise CommandError(
            f"{given} is not the ARN of a {resource} of {service}",
            f"give the name or the ARN of one, arn:aws:{service}:REGION:ACCOUNT:{resource}...",
        )
    return region


class Patience(Retries):
    """The retry policy of a command: it repeats throttled calls, and gives up on a service that it can't reach."""

    def __init__(self, seconds: float) -> None:
        """Set the maximum duration of the whole command."""
        # A denied call fails at once: a person waits for the answer.
        super().__init__(Deadline(seconds), denied=Deadline(0))
        self._out_since: float | None = None

    def once(self, client: Any, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call one time, as `Retries.once` does; raise botocore's error if the service was out of reach for a while."""
        begun = timing.now()
        try:
            response = super().once(client, operation, **parameters)
        except CallError as error:
            cause = error.__cause__
            if cause is None or not _is_outage(cause):
                self._out_since = None
                raise
            self._out_since = self._out_since or begun
            if timing.now() - self._out_since > OUTAGE_SECONDS:
                raise cause from None
            raise
        self._out_since = None
        return response


def _is_outage(error: BaseException) -> bool:
    return not isinstance(error, ClientError) or error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500


class _Silence:
    """Says once that AWS doesn't answer, as long as it doesn't."""

    def __init__(self) -> None:
        self._timer: threading.Timer | None = None
        self._said = False

    def asked(self, request: Any, **_: object) -> None:
        if self._timer is None and not self._said:
            self._timer = threading.Timer(SILENCE_SECONDS, self._say, [urlsplit(request.url).netloc])
            self._timer.daemon = True
            self._timer.start()

    def answered(self, parsed_response: Any = None, **_: object) -> None:
        if parsed_response is not None:
            self.end()

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _say(self, host: str) -> None:
        self._said = True
        say(f"no answer from {host} yet, still trying")
