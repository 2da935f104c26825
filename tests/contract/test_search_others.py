"""Searching experiments and logged models: every field, what matches, in which order, in pages."""

from __future__ import annotations

import math

import pytest

from millrace.core.entities.entity import KeyValue
from millrace.core.entities.experiment import ExperimentChange
from millrace.core.entities.logged_model import LoggedModelChange
from millrace.core.filters import (
    EVALUATION_DATASETS,
    EXPERIMENTS,
    LOGGED_MODELS,
    RUNS,
    FieldTable,
)
from millrace.core.filters.fields import FieldRow
from millrace.stores.protocols import Stores, TrackingStore
from tests.contract.build import (
    add_experiment,
    add_model,
    add_run,
    log,
    new_dataset,
    pages,
    point,
    query,
)
from tests.contract.test_experiments import DELETE

# Every field

ROWS = [
    pytest.param(table, row, id=f"{table.noun}: {row.spelling}")
    for table in (RUNS, EXPERIMENTS, LOGGED_MODELS, EVALUATION_DATASETS)
    for row in table.rows
]


@pytest.mark.parametrize(("table", "row"), ROWS)
def test_every_field_can_be_searched(stores: Stores, table: FieldTable, row: FieldRow) -> None:
    """A field of the language that a store has forgotten would be a failure at run time."""
    run, model = add_run(stores.tracking), add_model(stores.tracking)
    log(stores.tracking, run, point(1, key="KEY", model_id=model))
    stores.evaluation.add_dataset(new_dataset()).result()
    order_by = (f"{row.spelling} DESC",) if row.sortable else ()
    find = {
        RUNS: lambda asked: stores.tracking.find_runs(["0"], asked),
        EXPERIMENTS: stores.tracking.find_experiments,
        LOGGED_MODELS: lambda asked: stores.tracking.find_logged_models(["0"], asked),
        EVALUATION_DATASETS: lambda asked: stores.evaluation.find_datasets([], asked),
    }[table]

    with_it, without_it = (
        find(query(f"{row.spelling} {condition}", order_by, table=table)).items
        for condition in ("IS NOT NULL", "IS NULL")
    )

    assert len(with_it) + len(without_it) == 1


# Experiments


def experiments(store: TrackingStore, text: str = "", *order_by: str, **fields: object) -> str:
    """Names of the matching experiments, in order; the default one is `0`."""
    asked = query(text, order_by, table=EXPERIMENTS, **fields)
    return "".join(_letter(one.name) for one in store.find_experiments(asked).items)


def _letter(name: str) -> str:
    return "0" if name == "Default" else name


@pytest.fixture
def shelves(store: TrackingStore) -> None:
    """Experiments a to e, made at 5, 6, 5, 4, 5; the default one is put in the trash, c is, too."""
    for name, time in zip("abcde", (5, 6, 5, 4, 5), strict=True):
        tags = (KeyValue(key="t", value=name.upper()),) if name in "ab" else ()
        add_experiment(store, name, creation_time=time, tags=tags)
    for experiment_id in ("0", "3"):
        store.change_experiment(experiment_id, DELETE).result()
    store.change_experiment("4", ExperimentChange(last_update_time=9)).result()


@pytest.mark.parametrize(
    ("text", "order_by", "names"),
    [
        ("", (), "baed"),
        ("", ("creation_time",), "deab"),
        ("", ("creation_time DESC",), "bead"),
        ("", ("last_update_time DESC",), "dbea"),
        ("", ("name",), "abde"),
        ("", ("name DESC",), "edba"),
        ("", ("experiment_id",), "abde"),
        ("", ("experiment_id DESC",), "edba"),
        ("", ("creation_time", "name DESC"), "deab"),
        ("name = 'a'", (), "a"),
        ("name ILIKE 'A%'", (), "a"),
        ("name = 'c'", (), ""),
        ("experiment_id IN ('1', '4', '3', '01')", (), "ad"),
        ("creation_time >= 5", (), "bae"),
        ("tags.t = 'B'", (), "b"),
        ("tags.t != 'B'", (), "a"),
        ("tags.t IS NULL", (), "ed"),
        ("NOT (name = 'a' OR tags.t = 'B')", (), "ed"),
    ],
)
def test_experiments_by_filter_in_order(
    store: TrackingStore, shelves: None, text: str, order_by: tuple[str, ...], names: str
) -> None:
    """The youngest first, then by id: up, or down after an order that was asked for."""
    assert experiments(store, text, *order_by) == names


def test_views_of_experiments(store: TrackingStore, shelves: None) -> None:
    found = {
        view: experiments(store, "", "name", view=view)
        for view in ("ACTIVE_ONLY", "DELETED_ONLY", "ALL")
    }

    assert found == {"ACTIVE_ONLY": "abde", "DELETED_ONLY": "0c", "ALL": "0abcde"}


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
def test_ids_of_experiments_are_ordered_as_numbers(store: TrackingStore, direction: str) -> None:
    for _ in range(11):
        add_experiment(store)
    asked = query("", [f"experiment_id {direction}"], table=EXPERIMENTS)

    found = [int(one.experiment_id) for one in store.find_experiments(asked).items]

    assert found == sorted(range(12), reverse=direction == "DESC")


@pytest.mark.parametrize("order_by", [(), ("creation_time",), ("name DESC",), ("experiment_id",)])
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 9])
def test_pages_of_experiments(
    store: TrackingStore, shelves: None, order_by: tuple[str, ...], limit: int
) -> None:
    asked = query("", order_by, table=EXPERIMENTS, limit=limit)

    found = pages(store.find_experiments, asked)

    listed = "".join(_letter(one.name) for page in found for one in page)
    assert listed == experiments(store, "", *order_by)


def test_a_found_experiment_is_whole(store: TrackingStore, shelves: None) -> None:
    (found,) = store.find_experiments(query("name = 'a'", table=EXPERIMENTS)).items

    assert found == store.experiment(found.experiment_id)
    assert found.tags == {"t": "A"}


# Logged models

DATASETS = {"1": ("d", "1"), "2": ("d", "2"), "3": ("e", "1")}


def models(
    store: TrackingStore,
    text: str = "",
    *order_by: str,
    datasets: tuple[tuple[str, str | None], ...] = (),
    where: tuple[str, ...] = ("0",),
) -> str:
    """Names of the matching logged models, in order."""
    asked = query(text, order_by, table=LOGGED_MODELS)
    page = store.find_logged_models(where, asked, datasets=datasets)
    return "".join(model.name for model in page.items)


@pytest.fixture
def four(store: TrackingStore) -> dict[str, str]:
    """Models a (oldest) to d; metric `acc` is logged on data sets by their number in DATASETS."""
    rows = {
        "a": ("LOGGED_MODEL_READY", {"depth": "10"}, {"t": "x"}, [(0.9, 1, "1"), (0.2, 0, "2")]),
        "b": ("LOGGED_MODEL_PENDING", {"depth": "9"}, {}, [(0.5, 0, "1"), (0.8, 1, "3")]),
        "c": ("LOGGED_MODEL_UPLOAD_FAILED", {"depth": "x"}, {"t": "X"}, [(math.nan, 0, "")]),
        "d": ("LOGGED_MODEL_READY", {}, {}, []),
    }
    run, made = add_run(store), {}
    for number, (name, (status, params, tags, metrics)) in enumerate(rows.items()):
        made[name] = add_model(
            store,
            model_id=f"m-{name}",
            name=name,
            status=status,
            params=params,
            tags=tags,
            creation_timestamp_ms=number,
            model_type="agent" if name == "b" else "",
        )
        for value, step, data in metrics:
            dataset = DATASETS.get(data)
            more = {"dataset_name": dataset[0], "dataset_digest": dataset[1]} if dataset else {}
            log(store, run, point(value, step, key="acc", model_id=made[name], **more))
    return made


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", "dcba"),
        ("name = 'a'", "a"),
        ("status = 'READY'", "da"),
        ("status != 'READY'", "cb"),
        ("status IN ('PENDING', 'UPLOAD_FAILED')", "cb"),
        ("model_type = 'agent'", "b"),
        ("model_id IN ('m-a', 'm-c')", "ca"),
        ("creation_timestamp >= 2", "dc"),
        ("params.depth = '10'", "a"),
        ("params.depth > 9.5", "a"),
        ("params.depth > '10'", "cb"),
        ("params.depth IS NULL", "d"),
        ("tags.t ILIKE 'x'", "ca"),
        ("tags.t = 'x'", "a"),
        ("metrics.acc > 0.8", "a"),
        ("metrics.acc = 0.8", "b"),
        ("metrics.acc != 0.8", "ca"),
        ("metrics.acc IS NOT NULL", "cba"),
        ("metrics.none > 0", ""),
        ("NOT metrics.acc > 0.85", "dcb"),
    ],
)
def test_models_by_filter(
    store: TrackingStore, four: dict[str, str], text: str, names: str
) -> None:
    """The youngest first."""
    assert models(store, text) == names


@pytest.mark.parametrize(
    ("order_by", "names"),
    [
        (("metrics.acc",), "bacd"),
        (("metrics.acc DESC",), "abcd"),
        (("name DESC",), "dcba"),
        (("creation_timestamp",), "abcd"),
        (("status", "name"), "badc"),
        (("status DESC", "name"), "cadb"),
        (("model_type DESC",), "bdca"),
        (("metrics.none",), "dcba"),
        (("params.depth",), "abcd"),
        (("params.depth DESC",), "cbad"),
        (("model_id",), "abcd"),
    ],
)
def test_models_in_order(
    store: TrackingStore, four: dict[str, str], order_by: tuple[str, ...], names: str
) -> None:
    """Models without the value last, NaN before them; ties by age, then id."""
    assert models(store, "", *order_by) == names


@pytest.mark.parametrize(
    ("datasets", "above", "order"),
    [
        ((("d", "1"),), "a", "badc"),
        ((("d", "2"),), "", "adcb"),
        ((("e", "1"),), "b", "bdca"),
        ((("d", None),), "a", "badc"),
        ((("d", "1"), ("e", "1")), "ba", "badc"),
        ((("d", "2"), ("e", None)), "b", "abdc"),
        ((("none", None),), "", "dcba"),
    ],
)
def test_metrics_on_data_sets(
    store: TrackingStore,
    four: dict[str, str],
    datasets: tuple[tuple[str, str | None], ...],
    above: str,
    order: str,
) -> None:
    """Conditions and orders see only metrics that were logged with one of the data sets."""
    assert models(store, "metrics.acc > 0.7", datasets=datasets) == above
    assert models(store, "", "metrics.acc", datasets=datasets) == order


def test_models_of_some_experiments(store: TrackingStore) -> None:
    first, second = add_experiment(store), add_experiment(store)
    add_model(store, first, name="a", creation_timestamp_ms=1)
    add_model(store, second, name="b", creation_timestamp_ms=2)

    assert models(store, where=(first,)) == "a"
    assert models(store, where=(first, second)) == "ba"
    assert models(store, where=("0", "4711")) == models(store, where=()) == ""


def test_deleted_models_are_not_found(store: TrackingStore, four: dict[str, str]) -> None:
    store.change_logged_model(four["b"], LoggedModelChange(deleted=True)).result()

    assert models(store) == "dca"


def test_a_found_model_is_whole(store: TrackingStore, four: dict[str, str]) -> None:
    asked = query("name = 'a'", table=LOGGED_MODELS)

    (found,) = store.find_logged_models(["0"], asked).items

    assert found == store.logged_model(four["a"])


@pytest.mark.parametrize("order_by", [(), ("metrics.acc",), ("metrics.acc DESC",), ("model_type",)])
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 9])
def test_pages_of_models(
    store: TrackingStore, four: dict[str, str], order_by: tuple[str, ...], limit: int
) -> None:
    asked = query("", order_by, table=LOGGED_MODELS, limit=limit)

    found = pages(lambda one: store.find_logged_models(["0"], one), asked)

    listed = "".join(model.name for page in found for model in page)
    assert listed == models(store, "", *order_by)


def test_models_of_the_same_age_are_in_order_of_id(store: TrackingStore) -> None:
    for name in "cab":
        add_model(store, model_id=f"m-{name}", name=name)

    assert models(store) == "abc"
