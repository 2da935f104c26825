"""Filter text to tree: recursive descent, one token ahead, linear in the text.

    filter     = either
    either     = both {OR both}
    both       = term {AND term}
    term       = NOT term | "(" either ")" | comparison
    comparison = field ("=" | "!=" | ">" | ">=" | "<" | "<=") value
               | field [NOT] (LIKE | ILIKE | RLIKE) text
               | field [NOT] IN "(" value {"," value} [","] ")"
               | field [NOT] BETWEEN value AND value
               | field IS [NOT] NULL
    field      = [entity "."] key ["." aggregate]

Operator words are read in any case, entity words and attribute names as written. What may be
compared with what is asked of the `FieldTable`. Everything refused is an `InvalidArgument` that
names the column.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from millrace.core.filters import patterns
from millrace.core.filters.ast import (
    TRUE,
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
from millrace.core.filters.fields import AGGREGATE_WORDS, FieldRow, FieldTable, Type
from millrace.core.filters.lexer import Kind, Piece, Source, Token, shown, tokenize
from millrace.core.numbers import number_in

if TYPE_CHECKING:
    from millrace.core.errors import InvalidArgument

MAX_DEPTH = 32
MAX_TERMS = 64
MAX_LIST = 1_000
MAX_WILDCARDS = 64
MAX_PATTERN = 1_000

_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
_INT64 = range(-(2**63), 2**63)
_LARGEST = sys.float_info.max
_SCALAR_OPS = {op.value: op for op in (Op.EQ, Op.NE, Op.GT, Op.GE, Op.LT, Op.LE)}
_WORD_OPS = {op.value: op for op in (Op.LIKE, Op.ILIKE, Op.RLIKE, Op.IN, Op.BETWEEN)}
_RESERVED = frozenset({"AND", "OR", "IS", "NULL", *_WORD_OPS})
_WANTED = {
    Type.TEXT: "text in quotes",
    Type.INTEGER: "a number",
    Type.NUMBER: "a number",
    Type.EITHER: "text in quotes or a number",
}
_OPERATORS = "=, !=, >, >=, <, <=, LIKE, ILIKE, RLIKE, IN, BETWEEN, NOT or IS"


def parse(text: str, table: FieldTable) -> Expr:
    """Read a filter over the records of *table*; an empty text is `TRUE`, a blank one refused."""
    if not text:
        return TRUE
    return _Parser(Source(text), table).whole()


def read_field(token: Token, table: FieldTable, source: Source) -> tuple[Field, FieldRow]:
    """The field a path names in *table*, by its canonical name, and its row."""
    first, *rest = token.pieces
    if not rest:
        if first.quote == "'":
            message = f"expected a field, found the text {shown(token.text)}."
            raise source.clause_error(token.at, message, "The field goes first.")
        return _known(Entity.ATTRIBUTE, first.text, token, table, source)
    entity = None if first.quote in ("'", '"') else table.entity(first.text)
    if entity is None:
        raise source.clause_error(
            token.at,
            f"{shown(first.text)} is nothing that {table.noun} have.",
            f"They have {table.spellings()}.",
        )
    return _keyed(entity, rest, token, table, source)


def _keyed(
    entity: Entity, rest: list[Piece], token: Token, table: FieldTable, source: Source
) -> tuple[Field, FieldRow]:
    *before, last = rest
    quoted = any(piece.quote for piece in rest)
    if not quoted or not before:
        key = ".".join(piece.text for piece in rest)
        field, row = _known(entity, key, token, table, source)
        if row.aggregates and before and last.text in AGGREGATE_WORDS:
            stem = ".".join(piece.text for piece in before)
            reading = Field(entity, stem, AGGREGATE_WORDS[last.text], at=token.at)
            field = Field(entity, key, alternative=reading, at=token.at)
        return field, row
    field, row = _known(entity, before[0].text, token, table, source)
    partly = len(before) > 1 or last.quote or not before[0].quote
    if partly or entity is not Entity.METRIC:
        message = f"the key of {shown(token.text)} is quoted in part."
        raise source.clause_error(token.at, message, "Quote all of it, once.")
    aggregate = AGGREGATE_WORDS.get(last.text)
    if aggregate is None or not row.aggregates:
        known = f"It has {', '.join(AGGREGATE_WORDS)}." if row.aggregates else "It has none."
        raise source.error(token.at, f"{row.spelling} has no aggregate {shown(last.text)}.", known)
    return Field(entity, field.key, aggregate, at=token.at), row


def _known(
    entity: Entity, key: str, token: Token, table: FieldTable, source: Source
) -> tuple[Field, FieldRow]:
    if not key:
        raise source.clause_error(token.at, "the key is empty.")
    row = table.row(entity, key)
    if row is None:
        raise source.error(
            token.at,
            f"{table.noun} have no field {shown(token.text)}.",
            f"They have {table.spellings()}.",
        )
    return Field(entity, key if row.keyed else row.name, at=token.at), row


class _Parser:
    """One reading of one text. Methods consume what they are named after."""

    def __init__(self, source: Source, table: FieldTable) -> None:
        self._source = source
        self._table = table
        self._tokens = tokenize(source)
        self._next = 0
        self._terms = 0

    def whole(self) -> Expr:
        if self._at_end():
            hint = "Leave it empty to match everything."
            raise self._source.clause_error(0, "the filter is blank.", hint)
        tree = self._either(0)
        if not self._at_end():
            raise self._expected("AND, OR or the end of the filter")
        return tree

    def _either(self, depth: int) -> Expr:
        terms = [self._both(depth)]
        while self._took("OR"):
            terms.append(self._both(depth))
        return _joined(Or, terms)

    def _both(self, depth: int) -> Expr:
        terms = [self._term(depth)]
        while self._took("AND"):
            terms.append(self._term(depth))
        return _joined(And, terms)

    def _term(self, depth: int) -> Expr:
        token = self._token
        if depth > MAX_DEPTH:
            message = f"nested deeper than {MAX_DEPTH} parentheses and NOTs."
            raise self._source.error(token.at, message)
        if self._took("NOT"):
            return Not(self._term(depth + 1))
        if self._took("("):
            tree = self._either(depth + 1)
            if not self._took(")"):
                raise self._expected(f"AND, OR or the ')' that closes column {token.at + 1}")
            return tree
        if token.kind is not Kind.PATH or token.word in _RESERVED:
            raise self._expected("a comparison such as metrics.loss < 0.5")
        return self._comparison()

    def _comparison(self) -> Expr:
        token = self._advance()
        self._terms += 1
        if self._terms > MAX_TERMS:
            message = f"more than {MAX_TERMS} comparisons."
            raise self._source.error(token.at, message, "Split the search.")
        field, row = read_field(token, self._table, self._source)
        sign = self._token
        op = self._operator()
        if op not in row.operators:
            fit = ", ".join(each for each in Op if each in row.operators)
            raise self._source.error(
                sign.at, f"{shown(token.text)} cannot be compared by {op}; it takes {fit}."
            )
        value = self._value(row, op)
        if op is Op.NE and field.entity is Entity.TAG and field.key in self._table.absent_differs:
            return Not(Comparison(field, Op.EQ, value, at=token.at))
        return Comparison(field, op, value, at=token.at)

    def _operator(self) -> Op:
        token = self._token
        if token.kind is Kind.SYMBOL and token.text in _SCALAR_OPS:
            return _SCALAR_OPS[self._advance().text]
        if self._took("IS"):
            denied = self._took("NOT")
            if not self._took("NULL"):
                raise self._expected("NULL" if denied else "NULL or NOT NULL")
            return Op.IS_NOT_NULL if denied else Op.IS_NULL
        denied = self._took("NOT")
        op = _WORD_OPS.get(self._token.word)
        if op is None:
            raise self._expected(f"one of {', '.join(_WORD_OPS)}" if denied else _OPERATORS)
        self._advance()
        return Op(f"NOT {op}") if denied else op

    def _value(self, row: FieldRow, op: Op) -> Scalar | tuple[Scalar, ...] | None:
        match op.positive:
            case Op.IS_NULL:
                return None
            case Op.IN:
                return self._list(row)
            case Op.BETWEEN:
                at, low = self._token.at, self._scalar(row)
                if not self._took("AND"):
                    raise self._expected("AND and the upper bound")
                return self._of_one_kind((low, self._scalar(row)), at)
            case Op.LIKE | Op.ILIKE | Op.RLIKE:
                return self._pattern(op.positive)
        at, value = self._token.at, self._scalar(row)
        self._check_closed(row, value, at)
        return value

    def _scalar(self, row: FieldRow) -> Scalar:
        token, before = self._token, self._tokens[self._next - 1]
        if token.kind is Kind.NUMBER and row.type is not Type.TEXT:
            return _number(self._advance().text, integral=row.type is Type.INTEGER)
        text = token.string
        if text is not None and row.type in (Type.TEXT, Type.EITHER):
            self._advance()
            return text
        if text is not None and row.accepts_quoted_number and number_in(text) is not None:
            self._advance()
            return _number(text, integral=True)
        hint = "A number goes without quotes." if text is not None else None
        message = f"expected {_WANTED[row.type]} after {shown(before.text)}, found {token.shown}."
        raise self._source.error(token.at, message, hint)

    def _list(self, row: FieldRow) -> tuple[Scalar, ...]:
        start = self._token.at
        if not self._took("("):
            raise self._expected("'(' and a list after IN")
        values: list[Scalar] = []
        while not values or not self._took(")"):
            at = self._token.at
            if len(values) == MAX_LIST:
                raise self._source.error(at, f"more than {MAX_LIST:,} values in a list.")
            values.append(self._scalar(row))
            self._check_closed(row, values[-1], at)
            if not self._took(",") and self._token.text != ")":
                raise self._expected("',' or ')' in the list")
        return self._of_one_kind(tuple(values), start)

    def _of_one_kind(self, values: tuple[Scalar, ...], at: int) -> tuple[Scalar, ...]:
        if len({isinstance(value, str) for value in values}) > 1:
            hint = "Quote all of them, or none."
            raise self._source.error(at, "text and numbers are mixed.", hint)
        return values

    def _check_closed(self, row: FieldRow, value: Scalar, at: int) -> None:
        if row.closed and value not in row.values:
            raise self._source.error(
                at, f"{row.name} is never {shown(str(value))}, only {', '.join(row.values)}."
            )

    def _pattern(self, op: Op) -> str:
        token, text = self._token, self._token.string
        if text is None:
            raise self._source.error(
                token.at, f"expected a pattern in quotes after {op}, found {token.shown}."
            )
        self._advance()
        if len(text) > MAX_PATTERN:
            message = f"a pattern of more than {MAX_PATTERN:,} characters."
            raise self._source.error(token.at, message)
        if op is Op.RLIKE:
            self._check_regex(text, token.at)
        elif text.count("%") + text.count("_") > MAX_WILDCARDS:
            message = f"more than {MAX_WILDCARDS} wildcards, '%' and '_', in one pattern."
            raise self._source.error(token.at, message)
        return text

    def _check_regex(self, pattern: str, at: int) -> None:
        try:
            patterns.rlike(pattern)
        except ValueError as error:
            raise self._source.error(at, f"no regular expression of RE2: {error}.") from error

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _advance(self) -> Token:
        token = self._token
        self._next += 1
        return token

    def _at_end(self) -> bool:
        return self._token.kind is Kind.END

    def _took(self, word: str) -> bool:
        """Consume the next token if it is this word or sign."""
        token = self._token
        fits = token.word == word or (token.kind is Kind.SYMBOL and token.text == word)
        self._next += fits
        return fits

    def _expected(self, what: str) -> InvalidArgument:
        token = self._token
        return self._source.clause_error(token.at, f"expected {what}, found {token.shown}.")


def _joined(kind: type[And | Or], terms: list[Expr]) -> Expr:
    """One node of *kind*, taking in the terms of its own kind; a lone term stays itself."""
    if len(terms) == 1:
        return terms[0]
    flat: list[Expr] = []
    for term in terms:
        flat += term.terms if isinstance(term, kind) else (term,)
    return kind(tuple(flat))


def _number(text: str, *, integral: bool) -> int | float:
    """The number a literal stands for; beyond the doubles the largest one, as metrics are kept."""
    if integral and _WHOLE.fullmatch(text) and int(text) in _INT64:
        return int(text)
    # Adding zero makes -0.0 plain: two keys of one number would confuse a store.
    number = max(-_LARGEST, min(_LARGEST, float(text))) + 0.0
    if integral and number.is_integer() and int(number) in _INT64:
        return int(number)
    return number
