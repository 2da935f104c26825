"""What the drivers of the databases do differently: connecting, transactions, running statements.

Statements on hot paths go straight to the driver as text and plain tuples; see `engine.Prepared`.
"""

from __future__ import annotations

import select
import sqlite3
import struct
import time
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from millrace.core import settings
from millrace.core.filters import patterns
from millrace.stores.places import WrongPlace
from millrace.stores.sql.dialects import MARIADB, MSSQL, MYSQL, POSTGRESQL, SQLITE
from millrace.stores.sql.mounts import mount_table, refuse_network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy import URL

Row = tuple[Any, ...]

# So long we wait for a writer of another process before we give up with 503.
LOCK_WAIT_MS: Final = 10_000
# A writer that hangs within a transaction holds up all others: the server ends it.
_ABANDONED_S: Final = 60
_CONNECT_S: Final = 5


class Hands:
    """One connection of a driver, as a session uses it; by the Python database interface."""

    driver: ClassVar[str]
    """The driver in the words of a URI."""
    extra: ClassVar[str | None] = None
    """The extra that installs it."""
    paramstyle: ClassVar[Literal["qmark", "format"]] = "format"
    """How its statements mark the places of values: one after the other."""

    def __init__(self, connection: Any) -> None:  # noqa: ANN401 - a driver's
        self.connection = connection

    # --- connecting ----------------------------------------------------------------------------

    @classmethod
    def check(cls, url: URL) -> None:
        """Raise `WrongPlace` for a place that cannot be one of ours."""
        if not url.database:
            raise WrongPlace(
                f"The URI names no database; expected {url.get_backend_name()}://USER@HOST/DATABASE."
            )

    @classmethod
    def options(cls, url: URL, *, writes: bool) -> dict[str, Any]:
        """Arguments of `create_engine`."""
        raise NotImplementedError

    @classmethod
    def set_up(cls, connection: Any, *, writes: bool) -> None:  # noqa: ANN401 - a driver's
        """Make a new connection ready."""

    @classmethod
    def is_alive(cls, connection: Any) -> bool:  # noqa: ANN401, ARG003 - a driver's
        """Whether an idle connection still has a server at its other end, as far as we know."""
        return True

    # --- transactions --------------------------------------------------------------------------

    def begin(self) -> None:
        """Begin a transaction that will write."""
        raise NotImplementedError

    def begin_reading(self, *, walks: bool) -> None:
        """Begin a transaction that reads, by `walk` or not; most drivers begin by themselves."""

    def walk(self, *, so: bool) -> None:
        """In this transaction, SELECTs are to walk indexes in order; or not any longer."""

    def commit(self) -> None:
        """End the transaction; returns when it is durable."""
        self.connection.commit()

    def rollback(self) -> None:
        """Undo the transaction."""
        self.connection.rollback()

    def begin_turn(self, take: Callable[[], None]) -> None:
        """Begin a transaction, and *take* the turn in it."""
        self.begin()
        take()

    def end_turn(self, end: Callable[[], None]) -> None:
        """*End* the turn, and commit."""
        end()
        self.commit()

    # --- statements ----------------------------------------------------------------------------

    def rows(self, sql: str, values: Sequence[object]) -> list[Row]:
        """All rows of a SELECT."""
        with self.connection.cursor() as cursor:
            cursor.execute(sql, values)
            return list(cursor.fetchall())

    def rows_once(self, sql: str, values: Sequence[object], *, walks: bool) -> list[Row]:
        """All rows of a SELECT outside of any transaction, which walks an index or not."""
        self.begin_reading(walks=walks)
        try:
            return self.rows(sql, values)
        finally:
            self.rollback()

    def row(self, sql: str, values: Sequence[object]) -> Row | None:
        """The first row of a SELECT, or None."""
        rows = self.rows(sql, values)
        return rows[0] if rows else None

    def run(self, sql: str, values: Sequence[object]) -> int:
        """Run a change; how many rows it touched."""
        with self.connection.cursor() as cursor:
            cursor.execute(sql, values)
            return int(cursor.rowcount)

    def together(self) -> AbstractContextManager[object]:
        """Statements within travel together, where the driver can."""
        return nullcontext()

    @staticmethod
    def array(numbers: Sequence[int]) -> object:
        """Whole numbers as one value, for a statement that takes them so."""
        raise NotImplementedError

    def many(
        self,
        sql: str,
        values: Iterable[Sequence[object]],
        *,
        bulk: str | None,  # noqa: ARG002 - for those who can
    ) -> int:
        """Run a change for each tuple; how many rows were touched in all."""
        with self.connection.cursor() as cursor:
            cursor.executemany(sql, list(values))
            return int(cursor.rowcount)


# --- SQLite ------------------------------------------------------------------------------------

_READ_CACHE_KIB: Final = 8 * 1024
_WRITE_CACHE_KIB: Final = 32 * 1024
# Checkpoints copy pages back and sync the file: rarer means fewer stalls, a longer log.
_CHECKPOINT_PAGES: Final = 4_000


class SqliteHands(Hands):
    """Python's own `sqlite3`, with transactions by our word only."""

    driver = "pysqlite"
    paramstyle = "qmark"

    @classmethod
    def check(cls, url: URL) -> None:
        """Raise `WrongPlace` for a database that only one connection could see, or many hosts."""
        if not url.database or url.database == ":memory:" or url.query.get("mode") == "memory":
            raise WrongPlace(
                "A SQLite database in memory belongs to one connection only, and this store has "
                "many. Name a file, as in sqlite:///millrace.db, or use memory: instead."
            )
        refuse_network(Path(url.database), mount_table())

    @classmethod
    def options(cls, url: URL, *, writes: bool) -> dict[str, Any]:  # noqa: ARG003 - as declared
        """Arguments of `create_engine`."""
        return {
            "connect_args": {"isolation_level": None, "check_same_thread": False, "timeout": 10},
        }

    @classmethod
    def set_up(cls, connection: Any, *, writes: bool) -> None:  # noqa: ANN401 - a driver's
        """Set pragmas, and give it our patterns."""
        for pragma in (
            f"busy_timeout={LOCK_WAIT_MS}",
            "journal_mode=WAL",
            f"synchronous={settings.SQLITE_SYNCHRONOUS.get()}",
            f"cache_size=-{_WRITE_CACHE_KIB if writes else _READ_CACHE_KIB}",
            "temp_store=MEMORY",
            "mmap_size=268435456",
            f"wal_autocheckpoint={_CHECKPOINT_PAGES}",
            "journal_size_limit=67108864",
        ):
            _set(connection, pragma)
        connection.create_function("re2_search", 2, _re2_search, deterministic=True)

    def begin(self) -> None:
        """Begin with the write lock: a later upgrade could fail."""
        self.connection.execute("BEGIN IMMEDIATE")

    def begin_reading(self, *, walks: bool) -> None:  # noqa: ARG002 - it does so anyway
        """Begin, so that all that is read is of one moment."""
        self.connection.execute("BEGIN")

    # Without a cursor of our own: these are the hottest lines of the store.

    def rows(self, sql: str, values: Sequence[object]) -> list[Row]:
        """All rows of a SELECT."""
        rows: list[Row] = self.connection.execute(sql, values).fetchall()
        return rows

    def row(self, sql: str, values: Sequence[object]) -> Row | None:
        """The first row of a SELECT, or None."""
        row: Row | None = self.connection.execute(sql, values).fetchone()
        return row

    def run(self, sql: str, values: Sequence[object]) -> int:
        """Run a change; how many rows it touched."""
        touched: int = self.connection.execute(sql, values).rowcount
        return touched

    def many(
        self,
        sql: str,
        values: Iterable[Sequence[object]],
        *,
        bulk: str | None,  # noqa: ARG002 - as declared
    ) -> int:
        """Run a change for each tuple; how many rows were touched in all."""
        touched: int = self.connection.executemany(sql, values).rowcount
        return touched


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> Callable[[str], bool]:
    return patterns.rlike(pattern)


def _re2_search(pattern: str, text: str | None) -> bool:
    return text is not None and _compiled(pattern)(text)


def _set(connection: sqlite3.Connection, pragma: str) -> None:
    """Set one, also while others open the same new file.

    Who turns a file to WAL is told at once that it is locked, whatever the busy timeout is.
    """
    end = time.monotonic() + LOCK_WAIT_MS / 1000
    while True:
        try:
            connection.execute(f"PRAGMA {pragma}").close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.01)
        else:
            return


# --- PostgreSQL --------------------------------------------------------------------------------


class PsycopgHands(Hands):
    """psycopg 3, in autocommit mode, so that transactions begin by our word only."""

    driver = "psycopg"
    extra = "postgres"

    @classmethod
    def options(cls, url: URL, *, writes: bool) -> dict[str, Any]:  # noqa: ARG003 - as declared
        """Arguments of `create_engine`."""
        return {
            "isolation_level": "AUTOCOMMIT",
            "use_native_hstore": False,
            "connect_args": {
                "connect_timeout": _CONNECT_S,
                # A server that vanished without a word is noticed.
                "keepalives_idle": 30,
                "keepalives_interval": 10,
                "keepalives_count": 3,
                "application_name": "millrace",
            },
        }

    @classmethod
    def set_up(cls, connection: Any, *, writes: bool) -> None:  # noqa: ANN401 - a driver's
        """Let whole numbers have one type, and a lost writer not hold its lock for ever."""
        from psycopg.adapt import Dumper  # noqa: PLC0415 - optional
        from psycopg.pq import Format  # noqa: PLC0415 - as above
        from psycopg.types.numeric import Int8BinaryDumper, Int8Dumper  # noqa: PLC0415 - as above

        class NumbersDumper(Dumper):
            format = Format.BINARY
            oid = _INT8_ARRAY

            def dump(self, obj: _Numbers) -> bytes:
                return obj

        # By default each size of number makes another statement to prepare.
        connection.adapters.register_dumper(int, Int8Dumper)
        connection.adapters.register_dumper(int, Int8BinaryDumper)
        connection.adapters.register_dumper(_Numbers, NumbersDumper)
        was_autocommit, connection.autocommit = connection.autocommit, True
        if writes:
            connection.execute(
                f"SET lock_timeout = {LOCK_WAIT_MS};"
                f" SET idle_in_transaction_session_timeout = {_ABANDONED_S * 1000}"
            )
        connection.autocommit = was_autocommit

    @classmethod
    def is_alive(cls, connection: Any) -> bool:  # noqa: ANN401 - a driver's
        """Whether the server has said nothing: to an idle client it says good-bye only."""
        return not connection.closed and not _is_readable(connection.pgconn.socket)

    def begin_reading(self, *, walks: bool) -> None:
        """Begin, so that all that is read is of one moment."""
        self.connection.execute(_BEGIN_WALKING if walks else _BEGIN_READING, prepare=False)

    def walk(self, *, so: bool) -> None:
        """Forbid the planner to sort, and to gather rows out of order; or let it again.

        Its statistics tell it nothing of what was logged a minute ago. A plan that is forced
        needs no values to be made with, so it is made once.
        """
        self.connection.execute(_WALK if so else _PLAN_FREELY, prepare=False)

    def begin(self) -> None:
        """Begin; who writes takes its turn at the row of `turns`."""
        self.connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")

    def rows(self, sql: str, values: Sequence[object]) -> list[Row]:
        """All rows of a SELECT; as text, bytes would travel in twice as many characters."""
        answer = self.connection.execute(sql, values, binary=True, prepare=True)
        rows: list[Row] = answer.fetchall()
        return rows

    def rows_once(self, sql: str, values: Sequence[object], *, walks: bool) -> list[Row]:
        """All rows of a SELECT, in one way there and back.

        What is piped together is one transaction, for which the planner's orders hold.
        """
        if not walks:
            return self.rows(sql, values)
        with self.together():
            self.connection.execute(_WALK_IN_A_ROW, prepare=True)
            answer = self.connection.execute(sql, values, binary=True, prepare=True)
        return list(answer.fetchall())

    def run(self, sql: str, values: Sequence[object]) -> int:
        """Run a change; how many rows it touched."""
        touched: int = self.connection.execute(sql, values).rowcount
        return touched

    def together(self) -> AbstractContextManager[object]:
        """The driver's pipeline: one way there and back for all."""
        pipeline: AbstractContextManager[object] = self.connection.pipeline()
        return pipeline

    def begin_turn(self, take: Callable[[], None]) -> None:
        """Begin and take the turn in one way there and back."""
        with self.together():
            super().begin_turn(take)

    def end_turn(self, end: Callable[[], None]) -> None:
        """End the turn and commit in one way there and back."""
        with self.together():
            super().end_turn(end)

    @staticmethod
    def array(numbers: Sequence[int]) -> object:
        """Whole numbers as one value, which a thousand of them do not make slower."""
        return _array(tuple(numbers))

    def commit(self) -> None:
        """End the transaction."""
        self.connection.execute("COMMIT")

    def many(self, sql: str, values: Iterable[Sequence[object]], *, bulk: str | None) -> int:
        """Run a change for each tuple; in one statement, an array for each column."""
        rows = values if isinstance(values, list) else list(values)
        if not rows:
            return 0
        if bulk is None:
            return super().many(sql, rows, bulk=bulk)
        arrays = [_array(column) for column in zip(*rows, strict=True)]
        touched: int = self.connection.execute(bulk, arrays).rowcount
        return touched


_BEGIN_READING: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ"
# What is forbidden costs so much on paper that PostgreSQL would compile what cannot do without.
_WALKING: Final = {
    "enable_sort": "off",
    "enable_bitmapscan": "off",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
}
_WALK: Final = "; ".join(f"SET LOCAL {name} = {value}" for name, value in _WALKING.items())
# A pipeline takes one statement at a time.
_WALK_IN_A_ROW: Final = "SELECT " + ", ".join(
    f"set_config('{name}', '{value}', true)" for name, value in _WALKING.items()
)
_PLAN_FREELY: Final = (
    "SET LOCAL enable_sort = on; SET LOCAL enable_bitmapscan = on; SET LOCAL plan_cache_mode = auto"
)
_BEGIN_WALKING: Final = f"{_BEGIN_READING}; {_WALK}"


class _Numbers(bytes):
    """An array of whole numbers as it travels."""

    __slots__ = ()


def _array(column: tuple[Any, ...]) -> object:
    if type(column[0]) is not int or None in column:
        return list(column)
    # Packed here: the driver would take a microsecond for each.
    count = len(column)
    lengths_and_numbers = [8] * (2 * count)
    lengths_and_numbers[1::2] = column
    head = struct.pack("!iiIii", 1, 0, _INT8, count, 1)
    return _Numbers(head + struct.pack("!" + "iq" * count, *lengths_and_numbers))


_INT8, _INT8_ARRAY = 20, 1016  # PostgreSQL's numbers of these types


def _is_readable(socket: Any) -> bool:  # noqa: ANN401 - a socket or its number
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))


# --- MySQL, MariaDB ----------------------------------------------------------------------------


# Texts sort by so many bytes, by default 1,024; the longest that runs sort by, a tag, has 8,000
# characters of up to four bytes.
_SORTED_BYTES: Final = 32_768


def _mysql_tls() -> dict[str, Any]:
    files = {
        "ca": settings.MYSQL_SSL_CA.get(),
        "cert": settings.MYSQL_SSL_CERT.get(),
        "key": settings.MYSQL_SSL_KEY.get(),
    }
    named = {name: file for name, file in files.items() if file}
    return {"ssl": named} if named else {}


class PyMySqlHands(Hands):
    """PyMySQL, for MySQL and MariaDB."""

    driver = "pymysql"
    extra = "mysql"

    @classmethod
    def options(cls, url: URL, *, writes: bool) -> dict[str, Any]:  # noqa: ARG003 - as declared
        """Arguments of `create_engine`."""
        return {
            "isolation_level": "READ COMMITTED" if writes else "REPEATABLE READ",
            "connect_args": {"charset": "utf8mb4", "connect_timeout": _CONNECT_S} | _mysql_tls(),
        }

    @classmethod
    def set_up(cls, connection: Any, *, writes: bool) -> None:  # noqa: ANN401 - a driver's
        """Compare literals as columns are, refuse what does not fit, and let 0 be an id."""
        is_mariadb = "MariaDB" in connection.get_server_info()
        collation = "utf8mb4_nopad_bin" if is_mariadb else "utf8mb4_0900_bin"
        wait_s = LOCK_WAIT_MS // 1000
        with connection.cursor() as cursor:
            cursor.execute(f"SET NAMES utf8mb4 COLLATE {collation}")
            cursor.execute(
                "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,"
                "NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO',"
                f" innodb_lock_wait_timeout = {wait_s}, max_sort_length = {_SORTED_BYTES}"
            )
            if writes and is_mariadb:
                cursor.execute(f"SET SESSION idle_transaction_timeout = {_ABANDONED_S}")

    @classmethod
    def is_alive(cls, connection: Any) -> bool:  # noqa: ANN401 - a driver's
        """Whether the server has said nothing: to an idle client it says good-bye only."""
        return bool(connection.open) and not _is_readable(connection._sock)  # noqa: SLF001 - no other way

    def begin(self) -> None:
        """Begin; who writes takes its turn at the row of `turns`."""
        self.connection.begin()


class MssqlHands(Hands):
    """mssql-python. Compiled for, and never run against a server."""

    driver = "mssqlpython"
    extra = "mssql"
    paramstyle = "qmark"

    @classmethod
    def options(cls, url: URL, *, writes: bool) -> dict[str, Any]:  # noqa: ARG003 - as declared
        """Arguments of `create_engine`."""
        isolation = "READ COMMITTED" if writes else "SNAPSHOT"
        return {"isolation_level": isolation}

    def begin(self) -> None:
        """Nothing to do: the driver begins with the first statement."""


HANDS: Final[Mapping[str, type[Hands]]] = {
    SQLITE: SqliteHands,
    POSTGRESQL: PsycopgHands,
    MYSQL: PyMySqlHands,
    MARIADB: PyMySqlHands,
    MSSQL: MssqlHands,
}
