"""The service's API quotas, in calls a second."""

from __future__ import annotations

import time
from collections import defaultdict, deque

from .errors import ServiceError

# Per account; the quota of every other operation is 50.
_DEFAULT_PER_ACCOUNT = 50
_PER_ACCOUNT = {"DescribeStream": 300, "GetDataEndpoint": 300}
_PER_STREAM = 5
_WITHOUT_STREAM_QUOTA = {"CreateStream", "ListStreams"}


class Quotas:
    """Admits each operation up to its quotas within any one second, per account and Region and per stream."""

    def __init__(self) -> None:
        self._admitted: defaultdict[tuple[str, ...], deque[float]] = defaultdict(deque)

    def admit(self, operation: str, account: str, region: str, stream: str | None) -> None:
        """Count one call.

        Raises
        ------
        ServiceError
            ClientLimitExceededException, if the call would exceed a quota; it is then not counted.
        """
        limits: dict[tuple[str, ...], int] = {
            (operation, account, region): _PER_ACCOUNT.get(operation, _DEFAULT_PER_ACCOUNT)
        }
        if stream is not None and operation not in _WITHOUT_STREAM_QUOTA:
            limits[operation, account, region, stream] = _PER_STREAM
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
