"""Reads and writes an `mlruns` folder with MLflow's own client; runs in MLflow's environment.

python probe.py VERB FOLDER [RUN_ID]: prints what came of it as JSON, as the last line.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag, ViewType


def write(client: MlflowClient, _run_id: str) -> Any:
    """Make one of everything that this version knows; the id of the run."""
    experiment = client.create_experiment("theirs", tags={"team": "a/b", "x/y": "1"})
    run = client.create_run(experiment, run_name="their run", tags={"multi": "a\nb\n", "none": ""})
    run_id = run.info.run_id
    values = [1.0, float("nan"), float("inf"), -float("inf"), -0.0, 5e-324, 1e300]
    client.log_batch(
        run_id,
        metrics=[Metric("m/x", value, place, -3) for place, value in enumerate(values)],
        params=[Param("lr", "0.1"), Param("a/b", "x\ny")],
        tags=[RunTag("ü", "ß")],
    )
    client.set_terminated(run_id, end_time=5_000)
    gone = client.create_run(experiment)
    client.delete_run(gone.info.run_id)
    trash = client.create_experiment("in the trash")
    client.create_run(trash)
    client.delete_experiment(trash)
    answer = {"experiment": experiment, "run": run_id, "gone": gone.info.run_id, "trash": trash}
    if hasattr(client, "create_logged_model"):
        answer |= _newer(client, experiment, run_id)
    return answer


def _newer(client: MlflowClient, experiment: str, run_id: str) -> dict[str, str]:
    from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelOutput  # noqa: PLC0415

    dataset = Dataset(name="iris", digest="d1", source_type="local", source="{}", schema="[]")
    tag = InputTag("mlflow.data.context", "training")
    client.log_inputs(run_id, [DatasetInput(dataset, [tag])])
    model = client.create_logged_model(
        experiment, name="forest", source_run_id=run_id, params={"p": "1"}, tags={"t": "2"}
    )
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, 7)])
    client.log_metric(
        run_id, "mm", 0.5, timestamp=9, step=2, model_id=model.model_id, dataset_name="iris",
        dataset_digest="d1",
    )  # fmt: skip
    client.finalize_logged_model(model.model_id, "READY")
    client.log_text(run_id, "hello", "d/f.txt")
    return {"model": model.model_id}


def read(client: MlflowClient, run_id: str) -> Any:
    """What this version sees of a run and around it."""
    run = client.get_run(run_id)
    home = run.info.experiment_id
    seen: dict[str, Any] = {
        "experiments": {
            one.name: [one.lifecycle_stage, one.tags, one.artifact_location]
            for one in client.search_experiments(view_type=ViewType.ALL)
        },
        "run": {
            "name": run.info.run_name,
            "status": run.info.status,
            "end": run.info.end_time,
            "params": run.data.params,
            "tags": run.data.tags,
            "metrics": {key: repr(value) for key, value in run.data.metrics.items()},
        },
        "history": [
            [one.timestamp, repr(one.value), one.step]
            for one in client.get_metric_history(run_id, "m/x")
        ],
        "active": [one.info.run_id for one in client.search_runs([home])],
        "deleted": [
            one.info.run_id
            for one in client.search_runs([home], run_view_type=ViewType.DELETED_ONLY)
        ],
    }
    if run.inputs is not None:
        seen["datasets"] = [
            [one.dataset.name, one.dataset.digest, {tag.key: tag.value for tag in one.tags}]
            for one in run.inputs.dataset_inputs
        ]
    if hasattr(client, "search_logged_models"):
        seen["outputs"] = [[one.model_id, one.step] for one in run.outputs.model_outputs]
        seen["models"] = [
            [one.name, str(one.status), one.params, one.tags["t"]]
            for one in client.search_logged_models([home])
        ]
        seen["artifacts"] = [one.path for one in client.list_artifacts(run_id, "d")]
    return seen


def change(client: MlflowClient, run_id: str) -> Any:
    """Change what is there already, each thing in the way that this version does it."""
    home = client.get_run(run_id).info.experiment_id
    client.log_metric(run_id, "m/x", 7.5, timestamp=99, step=9)
    client.set_tag(run_id, "multi", "changed")
    client.set_tag(run_id, "by", "them")
    client.log_param(run_id, "late", "1")
    client.rename_experiment(home, "renamed by them")
    client.set_experiment_tag(home, "team", "theirs")
    client.update_run(run_id, name="named by them")
    return {}


if __name__ == "__main__":
    verb, folder, *rest = sys.argv[1:]
    mlflow.set_tracking_uri(folder)
    made = {"write": write, "read": read, "change": change}[verb]
    print(json.dumps(made(MlflowClient(), rest[0] if rest else "")))
