"""The permissions that the checks need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kinesis_video_contract.doctor import (
    ACTIONS_WITHOUT_RESOURCE,
    BUCKET_ACTIONS,
    IMAGE_ACTIONS,
    KEY_ACTIONS,
    PRODUCER_ACTIONS,
    READ_KEY_ACTIONS,
    STREAM_ACTIONS,
)


def doctor_policy(stream: str = "*", *, partition: str = "aws") -> dict[str, Any]:
    """Return the policy for the caller of the checks. All of its actions only read.

    Parameters
    ----------
    stream
        The name of the stream; the default is every stream.
    partition
        Of the account; the default is ``aws``.
    """
    return {
        "Version": "2012-10-17",
        "Statement": [
            _allow(
                "Stream",
                STREAM_ACTIONS,
                # A policy can't know the account, the Region and the number that a stream gets at its creation.
                f"arn:{partition}:kinesisvideo:*:*:stream/{stream}/*",
            ),
            _allow("NoResource", ACTIONS_WITHOUT_RESOURCE, "*"),
            _allow(
                "Producer",
                PRODUCER_ACTIONS,
                # Who calls PutMedia is for the doctor to find out.
                [f"arn:{partition}:iam::*:role/*", f"arn:{partition}:iam::*:user/*"],
            ),
            _allow(
                "Bucket",
                BUCKET_ACTIONS,
                # Which bucket it is stands in the stream's configuration only.
                f"arn:{partition}:s3:::*",
            ),
            _allow(
                "Images",
                # HeadObject: an image's own metadata say of which fragment it is.
                IMAGE_ACTIONS,
                # As for the bucket.
                f"arn:{partition}:s3:::*/*",
            ),
            _allow(
                "Keys",
                (*READ_KEY_ACTIONS, *KEY_ACTIONS),
                # Which keys they are stands in the stream's description and the bucket's encryption only.
                f"arn:{partition}:kms:*:*:key/*",
            ),
        ],
    }


def _allow(sid: str, actions: Sequence[str], resource: str | list[str]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": resource}
