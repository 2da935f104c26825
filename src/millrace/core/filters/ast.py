"""What a filter means: a small closed tree of frozen values.

    Expr = And | Or | Not | Comparison

Meaning, the same in memory and in every database:

- Logic has two values. A comparison whose field has no value is false, whatever its operator;
  only `IS NULL` holds there. `Not` is the complement: it holds wherever its term does not.
- A field with several values (datasets of a run) satisfies a comparison when any one value does.
- A negative operator (`!=`, `NOT IN`, `NOT LIKE`, ...) holds for a value when its positive twin
  does not; `Op.positive` names the twin. NaN equals nothing and is not ordered, so exactly the
  negative operators hold for it.
- Text is compared by code point. `LIKE` knows `%` (any text) and `_` (one character), no escape,
  and case matters; `ILIKE` takes the ASCII letters A-Z and a-z as equal, and no others. `RLIKE`
  is a search with RE2 syntax anywhere in the value.
- A param compared with a number (`Comparison.numeric`) is read by `numbers.number_in`; a param
  that is no number then counts as absent. Compared with text, it is text.

Normal form, which the parser guarantees: `And` and `Or` hold two terms or more and never a term of
their own kind; `TRUE`, an `And` of nothing, is the empty filter and stands only alone.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Scalar: TypeAlias = str | int | float


class Entity(StrEnum):
    """What a field belongs to; the value is the word before the dot."""

    ATTRIBUTE = "attribute"
    METRIC = "metric"
    PARAM = "param"
    TAG = "tag"
    DATASET = "dataset"


class Aggregate(StrEnum):
    """One number for all points of a metric in a run.

    Points are ordered by step, then timestamp, then value, NaN lowest. NaN points count and may be
    first or last; `min`, `max`, `mean` and the steps leave them out, and are NaN when nothing else
    is there. Of several points with the extreme value, the steps name the earliest.
    """

    MIN = "min"
    MAX = "max"
    MEAN = "mean"
    FIRST = "first"
    LAST = "last"
    COUNT = "count"
    MIN_STEP = "min_step"
    MAX_STEP = "max_step"


class Op(StrEnum):
    """Operators; the value is the canonical spelling."""

    EQ = "="
    NE = "!="
    GT = ">"
    GE = ">="
    LT = "<"
    LE = "<="
    LIKE = "LIKE"
    NOT_LIKE = "NOT LIKE"
    ILIKE = "ILIKE"
    NOT_ILIKE = "NOT ILIKE"
    RLIKE = "RLIKE"
    NOT_RLIKE = "NOT RLIKE"
    IN = "IN"
    NOT_IN = "NOT IN"
    BETWEEN = "BETWEEN"
    NOT_BETWEEN = "NOT BETWEEN"
    IS_NULL = "IS NULL"
    IS_NOT_NULL = "IS NOT NULL"

    @property
    def positive(self) -> Op:
        """The operator that this one denies, or itself."""
        return _DENIES.get(self, self)


_DENIES = {
    Op.NE: Op.EQ,
    Op.NOT_LIKE: Op.LIKE,
    Op.NOT_ILIKE: Op.ILIKE,
    Op.NOT_RLIKE: Op.RLIKE,
    Op.NOT_IN: Op.IN,
    Op.NOT_BETWEEN: Op.BETWEEN,
    Op.IS_NOT_NULL: Op.IS_NULL,
}


class Field(Struct, frozen=True):
    """What is compared or sorted by: an attribute by its canonical name, or a key of a metric, ….

    `aggregate` is None for the plain value; for a metric that is its latest point. `alternative`
    is the second reading of an ambiguous name: `metrics.loss.min` is the metric "loss.min" or the
    minimum of "loss". `resolve` settles it; unsettled, a field means its own key.
    """

    entity: Entity
    key: str
    aggregate: Aggregate | None = None
    alternative: Field | None = None
    at: int = 0
    """Where it stands in the text: 0-based character offset. So in the other nodes."""


class Comparison(Struct, frozen=True):
    """One condition on one field.

    `value` is a scalar for `=` to `<=`; text for the `LIKE` family; a non-empty tuple of one kind
    for `IN`; `(low, high)`, both inclusive, for `BETWEEN`; None for `IS NULL`. Numbers are finite
    doubles for metrics and params; for integer attributes they are ints within 64 bits where that
    is exact.
    """

    field: Field
    op: Op
    value: Scalar | tuple[Scalar, ...] | None = None
    at: int = 0

    @property
    def numeric(self) -> bool:
        """The field is compared with numbers, not with text."""
        sample = self.value[0] if isinstance(self.value, tuple) else self.value
        return isinstance(sample, int | float)


class And(Struct, frozen=True):
    """All terms hold."""

    terms: tuple[Expr, ...]


class Or(Struct, frozen=True):
    """At least one term holds."""

    terms: tuple[Expr, ...]


class Not(Struct, frozen=True):
    """The term does not hold."""

    term: Expr


Expr: TypeAlias = And | Or | Not | Comparison

TRUE = And(())


def comparisons_of(tree: Expr) -> Iterator[Comparison]:
    """Every comparison of the tree, in reading order, repeats included."""
    match tree:
        case And(terms=terms) | Or(terms=terms):
            for term in terms:
                yield from comparisons_of(term)
        case Not(term=term):
            yield from comparisons_of(term)
        case Comparison():
            yield tree


def fields_of(tree: Expr) -> Iterator[Field]:
    """Every field the tree compares, in reading order, repeats included."""
    return (comparison.field for comparison in comparisons_of(tree))


def resolve(tree: Expr, has_metric: Callable[[str], bool]) -> Expr:
    """Settle every ambiguous metric name; the result has no `alternative` left.

    *has_metric* says whether any record of the searched set has a metric of that very key; it is
    asked only about ambiguous names. To answer from one query, collect them first:
    `{field.key for field in fields_of(tree) if field.alternative}`.
    """
    match tree:
        case And(terms=terms):
            return And(tuple(resolve(term, has_metric) for term in terms))
        case Or(terms=terms):
            return Or(tuple(resolve(term, has_metric) for term in terms))
        case Not(term=term):
            return Not(resolve(term, has_metric))
        case Comparison(field=field):
            return replace(tree, field=settled(field, has_metric))


def settled(field: Field, has_metric: Callable[[str], bool]) -> Field:
    """The field as it is meant: its own key if such a metric exists, else the aggregate."""
    if field.alternative is None:
        return field
    return replace(field, alternative=None) if has_metric(field.key) else field.alternative
