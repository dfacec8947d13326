"""The images, and whether it is too early to look."""

from __future__ import annotations

from datetime import datetime, timedelta

from ..calls import UndecidedError
from ..case import Case
from ..findings import Outcome, failed, passed, unknown, warned

# Documented for a changed configuration; taken for the time from a fragment to its images as well, which is not.
_A_MINUTE = timedelta(minutes=1)
_S3_KNOWS = (
    "if the checks above pass, a refused upload shows in S3's own records only: 4xxErrors of the request metrics, the "
    "server access log, CloudTrail's data events of the bucket; `--send` makes sure"
)


def images(case: Case) -> Outcome:
    """Compare the newest image with the newest fragment that asks for images."""
    tagged, came_in = _newest_fragments(case)
    if tagged is None:
        return _without_tag(case, came_in)
    interval = timedelta(milliseconds=case.configuration["SamplingInterval"])
    # Where the images of a fragment lie within it is not documented, so one of the interval before counts.
    image = case.newest_image(tagged - interval - timedelta(seconds=1))
    if image:
        return passed(f"the newest image is {_ago(case, image.timestamp)} old: s3://{case.bucket}/{image}")
    seen = f"the fragment of {tagged:%Y-%m-%d %H:%M:%S} UTC asks for images, and none of it lies in {case.bucket}"
    if case.now - tagged < _A_MINUTE:
        return warned(f"{seen} yet", "wait a minute, and look again")
    if case.changed and case.changed > tagged - _A_MINUTE:
        return warned(f"{seen}; the configuration was changed only later", "wait for newer video, and look again")
    return failed(f"{seen}{_last(case)}", _S3_KNOWS)


def _newest_fragments(case: Case) -> tuple[datetime | None, datetime | None]:
    """Return the times of the newest fragment that is known to ask for images, and of the newest at all."""
    try:
        listed = case.video.fragments
        newest = case.time_of(listed[-1]) if listed else None
        tagged = case.media.newest_tagged if listed else None
        return (case.time_of(tagged) if tagged else None), newest
    except UndecidedError:
        return None, None


def _without_tag(case: Case, came_in: datetime | None) -> Outcome:
    """Look for images where no fragment is known to ask for one."""
    image = case.newest_image(min(case.since, came_in or case.since))
    if image is None:
        return unknown(
            f"no image of the last {case.minutes} min, and no fragment is known to ask for one",
            "see the first check above that has not passed",
        )
    seen = f"the newest image is {_ago(case, image.timestamp)} old: s3://{case.bucket}/{image}"
    if came_in and came_in - image.timestamp > _A_MINUTE:
        return unknown(f"{seen}; whether newer fragments ask for images is not known")
    return passed(seen)


def _last(case: Case) -> str:
    image = case.newest_image(case.since)
    return f"; the last one is {_ago(case, image.timestamp)} old" if image else ""


def _ago(case: Case, time: datetime) -> str:
    return f"{max((case.now - time).total_seconds(), 0):.0f} s"


def recent(case: Case) -> Outcome:
    """Look whether the configuration was changed a moment ago."""
    changed = case.changed
    if changed and case.now - changed < _A_MINUTE:
        return warned(
            f"the configuration was changed {_ago(case, changed)} ago, and takes at least a minute to work",
            "wait a minute, and look again",
        )
    if changed:
        return passed(f"the configuration was changed {_ago(case, changed)} ago")
    return passed(f"CloudTrail has no change of the last {case.minutes} min; its records come some minutes late")


CHECKS = (images, recent)
