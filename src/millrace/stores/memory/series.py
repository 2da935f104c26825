"""Series of points in memory: kept as sets, sorted when somebody asks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

from millrace.core import series
from millrace.core.entities.metric import Metric, MetricSummary
from millrace.core.numbers import NAN_KEY, ZERO_KEY, key_of, value_of
from millrace.stores.protocols import Buckets, MetricWindow, Points, RawSeries, SeriesAnswer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from millrace.core.pages import Position
    from millrace.core.series import Grid, Point
    from millrace.stores.protocols import SeriesWindow

Placed: TypeAlias = "tuple[int | float, Point]"
"""A point with its place on the x axis of a chart."""


def metric_at(key: str, point: Point) -> Metric:
    """A point as clients see it."""
    step, timestamp, value = point
    return Metric(key=key, value=value_of(value), timestamp=timestamp, step=step)


class Series:
    """The points of one metric of one run; each is there once."""

    def __init__(self) -> None:
        self._points: set[Point] = set()
        self._ordered: tuple[Point, ...] | None = None
        self._aggregates: series.Aggregates | None = None

    def add(self, metric: Metric) -> bool:
        """Take in a point; whether it was new."""
        point = (metric.step, metric.timestamp, key_of(metric.value))
        if point in self._points:
            return False
        self._points.add(point)
        self._ordered = self._aggregates = None
        return True

    def extend(self, points: Iterable[Point]) -> int:
        """Take in many points; how many were new."""
        before = len(self._points)
        self._points.update(points)
        self._ordered = self._aggregates = None
        return len(self._points) - before

    @property
    def points(self) -> tuple[Point, ...]:
        """All points in the order of series."""
        if self._ordered is None:
            self._ordered = tuple(sorted(self._points))
        return self._ordered

    @property
    def last(self) -> Point:
        """The latest point."""
        return self.points[-1]

    @property
    def aggregates(self) -> series.Aggregates:
        """Aggregates of all points."""
        if self._aggregates is None:
            self._aggregates = series.aggregates(self.points)
        return self._aggregates

    def latest(self, key: str) -> Metric:
        """The point with the greatest (step, timestamp, value), where NaN loses."""
        return metric_at(key, self.last)

    def summary(self, key: str) -> MetricSummary:
        """The aggregates as the wire has them."""
        known = self.aggregates
        last_step, last_timestamp, last = known.last
        return MetricSummary(
            key=key,
            count=known.count,
            last=value_of(last),
            last_step=last_step,
            last_timestamp=last_timestamp,
            minimum=known.minimum,
            maximum=known.maximum,
            mean=known.mean,
            min_step=known.min_step,
            max_step=known.max_step,
        )

    def history(self, window: MetricWindow) -> tuple[Points, Position | None]:
        """A page by (timestamp, step, value), and where to go on."""
        points = sorted(self.points, key=_by_time)
        if window.after is not None:
            points = [point for point in points if _by_time(point) > window.after]
        page = points if window.limit is None else points[: window.limit]
        more = len(page) < len(points)
        return columns(page), _by_time(page[-1]) if more else None

    def sample(self, start: int | None, end: int | None, limit: int) -> Points:
        """At most *limit* points of a range of steps, evenly chosen."""
        points = [
            point
            for point in self.points
            if (start is None or start <= point[0]) and (end is None or point[0] <= end)
        ]
        return columns([points[place] for place in series.sampled(len(points), limit)])


def columns(points: Sequence[Point]) -> Points:
    """The points as columns."""
    return Points(
        steps=[step for step, _, _ in points],
        timestamps=[timestamp for _, timestamp, _ in points],
        values=[value_of(key) for _, _, key in points],
    )


def _by_time(point: Point) -> tuple[int, int, int, int]:
    """Sorts a history; the last two tell a NaN from the 0 that it stands as."""
    step, timestamp, key = point
    return timestamp, step, ZERO_KEY if key == NAN_KEY else key, int(key == NAN_KEY)


class Charted(Struct, frozen=True):
    """A series that is asked for; `x_series` is where x comes from, if it is a metric."""

    run_id: str
    key: str
    series: Series
    start_time: int
    x_series: Series | None = None


def chart(asked: Sequence[Charted], window: SeriesWindow) -> SeriesAnswer:
    """Put series on one grid, each point by itself."""
    integral = window.x != "metric"
    with_x = [placed(one, window) for one in asked]
    start, end = series.whole(window.start, window.end) if integral else _finite(window)
    everywhere = [x for points in with_x for x, _ in points]
    low = min(everywhere, default=0) if start is None else start
    high = max(everywhere, default=-1) if end is None else end
    inside = [[(x, point) for x, point in points if low <= x <= high] for points in with_x]
    drawn = [(one, points) for one, points in zip(asked, inside, strict=True) if points]
    if not drawn:
        return SeriesAnswer(origin=0.0, width=1.0, count=0, series=())
    grid = series.grid(low, high, window.buckets, integral=integral)
    fits = all(len(points) <= window.buckets for _, points in drawn)
    return SeriesAnswer(
        origin=float(grid.origin),
        width=float(grid.width),
        count=grid.count,
        series=tuple(
            (one.run_id, one.key, _raw(points) if fits else _buckets(points, grid))
            for one, points in drawn
        ),
    )


def _finite(window: SeriesWindow) -> tuple[float | None, float | None]:
    start, end = (
        None if bound is None or math.isinf(bound) else bound
        for bound in (window.start, window.end)
    )
    return start, end


def placed(one: Charted, window: SeriesWindow) -> list[Placed]:
    """The points of a series with their x; those that have none are left out."""
    match window.x:
        case "step":
            return [(point[0], point) for point in one.series.points]
        case "time":
            return [(point[1], point) for point in one.series.points]
        case "relative":
            return [(point[1] - one.start_time, point) for point in one.series.points]
        case "metric":
            return _beside(one.series, one.x_series)


def _beside(shown: Series, x_series: Series | None) -> list[Placed]:
    """Points with the last value that the x metric has at the same step, where that is finite."""
    at_step = {step: value_of(key) for step, _, key in x_series.points} if x_series else {}
    return [
        (x, point)
        for point in shown.points
        if (x := at_step.get(point[0])) is not None and math.isfinite(x)
    ]


def _raw(points: Iterable[Placed]) -> RawSeries:
    ordered = sorted(points)
    return RawSeries(
        x=[float(x) for x, _ in ordered], values=[value_of(key) for _, (_, _, key) in ordered]
    )


def _buckets(points: Iterable[Placed], grid: Grid) -> Buckets:
    gathered = list(series.bucketed(points, grid))
    return Buckets(
        **{name: [getattr(one, name) for one in gathered] for name in Buckets.__struct_fields__}
    )
