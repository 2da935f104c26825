"""The ledger of artifacts in SQL.

A URI is longer than any index takes. So a record is found by the digest of its URI, and those below
a folder by the beginning of it (`head`), which is long enough to tell runs apart.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from sqlalchemy import (
    BigInteger,
    Integer,
    and_,
    bindparam,
    cast,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from millrace.core.entities.artifact import ArtifactRecord
from millrace.core.entities.audit import NO_TRAIL
from millrace.core.entities.overview import Size
from millrace.stores.memory.artifacts import settled
from millrace.stores.sql import tables as t

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from sqlalchemy import ColumnElement, Select

    from millrace.core.entities.audit import Trail
    from millrace.stores.sql.engine import Database, Row, Session
    from millrace.stores.sql.transaction import Transaction
    from millrace.stores.sql.writer import Writer

_a = t.artifacts.c
_FIELDS = (_a.uri, _a.size, _a.sha256, _a.recorded_ms, _a.token, _a.broken_ms)
_BY_ID: Final = select(*_FIELDS).where(_a.id == bindparam("id"))
_BY_IDS: Final = select(*_FIELDS).where(_a.id.in_(bindparam("ids", expanding=True)))
# As many as are mostly asked for at a time: an upload in a group looks for its record here, and a
# list of any length would be compiled for each group.
_SOME: Final = [f"id{number}" for number in range(16)]
_MANY: Final = 4 * len(_SOME)
_BY_SOME: Final = select(*_FIELDS).where(_a.id.in_([bindparam(name) for name in _SOME]))
_ALIKE: Final = (
    select(*_FIELDS)
    .where(_a.sha256 == bindparam("sha256"), _a.size == bindparam("size"))
    .where(_a.token.is_(None), _a.broken_ms.is_(None))
    .limit(100)
)
_PAGE: Final = 1000
# MySQL's SUM of integers is a decimal.
_SIZE: Final = select(func.count(), cast(func.coalesce(func.sum(_a.size), 0), BigInteger))
_SIZE_OF_RANGE: Final = _SIZE.where(_a.head >= bindparam("begin"), _a.head < bindparam("end"))


def _sizes_by_name(
    text: ColumnElement[str], where: ColumnElement[bool]
) -> Select[tuple[str, int, int]]:
    """Files and bytes by a part of *text*."""
    name = func.substring(
        text, bindparam("start", type_=Integer), bindparam("length", type_=Integer)
    )
    below = select(name.label("name"), _a.size).where(where).subquery()
    # By a column of a subquery: a parameter in GROUP BY is another one than in SELECT.
    total = cast(func.coalesce(func.sum(below.c.size), 0), BigInteger)
    return select(below.c.name, func.count(), total).group_by(below.c.name)


_BY_NAME: Final = _sizes_by_name(
    _a.head, and_(_a.head >= bindparam("begin"), _a.head < bindparam("end"))
)


class SqlArtifacts:
    """Records of files in a database."""

    def __init__(self, database: Database, writer: Writer[Transaction]) -> None:
        self._database = database
        self._writer = writer
        # Asked and written for every small file.
        self._by_id = database.prepare(_BY_ID, "id")
        self._by_some = database.prepare(_BY_SOME, *_SOME)
        self._by_range = database.prepare(_SIZE_OF_RANGE, "begin", "end")
        self._insert = database.prepare(insert(t.artifacts), *t.artifacts.columns.keys())

    def record(self, uri: str) -> ArtifactRecord | None:
        """The record of a file."""
        with self._database.reading() as session:
            return self._held(session, uri)

    def _held(self, session: Session, uri: str) -> ArtifactRecord | None:
        row = session.row(self._by_id, (_id(uri),))
        return None if row is None else _record(row)

    def records(self, uris: Sequence[str]) -> Sequence[ArtifactRecord]:
        """The records of some files."""
        ids = [_id(uri) for uri in uris]
        with self._database.reading() as session:
            if len(ids) > _MANY:
                return [_record(row) for row in session.select(_BY_IDS, ids=ids)]
            found = []
            for at in range(0, len(ids), len(_SOME)):
                some = ids[at : at + len(_SOME)]
                some += some[:1] * (len(_SOME) - len(some))
                found += session.rows(self._by_some, some)
            return [_record(row) for row in found]

    def begin(self, uri: str, token: str) -> Future[ArtifactRecord | None]:
        """Note that the bytes will be replaced."""

        def change(tx: Transaction) -> ArtifactRecord | None:
            known = self._held(tx.session, uri)
            if known is not None:
                tx.session.connection.execute(
                    update(t.artifacts).where(_a.id == _id(uri)).values(token=token)
                )
            return known

        return self._writer.submit(change, savepoint=False)

    def settle(
        self, record: ArtifactRecord, *, token: str | None, trail: Trail = NO_TRAIL
    ) -> Future[None]:
        """Record what is visible now."""

        def change(tx: Transaction) -> None:
            known = self._held(tx.session, record.uri)
            new = settled(known, record, token)
            if known is None:
                tx.session.run(self._insert, _row(new))
            else:
                tx.note(trail, "artifact", record.uri, before=known, after=new)
                values = dict(zip(t.artifacts.columns.keys(), _row(new), strict=True))
                tx.session.connection.execute(
                    update(t.artifacts).where(_a.id == _id(new.uri)).values(**values)
                )

        # Nothing in there refuses when something is written already.
        return self._writer.submit(
            lambda tx: tx.once(trail, type(None), lambda: change(tx)), savepoint=False
        )

    def forget(self, uri: str, *, trail: Trail = NO_TRAIL) -> Future[int]:
        """Drop the record of a file and of all below."""

        def change(tx: Transaction) -> int:
            gone: int = tx.session.connection.execute(
                delete(t.artifacts).where(_is_below(uri))
            ).rowcount
            tx.note(trail, "artifact", uri, before={"files": gone})
            return gone

        return self._writer.submit(lambda tx: tx.once(trail, int, lambda: change(tx)))

    def mark(self, uri: str, sha256: str, *, broken_ms: int | None) -> Future[None]:
        """Note that a file is broken, or whole again."""

        def change(tx: Transaction) -> None:
            tx.session.connection.execute(
                update(t.artifacts)
                .where(_a.id == _id(uri), _a.sha256 == sha256)
                .values(broken_ms=broken_ms)
            )

        return self._writer.submit(change)

    def below(self, uri: str) -> Iterator[ArtifactRecord]:
        """The records of a file, or of all files below a folder, a page of them at a time."""
        after = ""
        while True:
            query = select(*_FIELDS).where(_is_below(uri), _a.uri > after)
            with self._database.reading() as session:
                rows = session.select(query.order_by(_a.uri).limit(_PAGE))
            yield from map(_record, rows)
            if len(rows) < _PAGE:
                return
            after = rows[-1][0]

    def total(self) -> Size:
        """All files."""
        with self._database.reading() as session:
            return _size(session.select(_SIZE)[0])

    def sizes(self, folders: Sequence[str]) -> list[Size]:
        """The files below each of some folders: a range of an index for each."""
        with self._database.reading() as session:
            return [_size(self._size_below(session, f"{one.rstrip('/')}/")) for one in folders]

    def _size_below(self, session: Session, folder: str) -> Row | None:
        if len(folder) > t.HEAD_LENGTH:
            return session.select(_SIZE.where(_begins_with(folder)))[0]
        return session.row(self._by_range, (folder, _after(folder)))

    def sizes_by_name(self, folder: str, length: int) -> Mapping[str, Size]:
        """The files below *folder* by what their names begin with: one range of an index."""
        above = folder.rstrip("/") + "/"
        asked = {"start": len(above) + 1, "length": length}
        with self._database.reading() as session:
            if len(above) + length > t.HEAD_LENGTH:
                rows = session.select(_sizes_by_name(_a.uri, _begins_with(above)), **asked)
            else:
                rows = session.select(_BY_NAME, begin=above, end=_after(above), **asked)
        return {row[0]: _size(row[1:]) for row in rows}

    def alike(self, sha256: str, size: int) -> Sequence[ArtifactRecord]:
        """Some settled records of files with these bytes."""
        with self._database.reading() as session:
            return [_record(row) for row in session.select(_ALIKE, sha256=sha256, size=size)]


def _id(uri: str) -> str:
    return hashlib.sha256(uri.encode()).hexdigest()


def _record(row: Row) -> ArtifactRecord:
    uri, size, sha256, recorded_ms, token, broken_ms = row
    return ArtifactRecord(
        uri=uri,
        size=size,
        sha256=sha256,
        recorded_ms=recorded_ms,
        token=token,
        broken_ms=broken_ms,
    )


def _row(record: ArtifactRecord) -> tuple[object, ...]:
    return (
        _id(record.uri),
        record.uri,
        record.uri[: t.HEAD_LENGTH],
        record.size,
        record.sha256,
        record.recorded_ms,
        record.token,
        record.broken_ms,
    )


def _size(row: Row | None) -> Size:
    files, size = row or (0, 0)
    return Size(files=files, bytes=int(size))


def _is_below(uri: str) -> ColumnElement[bool]:
    return or_(_a.id == _id(uri), _begins_with(uri.rstrip("/") + "/"))


def _begins_with(folder: str) -> ColumnElement[bool]:
    head = folder[: t.HEAD_LENGTH]
    above = and_(_a.head >= head, _a.head < _after(head))
    if len(folder) > t.HEAD_LENGTH:
        above = and_(above, _a.uri.startswith(folder, autoescape=True))
    return above


def _after(head: str) -> str:
    """What begins with a text lies before that: its last character is raised by one."""
    return head[:-1] + chr(ord(head[-1]) + 1)
