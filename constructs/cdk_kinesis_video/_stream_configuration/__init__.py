"""What the configurations of a stream share: one custom resource for each, identified by the stream and the kind."""

from .base import DELETION_POLICIES, StreamConfiguration
from .identity import Target, is_claimed
from .kinds import FRAGMENT_NOTIFICATION, IMAGE_GENERATION
from .names import Names, names_in
from .provider import ConfigurationFunction
from .warnings import Warnings

__all__ = [
    "DELETION_POLICIES",
    "FRAGMENT_NOTIFICATION",
    "IMAGE_GENERATION",
    "ConfigurationFunction",
    "Names",
    "StreamConfiguration",
    "Target",
    "Warnings",
    "is_claimed",
    "names_in",
]
