"""The metrics of CloudWatch that count what comes in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from .stream import Stream


def count(stream: Stream, metrics: Mapping[str, tuple[str, str, str, str]], since: datetime) -> dict[str, float]:
    """Sum metrics, each given by its namespace, its name, and its dimension with the value."""
    answer = stream.call(
        "cloudwatch:GetMetricData",
        "get_metric_data",
        MetricDataQueries=[
            {
                "Id": id_,
                "MetricStat": {
                    "Metric": {
                        "Namespace": namespace,
                        "MetricName": name,
                        "Dimensions": [{"Name": dimension, "Value": value}],
                    },
                    "Period": 60,
                    "Stat": "Sum",
                },
            }
            for id_, (namespace, name, dimension, value) in metrics.items()
        ],
        StartTime=since,
        EndTime=stream.now + timedelta(minutes=1),
    )
    counted = {result["Id"]: sum(result["Values"]) for result in answer["MetricDataResults"]}
    return {id_: counted[id_] for id_ in metrics}
