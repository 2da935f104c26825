"""Ordinary logging over a line that fails: what the client repeats must not count twice."""

from __future__ import annotations

import math

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from scenario import new_name, scenario

client = MlflowClient()


@scenario
def a_life():
    experiment = client.create_experiment(new_name())
    run = client.create_run(experiment, run_name="sturdy").info.run_id
    data = Dataset(name="d", digest="1", source_type="code", source="{}")
    client.log_metric(run, "m", 0.5, timestamp=10, step=1)
    client.log_metric(run, "m", math.nan, timestamp=10, step=2)
    client.log_param(run, "p", "1")
    client.set_tag(run, "t", "1")
    client.log_batch(
        run,
        [Metric("b", i, 100 + i, i) for i in range(50)],
        [Param(f"b{i}", str(i)) for i in range(5)],
        [RunTag("bt", "1")],
    )
    client.log_inputs(run, [DatasetInput(data, [InputTag("mlflow.data.context", "train")])])
    client.update_run(run, name="renamed")
    client.set_terminated(run, "FINISHED", end_time=99)
    client.delete_run(run)
    client.restore_run(run)
    client.set_experiment_tag(experiment, "e", "1")
    found = client.get_run(run)
    (listed,) = [r for r in client.search_runs([experiment]) if r.info.run_id == run]
    return {
        "status": found.info.status,
        "end_time": found.info.end_time,
        "name": found.info.run_name,
        "params": found.data.params,
        "tags": {key: found.data.tags.get(key) for key in ("t", "bt")},
        "points": {key: len(client.get_metric_history(run, key)) for key in ("m", "b")},
        "inputs": len(found.inputs.dataset_inputs),
        "stage": found.info.lifecycle_stage,
        "listed": listed.data.params == found.data.params,
        "experiment_tags": mlflow.get_experiment(experiment).tags,
    }
