"""Runs an AWS on this machine until Ctrl-C: ``python -m kinesis_video_local [--port N]``."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys

from .server import LocalAws


def main() -> None:
    """Start, print the variables to set, and wait for Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m kinesis_video_local", description="An AWS on this machine.")
    parser.add_argument("--port", type=int, default=4566, help="the port on 127.0.0.1 (default: %(default)s)")
    parser.add_argument("--region", default="us-east-1", help="the Region (default: %(default)s)")
    parser.add_argument("--enforce-iam", action="store_true", help="check IAM policies")
    parser.add_argument("--tls", action="store_true", help="listen with TLS as well, on another port")
    arguments = parser.parse_args()

    # Before the start, so that a signal during it also leaves nothing behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        with LocalAws(
            port=arguments.port, region=arguments.region, enforce_iam=arguments.enforce_iam, tls=arguments.tls
        ) as aws:
            for name, value in {**aws.environment, **aws.producer_environment}.items():
                print(f"export {name}={shlex.quote(value)}")
            print("# Ctrl-C stops it", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
