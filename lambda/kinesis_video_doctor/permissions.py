"""The producers' permissions: in their own policies, and in those of the bucket and the keys."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from types import MappingProxyType
from typing import Any

from kinesis_video_configuration.retries import pages

from .calls import DependsError, Fact, UndecidedError, ask_each
from .destination import Destination
from .evidence import Evidence
from .findings import Outcome, failed, passed, warned
from .policies import Judgement, Match, Request, judge
from .producers import Producer, Producers
from .simulator import BOUNDARY, Decision
from .stream import Key, Stream

SEND_ACTIONS = ("kinesisvideo:PutMedia", "kinesisvideo:GetDataEndpoint", "kinesisvideo:TagStream")
KEY_ACTIONS = ("kms:GenerateDataKey", "kms:Encrypt", "kms:Decrypt")
_MAX_PAGES = 10


@dataclass(frozen=True)
class Lack:
    """What a producer lacks."""

    seen: str
    fix: str
    is_certain: bool = True
    """Whether it certainly prevents images."""

    @classmethod
    def of(cls, lacks: Sequence[Lack]) -> Lack:
        """Combine several into one, each text once."""
        seen, fix = ("; ".join(dict.fromkeys(texts)) for texts in zip(*((x.seen, x.fix) for x in lacks), strict=True))
        return cls(seen, fix, any(lack.is_certain for lack in lacks))

    @classmethod
    def of_all(cls, found: Sequence[Lack | None], undecided: UndecidedError | None) -> Lack | None:
        """Combine what is lacking; if something can't be told, only a certain lack counts."""
        lacks = [lack for lack in found if lack]
        if undecided and not any(lack.is_certain for lack in lacks):
            raise undecided
        return cls.of(lacks) if lacks else None


class Permissions:
    """What the producers of a stream are allowed."""

    def __init__(self, stream: Stream, destination: Destination, producers: Producers, evidence: Evidence) -> None:
        self.stream = stream
        self.destination = destination
        self.producers = producers
        self._evidence = evidence

    @property
    def own_prefixes(self) -> Sequence[str]:
        """The prefixes that the examined fragments ask for after the destination's."""
        return self._evidence.own_prefixes

    @property
    def image_arns(self) -> Sequence[str]:
        """The ARNs of images that could arrive now, one for each prefix that the examined fragments ask for."""
        return [self.destination.image_arn(own) for own in self.own_prefixes]

    @Fact
    def senders(self) -> Sequence[Producer]:
        """Those that may send video; others that asked for the endpoint are not producers."""
        usable = self.producers.usable
        if len(usable) == 1:
            return usable
        return [producer for producer in usable if self._may_send(producer)] or usable

    @property
    def senders_known(self) -> Sequence[Producer]:
        """The same; if none is in the stream's account, all that are known."""
        try:
            return self.senders
        except UndecidedError:
            return self.producers.known

    def sending(self, producer: Producer, action: str) -> Decision:
        """Say whether the producer's policies allow one of the actions that sending video takes."""
        return self.producers.simulate(producer, SEND_ACTIONS, self.stream.arn, self.stream.account)[action]

    def _may_send(self, producer: Producer) -> bool:
        try:
            return self.sending(producer, SEND_ACTIONS[0]).allowed
        except UndecidedError:
            return True

    def of_all(
        self, producers: Sequence[Producer], ask: Callable[[Producer], Lack | None], allowed: str, symptom: str
    ) -> Outcome:
        """Ask of each producer what it lacks, which would explain a symptom.

        All of them lack it, or some and no image arrives: that is a failure. If images arrive it is none, for somebody
        may have asked for the endpoint once who is no producer.
        """
        answers, undecided = ask_each(partial(lambda who: (who, ask(who)), who) for who in producers)
        lacks = [lack for _, lack in answers if lack]
        able = [who for who, lack in answers if not lack]
        names = ", ".join(who.name for who in able)
        if undecided and not (lacks and lacks[0].is_certain) and not (able and self._evidence.arrive):
            if isinstance(undecided, DependsError) and self._evidence.shows(symptom):
                return warned(undecided.seen, undecided.fix, explains=symptom)
            raise undecided
        if not lacks:
            return passed(f"{names} {allowed}")
        lack = Lack.of(lacks)
        certain, seen = lack.is_certain, lack.seen
        if able:
            seen = f"{names} {allowed}; {seen}"
            if self._evidence.arrive:
                return passed(seen)
            if symptom == "fragments":
                # Since another one may send, this explains nothing by itself.
                return warned(seen, lack.fix)
            certain = certain and self._evidence.shows(symptom)
        elif undecided:
            certain = certain and not self._evidence.arrive
        return failed(seen, lack.fix) if certain else warned(seen, lack.fix, explains=symptom)

    def judge(
        self,
        policy: Mapping[str, Any] | None,
        action: str,
        resource: str,
        producer: Producer | None,
        *,
        resource_account: str | None = None,
        via: str = "",
        known: Mapping[str, str] = MappingProxyType({}),
    ) -> Judgement:
        """Judge whether the policy of a resource allows or denies this producer an action."""
        account = producer.account if producer else self.stream.account
        arn = producer.arn if producer else None
        now = self.stream.now
        context = {
            **self.producers.context(producer, resource_account, via),
            "aws:CurrentTime": now.isoformat(),
            "aws:EpochTime": str(now.timestamp()),
            **known,
        }
        return judge(policy or {}, Request(action, resource, arn, account, context))

    def judge_bucket_policy(self, producer: Producer | None, image_arn: str) -> Judgement:
        """Judge whether the bucket's policy allows or denies an image of this producer."""
        return self.judge(
            self.destination.policy, "s3:PutObject", image_arn, producer, resource_account=self.bucket_account
        )

    @property
    def bucket_account(self) -> str | None:
        """The account of the bucket if it is the stream's, otherwise None."""
        try:
            return None if self.destination.is_foreign else self.stream.account
        except UndecidedError:
            return None

    def fix(self, who: Producer, decision: Decision, statement: Mapping[str, Any]) -> str:
        """Say what to change so that a producer is allowed something."""
        if decision.obstacle:
            which = f" {who.boundary}" if decision.obstacle == BOUNDARY else ""
            return f"change {decision.obstacle}{which}: an Allow in the policies of {who.arn} doesn't help"
        add = f"add to the policies of {who.arn}: {json.dumps(statement)}"
        return f"with this library: images.grant_put_media(role); otherwise {add}"

    # Keys

    def lack_of_key(self, who: Producer, key: Key, via: str) -> Lack | None:
        """Return what the producer lacks of a key.

        The documentation asks for three actions and doesn't say which of them is for which key. The stream and the
        bucket both take GenerateDataKey, so only its lack is certain to keep images away.
        """
        if key.state in ("absent", "elsewhere"):
            raise UndecidedError(f"the policy of {key.arn} can't be read")
        answer = self.stream.call("kms:GetKeyPolicy", "get_key_policy", KeyId=key.arn, PolicyName="default")
        document = json.loads(answer["Policy"])
        return Lack.of_all(
            *ask_each(partial(self._lack_of_action, who, key, document, action, via) for action in KEY_ACTIONS)
        )

    def _lack_of_action(
        self, who: Producer, key: Key, document: Mapping[str, Any], action: str, via: str
    ) -> Lack | None:
        fix = self._fix_of_key(who, key, document, action, via)
        seen = f"{who.arn} lacks {action} on {key.arn}"
        return Lack(seen, fix, is_certain=action == KEY_ACTIONS[0]) if fix else None

    def _fix_of_key(self, who: Producer, key: Key, document: Mapping[str, Any], action: str, via: str) -> str:
        """Return what to change if the producer may not do this with the key."""
        context = self._s3_context() if via == "s3" else {}
        known = {f"kms:EncryptionContext:{name}": value for name, value in context.items()}
        policy = self.judge(document, action, key.arn, who, resource_account=key.account, via=via, known=known)
        if policy.denies == Match.YES:
            return f"remove the statement {policy.denying.get('Sid') or 'without a Sid'} from the policy of {key.arn}"
        decision = self.producers.simulate(who, KEY_ACTIONS, key.arn, key.account, via)[action]
        if decision.obstacle:
            return self.fix(who, decision, {})
        allowed = policy.together(allowed=decision.allowed, same_account=key.account == who.account)
        if allowed != Match.YES:
            allowed = max(allowed, self._granted(who, key, action, via))
        # A Deny overrides grants, too.
        if allowed == Match.YES and policy.denies == Match.NO:
            return ""
        if allowed != Match.NO or policy.denies == Match.MAYBE:
            raise DependsError(
                f"the policy or a grant of {key.arn} has a condition on {action} that can't be judged",
                f"look whether {who.arn} meets it when it uses the key via {via}",
            )
        statement: dict[str, Any] = {"Effect": "Allow", "Action": list(KEY_ACTIONS), "Resource": key.arn}
        if policy.delegates == Match.YES:
            return self.fix(who, decision, statement)
        statement |= {"Principal": {"AWS": who.arn}, "Resource": "*"}
        return f"add to the policy of {key.arn}: {json.dumps(statement)}"

    def _granted(self, who: Producer, key: Key, action: str, via: str) -> Match:
        """Say whether a grant of the key allows it."""
        operation = action.partition(":")[2]
        match = Match.NO
        ask = partial(self.stream.call, "kms:ListGrants", "list_grants", KeyId=key.arn, GranteePrincipal=who.arn)
        for page in islice(pages(ask), _MAX_PAGES):
            for grant in page["Grants"]:
                if grant.get("GranteePrincipal") == who.arn and operation in grant.get("Operations", []):
                    match = max(match, self._grant_applies(grant.get("Constraints") or {}, via))
            if not page.get("NextMarker"):
                return match
        return max(match, Match.MAYBE)

    def _grant_applies(self, constraints: Mapping[str, dict[str, str]], via: str) -> Match:
        """Say whether a grant's constraints permit the service's request; only S3's context is documented."""
        wanted: dict[str, str] = {}
        for name in "EncryptionContextSubset", "EncryptionContextEquals":
            wanted |= constraints.get(name) or {}
        if not constraints or not wanted:
            return Match.YES
        return Match(2 * (wanted == self._s3_context())) if via == "s3" else Match.MAYBE

    def _s3_context(self) -> dict[str, str]:
        """Return the encryption context of S3's requests.

        See https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
        """
        by_bucket = self.destination.encryption.by_bucket_key
        arn = self.destination.bucket_arn if by_bucket else self.destination.image_arn(self.own_prefixes[0])
        return {"aws:s3:arn": arn}
