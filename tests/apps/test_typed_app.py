"""typed_app.py calls every method and synthesises; `make oldest` runs this with the oldest aws-cdk-lib."""

from __future__ import annotations

import runpy
from collections import Counter

from ..infra.conftest import public_functions
from .conftest import ROOT

TYPED_APP = ROOT / "tests" / "apps" / "typed_app.py"


def test_it_calls_every_method() -> None:
    text = TYPED_APP.read_text()
    # CDK calls those of a mixin, and one named metric of a stream shows all.
    left_out = ("ImageDelivery.", "IVideoStream.", "VideoStream.metric_")
    classes = Counter(owner.partition(".")[2] for owner, _ in public_functions() if not owner.startswith(left_out))
    assert [name for name, count in classes.items() if name and text.count(f".{name}(") < count] == []


def test_it_synthesises() -> None:
    app = runpy.run_path(str(TYPED_APP))["app"]
    assert [stack.stack_name for stack in app.synth().stacks] == ["Other", "Typed"]
