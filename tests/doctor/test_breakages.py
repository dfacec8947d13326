"""From a set-up that works one thing breaks, and the verdict is that thing."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from kinesis_video_doctor import CHECK_NAMES, Status

from .breakages import BREAKAGES, Breakage
from .conftest import SCHEMA
from .site import PRODUCER, Site


def test_a_set_up_that_works_passes_every_check(site: Site) -> None:
    diagnosis = site.examine()
    assert [finding.check for finding in diagnosis.findings if finding.status != Status.PASSED] == []
    assert diagnosis.verdict is None
    assert diagnosis.images_arrive
    assert diagnosis.producer == PRODUCER
    assert diagnosis.exit_code(strict=True) == 0


def test_every_check_has_a_breakage() -> None:
    assert list(dict.fromkeys(breakage.check for breakage in BREAKAGES)) == list(CHECK_NAMES)


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: breakage.name)
def test_the_verdict_is_what_broke_and_nothing_else(site: Site, breakage: Breakage) -> None:
    with breakage.break_(site):
        diagnosis = site.examine(breakage.stream, **breakage.options)
    verdict = diagnosis.verdict
    assert verdict
    assert (verdict.check, verdict.status) == (breakage.check, breakage.status)
    assert breakage.words in f"{verdict.seen} {verdict.fix}"
    others = {finding.check: finding.status for finding in diagnosis.findings if finding.check != breakage.check}
    assert {check for check, status in others.items() if status == Status.UNKNOWN} == breakage.undecided
    symptoms = {check for check, status in others.items() if status in (Status.FAILED, Status.WARNED)}
    assert symptoms == ({"images"} if breakage.no_images else set())
    assert diagnosis.exit_code(strict=True) == 1
    Draft202012Validator(SCHEMA).validate(diagnosis.as_json())
