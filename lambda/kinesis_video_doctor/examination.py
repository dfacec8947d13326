"""Runs the checks."""

from __future__ import annotations

from collections.abc import Callable

import boto3
from botocore.exceptions import NoCredentialsError, NoRegionError

from . import checks
from .archive import Video
from .calls import Calls, UndecidedError, if_known
from .destination import Destination
from .evidence import Evidence
from .findings import Diagnosis, Finding, Outcome, unknown
from .permissions import Permissions
from .producers import Producers
from .stream import Stream
from .trail import Trail

MAX_MINUTES = 87_600 * 60
"""The longest data retention."""


class Case:
    """The data about one stream, which checks read; the parameters are those of `examine`."""

    def __init__(
        self, call: Calls, given: str, producer_arn: str | None = None, minutes: int = 60, rule: str | None = None
    ) -> None:
        self.stream = Stream(call, given, minutes)
        self.trail = Trail(self.stream)
        self.video = Video(self.stream)
        self.destination = Destination(self.stream)
        self.producers = Producers(self.stream, self.trail, producer_arn)
        self.evidence = Evidence(self.stream, self.video, self.destination, self.trail, rule)
        self.permissions = Permissions(self.stream, self.destination, self.producers, self.evidence)


# Each check with its group.
_CHECKS: dict[str, tuple[str, Callable[[Case], Outcome]]] = {
    "stream": ("stream", lambda case: checks.stream(case.stream)),
    "retention": ("stream", lambda case: checks.retention(case.stream, case.video)),
    "configured": ("stream", lambda case: checks.configured(case.stream)),
    "enabled": ("stream", lambda case: checks.enabled(case.stream)),
    "region": ("stream", lambda case: checks.region(case.stream)),
    "bucket": ("destination", lambda case: checks.bucket(case.destination, case.stream)),
    "owner": ("destination", lambda case: checks.owner(case.destination, case.stream)),
    "bucket-policy": ("destination", lambda case: checks.bucket_policy(case.destination, case.permissions)),
    "bucket-key": ("destination", lambda case: checks.bucket_key(case.destination, case.stream)),
    "stream-key": ("destination", lambda case: checks.stream_key(case.stream)),
    "producer": ("producer", lambda case: checks.producer(case.producers, case.stream)),
    "may-put-media": ("producer", lambda case: checks.may_put_media(case.permissions, case.video)),
    "may-put-object": ("producer", lambda case: checks.may_put_object(case.permissions)),
    "may-use-keys": ("producer", lambda case: checks.may_use_keys(case.permissions, case.stream)),
    "fragments": ("video", lambda case: checks.fragments(case.stream, case.video)),
    "tagged": ("video", lambda case: checks.tagged(case.video, case.evidence)),
    "codec": ("video", lambda case: checks.codec(case.video, case.evidence)),
    "images": ("images", lambda case: case.evidence.outcome),
    "recent": ("images", lambda case: checks.recent(case.stream, case.trail)),
}

CHECK_NAMES = tuple(_CHECKS)
"""The names of the checks, in the order of an image's path."""


def examine(
    stream: str,
    *,
    session: boto3.Session | None = None,
    producer: str | None = None,
    minutes: int = 60,
    rule: str | None = None,
    progress: Callable[[str], None] = lambda check: None,
) -> Diagnosis:
    """Find out why no image of a stream arrives. All calls only read.

    It takes two minutes at the most, whatever the services do. What can't be read, and any error of a check, makes that
    check unknown.

    Parameters
    ----------
    stream
        The name or the ARN of the stream, of the session's account and Region, whatever tool declared it.
    session
        Credentials and Region; the default is boto3's. The credentials need the permissions of `doctor_policy`; a check
        that they can't run is unknown.
    producer
        The ARN of the role or user that calls PutMedia. By default these are all callers that asked for the stream's
        PutMedia endpoint, according to the newest 500 records of CloudTrail's event history.
    minutes
        How far back video and images are looked for, 1 to 5,256,000; the default is 60.
    rule
        The name of an EventBridge rule that matches each image: its count shows whether a consumer removes the
        images. The default is None.
    progress
        Is called with the name of each check before it runs.

    Raises
    ------
    ValueError
        If a parameter can't be used.
    botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError
        If there are no credentials or no Region, or if the credentials are not valid.
    """
    if not 1 <= minutes <= MAX_MINUTES:
        raise ValueError(f"`minutes` is {minutes}; give 1 to {MAX_MINUTES}")
    if producer is not None and not producer.strip():
        raise ValueError(f"`producer` is {producer!r}; give the ARN of a role or user, or leave it out")
    session = session or boto3.Session()
    if session.region_name is None:
        raise NoRegionError
    if session.get_credentials() is None:
        raise NoCredentialsError
    with Calls(session) as calls:
        case = Case(calls, stream, producer, minutes, rule)
        findings = []
        for name, (group, _) in _CHECKS.items():
            progress(name)
            outcome = _run(name, case)
            findings.append(Finding(name, group, outcome.status, outcome.seen, outcome.fix, outcome.explains))
        return Diagnosis(
            stream=case.stream.name,
            account=case.stream.known_account,
            region=case.stream.region,
            producer=case.producers.arn,
            minutes=minutes,
            findings=tuple(findings),
        )


def _run(name: str, case: Case) -> Outcome:
    try:
        if name != "stream" and if_known(lambda: case.stream.described is None, False):
            return unknown("there is no stream, so there is nothing to check")
        _, check = _CHECKS[name]
        return check(case)
    except Exception as error:
        # An error of the doctor's own decides nothing, and the other checks go on.
        undecided = UndecidedError.of(error)
        return unknown(undecided.seen, undecided.fix)
