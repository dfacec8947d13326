"""The default encryption of a bucket that a template declares, which ministack's CloudFormation leaves out.

Without it no producer of a deployed app would need a permission on the bucket's key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from ministack.services import s3
from ministack.services.cloudformation import provisioners

_ALGORITHM = "x-amz-server-side-encryption"
_KEY = "x-amz-server-side-encryption-aws-kms-key-id"


def install() -> None:
    """Set it as the other configurations of a bucket are set: on create and update, and removed with the property.

    The bucket of `cdk bootstrap` names no key, and the CDK CLI uploads as that bucket says. Such a request is encrypted
    by the key that AWS manages for Amazon S3, which ministack hasn't got:
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
    """
    provisioners._S3_BUCKET_CONFIGURATIONS += (("BucketEncryption", _xml, _put, s3._delete_bucket_encryption),)
    resolve_sse_write_headers = s3._resolve_sse_write_headers

    def resolve(headers: Mapping[str, str], bucket: str) -> Any:
        if headers.get(_ALGORITHM) == "aws:kms" and not headers.get(_KEY):
            headers = {**headers, _KEY: "alias/aws/s3"}
        return resolve_sse_write_headers(headers, bucket)

    s3._resolve_sse_write_headers = resolve


def _xml(encryption: Mapping[str, Any]) -> bytes:
    """Return the property as the body of PutBucketEncryption."""
    root = Element("ServerSideEncryptionConfiguration", xmlns=s3.S3_NS)
    for declared in encryption.get("ServerSideEncryptionConfiguration") or []:
        rule = SubElement(root, "Rule")
        if default := declared.get("ServerSideEncryptionByDefault"):
            element = SubElement(rule, "ApplyServerSideEncryptionByDefault")
            for name in ("SSEAlgorithm", "KMSMasterKeyID"):
                if name in default:
                    SubElement(element, name).text = str(default[name])
        SubElement(rule, "BucketKeyEnabled").text = str(declared.get("BucketKeyEnabled", False)).lower()
    return tostring(root)


def _put(bucket: str, body: bytes) -> None:
    status, _, answer = s3._put_bucket_encryption(bucket, body)
    if status != 200:
        raise ValueError(answer.decode())
