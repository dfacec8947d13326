"""A run leaves nothing behind, wherever it is interrupted."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from acceptance import STACK, checks
from acceptance.run import Check, Finding, Findings, run
from acceptance.site import Site

from .conftest import Account

# After which call each check is interrupted: one that it has something open or changed at.
INTERRUPTED_AFTER: dict[Check, str] = {
    checks.an_image_arrives: "HeadObject",
    checks.the_sampling_interval: "ListObjectsV2",
    checks.the_fragment_of_a_tag: "AssumeRole",
    checks.the_limit_of_ten_tags: "AssumeRole",
    checks.unusual_bodies: "ListObjectsV2",
    checks.open_groups_of_pictures: "ListObjectsV2",
    checks.what_describe_returns: "UpdateImageGenerationConfiguration",
    checks.a_stale_describe: "DescribeImageGenerationConfiguration",
    checks.destinations: "UpdateImageGenerationConfiguration",
    checks.refused_configurations: "UpdateImageGenerationConfiguration",
    checks.a_configuration_in_an_open_session: "ListObjectsV2",
    checks.permissions_in_an_open_session: "PutRolePolicy",
    checks.a_new_permission: "PutRolePolicy",
    checks.the_function_starts: "FilterLogEvents",
    checks.what_describe_stream_leaves_out: "DescribeStream",
    checks.a_stream_without_retention: "UpdateDataRetention",
    checks.what_cloudtrail_records: "LookupEvents",
}


class Interruption:
    """Sends this process a signal after the first call of an operation, once it is armed."""

    def __init__(self) -> None:
        self.operation = ""
        self.happened = 0

    def called(self, model: Any, **_: object) -> None:
        if model.name == self.operation:
            self.operation = ""
            self.happened += 1
            signal.raise_signal(signal.SIGINT)


@pytest.fixture
def interruption(account: Account) -> Iterator[Interruption]:
    interruption = Interruption()
    account.session.events.register("after-call", interruption.called)
    yield interruption
    account.session.events.unregister("after-call", interruption.called)


def ignore(_: object) -> None:
    pass


def interrupted(
    account: Account,
    *the_checks: Check,
    deploy: Callable[[], None] | None = None,
    on_step: Callable[[str], None] = ignore,
) -> None:
    deploy = deploy or account.deploy
    with pytest.raises(KeyboardInterrupt):
        run(account.session, deploy, the_checks, patience=30, on_step=on_step, on_finding=ignore)


@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.__name__)
def test_in_a_check(check: Check, account: Account, interruption: Interruption) -> None:
    before = account.contents()

    def arm(step: str) -> None:
        if step == check.__name__.replace("_", " "):
            assert account.contents() > before
            interruption.operation = INTERRUPTED_AFTER[check]

    interrupted(account, check, on_step=arm)

    assert interruption.happened == 1
    assert account.contents() == before


@pytest.mark.parametrize(
    ("begun", "number"),
    [
        ("remove the rest of an earlier run", signal.SIGINT),
        ("deploy", signal.SIGTERM),
        ("wait for the producers' roles", signal.SIGHUP),
    ],
)
def test_at_the_start_of_a_step(begun: str, number: int, account: Account) -> None:
    before = account.contents()

    def interrupt(step: str) -> None:
        if step == begun:
            signal.raise_signal(number)

    interrupted(account, on_step=interrupt)

    assert account.contents() == before


def test_while_the_stack_is_being_created(account: Account) -> None:
    before = account.contents()

    def deploy() -> None:
        account.cloud.start(STACK, account.template)
        assert account.cloud.status(STACK) == "CREATE_IN_PROGRESS"
        signal.raise_signal(signal.SIGINT)

    interrupted(account, deploy=deploy)

    assert account.contents() == before


def test_while_what_an_earlier_run_has_left_is_removed(account: Account, interruption: Interruption) -> None:
    before = account.contents()
    account.deploy()
    interruption.operation = "DeleteStack"

    interrupted(account)

    assert account.contents() == before


@pytest.mark.parametrize("operation", ["DeleteObjects", "DeleteStack"])
def test_the_removal_goes_on(operation: str, account: Account, interruption: Interruption) -> None:
    before = account.contents()
    found: list[Finding] = []

    def put(site: Site) -> Findings:
        site.s3.put_object(Bucket=site.bucket, Key="image")
        yield Finding("an object is there", "yes")

    def arm(step: str) -> None:
        if step.startswith("remove everything"):
            interruption.operation = operation

    handler = signal.getsignal(signal.SIGINT)
    run(account.session, account.deploy, [put], patience=30, on_step=arm, on_finding=found.append)

    assert interruption.happened == 1
    assert found == [Finding("an object is there", "yes")]
    assert account.contents() == before
    assert signal.getsignal(signal.SIGINT) is handler
