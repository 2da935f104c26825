"""Listing and searching an `mlruns` folder: our file store and MLflow's own, on the same files.

python -m benchmarks.file_store [--runs 10000] [--rounds 3] [--python PATH] [--keep FILE]

Both are called in a process, without any server. Cold: the first question in a fresh process, the
files in the system's cache for both; ours has what an earlier process kept in the folder, except
for the very first one, which is told apart. Warm: the same question once more in that process. CPU
is that of the process, and what to go by on a machine that does other things. The files are written
in the layout itself, because over either API it would take an hour.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
import uuid
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.apart import apart
from benchmarks.data import run_record
from benchmarks.machine import facts
from millrace.core.entities.run import RunInfo
from millrace.core.filters import RUNS, order, parse
from millrace.core.numbers import key_of
from millrace.files.documents import write_yaml
from millrace.stores.file import layout
from millrace.stores.open import open_stores
from millrace.stores.protocols import Query
from tests.services import mlflow_python

QUESTIONS = {
    "list": ("", []),
    "filter": ("metrics.loss < 0.1 and params.optimizer = 'adam'", ["metrics.accuracy DESC"]),
    "tag": ("tags.team = 'vision'", []),
    "order": ("", ["metrics.accuracy DESC"]),
}
ROOT = Path(__file__).resolve().parent.parent
Samples = dict[str, dict[str, list[list[tuple[float, float]]]]]
"""Of each store and question, in each round: seconds and CPU seconds, cold and warm."""


def main() -> None:
    """Seed, measure both in turn, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.file_store", description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--python", type=Path, help="an interpreter that has MLflow")
    parser.add_argument("--keep", type=Path, help="where all samples are to be written, as JSON")
    options = parser.parse_args()
    python = options.python or mlflow_python()
    with tempfile.TemporaryDirectory(prefix="millrace-files-") as folder:
        root = Path(folder) / "mlruns"
        began = time.perf_counter()
        seed(root, options.runs)
        print(f"{options.runs} runs written in {time.perf_counter() - began:.1f} s")
        first = apart(600, measure, str(root), *QUESTIONS["list"])["seconds"][0][0]
        print(f"a folder that nothing is known of: {first:.1f} s")
        samples: Samples = {"millrace": {}, "mlflow": {}}
        for _ in range(options.rounds):
            for name, (text, order_by) in QUESTIONS.items():
                ours = apart(600, measure, str(root), text, order_by)
                theirs = foreign(python, root, text, order_by)
                if ours["ids"] != theirs["ids"]:
                    raise SystemExit(f"{name}: the two found different runs")
                samples["millrace"].setdefault(name, []).append(ours["seconds"])
                samples["mlflow"].setdefault(name, []).append(theirs["seconds"])
        print(table(samples))
        if options.keep:
            kept = {
                "runs": options.runs,
                "machine": asdict(facts(root)),
                "mlflow": version(python),
                "questions": QUESTIONS,
                "unknown_s": first,
                "cold_and_warm_s_and_cpu_s": samples,
            }
            options.keep.write_text(json.dumps(kept, indent=1) + "\n")


def seed(root: Path, runs: int) -> None:
    """Write an experiment with *runs* runs: 10 params, 7 tags, 10 metrics each."""
    for experiment_id, name in (("0", "Default"), ("1", "sweep")):
        _meta(root / experiment_id, {
            "artifact_location": (root / experiment_id).as_uri(), "creation_time": 1,
            "experiment_id": experiment_id, "last_update_time": 1, "lifecycle_stage": "active",
            "name": name,
        })  # fmt: skip
    for number in range(runs):
        record = run_record(number)
        run_id = uuid.UUID(int=number).hex
        folder = root / "1" / run_id
        info = RunInfo(
            run_uuid=run_id, run_id=run_id, experiment_id="1", run_name=record.name, user_id="ada",
            status="FINISHED", start_time=record.start_ms, end_time=record.start_ms + 1,
            artifact_uri=f"{folder.as_uri()}/artifacts", lifecycle_stage="active",
        )  # fmt: skip
        _meta(folder, layout.run_document(info, {}, deleted_ms=None))
        tags = record.tags | {"mlflow.runName": record.name}
        for section, values in (("params", record.params), ("tags", tags)):
            for key, value in values.items():
                _file(folder / section / key, value.encode())
        for key, number_ in record.metrics.items():
            line = layout.metric_line((0, record.start_ms, key_of(number_)))
            _file(folder / "metrics" / key, line)


def _meta(folder: Path, document: dict[str, Any]) -> None:
    _file(folder / layout.META, write_yaml(document))


def _file(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def measure(root: str, text: str, order_by: list[str]) -> dict[str, Any]:
    """Ask our store twice: what the first and the second time took, and the runs found."""
    stores = open_stores(root)
    seconds, found = [], []
    for _ in range(2):
        began, cpu = time.perf_counter(), time.process_time()
        query = Query(tree=parse(text, RUNS), order=order.parse(order_by, RUNS), limit=1_000)
        page = stores.tracking.find_runs(["1"], query)
        seconds.append((time.perf_counter() - began, time.process_time() - cpu))
        found = [json.loads(bytes(one))["info"]["run_id"] for one in page.items]
    stores.close()
    return {"seconds": seconds, "ids": found}


def foreign(python: Path, root: Path, text: str, order_by: list[str]) -> dict[str, Any]:
    """Ask MLflow's store in the same way."""
    environment = os.environ | {"MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "1"}
    command = [str(python), "-m", "benchmarks.foreign.search_files", str(root), text, *order_by]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=ROOT, check=True
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def version(python: Path) -> str:
    """The release of MLflow that *python* has."""
    command = [
        str(python),
        "-c",
        "from importlib.metadata import version; print(version('mlflow'))",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def table(samples: Samples) -> str:
    """Medians and ratios as Markdown."""
    lines = [
        "| question | | millrace s, CPU | mlflow s, CPU | ratio | of CPU |",
        "|---|---|---|---|---|---|",
    ]
    for name in QUESTIONS:
        for place, heat in enumerate(("cold", "warm")):
            ours, theirs = (
                [median(column) for column in zip(*(one[place] for one in of[name]), strict=True)]
                for of in (samples["millrace"], samples["mlflow"])
            )
            ratios = (f"{other / one:.0f}x" for one, other in zip(ours, theirs, strict=True))
            took = f"{ours[0]:.2f}, {ours[1]:.2f} | {theirs[0]:.1f}, {theirs[1]:.1f}"
            lines.append(f"| {name} | {heat} | {took} | {' | '.join(ratios)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
