"""Returns an answer in time, whatever the work is doing."""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread

from kinesis_video_configuration import Deadline

from .gate import Gate
from .protocol import Answer


def answer_in_time(work: Callable[[], Answer], deadline: Deadline) -> Answer:
    """Do the work in a second thread, and return at the deadline at the latest.

    Only a thread can abandon a call that blocks in C code, such as a DNS look-up. Abandoned work sends nothing any
    more, even if Lambda thaws it for another event.

    Raises
    ------
    TimeoutError
        If the deadline came first.
    """
    outcome: SimpleQueue[Answer | BaseException] = SimpleQueue()
    gate = Gate(deadline)

    def run() -> None:
        try:
            outcome.put(gate.run(work))
        except BaseException as error:  # nothing may end the thread without an outcome
            outcome.put(error)

    Thread(target=run, name="work", daemon=True).start()
    try:
        result = outcome.get(timeout=deadline.remaining())
    except Empty:
        raise TimeoutError("no answer from AWS in the time that the function has") from None
    finally:
        gate.close()
    if isinstance(result, BaseException):
        raise result
    return result
