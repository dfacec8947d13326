"""The process that a LocalAws starts: ministack with Kinesis Video Streams, on a given socket."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import threading

from hypercorn.asyncio import serve
from hypercorn.config import Config

from . import _log, _ministack
from ._front_door import FrontDoor
from ._gateway import Gateway
from .kinesisvideo import KinesisVideo


def _end_with_parent() -> None:
    # The parent holds the other end and never writes, so this returns when it closes that end or dies.
    sys.stdin.buffer.read()
    shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)
    # The process group contains this process and its Lambda workers.
    os.kill(0, signal.SIGKILL)


def main() -> None:
    """Serve until the parent closes its end of this process's standard input."""
    options = json.loads(sys.argv[1])
    threading.Thread(target=_end_with_parent, daemon=True).start()
    kinesis_video = KinesisVideo(
        record=_ministack.record_metric, audit=_ministack.record_call, **options["kinesis_video"]
    )
    _ministack.install(kinesis_video)
    _log.install()
    config = Config()
    plain = [f"fd://{options['socket']}"]
    if tls := options["tls"]:
        config.bind, config.insecure_bind = [f"fd://{tls['socket']}"], plain
        config.certfile = config.keyfile = tls["certificate"]
        # AWS's C producer signs the headers `connection` and `transfer-encoding`, which HTTP/2 doesn't have.
        config.alpn_protocols = ["http/1.1"]
    else:
        config.bind = plain
    # ministack's own setting, which is longer than the CDK CLI's pauses between calls.
    config.keep_alive_timeout = 75
    # Functions inherit the rest of the environment.
    control_key = os.environ.pop("LOCAL_AWS_CONTROL_KEY", None)
    asyncio.run(serve(FrontDoor(Gateway(kinesis_video.services), options["allowed_origins"], control_key), config))


if __name__ == "__main__":
    main()
