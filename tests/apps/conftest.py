"""The apps of this repository, run as their users run them."""

from __future__ import annotations

import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(ROOT.glob("examples/*.py"))
APPS = [ROOT / "app.py", *EXAMPLES, ROOT / "examples" / "starter" / "app.py"]


def app_of(path: Path, monkeypatch: pytest.MonkeyPatch, context: Mapping[str, Any] | None = None) -> App:
    """Run a file up to its synthesis, and return its app."""
    with monkeypatch.context() as patch:
        patch.setattr(App, "synth", lambda self: None)
        patch.setattr(App, "__init__", with_context(context or {}))
        app = runpy.run_path(str(path))["app"]
    assert isinstance(app, App)
    return app


def with_context(context: Mapping[str, Any]) -> Any:
    plain = App.__init__

    def init(self: App, **props: Any) -> None:
        plain(self, **props, context=dict(context))

    return init
