"""What a driver's error means: to a caller, and to a writer that may try again."""

from __future__ import annotations

import logging
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from millrace.core.errors import MillraceError, Unavailable
from millrace.stores.places import NotOpened

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)


class Fault(StrEnum):
    """Kinds of trouble; the value is what a caller is told."""

    BUSY = "The database is locked by another process; try again in a moment."
    CLASH = "The database had to choose between two transactions; try again in a moment."
    LOST = "The connection to the database was lost; try again in a moment."
    AWAY = "The database cannot be reached."
    STANDBY = "None of the servers that the URI names takes writes at the moment."
    CROWDED = "The database has no connection left for us; try again in a moment."
    READ_ONLY = "The database cannot be written at the moment; nothing was written."
    FULL = "The disk of the database is full; nothing was written."
    DENIED = "The database refuses the user or the password."
    FORBIDDEN = "The database user may not do what Millrace needs."
    MISSING = "There is no such database."
    UNOPENED = "The database file cannot be opened."
    DAMAGED = "The database file is damaged or no database."
    OPTIONS = "The driver refuses an option or the port in the URI."
    DRIVER = "The driver of the database lacks a library that it needs."
    UNKNOWN = "The database did not do as asked; nothing was written."


# Gone by themselves, or by a new connection: what was not committed may be tried again.
PASSING: Final = frozenset({Fault.CLASH, Fault.LOST, Fault.AWAY, Fault.STANDBY, Fault.CROWDED})

# What whoever named the database has to see to; nothing that may be tried again.
_OUTSIDE: Final = frozenset(
    {
        Fault.AWAY,
        Fault.STANDBY,
        Fault.DENIED,
        Fault.FORBIDDEN,
        Fault.MISSING,
        Fault.UNOPENED,
        Fault.DAMAGED,
        Fault.OPTIONS,
        Fault.DRIVER,
    }
)

# PostgreSQL, by SQLSTATE or its first two characters.
_SQLSTATES: Final[Mapping[str, Fault]] = {
    "40": Fault.CLASH,
    "55P03": Fault.BUSY,
    "57P": Fault.LOST,
    "57P04": Fault.MISSING,
    "08": Fault.LOST,
    "25P03": Fault.LOST,  # idle in a transaction for too long
    "25006": Fault.READ_ONLY,
    "53100": Fault.FULL,
    "53300": Fault.CROWDED,
    "28": Fault.DENIED,
    "3D000": Fault.MISSING,
    "42501": Fault.FORBIDDEN,
}
# MySQL and MariaDB, by number. Zero: PyMySQL's own word for a connection that is closed.
_NUMBERS: Final[Mapping[int, Fault]] = {
    0: Fault.LOST,
    1021: Fault.FULL,
    1026: Fault.FULL,
    1040: Fault.CROWDED,
    1041: Fault.FULL,
    1044: Fault.FORBIDDEN,
    1045: Fault.DENIED,
    1049: Fault.MISSING,
    1053: Fault.LOST,
    1114: Fault.FULL,
    1142: Fault.FORBIDDEN,
    1158: Fault.LOST,
    1159: Fault.LOST,
    1160: Fault.LOST,
    1161: Fault.LOST,
    1203: Fault.CROWDED,
    1205: Fault.BUSY,
    1213: Fault.CLASH,
    1226: Fault.CROWDED,
    1290: Fault.READ_ONLY,
    1698: Fault.DENIED,
    1792: Fault.READ_ONLY,
    1836: Fault.READ_ONLY,
    1927: Fault.LOST,
    2002: Fault.AWAY,
    2003: Fault.AWAY,
    2005: Fault.AWAY,
    2006: Fault.LOST,
    2013: Fault.LOST,
    2055: Fault.LOST,
    4031: Fault.LOST,
}
# SQLite has words only, and so has a connection to PostgreSQL that did not come about.
_WORDS: Final = (
    # psycopg, of a connection that was lost between its request and the answer.
    (("cannot exit pipeline mode",), Fault.LOST),
    (("database is locked", "database table is locked", "busy"), Fault.BUSY),
    (("disk is full", "no space left", "errcode: 28"), Fault.FULL),
    # While a standby takes over. Said of a connection; of a write, the words are others.
    (("session is read-only", "in hot standby mode"), Fault.STANDBY),
    (("readonly", "read-only"), Fault.READ_ONLY),
    (("unable to open",), Fault.UNOPENED),
    (("invalid connection option", "invalid port", "invalid sslmode"), Fault.OPTIONS),
    (("failed to load the driver",), Fault.DRIVER),
    (("malformed", "not a database"), Fault.DAMAGED),
    (("password authentication failed", "no password supplied", "pg_hba.conf"), Fault.DENIED),
    (("role",), Fault.DENIED),
    (("too many clients", "remaining connection slots"), Fault.CROWDED),
    (("does not exist",), Fault.MISSING),
    (("starting up", "shutting down", "recovery mode"), Fault.AWAY),
    (("connection failed", "could not translate", "failed to resolve"), Fault.AWAY),
    (("timeout expired", "connection timeout"), Fault.AWAY),
    (("connection is closed", "connection is lost", "server closed", "terminating"), Fault.LOST),
    (("consuming input failed", "sending query", "the connection is"), Fault.LOST),
)


def fault_of(error: BaseException) -> Fault:
    """What kind of trouble *error*, the driver's or SQLAlchemy's, is."""
    if isinstance(error, PoolTimeout):
        return Fault.CROWDED
    cause: Any = error.orig if isinstance(error, DBAPIError) and error.orig else error
    state = getattr(cause, "sqlstate", None)
    if state:
        found = next((_SQLSTATES[state[:n]] for n in (5, 3, 2) if state[:n] in _SQLSTATES), None)
        if found is not None:
            return found
    number = cause.args[0] if cause.args and isinstance(cause.args[0], int) else None
    text = str(cause).lower()
    if number is not None and number in _NUMBERS and not (number == 0 and text.strip("(), '0")):
        return _NUMBERS[number]
    for words, fault in _WORDS:
        if any(word in text for word in words):
            return fault
    return Fault.UNKNOWN


def was_refused(error: Exception) -> bool:
    """Whether the server itself said no. Any other error on COMMIT leaves open what it did."""
    cause: Any = error.orig if isinstance(error, DBAPIError) and error.orig else error
    number = cause.args[0] if cause.args else None
    is_answer = bool(getattr(cause, "sqlstate", None)) or (
        isinstance(number, int)
        and number > 0
        and not _CLIENT_ERRORS[0] <= number < _CLIENT_ERRORS[1]
    )
    return is_answer and fault_of(error) is not Fault.LOST


# Numbers that MySQL's clients give, not the server.
_CLIENT_ERRORS: Final = (2_000, 3_000)


def explain(error: Exception) -> MillraceError:
    """What a driver's error means to a caller. The driver's own words go to the log only."""
    if isinstance(error, MillraceError):
        return error
    logger.error("database error: %s", error)
    if isinstance(error, PoolTimeout):
        return Unavailable("All database connections are busy; try again in a moment.")
    fault = fault_of(error)
    return (NotOpened if fault in _OUTSIDE else Unavailable)(str(fault))
