"""Words of the schema: the kinds of columns and tables, and how each database keeps them.

Shared by `tables` and by the migrations, so that a kind means the same in all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import BigInteger, Integer, LargeBinary, Table
from sqlalchemy import Text as AnyText

if TYPE_CHECKING:
    from sqlalchemy import MetaData
    from sqlalchemy.schema import SchemaItem

NAMING: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}

# SQLite counts rows up only for "INTEGER PRIMARY KEY"; the others want 64 bits.
Id: Final = BigInteger().with_variant(Integer, "sqlite")
Text: Final = AnyText()
Bytes: Final = LargeBinary()
KEY_LENGTH: Final = 250


def clustered(name: str, metadata: MetaData, *parts: SchemaItem) -> Table:
    """A table that is its own primary key's tree (SQLite); elsewhere an ordinary one."""
    return Table(name, metadata, *parts, sqlite_with_rowid=False)
