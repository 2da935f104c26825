"""What a model server has done, as Prometheus reads it.

Source: Prometheus text exposition format 0.0.4.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from millrace.serving.pool import Pool

CONTENT_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"
_BOUNDS_S: Final = (
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0
)  # fmt: skip


class Metrics:
    """Counts requests by route and status, and how long they took."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter()
        self._buckets: dict[str, list[int]] = {}
        self._sums: Counter[str] = Counter()

    def note(self, route: str, status: int, took_s: float) -> None:
        """Count one answer."""
        self._requests[route, status] += 1
        buckets = self._buckets.get(route)
        if buckets is None:
            buckets = self._buckets[route] = [0] * (len(_BOUNDS_S) + 1)
        buckets[bisect_left(_BOUNDS_S, took_s)] += 1
        self._sums[route] += took_s  # type: ignore[assignment]  # a Counter counts fractions, too

    def text(self, pool: Pool) -> bytes:
        """All of it."""
        ready, busy = pool.count()
        lines = [*self._of_requests(), *self._of_durations()]
        for name, kind, said, value in (
            ("rows_total", "counter", "Rows scored.", pool.scored_rows),
            ("batches_total", "counter", "Times that the model was asked.", pool.batches),
            ("predict_seconds_total", "counter", "Time in the model.", pool.predicting_s),
            ("process_starts_total", "counter", "Model processes started.", pool.starts),
            ("processes_ready", "gauge", "Model processes that could score.", ready),
            ("processes_busy", "gauge", "Model processes that score.", busy),
            ("requests_waiting", "gauge", "Requests that wait for a process.", pool.waiting),
        ):
            lines += [*_head(name, kind, said), f"millrace_serving_{name} {value}"]
        return ("\n".join(lines) + "\n").encode()

    def _of_requests(self) -> Iterator[str]:
        yield from _head("requests_total", "counter", "Answers by route and status.")
        for (route, status), count in sorted(self._requests.items()):
            yield f'millrace_serving_requests_total{{route="{route}",status="{status}"}} {count}'

    def _of_durations(self) -> Iterator[str]:
        name = "request_seconds"
        yield from _head(name, "histogram", "From the whole request to its answer.")
        for route, buckets in sorted(self._buckets.items()):
            total = 0
            for bound, count in zip((*map(str, _BOUNDS_S), "+Inf"), buckets, strict=True):
                total += count
                yield f'millrace_serving_{name}_bucket{{route="{route}",le="{bound}"}} {total}'
            yield f'millrace_serving_{name}_sum{{route="{route}"}} {self._sums[route]}'
            yield f'millrace_serving_{name}_count{{route="{route}"}} {total}'


def _head(name: str, kind: str, said: str) -> Iterator[str]:
    yield f"# HELP millrace_serving_{name} {said}"
    yield f"# TYPE millrace_serving_{name} {kind}"
