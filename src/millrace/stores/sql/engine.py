"""Connections to a database: pools, sessions, prepared statements."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Executable, Insert, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import NullPool

from millrace.core import settings
from millrace.core.errors import MissingExtra, Unavailable
from millrace.core.uris import redacted
from millrace.stores.places import NotOpened, WrongPlace
from millrace.stores.sql.dialects import MARIADB, MSSQL, MYSQL, POSTGRESQL, SQLITE, in_bulk
from millrace.stores.sql.drivers import HANDS, Hands
from millrace.stores.sql.faults import explain, fault_of, was_refused
from millrace.stores.sql.turns import Turn, turn_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import URL, Connection, Dialect, Engine
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry
    from sqlalchemy.sql.elements import CompilerElement

POOL_WAIT_S: Final = 5
_ASK_AFTER_S: Final = 10.0

Row = tuple[Any, ...]

WALKS: Final = "walks"
"""The execution option of a statement that is to walk an index in order."""


class Prepared:
    """A statement compiled once for one dialect, run with plain tuples on the driver.

    SQLAlchemy's own execution costs about 60 microseconds a call, as much as a whole hot write may.
    *names* say in which order values are given; without them it is the order of the statement.
    Parameters that have a value are constants.
    """

    __slots__ = ("_constants", "bulk", "names", "places", "sql", "walks")

    def __init__(self, statement: CompilerElement, dialect: Dialect, *names: str) -> None:
        compiled: Any = statement.compile(
            dialect=dialect, column_keys=list(names) if names else None
        )
        order = tuple(compiled.positiontup or ())
        asked = {name for name in order if compiled.binds[name].required}
        names = names or tuple(name for name in dict.fromkeys(order) if name in asked)
        constants = {name: compiled.params[name] for name in order if name not in names}
        if not asked <= set(names) <= set(order):
            raise AssertionError(f"{compiled} takes {order}, not {names}")
        self.sql: Final = str(compiled)
        self.names: Final = names
        self.bulk: Final = in_bulk(statement, dialect) if isinstance(statement, Insert) else None
        """The statement for many rows at once, where the dialect has words for that."""
        options = statement.get_execution_options() if isinstance(statement, Executable) else {}
        self.walks: Final = bool(options.get(WALKS))
        """Whether it is to walk an index in order, whatever the planner would rather do."""
        self._constants = tuple(constants.values())
        given = (*names, *constants)
        self.places: Final = None if order == names else [given.index(name) for name in order]
        """Which value is at which place; None: as they are given."""

    def ordered(self, values: Sequence[object]) -> Sequence[object]:
        """The values in the order of the statement, which may name one more than once."""
        if self.places is None:
            return values
        given = (*values, *self._constants)
        return tuple(given[place] for place in self.places)


class NotBegun(Unavailable):
    """The database lets nobody write now, whatever it is."""

    def __init__(self, error: Exception) -> None:
        super().__init__(explain(error).message)
        self.fault = fault_of(error)


class CommitUnknown(Unavailable):
    """The connection was lost while the database was asked to commit: it may have, or not."""

    def __init__(self, writer: bytes, group: int) -> None:
        super().__init__(
            "The connection to the database was lost while it was writing, and it cannot be asked "
            "whether it did. Look before you try again."
        )
        self.writer = writer
        self.group = group


class Session:
    """One connection in one transaction: prepared statements by tuple, others by SQLAlchemy."""

    __slots__ = ("_hands", "_turn", "_walks", "connection")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._hands: Hands = HANDS[connection.dialect.name](connection.connection.driver_connection)
        self._turn: Turn | None = None
        self._walks = False

    @property
    def turn(self) -> Turn:
        """Our turns to write on this connection."""
        if self._turn is None:
            self._turn = turn_of(self)
        return self._turn

    def begin_reading(self, *, walks: bool) -> None:
        """Begin a transaction that reads; on the driver, for the same reason as in `writing`."""
        self._hands.begin_reading(walks=walks)
        self._walks = walks

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction that holds the write lock from its beginning.

        Begun and ended on the driver: SQLAlchemy's own way costs as much as a small write. What is
        executed through `connection` meanwhile takes part all the same. Raises `NotBegun`, and
        `CommitUnknown` when the answer to COMMIT did not come.
        """
        turn = self.turn
        try:
            self._hands.begin_turn(turn.take)
        except self.connection.dialect.loaded_dbapi.Error as error:
            raise NotBegun(error) from error
        try:
            yield
        except BaseException:
            self._undo()
            raise
        try:
            self._hands.end_turn(turn.end)
            if self.connection.in_transaction():
                self.connection.commit()  # SQLAlchemy's own account of it
        except Exception as error:
            unknown = turn.left_open()
            if unknown is None or was_refused(error):
                raise
            raise CommitUnknown(*unknown) from error
        turn.committed()

    @contextmanager
    def making(self) -> Iterator[None]:
        """A transaction that may change the schema; takes no turn, as there may be no table yet.

        MySQL commits after each statement that changes the schema.
        """
        self._hands.begin()
        try:
            yield
        except BaseException:
            self._undo()
            raise
        self._hands.commit()
        if self.connection.in_transaction():
            self.connection.commit()

    def _undo(self) -> None:
        # A connection that is lost has undone it, too.
        with suppress(DBAPIError, self.connection.dialect.loaded_dbapi.Error):
            self.connection.rollback()
            self._hands.rollback()

    def prepare(self, statement: CompilerElement, *names: str) -> Prepared:
        """Compile *statement* once for this database."""
        return Prepared(statement, self.connection.dialect, *names)

    def rows(self, statement: Prepared, values: Sequence[object] = ()) -> list[Row]:
        """All rows of a prepared SELECT."""
        given = values if statement.places is None else statement.ordered(values)
        return self._hands.rows(statement.sql, given)

    def found_once(self, statement: Prepared, values: Sequence[object] = ()) -> list[Row]:
        """All rows of a prepared search, as `found`, where no transaction was begun."""
        return self._hands.rows_once(
            statement.sql, statement.ordered(values), walks=statement.walks
        )

    def found(self, statement: Prepared, values: Sequence[object] = ()) -> list[Row]:
        """All rows of a prepared search, which walks an index or not, as it says."""
        if statement.walks is not self._walks:
            self._hands.walk(so=statement.walks)
            self._walks = statement.walks
        return self.rows(statement, values)

    def row(self, statement: Prepared, values: Sequence[object] = ()) -> Row | None:
        """The first row of a prepared SELECT, or None."""
        given = values if statement.places is None else statement.ordered(values)
        return self._hands.row(statement.sql, given)

    def run(self, statement: Prepared, values: Sequence[object] = ()) -> int:
        """Run a prepared change; how many rows it touched."""
        given = values if statement.places is None else statement.ordered(values)
        return self._hands.run(statement.sql, given)

    def many(self, statement: Prepared, values: Iterable[Sequence[object]]) -> int:
        """Run a prepared change for each tuple; how many rows were touched in all."""
        if statement.places is not None:
            values = [statement.ordered(one) for one in values]
        return self._hands.many(statement.sql, values, bulk=statement.bulk)

    def together(self) -> AbstractContextManager[object]:
        """Changes within travel together, where the driver can; their counts are not known then."""
        return self._hands.together()

    def select(self, statement: Executable, **values: object) -> list[Row]:
        """All rows of an SQLAlchemy SELECT."""
        return [tuple(row) for row in self.connection.execute(statement, values)]

    def listed(self, statement: Prepared, numbers: Sequence[int]) -> list[Row]:
        """All rows of a prepared SELECT about an array of numbers."""
        return self._hands.rows(statement.sql, (self._hands.array(numbers),))

    def parts(self, statement: Executable, size: int) -> Iterator[Sequence[Row]]:
        """All rows of an SQLAlchemy SELECT, at most *size* of them in memory at a time."""
        options = {"yield_per": size}
        with self.connection.execute(statement, execution_options=options) as result:
            for part in result.partitions():
                yield [tuple(row) for row in part]


class Database:
    """A database with many readers and one writer of ours."""

    def __init__(self, uri: str) -> None:
        try:
            self.url = database_url(uri)
            hands = HANDS[self.url.get_backend_name()]
            hands.check(self.url)
            self.readers = _engine(self.url, hands, writes=False)
            self.writers = _engine(self.url, hands, writes=True)
        except ArgumentError as error:
            raise _no_database(uri) from error
        except (NoSuchModuleError, ModuleNotFoundError) as error:
            raise _missing_driver(uri) from error
        self.dialect: Final = self.readers.dialect.name
        if self.dialect == SQLITE:
            event.listen(self.readers, "begin", _begin_snapshot)

    def prepare(self, statement: CompilerElement, *names: str) -> Prepared:
        """Compile *statement* once; *names* assert the order of its values."""
        return Prepared(statement, self.readers.dialect, *names)

    @contextmanager
    def reading(self, *, once: bool = False, walks: bool = False) -> Iterator[Session]:
        """A consistent snapshot to read from; driver errors become `MillraceError`s.

        *once*: for a single prepared statement, which sees one moment by itself. Where a
        transaction costs more ways there and back, there is none. *walks*: it will probably be
        asked for what walks an index, see `Session.found`.
        """
        try:
            with self.readers.connect() as connection:
                session = Session(connection)
                if not once:
                    session.begin_reading(walks=walks)
                yield session  # what closes it rolls back
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


@contextmanager
def opened(uri: str) -> Iterator[Database]:
    """The database at *uri* for a while; what keeps us out of it is said with its name."""
    database = Database(uri)
    try:
        yield database
    except NotOpened as error:
        raise NotOpened(f"{redacted(uri)}: {error.message}") from error
    finally:
        database.close()


def dialect_named(name: str) -> Dialect:
    """SQLAlchemy's dialect for the driver that we use, without a connection."""
    hands = HANDS[name]
    url = make_url(f"{name}+{hands.driver}://")
    dialect: Dialect = url.get_dialect()(paramstyle=hands.paramstyle)  # type: ignore[call-arg]  # every dialect takes it
    if name == MSSQL:  # known from a connection only; the other way loses the order of rows
        vars(dialect)["_supports_offset_fetch"] = True
    return dialect


# The drivers that others name in their URIs, too: what they are told apart by is not ours to know.
_DRIVERS: Final = {
    SQLITE: {"", "pysqlite"},
    POSTGRESQL: {"", "psycopg", "psycopg2"},
    MYSQL: {"", "pymysql", "mysqldb"},
    MARIADB: {"", "pymysql", "mysqldb", "mariadbconnector"},
    MSSQL: {"", "mssqlpython"},
}


def database_url(uri: str) -> URL:
    """The URL of a database with the driver that we use; raises `WrongPlace`."""
    url = _url(uri)
    name, plus, driver = url.drivername.partition("+")
    known = _DRIVERS.get(name)
    if known is None:
        raise WrongPlace(
            f"Databases of kind {name!r} are not supported; use {', '.join(_DRIVERS)}."
        )
    if driver not in known or (plus and not driver):
        raise WrongPlace(
            f"Millrace does not use the driver {driver!r}: write {name}:// instead of "
            f"{url.drivername}://, and it takes {HANDS[name].driver}."
        )
    return url.set(drivername=f"{name}+{HANDS[name].driver}")


def _url(uri: str) -> URL:
    if "\0" in uri:
        raise _no_database(uri)
    is_short = uri.startswith(("postgres:", "postgres+"))
    try:
        return make_url("postgresql" + uri.removeprefix("postgres") if is_short else uri)
    except (ArgumentError, ValueError):  # which may quote a part of the password
        raise _no_database(uri) from None


def _no_database(uri: str) -> WrongPlace:
    return WrongPlace(
        f"Not a database URI: {uri.partition(':')[0]!r}; expected something like "
        "sqlite:///millrace.db or postgresql://USER:PASSWORD@HOST:PORT/DATABASE, where '@', ':' "
        "and '/' within a password are written %40, %3A and %2F."
    )


def _missing_driver(uri: str) -> MissingExtra:
    name = _url(uri).get_backend_name()
    extra = HANDS[name].extra if name in HANDS else None
    way_out = f" Run: pip install 'millrace[{extra}]'" if extra else ""
    return MissingExtra(f"No driver for {uri.partition(':')[0]!r} is installed.{way_out}")


def _engine(url: URL, hands: type[Hands], *, writes: bool) -> Engine:
    engine = create_engine(
        url,
        hide_parameters=True,
        echo=settings.SQL_ECHO.get(),
        paramstyle=hands.paramstyle,
        pool_recycle=settings.POOL_RECYCLE.get(),
        **_pool(writes=writes),
        **hands.options(url, writes=writes),
    )
    asks = settings.POOL_PRE_PING.get()

    @event.listens_for(engine, "do_connect")
    def connect(
        dialect: Dialect, _entry: ConnectionPoolEntry, args: list[Any], options: dict[str, Any]
    ) -> DBAPIConnection:
        try:
            return dialect.connect(*args, **options)
        except TypeError as error:
            raise WrongPlace(
                f"The driver does not know all options of the URI ({', '.join(url.query)})."
            ) from error

    @event.listens_for(engine, "connect")
    def set_up(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        hands.set_up(connection, writes=writes)

    @event.listens_for(engine, "checkin")
    def note(_connection: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
        entry.info[_IDLE] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def look(connection: DBAPIConnection, entry: ConnectionPoolEntry, _: object) -> None:
        since = entry.info.get(_IDLE)
        if since is None or engine.dialect.name == SQLITE:
            return
        is_old = asks and time.monotonic() - since > _ASK_AFTER_S
        if not hands.is_alive(connection) or (is_old and not _answers(engine, connection)):
            raise DisconnectionError

    return engine


_IDLE: Final = "idle since"


def _pool(*, writes: bool) -> dict[str, Any]:
    if writes:
        return {"pool_size": 1, "max_overflow": 0, "pool_timeout": POOL_WAIT_S}
    if settings.POOL_CLASS.get() == "NullPool":
        return {"poolclass": NullPool}
    return {
        "pool_size": settings.POOL_SIZE.get(),
        # Who was busy last has its statements prepared, and its pages at hand.
        "pool_use_lifo": True,
        "max_overflow": settings.POOL_MAX_OVERFLOW.get(),
        "pool_timeout": POOL_WAIT_S,
    }


def _answers(engine: Engine, connection: DBAPIConnection) -> bool:
    try:
        return engine.dialect.do_ping(connection)
    except engine.dialect.loaded_dbapi.Error:
        return False


def _begin_snapshot(connection: Connection) -> None:
    # Python's driver begins nothing by itself for a SELECT: each would see a state of its own.
    driver: Any = connection.connection.driver_connection
    if not driver.in_transaction:
        driver.execute("BEGIN")


def sqlite_file(uri: str) -> Path | None:
    """The file of a SQLite URI; None for other databases."""
    url = _url(uri)
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return Path(url.database)
