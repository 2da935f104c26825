"""Generated filters, their spellings, order keys, and runs to search; for differential tests.

`filters(table)` gives trees in the parser's normal form, `render` writes one down, `spellings` in
any of the ways the language allows. `run_rows()` gives runs whose keys and values collide with
those of the filters, so that both outcomes are common. `values_of` is the reference look-up in such
a run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from msgspec.structs import replace

from millrace.core.filters.ast import (
    Aggregate,
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
from millrace.core.filters.fields import ENTITY_WORDS, FieldRow, FieldTable, Type
from millrace.core.filters.order import OrderKey

METRIC_KEYS = ("loss", "loss.min", "acc", "val loss", "a/b")
PARAM_KEYS = ("lr", "depth", "opt-name", "Größe")
TAG_KEYS = ("team", "mlflow.note", "a b", "x")
# Alike but for case, accent, blanks, quotes, wildcards and number spelling; some beyond the BMP.
# U+017F and U+212A fold to "s" and "k" where more than ASCII is folded.
TEXTS = (
    *["", " ", "a", "A", "a ", "ab", "aB", "abc", "a_c", "a%c", "é", "É", "e\u0301", "ß", "s", "k"],
    *["\u017f", "\u212a", "日本", "🙂", "🙂🙂", "line\nbreak", "a\tb", "C:\\", "a\\b", "`"],
    *["it's", 'say "x"', "it''s", "it\\'s", "0.1", "0.10", "1e-1", ".1", "10", "2", "1_0", "x10"],
    *["1e999", "nan", "inf"],
)
LIKE_PATTERNS = (
    *TEXTS,
    *["%", "_", "%%", "__", "a%", "%c", "%b%", "_b_", "a_%", "%_%", "A%", "É%", "%🙂", "S", "K"],
)
REGEXES = ("a", "^a", "c$", "^$", "a.c", "[0-9]+", "(?i)AB", "é|ß", "^a?b*c*$", r"\\[a-z]")
NUMBERS = (-2.0, -0.5, 0.0, 0.1, 0.5, 1.0, 2.0, 3.0, 10.0, 1e-300, 1e300)
# Sums of few such numbers are exact, so every database has the same mean.
POINT_VALUES = (-2.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0, 10.0, math.nan)
TIMES = (0, 1, 2, 1000, 1001, 2**53, 2**53 + 1, 2**62)
NAMES = ("a", "A", "ab", "é", "e\u0301", "Zoo", "zoo", "10", "9")
STAGES = ("active", "deleted")
STATUSES = ("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")


# --- filters -------------------------------------------------------------------------------------


def filters(table: FieldTable, *, max_terms: int = 12) -> SearchStrategy[Expr]:
    """Trees over *table* in normal form, at no place in a text (`at` is 0)."""
    return st.recursive(
        comparisons(table),
        lambda inner: st.one_of(
            inner.map(Not),
            st.lists(inner, min_size=2, max_size=4).map(lambda terms: joined(And, terms)),
            st.lists(inner, min_size=2, max_size=4).map(lambda terms: joined(Or, terms)),
        ),
        max_leaves=max_terms,
    )


def joined(kind: type[And | Or], terms: Sequence[Expr]) -> Expr:
    """A node of *kind* in normal form: no term is of its own kind."""
    flat = [part for term in terms for part in (term.terms if isinstance(term, kind) else (term,))]
    return kind(tuple(flat))


@st.composite
def comparisons(draw: st.DrawFn, table: FieldTable) -> Comparison:
    """One comparison that *table* allows."""
    row = draw(st.sampled_from(table.rows))
    op = draw(st.sampled_from(sorted(row.operators)))
    return Comparison(draw(fields(row)), op, draw(_values(row, op)))


def fields(row: FieldRow) -> SearchStrategy[Field]:
    """Fields of a row: its name, or one of the usual keys, with and without an aggregate."""
    match row.entity:
        case Entity.METRIC:
            plain = st.sampled_from(METRIC_KEYS).map(lambda key: Field(Entity.METRIC, key))
            return st.one_of(plain, _aggregated()) if row.aggregates else plain
        case Entity.PARAM:
            return st.sampled_from(PARAM_KEYS).map(lambda key: Field(Entity.PARAM, key))
        case Entity.TAG:
            return st.sampled_from(TAG_KEYS).map(lambda key: Field(Entity.TAG, key))
        case Entity.ATTRIBUTE | Entity.DATASET:
            return st.just(Field(row.entity, row.name))


@st.composite
def _aggregated(draw: st.DrawFn) -> Field:
    key, aggregate = draw(st.sampled_from(METRIC_KEYS)), draw(st.sampled_from(Aggregate))
    one = Field(Entity.METRIC, key, aggregate)
    bare = key.replace(".", "").isalpha()
    if bare and draw(st.booleans()):
        return Field(Entity.METRIC, f"{key}.{aggregate}", alternative=one)
    return one


def _values(row: FieldRow, op: Op) -> SearchStrategy[Any]:
    if op.positive is Op.IS_NULL:
        return st.none()
    if op.positive in (Op.LIKE, Op.ILIKE):
        return st.sampled_from([text for text in LIKE_PATTERNS if quotings(text, "'\"")])
    if op.positive is Op.RLIKE:
        return st.sampled_from(REGEXES)
    kinds = _scalars(row)
    if op.positive is Op.IN:
        return st.one_of(
            [st.lists(kind, min_size=1, max_size=4, unique=True).map(tuple) for kind in kinds]
        )
    if op.positive is Op.BETWEEN:
        return st.one_of([st.tuples(kind, kind) for kind in kinds])
    return st.one_of(kinds)


def _scalars(row: FieldRow) -> list[SearchStrategy[Scalar]]:
    texts = row.values if row.closed else (*row.values, *TEXTS, *NAMES)
    text = st.sampled_from([text for text in texts if quotings(text, "'\"")])
    number = st.sampled_from(NUMBERS)
    match row.type:
        case Type.TEXT:
            return [text]
        case Type.INTEGER:
            return [st.one_of(st.sampled_from(TIMES), st.sampled_from((0.5, 1000.5, 1e300)))]
        case Type.NUMBER:
            return [number]
        case Type.EITHER:
            return [text, number]


# --- spelling ------------------------------------------------------------------------------------

Choose = Callable[[Sequence[str]], str]
"""Which of several spellings to take; the first is the plainest."""


def first(options: Sequence[str]) -> str:
    return options[0]


def render(tree: Expr, choose: Choose = first) -> str:
    """Write a filter down so that it parses to *tree*."""
    match tree:
        case And(terms=terms):
            return _chain(terms, "AND", Or, choose)
        case Or(terms=terms):
            return _chain(terms, "OR", (), choose)
        case Not(term=term):
            return _word("NOT", choose) + _bracketed(term, (And, Or), choose)
        case Comparison(field=field, op=op, value=value):
            return render_field(field, choose) + _condition(op, value, choose)


def spellings(tree: Expr) -> SearchStrategy[str]:
    """Any of the ways to write *tree* that `choose` can lead to."""
    return st.composite(lambda draw: render(tree, lambda options: draw(st.sampled_from(options))))()


def render_field(field: Field, choose: Choose = first) -> str:
    """Write a field down; names that could be misread are quoted."""
    if field.entity is Entity.ATTRIBUTE:
        word = choose(["", "attribute.", "attributes.", "attr."])
        return word + choose([field.key, f"`{field.key}`", f'"{field.key}"'])
    word = choose([word for word, entity in ENTITY_WORDS.items() if entity is field.entity])
    if field.alternative is not None:
        return f"{word}.{field.key}"
    key = choose([f"{quote}{field.key}{quote}" for quote in quotings(field.key, "`\"'")])
    return f"{word}.{key}" + (f".{field.aggregate}" if field.aggregate else "")


def quotings(text: str, quotes: str) -> list[str]:
    """Which of *quotes* can hold *text*, whatever follows; the language has no escape."""
    return [quote for quote in quotes if _holds(quote, text)]


def _holds(quote: str, text: str) -> bool:
    rest = text
    while rest:
        if rest.startswith(("\\" + quote, quote * 2) if quote != "`" else quote * 2):
            rest = rest[2:]
        elif rest.startswith(quote) or (rest == "\\" and quote != "`"):
            return False
        else:
            rest = rest[1:]
    return True


def _chain(terms: Sequence[Expr], word: str, looser: Any, choose: Choose) -> str:
    parts = [_bracketed(term, looser, choose) for term in terms]
    text = parts[0]
    for part in parts[1:]:
        text += choose([" ", "\n", "\t "]) + _word(word, choose) + part
    return text


def _bracketed(term: Expr, looser: Any, choose: Choose) -> str:
    text = render(term, choose)
    if isinstance(term, looser):
        return f"({text})"
    return choose([text, f"({text})", f"( {text} )"]) if isinstance(term, Comparison) else text


def _word(word: str, choose: Choose) -> str:
    return choose([word, word.lower(), word.capitalize()]) + choose([" ", "  ", "\n"])


def _condition(op: Op, value: Any, choose: Choose) -> str:
    blank = choose([" ", "", "\t"]) if op[0] in "<>=!" else " "
    text = blank + " ".join(_word(word, choose).rstrip() for word in op.split()) + blank
    match op.positive:
        case Op.IS_NULL:
            return text
        case Op.IN:
            listed = choose([", ", ",", " , "]).join(_literal(item, choose) for item in value)
            return f"{text}({listed}{choose(['', ','])})"
        case Op.BETWEEN:
            low, high = value
            return f"{text}{_literal(low, choose)} {_word('AND', choose)}{_literal(high, choose)}"
        case _:
            return text + _literal(value, choose)


def _literal(value: Scalar, choose: Choose) -> str:
    if isinstance(value, str):
        return choose([f"{quote}{value}{quote}" for quote in quotings(value, "'\"")])
    plain = repr(value)
    spelled = [plain, plain.upper(), "0" + plain if value >= 0 else plain]
    return choose([*spelled, "+" + plain if value >= 0 else plain])


def unplaced(tree: Expr) -> Expr:
    """The tree without places in the text, so that only meaning is compared."""
    match tree:
        case And(terms=terms):
            return And(tuple(unplaced(term) for term in terms))
        case Or(terms=terms):
            return Or(tuple(unplaced(term) for term in terms))
        case Not(term=term):
            return Not(unplaced(term))
        case Comparison(field=field):
            return replace(tree, field=unplaced_field(field), at=0)


def unplaced_field(field: Field) -> Field:
    inner = field.alternative and unplaced_field(field.alternative)
    return replace(field, alternative=inner, at=0)


# --- order ---------------------------------------------------------------------------------------


def order_keys(table: FieldTable, *, max_size: int = 4) -> SearchStrategy[tuple[OrderKey, ...]]:
    """Sort keys that *table* allows, no field twice."""
    rows = [row for row in table.rows if row.sortable]
    key = st.sampled_from(rows).flatmap(
        lambda row: st.builds(
            OrderKey, fields(row), st.booleans(), digits=st.just(row.sorts_as_number)
        )
    )
    return st.lists(key, max_size=max_size, unique_by=lambda key: repr(key.field)).map(tuple)


def render_key(key: OrderKey, choose: Choose = first) -> str:
    """Write a sort key down."""
    ways = ["ASC", "asc", ""] if key.ascending else ["DESC", "desc", "Desc"]
    return f"{render_field(key.field, choose)} {choose(ways)}".rstrip()


# --- runs ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Point:
    """One point of a metric."""

    key: str
    step: int
    timestamp: int
    value: float


@dataclass(frozen=True)
class DatasetUse:
    """One data set a run used, and for what."""

    name: str
    digest: str
    context: str


@dataclass(frozen=True)
class RunRow:
    """A run as a search sees it. Absent attributes are not in `attributes`."""

    attributes: dict[str, str | int]
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    points: tuple[Point, ...] = ()
    datasets: tuple[DatasetUse, ...] = ()


@st.composite
def run_rows(draw: st.DrawFn, *, max_size: int = 6) -> list[RunRow]:
    """Runs with distinct ids, and metrics, params, tags and data sets that filters talk about."""
    size = draw(st.integers(0, max_size))
    return [draw(_run_row(number)) for number in range(size)]


@st.composite
def _run_row(draw: st.DrawFn, number: int) -> RunRow:
    attributes: dict[str, str | int] = {
        "run_id": f"{number:032x}",
        "run_name": draw(st.sampled_from(NAMES)),
        "status": draw(st.sampled_from(STATUSES)),
        "user_id": draw(st.sampled_from(NAMES)),
        "artifact_uri": draw(st.sampled_from(("s3://b/a", "mlflow-artifacts:/1/x"))),
        "start_time": draw(st.sampled_from(TIMES)),
        "experiment_id": draw(st.sampled_from(("1", "2", "10"))),
        "lifecycle_stage": draw(st.sampled_from(STAGES)),
    }
    if draw(st.booleans()):
        attributes["end_time"] = draw(st.sampled_from(TIMES))
    texts = st.sampled_from(TEXTS)
    return RunRow(
        attributes,
        params=draw(st.dictionaries(st.sampled_from(PARAM_KEYS), texts)),
        tags=draw(st.dictionaries(st.sampled_from(TAG_KEYS), texts)),
        points=tuple(draw(st.lists(_points(), max_size=5, unique_by=repr))),
        datasets=tuple(draw(st.lists(_dataset_uses(), max_size=2, unique=True))),
    )


def _points() -> SearchStrategy[Point]:
    steps, values = st.integers(-2, 3), st.sampled_from(POINT_VALUES)
    return st.builds(Point, st.sampled_from(METRIC_KEYS), steps, st.integers(0, 2), values)


def _dataset_uses() -> SearchStrategy[DatasetUse]:
    words = st.sampled_from(("a", "A", "ab", "é"))
    return st.builds(DatasetUse, words, words, st.sampled_from(("train", "eval", "a")))


def values_of(row: RunRow, field: Field) -> list[Scalar]:
    """All values of *field* in *row*: the reference look-up."""
    match field.entity:
        case Entity.ATTRIBUTE:
            return [row.attributes[field.key]] if field.key in row.attributes else []
        case Entity.PARAM:
            return [row.params[field.key]] if field.key in row.params else []
        case Entity.TAG:
            return [row.tags[field.key]] if field.key in row.tags else []
        case Entity.DATASET:
            return [getattr(dataset, field.key) for dataset in row.datasets]
        case Entity.METRIC:
            points = [point for point in row.points if point.key == field.key]
            return [aggregate(points, field.aggregate)] if points else []


def aggregate(points: Sequence[Point], kind: Aggregate | None) -> float:
    """What *kind* makes of the points of one metric, of which there is at least one."""
    series = sorted(points, key=_age)
    numbers = [point for point in series if not math.isnan(point.value)]
    match kind:
        case None | Aggregate.LAST:
            return series[-1].value
        case Aggregate.FIRST:
            return series[0].value
        case Aggregate.COUNT:
            return float(len(series))
        case _:
            return _of_numbers(numbers, kind) if numbers else math.nan


def _age(point: Point) -> tuple[int, int, float]:
    # At one step and time NaN comes before every number, so a number is the later point.
    return point.step, point.timestamp, -math.inf if math.isnan(point.value) else point.value


def _of_numbers(points: Sequence[Point], kind: Aggregate) -> float:
    lowest = min(points, key=lambda point: point.value)
    highest = max(points, key=lambda point: point.value)
    return {
        Aggregate.MIN: lowest.value,
        Aggregate.MAX: highest.value,
        Aggregate.MEAN: math.fsum(point.value for point in points) / len(points),
        Aggregate.MIN_STEP: float(lowest.step),
        Aggregate.MAX_STEP: float(highest.step),
    }[kind]


def has_metric(rows: Sequence[RunRow]) -> Callable[[str], bool]:
    """What `resolve` asks: whether any of *rows* has a metric of that very key."""
    keys = {point.key for row in rows for point in row.points}
    return keys.__contains__
