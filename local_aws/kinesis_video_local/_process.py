"""The process that a LocalAws starts: ministack with Kinesis Video Streams, on a given socket."""

from __future__ import annotations

import argparse
import asyncio
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
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", type=int, required=True)
    parser.add_argument("--endpoint-url", required=True)
    parser.add_argument("--tls-socket", type=int)
    parser.add_argument("--tls-endpoint-url")
    parser.add_argument("--certificate", help="file of the host's key and certificate, for TLS")
    parser.add_argument("--creating-seconds", type=float, required=True)
    parser.add_argument("--stale-seconds", type=float, required=True)
    parser.add_argument("--no-quotas", action="store_true")
    parser.add_argument("--event-pairs-uncounted", action="store_true")
    parser.add_argument("--allow-origin", action="append", default=[])
    arguments = parser.parse_args()

    threading.Thread(target=_end_with_parent, daemon=True).start()
    kinesis_video = KinesisVideo(
        endpoint_urls={"http": arguments.endpoint_url, "https": arguments.tls_endpoint_url},
        record=_ministack.record_metric,
        audit=_ministack.record_call,
        quotas=not arguments.no_quotas,
        count_event_pairs=not arguments.event_pairs_uncounted,
        creating_seconds=arguments.creating_seconds,
        stale_seconds=arguments.stale_seconds,
    )
    _ministack.install(kinesis_video)
    _log.install()
    config = Config()
    plain = [f"fd://{arguments.socket}"]
    if arguments.certificate:
        config.bind, config.insecure_bind = [f"fd://{arguments.tls_socket}"], plain
        config.certfile = config.keyfile = arguments.certificate
        # AWS's C producer signs the headers `connection` and `transfer-encoding`, which HTTP/2 doesn't have.
        config.alpn_protocols = ["http/1.1"]
    else:
        config.bind = plain
    # ministack's own setting, which is longer than the CDK CLI's pauses between calls.
    config.keep_alive_timeout = 75
    # Functions inherit the rest of the environment.
    control_key = os.environ.pop("LOCAL_AWS_CONTROL_KEY", None)
    asyncio.run(serve(FrontDoor(Gateway(kinesis_video.services), arguments.allow_origin, control_key), config))


if __name__ == "__main__":
    main()
