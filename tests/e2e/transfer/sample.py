"""Fills a tracking URI with one of everything, through whichever MLflow this interpreter has.

Run as `python sample.py TRACKING_URI ARTIFACT_FOLDER`. Prints a JSON list of the features that this
release has and that were therefore written.
"""

import contextlib
import inspect
import json
import pathlib
import sys

import mlflow
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

ODD = {"zero": -0.0, "tiny": 5e-324, "large": 1.7976931348623157e308, "nan": float("nan")}
INFINITE = {"up": float("inf"), "down": float("-inf")}
TEXT = "größe 模型 🚂 'quoted' \"twice\" %_\\ \t tab\nline"


def main(uri: str, folder: str) -> None:
    mlflow.set_tracking_uri(uri)
    client = mlflow.tracking.MlflowClient(uri)
    artifacts = pathlib.Path(folder)
    written = ["experiments", "runs"]

    vision = client.create_experiment("vision/ärzte", artifact_location=(artifacts / "v").as_uri())
    client.set_experiment_tag(vision, "mlflow.note.content", TEXT)
    client.set_experiment_tag(vision, "team", "")
    empty = client.create_experiment("empty", artifact_location=(artifacts / "e").as_uri())
    trashed = client.create_experiment("trashed", artifact_location=(artifacts / "t").as_uri())
    in_trash = client.create_run(trashed, start_time=1_600_000_000_001)
    client.log_metric(in_trash.info.run_id, "loss", 1.5, timestamp=5, step=1)

    run = client.create_run(
        vision, start_time=1_600_000_000_000, tags={"mlflow.user": "ada", "mlflow.runName": "one"}
    )
    key = run.info.run_id
    client.log_batch(
        key,
        metrics=[
            Metric("train/loss", 1 / (step + 9), 1_000 + step, step) for step in range(-5, 300)
        ],
        params=[Param("lr", "0.1"), Param("text", TEXT[:250]), Param("blank", " ")],
        tags=[RunTag("note", TEXT), RunTag("empty", "")],
    )
    for name, value in {**ODD, **INFINITE}.items():
        client.log_metric(key, f"odd {name}", value, timestamp=77, step=3)
    for value in (3.0, 1.0, float("nan"), 2.0):
        client.log_metric(key, "same step", value, timestamp=10, step=7)
    client.log_metric(key, "late", 1.0, timestamp=20, step=2)
    client.log_metric(key, "late", 9.0, timestamp=10, step=1)
    for path in ("a.txt", "deep/er/b.txt"):
        local = artifacts / "local.txt"
        local.parent.mkdir(parents=True, exist_ok=True)
        local.write_text(f"content of {path}\n")
        where = path.rpartition("/")[0] or None
        client.log_artifact(key, str(local), where)
    client.set_terminated(key, "FINISHED", end_time=1_600_000_900_000)

    child = client.create_run(vision, start_time=0, tags={"mlflow.parentRunId": key}).info.run_id
    client.set_terminated(child, "FAILED", end_time=1)
    running = client.create_run(vision, start_time=1_600_000_000_002).info.run_id
    client.log_param(running, "lr", "0.2")
    deleted = client.create_run(vision, start_time=1_600_000_000_003).info.run_id
    client.log_metric(deleted, "loss", 0.5, timestamp=1, step=0)
    client.set_terminated(deleted, "KILLED", end_time=1_600_000_000_004)
    client.delete_run(deleted)
    client.delete_experiment(trashed)
    client.rename_experiment(empty, "nothing here")

    with contextlib.suppress(ImportError, AttributeError):
        _inputs(client, key)
        written.append("datasets")
    with contextlib.suppress(AttributeError):
        _logged_models(client, vision, key, artifacts)
        written.append("logged models")
    try:
        _registry(client, key, run.info.artifact_uri, written)
    except MlflowException as error:
        if "registry" not in str(error).lower():  # old file stores have none
            raise
    print(json.dumps(written))


def _inputs(client: mlflow.tracking.MlflowClient, run_id: str) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag  # noqa: PLC0415

    def one(name: str, digest: str, context: str) -> DatasetInput:
        dataset = Dataset(
            name, digest, "local", '{"uri": "/data/x.csv"}',
            schema='{"mlflow_colspec": []}', profile='{"num_rows": 3}',
        )  # fmt: skip
        return DatasetInput(dataset, [InputTag("mlflow.data.context", context), InputTag("x", "y")])

    client.log_inputs(run_id, [one("train", "abc12345", "training"), one("test", "def", "eval")])


def _logged_models(
    client: mlflow.tracking.MlflowClient, experiment: str, run_id: str, folder: pathlib.Path
) -> None:
    model = client.create_logged_model(
        experiment, name="net", source_run_id=run_id, tags={"k": TEXT}, params={"depth": "3"},
        model_type="agent",
    )  # fmt: skip
    client.log_metric(run_id, "val", 0.25, timestamp=9, step=4, model_id=model.model_id)
    client.finalize_logged_model(model.model_id, "READY")
    from mlflow.entities import LoggedModelInput, LoggedModelOutput  # noqa: PLC0415

    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=4)])
    client.log_inputs(run_id, models=[LoggedModelInput(model.model_id)])
    file = folder / "weights.txt"
    file.write_text("1 2 3\n")
    client.log_model_artifact(model.model_id, str(file))
    gone = client.create_logged_model(experiment, name="gone")
    client.delete_logged_model(gone.model_id)


def _registry(
    client: mlflow.tracking.MlflowClient, run_id: str, uri: str, written: list[str]
) -> None:
    client.create_registered_model("risk", tags={"owner": "ada"}, description=TEXT)
    client.create_registered_model("unused")
    for number in (1, 2, 3, 4):
        client.create_model_version(
            "risk", f"{uri}/deep", run_id, tags={"n": str(number)}, description=f"no {number}"
        )
    client.delete_model_version("risk", "4")
    client.transition_model_version_stage("risk", "1", "Production")
    client.transition_model_version_stage("risk", "2", "Staging")
    client.transition_model_version_stage("risk", "2", "Archived")
    client.set_model_version_tag("risk", "3", "reviewed", "yes")
    written += ["registry"]
    if (
        "alias"
        in inspect.signature(getattr(client, "set_registered_model_alias", lambda: None)).parameters
    ):
        client.set_registered_model_alias("risk", "champion", "1")
        client.set_registered_model_alias("risk", "challenger", "3")
        written.append("aliases")


if __name__ == "__main__":
    main(*sys.argv[1:])
