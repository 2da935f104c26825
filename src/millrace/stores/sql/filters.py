"""Filter trees as SQL: the same meaning as `core.filters.evaluate`, on any database.

A condition on a param, tag or metric becomes `id IN (SELECT owner ... )`, from which the planner
may start, or, where an index is walked in order and many rows are expected to match,
`EXISTS (SELECT ... of this record)`, a look-up in each row. Both have two values also where nothing
was logged, so NOT is the complement.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import msgspec
from sqlalchemy import (
    BigInteger,
    String,
    and_,
    bindparam,
    cast,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
)

from millrace.core.filters import evaluate, patterns
from millrace.core.filters.ast import And, Comparison, Not, Op, Or, comparisons_of
from millrace.core.numbers import (
    INT64_MAX,
    INT64_MIN,
    NAN_KEY,
    NEGATIVE_ZERO_KEY,
    ZERO_KEY,
    key_of,
)
from millrace.stores.sql.dialects import (
    SQLITE,
    LikeTexts,
    Short,
    among,
    apart,
    beginning,
    fold_ascii,
    is_all_beginning,
    like,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.sql.selectable import FromClause

    from millrace.core.filters.ast import Expr, Field
    from millrace.stores.sql.engine import Session


class Shape(StrEnum):
    """How a column holds a field."""

    TEXT = "text"
    INTEGER = "integer"
    VALUE = "sortable integer of a double"
    NAMED = "small integer that stands for a word"
    DIGITS = "integer that is compared as text"


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A column that holds a field of the record itself, or of rows that belong to it.

    `owner` is None for a column of the record. Otherwise `rows` says which rows of `source` count,
    and `owner` is the column with the record's id.
    """

    column: Any
    shape: Shape
    names: Mapping[int, str] = {}
    is_nullable: bool = False
    is_long: bool = False
    """Indexed, but a text that may be too long for an index to hold all of it."""
    owner: Any = None
    rows: Any = None


class Source(Protocol):
    """What a kind of record is made of in this schema."""

    @property
    def id(self) -> ColumnElement[int]:
        """The record's row id."""
        ...

    @property
    def table(self) -> FromClause:
        """The record's own table."""
        ...

    def held(self, field: Field, *, numeric: bool) -> Held | None:
        """Where *field* is; None when no record of the searched set has it.

        *numeric*: it is compared with numbers (matters for params, kept in both forms).
        """
        ...


Matching = Mapping[Comparison, Sequence[int]]


def matching(session: Session, tree: Expr, source: Source, scope: ColumnElement[bool]) -> Matching:
    """For each RLIKE in *tree* the ids of the records, among those in *scope*, that satisfy it.

    Only SQLite calls RE2; the regular expressions of the servers are other languages, and some can
    be made to run for hours. There the texts are fetched, some at a time, and looked at here. Empty
    where the database does it.
    """
    if session.connection.dialect.name == SQLITE:
        return {}
    found: dict[Comparison, Sequence[int]] = {}
    for comparison in comparisons_of(tree):
        if comparison.op.positive is not Op.RLIKE or comparison in found:
            continue
        held = source.held(comparison.field, numeric=False)
        if held is None:
            found[comparison] = ()
        elif held.shape is not Shape.NAMED:  # few words are decided about without the database
            found[comparison] = _matching(session, comparison, source, held, scope)
    return found


# So many texts of a column are in memory at a time.
_AT_ONCE: Final = 5_000


def _matching(
    session: Session,
    comparison: Comparison,
    source: Source,
    held: Held,
    scope: ColumnElement[bool],
) -> list[int]:
    query = select(source.id, held.column).where(scope)
    if held.owner is None:
        query = query.where(held.column.is_not(None))
    else:
        query = query.where(held.owner == source.id, held.rows)
    test = patterns.rlike(str(comparison.value))
    wanted = comparison.op is Op.RLIKE
    ids: set[int] = set()
    for rows in session.parts(query, _AT_ONCE):
        ids.update(row for row, text in rows if test(str(text)) is wanted)
    return sorted(ids)


def where(
    session: Session, tree: Expr, source: Source, scope: ColumnElement[bool]
) -> ColumnElement[bool]:
    """The WHERE clause that *tree* means for those records of *source* that are in *scope*."""
    return and_(scope, compile_filter(tree, source, matching(session, tree, source, scope)))


def compile_filter(
    tree: Expr, source: Source, known: Matching, *, each: ColumnElement[int] | None = None
) -> ColumnElement[bool]:
    """The condition that *tree* means for records of *source*.

    *known*: what `matching` has found. *each*: a column with the record's id, in the rows that are
    walked: what belongs to the record is then looked up in each of them, by EXISTS.
    """

    def compiled(term: Expr) -> ColumnElement[bool]:
        return compile_filter(term, source, known, each=each)

    match tree:
        case And(terms=()):
            return true()
        case And(terms=terms):
            return and_(*map(compiled, terms))
        case Or(terms=terms):
            return or_(*map(compiled, terms))
        case Not(term=term):
            return not_(compiled(term))
        case Comparison():
            if tree in known:
                return _among(source.id, known[tree])
            return _comparison(tree, source, each)


def without(tree: Expr, dropped: Collection[Comparison]) -> Expr:
    """*tree* less comparisons that every matching record satisfies, see `demanded`."""
    match tree:
        case And(terms=terms):
            return And(tuple(without(term, dropped) for term in terms))
        case Comparison() if tree in dropped:
            return And(())
    return tree


def _among(column: ColumnElement[int], ids: Sequence[int]) -> ColumnElement[bool]:
    if not ids:
        return false()
    # Written out: there may be more of them than a statement may have parameters.
    listed: Any = bindparam(None, list(ids), BigInteger(), expanding=True, literal_execute=True)
    return column.in_(listed)


def demanded(tree: Expr) -> Iterator[Comparison]:
    """Comparisons that every matching record satisfies."""
    match tree:
        case And(terms=terms):
            for term in terms:
                yield from demanded(term)
        case Comparison():
            yield tree


def _comparison(
    comparison: Comparison, source: Source, each: ColumnElement[int] | None
) -> ColumnElement[bool]:
    held = source.held(comparison.field, numeric=comparison.numeric)
    op = comparison.op
    if held is None:
        return true() if op is Op.IS_NULL else false()
    if held.owner is None:
        return _own(comparison, held)
    inside: ColumnElement[bool]
    is_presence = op in {Op.IS_NULL, Op.IS_NOT_NULL}
    rows = held.rows if is_presence else and_(held.rows, holds(comparison, held))
    if each is not None:
        of_record: Select[Any] = select(literal_column("1")).where(held.owner == each, rows)
        inside = apart(of_record.correlate(each.table))
    else:
        inside = source.id.in_(select(held.owner).where(rows))
    return not_(inside) if op is Op.IS_NULL else inside


def _own(comparison: Comparison, held: Held) -> ColumnElement[bool]:
    match comparison.op:
        case Op.IS_NULL:
            return held.column.is_(None) if held.is_nullable else false()
        case Op.IS_NOT_NULL:
            return held.column.is_not(None) if held.is_nullable else true()
    found = holds(comparison, held)
    return and_(held.column.is_not(None), found) if held.is_nullable else found


def holds(comparison: Comparison, held: Held) -> ColumnElement[bool]:
    """The condition on the column of *held* alone."""
    positive = comparison.op.positive
    match held.shape:
        case Shape.TEXT:
            found = _text(held.column, positive, comparison.value)
        case Shape.DIGITS:
            found = _text(cast(held.column, String), positive, comparison.value)
        case Shape.INTEGER:
            found = _integer(held.column, positive, comparison.value)
        case Shape.VALUE:
            found = and_(held.column.is_not(None), _value(held.column, positive, comparison.value))
        case Shape.NAMED:
            found = _named(held, msgspec.structs.replace(comparison, op=positive))
    if positive is comparison.op:
        return beginning(found, held.column, positive, comparison.value) if held.is_long else found
    if held.shape is Shape.VALUE:  # a param that is no number counts as absent
        return and_(held.column.is_not(None), not_(found))
    if held.is_nullable and held.owner is not None:  # NULL is a NaN there
        return or_(held.column.is_(None), not_(found))
    return not_(found)


# --- values as parameters ------------------------------------------------------------------------


class Between(NamedTuple):
    """Parameters for the sortable integers that a number is: one, or two for zero."""

    low: Any
    high: Any


class Lifted(Comparison, frozen=True):
    """A comparison with parameters in place of its value."""

    is_number: bool = False

    @property
    def numeric(self) -> bool:
        """The field is compared with numbers, not with text."""
        return self.is_number


_SCALAR: Final = {Op.EQ, Op.GT, Op.GE, Op.LT, Op.LE}
_PATTERN: Final = {Op.LIKE, Op.ILIKE}


class Lifting:
    """A tree apart from its values: searches that differ in these only share a statement.

    What cannot be a parameter stays in the tree, and is part of the `shape`.
    """

    def __init__(self, tree: Expr, source: Source) -> None:
        self._source = source
        self._places: dict[Comparison, int] = {}
        self.values: dict[str, Any] = {}
        """Of the parameters."""
        self.shape: Final = self._shape(tree)

    def lifted(self, tree: Expr) -> Expr:
        """A part of the tree with parameters."""
        match tree:
            case And(terms=terms):
                return And(tuple(map(self.lifted, terms)))
            case Or(terms=terms):
                return Or(tuple(map(self.lifted, terms)))
            case Not(term=term):
                return Not(self.lifted(term))
            case Comparison():
                return self.comparison(tree)

    def comparison(self, one: Comparison) -> Comparison:
        """A comparison of the tree with parameters."""
        place = self._places[one]
        kind = self._kind(one)
        if kind is None:
            return one
        value: Any
        if kind is Shape.VALUE:
            value = Between(bindparam(f"low_{place}"), bindparam(f"high_{place}"))
        elif one.op.positive in _PATTERN:
            value = LikeTexts(bindparam(f"like_{place}"), bindparam(f"glob_{place}"))
        else:
            value = Short(f"text_{place}", required=True)
        return Lifted(field=one.field, op=one.op, value=value, is_number=one.numeric)

    def _shape(self, tree: Expr) -> Hashable:
        match tree:
            case And(terms=terms) | Or(terms=terms):
                return (type(tree), *map(self._shape, terms))
            case Not(term=term):
                return (Not, self._shape(term))
            case Comparison(field=field, op=op):
                place = self._places.setdefault(tree, len(self._places))
                kind = self._kind(tree)
                named = (place, field.entity, field.key, field.aggregate, op)
                if kind is None:
                    return (*named, type(tree.value), tree.value)
                self._note(place, tree, kind)
                return (*named, kind)

    def _kind(self, one: Comparison) -> Shape | None:
        """What kind of parameter its value can be."""
        held = self._source.held(one.field, numeric=one.numeric)
        if held is None:
            return None
        op = one.op.positive
        if held.shape is Shape.VALUE and op in _SCALAR:
            return Shape.VALUE
        if held.shape is not Shape.TEXT or not isinstance(one.value, str):
            return None
        return (
            Shape.TEXT
            if op in _PATTERN or (op in _SCALAR and is_all_beginning(one.value))
            else None
        )

    def _note(self, place: int, one: Comparison, kind: Shape) -> None:
        value: Any = one.value
        op = one.op.positive
        if kind is Shape.VALUE:
            self.values |= {f"low_{place}": _low(value), f"high_{place}": _high(value)}
        elif op in _PATTERN:
            texts = LikeTexts.of(value if op is Op.LIKE else patterns.folded(value))
            self.values |= {f"like_{place}": texts.like, f"glob_{place}": texts.glob}
        else:
            self.values[f"text_{place}"] = value


# Typed here once: SQLAlchemy's operators give columns for columns.
_COMPARE: Final[Mapping[Op, Callable[[Any, Any], ColumnElement[bool]]]] = {
    Op.EQ: operator.eq,
    Op.GT: operator.gt,
    Op.GE: operator.ge,
    Op.LT: operator.lt,
    Op.LE: operator.le,
}


def _text(column: ColumnElement[Any], op: Op, value: Any) -> ColumnElement[bool]:  # noqa: ANN401 - as the tree has it
    match op:
        case Op.BETWEEN:
            # Spelled out: PostgreSQL takes no collated operand in BETWEEN.
            return and_(column >= value[0], column <= value[1])
        case Op.IN:
            return among(column, value)
        case Op.LIKE:
            return like(column, value)
        case Op.ILIKE:
            folded = value if isinstance(value, LikeTexts) else patterns.folded(value)
            return like(fold_ascii(column), folded)
        case Op.RLIKE:
            return func.re2_search(value, column) == 1
    return _COMPARE[op](column, value)


def _integer(column: ColumnElement[Any], op: Op, value: Any) -> ColumnElement[bool]:  # noqa: ANN401 - as the tree has it
    """Exact for any number: databases would compare 64 bits with doubles as doubles."""
    match op:
        case Op.BETWEEN:
            return and_(_integer(column, Op.GE, value[0]), _integer(column, Op.LE, value[1]))
        case Op.IN:
            return or_(*(_integer(column, Op.EQ, one) for one in value))
        case Op.EQ:
            is_there = value == math.floor(value) and INT64_MIN <= value <= INT64_MAX
            return column == int(value) if is_there else false()
        case Op.GT:
            return _at_least(column, math.floor(value) + 1)
        case Op.GE:
            return _at_least(column, math.ceil(value))
        case Op.LT:
            return _at_most(column, math.ceil(value) - 1)
        case Op.LE:
            return _at_most(column, math.floor(value))
    raise AssertionError(op)


def _at_least(column: ColumnElement[Any], least: int) -> ColumnElement[bool]:
    return false() if least > INT64_MAX else column >= max(least, INT64_MIN)


def _at_most(column: ColumnElement[Any], most: int) -> ColumnElement[bool]:
    return false() if most < INT64_MIN else column <= min(most, INT64_MAX)


def _value(column: ColumnElement[Any], op: Op, value: Any) -> ColumnElement[bool]:  # noqa: ANN401 - one line an operator
    match op:
        case Op.EQ:
            return column.between(_low(value), _high(value))
        case Op.GT:
            return _COMPARE[op](column, _high(value))
        case Op.GE:
            return _COMPARE[op](column, _low(value))
        case Op.LT:
            return and_(column != NAN_KEY, column < _low(value))
        case Op.LE:
            return and_(column != NAN_KEY, column <= _high(value))
        case Op.BETWEEN:
            return column.between(_low(value[0]), _high(value[1]))
        case Op.IN:
            return or_(*(column.between(_low(one), _high(one)) for one in value))
    raise AssertionError(op)


# The two zeros are one number to a comparison, and neighbours as sortable integers.
def _low(number: Any) -> Any:  # noqa: ANN401 - a number, or parameters for it
    if isinstance(number, Between):
        return number.low
    return NEGATIVE_ZERO_KEY if number == 0 else key_of(float(number))


def _high(number: Any) -> Any:  # noqa: ANN401 - as above
    if isinstance(number, Between):
        return number.high
    return ZERO_KEY if number == 0 else key_of(float(number))


def _named(held: Held, comparison: Comparison) -> ColumnElement[bool]:
    """Few words: decide about each here, by the one meaning of the operators."""
    fitting = [number for number, name in held.names.items() if _fits(comparison, name)]
    return among(held.column, fitting)


def _fits(comparison: Comparison, word: str) -> bool:
    def lookup(_record: object, _field: Field) -> Sequence[str]:
        return (word,)

    return evaluate.compile(comparison, lookup)(None)
