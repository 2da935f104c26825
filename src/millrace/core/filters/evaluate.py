"""A filter as a predicate over records in memory.

The reference meaning of the language: the databases are tested against it.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from millrace.core.filters import patterns
from millrace.core.filters.ast import (
    And,
    Comparison,
    Entity,
    Expr,
    Field,
    Not,
    Op,
    Or,
    Scalar,
)
from millrace.core.numbers import number_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

E = TypeVar("E")
Predicate: TypeAlias = "Callable[[E], bool]"
Lookup: TypeAlias = "Callable[[E, Field], Sequence[Scalar]]"
"""All values a record has for a field: none when it is absent, several for datasets."""

_COMPARE: dict[Op, Callable[[Any, Any], bool]] = {
    Op.EQ: operator.eq,
    Op.GT: operator.gt,
    Op.GE: operator.ge,
    Op.LT: operator.lt,
    Op.LE: operator.le,
}


def compile(tree: Expr, lookup: Lookup[E]) -> Predicate[E]:  # noqa: A001 - as in `re.compile`
    """Make a predicate of *tree*; *lookup* says what a record holds.

    Ambiguous metric names should be settled first (`ast.resolve`); an unsettled field is looked up
    by its own key.
    """
    match tree:
        case And(terms=terms):
            tests = [compile(term, lookup) for term in terms]
            return lambda record: all(test(record) for test in tests)
        case Or(terms=terms):
            tests = [compile(term, lookup) for term in terms]
            return lambda record: any(test(record) for test in tests)
        case Not(term=term):
            denied = compile(term, lookup)
            return lambda record: not denied(record)
        case Comparison():
            return _comparison(tree, lookup)


def _comparison(comparison: Comparison, lookup: Lookup[E]) -> Predicate[E]:
    field, op = comparison.field, comparison.op
    if op is Op.IS_NULL:
        return lambda record: not lookup(record, field)
    if op is Op.IS_NOT_NULL:
        return lambda record: bool(lookup(record, field))
    holds = _value_test(comparison)
    if field.entity is Entity.PARAM and comparison.numeric:
        return lambda record: any(
            holds(number)
            for value in lookup(record, field)
            if (number := number_in(str(value))) is not None
        )
    return lambda record: any(holds(value) for value in lookup(record, field))


def _value_test(comparison: Comparison) -> Callable[[Scalar], bool]:
    """Whether one present value satisfies the comparison."""
    positive = _positive_test(comparison)
    if comparison.op is comparison.op.positive:
        return positive
    return lambda stored: not positive(stored)


def _positive_test(comparison: Comparison) -> Callable[[Any], bool]:
    literal: Any = comparison.value  # the parser saw to it that it suits the operator and the field
    op = comparison.op.positive
    match op:
        case Op.IN:
            listed = frozenset(literal)
            return lambda stored: stored in listed
        case Op.BETWEEN:
            low, high = literal
            return lambda stored: bool(low <= stored <= high)
        case Op.LIKE:
            return patterns.like(literal)
        case Op.ILIKE:
            return patterns.ilike(literal)
        case Op.RLIKE:
            return patterns.rlike(literal)
    compare = _COMPARE[op]
    return lambda stored: compare(stored, literal)
