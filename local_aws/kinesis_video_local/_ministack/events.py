"""Events of services on EventBridge's default bus, which run the targets of its rules."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ministack.core import responses
from ministack.services import eventbridge

_KEPT = 1_000


def publish(
    account: str, region: str, source: str, detail_type: str, resources: Sequence[str], detail: Mapping[str, Any]
) -> None:
    """Publish an event.

    Parameters
    ----------
    account, region
        Whose default bus it goes to.
    source, detail_type, resources, detail
        The event's fields.
    """
    entry = {"Source": source, "DetailType": detail_type, "Resources": resources, "Detail": json.dumps(detail)}
    with responses.request_scope(account, region):
        eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
        # ministack keeps every event for good.
        del eventbridge._events_log_list()[:-_KEPT]
