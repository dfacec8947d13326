"""The producer and its rights: the service stores video and delivers images with them."""

from __future__ import annotations

import json
from typing import Any

from ..calls import UndecidedError
from ..case import Case, Key
from ..findings import Outcome, failed, passed, warned
from ..policies import Match
from ..producers import Producer
from ..simulator import Decision

_KEY_ACTIONS = ("kms:GenerateDataKey", "kms:Encrypt", "kms:Decrypt")


def producer(case: Case) -> Outcome:
    """Find out who calls PutMedia."""
    found = case.producer
    if found.missing:
        return failed(f"{found.arn} doesn't exist", "give the ARN of the role or user that calls PutMedia")
    if found.account != case.account:
        return failed(
            f"{found.arn} is of another account than the stream, {case.account}, and a stream has no policy that would "
            "let it in",
            "let the producer assume a role of the stream's account",
        )
    if found.others:
        return warned(
            f"several have asked for the stream's endpoint of PutMedia: the last was {found.arn}, before that "
            f"{', '.join(found.others)}",
            "the checks below are about the last one; --producer ARN looks at another",
        )
    return passed(f"{found.arn} calls PutMedia")


def _producer(case: Case) -> Producer:
    found = case.producer
    if found.missing or found.account != case.account:
        raise UndecidedError(f"the rights of {found.arn} can't be looked at")
    return found


def may_put_media(case: Case) -> Outcome:
    """Ask whether the producer may send video."""
    who, stream = _producer(case), case.stream["StreamARN"]
    decision = case.allowed(who, "kinesisvideo:PutMedia", stream)
    if not decision.allowed:
        return failed(
            f"{who.arn} lacks kinesisvideo:PutMedia on {stream}",
            _fix(who, decision, _statement("kinesisvideo:PutMedia", stream)),
        )
    decision = case.allowed(who, "kinesisvideo:GetDataEndpoint", stream)
    if not decision.allowed:
        return warned(
            f"{who.arn} lacks kinesisvideo:GetDataEndpoint on {stream}, without which it can't find where to send",
            _fix(who, decision, _statement("kinesisvideo:GetDataEndpoint", stream)),
        )
    return passed(f"{who.arn} may send video")


def may_put_object(case: Case) -> Outcome:
    """Ask whether the producer may put images into the bucket."""
    who, image = _producer(case), case.image_arn
    decision = case.allowed(who, "s3:PutObject", image)
    images = f"arn:{case.partition}:s3:::{case.bucket}/{case.prefix}*"
    if decision.allowed:
        if not case.bucket_is_foreign:
            return passed(f"{who.arn} may put images")
        judgement = case.judge_bucket_policy(who)
        match = max(judgement.allows, judgement.delegates)
        statement = {**_statement("s3:PutObject", images), "Principal": {"AWS": who.arn}}
        fix = f"add to the bucket's policy: {json.dumps(statement)}"
        if match == Match.NO:
            return failed(f"the policy of the bucket of another account doesn't allow {who.arn} s3:PutObject", fix)
        if match == Match.MAYBE:
            raise UndecidedError("the bucket's policy allows s3:PutObject under a condition that can't be judged", fix)
        return passed(f"{who.arn} may put images, and the bucket's policy allows it, too")
    fix = _fix(who, decision, _statement("s3:PutObject", images))
    # What is not denied but just not allowed, the policy of a bucket of the same account can allow alone.
    allows = Match.NO if decision.obstacle else case.judge_bucket_policy(who).allows
    if allows != Match.NO and not case.bucket_is_foreign:
        if allows == Match.MAYBE:
            raise UndecidedError("the bucket's policy allows s3:PutObject under a condition that can't be judged", fix)
        return passed(f"the bucket's policy allows {who.arn} to put images")
    return failed(f"{who.arn} lacks s3:PutObject on {images}", fix)


def may_use_keys(case: Case) -> Outcome:
    """Ask whether the producer may use the keys of the stream and of the bucket.

    The documentation asks for three actions and doesn't say which of them is for which key. The stream and the bucket
    both take GenerateDataKey, so only its lack is certain to keep images away.
    """
    who = _producer(case)
    lacking: list[tuple[str, str, str]] = []
    undecided: UndecidedError | None = None
    for whose, via in (("bucket_key", "s3"), ("stream_key", "kinesisvideo")):
        try:
            key: Key | None = getattr(case, whose)
            if key and key.state not in ("absent", "elsewhere"):
                fixes = {action: _lack(case, who, key, action, via) for action in _KEY_ACTIONS}
                lacking += [(action, key.arn, fix) for action, fix in fixes.items() if fix]
        except UndecidedError as error:
            undecided = error
    certain = [lack for lack in lacking if lack[0] == _KEY_ACTIONS[0]]
    if undecided and not certain:
        raise undecided
    if not lacking:
        return passed(f"{who.arn} may do with the keys what it needs")
    seen = "; ".join(f"{who.arn} lacks {action} on {arn}" for action, arn, _ in lacking)
    fix = "; ".join(dict.fromkeys(fix for _, _, fix in lacking))
    return failed(seen, fix) if certain else warned(seen, fix)


def _lack(case: Case, who: Producer, key: Key, action: str, via: str) -> str:
    """Return what to add if the producer may not do this with the key."""
    policy = case.judge_key_policy(key, action, who, via)
    decision = case.allowed(who, action, key.arn, via)
    if policy.denies == Match.YES:
        return f"remove the statement {policy.denying.get('Sid') or 'without a Sid'} from the policy of {key.arn}"
    if decision.obstacle:
        return _fix(who, decision, {})
    by_iam = policy.delegates if decision.allowed else Match.NO
    match = max(by_iam, policy.allows)
    if match == Match.YES and policy.denies == Match.NO:
        return ""
    if _granted(case, who, key, action):
        return ""
    if match != Match.NO:
        raise UndecidedError(f"the policy of {key.arn} has a condition on {action} that can't be judged")
    statement = _statement(list(_KEY_ACTIONS), key.arn)
    if policy.delegates == Match.YES:
        return _fix(who, decision, statement)
    return (
        f"add to the policy of {key.arn}: {json.dumps({**statement, 'Principal': {'AWS': who.arn}, 'Resource': '*'})}"
    )


def _granted(case: Case, who: Producer, key: Key, action: str) -> bool:
    grants = case.call("kms:ListGrants", "list_grants", KeyId=key.arn)["Grants"]
    operation = action.partition(":")[2]
    return any(grant.get("GranteePrincipal") == who.arn and operation in grant["Operations"] for grant in grants)


def _statement(actions: str | list[str], resource: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resource}


def _fix(who: Producer, decision: Decision, statement: dict[str, Any]) -> str:
    if decision.obstacle:
        boundary = f" {who.boundary}" if who.boundary else ""
        return f"change {decision.obstacle}{boundary}: an Allow in the policies of {who.arn} doesn't help"
    return f"add to the policies of {who.arn}: {json.dumps(statement)}"


CHECKS = (producer, may_put_media, may_put_object, may_use_keys)
