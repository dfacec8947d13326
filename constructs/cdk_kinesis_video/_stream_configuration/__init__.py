"""What the configurations of a stream share: one custom resource for each, identified by the stream and the kind."""

from .base import StreamConfiguration, check_configuration_props
from .identity import Target, is_claimed
from .kinds import FRAGMENT_NOTIFICATION, IMAGE_GENERATION

__all__ = [
    "FRAGMENT_NOTIFICATION",
    "IMAGE_GENERATION",
    "StreamConfiguration",
    "Target",
    "check_configuration_props",
    "is_claimed",
]
