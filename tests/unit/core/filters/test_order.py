"""Sort keys: how they are written, and where NaN and missing values go."""

import math
from functools import cmp_to_key

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.core.errors import InvalidArgument
from millrace.core.filters import order
from millrace.core.filters.ast import Aggregate, Entity, Field
from millrace.core.filters.fields import (
    EVALUATION_DATASETS,
    EXPERIMENTS,
    LOGGED_MODELS,
    MODEL_VERSIONS,
    REGISTERED_MODELS,
    RUNS,
    TABLES,
)
from millrace.core.filters.order import OrderKey
from tests.strategies.filters import (
    Point,
    RunRow,
    order_keys,
    render_key,
    run_rows,
    unplaced_field,
    values_of,
)


def key(text, table=RUNS):
    (parsed,) = order.parse([text], table)
    return OrderKey(unplaced_field(parsed.field), parsed.ascending, parsed.digits)


def refusal(*texts, table=RUNS):
    with pytest.raises(InvalidArgument) as caught:
        order.parse(texts, table)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "entity", "name", "ascending"),
    [
        ("metrics.loss", Entity.METRIC, "loss", True),
        ("metric.loss ASC", Entity.METRIC, "loss", True),
        ("metrics.loss  desc", Entity.METRIC, "loss", False),
        ("metrics.loss\tDESC", Entity.METRIC, "loss", False),
        ("metrics.`val loss` DESC", Entity.METRIC, "val loss", False),
        ("metrics.'x/y' Desc", Entity.METRIC, "x/y", False),
        ('metrics."x/y"', Entity.METRIC, "x/y", True),
        ("metrics.desc desc", Entity.METRIC, "desc", False),
        ("params.lr", Entity.PARAM, "lr", True),
        ("parameter.lr DESC", Entity.PARAM, "lr", False),
        ("tags.mlflow.runName desc", Entity.TAG, "mlflow.runName", False),
        ("start_time DESC", Entity.ATTRIBUTE, "start_time", False),
        ("attributes.start_time", Entity.ATTRIBUTE, "start_time", True),
        ("attribute.created", Entity.ATTRIBUTE, "start_time", True),
        ("Created", Entity.ATTRIBUTE, "start_time", True),
        ("`start_time` DESC", Entity.ATTRIBUTE, "start_time", False),
        ('"start_time"', Entity.ATTRIBUTE, "start_time", True),
        ("end_time", Entity.ATTRIBUTE, "end_time", True),
        ("status", Entity.ATTRIBUTE, "status", True),
        ("run_name", Entity.ATTRIBUTE, "run_name", True),
        ("`Run name`", Entity.ATTRIBUTE, "run_name", True),
        ("run_id", Entity.ATTRIBUTE, "run_id", True),
        ("user_id", Entity.ATTRIBUTE, "user_id", True),
        ("artifact_uri DESC", Entity.ATTRIBUTE, "artifact_uri", False),
        ("lifecycle_stage", Entity.ATTRIBUTE, "lifecycle_stage", True),
    ],
)
def test_keys_of_runs(text, entity, name, ascending):
    assert key(text) == OrderKey(Field(entity, name), ascending)


@pytest.mark.parametrize(
    ("table", "names"),
    [
        (EXPERIMENTS, "name experiment_id creation_time last_update_time"),
        (REGISTERED_MODELS, "name last_updated_timestamp"),
        (MODEL_VERSIONS, "name version_number creation_timestamp last_updated_timestamp"),
        (LOGGED_MODELS, "name model_id creation_timestamp last_updated_timestamp"),
        (EVALUATION_DATASETS, "name created_time last_update_time"),
    ],
)
def test_attributes_of_other_records(table, names):
    for name in names.split():
        assert key(name, table).field == Field(Entity.ATTRIBUTE, name)


def test_timestamp_of_registered_models_is_their_last_update():
    assert key("timestamp", REGISTERED_MODELS) == key("last_updated_timestamp", REGISTERED_MODELS)


def test_aggregates_sort():
    assert key('metrics."loss".min DESC') == OrderKey(
        Field(Entity.METRIC, "loss", Aggregate.MIN), ascending=False
    )


def test_resolve_settles_keys_and_drops_what_became_a_repeat():
    keys = order.parse(["metrics.loss.min", "metrics.`loss`.min DESC", "metrics.a"], RUNS)

    as_aggregate = order.resolve(keys, lambda _: False)
    as_key = order.resolve(keys, lambda _: True)

    assert [(k.field.key, k.field.aggregate) for k in as_aggregate] == (
        [("loss", Aggregate.MIN), ("a", None)]
    )
    assert [k.field.key for k in as_key] == ["loss.min", "loss", "a"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "expected a field to sort by, found the end"),
        (" ", "expected a field to sort by, found the end"),
        ("5", "expected a field to sort by, found '5'"),
        ("(metrics.a)", "expected a field to sort by, found '('"),
        ("'name'", "expected a field, found the text"),
        ("DESC", "runs have no field 'DESC'"),
        ("foo", "runs have no field 'foo'"),
        ("METRICS.a", "'METRICS' is nothing that runs have"),
        ("run name", "runs have no field 'run'"),
        ("metrics.a UP", "column 11: expected ASC, DESC or the end, found 'UP'"),
        ("metrics.a b DESC", "column 11: expected ASC, DESC or the end, found 'b'"),
        ("metrics.a DESC DESC", "column 16: expected the end, found 'DESC'"),
        ("metrics.a, metrics.b", "found ','. Give one key in each string."),
        ("metrics.a DESC, metrics.b", "found ','. Give one key in each string."),
        ("metrics.a `DESC`", "expected ASC, DESC or the end"),
        ("metrics.a-b", "backticks"),
        ("metrics.", "expected a key after 'metrics.'"),
        ("metrics.a;", "Give one expression"),
        ("dataset.name", "'dataset.name' has several values"),
    ],
)
def test_broken_keys_are_refused(text, complaint):
    message = refusal("run_id", text)

    assert complaint in message
    assert message.startswith(("Order key 2, column ", "Invalid order_by clause 2, column "))


def test_number_of_keys():
    assert len(order.parse([f"metrics.m{n}" for n in range(10)], RUNS)) == 10
    assert "order_by has 3,000 keys; at most 10" in refusal(*["metrics.a"] * 3_000)
    assert "at most 65,536" in refusal("metrics." + "a" * 1_000_000)


def test_repeated_keys_are_dropped():
    keys = order.parse(["metrics.a", "run_id", "metrics.a DESC", "attr.run_id"], RUNS)

    assert [(k.field.key, k.ascending) for k in keys] == [("a", True), ("run_id", True)]


def test_named_takes_all_after_the_dot_as_the_key():
    """Fields of JSON order objects are names, not text of the language."""
    assert order.named("metrics.val loss/x", LOGGED_MODELS, ascending=False) == OrderKey(
        Field(Entity.METRIC, "val loss/x"), ascending=False
    )
    assert order.named("metrics.`a`", LOGGED_MODELS).field.key == "`a`"
    assert order.named("creation_time", LOGGED_MODELS).field.key == "creation_timestamp"


@pytest.mark.parametrize("name", ["", "foo", "metrics.", "x.y", "name DESC", "a\0", "a" * 70_000])
def test_named_refuses_what_is_no_field(name):
    with pytest.raises(InvalidArgument, match="column"):
        order.named(name, LOGGED_MODELS)


# --- sorting -------------------------------------------------------------------------------------


def sorted_ids(rows, *texts):
    sort_key = order.sort_key(order.parse(texts, RUNS), values_of)
    return "".join(row.attributes["run_id"] for row in sorted(rows, key=sort_key))


def with_metric(values):
    """Runs a, b, c, … with these values of metric x; None for a run without."""
    return [
        RunRow({"run_id": name}, points=() if value is None else (Point("x", 0, 0, value),))
        for name, value in zip("abcdefgh", values, strict=False)
    ]


def test_numbers_then_nan_then_missing_in_both_directions():
    rows = with_metric([None, math.nan, 2.0, -1.0, None, math.nan])

    assert sorted_ids(rows, "metrics.x") == "dcbfae"
    assert sorted_ids(rows, "metrics.x DESC") == "cdbfae"
    assert sorted_ids(rows, "metrics.x DESC", "run_id DESC") == "cdfbea"


def test_text_sorts_by_code_point_and_params_are_text():
    in_order = ["0.01", "0.1", "10", "2", "Z", "a", "é", "🙂"]
    rows = [RunRow({"run_id": text}, params={"p": text}) for text in reversed(in_order)]

    assert sorted_ids(rows, "params.p") == "".join(in_order)
    assert sorted_ids(rows, "params.p DESC") == "".join(reversed(in_order))


def test_a_prefix_comes_before_what_it_begins():
    rows = [RunRow({"run_id": text}, tags={"t": text}) for text in ("ab", "a", "")]

    assert sorted_ids(rows, "tags.t") == "aab"
    assert sorted_ids(rows, "tags.t DESC") == "aba"


def test_experiment_ids_sort_by_size():
    rows = [RunRow({"run_id": x, "experiment_id": x}) for x in ("10", "9", "1", "x")]

    assert sorted_ids(rows, "experiment_id") == "1910x"
    assert sorted_ids(rows, "experiment_id DESC") == "1091x"


def test_large_integers_keep_their_order():
    rows = [RunRow({"run_id": name, "start_time": 2**62 + n}) for n, name in enumerate("abc")]

    assert sorted_ids(rows, "start_time DESC") == "cba"


@pytest.mark.parametrize("table", TABLES)
def test_default_order_is_sortable(table):
    assert order.parse(table.default_order, table)


def by_definition(keys):
    """Compare two runs key by key, the long way."""

    def compare(left, right):
        for one in keys:
            verdict = compare_values(one, *[values_of(row, one.field) for row in (left, right)])
            if verdict:
                return verdict
        return 0

    def compare_values(one, left, right):
        ranks = [2 if not v else 1 if v[0] != v[0] else 0 for v in (left, right)]
        if ranks != [0, 0]:
            return ranks[0] - ranks[1]
        a, b = (int(v[0]) if one.digits else v[0] for v in (left, right))
        return ((a > b) - (a < b)) * (1 if one.ascending else -1)

    return compare


@given(order_keys(RUNS), run_rows())
def test_sort_agrees_with_the_definition(keys, rows):
    expected = sorted(rows, key=cmp_to_key(by_definition(keys)))

    assert sorted(rows, key=order.sort_key(keys, values_of)) == expected


@given(st.data())
def test_parse_undoes_render(data):
    table = data.draw(st.sampled_from(TABLES))
    keys = data.draw(order_keys(table))
    texts = [render_key(one, lambda options: data.draw(st.sampled_from(options))) for one in keys]

    assert tuple(key(text, table) for text in texts) == keys
    assert len(order.parse(texts, table)) == len(keys)


@given(st.lists(st.text()))
def test_any_text_is_read_or_refused(texts):
    try:
        order.parse(texts, RUNS)
    except InvalidArgument as error:
        refused = str(error)
    else:
        refused = ""

    assert not refused or "order" in refused.lower()
