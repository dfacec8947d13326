"""The service's error answers."""

from __future__ import annotations

from .model import ERROR_STATUS, OPERATIONS


class ServiceError(Exception):
    """An error answer: its code, and the HTTP status that the service model gives that code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def status(self) -> int:
        """The HTTP status of the answer."""
        return ERROR_STATUS[self.code]


def invalid_argument(message: str) -> ServiceError:
    """Build the error for a request that breaks a documented constraint."""
    return ServiceError("InvalidArgumentException", message)


def access_denied(operation: str, message: str) -> ServiceError:
    """Build the authorization error that the model declares for this operation.

    The older operations declare NotAuthorizedException, the newer ones AccessDeniedException; both carry 401, where
    most services answer 403. CreateStream and ListStreams declare neither.
    """
    declared = {shape.name for shape in OPERATIONS[operation].error_shapes}
    code = "NotAuthorizedException" if "NotAuthorizedException" in declared else "AccessDeniedException"
    return ServiceError(code, message)
