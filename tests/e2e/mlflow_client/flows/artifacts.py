"""Artifacts: every verb of the stock client that moves bytes, and what comes back."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from mlflow import MlflowClient
from PIL import Image
from scenario import new_experiment, new_name, refusal, scenario

client = MlflowClient()


def listing(run_id: str, path: str | None = None) -> list:
    """Paths and sizes; MLflow's own server leaves the size of an empty file out."""
    found = client.list_artifacts(run_id, path)
    return [[f.path, None if f.is_dir else f.file_size or 0] for f in found]


def tree(folder: str) -> dict[str, str]:
    """All files below *folder* with the digests of their bytes."""
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): digest(path.read_bytes()) for path in files}


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:16]


def made(files: dict[str, bytes]) -> Path:
    """A new folder with *files* in it."""
    folder = Path(tempfile.mkdtemp())
    for name, body in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return folder


@scenario
def text_and_documents():
    mlflow.set_experiment(new_name())
    with mlflow.start_run() as run:
        mlflow.log_text("grüße\n", "a/b.txt")
        mlflow.log_dict({"b": [1], "a": "ü"}, "d.json")
        mlflow.log_dict({"b": [1], "a": "ü"}, "a/d.yml")
        mlflow.log_stream(io.BytesIO(b"12" * 1000), "s.bin")
        mlflow.log_text("", "empty")
        mlflow.log_text("first", "twice.txt")
        mlflow.log_text("second", "twice.txt")
    run_id = run.info.run_id
    return {
        "root": listing(run_id),
        "folder": listing(run_id, "a"),
        "of_a_file": listing(run_id, "d.json"),
        "missing": listing(run_id, "gone"),
        "text": mlflow.artifacts.load_text(f"runs:/{run_id}/a/b.txt"),
        "empty": mlflow.artifacts.load_text(f"runs:/{run_id}/empty"),
        "twice": mlflow.artifacts.load_text(f"runs:/{run_id}/twice.txt"),
        "dict": mlflow.artifacts.load_dict(f"runs:/{run_id}/d.json"),
        "by_location": mlflow.artifacts.load_text(f"{run.info.artifact_uri}/s.bin") == "12" * 1000,
        "by_uri": [f.path for f in mlflow.artifacts.list_artifacts(f"runs:/{run_id}/a")],
    }


@scenario
def files_and_folders():
    mlflow.set_experiment(new_name())
    files = {f"d{n % 5}/e/{n}.bin": os.urandom(n * 100) for n in range(60)}
    files |= {"top.txt": b"1", "with space & ü/ß (1).txt": b"2", "d0/.hidden": b"3"}
    folder = made(files)
    with mlflow.start_run() as run:
        mlflow.log_artifacts(folder)
        mlflow.log_artifacts(folder, "copy/of")
        mlflow.log_artifact(folder / "top.txt", "single")
        mlflow.log_artifact(folder / "d1", "named")
    run_id = run.info.run_id

    def fetched(path: str | None) -> dict[str, str]:
        with tempfile.TemporaryDirectory() as out:
            return tree(
                mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=path, dst_path=out)
            )

    expected = {name: digest(body) for name, body in files.items()}
    with tempfile.TemporaryDirectory() as out:
        where = client.download_artifacts(run_id, "single/top.txt", out)
        one = [os.path.relpath(where, out), Path(where).read_text()]
    everything = fetched(None)
    return {
        "folder": fetched("copy/of") == expected,
        "part": fetched("named/d1")
        == {
            name.removeprefix("d1/"): body
            for name, body in expected.items()
            if name.startswith("d1/")
        },
        "root": {name: everything.get(name) for name in expected} == expected,
        "count": len(everything),
        "file": one,
        "listing": listing(run_id, "copy"),
        "names": [path for path, *_ in listing(run_id, "with space & ü")],
    }


@scenario
def figures_and_images():
    mlflow.set_experiment(new_name())
    with mlflow.start_run() as run:
        mlflow.log_figure(Figure(figsize=(1, 1)), "plots/f.png")
        mlflow.log_image(np.zeros((4, 6, 3), np.uint8), "i.png")
        mlflow.log_image(Image.new("RGB", (5, 5)), "plots/j.jpg")
        mlflow.log_image(np.zeros((4, 6)), key="a/dogs", step=3, timestamp=7, synchronous=True)
        mlflow.log_image(np.zeros((4, 6)), key="a/dogs", step=4, timestamp=8)
        mlflow.flush_artifact_async_logging()
    run_id = run.info.run_id
    images = [path for path, *_ in listing(run_id, "images")]
    return {
        "sizes": [
            mlflow.artifacts.load_image(f"runs:/{run_id}/{path}").size
            for path in ("i.png", "plots/j.jpg")
        ],
        "steps": sorted(path.split("+")[2] for path in images),
        "tag": client.get_run(run_id).data.tags.get("mlflow.loggedImages"),
    }


@scenario
def tables():
    experiment = mlflow.set_experiment(new_name()).experiment_id
    with mlflow.start_run() as run:
        mlflow.log_table({"a": [1, 2], "b": ["x", "ü"]}, "t/t.json")
        mlflow.log_table(pd.DataFrame({"a": [3], "b": ["z"]}), "t/t.json")
        mlflow.log_table({"a": [1.5]}, "t.parquet")
    run_id = run.info.run_id
    frame = client.load_table(experiment, "t/t.json", extra_columns=["run_id"])
    return {
        "rows": [list(row) for row in zip(frame["a"], frame["b"], strict=True)],
        "runs": set(frame["run_id"]) == {run_id},
        "parquet": client.load_table(experiment, "t.parquet")["a"].tolist(),
        "tag": client.get_run(run_id).data.tags.get("mlflow.loggedArtifacts"),
    }


@scenario
def missing():
    run_id = client.create_run(new_experiment()).info.run_id
    return {
        "listing": listing(run_id),
        "unknown_run": refusal(client.list_artifacts, "0" * 32),
        "download": bool(refusal(client.download_artifacts, run_id, "gone")),
        "up": bool(refusal(client.log_text, run_id, "x", "../../x")),
    }


@scenario
def large():
    """Some megabytes in one file."""
    run_id = client.create_run(new_experiment()).info.run_id
    body = os.urandom(1024) * 12 * 1024
    folder = made({"large.bin": body})
    client.log_artifact(run_id, str(folder / "large.bin"))  # its multipart takes no Path
    with tempfile.TemporaryDirectory() as out:
        where = client.download_artifacts(run_id, "large.bin", out)
        return {
            "same": digest(Path(where).read_bytes()) == digest(body),
            "listing": listing(run_id),
        }
