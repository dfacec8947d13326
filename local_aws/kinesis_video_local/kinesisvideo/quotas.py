"""The API quotas of Kinesis Video Streams.

See https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/service-quotas.html
"""

from __future__ import annotations

from ..service.quotas import Quota

_DEFAULT = Quota(per_account=50, per_stream=5)
_OTHERS = {
    "DescribeStream": Quota(per_account=300, per_stream=5),
    "GetDataEndpoint": Quota(per_account=300, per_stream=5),
    "CreateStream": Quota(per_account=50, per_stream=None),
    "ListStreams": Quota(per_account=50, per_stream=None),
}


def quota(operation: str) -> Quota:
    """Return how often an operation may be called in a second."""
    return _OTHERS.get(operation, _DEFAULT)
