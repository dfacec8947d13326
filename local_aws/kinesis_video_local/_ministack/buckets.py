"""Two properties of a bucket that ministack ignores: its expected owner, and its default encryption in a template.

Amazon S3 refuses every request that expects another owner. Without the encryption, no producer of a deployed app would
need a permission on the bucket's key.

See https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from ministack.services import s3
from ministack.services.cloudformation import provisioners

_OWNER = "x-amz-expected-bucket-owner"
_ALGORITHM = "x-amz-server-side-encryption"
_KEY = "x-amz-server-side-encryption-aws-kms-key-id"


def install() -> None:
    """Compare the owner, and set the encryption on create and update, like a bucket's other configurations.

    The bucket of `cdk bootstrap` names no key, and the CDK CLI uploads with its algorithm. Such a request is encrypted
    with the key that AWS manages for Amazon S3, which ministack lacks:
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
    """
    provisioners._S3_BUCKET_CONFIGURATIONS += (("BucketEncryption", _xml, _put, s3._delete_bucket_encryption),)
    resolve_sse_write_headers = s3._resolve_sse_write_headers
    apply_bucket_scope = s3._apply_bucket_scope

    def resolve(headers: Mapping[str, str], bucket: str) -> Any:
        if headers.get(_ALGORITHM) == "aws:kms" and not headers.get(_KEY):
            headers = {**headers, _KEY: "alias/aws/s3"}
        return resolve_sse_write_headers(headers, bucket)

    def apply(method: str, bucket: str, key: str, headers: Mapping[str, str], *more: Any) -> Any:
        expected = headers.get(_OWNER)
        owner = s3._bucket_owner_account(bucket) if expected and bucket else None
        if owner and owner != expected:
            return s3._error("AccessDenied", "Access Denied", 403, f"/{bucket}")
        return apply_bucket_scope(method, bucket, key, headers, *more)

    s3._resolve_sse_write_headers = resolve
    s3._apply_bucket_scope = apply


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
