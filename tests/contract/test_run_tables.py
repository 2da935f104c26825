"""Tables of runs: order, cells, keys and values, in any store as in memory."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from millrace.core.filters import RUNS, columns, parse
from millrace.core.filters.columns import Cell
from millrace.stores.memory import MemoryStores
from millrace.stores.protocols import KeyFacts, KeysAsked, RunsAsked, Stores, TrackingStore
from tests.contract import build

NAN, INF = float("nan"), float("inf")


def asked(experiment: str, text: str = "", *order: str, **fields: Any) -> RunsAsked:
    maximized = fields.pop("maximized", ())
    return RunsAsked(
        experiment_ids=(experiment,),
        tree=parse(text, RUNS),
        order=columns.parse_order(order, maximized),
        **fields,
    )


def ordered(stores: Stores, experiment: str, *order: str, **fields: Any) -> list[str]:
    """Names of the runs, in order."""
    text = fields.pop("text", "")
    rows = stores.run_tables.ordered(asked(experiment, text, *order, **fields)).rows
    (names,) = stores.run_tables.cells([experiment], rows, columns.parse(["run_name"]))
    return [str(name) for name in names]


def table(
    stores: Stores, experiment: str, *names: str, maximized: Sequence[str] = ()
) -> dict[str, list[Cell]]:
    rows = stores.run_tables.ordered(asked(experiment, "", "run_name")).rows
    cells = stores.run_tables.cells([experiment], rows, columns.parse(names, maximized))
    return dict(zip(names, cells, strict=True))


def facts(stores: Stores, experiment: str, kind: str, **more: Any) -> list[KeyFacts]:
    text = more.pop("text", "")
    found, _ = stores.run_tables.keys(asked(experiment, text), KeysAsked(kind=kind, **more))  # type: ignore[arg-type]  # as the test says
    return found


@pytest.fixture
def experiment(store: TrackingStore) -> str:
    return build.add_experiment(store)


def add(
    store: TrackingStore,
    experiment: str,
    name: str,
    *,
    params: Mapping[str, str] | None = None,
    metrics: Mapping[str, Sequence[float]] | None = None,
    tags: Mapping[str, str] | None = None,
    **fields: Any,
) -> str:
    run = build.add_run(store, experiment, run_name=name, tags=tags, **fields)
    points = [
        build.point(value, step, 1_000 + step, key)
        for key, values in (metrics or {}).items()
        for step, value in enumerate(values)
    ]
    store.append(run, build.batch(*points, params=params)).result()
    return run


# --- order -------------------------------------------------------------------------------------


@pytest.fixture
def four(stores: Stores, experiment: str) -> str:
    store = stores.tracking
    add(store, experiment, "a", params={"lr": "10"}, metrics={"loss": [3, 1]}, start_time=1)
    add(store, experiment, "b", params={"lr": "9"}, metrics={"loss": [NAN]}, start_time=2)
    add(store, experiment, "c", params={"lr": "auto"}, metrics={"loss": [2, 2]}, start_time=3)
    add(store, experiment, "d", start_time=4)
    return experiment


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ((), "dcba"),
        (("start_time",), "abcd"),
        (("params.lr",), "bacd"),
        (("params.lr DESC",), "abcd"),
        (("metrics.loss",), "acbd"),
        (("metrics.loss desc",), "cabd"),
        (("metrics.loss.max DESC",), "acbd"),
        (("metrics.loss.min_step DESC",), "acbd"),
        (("metrics.loss.count DESC",), "cabd"),
        (("metrics.none", "run_name DESC"), "dcba"),
        (("tags.mlflow.runName",), "dcba"),
        (("duration", "attributes.run_name"), "abcd"),
    ],
)
def test_values_come_first_then_nan_then_texts_then_nothing(
    stores: Stores, four: str, order: tuple[str, ...], names: str
) -> None:
    """In both directions; params sort as numbers; ties go by start time, the newest first."""
    assert "".join(ordered(stores, four, *order)) == names


def test_many_keys_sort_one_after_the_other(stores: Stores, experiment: str) -> None:
    for name, family, loss in [("a", "x", 2.0), ("b", "y", 1.0), ("c", "x", 1.0), ("d", "y", 3.0)]:
        add(stores.tracking, experiment, name, tags={"family": family}, metrics={"loss": [loss]})

    assert ordered(stores, experiment, "tags.family DESC", "metrics.loss") == ["b", "d", "c", "a"]


def test_best_goes_by_the_goal(stores: Stores, experiment: str) -> None:
    add(stores.tracking, experiment, "a", metrics={"acc": [0.1, 0.9, 0.5]})
    add(stores.tracking, experiment, "b", metrics={"acc": [0.4, 0.8, 0.3]})
    held = table(
        stores, experiment, "metrics.acc.best", "metrics.acc.step_of_best", maximized=["acc"]
    )

    assert held["metrics.acc.best"] == [0.9, 0.8]
    assert held["metrics.acc.step_of_best"] == [1, 1]
    assert ordered(stores, experiment, "metrics.acc.best", maximized=["acc"]) == ["b", "a"]


def test_a_metric_with_the_name_of_an_aggregate_is_itself(stores: Stores, experiment: str) -> None:
    add(stores.tracking, experiment, "a", metrics={"loss": [5, 7], "loss.min": [1]})

    held = table(stores, experiment, "metrics.loss.min", "metrics.`loss`.min", "metrics.`loss.min`")

    assert list(held.values()) == [[1.0], [5.0], [1.0]]


def test_runs_in_the_trash_are_seen_when_asked_for(stores: Stores, four: str) -> None:
    gone = stores.tracking.find_runs([four], build.query("attributes.run_name = 'b'")).items
    (run,) = build.run_ids(gone)
    change = build.deletion(5)
    stores.tracking.change_run(run, change).result()

    assert ordered(stores, four, "run_name") == ["a", "c", "d"]
    assert ordered(stores, four, "run_name", view="DELETED_ONLY") == ["b"]
    assert ordered(stores, four, "run_name", view="ALL") == ["a", "b", "c", "d"]


def test_words_are_sought_in_names_ids_and_tags(stores: Stores, experiment: str) -> None:
    run = add(stores.tracking, experiment, "Swift Otter", tags={"team": "Vision"})
    add(stores.tracking, experiment, "slow otter", tags={"team": "language"})

    assert ordered(stores, experiment, words=("otter", "vision")) == ["Swift Otter"]
    assert ordered(stores, experiment, words=("OTTER",), text="tags.team = 'language'") == [
        "slow otter"
    ]
    assert ordered(stores, experiment, words=(run[:12],)) == ["Swift Otter"]
    assert ordered(stores, experiment, words=("badger",)) == []


def test_newer_runs_can_be_left_out(stores: Stores, four: str) -> None:
    mark = stores.run_tables.ordered(asked(four)).mark
    add(stores.tracking, four, "e", start_time=9)

    later = ordered(stores, four, "run_name", until=mark)

    assert later == (["a", "b", "c", "d"] if mark is not None else ["a", "b", "c", "d", "e"])


# --- cells -------------------------------------------------------------------------------------


def test_cells_hold_what_was_logged(stores: Stores, experiment: str) -> None:
    store = stores.tracking
    run = add(
        store, experiment, "a", params={"lr": "0.1"}, metrics={"loss": [1, INF, NAN]},
        tags={"mlflow.note.content": "*good*"},
    )  # fmt: skip
    read = build.dataset_input("iris", "d1", tags={"mlflow.data.context": "train"})
    model = build.add_model(store, experiment, name="forest")
    outputs = build.outputs(model, 3)
    store.append(run, build.batch(datasets=(read,), model_outputs=outputs)).result()
    add(store, experiment, "b")

    held = table(
        stores, experiment, "run_id", "params.lr", "metrics.loss", "metrics.loss.max",
        "metrics.loss.mean", "metrics.loss.count", "tags.team", "note", "datasets", "models",
        "duration", "status", "experiment_id",
    )  # fmt: skip

    assert held["run_id"][0] == run
    assert held["params.lr"] == ["0.1", None]
    assert held["metrics.loss"] == ["NaN", None]
    assert held["metrics.loss.max"] == ["Infinity", None]
    assert held["metrics.loss.mean"] == ["Infinity", None]
    assert held["metrics.loss.count"] == [3, None]
    assert held["tags.team"] == [None, None]
    assert held["note"] == ["*good*", None]
    assert held["datasets"] == [[{"name": "iris", "digest": "d1", "context": "train"}], None]
    assert held["models"] == [
        [{"model_id": model, "is_output": True, "step": 3, "name": "forest"}],
        None,
    ]
    assert held["duration"] == [None, None]
    assert held["status"] == ["RUNNING", "RUNNING"]
    assert held["experiment_id"] == [experiment, experiment]


def test_only_nans_have_no_best_step(stores: Stores, experiment: str) -> None:
    add(stores.tracking, experiment, "a", metrics={"loss": [NAN]})

    held = table(stores, experiment, "metrics.loss.min", "metrics.loss.min_step")

    assert list(held.values()) == [["NaN"], [None]]


def test_parents_are_known_where_they_are(stores: Stores, experiment: str) -> None:
    store = stores.tracking
    parent = add(store, experiment, "p")
    add(store, experiment, "c", tags={"mlflow.parentRunId": parent})
    add(store, experiment, "o", tags={"mlflow.parentRunId": "0" * 32})
    rows = stores.run_tables.ordered(asked(experiment, "", "run_name")).rows
    child, _, above = rows

    assert stores.run_tables.parents([experiment]) == {child: above}
    assert stores.run_tables.ids(rows)[2] == parent


# --- keys and values ---------------------------------------------------------------------------


def test_keys_tell_coverage_kind_and_range(stores: Stores, experiment: str) -> None:
    store = stores.tracking
    add(store, experiment, "a", params={"lr": "1e-3", "opt": "sgd"}, metrics={"loss": [9, 2]})
    add(store, experiment, "b", params={"lr": "auto", "opt": "sgd"}, metrics={"loss": [NAN]})
    add(store, experiment, "c", params={"lr": "5"}, metrics={"loss": [2], "Lossy": [1]})

    lr, opt = facts(stores, experiment, "param")
    by_name = facts(stores, experiment, "metric", prefix="LOSS")
    by_coverage = facts(stores, experiment, "metric", contains="oss", by_coverage=True, limit=1)

    assert lr == KeyFacts(key="lr", runs=3, numbers=2, distinct=3, minimum=0.001, maximum=5)
    assert opt == KeyFacts(key="opt", runs=2, numbers=0, distinct=1)
    assert [one.key for one in by_name] == ["Lossy", "loss"]
    assert by_coverage == [
        KeyFacts(key="loss", runs=3, numbers=3, distinct=2, minimum=2, maximum=2)
    ]


def test_keys_are_those_of_the_matching_runs(stores: Stores, four: str) -> None:
    (loss,) = facts(stores, four, "metric", text="params.lr = 'auto'")
    (nothing,) = facts(stores, four, "metric", text="params.lr = 'none'")

    assert (loss.runs, loss.minimum) == (1, 2)
    assert (nothing.runs, nothing.minimum) == (0, None)


def test_keys_of_many_experiments_are_one(stores: Stores) -> None:
    store = stores.tracking
    two = [build.add_experiment(store), build.add_experiment(store)]
    for experiment, loss in zip(two, [1.0, 2.0], strict=True):
        add(store, experiment, "a", metrics={"loss": [loss]})
    both = RunsAsked(experiment_ids=tuple(two), tree=parse("", RUNS))

    ((loss_facts,), total) = stores.run_tables.keys(both, KeysAsked(kind="metric"))

    assert total == 1
    assert (loss_facts.runs, loss_facts.distinct) == (2, 2)
    assert (loss_facts.minimum, loss_facts.maximum) == (1, 2)


def test_frequent_values_come_first(stores: Stores, four: str) -> None:
    def values(text: str, **more: Any) -> list[tuple[str, int]]:
        of = columns.column(text).of
        known = {"prefix": "", "limit": 10} | more
        return stores.run_tables.values(asked(four), of, **known)  # type: ignore[arg-type]  # a field

    assert values("status") == [("RUNNING", 4)]
    assert values("params.lr") == [("10", 1), ("9", 1), ("auto", 1)]
    assert values("params.lr", prefix="AU") == [("auto", 1)]
    assert values("params.lr", limit=1) == [("10", 1)]
    assert values("run_name", prefix="b") == [("b", 1)]
    assert values("tags.none") == []


# --- against the reference ---------------------------------------------------------------------

KEYS = ("loss", "acc", "loss.min")
FILTERS = ("", "metrics.loss < 0.5", "params.lr = '0.1' OR tags.team = 'a'", "metrics.acc.max > 0")
ORDERS = (
    ("metrics.loss", "params.lr DESC"),
    ("params.lr", "metrics.acc.mean DESC"),
    ("tags.team", "duration DESC", "run_name"),
    ("metrics.acc.max_step DESC", "liveness", "status"),
)
COLUMNS = [
    "run_id", "params.lr", "tags.team", "metrics.loss.min", "metrics.acc", "metrics.acc.min_step",
    "metrics.`loss`.mean", "duration",
]  # fmt: skip


def _logged(draw: random.Random, number: int) -> Iterator[tuple[str, Any]]:
    yield "name", f"r{draw.randrange(9)}"
    yield "run_id", f"{number:032x}"
    yield "start_time", draw.randrange(4)
    yield "tags", {"team": draw.choice("ab")} if draw.random() < 0.7 else {}
    params = ["0.1", "10", "9", "x", "1e1", "-3"]
    yield "params", {"lr": draw.choice(params)} if draw.random() < 0.8 else {}
    numbers = [0.0, -0.0, 1.0, 0.25, -2.5, NAN, INF]
    yield (
        "metrics",
        {key: draw.choices(numbers, k=3) for key in KEYS if draw.random() < 0.6},
    )


def test_every_store_answers_as_memory_does(stores: Stores) -> None:
    draw, places = random.Random(7), [stores, MemoryStores()]
    logged = [dict(_logged(draw, number)) for number in range(60)]
    experiments = []
    for place in places:
        experiments.append(build.add_experiment(place.tracking))
        for one in logged:
            add(place.tracking, experiments[-1], **one)

    for text in FILTERS:
        for order in ORDERS:
            found = []
            for place, home in zip(places, experiments, strict=True):
                rows = place.run_tables.ordered(asked(home, text, *order)).rows
                found.append(place.run_tables.cells([home], rows, columns.parse(COLUMNS)))
            assert found[0] == found[1], (text, order)
        for kind in ("metric", "param", "tag"):
            ours, theirs = (
                facts(place, home, kind, text=text, by_coverage=True)
                for place, home in zip(places, experiments, strict=True)
            )
            assert ours == theirs, (text, kind)
