"""The only place that tells database dialects apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import func, literal
from sqlalchemy.dialects import sqlite

from millrace.core.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement, Table

SUPPORTED: Final = frozenset({"sqlite"})


def check_supported(dialect: str) -> None:
    """Raise `InvalidArgument` for a database that we do not speak to."""
    if dialect not in SUPPORTED:
        raise InvalidArgument(
            f"Databases of kind {dialect!r} are not supported by this version; use sqlite:///FILE."
        )


def insert_new(table: Table) -> sqlite.Insert:
    """An INSERT that passes over rows whose primary key is there already."""
    return sqlite.insert(table).on_conflict_do_nothing()


def upsert(table: Table, *, changed: tuple[str, ...]) -> sqlite.Insert:
    """An INSERT that, where the primary key is there, replaces the *changed* columns instead."""
    statement = sqlite.insert(table)
    return statement.on_conflict_do_update(
        index_elements=[column.name for column in table.primary_key.columns],
        set_={name: statement.excluded[name] for name in changed},
    )


# GLOB is SQLite's case-sensitive match; its own wildcards are quoted as one-character sets.
_GLOB: Final[Mapping[str, str]] = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}


def like(value: ColumnElement[str], pattern: str) -> ColumnElement[bool]:
    """Case-sensitive match with `%` and `_`, no escape."""
    glob = "".join(_GLOB.get(character, character) for character in pattern)
    return value.bool_op("GLOB")(literal(glob))


def fold_ascii(value: ColumnElement[str]) -> ColumnElement[str]:
    """The text with A-Z in lower case and all else as it is: SQLite's lower() knows ASCII only."""
    return func.lower(value)
