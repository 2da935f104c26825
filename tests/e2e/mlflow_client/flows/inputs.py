"""What a run used and made: data sets and logged models, and finding runs by them."""

from __future__ import annotations

import json

import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelInput, LoggedModelOutput
from scenario import new_experiment, new_name, refusal, scenario

client = MlflowClient()
FRAME = pd.DataFrame({"x": [1, 2, 3], "größe": [0.1, 0.2, 0.3], "label": ["a", "b", "a"]})


def inputs(run_id: str) -> list[dict]:
    """Return the data sets of a run: fields and tags."""
    return [
        {**dict(entry.dataset), "tags": {tag.key: tag.value for tag in entry.tags}}
        for entry in client.get_run(run_id).inputs.dataset_inputs
    ]


@scenario
def pandas_and_numpy():
    mlflow.set_experiment(new_name())
    frame = mlflow.data.from_pandas(FRAME, source="s3://b/train.csv", name="train", targets="label")
    array = mlflow.data.from_numpy(np.arange(6).reshape(2, 3), name="matrix")
    with mlflow.start_run() as run:
        mlflow.log_input(frame, context="training")
        mlflow.log_input(array, context="évaluation", tags={"split": "0.2", "note": "ü"})
        mlflow.log_input(frame, context="training")
    found = inputs(run.info.run_id)
    logged = client.get_run(run.info.run_id).inputs.dataset_inputs[0].dataset
    source = mlflow.data.get_source(logged)
    return {
        "sent": [[frame.name, frame.digest], [array.name, array.digest]],
        "found": found,
        "schema": json.loads(found[0]["schema"]),
        "profile": json.loads(found[0]["profile"]),
        "source": source.to_dict(),
    }


@scenario
def several_at_once():
    mlflow.set_experiment(new_name())
    sets = [mlflow.data.from_pandas(FRAME + FRAME.iloc[:1] * 0, name=n) for n in ("a", "b", "c")]
    with mlflow.start_run() as run:
        mlflow.log_inputs(
            datasets=sets, contexts=["train", "eval", None], tags_list=[{"t": "1"}, None, None]
        )
    return inputs(run.info.run_id)


@scenario
def shared_between_runs():
    """The same name and digest is one data set of the experiment, with a context per run."""
    experiment = new_experiment()
    data = Dataset(name="shared", digest="d1", source_type="code", source="{}", schema="s")
    other = Dataset(name="other", digest="d2", source_type="local", source="{}")
    first, second, third = (client.create_run(experiment).info.run_id for _ in range(3))
    client.log_inputs(first, [DatasetInput(data, [InputTag("mlflow.data.context", "train")])])
    client.log_inputs(second, [DatasetInput(data, [InputTag("mlflow.data.context", "test")])])
    client.log_inputs(third, [DatasetInput(other, [InputTag("mlflow.data.context", "train")])])
    names = {first: "first", second: "second", third: "third"}

    def find(filter_string: str) -> list[str]:
        return sorted(names[r.info.run_id] for r in client.search_runs([experiment], filter_string))

    return {
        "contexts": [inputs(run)[0]["tags"]["mlflow.data.context"] for run in names],
        "by_name": find("dataset.name = 'shared'"),
        "by_digest": find("datasets.digest = 'd2'"),
        "by_context": find("dataset.context = 'train'"),
        "by_name_like": find("dataset.name LIKE 'o%'"),
        "by_names": find("dataset.name IN ('shared', 'other')"),
        "not_names": find("dataset.name NOT IN ('shared')"),
        "name_and_context": find("dataset.name = 'shared' AND dataset.context = 'test'"),
        "nothing": find("dataset.name = 'shared' AND dataset.digest = 'd2'"),
    }


@scenario
def models_in_and_out():
    experiment = new_experiment()
    run = client.create_run(experiment).info.run_id
    used = client.create_logged_model(experiment, name="used").model_id
    made = [client.create_logged_model(experiment, name="made").model_id for _ in range(2)]
    client.log_inputs(run, models=[LoggedModelInput(used)])
    client.log_outputs(run, [LoggedModelOutput(m, step=i) for i, m in enumerate(made)])
    found = client.get_run(run)
    listed = client.search_runs([experiment])[0]
    return {
        "used": used,
        "made": sorted([m, i] for i, m in enumerate(made)),
        "inputs": [m.model_id for m in found.inputs.model_inputs],
        "outputs": sorted([m.model_id, m.step] for m in found.outputs.model_outputs),
        "listed_outputs": sorted([m.model_id, m.step] for m in listed.outputs.model_outputs),
    }


@scenario
def refusals():
    run = client.create_run(new_experiment()).info.run_id
    deleted = client.create_run(new_experiment()).info.run_id
    client.delete_run(deleted)

    def log(run_id: str, **fields: str):
        whole = {"name": "n", "digest": "d", "source_type": "code", "source": "{}"} | fields
        return refusal(client.log_inputs, run_id, [DatasetInput(Dataset(**whole), [])])

    return {
        "long_name": log(run, name="n" * 501),
        "long_digest": log(run, digest="d" * 37),
        "longest": log(run, name="n" * 500, digest="d" * 36),
        "unknown_run": log("0" * 32),
        "deleted_run": log(deleted),
        "count": len(inputs(run)),
    }
