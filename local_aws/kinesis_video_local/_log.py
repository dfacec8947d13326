"""Filters of the log: the ends of connections, and unprintable characters in untrusted text."""

from __future__ import annotations

import logging
import ssl
import traceback
from typing import Any

from kinesis_video_configuration import printable

_LOGGERS = ("asyncio", "hypercorn.error")
# asyncio logs this for each write to a client that has disconnected.
_MESSAGES = ("SSL connection is closed", "socket.send() raised exception.")


def install() -> None:
    """Leave out lost connections, which are usual with TLS, and escape unprintable characters.

    A name or a key can then neither clear a terminal nor forge a line of the log.
    """
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_is_news)
    logging.setLogRecordFactory(_PrintableRecord)


class _PrintableRecord(logging.LogRecord):
    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        if self.exc_info and self.exc_info[0]:
            # A formatter uses this text if it is set. It is indented, so that none of it passes for a line of the log.
            lines = "".join(traceback.format_exception(*self.exc_info)).splitlines()
            self.exc_text = "\n".join(f"  {printable(line)}" for line in lines)

    def getMessage(self) -> str:  # noqa: N802  # logging names it so
        return printable(super().getMessage())


def _is_news(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return record.getMessage() not in _MESSAGES and not (error and _is_end_of_connection(error))


def _is_end_of_connection(error: BaseException) -> bool:
    # A shutdown that nobody answers is the only thing here that takes too long.
    if isinstance(error, ConnectionError | ssl.SSLError | TimeoutError):
        return True
    # In Python 3.11 a TLS connection that is closed has no protocol any more when something is written to it.
    frames = traceback.extract_tb(error.__traceback__, limit=-1)
    return isinstance(error, AttributeError) and bool(frames) and frames[0].filename.endswith("sslproto.py")
