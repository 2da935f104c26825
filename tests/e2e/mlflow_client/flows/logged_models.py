"""Logged models: begun, finished, tagged, measured, searched, deleted."""

from __future__ import annotations

import math
import tempfile

import mlflow
import numpy as np
from mlflow import MlflowClient
from scenario import new_experiment, new_name, refusal, scenario

client = MlflowClient()


def shape(model) -> dict:
    """Return what a logged model says of itself."""
    return {
        "model_id": model.model_id,
        "experiment_id": model.experiment_id,
        "name": model.name,
        "status": str(model.status),
        "model_type": model.model_type,
        "source_run_id": model.source_run_id,
        "artifact_location": model.artifact_location,
        "tags": model.tags,
        "params": model.params,
        "created": model.creation_timestamp,
        "updated": model.last_updated_timestamp,
    }


@scenario
def initialize_and_finalize():
    experiment = mlflow.set_experiment(new_name()).experiment_id
    with mlflow.start_run() as run:
        begun = mlflow.initialize_logged_model(
            name="forest", params={"depth": "3", "ünï": "ü"}, tags={"a": "1"}, model_type="tree"
        )
    ready = mlflow.finalize_logged_model(begun.model_id, "READY")
    failed = mlflow.finalize_logged_model(mlflow.initialize_logged_model("b").model_id, "FAILED")
    return {
        "experiment": experiment,
        "run": run.info.run_id,
        "begun": shape(begun),
        "ready": shape(ready),
        "got": shape(mlflow.get_logged_model(begun.model_id)),
        "failed": str(failed.status),
        "outputs": [m.model_id for m in client.get_run(run.info.run_id).outputs.model_outputs],
    }


@scenario
def external_model():
    """A model whose files are elsewhere; the client itself writes the one file it has on disk."""
    with tempfile.TemporaryDirectory() as folder:
        experiment = new_experiment(artifact_location=folder)
        mlflow.set_experiment(experiment_id=experiment)
        model = mlflow.create_external_model(name="elsewhere", params={"p": "1"}, tags={"t": "2"})
        return {"folder": folder, "model": shape(mlflow.get_logged_model(model.model_id))}


@scenario
def tags_and_params():
    model = client.create_logged_model(new_experiment(), name="m", tags={"a": "1"}).model_id
    client.set_logged_model_tags(model, {"a": "2", "b": "ü 值", "c": "3"})
    client.delete_logged_model_tag(model, "c")
    client.log_model_params(model, {"p": "1", "q/with space": "zwei"})
    mlflow.log_model_params({"more": "3"}, model_id=model)
    found = client.get_logged_model(model)
    return {
        "tags": found.tags,
        "params": found.params,
        "delete_unknown_tag": refusal(client.delete_logged_model_tag, model, "never"),
    }


@scenario
def metrics_of_a_model():
    experiment = mlflow.set_experiment(new_name()).experiment_id
    model = client.create_logged_model(experiment, name="m").model_id
    data = mlflow.data.from_numpy(np.arange(3), name="points")
    with mlflow.start_run() as run:
        mlflow.log_metric("loss", 0.5, step=1, timestamp=10, model_id=model)
        mlflow.log_metrics({"acc": 0.9, "f1": 0.8}, step=2, timestamp=20, model_id=model)
        mlflow.log_metric("rmse", 3.0, step=0, timestamp=30, model_id=model, dataset=data)
        mlflow.log_metric("unrelated", 1.0)
    found = client.get_logged_model(model)
    return {
        "run": run.info.run_id,
        "digest": data.digest,
        "of_model": sorted(
            [m.key, m.value, m.step, m.timestamp, m.run_id, m.dataset_name, m.dataset_digest]
            for m in found.metrics
        ),
        "of_run": client.get_run(run.info.run_id).data.metrics,
        "inputs": [m.model_id for m in client.get_run(run.info.run_id).inputs.model_inputs],
        "model": model,
    }


@scenario
def delete():
    experiment = new_experiment()
    model = client.create_logged_model(experiment, name="m").model_id
    kept = client.create_logged_model(experiment, name="k").model_id
    client.delete_logged_model(model)
    return {
        "get": refusal(client.get_logged_model, model),
        "found": [m.model_id == kept for m in client.search_logged_models([experiment])],
        "unknown": refusal(client.get_logged_model, "m-" + "0" * 32),
        "finalize_unknown": refusal(client.finalize_logged_model, "m-" + "0" * 32, "READY"),
        "tag_unknown": refusal(client.set_logged_model_tags, "m-" + "0" * 32, {"a": "b"}),
        "unknown_experiment": refusal(client.create_logged_model, "987654321", name="m"),
        "bad_name": refusal(client.create_logged_model, experiment, name="a/b"),
    }


@scenario
def search():
    experiment, second = new_experiment(), new_experiment()
    rows = [
        ("forest", "tree", {"depth": "3", "lr": "0.1"}, {"team": "a"}, {"acc": 0.9}, "READY"),
        ("forest", "tree", {"depth": "5"}, {"team": "b"}, {"acc": 0.7, "loss": 2.0}, "READY"),
        ("net", "nn", {"lr": "0.01"}, {}, {"acc": math.nan}, "FAILED"),
        ("net-2", "nn", {}, {"team": "a"}, {}, None),
    ]
    ids = []
    run = client.create_run(experiment).info.run_id
    for name, kind, params, tags, metrics, status in rows:
        model = client.create_logged_model(experiment, name, run, tags, params, kind).model_id
        for key, value in metrics.items():
            client.log_metric(run, key, value, timestamp=1, step=0, model_id=model)
        if status:
            mlflow.finalize_logged_model(model, status)
        ids.append(model)
    elsewhere = client.create_logged_model(second, name="forest").model_id

    def find(filter_string=None, order_by=None, where=(experiment,)):
        found = client.search_logged_models(list(where), filter_string, order_by=order_by)
        numbers = {model: number for number, model in enumerate([*ids, elsewhere])}
        got = [numbers[m.model_id] for m in found]
        return got if order_by else sorted(got)

    pages, token = [], None
    while True:
        page = client.search_logged_models(
            [experiment], max_results=3, page_token=token, order_by=[{"field_name": "name"}]
        )
        pages.append(len(page))
        token = page.token
        if not token:
            break
    frame = mlflow.search_logged_models([experiment], filter_string="name = 'forest'")
    return {
        "all": find(),
        "both_experiments": find(where=(experiment, second)),
        "name": find("name = 'forest'"),
        "name_like": find("name LIKE 'net%'"),
        "name_ilike": find("name ILIKE 'NET%'"),
        "name_not": find("name != 'forest'"),
        "kind": find("model_type = 'nn'"),
        "param": find("params.depth = '3'"),
        "param_not": find("params.lr != '0.1'"),
        "tag": find("tags.team = 'a'"),
        "metric": find("metrics.acc > 0.8"),
        "metric_and_tag": find("metrics.acc > 0.5 AND tags.team = 'b'"),
        "source_run": find(f"source_run_id = '{run}'"),
        "model_id": find(f"model_id = '{ids[2]}'"),
        "ids": find(f"model_id IN ('{ids[0]}', '{ids[3]}')"),
        "by_metric": find(order_by=[{"field_name": "metrics.acc", "ascending": False}])[:2],
        "by_name_then_time": find(
            order_by=[{"field_name": "name"}, {"field_name": "creation_timestamp"}]
        ),
        "pages": pages,
        "frame": [len(frame), sorted(frame["name"])],
        "bad_filter": refusal(client.search_logged_models, [experiment], "nonsense ="),
    }
