"""The calls of the checks: each knows which permission it needs, and says what is missing if it is refused."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Generic, Self, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from kinesis_video_configuration import Deadline, timing
from kinesis_video_configuration.retries import DENIED, CallError, Retries

S = TypeVar("S")
T = TypeVar("T")

RUN_SECONDS = 100
"""How long the calls for one stream may take together."""
CALL_SECONDS = 18
"""How long one call may take with its repetitions; a service that has not answered by then isn't asked again.

If none answers, three are waited for one after the other, and the command ends within a minute.
"""

REPEAT_SECONDS = 5
"""How long a call is repeated. A person waits, and a missing permission is an answer, so denials aren't waited for."""

# HeadBucket and HeadObject have no body that names an error, so botocore names it after the HTTP status.
_REFUSED = DENIED | {"403", "Forbidden"}
_BLOCKED = "check whether a proxy or the network blocks it"


class UndecidedError(Exception):
    """A check can't be decided; every function that reads from AWS can raise it.

    `seen` is the reason, `fix` the missing permission or option.
    """

    def __init__(self, seen: str, fix: str = "") -> None:
        super().__init__(seen)
        self.seen = seen
        self.fix = fix

    @classmethod
    def of(cls, error: Exception) -> UndecidedError:
        """Convert any error: an error of the doctor itself decides nothing either."""
        if isinstance(error, UndecidedError):
            return error
        if isinstance(error, KeyError):
            return cls(f"the answer of a service lacks {error}", "run it again")
        if isinstance(error, json.JSONDecodeError):
            return cls(f"a service's answer is not JSON: {error.doc[:40]!r}", "run it again")
        return cls(
            f"the check itself failed: {type(error).__name__}: {error}", "report it to this library with this line"
        )


def if_known(ask: Callable[[], T], otherwise: T) -> T:
    """Return an answer, or something else if it can't be decided."""
    try:
        return ask()
    except UndecidedError:
        return otherwise


def ask_each(ask: Callable[[S], T], subjects: Iterable[S]) -> tuple[list[T], UndecidedError | None]:
    """Return all answers that there are, and the reason for the first one that is missing."""
    answers: list[T] = []
    undecided: UndecidedError | None = None
    for subject in subjects:
        try:
            answers.append(ask(subject))
        except UndecidedError as error:
            undecided = undecided or error
    return answers, undecided


class DependsError(UndecidedError):
    """A check depends on the producer's own request. If no image arrives, this explains it."""


class RefusedError(UndecidedError):
    """The caller lacks a permission; `headers` are those of the service's answer."""

    def __init__(self, seen: str, fix: str, headers: Mapping[str, str]) -> None:
        super().__init__(seen, fix)
        self.headers = headers


class Fact(Generic[T]):
    """A property that is requested once, whether the request succeeds or not.

    All checks judge the same answer, and DescribeStream takes 5 calls a second.
    """

    def __init__(self, ask: Callable[[Any], T]) -> None:
        self._ask = ask
        self.__doc__ = ask.__doc__

    def __get__(self, subject: Any, owner: type | None = None) -> T:
        """Ask, or return the earlier answer."""
        answers = subject.__dict__.setdefault("_answers", {})
        if self not in answers:
            try:
                answers[self] = (self._ask(subject), None)
            except Exception as error:
                answers[self] = (None, UndecidedError.of(error))
        value, undecided = answers[self]
        if undecided:
            raise undecided
        return value  # type: ignore[no-any-return]  # the answers are of all types


class Calls:
    """The calls of one session: they may take `seconds` together, by default `RUN_SECONDS`."""

    def __init__(self, session: boto3.Session, *, seconds: float | None = None) -> None:
        self.session = session
        self._seconds = RUN_SECONDS if seconds is None else seconds
        self._end = time.monotonic() + self._seconds
        self._clients: dict[tuple[str, str | None], Any] = {}
        self._silent: dict[str, str] = {}
        self._date: tuple[datetime, float] | None = None

    @property
    def now(self) -> datetime:
        """The time by the services' clock: the date of an answer, plus the time since then.

        The clock of this machine may be wrong, and then old video looks new.
        """
        if self._date is None:
            raise UndecidedError("the time isn't known: no service has answered with a date")
        date, at = self._date
        return date + timedelta(seconds=time.monotonic() - at)

    def client(self, service: str, endpoint_url: str | None = None) -> Any:
        """Return the client of a service."""
        if (service, endpoint_url) not in self._clients:
            config = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 1})
            client: Any = self.session.client(
                service,  # type: ignore[call-overload]  # any service
                endpoint_url=endpoint_url,
                config=config,
            )
            client.meta.events.register("after-call", _require_answer, unique_id="kinesis-video-doctor")
            self._clients[service, endpoint_url] = client
        return self._clients[service, endpoint_url]

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the connections."""
        for client in list(self._clients.values()):
            client.close()

    def __call__(
        self,
        permission: str,
        operation: str,
        *,
        absent: tuple[str, ...] = (),
        service: str = "",
        endpoint_url: str | None = None,
        **parameters: Any,
    ) -> Any:
        """Make a call that needs a permission such as ``s3:ListBucket``, whose service is the default one.

        Returns
        -------
        The answer, with each stream in it read to its end; None if the service answers with an error code of `absent`.
        """
        service = service or permission.partition(":")[0]

        def call() -> Any:
            client = self.client(service, endpoint_url)
            retries = Retries(Deadline(REPEAT_SECONDS + timing.CALL_SECONDS), denied=Deadline(0))
            return retries.call(client, operation, **parameters)

        try:
            answer = self._in_time(service, permission, call)
        except UndecidedError:
            raise
        except Exception as error:
            cause = (isinstance(error, CallError) and error.__cause__) or error
            if isinstance(error, CallError) and isinstance(cause, ClientError):
                self._note_date(service, cause.response)
                if error.code in absent:
                    return None
                if error.code in _REFUSED:
                    message = cause.response["Error"].get("Message", error.code)
                    headers = cause.response["ResponseMetadata"].get("HTTPHeaders", {})
                    seen = f"{permission} is refused: {message}"
                    raise RefusedError(seen, f"allow the caller {permission}", headers) from cause
                raise UndecidedError(str(cause), "run it again") from cause
            problem = f"{permission} can't be asked: {cause}"
            if isinstance(error, CallError):
                self._silent[service] = problem
            raise UndecidedError(problem, _BLOCKED) from cause
        self._note_date(service, answer)
        return answer

    def while_time(self, items: Iterable[T]) -> Iterator[T]:
        """Yield items for as long as there is time."""
        for item in items:
            self._require_time()
            yield item

    def _require_time(self) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise UndecidedError(f"the {self._seconds:g} s for this stream were over", "run it again")
        return left

    def _in_time(self, service: str, permission: str, call: Callable[[], T]) -> T:
        """Make a call in a thread: nothing else can end a slow DNS lookup or a slow response."""
        if service in self._silent:
            raise UndecidedError(self._silent[service], _BLOCKED)
        seconds = min(self._require_time(), CALL_SECONDS)
        answers: SimpleQueue[tuple[T | None, Exception | None]] = SimpleQueue()

        def run() -> None:
            try:
                answers.put((call(), None))
            except Exception as error:
                answers.put((None, error))

        Thread(target=run, daemon=True).start()
        try:
            answer, error = answers.get(timeout=seconds)
        except Empty:
            self._silent[service] = f"{permission} was not answered in {seconds:.0f} s"
            raise UndecidedError(self._silent[service], f"{_BLOCKED}, and run it again") from None
        if error:
            raise error
        return answer  # type: ignore[return-value]  # there is an answer if there is no error

    def _note_date(self, service: str, answer: Mapping[str, Any]) -> None:
        # Prefer the date of the service that dates the fragments.
        if self._date and not service.startswith("kinesis"):
            return
        text = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        try:
            date = parsedate_to_datetime(text)
        except (TypeError, ValueError):
            return
        self._date = (date if date.tzinfo else date.replace(tzinfo=UTC)), time.monotonic()


def utc(time: datetime) -> str:
    """Write a time, which botocore gives in this machine's time zone."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _require_answer(http_response: Any, model: Any, **_: Any) -> None:
    """Refuse a body that isn't the service's: botocore reads an empty body or HTML as an empty answer."""
    # A stub has no body.
    if http_response.status_code != 200 or http_response.raw is None or model.has_streaming_output:
        return
    text = http_response.content.decode(errors="replace").strip()
    protocol: str = model.service_model.metadata["protocol"]
    is_markup = text.startswith("<")
    if "json" in protocol:
        try:
            good = isinstance(json.loads(text), dict)
        except ValueError:
            good = False
    elif "xml" not in protocol and protocol != "query":
        good = bool(text) and not is_markup
    elif model.http["method"] == "HEAD" or _has_text(model.output_shape):
        good = not is_markup
    else:
        good = is_markup and "<html" not in text[:1000].lower()
    if not good:
        raise UndecidedError(
            f"{model.name} was answered with {text[:40]!r}, which is not an answer of the service"
            if text
            else f"{model.name} was answered with nothing",
            _BLOCKED,
        )


def _has_text(shape: Any) -> bool:
    """Return whether the body of an answer is one text, such as a policy."""
    payload = shape.serialization.get("payload") if shape else None
    return bool(payload) and shape.members[payload].type_name != "structure"
