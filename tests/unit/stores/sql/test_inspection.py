"""The inspection: silent about what is sound, clear about what is not."""

from __future__ import annotations

import random
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from millrace.core.entities.experiment import ExperimentChange
from millrace.core.entities.finding import Finding
from millrace.core.entities.run import ModelInput, RunChange
from millrace.stores.sql.store import SqlStores
from tests.contract import build


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "i.db"


@pytest.fixture
def stores(file: Path) -> Iterator[SqlStores]:
    opened = SqlStores(f"sqlite:///{file}", default_artifact_root="/a", now_ms=1)
    yield opened
    opened.close()


def found(stores: SqlStores, *, full: bool = True, repair: bool = False) -> list[Finding]:
    return list(stores.inspect(full=full, repair=repair))


def damage(stores: SqlStores, **more: bool) -> list[Finding]:
    return [one for one in found(stores, **more) if one.weight == "damage"]


def filled(stores: SqlStores) -> list[str]:
    """Runs of all kinds: long and short, in order and late, with NaN, in the trash and not."""
    store = stores.tracking
    runs = [build.add_run(store, tags={"t": "1"}) for _ in range(4)]
    chance = random.Random(7)
    steps = list(range(6_000))
    build.log(store, runs[0], *[build.point(s * 0.1, step=s, timestamp=s) for s in steps[:5_000]])
    chance.shuffle(steps)
    for begin in range(0, 6_000, 1_000):
        points = [
            build.point(float("nan") if s % 97 == 0 else s / 3, step=s, timestamp=s % 50)
            for s in steps[begin : begin + 1_000]
        ]
        build.log(store, runs[1], *points)
    build.log(store, runs[2], build.point(float("inf")), build.point(-0.0, step=-5, key="n"))
    model = build.add_model(store)
    store.append(
        runs[2],
        build.batch(
            params={"p": "1"},
            datasets=(build.dataset_input(),),
            model_inputs=(ModelInput(model_id=model),),
        ),
    ).result()
    store.change_run(runs[3], RunChange(lifecycle_stage="deleted", deleted_ms=5)).result()
    gone = build.add_experiment(store)
    build.add_run(store, gone)
    change = ExperimentChange(lifecycle_stage="deleted", last_update_time=9)
    store.change_experiment(gone, change).result()
    dataset = build.new_dataset(experiment_ids=("0",))
    stores.evaluation.add_dataset(dataset).result()
    stores.evaluation.upsert_records(
        dataset.dataset_id, [build.new_record(dataset.dataset_id)]
    ).result()
    for run in runs:
        build.read(store, run)  # so that documents are kept
    return runs


def execute(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


@pytest.mark.parametrize("full", [True, False])
def test_what_is_sound_is_passed_over(stores: SqlStores, full: bool) -> None:
    filled(stores)

    assert found(stores, full=full) == []


def test_after_everything_was_removed_nothing_is_left(stores: SqlStores, file: Path) -> None:
    """The proof that no row is left: all tables are as they were before."""
    with closing(sqlite3.connect(file)) as connection:
        tables = [
            row[0]
            for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            if row[0] not in {"sqlite_sequence", "receipts"}
        ]

        def rows() -> dict[str, int]:
            return {
                table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in tables
            }

        before = rows()
        experiment = build.add_experiment(stores.tracking, tags=build.pairs({"a": "b"}))
        run = build.add_run(stores.tracking, experiment, tags={"t": "1"})
        points = [build.point(s * 0.1, step=s, timestamp=s) for s in range(5_000)]
        build.log(stores.tracking, run, *points)
        model = build.add_model(stores.tracking, experiment, params={"p": "1"}, tags={"t": "1"})
        stores.tracking.append(
            run,
            build.batch(
                build.point(1.0, model_id=model),
                params={"p": "1"},
                datasets=(build.dataset_input(),),
                model_inputs=(ModelInput(model_id=model),),
            ),
        ).result()
        build.read(stores.tracking, run)
        changed = {table for table, count in rows().items() if count != before[table]}
        assert changed >= {
            "experiments", "experiment_tags", "runs", "run_documents", "keys", "params", "tags",
            "series", "points", "buckets", "datasets", "run_datasets", "run_models",
            "logged_models", "logged_model_params", "logged_model_tags", "logged_model_metrics",
        }  # fmt: skip

        change = ExperimentChange(lifecycle_stage="deleted", last_update_time=9)
        stores.tracking.change_experiment(experiment, change).result()
        for kind, id_ in (("experiment", experiment), ("run", run), ("logged_model", model)):
            stores.trash.begin_purge(kind, id_, at_ms=10).result()  # type: ignore[arg-type]
        for kind, id_ in (("run", run), ("logged_model", model), ("experiment", experiment)):
            while not stores.trash.purge(kind, id_, limit=700).result().done:  # type: ignore[arg-type]
                pass

        assert rows() == before
    assert found(stores) == []


@pytest.mark.parametrize(
    ("breaking", "told"),
    [
        ("DELETE FROM runs WHERE id = 1", "params|tags|series|run_documents"),
        ("DELETE FROM series WHERE id = 1", "points refer by series_id to rows of series"),
        ("DELETE FROM keys", "refer by key_id to rows of keys"),
        ("DELETE FROM experiments WHERE id = 0", "runs refer by experiment_id"),
        ("DELETE FROM datasets", "run_datasets refer by dataset_id"),
        ("DELETE FROM evaluation_dataset_experiments", "evaluation data sets name other"),
        ("DELETE FROM run_documents", "no place for their document"),
        ("UPDATE runs SET lifecycle = 7 WHERE id = 1", "are in no stage of life"),
        ("UPDATE runs SET deleted_ms = 7 WHERE id = 1", "have a time of deletion"),
        ("UPDATE runs SET lifecycle = 0", "their experiment is in the trash"),
        ("UPDATE runs SET status = 0 WHERE id = 1", "no status that is known"),
    ],
)
def test_what_does_not_fit_is_told(stores: SqlStores, file: Path, breaking: str, told: str) -> None:
    filled(stores)

    execute(file, breaking)

    said = " ".join(one.message for one in damage(stores, full=False))
    assert any(part in said for part in told.split("|")), said


@pytest.mark.parametrize(
    "breaking",
    [
        "UPDATE series SET count = count + 1 WHERE id = 1",
        "UPDATE series SET nan_count = 0 WHERE nan_count > 0",
        "UPDATE series SET last_value = 5 WHERE id = 2",
        "UPDATE series SET min_value = min_value - 1 WHERE id = 3",
        "UPDATE series SET max_step = 4 WHERE id = 1",
        "UPDATE series SET total = 0 WHERE id = 1",
        "UPDATE series SET stride = 3 WHERE id = 2",
        "UPDATE series SET in_time_order = 1 WHERE id = 2",
        "UPDATE series SET folded = 4096 WHERE id = 1",
        "DELETE FROM points WHERE series_id = 1 AND step = 17",
        "DELETE FROM points WHERE series_id = 3",
        "DELETE FROM buckets WHERE level = 2 AND series_id = 1",
        "UPDATE buckets SET min_value = min_value - 1 WHERE level = 0 AND slot = 3",
        "UPDATE buckets SET count = count + 1 WHERE level = 1 AND slot = 1",
        "UPDATE run_documents SET document = x'7b7d' WHERE document IS NOT NULL",
        "UPDATE tags SET value = 'other' WHERE run_id = 3",
    ],
)
def test_what_is_derived_is_found_wrong_and_made_anew(
    stores: SqlStores, file: Path, breaking: str
) -> None:
    filled(stores)
    stores.tidy()
    stores.tidy()
    execute(file, breaking)

    told = damage(stores)
    mended = damage(stores, repair=True)

    assert told
    assert all(one.repairable for one in told)
    assert all(one.repaired for one in mended)
    assert [one for one in damage(stores) if not one.repaired] == []


def test_a_repaired_series_is_written_on(stores: SqlStores, file: Path) -> None:
    runs = filled(stores)
    execute(file, "UPDATE series SET count = 1, folded = 0, axis = 0 WHERE id = 1")
    found(stores, repair=True)

    more = [build.point(1.0, step=s, timestamp=s) for s in range(5_000, 12_000)]
    for begin in range(0, len(more), 1_000):
        build.log(stores.tracking, runs[0], *more[begin : begin + 1_000])

    assert len(build.history(stores.tracking, runs[0])) == 12_000
    assert damage(stores) == []


def test_leftovers_are_noted_and_removed_when_asked(stores: SqlStores, file: Path) -> None:
    run = build.add_run(stores.tracking, tags={"t": "1"})
    stores.tracking.append(run, build.batch(delete_tags=("t",))).result()
    execute(file, "INSERT INTO datasets VALUES (9, 0, 'd', 'x', 't', 's', NULL, NULL)")

    notes = found(stores)

    assert {(one.weight, one.check) for one in notes} == {("note", "leftovers")}
    assert len(notes) == 2
    found(stores, repair=True)
    assert found(stores) == []


def test_a_removal_that_has_begun_is_noted(stores: SqlStores) -> None:
    run = build.add_run(stores.tracking)
    stores.tracking.change_run(run, RunChange(lifecycle_stage="deleted")).result()
    stores.trash.begin_purge("run", run, at_ms=1).result()

    (note,) = found(stores)

    assert (note.weight, "run millrace gc" in note.message) == ("note", True)


def test_an_inspection_while_others_write_finds_nothing(stores: SqlStores) -> None:
    """Each check sees one state: nothing that is half written."""
    runs = filled(stores)
    is_over = threading.Event()

    def write() -> None:
        step = 10_000
        while not is_over.is_set():
            step += 7
            points = [build.point(1.0, step=step + n, timestamp=n) for n in range(7)]
            build.log(stores.tracking, runs[0], *points)
            build.read(stores.tracking, runs[0])

    writer = threading.Thread(target=write)
    writer.start()
    told = [one for _ in range(3) for one in found(stores)]
    is_over.set()
    writer.join()

    assert told == []
