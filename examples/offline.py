"""Train without a server, then send what was logged, all in one script.

    python examples/offline.py [http://host:5000]

Usually the second half is `millrace sync`, run when there is a network again.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import millrace
from millrace.client.sync import sync

SPOOL = Path("spool-of-the-example")


def train() -> None:
    """Log a run; nobody is asked anything."""
    millrace.set_experiment("offline")
    with millrace.start_run(run_name="no signal") as run:
        for step in range(100):
            millrace.log_metric("loss", 1 / (step + 1), step=step)
    print(f"logged as {run.info.run_id}")


def main() -> None:
    """Train in a process that is offline, then send its spool."""
    uri = sys.argv[1] if len(sys.argv) > 1 else "sqlite:///offline.db"
    environment = {"MILLRACE_OFFLINE": "1", "MILLRACE_SPOOL_DIR": str(SPOOL)}
    subprocess.run(
        [sys.executable, __file__, "--train"], check=True, env={**os.environ, **environment}
    )
    for sent in sync(SPOOL, uri):
        print(f"{sent.journal.name}: {sent.records} records sent, {sent.refused} refused")
    millrace.set_tracking_uri(uri)
    [run] = millrace.search_runs(experiment_names=["offline"], max_results=1, output_format="list")
    print(f"arrived as {run.info.run_id}, {run.info.status}, loss {run.data.metrics['loss']}")


if __name__ == "__main__":
    train() if "--train" in sys.argv else main()
