"""Metric series for charts: many runs times many keys on one x grid."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from millrace.api.endpoint import MIB, Endpoint, ExperimentOfRun, Id, Reply, Request, reads
from millrace.api.tracking import OfRun
from millrace.core.entities.metric import MetricSummary

XAxis = Literal["step", "time", "relative", "metric"]


class QuerySeries(Request, frozen=True, kw_only=True):
    """Which series, and the window and resolution wanted.

    `x` is `step`, `time` (ms since the epoch), `relative` (ms since the run's start) or `metric`
    (the value of `x_metric` at the same step). `start` and `end` bound x, both inclusive; absent:
    everything. `buckets` is how many the window is divided into at most (one more, where the first
    begins before the window); a window with no more points than that in every series is answered
    with the points themselves.
    """

    run_ids: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=500)]
    keys: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=100)]
    x: XAxis = "step"
    x_metric: Id | None = None
    start: float | None = None
    end: float | None = None
    buckets: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 500
    format: Literal["json", "binary"] = "json"


class SeriesGrid(Reply, frozen=True, kw_only=True):
    """Bucket i covers x from `origin + i * width` up to, not including, the next."""

    origin: float
    width: float
    count: int


class SeriesColumns(Reply, frozen=True, kw_only=True):
    """One series as columns of equal length.

    Buckets: `bucket` is the index on the grid; `first` and `last` are values at the least and
    greatest x in it; `minimum`, `maximum` and `mean` are over its finite values; `count` counts
    NaNs too. Points (`is_raw`): `x` and `last` only. NaN and infinities are strings in JSON.
    """

    run_id: str
    key: str
    is_raw: bool
    x: tuple[float | str, ...] = ()
    bucket: tuple[int, ...] = ()
    minimum: tuple[float | str, ...] = ()
    maximum: tuple[float | str, ...] = ()
    first: tuple[float | str, ...] = ()
    last: tuple[float | str, ...] = ()
    mean: tuple[float | str, ...] = ()
    count: tuple[int, ...] = ()


class SeriesReply(Reply, frozen=True, kw_only=True):
    grid: SeriesGrid | None = None
    series: tuple[SeriesColumns, ...] = ()


class RunOfSummaries(OfRun, frozen=True, kw_only=True):
    pass


class SummariesReply(Reply, frozen=True, kw_only=True):
    """What the server keeps of every series of a run, by key."""

    summaries: tuple[MetricSummary, ...] = ()


ROWS: tuple[Endpoint, ...] = (  # type: ignore[type-arg]  # rows of many types, told apart by name
    Endpoint(
        name="querySeries",
        group="Metrics",
        method="POST",
        path="/millrace/series/query",
        versions=("3.0",),
        request=QuerySeries,
        response=SeriesReply,
        needs=reads(ExperimentOfRun("run_ids")),
        body_limit=MIB,
        summary="Get bucketed series of many runs and keys on one x grid; no extreme is lost.",
    ),
    Endpoint(
        name="getMetricSummaries",
        group="Metrics",
        method="GET",
        path="/millrace/metrics/summaries",
        versions=("3.0",),
        request=RunOfSummaries,
        response=SummariesReply,
        needs=reads(ExperimentOfRun("run_id")),
        summary="Get last, minimum, maximum, mean and count of every metric of a run.",
    ),
)
