"""The bucket, and the keys that encrypt video and images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..calls import UndecidedError
from ..destination import Destination
from ..findings import Outcome, failed, passed, unknown, warned
from ..permissions import Permissions
from ..policies import Match, because_of
from ..producers import Producer
from ..stream import Key, Stream


def bucket(destination: Destination, stream: Stream) -> Outcome:
    """Look for the bucket."""
    if not destination.is_bucket:
        return failed(
            f"the destination {destination.uri} names no bucket, which "
            "UpdateImageGenerationConfiguration doesn't report",
            "set it to one such as s3://BUCKET/front-door/",
        )
    name = destination.bucket
    try:
        found = destination.found
    except UndecidedError:
        if destination.region in (None, stream.region):
            raise
        found = {}
    if found is None:
        return failed(
            f"the bucket {name} doesn't exist, which UpdateImageGenerationConfiguration doesn't report",
            f"create it in {stream.region}, or change the destination",
        )
    region = destination.region
    if region is None:
        return unknown(f"the bucket {name} exists; its Region is not known")
    if region != stream.region:
        return failed(
            f"the bucket {name} is in {region}, and the stream in {stream.region}", f"use a bucket in {stream.region}"
        )
    return passed(f"the bucket {name} is in {region}")


def owner(destination: Destination, stream: Stream) -> Outcome:
    """Compare the bucket's account with the stream's."""
    if destination.is_foreign:
        return warned(
            f"the bucket {destination.bucket} belongs to another account than the stream, {stream.account}",
            "if it is yours, its policy must allow the producer s3:PutObject; otherwise use one of your own",
        )
    return passed(f"the bucket and the stream belong to {stream.account}")


def bucket_policy(destination: Destination, permissions: Permissions) -> Outcome:
    """Look for a Deny in the bucket's policy that covers the images."""
    if destination.policy is None:
        if destination.found is None:
            raise UndecidedError("the bucket doesn't exist, so there is nothing to check")
        return passed("the bucket has no policy")
    producers = permissions.senders_known
    whoever: Sequence[Producer | None] = producers or [None]
    judged = [
        (who, arn, permissions.judge_bucket_policy(who, arn)) for who in whoever for arn in permissions.image_arns
    ]
    surely = [one for one in judged if one[2].denies == Match.YES]
    if surely:
        producer, arn, judgement = surely[0]
        hits_all = {one[0] for one in surely} == {one[0] for one in judged}
        whom = "" if hits_all or producer is None else f" {producer.name}"
        seen = f"{_named(judgement.denying)} of the bucket's policy denies{whom} s3:PutObject on {arn}"
        fix = f"remove it, or exempt {'the' if hits_all else 'that'} producer from it: no Allow overrides it"
        return failed(seen, fix) if hits_all else warned(seen, fix, explains="images")
    perhaps = [judgement.denying for *_, judgement in judged if judgement.denies == Match.MAYBE]
    if not perhaps:
        return passed("the bucket's policy denies no image")
    name = _named(perhaps[0])
    if not producers:
        return unknown(f"{name} of the bucket's policy may deny s3:PutObject", "give the producer: --producer ARN")
    keys = list(dict.fromkeys(key for values in perhaps[0].get("Condition", {}).values() for key in values))
    return warned(
        f"{name} of the bucket's policy denies s3:PutObject, depending on {', '.join(keys) or 'who the principal is'}",
        f"exempt the producer from it{because_of(keys)}",
        explains="images",
    )


def _named(statement: Mapping[str, Any]) -> str:
    return f"the statement {statement.get('Sid') or 'without a Sid'}"


def bucket_key(destination: Destination, stream: Stream) -> Outcome:
    """Look at the key of the bucket."""
    encryption = destination.encryption
    if encryption.by_kms and encryption.key is None and destination.is_foreign:
        return failed(
            f"the bucket {destination.bucket} of another account encrypts with its account's key aws/s3, which no "
            "other account can use",
            "give the bucket a customer managed key that allows the producer, or encrypt it by SSE-S3",
        )
    return _key("the bucket", encryption.key, stream.region)


def stream_key(stream: Stream) -> Outcome:
    """Look at the key of the stream."""
    return _key("the stream", stream.key, stream.region)


def _key(whose: str, key: Key | None, region: str) -> Outcome:
    if key is None:
        return passed(f"{whose} has no key of your own")
    if key.state == "elsewhere":
        return failed(f"the key of {whose} is {key.arn}, of another Region", f"use a key in {region}")
    if key.state == "absent":
        return failed(f"the key of {whose}, {key.arn}, doesn't exist", "use a key that exists")
    if key.spec != Key.spec:
        return failed(
            f"the key of {whose}, {key.arn}, is of the type {key.spec}, with which no service encrypts data",
            "use a symmetric encryption key, the default of CreateKey",
        )
    if key.state != "Enabled":
        enable = f"aws kms enable-key --key-id {key.arn}"
        fix = {
            "Disabled": enable,
            "PendingDeletion": f"aws kms cancel-key-deletion --key-id {key.arn} && {enable}",
            "PendingReplicaDeletion": f"aws kms cancel-key-deletion --key-id {key.arn} && {enable}",
            "Creating": "wait until it is Enabled",
            "Updating": "wait until it is Enabled",
            "PendingImport": "import its key material",
        }.get(key.state, "use a key that is Enabled")
        return failed(f"the key of {whose}, {key.arn}, is {key.state}", fix)
    return passed(f"the key of {whose} is {key.arn}, and Enabled")
