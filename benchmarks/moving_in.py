"""Taking over an MLflow database: time and memory of `millrace transfer import`.

python -m benchmarks.moving_in [--runs 10000] [--points 5000000] [--into URI] [--keep FILE]

The database is made by MLflow itself, in the environment that `python -m benchmarks setup` has
made, and filled by SQL: over REST it would take hours. What was taken over is counted afterwards.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.contenders import BENCH
from benchmarks.data import run_record
from benchmarks.machine import facts
from millrace.core.filters import RUNS, parse
from millrace.stores.open import open_stores
from millrace.stores.protocols import Query

METRICS = 10
_SCHEMA = """
import sys
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
SqlAlchemyStore(sys.argv[1], "mlflow-artifacts:/")
"""


def main() -> None:
    """Make a database, take it over, print and keep the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.moving_in", description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--points", type=int, default=5_000_000)
    parser.add_argument("--into", help="an empty database; by default a SQLite file of its own")
    parser.add_argument("--source", type=Path, help="keep the MLflow database here, or use it")
    parser.add_argument("--keep", type=Path, help="where the figures are to be written, as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="millrace-moving-") as folder:
        source = options.source or Path(folder) / "mlflow.db"
        if not source.exists():
            began = time.perf_counter()
            seed(source, options.runs, options.points)
            print(f"{source.stat().st_size / 1e6:.0f} MB in {time.perf_counter() - began:.0f} s")
        target = options.into or f"sqlite:///{Path(folder) / 'new.db'}"
        figures = {
            "runs": options.runs,
            "points": options.points,
            "into": target.partition(":")[0],
            "machine": asdict(facts(Path(folder))),
            **taken_over(source, target),
        }
    print(json.dumps(figures, indent=1))
    if options.keep:
        options.keep.write_text(json.dumps(figures, indent=1) + "\n")


def seed(file: Path, runs: int, points: int) -> None:
    """Make MLflow's schema in *file*, and fill it with *runs* that have *points* in all."""
    python = BENCH / "mlflow" / "bin" / "python"
    subprocess.run([python, "-c", _SCHEMA, f"sqlite:///{file}"], check=True)
    steps = points // (runs * METRICS)
    with closing(sqlite3.connect(file)) as held:
        held.execute("PRAGMA synchronous=OFF")
        known = {row[1] for row in held.execute("PRAGMA table_info(runs)")}
        ids = [uuid.uuid4().hex for _ in range(runs)]
        for table, rows in {
            "runs": _runs(ids),
            "params": _pairs(ids, "params"),
            "tags": _pairs(ids, "tags"),
            "metrics": _points(ids, steps),
            "latest_metrics": _latest(ids, steps),
        }.items():
            first = next(rows)
            names = [name for name in first if table != "runs" or name in known]
            marks = ", ".join("?" * len(names))
            insert = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})"
            held.execute(insert, [first[name] for name in names])
            while chunk := list(islice(rows, 50_000)):
                held.executemany(insert, ([row[name] for name in names] for row in chunk))
        held.commit()


def _runs(ids: list[str]) -> Iterator[dict[str, Any]]:
    for number, run in enumerate(ids):
        record = run_record(number)
        yield {
            "run_uuid": run,
            "name": record.name,
            "source_type": "LOCAL",
            "source_name": "train.py",
            "entry_point_name": "",
            "user_id": "ada",
            "status": "FINISHED",
            "start_time": record.start_ms,
            "end_time": record.start_ms + 60_000,
            "source_version": "",
            "lifecycle_stage": "active",
            "artifact_uri": f"mlflow-artifacts:/0/{run}/artifacts",
            "experiment_id": 0,
        }


def _pairs(ids: list[str], kind: str) -> Iterator[dict[str, Any]]:
    for number, run in enumerate(ids):
        for key, value in getattr(run_record(number), kind).items():
            yield {"run_uuid": run, "key": key, "value": value}


def _points(ids: list[str], steps: int) -> Iterator[dict[str, Any]]:
    for number, run in enumerate(ids):
        for key, value in run_record(number).metrics.items():
            for step in range(steps):
                yield _point(run, key, value, step)


def _latest(ids: list[str], steps: int) -> Iterator[dict[str, Any]]:
    for number, run in enumerate(ids):
        for key, value in run_record(number).metrics.items():
            yield _point(run, key, value, steps - 1)


def _point(run: str, key: str, value: float, step: int) -> dict[str, Any]:
    moment = 1_700_000_000_000 + step * 1_000
    found = {"key": key, "value": value + step * 1e-3, "timestamp": moment, "step": step}
    return {"run_uuid": run, "is_nan": 0, **found}


def taken_over(source: Path, target: str) -> dict[str, Any]:
    """Import *source* into *target*; seconds, memory, and what is there afterwards."""
    command = [sys.executable, "-m", "millrace", "transfer", "import", f"sqlite:///{source}"]
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith(("MILLRACE_", "MLFLOW_"))
    }
    with tempfile.TemporaryFile() as said:
        began = time.perf_counter()
        child = subprocess.Popen(
            [*command, "--into", target], stdout=said, stderr=said, env=environment
        )
        _, status, used = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - began
        said.seek(0)
        told = said.read().decode()
    if status:
        raise SystemExit(told)
    stores = open_stores(target)
    try:
        page = stores.tracking.find_runs(["0"], Query(tree=parse("", RUNS), limit=1))
        run = json.loads(bytes(page.items[0]))["info"]["run_id"]
        counted = sum(one.count for one in stores.tracking.metric_summaries(run))
    finally:
        stores.close()
    return {
        "import_s": round(seconds, 1),
        "peak_mb": round(used.ru_maxrss / 1024),
        "points_of_a_run": counted,
        "said": told.splitlines()[-1:],
    }


if __name__ == "__main__":
    main()
