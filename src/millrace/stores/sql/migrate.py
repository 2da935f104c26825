"""The life of the schema: made new, looked at, upgraded.

Migrations are Alembic revisions in `migrations/versions`, named `NNNN_pre_...` (expand: run before
the new server starts; an old server does not mind) or `NNNN_post_...` (contract: run when no old
server is left). Alembic takes a third of a second to import, so only a database that is not at the
newest revision pays for it: the revisions are known by their file names.
"""

from __future__ import annotations

import io
import re
import time
from contextlib import ExitStack, contextmanager
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import msgspec
from sqlalchemy import (
    Column,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    inspect,
    make_url,
    select,
)
from sqlalchemy.engine.mock import MockConnection
from sqlalchemy.exc import DBAPIError

from millrace.core.errors import InvalidState, Unavailable
from millrace.stores.sql.columns import is_of
from millrace.stores.sql.dialects import MYSQLS, SQLITE
from millrace.stores.sql.engine import NotBegun, Session, opened
from millrace.stores.sql.faults import Fault, explain, fault_of
from millrace.stores.sql.locks import alone
from millrace.stores.sql.tables import metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alembic.config import Config
    from sqlalchemy import Connection, Dialect

    from millrace.stores.sql.engine import Database


_REVISION: Final = re.compile(r"(\d{4})_(pre|post)_(\w+)\.py")
_TABLE: Final = "alembic_version"
# As Alembic makes it.
_versions = Table(
    _TABLE,
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name=f"{_TABLE}_pkc"),
)
# Another upgrade may take that long before we stop waiting for it.
_PATIENCE_S: Final = 3_600.0
# So often a revision gives way to a server that writes meanwhile before its upgrade gives up.
_CLASHES: Final = 10


class Revision(msgspec.Struct, frozen=True, order=True):
    """A step of the schema; `when` is `pre` (expand) or `post` (contract)."""

    number: str
    when: str
    summary: str


def history() -> list[Revision]:
    """All revisions that this release knows, oldest first."""
    entries = resources.files("millrace.stores.sql.migrations.versions").iterdir()
    matches = filter(None, (_REVISION.fullmatch(entry.name) for entry in entries))
    return sorted(Revision(one[1], one[2], one[3].replace("_", " ")) for one in matches)


def revisions() -> list[str]:
    """The numbers of all revisions that this release knows, oldest first."""
    return [one.number for one in history()]


def head() -> str:
    """The newest revision that this release knows."""
    return revisions()[-1]


def prepare(database: Database) -> str:
    """Set a new database up, or check that an old one is at our revision; the revision.

    Raises `InvalidState` with the command that mends it for a database that is out of date, newer
    than this release, or not ours.
    """
    held = _current(database)
    if held is None:
        with _alone(database) as connection, _step(connection):
            held = held_in(connection)  # another process may have been quicker
            if held is None:
                _make(connection)
                return head()
    if held != head():
        _check_known(held)
        raise InvalidState(
            f"The database is at schema revision {held}, this release needs {head()}. "
            "Run: millrace db upgrade URI"
        )
    return held


def _check_known(revision: str) -> None:
    if revision not in revisions():
        raise InvalidState(
            f"The database is at schema revision {revision}, which this release does not know (it "
            f"knows {head()}). Start a newer release of Millrace."
        )


def _current(database: Database) -> str | None:
    with database.reading() as session:
        return held_in(session.connection)


def is_ours(database: Database) -> bool:
    """Whether the database holds a schema of ours, of whatever revision."""
    try:
        return _current(database) is not None
    except InvalidState:
        return False


def held_in(connection: Connection) -> str | None:
    """The revision that the database is at; None for an empty one."""
    names = set(inspect(connection).get_table_names())
    if _TABLE not in names:
        if names & set(metadata.tables):
            raise InvalidState(
                "The database holds tables with our names but no schema revision, so it was not "
                "made by Millrace. Choose another database."
            )
        return None
    row = connection.execute(select(_versions.c.version_num)).first()
    found = None if row is None else str(row[0])
    if found is None and names & set(metadata.tables) and not _is_begun(connection):
        raise InvalidState(
            "The database holds tables with our names and an empty table of revisions, so it was "
            "not made by Millrace. Choose another database."
        )
    if found is not None and not found.isdigit():
        raise InvalidState(
            f"The database is at revision {found!r}, which is not one of Millrace's: it belongs to "
            "another program. Choose another database; records of MLflow can be taken over by: "
            "millrace transfer import"
        )
    return found


def _is_begun(connection: Connection) -> bool:
    """Whether a schema without a revision may be one of ours that is being made."""
    return connection.dialect.name in MYSQLS  # the others undo what was not finished


def _make(connection: Connection) -> None:
    """The newest schema at once, marked as such; goes on where it was interrupted.

    The table of revisions comes first: whoever looks meanwhile sees that it is being made.
    """
    _versions.create(connection, checkfirst=True)
    begun = set(inspect(connection).get_table_names()) & set(metadata.tables)
    metadata.create_all(connection)
    for name in begun:
        _complete(connection, metadata.tables[name])
    connection.execute(_versions.delete())
    connection.execute(_versions.insert().values(version_num=head()))


def _complete(connection: Connection, table: Table) -> None:
    """Add the indexes that an interrupted making of *table* left out."""
    there = {one["name"] for one in inspect(connection).get_indexes(table.name)}
    for index in table.indexes:
        if index.name not in there and is_of(index, connection.dialect.name):
            index.create(connection)


def current(uri: str) -> str | None:
    """The revision that the database at *uri* is at; None for an empty one."""
    with opened(uri) as database:
        return _current(database)


# --- upgrades ------------------------------------------------------------------------------------


def upgrade(uri: str, *, to: str | None = None) -> str:
    """Bring the database at *uri* to the newest revision, or as far as *to*; the revision.

    Each revision is a transaction where the database can undo a change of its schema; elsewhere it
    is made of steps that may be taken again. Either way an interrupted upgrade goes on when it is
    called again. Two at once: one works, the other waits and finds it done. Raises `InvalidState`
    for a database that is newer than this release, or not ours.
    """
    with opened(uri) as database:
        if to is None and _current(database) is None:
            return prepare(database)
        with _alone(database) as connection:
            return _climb(connection, to or head())


def _climb(connection: Connection, target: str) -> str:
    from alembic import command  # noqa: PLC0415 - a third of a second, only for this

    known, clashes, following = revisions(), 0, [""]
    while True:
        try:
            with _step(connection):
                held = held_in(connection)
                if held is not None:
                    _check_known(held)
                following = [one for one in known if (held or "") < one <= target]
                if not following:
                    return held or ""
                command.upgrade(_alembic(connection=connection), following[0])
        except DBAPIError as error:
            if fault_of(error) is Fault.CLASH and (clashes := clashes + 1) < _CLASHES:
                continue
            raise Unavailable(
                f"Revision {following[0]} was not completed: {explain(error).message} "
                "Run the upgrade again; it goes on where it stopped."
            ) from error


@contextmanager
def _alone(database: Database) -> Iterator[Connection]:
    """A connection that nobody else's upgrade runs beside."""
    with database.writers.connect() as connection, alone(connection):
        yield connection


@contextmanager
def _step(connection: Connection) -> Iterator[None]:
    """A transaction that changes the schema."""
    if connection.dialect.name != SQLITE:
        with Session(connection).making():
            yield
        return
    # SQLite's lock is the transaction's: somebody else's revision may take longer than a write may.
    until = time.monotonic() + _PATIENCE_S
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(Session(connection).writing())
                break
            except NotBegun:  # it has waited already, as long as a write waits
                if time.monotonic() >= until:
                    raise
        yield


def plan(uri: str, held: str | None, *, connects: bool = True) -> str:
    """The SQL that an upgrade of a database at revision *held* would run.

    Without *connects* the database need not be there; which of two alike it is is then unknown.
    """
    if held == head():
        return ""
    if held is not None:
        _check_known(held)
    if not connects:
        dialect = make_url(uri).get_dialect()()
        return _creation(dialect) if held is None else _changes(held, dialect=dialect.name)
    with opened(uri) as database, database.readers.connect() as connection:
        if held is None:
            return _creation(connection.dialect)
        return _changes(held, connection=connection)


def _changes(held: str, **given: object) -> str:
    from alembic import command  # noqa: PLC0415 - as above

    written = io.StringIO()
    command.upgrade(_alembic(output=written, **given), f"{held}:head", sql=True)
    return written.getvalue()


def _creation(dialect: Dialect) -> str:
    statements: list[str] = []

    def note(statement: Any, *_: object, **__: object) -> None:  # noqa: ANN401 - what SQLAlchemy hands over
        statements.append(str(statement.compile(dialect=dialect)).strip())

    engine = MockConnection(dialect, note)
    _versions.create(engine, checkfirst=False)
    metadata.create_all(engine, checkfirst=False)
    statements.append(f"INSERT INTO {_TABLE} (version_num) VALUES ('{head()}')")  # noqa: S608 - our own number
    return "".join(f"{statement};\n\n" for statement in statements)


def _alembic(**given: object) -> Config:
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config(output_buffer=io.StringIO())
    config.set_main_option("script_location", "millrace.stores.sql:migrations")
    config.attributes.update(given)
    return config


def differences(uri: str) -> list[str]:
    """In which the live schema is not what this release expects, a sentence each."""
    from millrace.stores.sql.differences import found_in  # noqa: PLC0415 - imports Alembic

    with opened(uri) as database, database.reading() as session:
        return found_in(session.connection)
