"""The producers and their permissions: the service stores video and delivers images with them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from kinesis_video_configuration.retries import pages

from ..archive import Video
from ..calls import DependsError, UndecidedError, ask_each
from ..findings import Outcome, Status, failed, passed, warned
from ..permissions import Lack, Permissions
from ..policies import Match
from ..producers import Producer, Producers
from ..stream import Key, Stream

_KEY_ACTIONS = ("kms:GenerateDataKey", "kms:Encrypt", "kms:Decrypt")
_MAX_PAGES_OF_GRANTS = 10


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
        found, undecided = ask_each(partial(_lack_of_object, permissions, who), permissions.image_arns)
        first = next(filter(None, found), None)
        if undecided and not first:
            raise undecided
        return first

    return permissions.of_all(permissions.senders, lack, "may put images", "images")


def _lack_of_object(permissions: Permissions, who: Producer, image: str) -> Lack | None:
    destination = permissions.destination
    decision = permissions.decide(who, "s3:PutObject", image, permissions.bucket_account)
    pattern = destination.images_pattern(permissions.own_prefixes)
    images = pattern if isinstance(pattern, str) else ", ".join(pattern)
    statement = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": pattern}
    if decision.allowed:
        if not destination.is_foreign:
            return None
        judgement = permissions.judge_bucket_policy(who, image)
        match = max(judgement.allows, judgement.delegates)
        fix = f"add to the bucket's policy: {json.dumps({**statement, 'Principal': {'AWS': who.arn}})}"
        lack = Lack(f"the policy of the bucket of another account doesn't allow {who.arn} s3:PutObject", fix)
    else:
        fix = permissions.fix(who, decision, statement)
        # Without a Deny, the policy of a bucket of the same account can allow it alone.
        match = Match.NO if decision.obstacle else permissions.judge_bucket_policy(who, image).allows
        if match != Match.NO and destination.is_foreign:
            match = Match.NO
        own = image.rpartition("/")[0]
        lack = Lack(f"{who.arn} lacks s3:PutObject on {images if images.startswith(own) else f'{own}/*'}", fix)
    if match == Match.MAYBE:
        raise DependsError("the bucket's policy allows s3:PutObject under a condition that can't be judged", fix)
    return lack if match == Match.NO else None


def may_use_keys(permissions: Permissions, stream: Stream) -> Outcome:
    """Ask whether the producers may use the keys of the stream and of the bucket."""

    def lack(who: Producer) -> Lack | None:
        def of(via: str) -> Lack | None:
            key = permissions.destination.encryption.key if via == "s3" else stream.key
            return _Use(permissions, who, key, via).lack() if key else None

        return Lack.of_all(*ask_each(of, ("s3", "kinesisvideo")))

    return permissions.of_all(permissions.senders, lack, "may use the keys", "images")


@dataclass(frozen=True)
class _Use:
    """The use of a key by a producer via a service."""

    permissions: Permissions
    who: Producer
    key: Key
    via: str

    def lack(self) -> Lack | None:
        """Return what the producer lacks.

        The documentation asks for three actions and doesn't say which of them is for which key. The stream and the
        bucket both take GenerateDataKey, so only its lack is certain to keep images away.
        """
        if self.key.state in ("absent", "elsewhere"):
            raise UndecidedError(f"the policy of {self.key.arn} can't be read")
        call = self.permissions.stream.call
        answer = call("kms:GetKeyPolicy", "get_key_policy", KeyId=self.key.arn, PolicyName="default")
        return Lack.of_all(*ask_each(partial(self._lack_of, json.loads(answer["Policy"])), _KEY_ACTIONS))

    def _lack_of(self, document: Mapping[str, Any], action: str) -> Lack | None:
        fix = self._fix(document, action)
        seen = f"{self.who.arn} lacks {action} on {self.key.arn}"
        return Lack(seen, fix, is_certain=action == _KEY_ACTIONS[0]) if fix else None

    def _fix(self, document: Mapping[str, Any], action: str) -> str:
        """Return what to change if the producer may not do this with the key."""
        permissions, who, key, via = self.permissions, self.who, self.key, self.via
        context = self._s3_context() if via == "s3" else {}
        known = {f"kms:EncryptionContext:{name}": value for name, value in context.items()}
        policy = permissions.judge(document, action, key.arn, who, key.account, via=via, known=known)
        if policy.denies == Match.YES:
            return f"remove the statement {policy.denying.get('Sid') or 'without a Sid'} from the policy of {key.arn}"
        decision = permissions.decide(who, action, key.arn, key.account, via, among=_KEY_ACTIONS)
        if decision.obstacle:
            return permissions.fix(who, decision, {})
        allowed = policy.together(allowed=decision.allowed, same_account=key.account == who.account)
        if allowed != Match.YES:
            allowed = max(allowed, self._granted(action))
        # A Deny overrides grants, too.
        if allowed == Match.YES and policy.denies == Match.NO:
            return ""
        if allowed != Match.NO or policy.denies == Match.MAYBE:
            raise DependsError(
                f"the policy or a grant of {key.arn} has a condition on {action} that can't be judged",
                f"look whether {who.arn} meets it when it uses the key via {via}",
            )
        statement: dict[str, Any] = {"Effect": "Allow", "Action": list(_KEY_ACTIONS), "Resource": key.arn}
        if policy.delegates == Match.YES:
            return permissions.fix(who, decision, statement)
        statement |= {"Principal": {"AWS": who.arn}, "Resource": "*"}
        return f"add to the policy of {key.arn}: {json.dumps(statement)}"

    def _granted(self, action: str) -> Match:
        """Say whether a grant of the key allows it."""
        key, who, operation = self.key, self.who, action.partition(":")[2]
        match = Match.NO
        call = self.permissions.stream.call
        ask = partial(call, "kms:ListGrants", "list_grants", KeyId=key.arn, GranteePrincipal=who.arn)
        for page in islice(pages(ask), _MAX_PAGES_OF_GRANTS):
            for grant in page["Grants"]:
                if grant.get("GranteePrincipal") == who.arn and operation in grant.get("Operations", []):
                    match = max(match, self._applies(grant.get("Constraints") or {}))
            if not page.get("NextMarker"):
                return match
        return max(match, Match.MAYBE)

    def _applies(self, constraints: Mapping[str, dict[str, str]]) -> Match:
        """Say whether a grant's constraints permit the service's request; only S3's context is documented."""
        wanted: dict[str, str] = {}
        for name in "EncryptionContextSubset", "EncryptionContextEquals":
            wanted |= constraints.get(name) or {}
        if not wanted:
            return Match.YES
        return Match(2 * (wanted == self._s3_context())) if self.via == "s3" else Match.MAYBE

    def _s3_context(self) -> dict[str, str]:
        """Return the encryption context of S3's requests.

        See https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
        """
        permissions, destination = self.permissions, self.permissions.destination
        by_bucket = destination.encryption.by_bucket_key
        arn = destination.bucket_arn if by_bucket else destination.image_arn(permissions.own_prefixes[0])
        return {"aws:s3:arn": arn}
