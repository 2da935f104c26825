"""Whose turn it is to write: one writer at a time, and whether another one wrote since.

SQLite has a lock on the file and counts who wrote. On a server the transaction of a group begins
by locking one row of `meta`; the row names the last writer and its group, so that a writer knows
whether what it remembers still holds, and after a COMMIT whose answer was lost, whether it
happened. The row also holds the greatest ids that were ever given, so that none is given twice.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final, Protocol

import msgspec
from sqlalchemy import bindparam, select, text, update

from millrace.stores.sql import tables as t
from millrace.stores.sql.dialects import MSSQL, SQLITE, insert_new

if TYPE_CHECKING:
    from millrace.stores.sql.engine import Session

_ROW: Final = "turn"


class Turn(Protocol):
    """A session's turns, one after the other."""

    others_wrote: bool
    """Whether somebody else may have written since our last turn."""

    def take(self) -> None:
        """Begin a turn; the transaction has begun."""
        ...

    def last_id(self, table: str) -> int:
        """The greatest id that was ever given in *table*, as far as it is noted."""
        ...

    def note_id(self, table: str, row: int) -> None:
        """Note the greatest id that was given in *table*."""
        ...

    def end(self) -> None:
        """The last change before COMMIT."""
        ...

    def committed(self) -> None:
        """COMMIT has returned."""
        ...

    def left_open(self) -> tuple[bytes, int] | None:
        """What to ask for when COMMIT did not return; None where its failure undid everything."""
        ...

    def has_committed(self, writer: bytes, group: int) -> bool:
        """Whether *writer* has committed its group of that number; asked in a turn of ours."""
        ...


def turn_of(session: Session) -> Turn:
    """The turns of a session, by what its database offers."""
    if session.connection.dialect.name == SQLITE:
        return FileTurn(session)
    return RowTurn(session)


class FileTurn:
    """SQLite: the lock came with BEGIN, and ids are counted by the tables themselves."""

    def __init__(self, session: Session) -> None:
        self.others_wrote = True
        self._session = session
        self._version = -1
        self._data_version = session.prepare(text("PRAGMA data_version"))
        self._sequence = session.prepare(text("SELECT seq FROM sqlite_sequence WHERE name = :name"))

    def take(self) -> None:
        """Ask whether the file was written by another connection."""
        row = self._session.row(self._data_version)
        version = row[0] if row else -1
        self.others_wrote = version != self._version
        self._version = version

    def last_id(self, table: str) -> int:
        """The table's own counter."""
        row = self._session.row(self._sequence, (table,))
        return int(row[0]) if row else 0

    def note_id(self, table: str, row: int) -> None:
        """Nothing: the INSERT moves the table's counter."""

    def end(self) -> None:
        """Nothing."""

    def committed(self) -> None:
        """Nothing."""

    def left_open(self) -> None:
        """Nothing: the file cannot have committed without us."""

    def has_committed(self, writer: bytes, group: int) -> bool:  # noqa: ARG002 - as declared
        """Nobody asks."""
        return False


# So many writers are told apart in the row; who was away for longer is not sure of its last group.
_RECENT: Final = 16


class Token(msgspec.Struct, array_like=True):
    """What the row holds: the last groups, each writer's last one, and the greatest ids given."""

    group: int = 0
    recent: dict[bytes, int] = {}
    ids: dict[str, int] = {}


class RowTurn:
    """Servers: a row that one transaction at a time may hold."""

    def __init__(self, session: Session) -> None:
        self.others_wrote = True
        self.writer = secrets.token_bytes(8)
        self.group = -1
        """Our last group that was committed."""
        self._session = session
        self._token = Token()
        m = t.meta.c
        held = select(m.value).where(m.name == bindparam("row"))
        if session.connection.dialect.name == MSSQL:
            held = held.with_hint(t.meta, "WITH (UPDLOCK, HOLDLOCK)")
        else:
            held = held.with_for_update()
        self._held = session.prepare(held, "row")
        self._first = session.prepare(insert_new(t.meta), "name", "value")
        change = update(t.meta).where(m.name == bindparam("row")).values(value=bindparam("token"))
        self._change = session.prepare(change, "token", "row")

    def take(self) -> None:
        """Wait for the row and read it."""
        row = self._session.row(self._held, (_ROW,))
        if row is None:
            self._session.run(self._first, (_ROW, msgspec.msgpack.encode(Token())))
            row = self._session.row(self._held, (_ROW,))
        self._token = msgspec.msgpack.decode(row[0], type=Token) if row else Token()
        self.others_wrote = self._token.group != self.group

    def has_committed(self, writer: bytes, group: int) -> bool:
        """Whether *writer* has committed its group of that number; asked in a turn of ours."""
        return self._token.recent.get(writer, -1) >= group

    def last_id(self, table: str) -> int:
        """The greatest id noted."""
        return self._token.ids.get(table, 0)

    def note_id(self, table: str, row: int) -> None:
        """Note it; written when the turn ends."""
        self._token.ids[table] = row

    def end(self) -> None:
        """Sign the row."""
        token = self._token
        token.group += 1
        token.recent.pop(self.writer, None)
        while len(token.recent) >= _RECENT:
            del token.recent[next(iter(token.recent))]
        token.recent[self.writer] = token.group
        self._session.run(self._change, (msgspec.msgpack.encode(token), _ROW))

    def committed(self) -> None:
        """Our group is the last one."""
        self.group = self._token.group

    def left_open(self) -> tuple[bytes, int]:
        """Ourselves, and the group that may have been committed."""
        return self.writer, self._token.group
