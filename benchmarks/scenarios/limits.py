"""What the machine allows: bare HTTP, bare SQLite, a bare disk sync."""

from __future__ import annotations

import itertools
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from benchmarks import machine
from benchmarks.contenders import Target
from benchmarks.http1 import Requests
from benchmarks.lanes import Lane, drive
from benchmarks.scenarios.outcome import Effort, Outcome, latencies
from benchmarks.tracking import Untrue

_TABLE = """
create table metrics (
    run integer, key integer, step integer, timestamp integer, value real,
    primary key (run, key, step, timestamp, value)
) without rowid
"""
_INSERT = "insert into metrics values (?, ?, ?, ?, ?)"
_SYNC_S = 0.5
# Eight batches of a thousand points, as eight connections bring them.
_GROUP, _SERIES = 8_000, 80
_POSTGRES_TABLE = """
create table points (
    series_id bigint, step bigint, ms bigint, value bigint,
    primary key (series_id, step, ms, value)
)
"""
_TEMPORARY = (
    "create temporary table arrived (series_id bigint, step bigint, ms bigint, value bigint)"
)
_TAKE_IN = "insert into points select * from arrived on conflict do nothing"


def hello(target: Target, effort: Effort, *, connections: int) -> Outcome:
    """A server that does nothing, asked over *connections* connections.

    `core_req_per_s` is what one core of it could answer: the client may be the slower of the two.
    """
    request = Requests(target.address).get("/")

    def lane(until: float) -> Lane:
        while time.perf_counter() < until:
            yield request

    with machine.window(*target.pids) as spent:
        tally = drive(target.address, [lane] * connections, seconds=effort.write_s)
    done = len(tally.latencies_s) - tally.failures.total()
    figures = {
        "req_per_s": done / tally.wall_s,
        "cpu_us": spent.server_cpu_s / done * 1e6,
        "core_req_per_s": done / spent.server_cpu_s,
        **latencies(tally.latencies_s),
    }
    return Outcome(figures, window=spent)


def raw_sqlite(folder: Path, effort: Effort) -> Outcome:
    """One process that inserts into the leanest metrics table, WAL and synchronous=FULL."""
    rows_per_s = _rows_per_s(folder / "thousands.db", 1_000, effort.write_s / 2)
    commits_per_s = _rows_per_s(folder / "ones.db", 1, effort.write_s / 2)
    figures = {
        "rows_per_s": rows_per_s,
        "commits_per_s": commits_per_s,
        "syncs_per_s": _syncs_per_s(folder / "synced"),
    }
    return Outcome(figures)


def _rows_per_s(file: Path, group: int, seconds: float) -> float:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("pragma journal_mode=wal")
        connection.execute("pragma synchronous=full")
        connection.execute(_TABLE)
        done, started = 0, time.perf_counter()
        while time.perf_counter() - started < seconds:
            connection.execute("begin immediate")
            connection.executemany(_INSERT, list(_rows(done, group)))
            connection.execute("commit")
            done += group
        spent_s = time.perf_counter() - started
        (held,) = connection.execute("select count(*) from metrics").fetchone()
    if held != done:
        raise Untrue(f"SQLite holds {held} of {done} rows")
    return done / spent_s


def _rows(start: int, count: int) -> Iterator[tuple[int, int, int, int, float]]:
    # Ten keys of a run, step by step, as the log-batch scenarios write them.
    for row in range(start, start + count):
        yield 1, row % 10, row // 10, 1_700_000_000_000 + row, row * 0.37


def raw_postgresql(target: Target, effort: Effort) -> Outcome:
    """One process that copies into a temporary table and inserts from it what is new."""
    import psycopg  # noqa: PLC0415 - where it is measured only

    with (
        machine.window(*target.pids) as spent,
        psycopg.connect(target.database, autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(_POSTGRES_TABLE)
        cursor.execute(_TEMPORARY)
        started = time.perf_counter()
        for group in itertools.count(1):
            with connection.transaction():
                with cursor.copy("copy arrived from stdin") as copy:
                    copy.write(_text(group))
                cursor.execute(_TAKE_IN)
                cursor.execute("truncate arrived")
            if (spent_s := time.perf_counter() - started) > effort.write_s:
                break
        held = cursor.execute("select count(*) from points").fetchone()
    if held != (group * _GROUP,):
        raise Untrue(f"PostgreSQL holds {held} of {group * _GROUP} rows")
    return Outcome({"rows_per_s": group * _GROUP / spent_s}, window=spent)


def _text(group: int) -> str:
    steps = range(group * _GROUP // _SERIES, (group + 1) * _GROUP // _SERIES)
    return "".join(
        f"{series}\t{step}\t{1_700_000_000_000 + step}\t{step * 7_919_777}\n"
        for series in range(_SERIES)
        for step in steps
    )


def _syncs_per_s(file: Path) -> float:
    block, done, started = os.urandom(4096), 0, time.perf_counter()
    with file.open("wb", buffering=0) as out:
        while time.perf_counter() - started < _SYNC_S:
            out.write(block)
            os.fdatasync(out.fileno())
            done += 1
    return done / (time.perf_counter() - started)
