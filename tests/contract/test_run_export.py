"""Tables of runs as Parquet files: the same rows, values and types from every store."""

from __future__ import annotations

import io
import math
import sys
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from millrace.api.run_tables import ExportRunTable, QueryRunTable
from millrace.core.errors import MissingExtra
from millrace.core.pages import Tokens
from millrace.services.context import Context
from millrace.services.run_export import RunExport
from millrace.services.run_tables import RunTables
from millrace.stores.memory import MemoryStores
from millrace.stores.protocols import Stores, TrackingStore
from tests.contract import build

CONTEXT = Context(at_ms=0)
COLUMNS = {
    "attributes.run_name": ("run_name", pa.string()),
    "start_time": ("start_time", pa.int64()),
    "end_time": ("end_time", pa.int64()),
    "duration": ("duration", pa.int64()),
    "status": ("status", pa.string()),
    "params.lr": ("params.lr", pa.string()),
    "metrics.`val/loss`": ("metrics.val/loss", pa.float64()),
    "metrics.`val/loss`.min": ("metrics.val/loss.min", pa.float64()),
    "metrics.m.count": ("metrics.m.count", pa.int64()),
    "metrics.m.step_of_best": ("metrics.m.step_of_best", pa.int64()),
    "tags.team": ("tags.team", pa.string()),
    "note": ("note", pa.string()),
    "metrics.nobody": ("metrics.nobody", pa.float64()),
}


@pytest.fixture
def experiment(store: TrackingStore) -> str:
    """Four runs: with values of each kind, with what is no number, with little, and deleted."""
    experiment = build.add_experiment(store)
    full = build.add_run(store, experiment, run_name='a "quoted", name', start_time=4_000)
    points = [build.point(value, step, 1, "val/loss") for step, value in enumerate((0.1, 1e-320))]
    counted = [build.point(float(step == 0), step, 1, "m") for step in range(3)]
    tags = {"team": "عربي 🎈", "mlflow.note.content": "one\ntwo"}
    store.append(full, build.batch(*points, *counted, params={"lr": "0.10"}, tags=tags)).result()
    odd = build.add_run(store, experiment, run_name="odd", start_time=3_000)
    lost = [build.point(math.inf, 0, 1, "val/loss"), build.point(math.nan, 0, 1, "m")]
    store.append(odd, build.batch(*lost)).result()
    build.add_run(store, experiment, run_name="bare", start_time=2_000)
    gone = build.add_run(store, experiment, run_name="gone", start_time=1_000)
    store.change_run(gone, build.deletion(1)).result()
    return experiment


def exported(stores: Stores, experiment: str, *columns: str, **asked: Any) -> pa.Table:
    request = ExportRunTable(experiment_ids=(experiment,), columns=columns, **asked)
    file = RunExport(stores.run_tables).give(CONTEXT, request)
    return pq.read_table(io.BytesIO(b"".join(file.chunks())))


def shown(stores: Stores, experiment: str, *columns: str) -> list[tuple[Any, ...]]:
    """The same by windows, as pages are shown it."""
    asked = QueryRunTable(experiment_ids=(experiment,), columns=columns)
    table = RunTables(stores.run_tables, Tokens(b"k" * 32)).table(CONTEXT, asked)
    return [one.values for one in table.columns]


def test_values_and_types_are_those_of_the_table(stores: Stores, experiment: str) -> None:
    table = exported(stores, experiment, *COLUMNS)

    assert table.schema.names == ["run_id", *(heading for heading, _ in COLUMNS.values())]
    assert table.schema.types == [pa.string(), *(kind for _, kind in COLUMNS.values())]
    expected = shown(stores, experiment, "run_id", *COLUMNS)
    assert table.num_rows == 3
    for column, cells in zip(table.columns, expected, strict=True):
        as_told = [
            str(cell).replace("nan", "NaN").replace("inf", "Infinity")
            if isinstance(cell, float) and not math.isfinite(cell) else cell
            for cell in column.to_pylist()
        ]  # fmt: skip
        assert as_told == list(cells)


def test_an_infinity_is_one(stores: Stores, experiment: str) -> None:
    table = exported(
        stores, experiment, "metrics.`val/loss`", "metrics.m", filter="run_name = 'odd'"
    )

    assert table["metrics.val/loss"].to_pylist() == [math.inf]
    assert math.isnan(table["metrics.m"][0].as_py())


def test_filter_order_and_choice_are_applied(stores: Stores, experiment: str) -> None:
    ids = exported(stores, experiment, order_by=("start_time ASC",))["run_id"].to_pylist()
    assert len(ids) == 3

    chosen = exported(
        stores, experiment, "run_name", order_by=("start_time ASC",), run_ids=(ids[2], ids[0], "x")
    )
    found = exported(stores, experiment, "run_name", filter="params.lr = '0.10'")

    assert chosen["run_name"].to_pylist() == ["bare", 'a "quoted", name']
    assert found["run_id"].to_pylist() == [ids[2]]


def test_data_sets_and_models_are_lists(
    stores: Stores, store: TrackingStore, experiment: str
) -> None:
    run = build.add_run(store, experiment, run_name="fed")
    model = build.add_model(store, experiment, name="forest")
    inputs = (build.dataset_input(tags={"mlflow.data.context": "train"}),)
    store.append(run, build.batch(datasets=inputs, model_outputs=build.outputs(model, 3))).result()

    table = exported(stores, experiment, "datasets", "models", filter="run_name = 'fed'")

    assert table["datasets"].to_pylist() == [[{"name": "iris", "digest": "d1", "context": "train"}]]
    made = {"model_id": model, "name": "forest", "is_output": True, "step": 3}
    assert table["models"].to_pylist() == [[made]]
    assert exported(stores, experiment, "models", filter="run_name = 'bare'")[
        "models"
    ].to_pylist() == [None]


def test_many_rows_come_in_groups(stores: Stores, experiment: str) -> None:
    request = ExportRunTable(experiment_ids=(experiment,), columns=("run_name",))
    file = RunExport(stores.run_tables, held=4).give(CONTEXT, request)

    pieces = list(file.chunks())

    assert len(pieces) == 3
    parquet = pq.ParquetFile(io.BytesIO(b"".join(pieces)))
    assert parquet.metadata.num_row_groups == 2
    assert parquet.read()["run_name"].to_pylist() == ['a "quoted", name', "odd", "bare"]


def test_a_name_that_two_columns_would_have_stays_as_it_was_asked_for(
    stores: Stores, store: TrackingStore, experiment: str
) -> None:
    run = build.add_run(store, experiment, run_name="both", start_time=9_000)
    points = [build.point(5.0, 0, 1, "m.min"), build.point(2.0, 0, 1, "m")]
    store.append(run, build.batch(*points)).result()

    table = exported(stores, experiment, "metrics.m.min", "metrics.`m`.min", "metrics.m.min")

    assert table.schema.names == ["run_id", "metrics.m.min", "metrics.`m`.min"]
    assert [table[name][0].as_py() for name in table.schema.names[1:]] == [5.0, 2.0]


def test_without_runs_the_file_has_its_columns(stores: Stores, experiment: str) -> None:
    table = exported(stores, experiment, "metrics.m", filter="run_name = 'nobody'")

    assert (table.num_rows, table.schema.names) == (0, ["run_id", "metrics.m"])


def test_without_pyarrow_the_answer_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    request = ExportRunTable(experiment_ids=("0",))

    with pytest.raises(MissingExtra, match=r"pip install 'millrace\[parquet\]'"):
        RunExport(MemoryStores().run_tables).give(CONTEXT, request)
