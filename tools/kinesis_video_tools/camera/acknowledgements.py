"""The acknowledgements of PutMedia."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

# An acknowledgement has at most 1,024 characters; longer text without an end is something else.
_MAX_CHARACTERS = 4096

_KEY = "the key that encrypts the stream"
ERRORS = {
    "STREAM_READ_ERROR": (4000, "the service can't read the data"),
    "MAX_FRAGMENT_SIZE_REACHED": (4001, "the fragment has more than 50 MB; use shorter fragments or a lower bit rate"),
    "MAX_FRAGMENT_DURATION_REACHED": (4002, "the fragment is too long; use key frames at least every 20 seconds"),
    "MAX_CONNECTION_DURATION_REACHED": (4003, "the connection is older than the service allows"),
    "FRAGMENT_TIMECODE_LESSER_THAN_PREVIOUS": (
        4004,
        "the fragment begins before the one before it; send fragments in the order of their timecodes",
    ),
    "INVALID_MKV_DATA": (4006, "the data is no valid Matroska"),
    "INVALID_PRODUCER_TIMESTAMP": (4007, "the producer's timestamp is invalid; look at this machine's clock"),
    "STREAM_NOT_ACTIVE": (4008, "the stream was deleted"),
    "FRAGMENT_METADATA_LIMIT_REACHED": (
        4009,
        "the fragment has too many or too long tags; 10 are allowed, names of 128 and values of 256 bytes",
    ),
    "TRACK_NUMBER_MISMATCH": (4010, "a frame's track is missing in the header"),
    "FRAMES_MISSING_FOR_TRACK": (4011, "a track of the header has no frame in the fragment"),
    "MORE_THAN_ALLOWED_TRACKS_FOUND": (4012, "there are more tracks than the service allows; send one to three"),
    "KMS_KEY_ACCESS_DENIED": (4500, f"the producer may not use {_KEY}; allow it kms:GenerateDataKey"),
    "KMS_KEY_DISABLED": (4501, f"{_KEY} is disabled; enable it"),
    "KMS_KEY_VALIDATION_ERROR": (4502, f"{_KEY} can't be validated"),
    "KMS_KEY_UNAVAILABLE": (4503, f"{_KEY} is unavailable; send again later"),
    "KMS_KEY_INVALID_USAGE": (4504, f"{_KEY} has a usage other than ENCRYPT_DECRYPT; use another stream"),
    "KMS_KEY_INVALID_STATE": (4505, f"{_KEY} is in a state that forbids its use; look at it in AWS KMS"),
    "KMS_KEY_NOT_FOUND": (4506, f"{_KEY} doesn't exist; use another stream"),
    "INTERNAL_ERROR": (5000, "the service has failed; send again"),
    "ARCHIVAL_ERROR": (5001, "the service hasn't stored the fragment; send again"),
}
"""The documented errors by their names: their numbers, and what they mean."""
_MEANINGS = {
    **dict(ERRORS.values()),
    # Their names aren't documented.
    4005: "there are more tracks than the service allows; send one to three",
    4507: "the stream was deleted",
}


@dataclass(frozen=True)
class Acknowledgement:
    """A message of the service about a fragment that it receives.

    See https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/API_dataplane_PutMedia.html
    """

    event_type: str
    """``BUFFERING`` if the fragment begins to arrive, ``RECEIVED`` if it has arrived, ``PERSISTED`` if it is stored
    (never for a stream without retention), ``ERROR``, or ``IDLE`` if no data arrives."""
    fragment_timecode: int | None = None
    """The timecode of the fragment's cluster in milliseconds."""
    fragment_number: str | None = None
    """The number that the service has given to the fragment."""
    error_id: int | None = None
    """The number of the error, such as 4006."""
    error_code: str | None = None
    """The name of the error, such as ``INVALID_MKV_DATA``."""

    @property
    def meaning(self) -> str:
        """The cause of an error and what to change, in words."""
        words = _MEANINGS.get(self.error_id or 0, "the service gives no reason that this version knows")
        name = " ".join(str(part) for part in (self.error_id, self.error_code) if part is not None)
        return f"{words} ({name})" if name else words


class AcknowledgementReader:
    """Finds acknowledgements in bytes that come in pieces.

    They are found by their braces, with or without newlines between them. Other text is skipped.
    """

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[Acknowledgement]:
        """Take the next bytes and find the acknowledgements that they complete.

        Parameters
        ----------
        data
            The next bytes, any number of them.
        """
        *texts, rest = re.split(rb"(?<=\})", self._buffer + data)
        self._buffer = rest[-_MAX_CHARACTERS:]
        return [acknowledgement for text in texts if (acknowledgement := _parse(text[text.rfind(b"{") :]))]


def _parse(text: bytes) -> Acknowledgement | None:
    try:
        fields: dict[str, Any] = json.loads(text)
        number = fields.get("FragmentNumber")
        return Acknowledgement(
            event_type=str(fields["EventType"]),
            fragment_timecode=_int(fields.get("FragmentTimecode")),
            fragment_number=None if number is None else str(number),
            error_id=_int(fields.get("ErrorId")),
            error_code=fields.get("ErrorCode"),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _int(value: str | int | None) -> int | None:
    return None if value is None else int(value)
