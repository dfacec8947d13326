"""The warning for a configuration that no producer has the permissions for."""

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
    """Run an action at synth, when the tree is complete."""
    Aspects.of(construct).add(_AtSynth(construct, action))


class Warnings(Construct):
    """Warns at synth, after all grants: to add a warning for each stream and to remove it would take four round trips.

    It is a node without children, so the CDK visits no other node for it.
    """

    def __init__(self, scope: Construct) -> None:
        super().__init__(scope, "Warnings")
        self._without_producer: dict[Construct, None] = {}
        at_synth(self, self.tell)

    def expect_producer(self, configuration: Construct) -> None:
        """Warn of this configuration unless `found_producer` is called.

        It is a node below the construct of the user: aws-cdk-lib 2.241 finds an acknowledgement only above the node
        that warns.
        """
        self._without_producer[configuration] = None

    def found_producer(self, configuration: Construct) -> None:
        self._without_producer.pop(configuration, None)

    def tell(self) -> None:
        """Add the warnings, once however often the app is synthesised."""
        while self._without_producer:
            configuration, _ = self._without_producer.popitem()
            Annotations.of(configuration).add_warning_v2(
                NO_PRODUCER,
                "no producer is allowed to deliver: Kinesis Video Streams delivers with the producer's permissions, "
                "and without them it delivers nothing and reports no error; call grant_put_media() with the producer's "
                "role, or acknowledge this warning if its permissions are declared elsewhere",
            )
