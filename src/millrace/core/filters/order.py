"""The order of search results: sort keys read from text, and how they sort in memory.

In either direction: values first, then NaN, then records without a value. Text sorts by code
point, params included. Ties are left to further keys; `FieldTable.default_order` leaves none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from millrace.core.errors import InvalidArgument
from millrace.core.filters.ast import Field, Scalar, settled
from millrace.core.filters.lexer import (
    Kind,
    Piece,
    Source,
    Token,
    check_text,
    shown,
    tokenize,
)
from millrace.core.filters.parser import read_field
from millrace.core.numbers import key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from millrace.core.filters.evaluate import Lookup
    from millrace.core.filters.fields import FieldRow, FieldTable

E = TypeVar("E")
Place: TypeAlias = tuple[tuple[int, Any], ...]
"""Where a record stands: for each key whether it has a value, and what sorts as the value does."""

MAX_KEYS = 10

_VALUE: Final = 0
_NAN: Final = 1
_MISSING: Final = 2


class OrderKey(Struct, frozen=True):
    """One key to sort by."""

    field: Field
    ascending: bool = True
    digits: bool = False
    """Values are text made of digits, sorted by their number (`FieldRow.sorts_as_number`)."""


def parse(texts: Sequence[str], table: FieldTable) -> tuple[OrderKey, ...]:
    """Read sort keys such as `metrics.loss DESC`; a repeated key is dropped, it cannot matter."""
    if len(texts) > MAX_KEYS:
        raise InvalidArgument(f"order_by has {len(texts):,} keys; at most {MAX_KEYS} are allowed.")
    return _distinct(
        _key(_clause(text, number), table) for number, text in enumerate(texts, start=1)
    )


def named(name: str, table: FieldTable, *, ascending: bool = True) -> OrderKey:
    """The key for a field named outside any text: all after `metrics.` is the key, unquoted."""
    source = Source(name, "Order field", "Invalid order_by field", "order_by")
    check_text(source)
    word, dot, key = name.partition(".")
    pieces = (Piece(word, ""), Piece(key, "`")) if dot else (Piece(name, "`"),)
    field, row = read_field(Token(Kind.PATH, name, 0, pieces), table, source)
    return _order_key(field, row, source, ascending=ascending)


def resolve(keys: Iterable[OrderKey], has_metric: Callable[[str], bool]) -> tuple[OrderKey, ...]:
    """Settle ambiguous metric names, as `ast.resolve` does in filters."""
    return _distinct(replace(key, field=settled(key.field, has_metric)) for key in keys)


def sort_key(keys: Sequence[OrderKey], lookup: Lookup[E]) -> Callable[[E], Place]:
    """A key function for `sorted`, `min`, `heapq.nsmallest`, … over records; any direction mix."""
    return lambda record: tuple(_place(key, lookup(record, key.field)) for key in keys)


def _clause(text: str, number: int) -> Source:
    where = f"order_by[{number - 1}]"
    return Source(text, f"Order key {number}", f"Invalid order_by clause {number}", where)


def _key(source: Source, table: FieldTable) -> OrderKey:
    path, *rest = tokenize(source)
    if path.kind is not Kind.PATH:
        raise source.clause_error(path.at, f"expected a field to sort by, found {path.shown}.")
    field, row = read_field(path, table, source)
    ascending = rest[0].word != "DESC"
    stray = rest[1] if rest[0].word in ("ASC", "DESC") else rest[0]
    if stray.kind is not Kind.END:
        wanted = "ASC, DESC or the end" if stray is rest[0] else "the end"
        raise source.clause_error(
            stray.at, f"expected {wanted}, found {stray.shown}.", "Give one key in each string."
        )
    return _order_key(field, row, source, ascending=ascending)


def _order_key(field: Field, row: FieldRow, source: Source, *, ascending: bool) -> OrderKey:
    if not row.sortable:
        raise source.error(
            field.at, f"{shown(row.spelling)} has several values; nothing can be sorted by it."
        )
    return OrderKey(field, ascending, row.sorts_as_number)


def _distinct(keys: Iterable[OrderKey]) -> tuple[OrderKey, ...]:
    first: dict[tuple[object, ...], OrderKey] = {}
    for key in keys:
        field = key.field
        first.setdefault((field.entity, field.key, field.aggregate, field.alternative), key)
    return tuple(first.values())


def _place(key: OrderKey, values: Sequence[Scalar]) -> tuple[int, object]:
    if not values:
        return _MISSING, 0
    value = values[0]
    if key.digits and isinstance(value, str):
        if not (value.isascii() and value.isdigit()):
            return _MISSING, 0
        value = int(value)
    if isinstance(value, str):
        return _VALUE, value if key.ascending else _Descending(value)
    if value != value:  # noqa: PLR0124 - the cheapest test for NaN
        return _NAN, 0
    if isinstance(value, float):
        value = key_of(value)  # both zeros sorted as one would cost the databases their indexes
    return _VALUE, value if key.ascending else -value


def descending(text: str) -> object:
    """What sorts as *text* does, backwards."""
    return _Descending(text)


class _Descending(Struct, frozen=True):
    """Text that sorts backwards."""

    text: str

    def __lt__(self, other: _Descending) -> bool:
        return self.text > other.text
