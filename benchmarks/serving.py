"""A model server beside MLflow's: the same scikit-learn pipeline, the same workers, in turns.

    python -m benchmarks.serving [--workers 1] [--seconds 5] [--rounds 3] [--mlflow ENV/bin/python]

MLflow saves the model, both serve that folder. One row of ten columns over 16 connections, each
body another; then bodies of 10,000 rows as JSON and as CSV over one connection. Answers are looked
at: both servers must say the same.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from benchmarks.contenders import CONTENDERS, surroundings
from benchmarks.http1 import Address, Connection, Requests
from benchmarks.lanes import OK, Lane, drive
from benchmarks.launching import launched
from benchmarks.tracking import Refused, Untrue

_PORT = 5891
_COLUMNS = [f"x{at}" for at in range(10)]
_CONNECTIONS = 16
_LARGE = 10_000

# Run by MLflow's environment: ours need not have what it has.
SAVE = """
import sys, warnings; warnings.simplefilter("ignore")
import mlflow, numpy as np, pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
rows = np.random.default_rng(0).normal(size=(1000, 10))
frame = pd.DataFrame(rows, columns=[f"x{at}" for at in range(10)])
model = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, frame.x0 > 0)
mlflow.sklearn.save_model(model, sys.argv[1], input_example=frame.head(2),
    serialization_format=sys.argv[2],
    signature=mlflow.models.infer_signature(frame, model.predict(frame)),
    pip_requirements=["scikit-learn"])
"""


@contextmanager
def serving(command: list[str], folder: Path, port: int, *, path: Path) -> Iterator[Address]:
    """The server that *command* starts, with *path* in front of the programs that it finds."""
    address = Address("127.0.0.1", port)
    log = folder / f"{port}.log"
    variables = surroundings({"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"})
    variables["PATH"] = f"{path}:{variables.get('PATH', '')}"
    with launched(command, address, ready="/ping", log=log, cwd=folder, env=variables):
        yield address


def split(dice: random.Random, rows: int) -> bytes:
    """A body of *rows* rows."""
    data = [[dice.gauss(0, 1) for _ in _COLUMNS] for _ in range(rows)]
    return json.dumps({"dataframe_split": {"columns": _COLUMNS, "data": data}}).encode()


def csv(body: bytes) -> bytes:
    """The same rows as CSV."""
    table = json.loads(body)["dataframe_split"]
    lines = [",".join(map(str, row)) for row in (table["columns"], *table["data"])]
    return "\n".join(lines).encode()


def small(address: Address, seconds: float) -> tuple[float, float]:
    """Requests a second, and the 99th percentile in seconds."""
    dice, requests = random.Random(1), Requests(address)
    bodies = [requests.post("/invocations", split(dice, 1)) for _ in range(100)]

    def lane(until: float) -> Lane:
        for at in count():
            if time.perf_counter() > until:
                return
            yield bodies[at % len(bodies)]

    tally = drive(address, [lane] * _CONNECTIONS, seconds=seconds)
    if tally.failures:
        raise Refused(str(tally.failures))
    ranked = sorted(tally.latencies_s)
    return len(ranked) / tally.wall_s, ranked[int(len(ranked) * 0.99)]


def large(address: Address, body: bytes, kind: str, times: int = 10) -> tuple[float, object]:
    """Median seconds, and the predictions."""
    request = Requests(address).post("/invocations", body)
    request = request.replace(b"application/json", kind.encode(), 1)
    connection = Connection(address, timeout_s=60.0)
    taken, answer = [], None
    for _ in range(times):
        began = time.perf_counter()
        reply = connection.exchange(request)
        taken.append(time.perf_counter() - began)
        if reply.status != OK:
            raise Refused(f"{reply.status} {reply.body[:300].decode(errors='replace')}")
        answer = json.loads(reply.body)["predictions"]
    connection.close()
    return statistics.median(taken[1:]), answer


def measure(options: argparse.Namespace, folder: Path) -> dict[str, dict[str, list[float]]]:
    """Figures of each round, by what is measured and server."""
    model = folder / "model"
    subprocess.run([options.mlflow, "-c", SAVE, model, "skops"], check=True, cwd=folder)
    # Its command finds uvicorn on the path, and that one may name an interpreter that has moved.
    tools = folder / "bin"
    tools.mkdir()
    uvicorn = tools / "uvicorn"
    uvicorn.write_text(f'#!/bin/sh\nexec "{options.mlflow}" -m uvicorn "$@"\n')
    uvicorn.chmod(0o755)
    workers = ["--workers", str(options.workers)]
    theirs = [str(options.mlflow), "-m", "mlflow", "models", "serve", "-m", str(model)]
    theirs += ["--env-manager", "local", "--port", str(_PORT), *workers]
    ours = [sys.executable, "-m", "millrace", "models", "serve", "-m", str(model)]
    ours += ["--port", str(_PORT + 1), *workers]
    body = split(random.Random(2), _LARGE)
    bodies = {"application/json": body, "text/csv": csv(body)}
    found: dict[str, dict[str, list[float]]] = {}
    with (
        serving(theirs, folder, _PORT, path=tools) as mlflow,
        serving(ours, folder, _PORT + 1, path=tools) as millrace,
    ):
        servers = {"mlflow": mlflow, "millrace": millrace}
        for address in servers.values():
            small(address, 1.0)
        for _ in range(options.rounds):
            for name, address in servers.items():
                rate, slowest = small(address, options.seconds)
                found.setdefault("requests/s", {}).setdefault(name, []).append(rate)
                found.setdefault("p99 ms", {}).setdefault(name, []).append(slowest * 1e3)
            for kind, large_body in bodies.items():
                answers = {}
                for name, address in servers.items():
                    taken, answers[name] = large(address, large_body, kind)
                    what = f"{_LARGE:,} rows {kind} ms"
                    found.setdefault(what, {}).setdefault(name, []).append(taken * 1e3)
                if answers["mlflow"] != answers["millrace"]:
                    raise Untrue("the servers give different predictions")
    return found


def table(found: dict[str, dict[str, list[float]]]) -> str:
    """The medians as Markdown."""
    lines = ["| | Millrace | MLflow | times |", "|---|--:|--:|--:|"]
    for what, servers in found.items():
        ours, theirs = (statistics.median(servers[one]) for one in ("millrace", "mlflow"))
        times = ours / theirs if what == "requests/s" else theirs / ours
        lines.append(f"| {what} | {ours:,.1f} | {theirs:,.1f} | {times:.1f} |")
    return "\n".join(lines)


def main() -> None:
    """Parse the command line and do as it says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    programs = CONTENDERS["mlflow"].programs
    parser.add_argument(
        "--mlflow", type=lambda text: Path(text).absolute(), default=programs / "python"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="serving-") as name:
        print(table(measure(options, Path(name))))


if __name__ == "__main__":
    main()
