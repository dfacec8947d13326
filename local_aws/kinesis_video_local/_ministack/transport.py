"""Requests count as sent over TLS: plain HTTP on this machine stands for the TLS with which AWS is called.

Otherwise a bucket that takes TLS only, such as the CDK's own for assets, would refuse every request if IAM is enforced.
"""

from __future__ import annotations

from ministack import app
from ministack.core import iam_evaluator


def install() -> None:
    """Make ``aws:SecureTransport`` true for every request."""
    pin_request_origin = iam_evaluator.pin_request_origin
    for module in (app, iam_evaluator):
        module.pin_request_origin = lambda source_ip, secure_transport: pin_request_origin(source_ip, True)
