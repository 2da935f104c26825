"""What the platform can explain to a caller, and how it says so on the wire.

Each class knows its `error_code` and HTTP status (wire contract, section "Errors"); `asgi.errors`
turns them into answers, `http.client` turns answers back into the same class.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar, Final

# By error code: `sqlstate` and `error_class`, which newer clients know.
_SQL: Final = {
    "INVALID_PARAMETER_VALUE": ("KAM00", "INVALID_PARAMETER_VALUE"),
    "BAD_REQUEST": ("KAM00", "INVALID_PARAMETER_VALUE"),
    "RESOURCE_ALREADY_EXISTS": ("KAM00", "RESOURCE_ALREADY_EXISTS"),
    "PERMISSION_DENIED": ("KAM00", "PERMISSION_DENIED"),
    "RESOURCE_DOES_NOT_EXIST": ("KAM00", "RESOURCE_NOT_FOUND"),
    "ENDPOINT_NOT_FOUND": ("KAM00", "RESOURCE_NOT_FOUND"),
    "INTERNAL_ERROR": ("XXM00", "CLIENT_INTERNAL_ERROR"),
    "INVALID_STATE": ("XXM00", "CLIENT_INTERNAL_ERROR"),
    "TEMPORARILY_UNAVAILABLE": ("XXM00", "CLIENT_INTERNAL_ERROR"),
}


class MillraceError(Exception):
    """Something the platform can explain to the caller; `error_code` names the kind."""

    code: ClassVar[str] = "INTERNAL_ERROR"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1
    """What a command ends with; 2 when the command line has to be another one."""

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        error_code: str | None = None,
        **detail: object,
    ) -> None:
        """*hint*: the way out, a sentence that ends the message. *detail*: what else programs may
        want to know, such as the `field` of the request and the `column` in its text."""
        whole = f"{message} {hint}" if hint else message
        super().__init__(whole)
        self.message = whole
        self.hint = hint
        self.error_code = error_code or self.code
        self.detail = detail

    def body(self) -> dict[str, object]:
        """The JSON object of the wire contract: `error_code`, `message` and what else is known."""
        known: dict[str, object] = {"error_code": self.error_code, "message": self.message}
        if self.error_code in _SQL:
            known["sqlstate"], known["error_class"] = _SQL[self.error_code]
        if self.hint:
            known["hint"] = self.hint
        return known | self.detail

    def problem(self) -> dict[str, object]:
        """The same as a problem document.

        Source: RFC 9457. Nothing is said of its type: the codes are the wire contract's.
        """
        title = HTTPStatus(self.status).phrase
        told: dict[str, object] = {"type": "about:blank", "title": title, "status": self.status}
        return told | {"detail": self.message} | self.body()


class InvalidArgument(MillraceError):
    """A value is missing, malformed or out of range. The message names field, limit and way out."""

    code, status = "INVALID_PARAMETER_VALUE", 400


class MalformedRequest(MillraceError):
    """The request cannot be read at all: framing, encoding, media type."""

    code, status = "BAD_REQUEST", 400


class AlreadyExists(MillraceError):
    """A name that must be unique is taken, also by something in the trash."""

    code, status = "RESOURCE_ALREADY_EXISTS", 400


class Unauthenticated(MillraceError):
    """No valid credentials came with the request."""

    code, status = "UNAUTHENTICATED", 401


class PermissionDenied(MillraceError):
    """The caller is known and may not do this."""

    code, status = "PERMISSION_DENIED", 403


class NotFound(MillraceError):
    """No such thing; the message names it."""

    code, status = "RESOURCE_DOES_NOT_EXIST", 404


class NoSuchEndpoint(NotFound):
    """The path is not one that this server has."""

    code = "ENDPOINT_NOT_FOUND"


class MethodNotAllowed(MillraceError):
    """The path exists, but not with this HTTP method."""

    code, status = "BAD_REQUEST", 405


class Conflict(MillraceError):
    """The record has moved on since the decision was made; read again and decide afresh."""

    code, status = "RESOURCE_CONFLICT", 409


class PreconditionFailed(MillraceError):
    """What is there is not what the request's If-Match or If-None-Match expects."""

    code, status = "RESOURCE_CONFLICT", 412


class TooLarge(MillraceError):
    """A body, header block or target is beyond its limit."""

    code, status = "BAD_REQUEST", 413


class UnsupportedMediaType(MillraceError):
    """The content type or content encoding is not one that this route reads."""

    code, status = "BAD_REQUEST", 415


class RangeNotSatisfiable(MillraceError):
    """The range begins beyond the end of the file."""

    code, status = "INVALID_PARAMETER_VALUE", 416


class KeyReused(MillraceError):
    """An `Idempotency-Key` came back with another request than the first time."""

    code, status = "INVALID_PARAMETER_VALUE", 422


class LimitExceeded(MillraceError):
    """Too many requests, or a queue is full; try again later."""

    code, status = "REQUEST_LIMIT_EXCEEDED", 429


class InvalidState(MillraceError):
    """The stored state contradicts itself; status 500 is the wire contract's choice."""

    code, status = "INVALID_STATE", 500


class DataLoss(MillraceError):
    """The bytes in the artifact store are not those that were taken in."""

    code, status = "DATA_LOSS", 500


class NotSupported(MillraceError):
    """A known part of the contract that this server does not offer."""

    code, status = "NOT_IMPLEMENTED", 501


class Unavailable(MillraceError):
    """The store is busy, locked, read-only or away; the same request may succeed later."""

    code, status = "TEMPORARILY_UNAVAILABLE", 503


class DiskFull(MillraceError):
    """The artifact store has no room left, or a quota is used up; nothing was kept."""

    code, status = "RESOURCE_EXHAUSTED", 507


class MissingExtra(MillraceError):
    """An optional library is not installed; the message holds the install line."""

    code, status = "BAD_REQUEST", 400
    exit_code = 2


def _descendants(of: type[MillraceError]) -> list[type[MillraceError]]:
    return [of, *(deeper for child in of.__subclasses__() for deeper in _descendants(child))]


# The first class that declares a code or status in this module is its canonical one.
BY_CODE: dict[str, type[MillraceError]] = {}
BY_STATUS: dict[int, type[MillraceError]] = {}
for _error in _descendants(MillraceError):
    BY_CODE.setdefault(_error.code, _error)
    BY_STATUS.setdefault(_error.status, _error)
BY_CODE |= {
    "NOT_FOUND": NotFound,
    "ALREADY_EXISTS": Conflict,
    "ABORTED": Conflict,
    "RESOURCE_EXHAUSTED": LimitExceeded,
    "CUSTOMER_UNAUTHORIZED": Unauthenticated,
}


def from_answer(status: int, error_code: str | None, message: str) -> MillraceError:
    """The exception that an error answer stands for; a foreign code goes by its status."""
    kind = BY_CODE.get(error_code or "") if error_code else None
    if kind is not None and kind.status != status and status in BY_STATUS:
        kind = BY_STATUS[status]
    kind = kind or BY_STATUS.get(status, MillraceError)
    return kind(message, error_code=error_code)
