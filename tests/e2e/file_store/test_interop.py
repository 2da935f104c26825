"""One folder, two programs: what either writes the other reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from millrace.core.entities.entity import pairs
from millrace.core.entities.experiment import ExperimentChange
from millrace.core.entities.logged_model import LoggedModelChange
from millrace.core.entities.run import ModelOutput, RunChange
from millrace.stores.file import FileStores
from tests.contract.build import (
    add_experiment,
    add_model,
    add_run,
    batch,
    bits,
    dataset_input,
    history,
    new_dataset,
    new_record,
    point,
    query,
    read,
    run_ids,
    search,
)
from tests.e2e.file_store.conftest import Probe

VALUES = [1.0, float("nan"), float("inf"), -float("inf"), -0.0, 5e-324, 1e300]
each_client = pytest.mark.parametrize("probe", ["3", "2"], indirect=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "mlruns"


@pytest.fixture
def stores(folder: Path) -> Iterator[FileStores]:
    opened = FileStores(str(folder), default_artifact_root=folder.as_uri())
    yield opened
    opened.close()


def write_all(stores: FileStores, folder: Path) -> dict[str, str]:
    """Our side of `probe.write`."""
    store, root = stores.tracking, folder.as_uri()
    tags = pairs({"team": "a/b", "x/y": "1"})
    experiment = add_experiment(store, "ours", artifact_root=root, tags=tags)
    run = add_run(
        store, experiment, run_name="our run",
        tags={"mlflow.runName": "our run", "multi": "a\nb\n", "none": "", "ü": "ß"},
    )  # fmt: skip
    model = add_model(
        store, experiment, source_run_id=run, params={"p": "1"}, tags={"t": "2"}, model_type="x"
    )
    on_model = point(0.5, 2, 9, "mm", model_id=model, dataset_name="iris", dataset_digest="d1")
    data = dataset_input("iris", "d1", tags={"mlflow.data.context": "training"}, schema="[]")
    points = [point(value, -3, at, "m/x") for at, value in enumerate(VALUES)]
    everything = batch(
        *points,
        on_model,
        params={"lr": "0.1", "a/b": "x\ny"},
        datasets=(data,),
        model_outputs=(ModelOutput(model_id=model, step=7),),
    )
    store.append(run, everything).result()
    store.change_run(run, RunChange(status="FINISHED", end_time=5_000)).result()
    ready = LoggedModelChange(status="LOGGED_MODEL_READY", last_updated_timestamp_ms=2_000)
    store.change_logged_model(model, ready).result()
    gone = add_run(store, experiment)
    store.change_run(gone, RunChange(lifecycle_stage="deleted", deleted_ms=9_000)).result()
    trash = add_experiment(store, "in the trash", artifact_root=root)
    add_run(store, trash)
    store.change_experiment(trash, ExperimentChange(lifecycle_stage="deleted")).result()
    # What the layout has no place for must not be in anybody's way.
    dataset = stores.evaluation.add_dataset(new_dataset(experiment_ids=(experiment,))).result()
    stores.evaluation.upsert_records(dataset.dataset_id, [new_record(dataset.dataset_id)]).result()
    store.change_run(run, RunChange(lease_until_ms=10**15)).result()
    store.append(run, batch(tags={"..": "odd", "a": "1", "a/b": "odd"})).result()
    artifact = folder / experiment / run / "artifacts" / "d" / "f.txt"
    artifact.parent.mkdir(parents=True)
    artifact.write_text("hello")
    return {"experiment": experiment, "run": run, "gone": gone, "trash": trash, "model": model}


@each_client
def test_mlflow_reads_what_we_wrote(stores: FileStores, folder: Path, probe: Probe) -> None:
    made = write_all(stores, folder)

    seen = probe("read", str(folder), made["run"])

    home = f"{folder.as_uri()}/{made['experiment']}"
    assert seen["experiments"]["ours"] == ["active", {"team": "a/b", "x/y": "1"}, home]
    assert seen["experiments"]["in the trash"][0] == "deleted"
    assert set(seen["experiments"]) == {"Default", "ours", "in the trash"}
    run = seen["run"]
    assert (run["name"], run["status"], run["end"]) == ("our run", "FINISHED", 5_000)
    assert run["params"] == {"lr": "0.1", "a/b": "x\ny"}
    tags = {"mlflow.runName": "our run", "multi": "a\nb\n", "none": "", "ü": "ß", "a": "1"}
    assert run["tags"] == tags
    assert run["metrics"] == {"m/x": "1e+300", "mm": "0.5"}
    assert seen["history"] == [[at, repr(value), -3] for at, value in enumerate(VALUES)]
    assert (seen["active"], seen["deleted"]) == ([made["run"]], [made["gone"]])
    assert seen["datasets"] == [["iris", "d1", {"mlflow.data.context": "training"}]]
    if "models" in seen:
        assert seen["outputs"] == [[made["model"], 7]]
        assert seen["models"] == [["forest", "READY", {"p": "1"}, "2"]]
        assert seen["artifacts"] == ["d/f.txt"]


@each_client
def test_we_read_what_mlflow_wrote(folder: Path, probe: Probe) -> None:
    made: dict[str, Any] = probe("write", folder.as_uri())

    stores = FileStores(str(folder), default_artifact_root=folder.as_uri())

    store = stores.tracking
    experiment = store.experiment(made["experiment"])
    assert experiment is not None
    assert (experiment.name, experiment.tags) == ("theirs", {"team": "a/b", "x/y": "1"})
    assert experiment.artifact_location == f"{folder.as_uri()}/{made['experiment']}"
    run = read(store, made["run"])
    assert (run.info.run_name, run.info.status, run.info.end_time) == (
        "their run", "FINISHED", 5_000,
    )  # fmt: skip
    assert run.data.params == {"lr": "0.1", "a/b": "x\ny"}
    assert run.data.tags.items() >= {"multi": "a\nb\n", "none": "", "ü": "ß"}.items()
    assert history(store, made["run"], "m/x") == [
        (-3, at, bits(value)) for at, value in enumerate(VALUES)
    ]
    assert search(store, made["experiment"]) == [made["run"]]
    assert search(store, made["experiment"], view="DELETED_ONLY") == [made["gone"]]
    in_trash = store.experiment(made["trash"])
    assert in_trash is not None
    assert in_trash.lifecycle_stage == "deleted"
    assert len(search(store, made["trash"], view="DELETED_ONLY")) == 1
    if "model" in made:
        (data,) = run.inputs.dataset_inputs
        assert (data.dataset.name, data.dataset.digest, data.dataset.schema) == ("iris", "d1", "[]")
        assert data.tags == {"mlflow.data.context": "training"}
        assert [(one.model_id, one.step) for one in run.outputs.model_outputs] == [
            (made["model"], 7)
        ]
        model = store.logged_model(made["model"])
        assert model is not None
        assert (model.name, model.info.status) == ("forest", "LOGGED_MODEL_READY")
        assert (model.data.params, model.info.tags["t"]) == ({"p": "1"}, "2")
        (metric,) = model.data.metric_list
        assert (metric.value, metric.dataset_name, metric.run_id) == (0.5, "iris", made["run"])
    assert stores.check() == []
    stores.close()


@each_client
def test_both_write_to_one_folder_in_turn(stores: FileStores, folder: Path, probe: Probe) -> None:
    """What they change is seen by our very next call, and what we change then by theirs."""
    made = write_all(stores, folder)
    store, run = stores.tracking, made["run"]
    before = history(store, run, "m/x")

    probe("change", str(folder), run)

    found = read(store, run)
    assert (found.info.run_name, found.data.params["late"]) == ("named by them", "1")
    assert (found.data.tags["multi"], found.data.tags["by"]) == ("changed", "them")
    assert history(store, run, "m/x") == [*before, (9, 99, bits(7.5))]
    experiment = store.experiment(made["experiment"])
    assert experiment is not None
    assert (experiment.name, experiment.tags["team"]) == ("renamed by them", "theirs")
    again = batch(point(7.5, 9, 99, "m/x"), point(8.5, 10, 100, "m/x"), tags={"by": "us"})
    assert store.append(run, again).result().new_points == 1
    renamed = ExperimentChange(name="renamed by us")
    store.change_experiment(made["experiment"], renamed).result()

    seen = probe("read", str(folder), run)

    assert "renamed by us" in seen["experiments"]
    assert seen["run"]["tags"]["by"] == "us"
    assert seen["history"][-2:] == [[99, "7.5", 9], [100, "8.5", 10]]


def test_a_deleted_experiment_of_theirs_can_be_restored(folder: Path, probe: Probe) -> None:
    made = probe("write", str(folder))
    stores = FileStores(str(folder), default_artifact_root=folder.as_uri())

    restore = ExperimentChange(lifecycle_stage="active")
    stores.tracking.change_experiment(made["trash"], restore).result()
    stores.tracking.change_run(made["gone"], RunChange(lifecycle_stage="active")).result()

    seen = probe("read", str(folder), made["gone"])
    assert seen["experiments"]["in the trash"][0] == "active"
    assert seen["deleted"] == []
    page = stores.tracking.find_runs([made["trash"]], query())
    assert len(run_ids(page.items)) == 1
    stores.close()
