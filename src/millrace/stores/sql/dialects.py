"""The only place that tells database dialects apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import func, literal
from sqlalchemy.dialects import postgresql, sqlite

from millrace.core.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement, Table
    from sqlalchemy.sql.dml import Insert

SQLITE: Final = "sqlite"


def insert_new(table: Table, dialect: str) -> Insert:
    """An INSERT that passes over rows whose primary key is there already."""
    match dialect:
        case "sqlite":
            return sqlite.insert(table).on_conflict_do_nothing()
        case "postgresql":
            return postgresql.insert(table).on_conflict_do_nothing()
    raise InvalidArgument(f"The database dialect {dialect!r} is not supported.")


def upsert(table: Table, dialect: str, *, changed: tuple[str, ...]) -> Insert:
    """An INSERT that, where the primary key is there, replaces the *changed* columns instead."""
    statement: sqlite.Insert | postgresql.Insert
    match dialect:
        case "sqlite":
            statement = sqlite.insert(table)
        case "postgresql":
            statement = postgresql.insert(table)
        case _:
            raise InvalidArgument(f"The database dialect {dialect!r} is not supported.")
    return statement.on_conflict_do_update(
        index_elements=[column.name for column in table.primary_key.columns],
        set_={name: statement.excluded[name] for name in changed},
    )


# GLOB is SQLite's case-sensitive match; its own wildcards are quoted as one-character sets.
_GLOB: Final[Mapping[str, str]] = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}


def like(value: ColumnElement[str], pattern: str, dialect: str) -> ColumnElement[bool]:
    """Case-sensitive match with `%` and `_`, no escape."""
    if dialect == SQLITE:
        glob = "".join(_GLOB.get(character, character) for character in pattern)
        return value.bool_op("GLOB")(literal(glob))
    return value.like(pattern.replace("\\", "\\\\"), escape="\\")


def fold_ascii(value: ColumnElement[str], dialect: str) -> ColumnElement[str]:
    """The text with A-Z in lower case and all else as it is."""
    if dialect == SQLITE:  # without ICU its lower() knows ASCII only
        return func.lower(value)
    upper, lower = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"
    return func.translate(value, upper, lower)
