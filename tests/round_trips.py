"""Counts the requests to the Node.js process that CDK runs in: they are most of what declaring a construct takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import mkdtemp
from typing import Any
from unittest.mock import patch

import jsii
from aws_cdk import App, Stack

from bench.peers import Declared, cameras_of

_FURTHER = 10


@contextmanager
def counted() -> Iterator[list[object]]:
    """Collect the requests of the `with` block."""
    provider: Any = jsii._runtime.kernel.provider
    process = provider._process
    requests: list[object] = []
    send = process.send

    def counting(request: object, *arguments: Any) -> Any:
        requests.append(request)
        return send(request, *arguments)

    with patch.object(process, "send", counting):
        yield requests


def per_further_stream(tool: str, declared: Declared | None = None) -> float:
    """Count the round trips for a further stream."""
    few, many = (_round_trips(tool, count, declared or Declared()) for count in (1, 1 + _FURTHER))
    return (many - few) / _FURTHER


def _round_trips(tool: str, count: int, declared: Declared) -> int:
    app = App(outdir=mkdtemp(), context={"@aws-cdk/core:stackResourceLimit": 0})
    stack = Stack(app, "Cameras")
    with counted() as requests:
        cameras_of(tool)(stack, count, declared)
        # A warning is told at synth, unless somebody may deliver by then.
        app.synth()
    return len(requests)
