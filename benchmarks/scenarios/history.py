"""Reading one long metric: all of it in pages, or a sample of it."""

from __future__ import annotations

import statistics
import time
from urllib.parse import urlencode

from benchmarks import machine, tracking
from benchmarks.contenders import CONTENDERS, Target
from benchmarks.data import Point, sampled_steps
from benchmarks.http1 import Connection, Reply
from benchmarks.scenarios.outcome import Effort, Outcome
from benchmarks.scenarios.reads import exchange, repeated
from benchmarks.seeding import Seed
from benchmarks.tracking import HISTORY_PAGE, Json, Untrue

SAMPLE = 320


def _points(answer: Json) -> list[Point]:
    metrics = answer.get("metrics", [])
    return [Point(metric["timestamp"], metric["step"], metric["value"]) for metric in metrics]


def paged(target: Target, seed: Seed, effort: Effort) -> Outcome:
    """The whole history in pages of 25,000, as clients ask for it."""
    requests = tracking.requests(target)
    connection = Connection(target.address, timeout_s=effort.scenario_s)
    walls: list[float] = []
    with machine.window(*target.pids) as spent:
        started = time.perf_counter()
        while not walls or (len(walls) < 3 and time.perf_counter() - started < effort.read_s):
            answers: list[Json] = []
            wall_s, token = 0.0, ""
            while token or not answers:
                query = {"run_id": seed.history.run_id, "metric_key": seed.history.key(0)}
                query |= {"max_results": str(HISTORY_PAGE)} | (
                    {"page_token": token} if token else {}
                )
                request = requests.get(f"/metrics/get-history?{urlencode(query)}")
                reply, spent_s = exchange(connection, request)
                answers.append(tracking.decoded(reply, "get-history"))
                wall_s += spent_s
                token = str(answers[-1].get("next_page_token", ""))
            walls.append(wall_s)
    connection.close()
    found = [point for answer in answers for point in _points(answer)]
    tracking.compare(found, expected=[seed.history.point(0, step) for step in range(seed.points)])
    figures = {"wall_s": statistics.median(walls), "cpu_s": spent.server_cpu_s / len(walls)}
    notes = [f"{len(answers)} pages, read {len(walls)} times"]
    if found != sorted(found):
        notes.append("not in the contract's order (time, step)")
    return Outcome(figures, notes, window=spent)


def sampled(target: Target, seed: Seed, effort: Effort) -> Outcome:
    """A sample of 320 points over the whole length (get-history-bulk-interval)."""
    if not CONTENDERS[target.contender].samples_history:
        return Outcome(failure="not offered")
    query = {
        "run_ids": seed.history.run_id,
        "metric_key": seed.history.key(0),
        "max_results": SAMPLE,
    }
    expected = [seed.history.point(0, step) for step in sampled_steps(seed.points, SAMPLE)]

    def check(reply: Reply) -> None:
        found = _points(tracking.decoded(reply, "get-history-bulk-interval"))
        if found != expected:
            right = len(set(found) & set(expected))
            raise Untrue(f"{len(found)} points, of which {right} belong to the contract's sample")

    path = f"/metrics/get-history-bulk-interval?{urlencode(query)}"
    outcome = repeated(target, tracking.requests(target).get(path), effort, check)
    outcome.figures["points"] = float(seed.points)
    return outcome
