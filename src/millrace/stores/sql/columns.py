"""Words of the schema: the kinds of columns and tables, and how each database keeps them.

Shared by `tables` and by the migrations, so that a kind means the same in all of them. Text is
compared by code point whatever the collation of the database is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    func,
    literal_column,
)
from sqlalchemy import String as AnyString
from sqlalchemy import Text as AnyText
from sqlalchemy.types import TypeDecorator

from millrace.stores.sql.dialects import (
    LEADING,
    MSSQL,
    MYSQLS,
    POSTGRESQL,
    SQLITE,
    binary_collation,
)

if TYPE_CHECKING:
    from sqlalchemy import Dialect, MetaData
    from sqlalchemy.schema import SchemaItem
    from sqlalchemy.types import TypeEngine

NAMING: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class String(TypeDecorator[str]):
    """Text of limited length, compared by code point; may be part of a key."""

    impl = AnyString
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        """The dialect's own type."""
        bytes_a_character = 4 if dialect.name == MSSQL else 1  # its lengths are bytes
        kind = AnyString(self.length * bytes_a_character, collation=binary_collation(dialect))
        return dialect.type_descriptor(kind)


class _Text(TypeDecorator[str]):
    """Text of any length, compared by code point."""

    impl = AnyText
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        """The dialect's own type."""
        collation = binary_collation(dialect)
        if dialect.name in MYSQLS:  # its TEXT ends at 64 KiB
            from sqlalchemy.dialects import mysql  # noqa: PLC0415 - of no use elsewhere

            return dialect.type_descriptor(mysql.LONGTEXT(collation=collation))
        if dialect.name == MSSQL:
            from sqlalchemy.dialects import mssql  # noqa: PLC0415 - of no use elsewhere

            return dialect.type_descriptor(mssql.VARCHAR(collation=collation))
        return dialect.type_descriptor(AnyText(collation=collation))


class _Bytes(TypeDecorator[bytes]):
    """Bytes of any length."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[bytes]:
        """The dialect's own type."""
        if dialect.name in MYSQLS:
            from sqlalchemy.dialects import mysql  # noqa: PLC0415 - of no use elsewhere

            return dialect.type_descriptor(mysql.LONGBLOB())
        return dialect.type_descriptor(LargeBinary())


# SQLite counts rows up only for "INTEGER PRIMARY KEY"; the others want 64 bits.
Id: Final = BigInteger().with_variant(Integer, "sqlite")
Text: Final = _Text()
Bytes: Final = _Bytes()
KEY_LENGTH: Final = 250


def clustered(name: str, metadata: MetaData, *parts: SchemaItem) -> Table:
    """A table that is its own primary key's tree (SQLite); elsewhere an ordinary one."""
    return Table(name, metadata, *parts, sqlite_with_rowid=False)


def _only(item: Index | PrimaryKeyConstraint, *dialects: str) -> None:
    """Let *item* exist in those dialects only."""
    item.ddl_if(dialect=dialects)  # type: ignore[arg-type]  # several are taken, too
    item.info["dialects"] = dialects


def is_of(item: SchemaItem, dialect: str) -> bool:
    """Whether *item* is to exist in *dialect*."""
    return dialect in item.info.get("dialects", (dialect,))


def index_by_text(name: str, *columns: Column[Any]) -> None:
    """An index over *columns*, the second of which is text of any length."""
    first, text, *others = columns
    length = {text.name: LEADING}
    whole = Index(name, *columns, mysql_length=length, mariadb_length=length)
    _only(whole, SQLITE, *MYSQLS)
    start = func.left(text, literal_column(str(LEADING)))
    _only(Index(name, first, start, *others), POSTGRESQL)
    _only(Index(name, first, *others), MSSQL)


def index_where_null(name: str, key: Column[Any], column: Column[Any]) -> None:
    """An index that finds the rows whose *column*, of `Bytes`, is NULL."""
    where = column.is_(None)
    partial = Index(name, key, sqlite_where=where, postgresql_where=where, mssql_where=where)
    _only(partial, SQLITE, POSTGRESQL, MSSQL)
    # No partial indexes there: one that holds a byte of each tells as well.
    length = {column.name: 1}
    _only(Index(name, column, mysql_length=length, mariadb_length=length), *MYSQLS)


def without_long_key(table: Table, *near: str) -> None:
    """Leave the primary key of *table* out where it is too long, for MySQL, and index its start.

    Inserts look first there, which `dialects.insert_new` does by itself.
    """
    _only(table.primary_key, SQLITE, POSTGRESQL, MSSQL)
    _only(Index(f"ix_{table.name}_place", *(table.c[name] for name in near)), *MYSQLS)
