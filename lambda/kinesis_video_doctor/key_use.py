"""Whether a producer may use a key: its own policies, the key's policy and the key's grants decide."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from kinesis_video_configuration.retries import pages

from .calls import DependsError, UndecidedError, ask_each
from .findings import Outcome, failed, warned
from .permissions import Permissions, lacking
from .policies import Match
from .producers import Producer
from .stream import Key

_ACTIONS = ("kms:GenerateDataKey", "kms:Encrypt", "kms:Decrypt")
_MAX_PAGES = 10


@dataclass(frozen=True)
class KeyUse:
    """The use of a key by a producer via a service."""

    permissions: Permissions
    who: Producer
    key: Key
    via: str

    def lack(self) -> Outcome | None:
        """Return what the producer lacks.

        The documentation asks for three actions and doesn't say which of them is for which key. The stream and the
        bucket both take GenerateDataKey, so only its lack is certain to keep images away.
        """
        if self.key.state in ("absent", "elsewhere"):
            raise UndecidedError(f"the policy of {self.key.arn} can't be read")
        call = self.permissions.stream.call
        answer = call("kms:GetKeyPolicy", "get_key_policy", KeyId=self.key.arn, PolicyName="default")
        return lacking(*ask_each(partial(self._lack_of, json.loads(answer["Policy"])), _ACTIONS))

    def _lack_of(self, document: Mapping[str, Any], action: str) -> Outcome | None:
        fix = self._fix(document, action)
        if not fix:
            return None
        says = failed if action == _ACTIONS[0] else warned
        return says(f"{self.who.arn} lacks {action} on {self.key.arn}", fix)

    def _fix(self, document: Mapping[str, Any], action: str) -> str:
        """Return what to change if the producer may not do this with the key."""
        permissions, who, key, via = self.permissions, self.who, self.key, self.via
        context = self._s3_context() if via == "s3" else {}
        known = {f"kms:EncryptionContext:{name}": value for name, value in context.items()}
        policy = permissions.judge(document, action, key.arn, who, key.account, via=via, known=known)
        if policy.denies == Match.YES:
            return f"remove the statement {policy.denying.get('Sid') or 'without a Sid'} from the policy of {key.arn}"
        decision = permissions.decide(who, action, key.arn, key.account, via, among=_ACTIONS)
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
        statement: dict[str, Any] = {"Effect": "Allow", "Action": list(_ACTIONS), "Resource": key.arn}
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
        for page in islice(pages(ask), _MAX_PAGES):
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
