"""Declare, read and compare one configuration of one stream.

A `Declaration` is the configuration that a stream should have, `service.KinesisVideo` reads and sets the present one,
and `differences` names the fields in which the two differ. The names below need nothing but Python; the modules that
make calls need botocore and are imported separately.
"""

import logging

from kinesis_video_contract.configurations import FEATURES, FRAGMENT_NOTIFICATION, IMAGE_GENERATION, Feature

from .declaration import Declaration, differences
from .text import one_line, printable
from .timing import Deadline

# At DEBUG they log the credentials of requests. It is set here, since every function of ours imports this package.
for _name in ("boto3", "botocore", "urllib3"):
    logging.getLogger(_name).setLevel(logging.INFO)

__all__ = [
    "FEATURES",
    "FRAGMENT_NOTIFICATION",
    "IMAGE_GENERATION",
    "Deadline",
    "Declaration",
    "Feature",
    "differences",
    "one_line",
    "printable",
]
