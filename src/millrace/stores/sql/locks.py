"""One change of the schema at a time: advisory locks, which every database has its own words for.

They last as long as the connection, beyond the transactions in it: databases that commit each
change of the schema at once would let go of anything else.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

_NAME: Final = "millrace-schema"
_NUMBER: Final = 7_405_160_114_229  # PostgreSQL names its locks by numbers
_PATIENCE_S: Final = 3_600

_TAKE: Final = {
    "postgresql": "SELECT pg_advisory_lock(:number)",
    "mysql": "SELECT GET_LOCK(CONCAT(DATABASE(), '/', :name), :patience)",
    "mariadb": "SELECT GET_LOCK(CONCAT(DATABASE(), '/', :name), :patience)",
    "mssql": "EXEC sp_getapplock @Resource = :name, @LockMode = 'Exclusive',"
    " @LockOwner = 'Session', @LockTimeout = -1",
}
_GIVE: Final = {
    "postgresql": "SELECT pg_advisory_unlock(:number)",
    "mysql": "SELECT RELEASE_LOCK(CONCAT(DATABASE(), '/', :name))",
    "mariadb": "SELECT RELEASE_LOCK(CONCAT(DATABASE(), '/', :name))",
    "mssql": "EXEC sp_releaseapplock @Resource = :name, @LockOwner = 'Session'",
}


@contextmanager
def alone(connection: Connection) -> Iterator[None]:
    """Hold the database's lock on schema changes; wait for whoever holds it.

    SQLite needs none: its transactions let one writer in, and undo changes of the schema.
    """
    take = _TAKE.get(connection.dialect.name)
    if take is None:
        yield
        return
    _say(connection, take)
    try:
        yield
    finally:
        if not connection.invalidated:  # a lost connection has let go of it
            _say(connection, _GIVE[connection.dialect.name])


def _say(connection: Connection, words: str) -> None:
    values = {"number": _NUMBER, "name": _NAME, "patience": _PATIENCE_S}
    statement = text(words)
    named = {name: values[name] for name in statement.compile().params}
    connection.execute(statement, named)
    connection.commit()
