"""Searches an `mlruns` folder with MLflow's own file store, in MLflow's own environment.

python -m benchmarks.foreign.search_files FOLDER FILTER [ORDER_BY...]
"""

from __future__ import annotations

import json
import sys
import time

from mlflow import MlflowClient


def main() -> None:
    """Ask twice; print what both took, and the ids found, as one line of JSON."""
    folder, text, *order_by = sys.argv[1:]
    client = MlflowClient(tracking_uri=folder)
    seconds, found = [], []
    for _ in range(2):
        began, cpu = time.perf_counter(), time.process_time()
        page = client.search_runs(["1"], text, max_results=1_000, order_by=order_by)
        seconds.append((time.perf_counter() - began, time.process_time() - cpu))
        found = [run.info.run_id for run in page]
    print(json.dumps({"seconds": seconds, "ids": found}))


if __name__ == "__main__":
    main()
