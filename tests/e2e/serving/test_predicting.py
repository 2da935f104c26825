"""`millrace models predict` with a registered model: files in, files out, of every format."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.e2e.client.servers import Server as Tracker
from tests.services import clean_environment

FRAME = pd.DataFrame({"a": [float(n) for n in range(5)], "b": [0.5, -1.0, 2.0, 0.25, 8.0]})


def written(kind: str, path: Path) -> Path:
    match kind:
        case "csv":
            FRAME.to_csv(path, index=False)
        case "json":
            FRAME.to_json(path, orient="records")
        case "jsonl":
            FRAME.to_json(path, orient="records", lines=True)
        case "parquet":
            FRAME.to_parquet(path)
    return path


def read(kind: str, data: bytes) -> pd.DataFrame:
    match kind:
        case "csv":
            return pd.read_csv(io.BytesIO(data))
        case "json":
            return pd.read_json(io.BytesIO(data))
        case "jsonl":
            return pd.read_json(io.BytesIO(data), lines=True)
    return pd.read_parquet(io.BytesIO(data))


@pytest.mark.parametrize(
    ("given", "wanted"),
    [("csv", "jsonl"), ("json", "parquet"), ("jsonl", "csv"), ("parquet", "json")],
)
def test_a_file_is_scored(given: str, wanted: str, registry: Tracker, tmp_path: Path) -> None:
    source, target = written(given, tmp_path / f"in.{given}"), tmp_path / f"out.{wanted}"
    by_name = ["-i", source, "-o", target]
    # What comes by a pipe says itself what it is.
    piped = ["-t", given, "--output-type", wanted]
    command = ["models", "predict", "-m", "models:/line@champion", "--chunk-rows", "2"]

    done = subprocess.run(
        [sys.executable, "-m", "millrace", *command, *(piped if given == "csv" else by_name)],
        input=source.read_bytes() if given == "csv" else None,
        capture_output=True,
        cwd=tmp_path,
        env=clean_environment(MLFLOW_TRACKING_URI=registry.url),
        check=False,
    )

    assert done.returncode == 0, done.stderr.decode()
    assert "5 rows in" in done.stderr.decode()
    found = read(wanted, done.stdout if given == "csv" else target.read_bytes())
    scored = found.iloc[:, -1].tolist()
    assert scored == pytest.approx((FRAME["a"] + 2 * FRAME["b"]).tolist())
