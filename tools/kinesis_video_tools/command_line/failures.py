"""How a sub-command ends: with an exit code of the table and without a traceback, whatever stops it.

A failure is two lines: what was tried and why it failed, and what to type next.
"""

from __future__ import annotations

import argparse
import re
import traceback
from contextlib import suppress
from pathlib import Path

from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from kinesis_video_configuration import one_line
from kinesis_video_configuration.retries import DENIED, CallError

from .parser import ExitCode
from .screen import say

_SIGN_IN = "give --profile NAME (`aws configure list-profiles` lists them), or sign in, such as with `aws sso login`"
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired")
_INVALID = (
    "AuthFailure",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidClientTokenIdException",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
)
_NO_CREDENTIALS = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
    exceptions.NoAuthTokenError,
    exceptions.UnauthorizedSSOTokenError,
    exceptions.SSOError,
    exceptions.TokenRetrievalError,
)
_PACKAGES = re.compile("boto3|botocore|kinesis_video_.*")
_UNREACHABLE = (exceptions.ConnectionError, exceptions.HTTPClientError)


class CommandError(Exception):
    """A command can't do its work, and exits with 2."""

    def __init__(self, problem: str, fix: str = "") -> None:
        """Say what was tried and why it failed, and what to type or to change next, if that is known."""
        super().__init__(problem)
        self.fix = fix


def explain(error: Exception, region: str | None = None) -> CommandError:
    """Say in two lines why a call failed in a Region; a `CommandError` is returned as it is."""
    if isinstance(error, CommandError):
        return error
    where = f" in {region}" if region else ""
    cause: BaseException | None = error
    while isinstance(cause, CallError):
        cause = cause.__cause__
    if isinstance(cause, ClientError):
        return _refused(cause, where)
    if isinstance(cause, ResponseParserError):
        return CommandError(
            f"the server that answers{where} is not AWS: {one_line(str(cause))}",
            "check HTTPS_PROXY, AWS_ENDPOINT_URL and --endpoint-url: a proxy or another server answers",
        )
    if isinstance(cause, exceptions.NoRegionError):
        return CommandError("no Region is set", "give --region REGION, such as eu-west-1, or set AWS_REGION")
    if isinstance(cause, exceptions.ProfileNotFound):
        return CommandError(one_line(str(cause)), "`aws configure list-profiles` lists the profiles")
    if isinstance(cause, _NO_CREDENTIALS):
        return CommandError(f"there are no credentials: {one_line(str(cause))}", _SIGN_IN)
    if isinstance(cause, exceptions.InvalidRegionError):
        return CommandError(one_line(str(cause)), "give --region REGION, such as eu-west-1")
    if isinstance(cause, _UNREACHABLE):
        return CommandError(
            f"AWS can't be reached{where}: {one_line(str(cause))}",
            f"check --region{f' {region}' if region else ''}, --endpoint-url, the network and its proxy",
        )
    if isinstance(cause, BotoCoreError):
        return CommandError(one_line(str(cause)))
    return CommandError(one_line(str(error)))


def _refused(error: ClientError, where: str) -> CommandError:
    operation, told = error.operation_name, error.response["Error"]
    code, message = told["Code"], one_line(told.get("Message", ""), limit=500)
    tried = f"{operation}{where}: {code}: {message}".removesuffix(".")
    if code in _EXPIRED:
        return CommandError(tried, f"the credentials have expired; {_SIGN_IN}")
    if code in _INVALID:
        return CommandError(
            tried, "AWS doesn't know these credentials; `aws sts get-caller-identity` shows whose they are"
        )
    if code in DENIED or "NotAuthorized" in code or "AccessDenied" in code or "UnauthorizedOperation" in code:
        return CommandError(tried, f"allow {operation} to these credentials, or give another --profile")
    if (
        "NotFound" in code
        or "does not exist" in message.lower()
        or code in ("NoSuchBucket", "StateMachineDoesNotExist")
    ):
        return CommandError(tried, "check the name, --region and --profile")
    if error.response["ResponseMetadata"].get("HTTPStatusCode", 0) >= 500:
        return CommandError(tried, "the service itself has a problem; try again")
    return CommandError(tried)


def run(options: argparse.Namespace) -> int:
    """Run the sub-command of the parsed options, and return its exit code."""
    try:
        code: int = options.run(options)
    except BrokenPipeError:
        raise
    except (CommandError, CallError, BotoCoreError, ClientError, ResponseParserError) as error:
        return _fail(options.command, explain(error, getattr(options, "region", None)))
    except Exception as error:
        return _fail(options.command, _unexpected(error))
    finally:
        if session := getattr(options, "session", None):
            session.close()
    return code


def _fail(command: str, error: CommandError) -> int:
    with suppress(BrokenPipeError):
        say(f"kinesis-video {command}: {error}", *([f"  → {error.fix}"] if error.fix else []))
    return ExitCode.UNKNOWN


def _unexpected(error: Exception) -> CommandError:
    """Tell an error of boto3, over a setting that it can't use, from one of ours."""
    places = traceback.extract_tb(error.__traceback__)
    packages = [part for place in places for part in Path(place.filename).parts if _PACKAGES.fullmatch(part)]
    said = f"{type(error).__name__}: {one_line(str(error))}"
    if packages[-1] in ("boto3", "botocore"):
        return CommandError(
            f"boto3 can't make a call, {said}",
            "look at --profile, --endpoint-url, the environment's variables AWS_..., and the files that they name",
        )
    where = places[-1]
    return CommandError(
        f"an error of kinesis-video itself, {said}",
        f"report it with this place: {Path(where.filename).name}:{where.lineno} {where.name}",
    )
