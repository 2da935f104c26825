"""All records of a database as files that any program can read, and back into any database.

A dump is a folder: a file for each table, gzip'd JSON lines, each an array in the order of the
columns, bytes as Base64; and `manifest.json`, which names columns, rows and digests, and is written
last. It is one snapshot: every write that was acknowledged before it began is in it, and of every
other all or nothing. What the database counts for itself is not in it; documents, which are built
from the rows, are left empty.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import msgspec
from sqlalchemy import Column, MetaData, Table, delete, func, insert, select, text

from millrace.core.errors import InvalidArgument, InvalidState, MillraceError, Unavailable
from millrace.stores.sql import migrate
from millrace.stores.sql import tables as t
from millrace.stores.sql.columns import Bytes
from millrace.stores.sql.dialects import SQLITE
from millrace.stores.sql.engine import Database, Session
from millrace.stores.sql.faults import explain
from millrace.stores.sql.turns import Token

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from millrace.stores.sql.engine import Row


MANIFEST: Final = "manifest.json"
FORMAT: Final = "millrace-dump"
VERSION: Final = 1
_ROWS: Final = 5_000
# The row of `meta` whose value belongs to the very database.
_TURN: Final = "turn"


class TableFile(msgspec.Struct, frozen=True, kw_only=True):
    """A table in a dump; `sha256` is of the file as it is, compressed."""

    name: str
    file: str
    columns: tuple[str, ...]
    rows: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a dump holds. `counters`: the greatest ids that were ever given, by table."""

    format: str = FORMAT
    version: int = VERSION
    revision: str
    source: str
    at_ms: int
    tables: tuple[TableFile, ...]
    counters: dict[str, int] = {}


def write(uri: str, folder: Path, *, at_ms: int) -> Manifest:
    """Dump the database at *uri* into *folder*, which is there and empty; what it holds.

    Memory does not grow with the database.
    """
    database = Database(uri)
    try:
        with database.reading() as session:
            held = migrate.held_in(session.connection)
            if held != migrate.head():
                raise InvalidState(
                    f"The database is at schema revision {held or 'none'}, this release dumps "
                    f"{migrate.head()}. Run: millrace db upgrade URI"
                )
            counters = _counters(session)
            files = [_write_table(session, one, folder) for one in t.metadata.sorted_tables]
    finally:
        database.close()
    manifest = Manifest(
        revision=held, source=database.dialect, at_ms=at_ms, tables=tuple(files), counters=counters
    )
    text_ = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    (folder / MANIFEST).write_bytes(text_ + b"\n")
    return manifest


def _counters(session: Session) -> dict[str, int]:
    if session.connection.dialect.name == SQLITE:
        rows = session.select(text("SELECT name, seq FROM sqlite_sequence"))
        return {name: seq for name, seq in rows if name in t.metadata.tables}
    found = session.select(select(t.meta.c.value).where(t.meta.c.name == _TURN))
    return msgspec.msgpack.decode(found[0][0], type=Token).ids if found else {}


def _write_table(session: Session, table: Table, folder: Path) -> TableFile:
    name = f"{table.name}.jsonl.gz"
    columns = tuple(str(column.name) for column in table.columns)
    query = select(*table.columns)
    if table is t.meta:
        query = query.where(t.meta.c.name != _TURN)
    blank = columns.index("document") if table is t.run_documents else None
    encoder = msgspec.json.Encoder()  # bytes become Base64
    count = 0
    with (folder / name).open("wb") as raw:
        digest = hashlib.sha256()
        # Without a time of writing: the same rows make the same file.
        with (
            closing(_Hashing(raw, digest)) as hashing,
            gzip.GzipFile(
                filename="", mode="wb", fileobj=hashing, compresslevel=4, mtime=0
            ) as packed,
        ):
            for part in session.parts(query, _ROWS):
                rows = part if blank is None else [_without(row, blank) for row in part]
                packed.write(b"".join([encoder.encode(_plain(row)) + b"\n" for row in rows]))
                count += len(rows)
    return TableFile(
        name=str(table.name), file=name, columns=columns, rows=count, sha256=digest.hexdigest()
    )


def _without(row: Row, place: int) -> Row:
    return (*row[:place], None, *row[place + 1 :])


def _plain(row: Row) -> list[object]:
    return [bytes(one) if isinstance(one, memoryview | bytearray) else one for one in row]


class _Hashing:
    """A file whose bytes are digested on their way."""

    def __init__(self, file: Any, digest: Any) -> None:  # noqa: ANN401 - as `open` and `hashlib` make them
        self._file = file
        self._digest = digest

    def write(self, data: bytes) -> int:
        self._digest.update(data)
        written: int = self._file.write(data)
        return written

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        """Leave it to whoever opened it."""


# --- back ----------------------------------------------------------------------------------------


def read_manifest(folder: Path) -> Manifest:
    """What the dump in *folder* holds, after each file's digest was compared; raises
    `InvalidArgument`."""
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError as error:
        raise InvalidArgument(
            f"{folder} is no dump, or one that was not finished: it has no {MANIFEST}."
        ) from error
    except msgspec.MsgspecError as error:
        raise InvalidArgument(f"{folder / MANIFEST} cannot be read: {error}.") from error
    if manifest.format != FORMAT or manifest.version != VERSION:
        raise InvalidArgument(
            f"{folder} holds {manifest.format!r} version {manifest.version}; this release reads "
            f"{FORMAT!r} version {VERSION}."
        )
    if manifest.revision not in migrate.revisions():
        raise InvalidArgument(
            f"The dump is of schema revision {manifest.revision}, which this release does not "
            f"know. Restore it with a newer release."
        )
    for one in manifest.tables:
        with (folder / one.file).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != one.sha256:
            raise InvalidArgument(f"{folder / one.file} is damaged: its digest is another one.")
    return manifest


def load(folder: Path, uri: str) -> Manifest:
    """Fill the empty database at *uri* from the dump in *folder*; what it held.

    All of it is one transaction, so that an interrupted call leaves an empty schema and may be
    repeated. A dump of an older revision is upgraded afterwards. `InvalidState`: the database has
    records.
    """
    manifest = read_manifest(folder)
    held = migrate.current(uri)
    if held is None:
        migrate.upgrade(uri, to=None if manifest.revision == migrate.head() else manifest.revision)
    elif held != manifest.revision:
        raise InvalidState(
            f"The database at the other end is at schema revision {held}, the dump is of "
            f"{manifest.revision}. Name an empty database."
        )
    database = Database(uri)
    try:
        with database.writers.connect() as connection:
            session = Session(connection)
            with session.writing():
                _check_empty(session)
                for one in manifest.tables:
                    _load_table(session, folder, one)
                _set_counters(session, manifest.counters)
    except MillraceError:
        raise
    except database.driver_error as error:
        raise explain(error) from error
    finally:
        database.close()
    migrate.upgrade(uri)
    return manifest


def _check_empty(session: Session) -> None:
    for table in (t.experiments, t.runs):
        if session.select(select(func.count()).select_from(table))[0][0]:
            raise InvalidState(
                "The database at the other end has records; nothing was written. Name an empty one."
            )


def _load_table(session: Session, folder: Path, one: TableFile) -> None:
    known = t.metadata.tables.get(one.name)
    if known is None:
        raise InvalidArgument(f"The dump holds a table {one.name!r}, which is none of ours.")
    table = Table(one.name, MetaData(), *(Column(name, known.c[name].type) for name in one.columns))
    statement = session.prepare(insert(table), *one.columns)
    binary = [
        place
        for place, name in enumerate(one.columns)
        if isinstance(known.c[name].type, type(Bytes))
    ]
    loaded = 0
    for rows in _rows_in(folder / one.file, binary):
        session.many(statement, rows)
        loaded += len(rows)
    if loaded != one.rows:
        raise Unavailable(f"{one.file} holds {loaded} rows instead of {one.rows}.")


def _rows_in(file: Path, binary: Sequence[int]) -> Iterator[list[list[Any]]]:
    decoder = msgspec.json.Decoder(list[Any])
    with gzip.open(file, "rb") as lines:
        rows: list[list[Any]] = []
        for line in lines:
            row = decoder.decode(line)
            for place in binary:
                if row[place] is not None:
                    row[place] = base64.b64decode(row[place])
            rows.append(row)
            if len(rows) == _ROWS:
                yield rows
                rows = []
        if rows:
            yield rows


def _set_counters(session: Session, counters: dict[str, int]) -> None:
    """Let no id be given that was given before, also if its row was deleted since."""
    if session.connection.dialect.name != SQLITE:
        for table, greatest in counters.items():
            session.turn.note_id(table, greatest)
        return
    sequence = Table("sqlite_sequence", MetaData(), Column("name"), Column("seq"))
    for table, greatest in counters.items():
        session.connection.execute(delete(sequence).where(sequence.c.name == table))
        session.connection.execute(insert(sequence).values(name=table, seq=greatest))
