"""A backup while a server writes: what was acknowledged before it is in it, and nothing is half."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from millrace.client import connect
from millrace.client.client import MillraceClient
from millrace.stores.open import open_stores
from tests import databases
from tests.contract import build
from tests.databases import KINDS
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


class Places:
    """Where a test may put records, all of one kind."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self._folder = folder
        self._made: list[str] = []

    def new(self) -> str:
        """The URI of a place that is empty, or not there yet."""
        number = len(self._made)
        if self.kind in KINDS:
            self._made.append(databases.server(self.kind).create())
            return databases.server(self.kind).uri(self._made[-1])
        self._made.append("")
        folder = self._folder / f"{self.kind}{number}"
        return str(folder) if self.kind == "file" else f"sqlite:///{folder}.db"

    def drop(self) -> None:
        for name in filter(None, self._made):
            databases.server(self.kind).drop(name)


@pytest.fixture(params=["sqlite", "file", *KINDS])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Places]:
    made = Places(request.param, tmp_path)
    yield made
    made.drop()


def test_a_backup_while_a_server_writes(places: Places, tmp_path: Path) -> None:
    """Each write is a batch of twenty points, one of each metric, so that a half one would show."""
    source = places.new()
    backups = ["dump", *(["copy.db"] if places.kind == "sqlite" else [])]
    with private_millrace(tmp_path / "server", store=source) as url:
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
        for name in backups:
            millrace("backup", source, str(tmp_path / name))
        over.set()
        for writer in writers:
            writer.join()
        connect.close_all(10.0)

    for name in backups:
        target = places.new()
        said = millrace("restore", str(tmp_path / name), target)
        assert said.endswith("Looked them through: nothing is damaged.\n")
        stores = open_stores(target)
        for run in runs:
            steps = [[one[0] for one in build.history(stores.tracking, run, key)] for key in KEYS]
            assert all(one == steps[0] for one in steps)
            assert steps[0] == list(range(1, len(steps[0]) + 1))
            assert before[run] <= len(steps[0]) <= acknowledged[run]
        stores.close()
