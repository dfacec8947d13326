"""What the doctor's checks call, by what it is allowed on. Sorted; all of it only reads."""

from __future__ import annotations

STREAM_ACTIONS = (
    "kinesisvideo:DescribeImageGenerationConfiguration",
    "kinesisvideo:DescribeStream",
    "kinesisvideo:GetDataEndpoint",
    "kinesisvideo:GetMediaForFragmentList",
    "kinesisvideo:ListFragments",
)
ACTIONS_WITHOUT_RESOURCE = ("cloudtrail:LookupEvents", "cloudwatch:GetMetricData", "kinesisvideo:ListStreams")
"""IAM knows no resource of these."""
PRODUCER_ACTIONS = ("iam:GetRole", "iam:GetUser", "iam:SimulatePrincipalPolicy")
BUCKET_ACTIONS = ("s3:GetBucketPolicy", "s3:GetEncryptionConfiguration", "s3:ListBucket")
READ_KEY_ACTIONS = ("kms:Decrypt",)
"""On the stream's key, to read its video."""
KEY_ACTIONS = ("kms:DescribeKey", "kms:GetKeyPolicy", "kms:ListGrants")
"""On any key, to find out whether it is the right one."""
