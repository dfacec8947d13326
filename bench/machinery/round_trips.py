"""Counts the requests to the Node.js process that CDK runs in: they are most of what declaring a construct takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import jsii


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
