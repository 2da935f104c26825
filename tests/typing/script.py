"""The public API as a training script uses it. It must type-check as it stands; nothing runs it."""

from __future__ import annotations

import io

import millrace as mlflow
from millrace.client import MillraceClient
from millrace.core.entities.artifact import FileInfo
from millrace.core.entities.experiment import Experiment
from millrace.core.entities.metric import Metric
from millrace.core.entities.run import Run

mlflow.set_tracking_uri("http://127.0.0.1:5000")
experiment: Experiment = mlflow.set_experiment("typed")

with mlflow.start_run(run_name="n", tags={"a": 1}, nested=False) as run:
    run_id: str = run.info.run_id
    mlflow.log_param("lr", 0.1)
    mlflow.log_params({"depth": 3, "opt": "adam"})
    mlflow.log_metric("loss", 0.5, step=1)
    pending = mlflow.log_metric("loss", 0.25, step=2, synchronous=False)
    if pending is not None:
        pending.wait()
    mlflow.log_metrics({"acc": 1.0}, step=2)
    mlflow.set_tags({"team": "vision"})
    mlflow.log_input(mlflow.data.meta("train", "1"), context="training")
    mlflow.log_artifact("model.bin", "weights")
    mlflow.log_artifacts("plots")
    mlflow.log_text("text", "notes.txt")
    mlflow.log_dict({"a": [1]}, "config.yml")
    mlflow.log_stream(io.BytesIO(b"x"), "x.bin")
    mlflow.log_figure(object(), "f.png", save_kwargs={"dpi": 100})
    mlflow.log_table({"a": [1]}, "t.json")
    sent = mlflow.log_image(mlflow.Image([[0]]), key="dog", step=1)
    if sent is not None:
        sent.wait()
mlflow.end_run("FINISHED")
mlflow.flush_async_logging()

runs: list[Run] = mlflow.search_runs(output_format="list")
frame = mlflow.search_runs()
history: list[Metric] = mlflow.get_metric_history(run_id, "loss")
found: Run = mlflow.get_run(run_id)
loss: float = found.data.metrics["loss"]
maybe: Experiment | None = mlflow.get_experiment_by_name("typed")
active: mlflow.ActiveRun | None = mlflow.active_run()
mlflow.autolog(disable=True)

files: list[FileInfo] = mlflow.artifacts.list_artifacts(run_id=run_id)
where: str = mlflow.artifacts.download_artifacts(f"runs:/{run_id}/plots", dst_path="out")
words: str = mlflow.artifacts.load_text(f"runs:/{run_id}/notes.txt")

client = MillraceClient("sqlite:///x.db")
alias: MillraceClient = mlflow.MlflowClient()
made: str = client.create_experiment("e", tags={"a": 1})
token: str | None = client.search_runs([made], max_results=10).token
client.log_batch(
    run_id,
    metrics=[mlflow.entities.Metric("m", 1.0, 1)],
    params=[mlflow.entities.Param("p", 1)],
    tags=[mlflow.entities.RunTag("t", "v")],
)
try:
    client.get_run("gone")
except mlflow.MlflowException as error:
    code: str = error.error_code
