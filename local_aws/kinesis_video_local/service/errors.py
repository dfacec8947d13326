"""The services' error answers."""

from __future__ import annotations


class ServiceError(Exception):
    """An error answer.

    Parameters
    ----------
    code
        The error code, such as ``ResourceNotFoundException``.
    message
        What went wrong, in words.
    status
        The HTTP status; by default the one that the service's model gives this code.
    """

    def __init__(self, code: str, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def invalid_argument(message: str) -> ServiceError:
    """Build the error for a request that breaks a documented constraint."""
    return ServiceError("InvalidArgumentException", message)
