"""Searches on PostgreSQL as it grows: 10,000 runs, and then 100,000 beside 20 million points.

python -m benchmarks.grown [--few 10000] [--times 10] [--points 20000000] [--keep FILE]

The store is called in this process, so that no part of a server hides what the database takes; CPU
is that of both. The first runs, and four long series, are written by the store; the database copies
their rows until there are as many as were asked for, with other ids and, for runs, later times.
ANALYZE is called where autovacuum would have come by a minute later. It takes some four minutes on
an idle machine, and up to 12 GB for a while where temporary files are kept.
"""

from __future__ import annotations

import argparse
import json
import time
import uuid
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Engine,
    Table,
    Text,
    cast,
    create_engine,
    func,
    insert,
    make_url,
    null,
    select,
    text,
    true,
)

from benchmarks import processes
from benchmarks.data import run_record
from benchmarks.machine import facts
from millrace.core.entities.entity import pairs
from millrace.core.entities.metric import Metric
from millrace.core.entities.run import Batch, Run, RunData, RunInfo
from millrace.core.filters import RUNS, order, parse
from millrace.core.numbers import key_of
from millrace.stores.open import open_stores
from millrace.stores.protocols import NewExperiment, Query, Stores
from millrace.stores.sql import tables as t
from tests import databases

ROUNDS = 25
QUESTIONS: dict[str, tuple[str, list[str], int]] = {
    "first page of 1,000": ("", [], 1_000),
    "first page of 100": ("", [], 100),
    "metric and param, ordered": (
        "metrics.loss < 0.5 and params.optimizer = 'adam'",
        ["metrics.loss ASC"],
        100,
    ),
    "tag and param": ("tags.team = 'vision' and params.batch_size = '32'", [], 100),
    "ordered by metric": ("", ["metrics.loss DESC"], 100),
    "tag LIKE": ("tags.note LIKE '%on host-7-%'", [], 100),
}
_SERIES = 4
_POINTS = 100_000
_PIECE = 10_000
_AT_ONCE = 400


class Spent(NamedTuple):
    """Milliseconds of a question."""

    ms: float
    cpu_ms: float
    """Of this process and of the database."""


def main() -> None:
    """Load, measure, let it grow, measure again, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.grown", description=__doc__)
    parser.add_argument("--few", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--points", type=int, default=20_000_000)
    parser.add_argument("--keep", type=Path, help="where the figures are to be written, as JSON")
    options = parser.parse_args()
    server = databases.private_postgres("max_wal_size=8GB")
    try:
        assert server.process is not None
        server_pid = server.process.child.pid
        uri = server.uri(server.create())
        stores = open_stores(uri)
        home, away = (
            stores.tracking.add_experiment(
                NewExperiment(
                    name=name,
                    artifact_location=None,
                    artifact_root="mlflow-artifacts:/",
                    creation_time=1,
                )
            )
            .result()
            .experiment_id
            for name in ("search", "series")
        )
        engine = create_engine(make_url(uri).set(drivername="postgresql+psycopg"))
        with said("runs and series written by the store"):
            load_runs(stores, home, options.few)
            load_series(stores, away)
        before = measured(stores, home, engine, server_pid)
        with said("copied"):
            copy_rows(engine, {home: options.times, away: options.points // _POINTS // _SERIES})
        counts = counted(engine)
        after = measured(stores, home, engine, server_pid)
        engine.dispose()
        stores.close()
    finally:
        server.stop()
    print(f"{options.few} runs; then, with all that there is: {counts}")
    print(table(before, after))
    if options.keep:
        kept = {
            "machine": asdict(facts(Path.cwd())), "few": options.few, "counts": counts,
            "spent": {
                name: [before[name]._asdict(), after[name]._asdict()] for name in QUESTIONS
            },
        }  # fmt: skip
        options.keep.write_text(json.dumps(kept, indent=1) + "\n")


@contextmanager
def said(what: str) -> Iterator[None]:
    """Print how long it took."""
    began = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - began:.1f} s", flush=True)


def load_runs(stores: Stores, home: str, count: int) -> None:
    """Have that many runs."""
    tracking = stores.tracking
    waiting: deque[Future[Any]] = deque()
    for number in range(count):
        record, run_id = run_record(number), uuid.UUID(int=number).hex
        info = _info(run_id, home, record.name, record.start_ms)
        metrics = tuple(
            Metric(key=key, value=value, timestamp=record.start_ms, step=0)
            for key, value in record.metrics.items()
        )
        tags = RunData(tag_list=pairs(record.tags))
        waiting.append(tracking.add_run(Run(info=info, data=tags)))
        waiting.append(tracking.append(run_id, Batch(metrics=metrics, params=pairs(record.params))))
        while len(waiting) > _AT_ONCE:
            waiting.popleft().result()
    for future in waiting:
        future.result()


def load_series(stores: Stores, home: str) -> None:
    """Have a run with four long series."""
    run_id = uuid.UUID(int=10**9).hex
    stores.tracking.add_run(Run(info=_info(run_id, home, "long", 1))).result()
    points = [(step, step * 1_000, key_of(1 / (step + 1))) for step in range(_POINTS)]
    for number in range(_SERIES):
        for begin in range(0, _POINTS, _PIECE):
            piece = points[begin : begin + _PIECE]
            stores.transfer.adopt_points(run_id, f"m{number}", piece).result()


def _info(run_id: str, home: str, name: str, start_ms: int) -> RunInfo:
    return RunInfo(
        run_uuid=run_id, run_id=run_id, experiment_id=home, run_name=name, user_id="ada",
        status="FINISHED", start_time=start_ms, end_time=start_ms + 1, artifact_uri="",
        lifecycle_stage="active",
    )  # fmt: skip


def copy_rows(engine: Engine, times: dict[str, int]) -> None:
    """Have each run of those experiments so many times, with all that belongs to it."""
    runs, series = (_greatest(engine, table.c.id) for table in (t.runs, t.series))
    for experiment, count in times.items():
        nth = func.generate_series(1, count - 1).table_valued("n").render_derived(name="nth")
        own = t.runs.c.experiment_id == int(experiment)
        of_run = select(t.runs.c.id).where(own)
        of_series = select(t.series.c.id).where(t.series.c.run_id.in_(of_run))
        n = cast(nth.c.n, BigInteger)
        later_ms = n * count_ms(engine, own)
        moved = {"run_id": n * runs, "series_id": n * series}
        parts: list[tuple[Table, Any, dict[str, Any]]] = [
            (t.runs, own, {
                "id": t.runs.c.id + n * runs,
                "uuid": func.md5(t.runs.c.uuid + cast(nth.c.n, Text)),
                "start_ms": t.runs.c.start_ms + later_ms,
                "end_ms": t.runs.c.end_ms + later_ms,
            }),
            (t.run_documents, t.run_documents.c.run_id.in_(of_run), {"document": null()}),
            (t.params, t.params.c.run_id.in_(of_run), {}),
            (t.tags, t.tags.c.run_id.in_(of_run), {}),
            (t.series, t.series.c.run_id.in_(of_run), {"id": t.series.c.id + n * series}),
            (t.points, t.points.c.series_id.in_(of_series), {}),
            (t.buckets, t.buckets.c.series_id.in_(of_series), {}),
        ]  # fmt: skip
        for table, which, changed in parts:
            columns = [
                changed.get(one.name, one + moved[one.name] if one.name in moved else one)
                for one in table.columns
            ]
            # Read once before anything is written: what was copied is not copied again.
            rows = select(*columns).select_from(table.join(nth, true())).where(which)
            with engine.begin() as connection:
                connection.execute(insert(table).from_select(list(table.columns.keys()), rows))


def _greatest(engine: Engine, column: Any) -> int:  # noqa: ANN401 - a column
    with engine.connect() as connection:
        return int(connection.execute(select(func.max(column))).scalar_one())


def count_ms(engine: Engine, own: Any) -> int:  # noqa: ANN401 - a condition
    """How long the runs took to start, all in all, so that copies of them start after them."""
    start = t.runs.c.start_ms
    with engine.connect() as connection:
        span = connection.execute(select(func.max(start) - func.min(start)).where(own))
        return int(span.scalar_one()) + 60_000


def counted(engine: Engine) -> dict[str, int]:
    """How many rows there are of what grows."""
    with engine.connect() as connection:
        return {
            table.name: int(
                connection.execute(select(func.count()).select_from(table)).scalar_one()
            )
            for table in (t.runs, t.params, t.tags, t.series, t.points)
        }


def measured(stores: Stores, home: str, engine: Engine, server_pid: int) -> dict[str, Spent]:
    """What each question took, the median; they take turns, so that a bad minute is everybody's."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    queries = {
        name: Query(tree=parse(words, RUNS), order=order.parse(order_by, RUNS), limit=limit)
        for name, (words, order_by, limit) in QUESTIONS.items()
    }
    samples: dict[str, list[Spent]] = {name: [] for name in queries}
    for _ in range(ROUNDS + 2):
        for name, query in queries.items():
            theirs = processes.running_ns(server_pid)
            ours, began = time.process_time_ns(), time.perf_counter()
            found = stores.tracking.find_runs([home], query).items
            ms = (time.perf_counter() - began) * 1_000
            ours = time.process_time_ns() - ours
            theirs = processes.running_ns(server_pid) - theirs
            samples[name].append(Spent(ms, (ours + theirs) / 1_000_000))
            if not found:
                raise SystemExit(f"{name}: nothing was found")
    # The first ones build documents, and plans.
    return {
        name: Spent(*map(median, zip(*taken[2:], strict=True))) for name, taken in samples.items()
    }


def table(before: dict[str, Spent], after: dict[str, Spent]) -> str:
    """Both figures and their ratio as Markdown."""
    lines = [
        "| question | few, ms | many, ms | ratio | few, CPU | many, CPU | ratio |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, few in before.items():
        pairs_ = zip(few, after[name], strict=True)
        cells = (f"{one:.2f} | {other:.2f} | {other / one:.2f}x" for one, other in pairs_)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
