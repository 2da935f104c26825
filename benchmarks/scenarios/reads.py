"""Timing of one request repeated, for everything that only reads."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from benchmarks import machine
from benchmarks.contenders import Target
from benchmarks.http1 import Connection, Reply
from benchmarks.lanes import OK
from benchmarks.scenarios.outcome import Effort, Outcome
from benchmarks.tracking import Refused


def exchange(connection: Connection, request: bytes) -> tuple[Reply, float]:
    """Return the reply and the seconds it took; raise `Refused` unless it is 200."""
    started = time.perf_counter()
    reply = connection.exchange(request)
    spent_s = time.perf_counter() - started
    if reply.status != OK:
        raise Refused(f"{reply.status} {reply.body[:300].decode(errors='replace')}")
    return reply, spent_s


def repeated(
    target: Target,
    request: bytes,
    effort: Effort,
    check: Callable[[Reply], None],
    *,
    times: int | None = None,
) -> Outcome:
    """Send *request* over one connection until the effort's time or number is used up.

    The first answer is checked; all later ones must equal it. It is also the warm-up: its time is
    used only when it took so long that there was none after it.
    """
    connection = Connection(target.address, timeout_s=effort.scenario_s)
    with machine.window(*target.pids) as cold:
        first, warm_up_s = exchange(connection, request)
    check(first)
    taken: list[float] = []
    with machine.window(*target.pids) as spent:
        deadline = time.perf_counter() + effort.read_s - warm_up_s
        while len(taken) < (times or effort.reads) and time.perf_counter() < deadline:
            reply, spent_s = exchange(connection, request)
            taken.append(spent_s)
            if reply.body != first.body:
                raise Refused("the same question got two answers")
    connection.close()
    if not taken:
        figures = {"p50_ms": warm_up_s * 1e3, "cpu_ms": cold.server_cpu_s * 1e3}
        return Outcome(figures, ["one cold request only"], window=cold)
    figures = {
        "p50_ms": statistics.median(taken) * 1e3,
        "cpu_ms": spent.server_cpu_s / len(taken) * 1e3,
    }
    return Outcome(figures, [f"{len(taken)} requests"], window=spent)
