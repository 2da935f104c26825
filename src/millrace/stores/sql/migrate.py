"""The life of the schema: made new, checked, upgraded.

Migrations are Alembic revisions in `migrations/versions`, named `NNNN_pre_...` (expand: run before
the new server starts; an old server does not mind) or `NNNN_post_...` (contract: run when no old
server is left). Alembic takes a third of a second to import, so only a database that is not at the
newest revision pays for it: the revisions are known by their file names.
"""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING

from sqlalchemy import Column, MetaData, String, Table, inspect, select

from millrace.core.errors import InvalidState
from millrace.stores.sql.engine import Database, Session
from millrace.stores.sql.tables import metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alembic.config import Config
    from sqlalchemy import Connection


_REVISION = re.compile(r"(\d{4})_(?:pre|post)_\w+\.py")
_TABLE = "alembic_version"
_versions = Table(_TABLE, MetaData(), Column("version_num", String(32), primary_key=True))


def revisions() -> list[str]:
    """All revisions that this release knows, oldest first."""
    return sorted(_found_revisions())


def _found_revisions() -> Iterator[str]:
    for entry in resources.files("millrace.stores.sql.migrations.versions").iterdir():
        match = _REVISION.fullmatch(entry.name)
        if match:
            yield match[1]


def head() -> str:
    """The newest revision that this release knows."""
    return revisions()[-1]


def prepare(database: Database) -> str:
    """Set a new database up, or check that an old one is at our revision; the revision.

    Raises `InvalidState` with the command that mends it for a database that is out of date, newer
    than this release, or not ours.
    """
    held = _current(database)
    if held == head():
        return held
    with database.writers.connect() as connection, Session(connection).writing():
        held = _held_in(connection)  # another process may have been quicker
        if held is None:
            _make(connection)
            return head()
    if held == head():
        return held
    _check_known(held)
    raise InvalidState(
        f"The database is at schema revision {held}, this release needs {head()}. "
        "Run: millrace db upgrade URI"
    )


def _check_known(revision: str) -> None:
    if revision not in revisions():
        raise InvalidState(
            f"The database is at schema revision {revision}, which this release does not know (it "
            f"knows {head()}). Start a newer release of Millrace."
        )


def _current(database: Database) -> str | None:
    with database.reading() as session:
        return _held_in(session.connection)


def _held_in(connection: Connection) -> str | None:
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
    if found is not None and not found.isdigit():
        raise InvalidState(
            f"The database is at revision {found!r}, which is not one of Millrace's: it belongs to "
            "another program. Choose another database."
        )
    return found


def _make(connection: Connection) -> None:
    """The newest schema at once, marked as such."""
    metadata.create_all(connection)
    _versions.create(connection, checkfirst=True)
    connection.execute(_versions.delete())
    connection.execute(_versions.insert().values(version_num=head()))


def current(uri: str) -> str | None:
    """The revision that the database at *uri* is at; None for an empty one."""
    database = Database(uri)
    try:
        return _current(database)
    finally:
        database.close()


def upgrade(uri: str) -> str:
    """Bring the database at *uri* to the newest revision; the revision.

    All of it is one transaction under the database's write lock: an interrupted upgrade changed
    nothing, and two at once do not meet. Raises `InvalidState` for a database that is newer than
    this release, or not ours.
    """
    from alembic import command  # noqa: PLC0415 - a third of a second, only for this

    database = Database(uri)
    try:
        held = _current(database)
        if held is None:
            return prepare(database)
        _check_known(held)
        with database.writers.connect() as connection, Session(connection).writing():
            config = _alembic(connection)
            command.upgrade(config, "head")
        return head()
    finally:
        database.close()


def _alembic(connection: Connection) -> Config:
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", "millrace.stores.sql:migrations")
    config.attributes["connection"] = connection
    return config
