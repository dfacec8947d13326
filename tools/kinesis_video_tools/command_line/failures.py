"""The failures of a command: what was tried, why it failed, and what to type next."""

from __future__ import annotations

from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from kinesis_video_configuration import one_line
from kinesis_video_configuration.retries import DENIED, CallError

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
_UNREACHABLE = (exceptions.ConnectionError, exceptions.HTTPClientError)


class CommandError(Exception):
    """A command can't do its work, and exits with 2.

    Parameters
    ----------
    problem
        What was tried, and why it failed.
    fix
        What to type or to change next; empty if not known.
    """

    def __init__(self, problem: str, fix: str = "") -> None:
        super().__init__(problem)
        self.fix = fix


def explain(error: Exception, region: str | None = None) -> CommandError:
    """Say in two lines why a call failed.

    Parameters
    ----------
    error
        Of botocore, of `Retries`, or a `CommandError`, which is returned as it is.
    region
        The Region that was asked.
    """
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
