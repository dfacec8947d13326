"""API quotas, in calls a second."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from dataclasses import dataclass

from .errors import ServiceError


@dataclass(frozen=True)
class Quota:
    """The maximum number of calls of an operation a second; None is no limit."""

    per_account: int | None = None
    per_stream: int | None = None


class Quotas:
    """Limits the calls of each operation within any second, for each account and Region and for each stream."""

    def __init__(self) -> None:
        self._admitted: defaultdict[tuple[str, ...], deque[float]] = defaultdict(deque)

    def admit(self, operation: str, quota: Quota, account: str, region: str, stream: str | None) -> None:
        """Count a call.

        Raises
        ------
        ServiceError
            ClientLimitExceededException, if the call would exceed a quota. It doesn't count then.
        """
        limits: dict[tuple[str, ...], int] = {}
        if quota.per_account is not None:
            limits[operation, account, region] = quota.per_account
        if stream is not None and quota.per_stream is not None:
            limits[operation, account, region, stream] = quota.per_stream
        now = time.monotonic()
        for key, limit in limits.items():
            admitted = self._admitted[key]
            while admitted and admitted[0] <= now - 1:
                admitted.popleft()
            if len(admitted) >= limit:
                what = "stream" if len(key) == 4 else "account"
                raise ServiceError(
                    "ClientLimitExceededException", f"{operation} is limited to {limit} calls a second per {what}"
                )
        for key in limits:
            self._admitted[key].append(now)
