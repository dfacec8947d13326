"""What the log leaves out: how connections end."""

from __future__ import annotations

import logging
import ssl

_LOGGERS = ("asyncio", "hypercorn.error")
# What asyncio says of each piece for a client that has gone away.
_MESSAGES = ("SSL connection is closed", "socket.send() raised exception.")


def install() -> None:
    """Leave out of the log the ends of connections that clients cut, or never close, as TLS ones often end."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    # A shutdown that nobody answers is the only thing here that takes too long.
    return record.getMessage() not in _MESSAGES and not isinstance(error, ConnectionError | ssl.SSLError | TimeoutError)
