"""The field tables are consistent, and the reference page says what they say."""

import re
from pathlib import Path

import pytest

from millrace.core.errors import InvalidArgument
from millrace.core.filters import lexer, order, parser
from millrace.core.filters.ast import Entity, Op
from millrace.core.filters.fields import (
    AGGREGATE_WORDS,
    LOGGED_MODELS,
    RUNS,
    TABLES,
    FieldRow,
    reference,
)

PAGE = Path(__file__).parents[4].joinpath("docs/reference/search.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.noun)
def test_names_and_aliases_are_told_apart(table):
    names = [(row.entity, name) for row in table.rows for name in (row.name, *row.aliases)]

    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "row",
    [row for table in TABLES for row in table.rows],
    ids=lambda row: f"{row.entity.value}.{row.name}",
)
def test_rows_make_sense(row: FieldRow):
    assert {Op.IS_NULL, Op.IS_NOT_NULL, Op.EQ, Op.NE, Op.IN} <= row.operators
    assert not (row.many and row.sortable)
    assert row.values or not row.closed
    assert row.keyed == (row.entity in (Entity.METRIC, Entity.PARAM, Entity.TAG))


def test_operators_come_with_their_opposites():
    for table in TABLES:
        for row in table.rows:
            assert {op.positive for op in row.operators} <= row.operators
            assert all(op in row.operators for op in Op if op.positive in row.operators - {op}), row


def test_any_key_is_a_key():
    assert RUNS.row(Entity.TAG, "KEY") is RUNS.row(Entity.TAG, "anything else")
    assert LOGGED_MODELS.row(Entity.DATASET, "name") is None


def test_page_holds_the_tables():
    """When this fails: put `reference()` between the markers in docs/reference/search.md."""
    begin, end = "<!-- begin fields -->\n", "\n<!-- end fields -->"

    assert PAGE.split(begin)[1].split(end)[0] == reference()


def filters_on_the_page():
    return [
        line
        for block in re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
        for line in block.splitlines()
        if line.strip()
    ]


@pytest.mark.parametrize("text", filters_on_the_page())
def test_filters_on_the_page_are_read(text):
    assert parser.parse(text, RUNS)


def test_keys_on_the_page_are_read():
    listed = re.findall(r"order_by=(\[.*?\])", PAGE)

    assert listed
    for keys in listed:
        assert order.parse(re.findall(r'"(.*?)"', keys), RUNS)


@pytest.mark.parametrize("text", ["metrics.loss > high", "metrics.a > 1 metrics.b > 2"])
def test_messages_on_the_page_are_the_real_ones(text):
    with pytest.raises(InvalidArgument) as caught:
        parser.parse(text, RUNS)

    assert f"\n{caught.value}\n" in PAGE


@pytest.mark.parametrize(
    "limit",
    [
        lexer.MAX_LENGTH,
        lexer.MAX_TOKENS,
        parser.MAX_DEPTH,
        parser.MAX_TERMS,
        parser.MAX_LIST,
        parser.MAX_WILDCARDS,
        parser.MAX_PATTERN,
        order.MAX_KEYS,
    ],
)
def test_limits_are_on_the_page(limit):
    limits = PAGE.split("## Limits")[1]

    assert f"| {limit:,} |" in limits


def test_aggregates_are_on_the_page():
    for word in AGGREGATE_WORDS:
        assert f"| `{word}` |" in PAGE
