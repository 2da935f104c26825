"""Fills a server with what the read scenarios read: one long metric, and many runs."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from benchmarks import processes, tracking
from benchmarks.contenders import CONTENDERS, ROOT, Target
from benchmarks.data import Series, run_record
from benchmarks.http1 import Requests
from benchmarks.lanes import OK, Lane, drive
from benchmarks.tracking import Ledger, Refused, Session

SEED_LANES = 8
SEED_LIMIT_S = 300.0
HISTORY = Series("", keys=1, steps=1_000)


@dataclass(frozen=True)
class Seed:
    """What a server was filled with."""

    experiment_id: str
    runs: int
    """Runs 0 to `runs` - 1 of `data.run_record` are in the experiment."""
    history: Series
    points: int
    """Steps 0 to `points` - 1 of the history are in its run."""
    bytes_per_point: float
    """Growth of the database by the history, indices included."""
    seconds: float


def seed(target: Target, *, runs: int, points: int) -> Seed:
    """Log a history of *points* over REST, then *runs* runs; MLflow's runs go in by SQL."""
    started = time.perf_counter()
    history, bytes_per_point = seed_history(target, points)
    with Session(target) as session:
        experiment = session.experiment("search")
    if CONTENDERS[target.contender].seeded_by_sql:
        _seed_by_sql(target, experiment, runs)
    else:
        runs = seed_runs(target, experiment, runs, seconds=SEED_LIMIT_S)
    processes.wait_until_idle(target.pid, timeout_s=30.0)
    return Seed(experiment, runs, history, points, bytes_per_point, time.perf_counter() - started)


def database_bytes(target: Target) -> int:
    """Size of the database; that of SQLite's file once its journal is checkpointed."""
    if target.database_pid is not None:
        import psycopg  # noqa: PLC0415 - where it is measured only

        with psycopg.connect(target.database) as held:
            row = held.execute("select pg_database_size(current_database())").fetchone()
        return int(row[0]) if row else 0
    with closing(sqlite3.connect(f"file:{target.database}?mode=ro", uri=True)) as connection:
        pages: int = connection.execute("PRAGMA page_count").fetchone()[0]
        size: int = connection.execute("PRAGMA page_size").fetchone()[0]
    return pages * size


def seed_history(target: Target, points: int) -> tuple[Series, float]:
    """Log *points* (a multiple of 1,000) of one metric; return it and the bytes each took."""
    with Session(target) as session:
        history = HISTORY._replace(run_id=session.run(session.experiment("history")))
    before = database_bytes(target)
    extend_history(target, history, 0, points, seconds=SEED_LIMIT_S)
    processes.wait_until_idle(target.pid, timeout_s=30.0)
    return history, (database_bytes(target) - before) / points


def extend_history(target: Target, history: Series, start: int, end: int, *, seconds: float) -> int:
    """Log steps *start* to *end* - 1; return where it stopped when *seconds* ran out."""
    ledger = Ledger(history)
    batches = iter(range(start // history.steps, end // history.steps))
    requests = tracking.requests(target)

    def lane(until: float) -> Lane:
        for batch in batches:
            ledger.enter(batch, (yield requests.post("/runs/log-batch", history.body(batch))))
            if time.perf_counter() > until:
                return

    tally = drive(target.address, [lane, lane], seconds=seconds)
    if tally.failures:
        raise Refused(f"seeding the history: {tally.failures.most_common(1)}")
    if sorted(ledger.kept) != list(range(start // history.steps, max(ledger.kept) + 1)):
        raise Refused("seeding the history left a gap")
    return (max(ledger.kept) + 1) * history.steps


def _run_lane(requests: Requests, experiment: str, numbers: Iterator[int], until: float) -> Lane:
    for number in numbers:
        record = run_record(number)
        create = {
            "experiment_id": experiment,
            "run_name": record.name,
            "start_time": record.start_ms,
            "tags": [{"key": key, "value": value} for key, value in record.tags.items()],
        }
        reply = yield requests.post("/runs/create", tracking.encode(create))
        if reply.status != OK:
            return
        batch = {
            "run_id": tracking.decoded(reply, "runs/create")["run"]["info"]["run_id"],
            "metrics": [
                {"key": key, "value": value, "timestamp": record.start_ms, "step": 0}
                for key, value in record.metrics.items()
            ],
            "params": [{"key": key, "value": value} for key, value in record.params.items()],
        }
        yield requests.post("/runs/log-batch", tracking.encode(batch))
        if time.perf_counter() > until:
            return


def seed_runs(target: Target, experiment: str, runs: int, *, seconds: float, start: int = 0) -> int:
    """Create runs from number *start* on, two requests each; return how many there then are."""
    numbers = _Numbers(start, runs)
    lanes = [partial(_run_lane, tracking.requests(target), experiment, numbers)] * SEED_LANES
    tally = drive(target.address, lanes, seconds=seconds)
    if tally.failures:
        raise Refused(f"seeding runs: {tally.failures.most_common(1)}")
    return numbers.taken


class _Numbers(Iterator[int]):
    """Counts for all lanes together, and knows how far it came."""

    def __init__(self, start: int, end: int) -> None:
        self.taken, self._end = start, end

    def __next__(self) -> int:
        if self.taken >= self._end:
            raise StopIteration
        self.taken += 1
        return self.taken - 1


def _seed_by_sql(target: Target, experiment: str, runs: int) -> None:
    words = ["-m", "benchmarks.foreign.seed_database", target.database, experiment, str(runs)]
    subprocess.run(
        [CONTENDERS[target.contender].python, *words],
        check=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=SEED_LIMIT_S,
    )
