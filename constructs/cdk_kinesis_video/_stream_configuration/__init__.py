"""What the configurations of a stream share: one custom resource for each, identified by the stream and the kind."""

from .base import StreamConfiguration
from .declared import Declared
from .identity import Target, is_claimed
from .kinds import FRAGMENT_NOTIFICATION, IMAGE_GENERATION
from .provider import ConfigurationFunction, provider_of
from .warnings import at_synth

__all__ = [
    "FRAGMENT_NOTIFICATION",
    "IMAGE_GENERATION",
    "ConfigurationFunction",
    "Declared",
    "StreamConfiguration",
    "Target",
    "at_synth",
    "is_claimed",
    "provider_of",
]
