from __future__ import annotations

import json
import time
from collections.abc import Iterator
from importlib.resources import files

import pytest
from botocore.loaders import create_loader

from kinesis_video_local import LocalAws

from .breakages import another_stream, configured_earlier
from .site import Site

SCHEMA = json.loads((files("kinesis_video_doctor") / "diagnosis.schema.json").read_text())


@pytest.fixture(scope="package")
def site() -> Iterator[Site]:
    with (
        pytest.MonkeyPatch.context() as environment,
        LocalAws(enforce_iam=True, quotas=False, creating_seconds=0) as aws,
    ):
        for name, value in aws.environment.items():
            environment.setenv(name, value)
        for name in "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE":
            environment.setenv(name, "/dev/null")
        environment.delenv("AWS_PROFILE", raising=False)
        # Each session would read the services' models anew.
        loader = create_loader()
        environment.setattr("botocore.session.create_loader", lambda _path=None: loader)
        site = Site(aws)
        site.build()
        yield site
        site.doctor.close()


@pytest.fixture(autouse=True)
def _repeats_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeat calls a few times only: what fails here fails for good."""
    monkeypatch.setattr("kinesis_video_doctor.calls.REPEAT_SECONDS", 0.3)


@pytest.fixture(autouse=True)
def refreshed(request: pytest.FixtureRequest) -> None:
    """Let video of the last minutes be there before anything breaks."""
    if "site" in request.fixturenames:
        site = request.getfixturevalue("site")
        site.refresh()
        site.since = time.time() - 1


@pytest.fixture
def stream(site: Site, request: pytest.FixtureRequest) -> Iterator[str]:
    """A stream of the test's own, configured ten minutes before."""
    name = request.node.name.partition("[")[0][-60:].replace("_", "-")
    with another_stream(site, name), configured_earlier(site):
        yield name
