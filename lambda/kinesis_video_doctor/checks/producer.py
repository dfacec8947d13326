"""The producers and their permissions: the service stores video and delivers images with them."""

from __future__ import annotations

import json
from functools import partial

from ..archive import Video
from ..calls import DependsError, ask_each
from ..findings import Outcome, Status, failed, passed, warned
from ..permissions import Lack, Permissions
from ..policies import Match
from ..producers import Producer, Producers
from ..stream import Stream


def producer(producers: Producers, stream: Stream) -> Outcome:
    """Find out who calls PutMedia."""
    found = producers.found
    first = found.producers[0]
    if all(one.account != stream.account for one in found.producers):
        return failed(
            f"{first.arn} belongs to another account than the stream, {stream.account}, and a stream has no policy "
            "that could admit it",
            "make the producer assume a role of the stream's account",
        )
    if first.missing:
        return failed(f"{first.arn} doesn't exist", "give the ARN of the role or user that calls PutMedia")
    cut = f"; CloudTrail's history was read back to {found.cut}" if found.cut else ""
    if len(found.producers) + len(found.others) > 1:
        names = ", ".join([*(one.arn for one in found.producers), *found.others])
        not_looked_at = f"; the permissions of {len(found.others)} can't be examined" if found.others else ""
        return warned(
            f"several callers have asked for the stream's PutMedia endpoint, the most recent first: {names}"
            f"{not_looked_at}{cut}",
            "the checks below examine each of them; --producer ARN examines one",
        )
    return passed(f"{first.arn} calls PutMedia{cut}")


def may_put_media(permissions: Permissions, video: Video) -> Outcome:
    """Ask whether the producers may send video."""
    stream = permissions.stream

    def lack(who: Producer, action: str = "kinesisvideo:PutMedia") -> Lack | None:
        decision = permissions.sending(who, action)
        if decision.allowed:
            return None
        statement = {"Effect": "Allow", "Action": action, "Resource": stream.arn}
        return Lack(f"{who.arn} lacks {action} on {stream.arn}", permissions.fix(who, decision, statement))

    usable = permissions.producers.usable
    outcome = permissions.of_all(usable, lack, "may send video", "fragments")
    if outcome.status != Status.PASSED:
        return outcome
    if len(usable) == 1 and (without := lack(usable[0], "kinesisvideo:GetDataEndpoint")):
        return warned(f"{without.seen}, without which it can't find where to send", without.fix, explains="fragments")
    if video.is_silent and (without := lack(usable[0], "kinesisvideo:TagStream")):
        return warned(
            f"{without.seen}, without which AWS's C++ sample ends before it sends video; other producers don't need it",
            without.fix,
        )
    return outcome


def may_put_object(permissions: Permissions) -> Outcome:
    """Ask whether the producers may put images into the bucket, under each prefix that the fragments ask for."""

    def lack(who: Producer) -> Lack | None:
        found, undecided = ask_each(partial(_lack_of_object, permissions, who, arn) for arn in permissions.image_arns)
        first = next(filter(None, found), None)
        if undecided and not first:
            raise undecided
        return first

    return permissions.of_all(permissions.senders, lack, "may put images", "images")


def _lack_of_object(permissions: Permissions, who: Producer, image: str) -> Lack | None:
    destination = permissions.destination
    decision = permissions.producers.simulate(who, ("s3:PutObject",), image, permissions.bucket_account)["s3:PutObject"]
    pattern = destination.images_pattern(permissions.own_prefixes)
    images = pattern if isinstance(pattern, str) else ", ".join(pattern)
    statement = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": pattern}
    if decision.allowed:
        if not destination.is_foreign:
            return None
        judgement = permissions.judge_bucket_policy(who, image)
        match = max(judgement.allows, judgement.delegates)
        fix = f"add to the bucket's policy: {json.dumps({**statement, 'Principal': {'AWS': who.arn}})}"
        if match == Match.NO:
            return Lack(f"the policy of the bucket of another account doesn't allow {who.arn} s3:PutObject", fix)
        if match == Match.MAYBE:
            raise DependsError("the bucket's policy allows s3:PutObject under a condition that can't be judged", fix)
        return None
    fix = permissions.fix(who, decision, statement)
    # Without a Deny, the policy of a bucket of the same account can allow it alone.
    allows = Match.NO if decision.obstacle else permissions.judge_bucket_policy(who, image).allows
    if allows != Match.NO and not destination.is_foreign:
        if allows == Match.MAYBE:
            raise DependsError("the bucket's policy allows s3:PutObject under a condition that can't be judged", fix)
        return None
    own = image.rpartition("/")[0]
    return Lack(f"{who.arn} lacks s3:PutObject on {images if images.startswith(own) else f'{own}/*'}", fix)


def may_use_keys(permissions: Permissions, stream: Stream) -> Outcome:
    """Ask whether the producers may use the keys of the stream and of the bucket."""

    def lack(who: Producer) -> Lack | None:
        def of(via: str) -> Lack | None:
            key = permissions.destination.encryption.key if via == "s3" else stream.key
            return permissions.lack_of_key(who, key, via) if key else None

        return Lack.of_all(*ask_each(partial(of, via) for via in ("s3", "kinesisvideo")))

    return permissions.of_all(permissions.senders, lack, "may use the keys", "images")
