"""The warning for a configuration without a producer that has the permissions."""

from __future__ import annotations

from collections.abc import Callable

import jsii
from aws_cdk import Annotations, Aspects, IAspect
from constructs import Construct, IConstruct

NO_PRODUCER = "cdk-kinesis-video:no-uploader"


@jsii.implements(IAspect)
class _AtSynth:
    def __init__(self, construct: Construct, action: Callable[[], None]) -> None:
        self._construct = construct
        self._action = action

    def visit(self, node: IConstruct) -> None:
        if node is self._construct:
            self._action()


def at_synth(construct: Construct, action: Callable[[], None]) -> None:
    """Do something when the whole tree is known."""
    Aspects.of(construct).add(_AtSynth(construct, action))


class Warnings(Construct):
    """Warns at synth, when every grant has been made: adding and removing a warning for each takes four round trips.

    It is a node of its own in the tree, without children, so the CDK visits nothing else.
    """

    def __init__(self, scope: Construct) -> None:
        super().__init__(scope, "Warnings")
        self._without_producer: dict[Construct, None] = {}
        at_synth(self, self.tell)

    def expect_producer(self, configuration: Construct) -> None:
        """Warn of this configuration unless a producer is found."""
        self._without_producer[configuration] = None

    def found_producer(self, configuration: Construct) -> None:
        """Don't warn of this configuration."""
        self._without_producer.pop(configuration, None)

    def tell(self) -> None:
        """Warn, once however often the app is synthesised."""
        while self._without_producer:
            configuration, _ = self._without_producer.popitem()
            Annotations.of(configuration).add_warning_v2(
                NO_PRODUCER,
                "no producer is allowed to deliver: Kinesis Video Streams delivers with the producer's permissions, "
                "and without them it delivers nothing and reports no error; call grant_put_media() with the producer's "
                "role, or acknowledge this warning if its permissions are declared elsewhere",
            )
