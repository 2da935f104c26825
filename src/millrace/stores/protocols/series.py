"""What is asked of metric series, and how they are answered: columns, not rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from millrace.core.pages import Position


class Points(msgspec.Struct, frozen=True):
    """Points of one series as columns of equal length; times in milliseconds."""

    steps: Sequence[int]
    timestamps: Sequence[int]
    values: Sequence[float]


class MetricWindow(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a history in the order (timestamp, step, value); None for `limit`: everything."""

    limit: int | None = None
    after: Position | None = None


class SeriesWindow(msgspec.Struct, frozen=True, kw_only=True):
    """A window on series for a chart; see `api.series.QuerySeries`."""

    x: Literal["step", "time", "relative", "metric"] = "step"
    x_metric: str | None = None
    start: float | None = None
    end: float | None = None
    buckets: int = 500


class Buckets(msgspec.Struct, frozen=True, kw_only=True):
    """Aggregates of consecutive stretches of one series, as columns of equal length.

    `index` is the place on the shared grid. Aggregates are over finite values; `first` and `last`
    are the values at the least and greatest (step, time) in the bucket whatever they are; `count`
    counts all points. A bucket without finite values has NaN as minimum, maximum and mean.
    """

    index: Sequence[int]
    minimum: Sequence[float]
    maximum: Sequence[float]
    first: Sequence[float]
    last: Sequence[float]
    mean: Sequence[float]
    count: Sequence[int]


class RawSeries(msgspec.Struct, frozen=True, kw_only=True):
    """All points of one series in the window, by x; `x` in the unit of the axis."""

    x: Sequence[float]
    values: Sequence[float]


class SeriesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Series on one grid: bucket i covers [origin + i * width, origin + (i + 1) * width).

    `series` holds (run id, key, buckets or points); pairs without any point are left out.
    """

    origin: float
    width: float
    count: int
    series: Sequence[tuple[str, str, Buckets | RawSeries]]
