"""Runs the checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import boto3

from .calls import Calls, UndecidedError
from .case import Case
from .checks import destination, images, producer, stream, video
from .findings import Diagnosis, Finding, Outcome, unknown

Check = Callable[[Case], Outcome]

_GROUPS: Mapping[str, Sequence[Check]] = {
    "stream": stream.CHECKS,
    "destination": destination.CHECKS,
    "producer": producer.CHECKS,
    "video": video.CHECKS,
    "images": images.CHECKS,
}


def _name(check: Check) -> str:
    return check.__name__.replace("_", "-")


CHECK_NAMES = tuple(_name(check) for checks in _GROUPS.values() for check in checks)
"""The names of the checks, in the order of an image's way."""


def examine(
    stream: str,
    *,
    session: boto3.Session | None = None,
    producer: str | None = None,
    minutes: int = 60,
    progress: Callable[[str], None] = lambda check: None,
) -> Diagnosis:
    """Find out why no image of a stream arrives. Nothing is changed: all calls read.

    Parameters
    ----------
    stream
        The name or the ARN of the stream, of the session's account and Region. It may be declared by anything.
    session
        Credentials and Region; the default is boto3's. `doctor_policy` is what the credentials must allow; what they
        don't allow is unknown.
    producer
        The ARN of the role or user that calls PutMedia. By default it is the last one that has asked for the stream's
        endpoint of PutMedia, as CloudTrail's event history of 90 days says.
    minutes
        How far back video and images are looked for, 1 or more; the default is 60.
    progress
        Is called with the name of each check before it runs.

    Raises
    ------
    ValueError
        If a parameter can't be used.
    botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError
        If there are no credentials or no Region, or if the credentials are not valid.
    """
    if minutes < 1:
        raise ValueError(f"`minutes` is {minutes}; give 1 or more")
    with Calls(session or boto3.Session()) as calls:
        case = Case(calls, stream, producer, minutes)
        findings = []
        for group, checks in _GROUPS.items():
            for check in checks:
                progress(_name(check))
                outcome = _run(check, case)
                findings.append(Finding(_name(check), group, outcome.status, outcome.seen, outcome.fix))
        return Diagnosis(
            stream=case.stream_name,
            account=case.account,
            region=case.region,
            producer=case.producer_arn,
            minutes=minutes,
            findings=tuple(findings),
        )


def _run(check: Check, case: Case) -> Outcome:
    try:
        return check(case)
    except UndecidedError as error:
        return unknown(error.seen, error.fix)
