"""Trees over records: the meaning of every operator, and against an independent evaluator."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.core.filters import evaluate
from millrace.core.filters.ast import And, Comparison, Entity, Not, Op, Or, resolve
from millrace.core.filters.fields import REGISTERED_MODELS, RUNS
from millrace.core.filters.parser import parse
from tests.strategies.filters import (
    DatasetUse,
    Point,
    RunRow,
    filters,
    has_metric,
    run_rows,
    values_of,
)

ROW = RunRow(
    attributes={"run_id": "r1", "run_name": "Zoo", "status": "FINISHED", "start_time": 1000},
    params={"lr": "0.10", "opt": "Adam", "depth": "10", "odd": "1_0", "none": ""},
    tags={"team": "vision", "note": "it''s", "accent": "É"},
    points=(
        Point("loss", 0, 5, 3.0),
        Point("loss", 1, 6, 1.0),
        Point("loss", 2, 7, 2.0),
        Point("nan", 0, 0, math.nan),
        Point("mixed", 0, 0, math.nan),
        Point("mixed", 1, 0, 4.0),
        Point("acc.max", 0, 0, 0.5),
    ),
    datasets=(DatasetUse("iris", "d1", "train"), DatasetUse("wine", "d2", "eval")),
)


def holds(text, row=ROW, table=RUNS):
    tree = resolve(parse(text, table), has_metric([row]))
    return evaluate.compile(tree, values_of)(row)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "metrics.loss = 2",
        "metrics.loss >= 2 AND metrics.loss <= 2",
        "metrics.loss != 3",
        "metrics.loss IN (1, 2)",
        "metrics.loss NOT IN (1, 3)",
        "metrics.loss BETWEEN 2 AND 3",
        "metrics.loss BETWEEN 1 AND 2",
        "metrics.loss NOT BETWEEN 3 AND 4",
        "metrics.loss.min = 1",
        "metrics.loss.max = 3",
        "metrics.loss.mean = 2",
        "metrics.loss.first = 3",
        "metrics.loss.last = 2",
        "metrics.loss.count = 3",
        "metrics.loss.best_step = 1",
        "metrics.loss.min_step = 1",
        "metrics.loss.max_step = 0",
        "metrics.acc.max = 0.5",
        "metrics.mixed.count = 2",
        "metrics.mixed.min = 4",
        "params.lr = 0.1",
        "params.lr = '0.10'",
        "params.lr != '0.1'",
        "params.depth > 9",
        "params.depth < '9'",
        "params.depth IN (1e1)",
        "params.opt LIKE 'A%m'",
        "params.opt NOT LIKE 'a%'",
        "params.opt ILIKE 'a%M'",
        "params.opt RLIKE '^A.*m$'",
        "params.opt NOT RLIKE 'x'",
        "params.opt BETWEEN 'A' AND 'B'",
        "params.none = ''",
        "params.none IS NOT NULL",
        "tags.note = 'it''s'",
        "tags.accent NOT ILIKE 'é'",
        "run_name < 'a'",
        "status = 'FINISHED'",
        "start_time > 999.5",
        "end_time IS NULL",
        "dataset.name = 'wine'",
        "dataset.name = 'iris' AND dataset.name = 'wine'",
        "dataset.name != 'iris'",
        "dataset.context NOT IN ('train')",
        "tags.team = 'x' OR run_id = 'r1'",
        "NOT tags.team = 'x'",
        "NOT tags.absent = 'x'",
    ],
)
def test_what_holds(text):
    assert holds(text)


@pytest.mark.parametrize(
    "text",
    [
        "metrics.loss > 2",
        "metrics.loss.min < 1",
        "metrics.acc.max = 1",
        "params.odd > 0",
        "params.odd != 1",
        "params.opt != 1",
        "params.none < 1",
        "params.lr = '0.1'",
        "params.opt LIKE 'a%'",
        "params.opt LIKE 'Ada'",
        "tags.team = 'Vision'",
        "status = 'finished'",
        "dataset.name != 'iris' AND dataset.name = 'rice'",
        "NOT status = 'FINISHED'",
    ],
)
def test_what_does_not_hold(text):
    assert not holds(text)


@pytest.mark.parametrize("op", [op for op in Op if op.positive is not Op.IS_NULL])
def test_absent_values_satisfy_nothing_and_not_is_the_complement(op):
    literal = {Op.IN: "('x')", Op.BETWEEN: "'a' AND 'z'"}.get(op.positive, "'x'")
    text = f"tags.absent {op} {literal}"

    assert not holds(text)
    assert holds(f"NOT {text}")
    assert holds("tags.absent IS NULL")
    assert not holds("tags.absent IS NOT NULL")


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("= 1", False),
        ("!= 1", True),
        ("> 1", False),
        (">= 1", False),
        ("< 1", False),
        ("<= 1", False),
        ("IN (1)", False),
        ("NOT IN (1)", True),
        ("BETWEEN -1e999 AND 1e999", False),
        ("NOT BETWEEN -1e999 AND 1e999", True),
        ("IS NULL", False),
        ("IS NOT NULL", True),
    ],
)
def test_nan_equals_nothing_and_is_not_ordered(condition, expected):
    assert holds(f"metrics.nan {condition}") is expected
    assert holds(f"metrics.nan.max {condition}") is expected


def test_registry_search_of_models_finds_those_without_the_prompt_tag():
    text = "tags.mlflow.prompt.is_prompt != 'true'"

    for tags, expected in [({}, True), ({"mlflow.prompt.is_prompt": "true"}, False)]:
        assert holds(text, RunRow({"name": "m"}, tags=tags), REGISTERED_MODELS) is expected


def test_unsettled_name_is_looked_up_as_a_key():
    tree = parse("metrics.acc.max = 0.5 AND metrics.loss.min IS NULL", RUNS)

    assert evaluate.compile(tree, values_of)(ROW)


# --- against an evaluator that shares no code ----------------------------------------------------


def oracle(tree, row):
    match tree:
        case And(terms=terms):
            return all(oracle(term, row) for term in terms)
        case Or(terms=terms):
            return any(oracle(term, row) for term in terms)
        case Not(term=term):
            return not oracle(term, row)
        case Comparison():
            return compared(tree, row)


def compared(comparison, row):
    op, literal = comparison.op, comparison.value
    values = values_of(row, comparison.field)
    if op in (Op.IS_NULL, Op.IS_NOT_NULL):
        return (len(values) == 0) == (op is Op.IS_NULL)
    sample = literal[0] if isinstance(literal, tuple) else literal
    if comparison.field.entity is Entity.PARAM and not isinstance(sample, str):
        values = [float(value) for value in values if re.fullmatch(DECIMAL, value)]
    return any(by_definition(op, value, literal) for value in values)


DECIMAL = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"


def by_definition(op, value, literal):
    if op.startswith("NOT "):
        return not by_definition(Op(op.removeprefix("NOT ")), value, literal)
    match op:
        case "=":
            return value == literal
        case "!=":
            return value != literal
        case ">" | ">=" | "<" | "<=":
            return (
                (value > literal and ">" in op)
                or (value < literal and "<" in op)
                or (value == literal and "=" in op)
            )
        case "IN":
            return any(value == item for item in literal)
        case "BETWEEN":
            return value >= literal[0] and value <= literal[1]
        case "LIKE":
            return by_bytes(literal, value, re.DOTALL)
        case "ILIKE":
            return by_bytes(literal, value, re.DOTALL | re.IGNORECASE)
        case "RLIKE":
            return re.search(literal.replace("$", r"\Z"), value) is not None


def by_bytes(pattern, value, flags):
    """LIKE by the standard library, over UTF-8, where folding knows ASCII alone."""
    wild = {"%": b".*", "_": rb"(?:[\x00-\x7f]|[\xc0-\xff][\x80-\xbf]*)"}
    expression = b"".join(wild.get(char) or re.escape(char.encode()) for char in pattern)
    return re.fullmatch(expression, value.encode(), flags) is not None


@given(filters(RUNS), run_rows())
def test_evaluator_agrees_with_the_oracle(tree, rows):
    settled = resolve(tree, has_metric(rows))
    keep = evaluate.compile(settled, values_of)

    assert [keep(row) for row in rows] == [oracle(settled, row) for row in rows]


@given(filters(RUNS), run_rows(), st.data())
def test_logic_is_two_valued(tree, rows, data):
    """De Morgan, double negation and the excluded middle hold for every record."""
    other = data.draw(filters(RUNS, max_terms=3))

    def kept(expression):
        return [evaluate.compile(expression, values_of)(row) for row in rows]

    assert kept(Not(Not(tree))) == kept(tree)
    assert all(kept(Or((tree, Not(tree)))))
    assert kept(Not(And((tree, other)))) == kept(Or((Not(tree), Not(other))))
