"""The acknowledgements of PutMedia.

See https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/API_dataplane_PutMedia.html
"""

from __future__ import annotations

import json

ERROR_IDS = {
    "STREAM_READ_ERROR": 4000,
    "MAX_FRAGMENT_SIZE_REACHED": 4001,
    "MAX_FRAGMENT_DURATION_REACHED": 4002,
    "MAX_CONNECTION_DURATION_REACHED": 4003,
    "FRAGMENT_TIMECODE_LESSER_THAN_PREVIOUS": 4004,
    "INVALID_MKV_DATA": 4006,
    "INVALID_PRODUCER_TIMESTAMP": 4007,
    "STREAM_NOT_ACTIVE": 4008,
    "FRAGMENT_METADATA_LIMIT_REACHED": 4009,
    "TRACK_NUMBER_MISMATCH": 4010,
    "FRAMES_MISSING_FOR_TRACK": 4011,
    "MORE_THAN_ALLOWED_TRACKS_FOUND": 4012,
    "KMS_KEY_ACCESS_DENIED": 4500,
    "KMS_KEY_DISABLED": 4501,
    "KMS_KEY_VALIDATION_ERROR": 4502,
    "KMS_KEY_UNAVAILABLE": 4503,
    "KMS_KEY_INVALID_USAGE": 4504,
    "KMS_KEY_INVALID_STATE": 4505,
    "KMS_KEY_NOT_FOUND": 4506,
    "INTERNAL_ERROR": 5000,
    "ARCHIVAL_ERROR": 5001,
}
"""The errors of acknowledgements, by their names."""


def acknowledgement(
    event_type: str, timecode: int | None = None, number: str | None = None, *, error: str | None = None
) -> bytes:
    """Write an acknowledgement.

    Parameters
    ----------
    event_type
        ``BUFFERING``, ``RECEIVED``, ``PERSISTED``, ``ERROR`` or ``IDLE``.
    timecode
        The timecode of the fragment's cluster in milliseconds; None if it is about no fragment.
    number
        The number of the fragment.
    error
        The name of an error.
    """
    fields = {
        "EventType": event_type,
        "FragmentTimecode": timecode,
        "FragmentNumber": number,
        "ErrorId": None if error is None else ERROR_IDS[error],
        "ErrorCode": error,
    }
    given = {name: value for name, value in fields.items() if value is not None}
    return json.dumps(given, separators=(",", ":")).encode() + b"\r\n"
