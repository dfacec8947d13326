"""Find out why no image of a stream arrives, with checks in the order of an image's path from the stream to the bucket.

from kinesis_video_doctor import examine, report

diagnosis = examine("front-door")
print(report(diagnosis))

The checks only read. `kinesis-video doctor` is the command for it.
"""

from .doctor_policy import doctor_policy
from .examination import CHECK_NAMES, examine
from .findings import Diagnosis, Finding, Status
from .report import report, summary

__all__ = ["CHECK_NAMES", "Diagnosis", "Finding", "Status", "doctor_policy", "examine", "report", "summary"]
