"""What revisions are made of: steps that may be taken again.

Not every database undoes a half-made revision (MariaDB commits each change of the schema at once),
so each step looks whether it was taken already. Written as SQL (`upgrade --dry-run`) there is
nothing to look at, and all steps are there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alembic import context, op
from sqlalchemy import MetaData, Table, inspect
from sqlalchemy.schema import CreateTable

from millrace.stores.sql.columns import is_of

if TYPE_CHECKING:
    from sqlalchemy import Column, Index


def add_table(table: Table) -> None:
    """Create *table* with its indexes."""
    if table.name not in _names():
        op.execute(CreateTable(table))
    for index in sorted(table.indexes, key=lambda one: str(one.name)):
        add_index(index)


def add_index(index: Index) -> None:
    """Create *index*, which is bound to a table as the revision knows it."""
    table = index.table
    assert table is not None  # noqa: S101 - for the type checker
    is_wanted = is_of(index, op.get_context().dialect.name)
    if is_wanted and str(index.name) not in _indexes_of(table.name):
        op.get_context().impl.create_index(index)


def add_column(table: str, column: Column[Any]) -> None:
    """Add *column*, which may be null or has a default in the database: old servers leave it out.

    Raises `ValueError` for any other.
    """
    if not (column.nullable or column.server_default):
        raise ValueError(f"{table}.{column.name} must be nullable or have a server default.")
    if column.name not in _columns_of(table):
        op.add_column(table, column)


def known(name: str, *columns: Column[Any]) -> Table:
    """A table as far as a revision needs to know it, to build an index or a statement on."""
    return Table(name, MetaData(), *columns)


def _names() -> set[str]:
    return set() if context.is_offline_mode() else set(inspect(op.get_bind()).get_table_names())


def _indexes_of(table: str) -> set[str]:
    if context.is_offline_mode():
        return set()
    return {str(one["name"]) for one in inspect(op.get_bind()).get_indexes(table)}


def _columns_of(table: str) -> set[str]:
    if context.is_offline_mode():
        return set()
    return {one["name"] for one in inspect(op.get_bind()).get_columns(table)}
