"""The bucket, and the keys that encrypt video and images."""

from __future__ import annotations

from ..calls import UndecidedError
from ..case import Case, Key
from ..findings import Outcome, failed, passed, unknown, warned
from ..policies import Match


def bucket(case: Case) -> Outcome:
    """Look for the bucket."""
    found = case.found_bucket
    if found is None:
        return failed(
            f"the bucket {case.bucket} doesn't exist, which UpdateImageGenerationConfiguration doesn't tell",
            f"create it in {case.region}, or change the destination",
        )
    region = found.get("BucketRegion")
    if region is None:
        return unknown(f"the bucket {case.bucket} exists; its Region is not told")
    if region != case.region:
        return failed(
            f"the bucket {case.bucket} is in {region}, and the stream in {case.region}",
            f"take a bucket in {case.region}",
        )
    return passed(f"the bucket {case.bucket} is in {region}")


def owner(case: Case) -> Outcome:
    """Compare the bucket's account with the stream's."""
    if case.bucket_is_foreign:
        return warned(
            f"the bucket {case.bucket} is of another account than the stream, {case.account}",
            "if it is yours, its policy must allow the producer s3:PutObject; otherwise take one of your own",
        )
    return passed(f"the bucket is of {case.account} as the stream is")


def bucket_policy(case: Case) -> Outcome:
    """Look for a Deny in the bucket's policy that covers the images."""
    if case.bucket_policy is None:
        if case.found_bucket is None:
            raise UndecidedError("the bucket doesn't exist, so there is nothing to look at")
        return passed("the bucket has no policy")
    producer = case.known_producer
    judgement = case.judge_bucket_policy(producer)
    statement = judgement.denying
    name = statement.get("Sid") or "without a Sid"
    match judgement.denies:
        case Match.YES:
            return failed(
                f"the statement {name} of the bucket's policy denies s3:PutObject on {case.image_arn}",
                "remove it, or exempt the producer from it: no Allow overcomes it",
            )
        case Match.MAYBE if producer is None:
            return unknown(
                f"the statement {name} of the bucket's policy may deny s3:PutObject",
                "give the producer: --producer ARN",
            )
        case Match.MAYBE:
            keys = ", ".join(key for values in statement.get("Condition", {}).values() for key in values)
            return warned(
                f"the statement {name} of the bucket's policy denies s3:PutObject, depending on "
                f"{keys or 'who the principal is'}",
                "exempt the producer from it: Kinesis Video Streams writes from AWS's own network, without headers of "
                "encryption",
            )
    return passed("the bucket's policy denies no image")


def bucket_key(case: Case) -> Outcome:
    """Look at the key of the bucket."""
    return _key("the bucket", case.bucket_key, case)


def stream_key(case: Case) -> Outcome:
    """Look at the key of the stream."""
    return _key("the stream", case.stream_key, case)


def _key(whose: str, key: Key | None, case: Case) -> Outcome:
    if key is None:
        return passed(f"{whose} has no key of your own")
    if key.state == "elsewhere":
        return failed(f"the key of {whose} is {key.arn}, of another Region", f"take a key in {case.region}")
    if key.state != "Enabled":
        return failed(
            f"the key of {whose}, {key.arn}, is {key.state}",
            f"aws kms enable-key --key-id {key.arn}" if key.state == "Disabled" else "take a key that is Enabled",
        )
    return passed(f"the key of {whose} is {key.arn}, and Enabled")


CHECKS = (bucket, owner, bucket_policy, bucket_key, stream_key)
