"""The rights that the checks take."""

from __future__ import annotations

from typing import Any


def doctor_policy(stream: str = "*", *, partition: str = "aws") -> dict[str, Any]:
    """Return the policy of whoever runs the checks. All of its actions read.

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
                [
                    "kinesisvideo:DescribeImageGenerationConfiguration",
                    "kinesisvideo:DescribeStream",
                    "kinesisvideo:GetDataEndpoint",
                    "kinesisvideo:GetMediaForFragmentList",
                    "kinesisvideo:ListFragments",
                ],
                # A policy can't know the account, the Region and the number that a stream gets at its creation.
                f"arn:{partition}:kinesisvideo:*:*:stream/{stream}/*",
            ),
            _allow(
                "NoResource",
                ["cloudtrail:LookupEvents", "cloudwatch:GetMetricData", "kinesisvideo:ListStreams"],
                # IAM knows no resource of these.
                "*",
            ),
            _allow(
                "Producer",
                ["iam:GetRole", "iam:GetUser", "iam:SimulatePrincipalPolicy"],
                # Who calls PutMedia is for the doctor to find out.
                [f"arn:{partition}:iam::*:role/*", f"arn:{partition}:iam::*:user/*"],
            ),
            _allow(
                "Bucket",
                ["s3:GetBucketPolicy", "s3:GetEncryptionConfiguration", "s3:ListBucket"],
                # Which bucket it is stands in the stream's configuration only.
                f"arn:{partition}:s3:::*",
            ),
            _allow(
                "Keys",
                ["kms:Decrypt", "kms:DescribeKey", "kms:GetKeyPolicy", "kms:ListGrants"],
                # Which keys they are stands in the stream's description and the bucket's encryption only.
                f"arn:{partition}:kms:*:*:key/*",
            ),
        ],
    }


def _allow(sid: str, actions: list[str], resource: str | list[str]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource}
