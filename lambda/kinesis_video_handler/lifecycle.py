"""What create, update and delete mean for the configuration of a stream.

A stream has one configuration, so whoever writes last has it. Create and Update set what is declared. Delete removes
it only if the stream still has what its own event declares: the properties that it carries, at the ARN that it carries.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from botocore.exceptions import ParamValidationError

from kinesis_video_configuration import Deadline, Declaration, differences, one_line
from kinesis_video_configuration.retries import CallError, Retries
from kinesis_video_configuration.service import KinesisVideo

from .protocol import CREATE_FAILED_ID, Answer, Request

logger = logging.getLogger(__name__)

_STREAM_ARN = re.compile(r"arn:[a-z\d-]+:kinesisvideo:[a-z0-9-]+:[0-9]+:stream/[a-zA-Z0-9_.-]+/[0-9]+")

_DENIED = (
    "the function's role has this right, so look for a denial in a service control policy, a permissions boundary or a "
    "session policy"
)
_WHAT_TO_CHANGE = {
    "NoDataRetentionException": "its data retention is 0, give the stream a data retention of at least 1 hour",
    "ResourceNotFoundException": "this account and Region have no such stream, correct `stream` or create it first",
    "InvalidArgumentException": "the service refuses the configuration, correct the properties that it names",
    "AccessDeniedException": _DENIED,
    "NotAuthorizedException": _DENIED,
    "ClientLimitExceededException": "deploy again when fewer callers share the quota of this account",
    "ResourceInUseException": "deploy again when the stream is ACTIVE",
}


def handle(request: Request, deadline: Deadline, client: Any) -> Answer:
    """Do what the event asks for, and say how it went."""
    try:
        if request.request_type == "Delete":
            return _delete(request, deadline, client)
        if request.request_type in ("Create", "Update"):
            return _create_or_update(request, deadline, client)
        reason = f"the request type is {request.request_type!r}, it must be Create, Update or Delete"
    except CallError as error:
        reason = f"{_stream(request)}: {error}; {_WHAT_TO_CHANGE.get(error.code, 'deploy again later')}"
    except (ValueError, ParamValidationError) as error:
        reason = one_line(str(error))
    logger.error("failed", extra={"problem": reason})
    return Answer.failed(request, reason)


def _create_or_update(request: Request, deadline: Deadline, client: Any) -> Answer:
    declaration = Declaration.parse(request.resource_type, request.properties)
    streams = KinesisVideo(client, Retries(deadline))
    stream_arn = streams.stream_arn(declaration.stream)
    streams.configure(declaration.feature, stream_arn, declaration.configuration)
    verified = _verify(streams, declaration, stream_arn)
    # A stream other than before makes another physical id, upon which CloudFormation deletes the old one at the end.
    return Answer.success(stream_arn, Verified="true" if verified else "false")


def _verify(streams: KinesisVideo, declaration: Declaration, stream_arn: str) -> bool:
    """Read the configuration back. It was accepted, so what is odd now is worth a warning and not a rollback."""
    try:
        actual = streams.configuration(declaration.feature, stream_arn)
    except CallError as error:
        logger.warning("could not read back", extra={"stream": stream_arn, "problem": str(error)})
        return False
    names = differences(declaration.configuration, actual or {})
    if names:
        logger.warning("read back otherwise than declared", extra={"stream": stream_arn, "fields": names})
    else:
        logger.info("configured as declared", extra={"stream": stream_arn})
    return not names


def _delete(request: Request, deadline: Deadline, client: Any) -> Answer:
    stream_arn = request.physical_resource_id
    done = Answer.success(stream_arn or CREATE_FAILED_ID)
    # A Create that failed, or one that CloudFormation cancelled and made an id up for: nothing is known to be ours.
    if not _STREAM_ARN.fullmatch(stream_arn):
        logger.info("nothing to delete, the resource was never created")
        return done
    declaration = Declaration.parse(request.resource_type, request.properties)
    streams = KinesisVideo(client, Retries(deadline, access_denied_seconds=0))
    try:
        actual = streams.configuration(declaration.feature, stream_arn)
        if actual is None:
            logger.info("nothing to delete, the stream has no configuration", extra={"stream": stream_arn})
            return done
        names = differences(declaration.configuration, actual)
        if names:
            logger.warning(
                "left alone, somebody else has changed the configuration", extra={"stream": stream_arn, "fields": names}
            )
            return done
        streams.remove_configuration(declaration.feature, stream_arn)
    except CallError as error:
        if error.code not in ("ResourceNotFoundException", "NoDataRetentionException"):
            raise
        logger.info("nothing to delete", extra={"stream": stream_arn, "problem": str(error)})
        return done
    logger.info("configuration deleted", extra={"stream": stream_arn})
    return done


def _stream(request: Request) -> str:
    named = request.properties.get("StreamARN") or request.properties.get("StreamName")
    return one_line(str(named or request.physical_resource_id))
