from __future__ import annotations

from collections.abc import Iterator

import pytest

from kinesis_video_local import LocalAws

from .site import Site


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with (
        pytest.MonkeyPatch.context() as environment,
        LocalAws(enforce_iam=True, quotas=False, creating_seconds=0) as aws,
    ):
        for name, value in aws.environment.items():
            environment.setenv(name, value)
        site = Site(aws)
        site.build()
        yield site
