"""Metric points, and what the server keeps of a whole series."""

from __future__ import annotations

from millrace.core.entities.entity import Entity


class Metric(Entity, frozen=True, kw_only=True):
    """One point of a series. `timestamp` in milliseconds; `value` may be NaN or infinite."""

    key: str
    value: float
    timestamp: int
    step: int
    dataset_name: str | None = None
    dataset_digest: str | None = None
    model_id: str | None = None
    run_id: str | None = None


class MetricSummary(Entity, frozen=True, kw_only=True):
    """Aggregates of all points of one key of one run. NaNs count, but aggregate to nothing."""

    key: str
    count: int
    last: float
    last_step: int
    last_timestamp: int
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    min_step: int | None = None
    max_step: int | None = None
