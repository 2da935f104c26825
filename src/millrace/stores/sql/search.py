"""Searches in order, page by page, each page as cheap as the first.

The first order key decides which index is walked. Records that have no value for it come last, in
either direction, so the search goes in stages: those with a number (or text), those with NaN, those
with nothing. A later stage is only asked for when the page is not full yet. A position names its
stage and the sort values of its row.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, cast

import msgspec
from sqlalchemy import and_, bindparam, case, func, literal, literal_column, not_, or_, select, true
from sqlalchemy.sql.util import ClauseAdapter

from millrace.core.filters.ast import Op
from millrace.core.numbers import INT64_MAX, NAN_KEY
from millrace.core.pages import Position
from millrace.stores.sql.dialects import (
    beginning,
    is_indexed_by_beginning,
    leading,
    walks_apart,
)
from millrace.stores.sql.engine import WALKS
from millrace.stores.sql.filters import Shape, holds

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement, Dialect, Select
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


class Where(Protocol):
    """What holds of records, when *row* is their id in the rows that are walked."""

    def __call__(self, row: ColumnElement[int], /, *, apart: bool) -> ColumnElement[bool]:
        """The condition; *apart*: each record is looked up by its id, and by nothing else."""
        ...


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What makes a search but for its limit and position."""

    source: Source
    where: Where
    order: Sequence[OrderKey]
    ties: Sequence[SortBy]
    bounds: Sequence[Comparison] = ()
    """What `bounding` gives; they bound the walk of an index, and nothing but numbers (or texts)
    can satisfy them."""
    beside: Any = None
    """A column of the records that is wanted, too."""
    limit: int | None = None
    """Written out where the way does not depend on values: PostgreSQL then plans it only once."""
    of_walked: Callable[[ColumnElement[int]], ColumnElement[bool]] | None = None
    """With this the index of the first order key is to be walked until a page is full: conditions
    on what belongs to the record, said of the rows that are walked; *where* has the others."""


def find(  # noqa: PLR0913 - what makes a search
    session: Session,
    source: Source,
    where: ColumnElement[bool],
    *,
    order: Sequence[OrderKey],
    ties: Sequence[SortBy],
    limit: int,
    after: Position | None,
    bounds: Sequence[Comparison] = (),
    beside: Any = None,  # noqa: ANN401 - a column
) -> Found:
    """Ids of the records that match *where* and *bounds*, at most *limit*, after *after*."""

    def said(_row: ColumnElement[int], /, *, apart: bool) -> ColumnElement[bool]:  # noqa: ARG001 - as declared
        return where

    asked = Asked(source=source, where=said, order=order, ties=ties, bounds=bounds, beside=beside)
    return in_stages(session, asked, limit, after)


def in_stages(session: Session, asked: Asked, limit: int, after: Position | None) -> Found:
    """What was asked, built anew."""

    def rows(stage: int, values: Mapping[str, Any]) -> Sequence[Row]:
        query = statement(session.connection.dialect, asked, stage, goes_on="after_1" in values)
        return () if query is None else session.select(query, **values)

    return page_of(
        rows, limit, after, is_bounded=bool(asked.bounds), has_beside=asked.beside is not None
    )


def page_of(
    rows: Callable[[int, Mapping[str, Any]], Sequence[Row]],
    limit: int,
    after: Position | None,
    *,
    is_bounded: bool,
    has_beside: bool,
) -> Found:
    """A page, from stage to stage until it is full.

    *rows* gives those of a stage, for the parameters of its `statement`; *has_beside*: a column is
    wanted of them beside their id.
    """
    size = 2 if has_beside else 1
    found: list[Row] = []
    for stage in (NUMBERS, NANS, NOTHING):
        if after is not None and stage < stage_of(after):
            continue
        if is_bounded and stage != NUMBERS:
            break
        values: dict[str, Any] = {"limit": limit + 1 - len(found)}
        if after is not None and stage == stage_of(after):
            values.update((f"after_{place}", one) for place, one in enumerate(after) if place)
        found += [(*row[:size], stage, *row[size:]) for row in rows(stage, values)]
        if len(found) > limit:
            break
    return _page(found, limit, size)


def statement(dialect: Dialect, asked: Asked, stage: int, *, goes_on: bool) -> Select[Any] | None:
    """What a stage is asked; None where nothing can be in it.

    Its parameters are the `limit` and, where it *goes_on* after a position, `after_1` and so on.
    """
    source, order = asked.source, asked.order
    stages = _stages(source, order)
    if stage >= len(stages) or stages[stage][2] is None:
        return None
    origin, owner, condition, sorts = stages[stage]
    keys = [*sorts, *asked.ties]
    conditions = [condition]
    if asked.bounds:
        conditions += _said_of(source, order[0], sorts[0], asked.bounds)
    if asked.of_walked is not None:
        conditions.append(asked.of_walked(owner))
        can_walk = stage == NUMBERS and len(order) == 1 and owner is not source.id
        if can_walk and not sorts[0].is_long and walks_apart(dialect):
            held = source.held(order[0].field, numeric=False)
            assert held is not None  # noqa: S101 - or there would be no such stage
            conditions.append(_on(held.rows, owner.table))
            return _walked_apart(asked, _Walk(owner, sorts[0], conditions), goes_on=goes_on)
    wanted = _wanted(source, asked.beside)
    query = select(*wanted, *(key.column for key in keys)).select_from(origin)
    where = asked.where(owner, apart=False)
    query = query.where(where, *conditions)
    if goes_on:
        query = query.where(beyond_position(keys))
    limit = _limit(asked) if stage == NUMBERS else _LIMIT
    return query.order_by(*_in_order(dialect, keys)).limit(limit)


def beyond_position(keys: Sequence[SortBy]) -> ColumnElement[bool]:
    """Rows after the position that the parameters `after_1` and so on are."""
    return cast("ColumnElement[bool]", _beyond(keys, _position(keys)))


def _position(keys: Sequence[SortBy]) -> list[Any]:
    return [bindparam(f"after_{place}") for place in range(1, len(keys) + 1)]


_LIMIT: Final[Any] = bindparam("limit")


class _Walk(NamedTuple):
    """The rows of an index, in its order."""

    owner: ColumnElement[int]
    by: SortBy
    conditions: list[ColumnElement[bool]]


# More than there are.
_ALL: Final[Any] = literal_column(str(INT64_MAX))


def _walked_apart(asked: Asked, walk: _Walk, *, goes_on: bool) -> Select[Any]:
    """A search that can be answered only by walking the index, whatever the planner believes.

    Were it a plain join, the planner would choose by its statistics who comes first. Where these
    are missing or old, as they are when many runs were logged a minute ago, it looks up the value
    of each run of the experiment and sorts them all. The OFFSET keeps it from that; the LIMIT,
    which leaves nothing out, has it consider what only begins early; and `WALKS` forbids it to
    gather and sort all series that the conditions leave.
    """
    nothing: Any = literal_column("0")
    columns = [walk.owner.label("owner"), walk.by.column.label("value")]
    rows = select(*columns).where(*walk.conditions).order_by(_directed(walk.by))
    if goes_on:
        rows = rows.where(_from(walk.by, *_position([walk.by])))
    walked = rows.limit(_ALL).subquery("walked")
    where = asked.where(walked.c.owner, apart=True)
    id_ = asked.source.id
    columns = [id_, *(tie.column for tie in asked.ties)]
    if asked.beside is not None:
        columns.append(asked.beside.label("beside"))
    record = select(*columns).where(id_ == walked.c.owner, where).offset(nothing).lateral("record")
    wanted = [record.c[id_.name]] if asked.beside is None else [record.c[id_.name], record.c.beside]
    keys = [
        msgspec.structs.replace(walk.by, column=walked.c.value),
        *(msgspec.structs.replace(tie, column=record.c[tie.column.name]) for tie in asked.ties),
    ]
    query = select(*wanted, *(key.column for key in keys))
    query = query.select_from(walked.join(record, true()))
    if goes_on:
        query = query.where(beyond_position(keys))
    query = query.order_by(*map(_directed, keys)).limit(_limit(asked))
    return query.execution_options(**{WALKS: True})


def _limit(asked: Asked) -> Any:  # noqa: ANN401 - an SQL expression
    return _LIMIT if asked.limit is None else literal_column(str(asked.limit))


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
    return query.order_by(*map(_directed, keys)).limit(limit + 1)


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


def stage_of(position: Position) -> int:
    """The stage that a position is in."""
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


def _directed(key: SortBy) -> ColumnElement[Any]:
    column: ColumnElement[Any] = key.column
    return column if key.ascending else column.desc()


def _in_order(dialect: Dialect, keys: Sequence[SortBy]) -> Iterator[ColumnElement[Any]]:
    """What to sort by. Texts sort as their beginnings do, and then as they are: an index of
    beginnings gives nearly that order, so that few rows at a time are left to sort."""
    by_beginning = is_indexed_by_beginning(dialect)
    for key in keys:
        if key.is_long and by_beginning:
            yield _directed(msgspec.structs.replace(key, column=leading(key.column)))
        yield _directed(key)


def _beyond(keys: Sequence[SortBy], values: Sequence[Any]) -> Any:  # noqa: ANN401 - an SQL expression
    """Rows that sort after *values*: the first key that differs decides."""
    clauses = []
    for place, (key, value) in enumerate(zip(keys, values, strict=True)):
        same = [one.column == at for one, at in zip(keys[:place], values[:place], strict=True)]
        further = key.column > value if key.ascending else key.column < value
        clauses.append(and_(*same, further))
    # Said twice: this plain range is what an index can seek to.
    return and_(_from(keys[0], values[0]), or_(*clauses))


def _from(key: SortBy, value: Any) -> ColumnElement[bool]:  # noqa: ANN401 - of the key's kind
    bound: ColumnElement[bool] = key.column >= value if key.ascending else key.column <= value
    if key.is_long:
        bound = beginning(bound, key.column, Op.GE if key.ascending else Op.LE, value)
    return bound


# So few records are quicker found first and sorted than met on a walk in order.
RARE: Final = 1_000
# So long a belief is kept, and so many of them.
_BELIEVED_S: Final = 10.0
_REMEMBERED: Final = 1_000


class Beliefs:
    """What was so of searches a moment ago: which conditions leave few runs, and the like.

    That decides about the way to an answer, never about the answer: so it may be a little old. To
    find it out takes as long as a quarter of a search.
    """

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[float, bool]] = {}

    def of(self, asked: Hashable, find: Callable[[], bool]) -> bool:
        """Whether it is so; found out when that was too long ago."""
        held = self.known(asked)
        return self.note(asked, so=find()) if held is None else held

    def known(self, asked: Hashable) -> bool | None:
        """Whether it was so a moment ago."""
        until, was = self._known.get(asked, (0.0, False))
        return was if time.monotonic() < until else None

    def note(self, asked: Hashable, *, so: bool) -> bool:
        """Remember for a while that it is so, or not."""
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[asked] = (time.monotonic() + _BELIEVED_S, so)
        return so


def up_to_rare(session: Session, comparison: Comparison, held: Held) -> int:
    """How many records satisfy a comparison with rows of theirs, counted as far as it matters."""
    rows = select(held.owner).where(held.rows, holds(comparison, held)).limit(RARE)
    return int(session.select(select(func.count()).select_from(rows.subquery()))[0][0])


def is_positive(comparison: Comparison) -> bool:
    """Whether only records that have such a row can satisfy it."""
    return comparison.op.positive is comparison.op and comparison.op is not Op.IS_NULL
