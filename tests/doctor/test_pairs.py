"""Two things break: the verdict is the one that comes first on an image's way, and the other is told as well."""

from __future__ import annotations

from itertools import combinations

import pytest

from kinesis_video_doctor import CHECK_NAMES, Status

from .breakages import BREAKAGES, Breakage
from .site import STREAM, Site

# Those that fail on the stream that works, one a check: two of one check are one finding.
ONE_EACH = {
    breakage.check: breakage
    for breakage in reversed(BREAKAGES)
    if breakage.stream == STREAM and breakage.status == Status.FAILED
}
PAIRS = list(combinations(sorted(ONE_EACH.values(), key=lambda breakage: CHECK_NAMES.index(breakage.check)), 2))


@pytest.mark.parametrize(("first", "second"), PAIRS[::5], ids=str)
def test_the_verdict_is_the_first_of_two(site: Site, first: Breakage, second: Breakage) -> None:
    # The first one breaks last: without retention nothing can be configured.
    with second.break_(site), first.break_(site):
        diagnosis = site.examine(**first.options, **second.options)
    assert diagnosis.verdict
    assert (diagnosis.verdict.check, diagnosis.verdict.status) == (first.check, Status.FAILED)
    told = {Status.FAILED, Status.UNKNOWN} if second.check in first.undecided else {Status.FAILED}
    assert diagnosis[second.check].status in told
