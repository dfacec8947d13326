"""AWS CDK's provider framework with a small boto3 handler.

Written after the README of aws-cdk-lib/custom-resources, "Provider Framework".
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import custom_resources as cr

from . import _function

if TYPE_CHECKING:
    from . import Declared

_CODE = Path(__file__).parent / "functions" / "provider_framework"


def cameras(stack: Stack, count: int, declared: Declared) -> None:
    """Declare the streams and their images."""

    def token_of(on_event: lambda_.Function) -> Callable[[], str]:
        provider = cr.Provider(stack, "Provider", on_event_handler=on_event)
        return lambda: provider.service_token

    code = lambda_.Code.from_asset(str(_CODE), exclude=["__pycache__"])
    _function.cameras(stack, count, declared, "OnEvent", code, token_of)
