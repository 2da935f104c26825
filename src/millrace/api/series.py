"""Metric series for charts: many runs times many keys on one x grid."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from millrace.api.endpoint import MIB, Endpoint, ExperimentOfRun, Id, Reply, Request, reads
from millrace.api.tracking import OfRun
from millrace.core.entities.metric import MetricSummary

XAxis = Literal["step", "time", "relative", "metric"]
AggregateName = Literal["minimum", "maximum", "first", "last", "mean", "count"]


class QuerySeries(Request, frozen=True, kw_only=True):
    """Which series, and the window and resolution wanted.

    `x` is `step`, `time` (ms since the epoch), `relative` (ms since the run's start) or `metric`
    (the value of `x_metric` at the same step). `start` and `end` bound x, both inclusive; absent:
    everything. `buckets` is how many the window is divided into at most (one more, where the first
    begins before the window); a window with no more points than that in every series is answered
    with the points themselves.

    `aggregates` are the columns of buckets that are wanted beside their index; absent: all.

    Over times, points of series with more than 16,384 of them in the window may count in the bucket
    beside their own, by less than its width; over steps, and closer, all is exact. No extreme is
    ever left out.

    The answer has an entity tag, and is 304 without a body to If-None-Match with that tag.

    `format` `binary` (application/vnd.millrace.series) is little-endian: uint32 length of the
    header, the header (JSON) padded with blanks, then the columns of each series one after the
    other, each padded with zeros; the header's end and each column's lie at multiples of 8 bytes.
    The header says `version` 2, `origin`, `width` and `count` of the grid, `precision`, the
    `aggregates` and `series`: `run_id`, `key`, `is_raw` and `length`. Raw series are x and value;
    buckets are index (uint32), the aggregates in the header's order, count as uint32. x is float64,
    values are float32 or, with `precision` `float64`, that.
    """

    run_ids: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=500)]
    keys: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=100)]
    x: XAxis = "step"
    x_metric: Id | None = None
    start: float | None = None
    end: float | None = None
    buckets: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 500
    aggregates: tuple[AggregateName, ...] = ()
    format: Literal["json", "binary"] = "json"
    precision: Literal["float32", "float64"] = "float32"


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


class FindSeriesAt(Request, frozen=True, kw_only=True):
    """The points of many series at one place of the x axis: of each the one whose x is nearest to
    `at`, the later one of two; or `previous`, the last one that is not beyond it. Axes as in
    `querySeries`."""

    run_ids: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=500)]
    keys: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=100)]
    at: float
    x: XAxis = "step"
    x_metric: Id | None = None
    match: Literal["nearest", "previous"] = "nearest"


class PointAt(Reply, frozen=True, kw_only=True):
    """A point of a series; `x` in the unit of the axis."""

    run_id: str
    key: str
    x: float
    value: float | str
    step: int
    timestamp: int


class PointsAt(Reply, frozen=True, kw_only=True):
    """By run and key as asked for; series that have no such point are left out."""

    points: tuple[PointAt, ...] = ()


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
        name="findSeriesAt",
        group="Metrics",
        method="POST",
        path="/millrace/series/at",
        versions=("3.0",),
        request=FindSeriesAt,
        response=PointsAt,
        needs=reads(ExperimentOfRun("run_ids")),
        summary="Get the points of many series at one place of the x axis.",
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
