"""The errors under the names that the field knows (`millrace.exceptions`)."""

from __future__ import annotations

from millrace.core.errors import (
    AlreadyExists,
    Conflict,
    InvalidArgument,
    InvalidState,
    LimitExceeded,
    MillraceError,
    MissingExtra,
    NotFound,
    NotSupported,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
)
from millrace.http.faults import Untrusted

__all__ = [
    "AlreadyExists",
    "Conflict",
    "InvalidArgument",
    "InvalidState",
    "LimitExceeded",
    "MillraceError",
    "MissingExtra",
    "MlflowException",
    "NotFound",
    "NotSupported",
    "PermissionDenied",
    "RestException",
    "Unauthenticated",
    "Unavailable",
    "Untrusted",
]

MlflowException = MillraceError
RestException = MillraceError
