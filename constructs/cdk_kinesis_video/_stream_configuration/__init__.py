"""Code shared by a stream's configurations: each is one custom resource, identified by the stream and the kind."""

from .base import DELETION_POLICIES, StreamConfiguration, check_lifecycle
from .declared import Declared
from .identity import Target, is_claimed
from .names import Names, names_in
from .provider import ConfigurationFunction, provider_of
from .warnings import Warnings, at_synth

__all__ = [
    "DELETION_POLICIES",
    "ConfigurationFunction",
    "Declared",
    "Names",
    "StreamConfiguration",
    "Target",
    "Warnings",
    "at_synth",
    "check_lifecycle",
    "is_claimed",
    "names_in",
    "provider_of",
]
