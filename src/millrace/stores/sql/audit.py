"""The audit trail in SQL: the end of the chain that the writer adds to, and reading it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import bindparam, insert, select

from millrace.core import chain
from millrace.core.entities.audit import NO_TRAIL, AuditEntry, Link, PublicKey, SignedHead
from millrace.core.pages import Page
from millrace.stores.sql import tables as t

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from sqlalchemy import ColumnElement

    from millrace.core.chain import Recorded
    from millrace.core.entities.audit import Act, AuditQuery, Trail
    from millrace.stores.sql.engine import Database, Session
    from millrace.stores.sql.statements import Statements
    from millrace.stores.sql.transaction import Transaction
    from millrace.stores.sql.writer import Writer

_e, _h, _k = t.audit_entries.c, t.audit_heads.c, t.audit_keys.c

_CHAIN = (
    select(t.audit_entries)
    .where(_e.seq > bindparam("after"))
    .order_by(_e.seq)
    .limit(bindparam("limit"))
)
_HEADS = (
    select(_h.record).where(_h.seq > bindparam("after")).order_by(_h.seq).limit(bindparam("limit"))
)
_LAST_HEAD = select(_h.record).order_by(_h.seq.desc()).limit(1)
_KEYS = select(_k.key_id, _k.public_key).order_by(_k.key_id)


class ChainEnd:
    """The last entry of the chain as the writer knows it, and entries not yet written.

    Belongs to one transaction at a time, under the lock that lets nobody else write.
    """

    def __init__(self, session: Session, statements: Statements) -> None:
        self._session = session
        self._statements = statements
        self._last: Link | None = None
        self._rows: list[tuple[object, ...]] = []

    def add(self, act: Act, kind: str, id: str, *, before: Recorded, after: Recorded) -> None:  # noqa: A002
        """Join an entry to the chain."""
        if self._last is None:
            self._last = self._written()
        link = chain.linked(act, kind, id, before=before, after=after, previous=self._last)
        self._last = link
        self._rows.append((link.seq, *(link.found_by or ()), link.text, link.hash))

    def flush(self) -> None:
        """Write the entries that wait."""
        if self._rows:
            self._session.many(self._statements.insert_entry, self._rows)
            self._rows.clear()

    def forget(self) -> None:
        """Another process may have written, or something was undone."""
        self._last = None
        self._rows.clear()

    def _written(self) -> Link | None:
        row = self._session.row(self._statements.last_entry)
        return None if row is None else Link(seq=row[0], text=row[1], hash=row[2])


class SqlAudit:
    """The audit trail in a database."""

    def __init__(self, database: Database, writer: Writer[Transaction]) -> None:
        self._database = database
        self._writer = writer

    def note(
        self,
        trail: Trail,
        kind: str,
        id: str,  # noqa: A002 - the word of the entry
        *,
        before: Recorded = None,
        after: Recorded = None,
    ) -> Future[None]:
        """Write an entry by itself."""
        return self._writer.submit(
            lambda tx: tx.note(trail, kind, id, before=before, after=after), savepoint=False
        )

    def entries(self, query: AuditQuery, *, limit: int, after: int | None) -> Page[AuditEntry]:
        """A page of the entries that match, the newest first."""
        statement = select(_e.text).where(*_conditions(query))
        if after is not None:
            statement = statement.where(_e.seq < after)
        statement = statement.order_by(_e.seq.desc()).limit(limit + 1)
        with self._database.reading() as session:
            found = [chain.entry_of(bytes(row[0])) for row in session.select(statement)]
        page = tuple(found[:limit])
        return Page(page, (page[-1].seq,) if len(found) > limit else None)

    def entry(self, seq: int) -> AuditEntry | None:
        """The entry of that number."""
        with self._database.reading() as session:
            rows = session.select(select(_e.text).where(_e.seq == seq))
        return chain.entry_of(bytes(rows[0][0])) if rows else None

    def links(self, *, after: int, limit: int) -> list[Link]:
        """Entries in the order of the chain."""
        with self._database.reading() as session:
            rows = session.select(_CHAIN, after=after, limit=limit)
        return [
            Link(seq=row[0], text=_bytes(row[7]), hash=_bytes(row[8]), found_by=tuple(row[1:7]))
            for row in rows
        ]

    def last(self) -> Link | None:
        """The end of the chain."""
        last = select(_e.seq, _e.text, _e.hash).order_by(_e.seq.desc()).limit(1)
        with self._database.reading() as session:
            rows = session.select(last)
        return (
            Link(seq=rows[0][0], text=bytes(rows[0][1]), hash=bytes(rows[0][2])) if rows else None
        )

    def heads(self, *, after: int, limit: int) -> list[SignedHead]:
        """Signed heads in the order of the chain."""
        with self._database.reading() as session:
            rows = session.select(_HEADS, after=after, limit=limit)
        return [_head(row[0]) for row in rows]

    def last_head(self) -> SignedHead | None:
        """The newest signed head."""
        with self._database.reading() as session:
            rows = session.select(_LAST_HEAD)
        return _head(rows[0][0]) if rows else None

    def keys(self) -> list[PublicKey]:
        """The keys that heads were ever signed with."""
        with self._database.reading() as session:
            return [PublicKey(key_id=row[0], public_key=row[1]) for row in session.select(_KEYS)]

    def add_head(self, head: SignedHead, key: PublicKey) -> Future[bool]:
        """Keep a signed head and its key; False when there is one for that entry already."""

        def add(tx: Transaction) -> bool:
            connection = tx.session.connection
            if tx.session.select(select(_h.seq).where(_h.seq == head.seq)):
                return False
            if not tx.session.select(select(_k.key_id).where(_k.key_id == key.key_id)):
                connection.execute(
                    insert(t.audit_keys).values(key_id=key.key_id, public_key=key.public_key)
                )
            connection.execute(
                insert(t.audit_heads).values(seq=head.seq, record=msgspec.json.encode(head))
            )
            return True

        return self._writer.submit(lambda tx: tx.once(NO_TRAIL, bool, lambda: add(tx)))


def _bytes(value: object) -> bytes:
    """What stands in a column of bytes. Whoever tampers with SQLite may put anything there, and
    verification has to get to see it."""
    return (
        bytes(value) if isinstance(value, bytes | bytearray | memoryview) else str(value).encode()
    )


def _head(record: bytes) -> SignedHead:
    return msgspec.json.decode(record, type=SignedHead)


def _conditions(query: AuditQuery) -> Iterator[ColumnElement[bool]]:
    columns = {
        "actor": _e.actor,
        "action": _e.action,
        "kind": _e.kind,
        "id": _e.object_id,
        "request_id": _e.request_id,
    }
    for name, column in columns.items():
        wanted = getattr(query, name)
        if wanted is not None:
            yield column == wanted
    if query.since_ms is not None:
        yield _e.at_ms >= query.since_ms
    if query.until_ms is not None:
        yield _e.at_ms < query.until_ms
