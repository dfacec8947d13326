"""What the configurations of a stream share: one custom resource for each, identified by the stream and the kind."""

from .base import StreamConfiguration
from .identity import Target, is_claimed
from .kinds import FRAGMENT_NOTIFICATION, IMAGE_GENERATION
from .provider import ConfigurationFunction

__all__ = [
    "FRAGMENT_NOTIFICATION",
    "IMAGE_GENERATION",
    "ConfigurationFunction",
    "StreamConfiguration",
    "Target",
    "is_claimed",
]
