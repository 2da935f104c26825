"""In which a live schema differs from `tables`, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from millrace.stores.sql.columns import is_of
from millrace.stores.sql.tables import metadata

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

# What Alembic says is to be done, as what is wrong now.
_SAYINGS: Final = {
    "add_table": "Table {0.name} is missing.",
    "add_index": "Index {0.name} on {0.table.name} is missing.",
    "remove_index": "Index {0.name} on {0.table.name} is none of ours.",
    "add_constraint": "Constraint {0.name} on {0.table.name} is missing.",
    "remove_constraint": "Constraint {0.name} on {0.table.name} is none of ours.",
    "add_fk": "Foreign key {0.name} on {0.table.name} is missing.",
    "remove_fk": "Foreign key {0.name} on {0.table.name} is none of ours.",
    "add_column": "Column {1}.{2.name} is missing.",
    "remove_column": "Column {1}.{2.name} is none of ours.",
}


def found_in(connection: Connection) -> list[str]:
    """A sentence for each difference; tables of others beside ours are left out."""
    context = MigrationContext.configure(
        connection,
        opts={
            "include_name": _is_ours,
            "include_object": lambda item, *_: is_of(item, connection.dialect.name),
            "compare_type": True,
        },
    )
    return [_sentence(one) for one in _flat(compare_metadata(context, metadata))]


def _is_ours(name: str | None, kind: str, _parents: object) -> bool:
    return kind != "table" or name in metadata.tables


def _flat(found: Iterable[Any]) -> Iterable[tuple[Any, ...]]:
    for one in found:
        if isinstance(one, list):
            yield from one
        else:
            yield one


def _sentence(difference: tuple[Any, ...]) -> str:
    kind, *parts = difference
    if kind == "modify_nullable":
        _, table, column, _, is_null, should_be = parts
        words = {True: "nullable", False: "not nullable"}
        return f"Column {table}.{column} should be {words[should_be]}, and is {words[is_null]}."
    if kind in {"modify_type", "modify_default"}:
        _, table, column, _, held, wanted = parts
        what = "of type" if kind == "modify_type" else "of default"
        return f"Column {table}.{column} should be {what} {wanted}, and is {what} {held}."
    return _SAYINGS[kind].format(*parts)
