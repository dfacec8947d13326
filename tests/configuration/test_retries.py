"""Which calls are repeated, and when. tests/handler/faults.csv has the outcome in each event."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker

from kinesis_video_configuration import Deadline, timing
from kinesis_video_configuration.retries import DENIED, THROTTLED_OR_BUSY, CallError, Retries, pages

PASSING = {
    # botocore collects the names of all services, and has no public name for its collections.
    *ThrottledRetryableChecker._THROTTLED_ERROR_CODES,  # type: ignore[attr-defined]
    *TransientRetryableChecker._TRANSIENT_ERROR_CODES,  # type: ignore[attr-defined]
    # https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/API_Operations_Amazon_Kinesis_Video_Streams.html
    "ClientLimitExceededException",
    "ConnectionLimitExceededException",
    "ResourceInUseException",
}
REFUSED = {
    # https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/CommonErrors.html, and the names of other services
    "AccessDeniedException",
    "InvalidClientTokenId",
    "NotAuthorized",
    "AccessDenied",
    "AuthorizationError",
    "InvalidClientTokenIdException",
    "NotAuthorizedException",
    "UnauthorizedOperation",
    "UnrecognizedClientException",
}


def failed(code: str, status: int) -> CallError:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return CallError.of("PutObject", ClientError(response, "PutObject"))


def raising(*errors: CallError) -> Callable[[], str]:
    """Make a unit of work that fails with these errors in turn, then succeeds."""
    left = list(errors)

    def unit() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return unit


@pytest.mark.parametrize("code", sorted(PASSING | THROTTLED_OR_BUSY))
def test_an_error_of_this_name_passes_whatever_its_status_is(waits: list[float], code: str) -> None:
    assert Retries(Deadline(60), denied=Deadline(0)).repeat(raising(failed(code, 400))) == "done"


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_an_error_of_this_status_passes_whatever_its_name_is(status: int) -> None:
    assert failed("Unheard", status).passing


@pytest.mark.parametrize(
    ("code", "status"), [*((code, 400) for code in sorted(REFUSED | DENIED)), ("403", 403), ("Unheard", 401)]
)
def test_a_denial_is_known_by_its_name_or_its_status(code: str, status: int) -> None:
    error = failed(code, status)
    assert error.denied
    assert not error.passing


@pytest.mark.parametrize(
    ("of_page", "of_request"),
    [("NextToken", "NextToken"), ("NextContinuationToken", "ContinuationToken"), ("NextMarker", "Marker")],
)
def test_all_pages_are_requested_whatever_a_service_calls_their_tokens(of_page: str, of_request: str) -> None:
    requests: list[dict[str, str]] = []

    def ask(**parameters: str) -> dict[str, str]:
        requests.append(parameters)
        return {of_page: f"after {len(requests)}"} if len(requests) < 3 else {of_page: ""}

    assert len(list(pages(ask, Prefix="a"))) == 3
    assert [request.get(of_request) for request in requests] == [None, "after 1", "after 2"]
    assert {request["Prefix"] for request in requests} == {"a"}


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr(timing, "now", lambda: sum(waited))
    monkeypatch.setattr(timing, "sleep", waited.append)
    return waited


@pytest.fixture
def longest(waits: list[float], monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits, each of which takes its whole span."""
    monkeypatch.setattr(random, "uniform", lambda shortest, longest: longest)
    return waits


def throttled() -> None:
    raise CallError("DescribeStream", "ClientLimitExceededException", "slow down", passing=True)


def denied() -> None:
    raise CallError("DescribeStream", "AccessDeniedException", "not yet")


def test_the_waits_are_spread_over_all_of_a_growing_span(waits: list[float]) -> None:
    random.seed(4)
    for _ in range(200):
        with pytest.raises(CallError):
            Retries(Deadline(60)).repeat(throttled)
    # Callers that were throttled together must not come back together: no part of a wait is fixed.
    assert min(waits) < 0.02
    assert timing.LONGEST_WAIT_SECONDS * 0.98 < max(waits) <= timing.LONGEST_WAIT_SECONDS
    assert len(set(waits)) == len(waits)
    average = sum(waits) / len(waits)
    assert timing.LONGEST_WAIT_SECONDS * 0.25 < average < timing.LONGEST_WAIT_SECONDS * 0.6


def test_the_span_doubles_up_to_the_longest(longest: list[float]) -> None:
    with pytest.raises(CallError):
        Retries(Deadline(40)).repeat(throttled)
    assert longest[:8] == [0.25, 0.5, 1, 2, 4, 5, 5, 5]


def test_no_wait_and_no_call_outlives_the_deadline(longest: list[float]) -> None:
    for calls in (1, 2):
        longest.clear()
        with pytest.raises(CallError):
            Retries(Deadline(40)).repeat(throttled, calls=calls)
        last_start = sum(longest)
        assert last_start + calls * timing.CALL_SECONDS < 40 <= last_start + 5 + calls * timing.CALL_SECONDS


def test_the_last_failure_is_told_with_the_number_of_calls_and_the_time(longest: list[float]) -> None:
    longest.append(1000)  # before it
    with pytest.raises(CallError) as raised:
        Retries(Deadline(12)).repeat(throttled)
    assert str(raised.value) == "DescribeStream: ClientLimitExceededException: slow down (call 5, after 4 s)"
    assert raised.value.code == "ClientLimitExceededException"
    longest.clear()
    with pytest.raises(CallError) as raised:
        Retries(Deadline(8)).repeat(throttled)
    assert str(raised.value) == "DescribeStream: ClientLimitExceededException: slow down"


def test_a_long_message_keeps_its_end() -> None:
    error = CallError("DescribeStream", "X", "y" * 1000 + " the end")
    assert str(error).endswith("yyy the end")
    assert len(str(error)) == len("DescribeStream: X: ") + 499


def test_one_lost_reply_is_enough_not_to_know_the_outcome(waits: list[float]) -> None:
    lost = CallError("UpdateX", "ReadTimeoutError", "lost", passing=True, outcome_unknown=True)
    with pytest.raises(CallError) as raised:
        Retries(Deadline(60)).repeat(raising(lost, CallError("UpdateX", "InvalidArgumentException", "no")))
    assert raised.value.outcome_unknown is True
    assert str(raised.value).startswith("UpdateX: InvalidArgumentException: no (call 2, after ")


def test_denied_access_is_waited_for_as_long_as_iam_may_take(longest: list[float]) -> None:
    with pytest.raises(CallError):
        Retries(Deadline(500)).repeat(denied)
    assert timing.ACCESS_DENIED_SECONDS - timing.LONGEST_WAIT_SECONDS <= sum(longest) < timing.ACCESS_DENIED_SECONDS


def test_a_wait_that_leaves_no_time_is_not_begun(longest: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CallError):
        Retries(Deadline(timing.CALL_SECONDS + timing.FIRST_WAIT_SECONDS)).repeat(throttled)
    monkeypatch.setattr(timing, "ACCESS_DENIED_SECONDS", timing.FIRST_WAIT_SECONDS)
    with pytest.raises(CallError):
        Retries(Deadline(500)).repeat(denied)
    assert longest == []
