"""AWS CDK's provider framework with a small boto3 handler.

Written after the README of aws-cdk-lib/custom-resources, "Provider Framework".
"""

from __future__ import annotations

from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import custom_resources as cr

from . import Declared, _function

_CODE = Path(__file__).parent / "functions" / "provider_framework"


def cameras(stack: Stack, count: int, declared: Declared) -> None:
    code = lambda_.Code.from_asset(str(_CODE), exclude=["__pycache__"])
    on_event = _function.function_of(stack, "OnEvent", code)
    provider = cr.Provider(stack, "Provider", on_event_handler=on_event)
    _function.cameras(stack, count, declared, on_event, lambda: provider.service_token)
