"""The producers' permissions: in their own policies, and in those of the bucket and the keys."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .calls import DependsError, Fact, UndecidedError, ask_each, if_known
from .destination import Destination
from .evidence import Evidence
from .findings import Outcome, Status, failed, passed, warned
from .policies import Judgement, Request, judge
from .producers import Producer, Producers
from .simulator import BOUNDARY, Decision, simulate
from .stream import Stream

SEND_ACTIONS = ("kinesisvideo:PutMedia", "kinesisvideo:GetDataEndpoint", "kinesisvideo:TagStream")


def combined(lacks: Sequence[Outcome]) -> Outcome:
    """Combine what is lacking, each text once. Like each of them it failed if images certainly don't arrive."""
    seen, fix = ("; ".join(dict.fromkeys(texts)) for texts in zip(*((x.seen, x.fix) for x in lacks), strict=True))
    return failed(seen, fix) if any(lack.status == Status.FAILED for lack in lacks) else warned(seen, fix)


def lacking(found: Sequence[Outcome | None], undecided: UndecidedError | None) -> Outcome | None:
    """Combine what is lacking; if something can't be told, only a failure counts."""
    lacks = [lack for lack in found if lack]
    if undecided and not any(lack.status == Status.FAILED for lack in lacks):
        raise undecided
    return combined(lacks) if lacks else None


class Permissions:
    """What the producers of a stream are allowed."""

    def __init__(self, stream: Stream, destination: Destination, producers: Producers, evidence: Evidence) -> None:
        self.stream = stream
        self.destination = destination
        self.producers = producers
        self._evidence = evidence
        self._simulated: dict[tuple[object, ...], Mapping[str, Decision | UndecidedError]] = {}

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

    def _may_send(self, producer: Producer) -> bool:
        return if_known(lambda: self.sending(producer, SEND_ACTIONS[0]).allowed, True)

    @property
    def senders_known(self) -> Sequence[Producer]:
        """The same; if none is in the stream's account, all that are known."""
        return if_known(lambda: self.senders, self.producers.known)

    def sending(self, producer: Producer, action: str) -> Decision:
        """Say whether the producer's policies allow one of the actions that sending video takes."""
        return self.decide(producer, action, self.stream.arn, self.stream.account, among=SEND_ACTIONS)

    def of_all(
        self, producers: Sequence[Producer], ask: Callable[[Producer], Outcome | None], allowed: str, symptom: str
    ) -> Outcome:
        """Ask of each producer what it lacks, which would explain a symptom.

        All of them lack it, or some and no image arrives: that is a failure. If images arrive it is none, for somebody
        may have asked for the endpoint once who is no producer.
        """
        answers, undecided = ask_each(lambda who: (who, ask(who)), producers)
        lacks = [lack for _, lack in answers if lack]
        able = [who for who, lack in answers if not lack]
        names = ", ".join(who.name for who in able)
        if undecided and not (lacks and lacks[0].status == Status.FAILED) and not (able and self._evidence.arrive):
            if isinstance(undecided, DependsError) and self._evidence.shows(symptom):
                return warned(undecided.seen, undecided.fix, explains=symptom)
            raise undecided
        if not lacks:
            return passed(f"{names} {allowed}")
        lack = combined(lacks)
        certain, seen = lack.status == Status.FAILED, lack.seen
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

    # What policies say

    def decide(
        self,
        producer: Producer,
        action: str,
        resource: str,
        resource_account: str | None,
        via: str = "",
        *,
        among: Sequence[str] = (),
    ) -> Decision:
        """Ask what the policies of the producer itself allow, once for all actions `among` which this one is."""
        actions = tuple(among) or (action,)
        asked = producer.arn, actions, resource, via
        if asked not in self._simulated:
            context = self._context(producer, resource_account, via)
            self._simulated[asked] = simulate(
                self.stream.call, producer.arn, actions, resource, context, self.stream.name
            )
        decision = self._simulated[asked].get(action)
        if decision is None:
            raise UndecidedError(f"the simulator says nothing of {action}", "run it again")
        if isinstance(decision, UndecidedError):
            raise decision
        return decision

    def judge(
        self,
        policy: Mapping[str, Any] | None,
        action: str,
        resource: str,
        producer: Producer | None,
        resource_account: str | None,
        *,
        via: str = "",
        known: Mapping[str, str] | None = None,
    ) -> Judgement:
        """Judge whether the policy of a resource allows or denies this producer an action."""
        now = self.stream.now
        context = {
            **self._context(producer, resource_account, via),
            "aws:CurrentTime": now.isoformat(),
            "aws:EpochTime": str(now.timestamp()),
            **(known or {}),
        }
        arn, account = (producer.arn, producer.account) if producer else (None, self.stream.account)
        return judge(policy or {}, Request(action, resource, arn, account, context))

    def judge_bucket_policy(self, producer: Producer | None, image_arn: str) -> Judgement:
        """Judge whether the bucket's policy allows or denies an image of this producer."""
        return self.judge(self.destination.policy, "s3:PutObject", image_arn, producer, self.bucket_account)

    def _context(self, producer: Producer | None, resource_account: str | None, via: str) -> dict[str, str]:
        """Return the condition keys whose values are known: the service's requests have TLS and the stream's Region."""
        stream = self.stream
        known = {
            "aws:SecureTransport": "true",
            "aws:RequestedRegion": stream.region,
            "aws:PrincipalIsAWSService": "false",
        }
        if resource_account:
            known["aws:ResourceAccount"] = resource_account
        if via:
            suffix = "amazonaws.com.cn" if stream.partition == "aws-cn" else "amazonaws.com"
            known |= {"kms:ViaService": f"{via}.{stream.region}.{suffix}", "kms:CallerAccount": stream.account}
        if producer:
            known |= {
                "aws:PrincipalArn": producer.arn,
                "aws:PrincipalAccount": producer.account,
                "aws:PrincipalType": "User" if ":user/" in producer.arn else "AssumedRole",
            }
        return known

    @property
    def bucket_account(self) -> str | None:
        """The account of the bucket if it is the stream's, otherwise None."""
        return if_known(lambda: None if self.destination.is_foreign else self.stream.account, None)

    def fix(self, who: Producer, decision: Decision, statement: Mapping[str, Any]) -> str:
        """Say what to change so that a producer is allowed something."""
        if decision.obstacle:
            which = f" {who.boundary}" if decision.obstacle == BOUNDARY else ""
            return f"change {decision.obstacle}{which}: an Allow in the policies of {who.arn} doesn't help"
        add = f"add to the policies of {who.arn}: {json.dumps(statement)}"
        return f"with this library: images.grant_put_media(role); otherwise {add}"
