"""Logging: single metrics, batches, whole runs, and many clients at once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks import machine, tracking
from benchmarks.contenders import Target
from benchmarks.data import START_MS, Series
from benchmarks.http1 import Requests
from benchmarks.lanes import OK, Lane, Tally, drive
from benchmarks.scenarios.outcome import Effort, Outcome, latencies
from benchmarks.tracking import Ledger, Refused, Session, Untrue

_WARM_UP_CALLS = 20
BATCH = Series("", keys=10, steps=100)
"""1,000 points, as ten metrics of a hundred steps."""
SOAK_BATCH = Series("", keys=10, steps=10)


def _series(target: Target, shape: Series, count: int) -> list[Series]:
    """Create *count* runs in a new experiment, and wake the server with a few calls."""
    with Session(target) as session:
        experiment = session.experiment(f"writes-{time.time_ns()}")
        warm = shape._replace(run_id=session.run(experiment))
        for step in range(_WARM_UP_CALLS):
            point = {"key": "warm-up", "value": 0.5, "timestamp": START_MS, "step": step}
            session.post("/runs/log-metric", {"run_id": warm.run_id} | point)
        return [shape._replace(run_id=session.run(experiment)) for _ in range(count)]


def _metric_lane(requests: Requests, ledger: Ledger, until: float) -> Lane:
    step = 0
    while time.perf_counter() < until:
        ledger.enter(step, (yield requests.post("/runs/log-metric", ledger.series.single(step))))
        step += 1


def _batch_lane(requests: Requests, ledger: Ledger, until: float) -> Lane:
    batch = 0
    while time.perf_counter() < until:
        ledger.enter(batch, (yield requests.post("/runs/log-batch", ledger.series.body(batch))))
        batch += 1


@dataclass(frozen=True)
class _Load:
    """What is sent, and over how many connections."""

    lane: Callable[[Requests, Ledger, float], Lane]
    shape: Series
    connections: int
    seconds: float


def _log(target: Target, load: _Load, effort: Effort) -> tuple[Tally, list[Ledger], machine.Window]:
    """Drive one lane per run, then read everything back."""
    ledgers = [Ledger(series) for series in _series(target, load.shape, load.connections)]
    requests = tracking.requests(target)
    with machine.window(*target.pids) as spent:
        tally = drive(
            target.address,
            [partial(load.lane, requests, ledger) for ledger in ledgers],
            seconds=load.seconds,
            timeout_s=effort.request_s,
        )
    if not any(ledger.kept for ledger in ledgers):
        raise Refused(f"no call succeeded: {tally.failures.most_common(1)}")
    tracking.verify(target, ledgers)
    return tally, ledgers, spent


def _failures(failures: Counter[str]) -> list[str]:
    return [f"{count} calls failed: {why}" for why, count in failures.most_common(3)]


def log_metric(target: Target, effort: Effort, *, connections: int) -> Outcome:
    """One metric per request, each connection into a run of its own."""
    one = Series("", keys=1, steps=1)
    load = _Load(_metric_lane, one, connections, effort.write_s)
    tally, ledgers, spent = _log(target, load, effort)
    done = sum(ledger.points for ledger in ledgers)
    figures = {
        "req_per_s": done / tally.wall_s,
        "cpu_us": spent.server_cpu_s / done * 1e6,
        **latencies(tally.latencies_s),
        "failures": float(tally.failures.total()),
    }
    return Outcome(figures, _failures(tally.failures), window=spent)


def log_batch(target: Target, effort: Effort, *, connections: int) -> Outcome:
    """1,000 metrics per request, each connection into a run of its own."""
    return _batches(target, _Load(_batch_lane, BATCH, connections, effort.write_s), effort)


def soak(target: Target, effort: Effort, *, clients: int) -> Outcome:
    """Many clients that each log 100 metrics per request without a pause.

    Failed calls count, and so do the seconds they took. A failed call may have been stored: its
    points are allowed, not expected, in what is read back.
    """
    return _batches(target, _Load(_batch_lane, SOAK_BATCH, clients, effort.soak_s), effort)


def _batches(target: Target, load: _Load, effort: Effort) -> Outcome:
    tally, ledgers, spent = _log(target, load, effort)
    done = sum(ledger.points for ledger in ledgers)
    figures = {
        "metrics_per_s": done / tally.wall_s,
        "cpu_us_per_metric": spent.server_cpu_s / done * 1e6,
        **latencies(tally.latencies_s),
        "failures": float(tally.failures.total()),
    }
    return Outcome(figures, _failures(tally.failures), window=spent)


_PARAMS = [{"key": f"param_{i}", "value": f"{i * 0.37:.6f}"} for i in range(20)]
_TAGS = [{"key": f"tag_{i}", "value": f"value {i} of a tag"} for i in range(10)]
_END_MS = START_MS + 3_600_000


def _life_lane(requests: Requests, experiment: str, finished: list[str], until: float) -> Lane:
    create = tracking.encode(
        {"experiment_id": experiment, "run_name": "life", "start_time": START_MS}
    )
    while time.perf_counter() < until:
        reply = yield requests.post("/runs/create", create)
        if reply.status != OK:
            continue
        run_id = tracking.decoded(reply, "runs/create")["run"]["info"]["run_id"]
        batch = {"run_id": run_id, "params": _PARAMS, "tags": _TAGS}
        logged = yield requests.post("/runs/log-batch", tracking.encode(batch))
        end = {"run_id": run_id, "status": "FINISHED", "end_time": _END_MS}
        ended = yield requests.post("/runs/update", tracking.encode(end))
        if logged.status == ended.status == OK:
            finished.append(run_id)


def lifecycle(target: Target, effort: Effort, *, connections: int) -> Outcome:
    """Create a run, log 20 params and 10 tags, end it: three requests."""
    with Session(target) as session:
        experiment = session.experiment(f"lives-{time.time_ns()}")
    finished: list[list[str]] = [[] for _ in range(connections)]
    requests = tracking.requests(target)
    with machine.window(*target.pids) as spent:
        tally = drive(
            target.address,
            [partial(_life_lane, requests, experiment, runs) for runs in finished],
            seconds=effort.write_s,
            timeout_s=effort.request_s,
        )
    runs = [run for lane in finished for run in lane]
    if not runs:
        raise Refused(f"no run was logged: {tally.failures.most_common(1)}")
    _verify_lives(target, runs)
    figures = {
        "runs_per_s": len(runs) / tally.wall_s,
        "cpu_us_per_run": spent.server_cpu_s / len(runs) * 1e6,
        **latencies(tally.latencies_s),
        "failures": float(tally.failures.total()),
    }
    return Outcome(figures, _failures(tally.failures), window=spent)


def _verify_lives(target: Target, runs: Sequence[str]) -> None:
    params = {pair["key"]: pair["value"] for pair in _PARAMS}
    tags = {pair["key"]: pair["value"] for pair in _TAGS}
    with Session(target) as session:
        for run_id in runs:
            run = session.get("/runs/get", run_id=run_id)["run"]
            info, data = run["info"], run["data"]
            found = {pair["key"]: pair["value"] for pair in data["params"]}
            found_tags = {pair["key"]: pair["value"] for pair in data["tags"]}
            if found != params or not tags.items() <= found_tags.items():
                raise Untrue(f"params or tags of run {run_id} differ")
            if (info["status"], info["end_time"]) != ("FINISHED", _END_MS):
                raise Untrue(f"run {run_id} did not end")
