"""What a scenario is given and what it returns."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.machine import Window


@dataclass(frozen=True)
class Effort:
    """How much work a run of the harness puts into each scenario."""

    name: str
    write_s: float
    """Seconds of sending in each write scenario."""
    soak_s: float
    read_s: float
    """A read is repeated until this long, at least once and at most `reads` times."""
    reads: int
    runs: int
    points: int
    large_runs: int
    large_points: int
    large_s: float
    """Time for each of the two large seeds; what is there then is what is measured."""
    request_s: float
    """A request without an answer after this long has failed."""
    scenario_s: float
    """A scenario that takes longer is stopped and has no figure."""


FULL = Effort(
    name="full",
    write_s=3.0,
    soak_s=10.0,
    read_s=4.0,
    reads=20,
    runs=10_000,
    points=100_000,
    large_runs=100_000,
    large_points=10_000_000,
    large_s=150.0,
    request_s=60.0,
    scenario_s=120.0,
)
QUICK = Effort(
    name="quick",
    write_s=1.0,
    soak_s=3.0,
    read_s=1.0,
    reads=10,
    runs=1_000,
    points=20_000,
    large_runs=0,
    large_points=0,
    large_s=0.0,
    request_s=60.0,
    scenario_s=60.0,
)


@dataclass
class Outcome:
    """Figures by name (each name ends in its unit), or why there are none."""

    figures: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    failure: str = ""
    window: Window | None = None


def percentile(values: Sequence[float], share: float) -> float:
    """The value that *share* of *values* do not exceed (nearest rank); values must not be empty."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def latencies(values_s: Sequence[float]) -> dict[str, float]:
    """Median and 99th percentile in milliseconds."""
    return {"p50_ms": statistics.median(values_s) * 1e3, "p99_ms": percentile(values_s, 0.99) * 1e3}
