"""The permissions that the checks need."""

from __future__ import annotations

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
    resources = {
        # A policy can't know the account, the Region and the number that a stream gets at its creation.
        "Stream": (STREAM_ACTIONS, [f"arn:{partition}:kinesisvideo:*:*:stream/{stream}/*"]),
        "NoResource": (ACTIONS_WITHOUT_RESOURCE, ["*"]),
        # The doctor finds out who calls PutMedia.
        "Producer": (PRODUCER_ACTIONS, [f"arn:{partition}:iam::*:role/*", f"arn:{partition}:iam::*:user/*"]),
        # Only the stream's configuration names the bucket.
        "Bucket": (BUCKET_ACTIONS, [f"arn:{partition}:s3:::*"]),
        # For HeadObject: an image's metadata contain the number of its fragment.
        "Images": (IMAGE_ACTIONS, [f"arn:{partition}:s3:::*/*"]),
        # Only the stream's description and the bucket's encryption name the keys.
        "Keys": ((*READ_KEY_ACTIONS, *KEY_ACTIONS), [f"arn:{partition}:kms:*:*:key/*"]),
    }
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": arns if len(arns) > 1 else arns[0]}
            for sid, (actions, arns) in resources.items()
        ],
    }
