"""From a set-up that works one thing breaks, and the verdict is that thing; or two, and it is the first on the way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from kinesis_video_doctor import CHECK_NAMES, Diagnosis, Status, report
from kinesis_video_doctor.entry import message

from .breakages import BREAKAGES, Breakage, answers
from .conftest import SCHEMA
from .site import BUCKET, PRODUCER, STREAM, Site


def test_a_set_up_that_works_passes_every_check(site: Site) -> None:
    diagnosis = site.examine()
    assert [finding.check for finding in diagnosis.findings if finding.status != Status.PASSED] == []
    assert diagnosis.verdict is None
    assert diagnosis.images_arrive
    assert diagnosis.producer == PRODUCER
    assert diagnosis.exit_code(strict=True) == 0


def test_every_check_has_a_breakage() -> None:
    assert list(dict.fromkeys(breakage.check for breakage in BREAKAGES)) == list(CHECK_NAMES)


@pytest.mark.parametrize("breakage", BREAKAGES, ids=str)
def test_the_verdict_is_what_broke_and_nothing_else(site: Site, breakage: Breakage) -> None:
    later = breakage.options.get("later", 120)

    def just_changed(answer: dict[str, Any]) -> None:
        for event in answer["Events"]:
            event["EventTime"] = datetime.now(UTC) + timedelta(seconds=later - 30)

    with breakage.break_(site):
        diagnosis = site.examine(breakage.stream, **breakage.options)
        with answers(site, "cloudtrail.LookupEvents", just_changed):
            fresh = site.examine(breakage.stream, **breakage.options)
        for one in diagnosis, fresh:
            show_the_same(site, breakage.stream, one)
    verdict = diagnosis.verdict
    assert verdict
    assert (verdict.check, verdict.status) == (breakage.check, breakage.status)
    assert breakage.words in f"{verdict.seen} {verdict.fix}"
    others = {finding.check: finding.status for finding in diagnosis.findings if finding.check != breakage.check}
    assert {check for check, status in others.items() if status == Status.UNKNOWN} == breakage.undecided
    symptoms = {check for check, status in others.items() if status in (Status.FAILED, Status.WARNED)}
    assert symptoms == ({"images"} if breakage.no_images else set())
    assert diagnosis.exit_code(strict=True) == 1
    # A configuration of a moment ago hides no cause; of these two it is the reason itself.
    assert fresh.verdict
    assert fresh.verdict.check == breakage.check or breakage.check in ("images", "recent")


def show_the_same(site: Site, stream: str, diagnosis: Diagnosis) -> None:
    """Compare what a terminal, a program and a mail are told; none is told of images where none has arrived."""
    form, mail = diagnosis.as_json(), message(diagnosis, "missing")
    Draft202012Validator(SCHEMA).validate(form)
    told = {
        "Images arrive" in report(diagnosis),
        "Images arrive" in " ".join(report(diagnosis, colour=True, width=80).split()),
        form["images_arrive"],
        mail["Subject"] == f"images arrive: {stream}",
        "Images arrive" in mail["Message"],
        diagnosis.exit_code() == 0,
    }
    assert len(told) == 1
    assert told == {False} or has_arrived(site, stream)
    if not diagnosis.images_arrive and diagnosis.verdict:
        assert form["verdict"] == diagnosis.verdict.check == mail["Subject"].partition(":")[0]
    assert max(map(len, prose(report(diagnosis, width=80)))) <= 80


def prose(text: str) -> list[str]:
    """Leave out the lines of one piece: what is to be copied, and what can't be wrapped."""
    return [line for line in text.splitlines() if len(line.split()) > 3 and not line.startswith('{"')]


def has_arrived(site: Site, stream: str) -> bool:
    """Tell whether an image of the newest fragments lies in the bucket, whatever the doctor says."""
    newest = sorted(site.fragment_numbers(stream))[-5:]
    s3 = site.client("s3")
    keys = [
        entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []) if f"_{stream}_" in entry["Key"]
    ]
    return any(
        s3.head_object(Bucket=BUCKET, Key=key)["Metadata"].get("aws_kinesisvideo_fragment_number") in newest
        for key in keys
    )


# Those that fail on the stream that works, one a check: two of one check are one finding.
ONE_EACH = {
    breakage.check: breakage
    for breakage in reversed(BREAKAGES)
    if breakage.stream == STREAM and breakage.status == Status.FAILED
}
PAIRS = list(combinations(list(ONE_EACH.values())[::-1], 2))


@pytest.mark.parametrize(("first", "second"), PAIRS[::5], ids=str)
def test_the_verdict_is_the_first_of_two(site: Site, first: Breakage, second: Breakage) -> None:
    # The first one breaks last: without retention nothing can be configured.
    with second.break_(site), first.break_(site):
        diagnosis = site.examine(**first.options, **second.options)
    assert diagnosis.verdict
    assert (diagnosis.verdict.check, diagnosis.verdict.status) == (first.check, Status.FAILED)
    told = {Status.FAILED, Status.UNKNOWN} if second.check in first.undecided else {Status.FAILED}
    assert diagnosis[second.check].status in told
