"""The message of the function that an alarm runs; `tests/integ/test_diagnosis.py` has it run."""

from __future__ import annotations

import pytest

from kinesis_video_doctor import CHECK_NAMES, Diagnosis, Finding, Status
from kinesis_video_doctor.entry import message


def diagnosis(*, stream: str = "front-door", **statuses: Status) -> Diagnosis:
    """A diagnosis in which all checks passed but these."""
    findings = tuple(
        Finding(name, "group", statuses.get(name.replace("-", "_"), Status.PASSED), f"{name} was seen", "the fix")
        for name in CHECK_NAMES
    )
    return Diagnosis(stream, "111122223333", "eu-west-1", None, 60, findings)


@pytest.mark.parametrize(
    ("found", "subject", "verdict"),
    [
        (diagnosis(tagged=Status.FAILED, images=Status.FAILED), "tagged: front-door", "tagged"),
        (diagnosis(tagged=Status.WARNED, images=Status.UNKNOWN), "tagged: front-door", "tagged"),
        (diagnosis(), "images arrive: front-door", "none"),
        (diagnosis(images=Status.UNKNOWN), "not decided: front-door", "none"),
        # Amazon SNS takes 100 characters.
        (diagnosis(stream="s" * 256, bucket=Status.FAILED), f"bucket: {'s' * 92}", "bucket"),
    ],
)
def test_the_subject_names_the_cause(found: Diagnosis, subject: str, verdict: str) -> None:
    made = message(found, "missing")

    assert made["Subject"] == subject
    assert made["MessageAttributes"]["Verdict"]["StringValue"] == verdict
    assert made["Message"].startswith(f"The alarm missing went off.\n\n{found.sentence}\n\n")
    assert all(f"{name} was seen" in made["Message"] for name in CHECK_NAMES)
