"""typed_app.py calls every method and synthesises; `make oldest` runs this with the oldest aws-cdk-lib."""

from __future__ import annotations

import inspect
import runpy
from collections.abc import Iterator

import cdk_kinesis_video
from cdk_kinesis_video import VideoStream

from .conftest import ROOT

TYPED_APP = ROOT / "tests" / "apps" / "typed_app.py"
# CDK calls those of a mixin, and one named metric shows all.
CALLED_BY_CDK = {"apply_to", "supports"}
NAMED_METRICS = {name for name in dir(VideoStream) if name.startswith("metric_")}


def public_methods() -> Iterator[str]:
    for exported in cdk_kinesis_video.__all__:
        cls = getattr(cdk_kinesis_video, exported)
        for name in dir(cls):
            method = inspect.getattr_static(cls, name)
            function = getattr(method, "__func__", method)
            if inspect.isfunction(function) and function.__module__.startswith("cdk_kinesis_video") and name[0] != "_":
                yield name


def test_it_calls_every_method() -> None:
    text = TYPED_APP.read_text()
    methods = {*public_methods()} - CALLED_BY_CDK - NAMED_METRICS
    assert sorted(name for name in methods if f".{name}(" not in text) == []


def test_it_synthesises() -> None:
    app = runpy.run_path(str(TYPED_APP))["app"]
    assert [stack.stack_name for stack in app.synth().stacks] == ["Other", "Typed"]
