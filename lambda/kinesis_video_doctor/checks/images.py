"""The images, and whether it is too early to look."""

from __future__ import annotations

from datetime import timedelta

from ..evidence import Evidence, ago
from ..findings import Outcome, passed, warned
from ..stream import Stream
from ..trail import Trail


def images(evidence: Evidence) -> Outcome:
    """Look whether images of the newest fragments that ask for some have arrived."""
    return evidence.outcome


def recent(stream: Stream, trail: Trail) -> Outcome:
    """Look whether the configuration was changed a moment ago."""
    changed = trail.changed
    if changed is None:
        return passed(f"CloudTrail has no change of the last {stream.minutes} min; its records come some minutes late")
    age = stream.now - changed
    # Documented for a changed configuration.
    if age < timedelta(minutes=1):
        return warned(
            f"the configuration was changed {ago(age)} ago, and takes at least a minute to take effect",
            "wait a minute, and run it again",
        )
    return passed(f"the configuration was changed {ago(age)} ago")
