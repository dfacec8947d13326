"""A fleet of many streams, with the quotas of the service on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from .conftest import Cloud
from .fleets import DESCRIBE, UPDATE, declare, template_of

QUOTA_STREAMS = 1201
"""One of them is excluded."""


def test_1200_streams_with_quotas_are_set_without_one_throttled_call(
    limited: Cloud, record_property: Callable[[str, object], None]
) -> None:
    synthesised = json.loads(limited.synthesise("Fleet", declare))
    stream: dict[str, Any] = {"Type": "AWS::KinesisVideo::Stream"}
    for part in range(3):
        streams = {
            f"Stream{number}": {**stream, "Properties": {"Name": f"fleet-{number}", "DataRetentionInHours": 24}}
            for number in range(part, QUOTA_STREAMS, 3)
        }
        # CloudFormation's own calls meet no quota here.
        assert limited.deploy_template(f"Streams{part}", json.dumps({"Resources": streams})) == "CREATE_COMPLETE"
    limited.aws.clear_calls()
    assert limited.deploy_template("Fleet", template_of(synthesised, "fleet-")) == "CREATE_COMPLETE"
    calls = limited.aws.calls()
    assert Counter((call.operation, call.error) for call in calls if call.operation in (DESCRIBE, UPDATE)) == {
        (DESCRIBE, None): QUOTA_STREAMS - 1,
        (UPDATE, None): QUOTA_STREAMS - 1,
    }
    metrics = limited.aws.client("cloudwatch").list_metrics(Namespace="CdkKinesisVideo")["Metrics"]
    assert {"StreamsSet", "StreamsFailed", "PassesFailed"} <= {metric["MetricName"] for metric in metrics}
    updates = [call.time for call in calls if call.operation == UPDATE]
    record_property("fleet", f"{(len(updates) - 1) / (updates[-1] - updates[0]):.1f} updates a second, none throttled")
