"""A backup while a server writes: what was acknowledged before it is in it, and nothing is half."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from millrace.client import connect
from millrace.client.client import MillraceClient
from millrace.stores.open import open_stores
from tests.contract import build
from tests.services import clean_environment, private_millrace

KEYS = [f"k{number}" for number in range(20)]


def millrace(*args: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "millrace", *args],
        capture_output=True,
        text=True,
        check=False,
        env=clean_environment(),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_backup_while_a_server_writes(tmp_path: Path) -> None:
    """Each write is a batch of twenty points, one of each metric, so that a half one would show."""
    source = f"sqlite:///{tmp_path / 'server' / 'millrace.db'}"
    with private_millrace(tmp_path / "server") as url:
        client = MillraceClient(url)
        runs = [client.create_run("0").info.run_id for _ in range(4)]
        acknowledged = dict.fromkeys(runs, 0)
        begun, over = threading.Event(), threading.Event()

        def write(run: str) -> None:
            while not over.is_set():
                step = acknowledged[run] + 1
                points = [build.point(float(step), step=step, key=key) for key in KEYS]
                client.log_batch(run, metrics=points, synchronous=True)
                acknowledged[run] = step
                if min(acknowledged.values()) >= 5:
                    begun.set()

        writers = [threading.Thread(target=write, args=(run,)) for run in runs]
        for writer in writers:
            writer.start()
        assert begun.wait(60)
        before = dict(acknowledged)
        millrace("backup", source, str(tmp_path / "dump"))
        millrace("backup", source, str(tmp_path / "copy.db"))
        over.set()
        for writer in writers:
            writer.join()
        connect.close_all(10.0)

    for name, backup in (("a.db", "dump"), ("b.db", "copy.db")):
        target = f"sqlite:///{tmp_path / name}"
        said = millrace("restore", str(tmp_path / backup), target)
        assert said.endswith("Looked them through: nothing is damaged.\n")
        stores = open_stores(target)
        for run in runs:
            steps = [[one[0] for one in build.history(stores.tracking, run, key)] for key in KEYS]
            assert all(one == steps[0] for one in steps)
            assert steps[0] == list(range(1, len(steps[0]) + 1))
            assert before[run] <= len(steps[0]) <= acknowledged[run]
        stores.close()
