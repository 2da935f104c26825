"""Searches in order, page by page, each page as cheap as the first.

The first order key decides which index is walked. Records that have no value for it come last, in
either direction, so the search goes in stages: those with a number (or text), those with NaN, those
with nothing. A later stage is only asked for when the page is not full yet. A position names its
stage and the sort values of its row.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec
from sqlalchemy import and_, case, func, literal, literal_column, not_, or_, select
from sqlalchemy.sql.util import ClauseAdapter

from millrace.core.filters.ast import Op
from millrace.core.numbers import NAN_KEY
from millrace.core.pages import Position
from millrace.stores.sql.dialects import beginning, is_indexed_by_beginning, leading
from millrace.stores.sql.filters import Shape, holds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.sql.selectable import FromClause

    from millrace.core.filters.ast import Comparison, Field
    from millrace.core.filters.order import OrderKey
    from millrace.stores.sql.engine import Row, Session
    from millrace.stores.sql.filters import Held, Source

NUMBERS, NANS, NOTHING = 0, 1, 2


class SortBy(msgspec.Struct, frozen=True):
    """An expression that rows are sorted by; never NULL where the query looks at it."""

    column: Any
    ascending: bool
    is_long: bool = False
    """Whether an index may hold its beginnings only; see `dialects.leading`."""


class Found(msgspec.Struct, frozen=True):
    """Row ids in order, and where the next page begins."""

    ids: list[int]
    next: Position | None
    beside: list[Any] = []
    """What was asked for beside the ids."""


def find(  # noqa: PLR0913 - what makes a search
    session: Session,
    source: Source,
    where: ColumnElement[bool] | Callable[[ColumnElement[int]], ColumnElement[bool]],
    *,
    order: Sequence[OrderKey],
    ties: Sequence[SortBy],
    limit: int,
    after: Position | None,
    bounds: Sequence[Comparison] = (),
    beside: Any = None,  # noqa: ANN401 - a column
) -> Found:
    """Ids of the records that match *where* and *bounds*, at most *limit*, after *after*.

    *where* may be said of the column with the record's id in the rows that are walked.
    *bounds*: what `bounding` gives; they bound the walk of an index, and nothing but numbers (or
    texts) can satisfy them. *beside*: a column of the records that is wanted, too.
    """
    found: list[Row] = []
    wanted = _wanted(source, beside)
    for stage, (origin, owner, condition, sorts) in enumerate(_stages(source, order)):
        if condition is None or (after is not None and stage < _stage_of(after)):
            continue
        if bounds and stage != NUMBERS:
            break
        keys = [*sorts, *ties]
        query = select(*wanted, *(key.column for key in keys)).select_from(origin)
        query = query.where(where(owner) if callable(where) else where, condition)
        if bounds:
            query = query.where(*_said_of(source, order[0], sorts[0], bounds))
        if after is not None and stage == _stage_of(after):
            query = query.where(_beyond(keys, after[1:]))
        query = query.order_by(*_walked(session, keys)).limit(limit + 1 - len(found))
        size = len(wanted)
        found += [(*row[:size], stage, *row[size:]) for row in session.select(query)]
        if len(found) > limit:
            break
    return _page(found, limit, len(wanted))


def one_query(  # noqa: PLR0913 - what makes a search
    source: Source,
    where: ColumnElement[bool],
    *,
    order: Sequence[OrderKey],
    ties: Sequence[SortBy],
    limit: int,
    after: Sequence[Any] | None,
    beside: Any,  # noqa: ANN401 - a column
) -> Select[Any]:
    """What `find` asks, when each order key is a column of the record that is never NULL.

    Then there is one stage. *after*: the sort values, or parameters for them. `found_by` reads the
    answer.
    """
    ((origin, _, condition, sorts),) = _stages(source, order)
    keys = [*sorts, *ties]
    stage: Any = literal_column(str(NUMBERS))
    wanted = [*_wanted(source, beside), stage, *(key.column for key in keys)]
    query = select(*wanted).select_from(origin).where(where, condition)
    if after is not None:
        query = query.where(_beyond(keys, after))
    walked = (key.column if key.ascending else key.column.desc() for key in keys)
    return query.order_by(*walked).limit(limit + 1)


def found_by(rows: Sequence[Row], limit: int) -> Found:
    """The page in the answer to `one_query`."""
    return _page(rows, limit, 2)


def _wanted(source: Source, beside: Any) -> list[Any]:  # noqa: ANN401 - a column
    return [source.id] if beside is None else [source.id, beside]


def _page(rows: Sequence[Row], limit: int, size: int) -> Found:
    """The first *size* values of each row are what was wanted; the others, its position."""
    shown = rows[:limit]
    return Found(
        [row[0] for row in shown],
        tuple(shown[-1][size:]) if len(rows) > limit else None,
        [row[1] for row in shown] if size > 1 else [],
    )


def bounding(source: Source, first: OrderKey, needed: Sequence[Comparison]) -> list[Comparison]:
    """Those of the comparisons that are about the very column that the order walks."""
    held = source.held(first.field, numeric=False)
    if held is None or held.owner is None:
        return []
    return [
        one
        for one in needed
        if _same(one.field, first.field) and one.op.positive is one.op and _fits(one, held)
    ]


def _said_of(
    source: Source, first: OrderKey, sort: SortBy, bounds: Sequence[Comparison]
) -> list[ColumnElement[bool]]:
    """The bounds as conditions on the column that is sorted by."""
    held = source.held(first.field, numeric=False)
    assert held is not None  # noqa: S101 - or there would be no bounds
    walked = msgspec.structs.replace(held, column=sort.column)
    return [holds(one, walked) for one in bounds]


def _same(one: Field, other: Field) -> bool:
    return (one.entity, one.key, one.aggregate) == (other.entity, other.key, other.aggregate)


def _fits(comparison: Comparison, held: Held) -> bool:
    """Whether the comparison is about the very column that is walked."""
    if comparison.op in {Op.IS_NULL, Op.IS_NOT_NULL}:
        return False
    return comparison.numeric == (held.shape is not Shape.TEXT)


def _stage_of(position: Position) -> int:
    stage = position[0] if position else 0
    return stage if isinstance(stage, int) else 0


def _stages(
    source: Source, order: Sequence[OrderKey]
) -> list[tuple[FromClause, ColumnElement[int], Any, list[SortBy]]]:
    """For each stage: where to select from, the column with the record's id in the rows that are
    walked, what holds there (None: no stage), sort keys."""
    own = source.id
    origin: FromClause = source.table
    if not order:
        return [(origin, own, and_(True), [])]
    rest: list[SortBy] = []
    for place, key in enumerate(order[1:], 1):
        origin, sorts = _later(source, origin, key, place)
        rest += sorts
    first = order[0]
    held = _sortable(source.held(first.field, numeric=False))
    if held is None:
        none = (origin, own, None, rest)
        return [none, none, (origin, own, and_(True), rest)]
    if held.owner is None:
        by = [SortBy(held.column, first.ascending), *rest]
        if not held.is_nullable:
            return [(origin, own, and_(True), by)]
        nothing = (origin, own, held.column.is_(None), rest)
        return [(origin, own, held.column.is_not(None), by), (origin, own, None, []), nothing]
    table = _alias(held.column.table, 0)
    column = table.c[held.column.name]
    row = table.c[held.owner.name]
    matches = and_(row == own, _on(held.rows, table))
    inner = origin.join(table, matches)
    by = [SortBy(column, first.ascending, held.is_long), *rest]
    is_nan = _is_nan(held, column)
    owners = select(held.owner).where(held.rows)
    return [
        (inner, row, and_(True) if is_nan is None else not_(is_nan), by),
        (inner, row, is_nan, rest),
        (origin, own, own.not_in(owners), rest),
    ]


def _sortable(held: Held | None) -> Held | None:
    """Words that are kept as numbers sort as words."""
    if held is None or held.shape is not Shape.NAMED:
        return held
    words = case(dict(held.names), value=held.column)
    return msgspec.structs.replace(held, column=words)


def _is_nan(held: Held, column: Any) -> Any:  # noqa: ANN401 - SQL expressions
    """When a value that is there is NaN; None where that cannot be."""
    if held.shape is Shape.VALUE:
        return column == NAN_KEY
    return column.is_(None) if held.is_nullable and held.owner is not None else None


def _on(rows: Any, alias: FromClause) -> Any:  # noqa: ANN401 - SQL expressions
    """The condition on a table, said of its *alias*."""
    return ClauseAdapter(alias).traverse(rows)


@lru_cache(maxsize=256)
def _alias(table: FromClause, place: int) -> FromClause:  # noqa: ARG001 - one for each place
    """*table* once more, for the order key at that *place*; to make one costs a millisecond."""
    return table.alias()


def _later(
    source: Source, origin: FromClause, key: OrderKey, place: int
) -> tuple[FromClause, list[SortBy]]:
    """Sort expressions of a key that is not the first: missing values and NaNs by rank."""
    held = _sortable(source.held(key.field, numeric=False))
    if held is None:
        return origin, []
    column = held.column
    if held.owner is not None:
        table = _alias(held.column.table, place)
        column = table.c[held.column.name]
        matches = and_(table.c[held.owner.name] == source.id, _on(held.rows, table))
        origin = origin.outerjoin(table, matches)
    elif not held.is_nullable:
        return origin, [SortBy(column, key.ascending)]
    absent = column if held.owner is None else table.c[held.owner.name]
    ranks = [(absent.is_(None), NOTHING)]
    is_nan = _is_nan(held, column)
    if is_nan is not None:
        ranks.append((is_nan, NANS))
    lowest = "" if held.shape is Shape.TEXT else 0
    # A constant where the rank has decided, so that no NULL reaches a comparison.
    value = case((column.is_(None), literal(lowest, column.type)), else_=column)
    return origin, [SortBy(case(*ranks, else_=NUMBERS), True), SortBy(value, key.ascending)]


def _walked(session: Session, keys: Sequence[SortBy]) -> Iterator[ColumnElement[Any]]:
    """What to sort by. Texts sort as their beginnings do, and then as they are: an index of
    beginnings gives nearly that order, so that few rows at a time are left to sort."""
    by_beginning = is_indexed_by_beginning(session.connection.dialect)
    for key in keys:
        columns = [key.column]
        if key.is_long and by_beginning:
            columns.insert(0, leading(key.column))
        yield from (column if key.ascending else column.desc() for column in columns)


def _beyond(keys: Sequence[SortBy], values: Sequence[Any]) -> Any:  # noqa: ANN401 - an SQL expression
    """Rows that sort after *values*: the first key that differs decides."""
    clauses = []
    for place, (key, value) in enumerate(zip(keys, values, strict=True)):
        same = [one.column == at for one, at in zip(keys[:place], values[:place], strict=True)]
        further = key.column > value if key.ascending else key.column < value
        clauses.append(and_(*same, further))
    first, value = keys[0], values[0]
    # Said twice: this plain range is what an index can seek to.
    bound = first.column >= value if first.ascending else first.column <= value
    if first.is_long:
        bound = beginning(bound, first.column, Op.GE if first.ascending else Op.LE, value)
    return and_(bound, or_(*clauses))


# So few records are quicker found first and sorted than met on a walk in order.
RARE: Final = 1_000
# So long it is believed how many they are, and of so many conditions.
_BELIEVED_S: Final = 10.0
_REMEMBERED: Final = 1_000


class Rarity:
    """Which conditions leave few runs, as it was a moment ago.

    That decides about the way to an answer, never about the answer: so it may be a little old. To
    count takes as long as a quarter of a search.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[int, ...], Comparison], tuple[float, bool]] = {}

    def of(
        self, experiments: Sequence[int], comparison: Comparison, count: Callable[[], int]
    ) -> bool:
        """Whether few runs of those experiments satisfy it; *count* need not go beyond that."""
        asked = (tuple(experiments), comparison)
        now = time.monotonic()
        until, rare = self._known.get(asked, (now, False))
        if now >= until:
            rare = count() < RARE
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[asked] = (now + _BELIEVED_S, rare)
        return rare


def up_to_rare(session: Session, comparison: Comparison, held: Held) -> int:
    """How many records satisfy a comparison with rows of theirs, counted as far as it matters."""
    rows = select(held.owner).where(held.rows, holds(comparison, held)).limit(RARE)
    return int(session.select(select(func.count()).select_from(rows.subquery()))[0][0])


def is_positive(comparison: Comparison) -> bool:
    """Whether only records that have such a row can satisfy it."""
    return comparison.op.positive is comparison.op and comparison.op is not Op.IS_NULL
