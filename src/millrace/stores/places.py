"""What is said of a URI that leads to no store; on the wire it is what it derives from."""

from __future__ import annotations

from millrace.core.errors import InvalidArgument, MillraceError, NotFound, Unavailable


class Misplaced(MillraceError):
    """Whoever named the place of a store has to name another, or see to it."""

    exit_code = 2


class WrongPlace(Misplaced, InvalidArgument):
    """A URI that can lead to no store."""


class NotThere(Misplaced, NotFound):
    """There is nothing at a URI, and whoever only looks must not make it."""


class NotOpened(Misplaced, Unavailable):
    """The store at a URI cannot be opened: nobody answers there, or it does not let us in."""
