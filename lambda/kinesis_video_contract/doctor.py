"""The IAM actions of the doctor's checks, sorted, by the resources that they are allowed on. All of them only read."""

from __future__ import annotations

STREAM_ACTIONS = (
    "kinesisvideo:DescribeImageGenerationConfiguration",
    "kinesisvideo:DescribeStream",
    "kinesisvideo:GetDataEndpoint",
    "kinesisvideo:GetMediaForFragmentList",
    "kinesisvideo:ListFragments",
)
ACTIONS_WITHOUT_RESOURCE = ("cloudtrail:LookupEvents", "cloudwatch:GetMetricData", "kinesisvideo:ListStreams")
"""IAM defines no resources for these."""
PRODUCER_ACTIONS = ("iam:GetRole", "iam:GetUser", "iam:SimulatePrincipalPolicy")
BUCKET_ACTIONS = ("s3:GetBucketPolicy", "s3:GetEncryptionConfiguration", "s3:ListBucket", "s3:ListBucketVersions")
IMAGE_ACTIONS = ("s3:GetObject",)
"""On the images, whose metadata name their fragments: HeadObject needs this permission."""
READ_KEY_ACTIONS = ("kms:Decrypt",)
"""On the stream's key, to read its video, and on the bucket's, to read the metadata of images."""
KEY_ACTIONS = ("kms:DescribeKey", "kms:GetKeyPolicy", "kms:ListGrants")
"""On any key, to find out whether it is the right one."""

TEST_PICTURE = "cdk-kinesis-video-test-picture"
"""The tag of the fragments that ``kinesis-video doctor --send`` sends, and a name in the metadata of their images.

They show nothing of the stream's own producer.
"""
