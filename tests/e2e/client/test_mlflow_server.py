"""Our client against an unmodified MLflow server."""

from __future__ import annotations

import math
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from millrace.client import entities
from millrace.client.client import MillraceClient
from millrace.client.lease import Pulse
from millrace.client.spool import Spool
from millrace.client.sync import sync
from millrace.core import tags
from millrace.core.errors import AlreadyExists, InvalidArgument, NotFound
from tests.services import clean_environment, mlflow_python, private_mlflow, unavailable
from tests.unit.client.scenes import begun, ended, journal, logged, until


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of the real MLflow."""
    try:
        mlflow_python()
    except LookupError as error:
        unavailable("mlflow", str(error))
    with private_mlflow(tmp_path_factory.mktemp("mlflow")) as url:
        yield url


@pytest.fixture
def client(uri: str) -> Iterator[MillraceClient]:
    made = MillraceClient(uri)
    yield made
    made.channel.close(5.0)


@pytest.fixture
def experiment(client: MillraceClient) -> str:
    return client.create_experiment(f"e-{uuid.uuid4().hex}")


@pytest.fixture
def run_id(client: MillraceClient, experiment: str) -> str:
    return client.create_run(experiment).info.run_id


def test_a_training_script_runs(uri: str, client: MillraceClient, tmp_path: Path):
    script = """
import millrace as mlflow
import pandas as pd
mlflow.set_experiment("script")
with mlflow.start_run(run_name="parent", description="d", log_system_metrics=True) as parent:
    mlflow.log_params({f"p{i}": i for i in range(250)})
    for step in range(3000):
        mlflow.log_metric("loss", 1 / (step + 1), step=step, synchronous=False)
    frame = pd.DataFrame({"x": [1, 2]})
    mlflow.log_input(mlflow.data.from_pandas(frame, name="train"), context="training")
    with mlflow.start_run(nested=True, tags={"who": "child"}):
        mlflow.log_metrics({"acc": 0.5, "nan": float("nan")}, step=1)
        mlflow.set_tag("gone", 1)
        mlflow.delete_tag("gone")
try:
    with mlflow.start_run():
        raise ValueError("no luck")
except ValueError:
    pass
frame = mlflow.search_runs(filter_string="tags.who = 'child'")
assert list(frame["metrics.acc"]) == [0.5], frame
assert mlflow.last_active_run().info.status == "FAILED"
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=clean_environment(
            MLFLOW_TRACKING_URI=uri, MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL="0.05"
        ),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "refused" not in done.stderr

    experiment = client.get_experiment_by_name("script").experiment_id
    runs = {run.info.run_name: run for run in client.search_runs([experiment])}
    parent = runs["parent"]
    assert parent.info.status == "FINISHED"
    assert len(parent.data.params) == 250
    assert len(client.get_metric_history(parent.info.run_id, "loss")) == 3000
    assert parent.data.metrics.keys() >= {"system/cpu_utilization_percentage"}
    [given] = client.get_run(parent.info.run_id).inputs.dataset_inputs
    assert (given.dataset.name, given.tags[tags.DATASET_CONTEXT]) == ("train", "training")
    assert [run.data.tags.get("who") for run in runs.values()].count("child") == 1


def test_experiments(client: MillraceClient, experiment: str):
    name = client.get_experiment(experiment).name
    with pytest.raises(AlreadyExists):
        client.create_experiment(name)
    client.set_experiment_tag(experiment, "a", 1)
    client.rename_experiment(experiment, name + "!")
    client.delete_experiment(experiment)
    assert client.get_experiment_by_name(name + "!").lifecycle_stage == "deleted"
    client.restore_experiment(experiment)

    assert client.get_experiment(experiment).tags["a"] == "1"
    found = client.search_experiments(filter_string=f"name = '{name}!'")
    assert [each.experiment_id for each in found] == [experiment]


def test_runs(client: MillraceClient, experiment: str, run_id: str):
    client.set_terminated(run_id, "KILLED", 5)
    client.update_run(run_id, name="n")
    client.delete_run(run_id)
    assert client.search_runs([experiment]) == []
    with pytest.raises(InvalidArgument):
        client.log_metric(run_id, "m", 1)
    client.restore_run(run_id)

    info = client.get_run(run_id).info
    assert (info.run_name, info.status, info.end_time) == ("n", "KILLED", 5)
    with pytest.raises(NotFound):
        client.get_run("0" * 32)


def test_numbers(client: MillraceClient, run_id: str):
    for step, value in enumerate([math.nan, -0.0, 5e-324, 1e308, -1e-300]):
        client.log_metric(run_id, "m", value, timestamp=2**62 + step, step=step - 2)
    client.log_metric(run_id, "inf", math.inf)

    history = client.get_metric_history(run_id, "m")
    assert [point.step for point in history] == [-2, -1, 0, 1, 2]
    assert math.isnan(history[0].value)
    assert [point.value for point in history[2:]] == [5e-324, 1e308, -1e-300]
    assert client.get_run(run_id).data.metrics["inf"] == 1.7976931348623157e308  # it clamps


def test_refusals_are_sorted_out(client: MillraceClient, run_id: str):
    client.log_param(run_id, "p", 1)
    bad = client.log_param(run_id, "p", 2, synchronous=False)
    good = [client.log_metric(run_id, "m", i, step=i, synchronous=False) for i in range(50)]
    for each in good:
        each.wait()
    with pytest.raises(InvalidArgument, match="p"):
        bad.wait()

    assert len(client.get_metric_history(run_id, "m")) == 50


def test_logged_models(client: MillraceClient, experiment: str, run_id: str):
    model = client.create_logged_model(experiment, "net", run_id, {"t": 1}, {"p": 2})
    client.log_model_params(model.model_id, {"q": 3})
    client.set_logged_model_tags(model.model_id, {"u": 4})
    client.delete_logged_model_tag(model.model_id, "t")
    client.log_outputs(run_id, [entities.LoggedModelOutput(model.model_id, 7)])
    client.log_metric(run_id, "acc", 0.5, model_id=model.model_id)
    client.finalize_logged_model(model.model_id, "READY")

    found = client.get_logged_model(model.model_id)
    assert (found.data.params, found.info.tags) == ({"p": "2", "q": "3"}, {"u": "4"})
    assert found.data.metrics == {"acc": 0.5}
    assert [m.model_id for m in client.search_logged_models([experiment])] == [model.model_id]
    assert client.get_run(run_id).outputs.model_outputs[0].model_id == model.model_id
    client.delete_logged_model(model.model_id)


def test_it_knows_no_heartbeats_and_gets_none(client: MillraceClient, run_id: str):
    asked: list[object] = []
    pulse = Pulse()
    pulse.begin(run_id, client.channel, 3600.0, asked.append)
    until(lambda: not pulse._runs)

    assert asked == []
    assert client.get_run(run_id).info.liveness is None


def test_a_spool_arrives_once_though_the_server_knows_no_keys(
    client: MillraceClient, uri: str, experiment: str, tmp_path: Path
):
    """The creation of the run arrives, its answer does not; the tag finds the run again."""
    spool = Spool(tmp_path / "spool")
    made = f"local-{uuid.uuid4().hex[:26]}"
    records = [begun(made), *(logged(made, step) for step in range(100)), ended(made)]
    for _ in range(2):
        written = journal(spool, uri=uri)
        written.append(records)
        written.close()
        sync(spool.folder)
        (spool.folder / "ids").unlink()

    runs = client.search_runs(["0"], f"tags.`{tags.SPOOL_ID}` = '{made}'")
    assert [run.info.status for run in runs] == ["FINISHED"]
    assert len(client.get_metric_history(runs[0].info.run_id, "m")) == 100


def test_a_lost_run_is_killed_where_there_is_no_lease(
    client: MillraceClient, uri: str, tmp_path: Path
):
    spool = Spool(tmp_path / "spool")
    made = f"local-{uuid.uuid4().hex[:26]}"
    written = journal(spool, uri=uri)
    written.append([begun(made)])
    written.close()

    sync(spool.folder)

    [run] = client.search_runs(["0"], f"tags.`{tags.SPOOL_ID}` = '{made}'")
    assert run.info.status == "KILLED"
    assert run.data.tags[tags.END_CAUSE].startswith("lost")
