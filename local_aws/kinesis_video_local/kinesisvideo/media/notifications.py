"""Notifications of fragments, published to a topic with the producer's permissions.

See https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/notifications.html
"""

from __future__ import annotations

import json
import logging

from kinesis_video_matroska import TagName

from ...service.errors import ServiceError
from ...service.http import Caller, DeniedError
from ..streams import Stream
from .fragments import MediaFragment, own_tags

_SUBJECT = "Kinesis Video Streams Notification"

_logger = logging.getLogger(__name__)


def notify(stream: Stream, fragment: MediaFragment, producer: Caller) -> None:
    """Publish that a fragment is persisted, if its producer and the stream's configuration ask for it."""
    tagged = [tags for tags in fragment.media.tags if TagName.NOTIFICATION in tags]
    configuration = stream.notification
    if not tagged or configuration is None or configuration["Status"] != "ENABLED":
        return
    message = {
        "StreamArn": stream.arn,
        "FragmentNumber": fragment.number,
        "FragmentStartProducerTimestamp": fragment.producer_timestamp,
        "FragmentStartServerTimestamp": fragment.server_timestamp,
        "NotificationType": "PERSISTED",
        "NotificationPayload": own_tags(tagged),
    }
    try:
        producer.publish(configuration["DestinationConfig"]["Uri"], _SUBJECT, json.dumps(message))
    except (DeniedError, ServiceError) as error:
        # AWS reports it nowhere; here the log has a line.
        _logger.warning("no notification of fragment %s: %s", fragment.number, error)
