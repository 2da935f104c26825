"""Connections to a database: pools, pragmas, prepared statements, and what its errors mean."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from millrace.core import settings
from millrace.core.errors import InvalidArgument, MillraceError, MissingExtra, Unavailable
from millrace.core.filters import patterns
from millrace.stores.sql.dialects import check_supported

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.sql.base import Executable
    from sqlalchemy.sql.elements import CompilerElement

logger = logging.getLogger(__name__)

# A writer of another process may hold the file that long before we give up with 503.
BUSY_TIMEOUT_MS: Final = 10_000
READERS: Final = 16
_READ_CACHE_KIB: Final = 8 * 1024
_WRITE_CACHE_KIB: Final = 32 * 1024
# Checkpoints copy pages back and sync the file: rarer means fewer stalls, a longer log.
_CHECKPOINT_PAGES: Final = 4_000

Row = tuple[Any, ...]


class Prepared:
    """A statement compiled once for one dialect, run with plain tuples on the driver.

    SQLAlchemy's own execution costs about 60 microseconds a call, as much as a whole hot write may.
    """

    __slots__ = ("names", "sql")

    def __init__(self, statement: CompilerElement, engine: Engine, *names: str) -> None:
        compiled = statement.compile(engine, column_keys=list(names) if names else None)
        order = tuple(compiled.positiontup or ())  # type: ignore[attr-defined]  # positional styles
        if names and order != names:
            raise AssertionError(f"{compiled} takes {order}, not {names}")
        self.sql: Final = str(compiled)
        self.names: Final = order


class NotBegun(Unavailable):
    """The database lets nobody write now, whatever it is."""


class Session:
    """One connection in one transaction: prepared statements by tuple, others by SQLAlchemy."""

    __slots__ = ("_driver", "connection")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._driver: Any = connection.connection.driver_connection

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction that holds the write lock from its beginning.

        Begun and ended on the driver: SQLAlchemy's own way costs as much as a small write. What is
        executed through `connection` meanwhile takes part all the same. Raises `NotBegun`.
        """
        try:
            self._driver.execute("BEGIN IMMEDIATE")
        except self.connection.dialect.loaded_dbapi.Error as error:
            raise NotBegun(explain(error).message) from error
        try:
            yield
        except BaseException:
            self.connection.rollback()
            self._driver.rollback()
            raise
        if self.connection.in_transaction():
            self.connection.commit()
        self._driver.commit()

    def rows(self, statement: Prepared, values: Sequence[object] = ()) -> list[Row]:
        """All rows of a prepared SELECT."""
        rows: list[Row] = self._driver.execute(statement.sql, values).fetchall()
        return rows

    def row(self, statement: Prepared, values: Sequence[object] = ()) -> Row | None:
        """The first row of a prepared SELECT, or None."""
        row: Row | None = self._driver.execute(statement.sql, values).fetchone()
        return row

    def run(self, statement: Prepared, values: Sequence[object] = ()) -> int:
        """Run a prepared change; how many rows it touched."""
        touched: int = self._driver.execute(statement.sql, values).rowcount
        return touched

    def many(self, statement: Prepared, values: Iterable[Sequence[object]]) -> int:
        """Run a prepared change for each tuple; how many rows were touched in all."""
        touched: int = self._driver.executemany(statement.sql, values).rowcount
        return touched

    def select(self, statement: Executable, **values: object) -> list[Row]:
        """All rows of an SQLAlchemy SELECT."""
        return [tuple(row) for row in self.connection.execute(statement, values)]


class Database:
    """A database with many readers and one writer of ours."""

    def __init__(self, uri: str) -> None:
        try:
            self.url = make_url(uri)
            self.readers = self._engine(size=READERS, cache=_READ_CACHE_KIB)
            self.writers = self._engine(size=1, cache=_WRITE_CACHE_KIB)
            event.listen(self.readers, "begin", _begin_snapshot)
        except ArgumentError as error:
            raise InvalidArgument(
                f"Not a database URI: {uri.partition('://')[0]!r}; expected something like "
                "sqlite:///millrace.db."
            ) from error
        except (NoSuchModuleError, ModuleNotFoundError) as error:
            scheme = uri.partition(":")[0]
            raise MissingExtra(f"No driver for {scheme!r} is installed.") from error
        self.dialect: Final = self.readers.dialect.name

    def prepare(self, statement: CompilerElement, *names: str) -> Prepared:
        """Compile *statement* once; *names* assert the order of its values."""
        return Prepared(statement, self.readers, *names)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A consistent snapshot to read from; driver errors become `MillraceError`s."""
        try:
            with self.readers.connect() as connection, connection.begin():
                yield Session(connection)
        except (DBAPIError, PoolTimeout, self.driver_error) as error:
            raise explain(error) from error

    @property
    def driver_error(self) -> type[Exception]:
        """The driver's own base class of errors."""
        kind: type[Exception] = self.readers.dialect.loaded_dbapi.Error
        return kind

    def close(self) -> None:
        """Let all connections go."""
        self.readers.dispose()
        self.writers.dispose()

    def _engine(self, *, size: int, cache: int) -> Engine:
        check_supported(self.url.get_backend_name())
        if self.url.database in {None, "", ":memory:"} or self.url.query.get("mode") == "memory":
            raise InvalidArgument(
                "A SQLite database in memory belongs to one connection only, and this store has "
                "many. Name a file, as in sqlite:///millrace.db, or use memory: instead."
            )
        engine = create_engine(
            self.url,
            connect_args={"isolation_level": None, "check_same_thread": False, "timeout": 10},
            pool_size=size,
            max_overflow=0,
            pool_timeout=5,
            paramstyle="qmark",
            hide_parameters=True,
        )

        @event.listens_for(engine, "connect")
        def set_up(connection: DBAPIConnection, _record: object) -> None:
            _set_up_sqlite(connection, cache)

        return engine


def _begin_snapshot(connection: Connection) -> None:
    # Python's driver begins nothing by itself for a SELECT: each would see a state of its own.
    connection.exec_driver_sql("BEGIN")


def _set_up_sqlite(connection: Any, cache_kib: int) -> None:  # noqa: ANN401 - a driver's connection
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        f"synchronous={settings.SQLITE_SYNCHRONOUS.get()}",
        f"cache_size=-{cache_kib}",
        "temp_store=MEMORY",
        "mmap_size=268435456",
        f"wal_autocheckpoint={_CHECKPOINT_PAGES}",
        "journal_size_limit=67108864",
    ):
        connection.execute(f"PRAGMA {pragma}").close()
    connection.create_function("re2_search", 2, _re2_search, deterministic=True)


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> Callable[[str], bool]:
    return patterns.rlike(pattern)


def _re2_search(pattern: str, text: str | None) -> bool:
    return text is not None and _compiled(pattern)(text)


def sqlite_file(uri: str) -> Path | None:
    """The file of a SQLite URI; None for other databases."""
    url = make_url(uri)
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return Path(url.database)


_BUSY = ("database is locked", "database table is locked", "busy")
_FULL = ("disk is full", "database or disk is full")
_READ_ONLY = ("readonly", "read-only")


def explain(error: Exception) -> MillraceError:
    """What a driver's error means to a caller. The driver's own words go to the log only."""
    if isinstance(error, MillraceError):
        return error
    logger.error("database error: %s", error)
    text = str(error).lower()
    if isinstance(error, PoolTimeout):
        return Unavailable("All database connections are busy; try again in a moment.")
    for words, message in (
        (_BUSY, "The database is locked by another process; try again in a moment."),
        (_FULL, "The disk of the database is full; nothing was written."),
        (_READ_ONLY, "The database cannot be written at the moment; nothing was written."),
        (("unable to open",), "The database file cannot be opened."),
        (("malformed", "not a database"), "The database file is damaged or no database."),
    ):
        if any(word in text for word in words):
            return Unavailable(message)
    return Unavailable("The database did not do as asked; nothing was written.")
