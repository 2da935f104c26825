"""Metric histories, samples and chart series."""

from __future__ import annotations

import hashlib
import math
import struct
from array import array
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import msgspec

from millrace.api.endpoint import Bytes
from millrace.api.series import (
    PointAt,
    PointsAt,
    SeriesColumns,
    SeriesGrid,
    SeriesReply,
    SummariesReply,
)
from millrace.api.tracking import MetricsList, MetricsReply
from millrace.core.entities.metric import Metric
from millrace.core.errors import InvalidArgument
from millrace.core.numbers import INT64_MAX, value_of
from millrace.core.rules import limits, searching
from millrace.core.wire import encode, number
from millrace.stores.protocols import MetricWindow, RawSeries, SeriesWindow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from millrace.api.series import AggregateName, FindSeriesAt, QuerySeries, RunOfSummaries
    from millrace.api.tracking import GetHistory, GetHistoryBulk, GetHistoryInterval
    from millrace.core.pages import Tokens
    from millrace.services.context import Context
    from millrace.stores.protocols import Buckets, Points, SeriesAnswer, TrackingStore

BINARY_TYPE = "application/vnd.millrace.series"
_AGGREGATES: Final[tuple[AggregateName, ...]] = (
    "minimum",
    "maximum",
    "first",
    "last",
    "mean",
    "count",
)


class Metrics:
    """Reads what was logged over time."""

    def __init__(self, store: TrackingStore, tokens: Tokens) -> None:
        self._store = store
        self._tokens = tokens

    def history(self, _ctx: Context, request: GetHistory) -> MetricsReply:
        """A page of a history; without max_results all of it."""
        limit = request.max_results
        if limit is not None:
            limit = searching.limit(limit, default=limits.INT32, most=limits.INT32)
        bound = ["history", request.run, request.metric_key]
        window = MetricWindow(limit=limit, after=self._tokens.read(request.page_token, bound))
        points, after = self._store.metric_history(request.run, request.metric_key, window)
        return MetricsReply(
            metrics=tuple(_metrics(request.metric_key, points, None)),
            next_page_token=self._tokens.write(after, bound),
        )

    def history_bulk(self, _ctx: Context, request: GetHistoryBulk) -> MetricsList:
        """Histories of many runs one after the other, by run id, up to a total."""
        run_ids = _runs(request.run_id, "run_id")
        most = limits.HISTORY_BULK_POINTS
        left = min(searching.limit(request.max_results, default=most, most=INT64_MAX), most)
        metrics: list[Metric] = []
        for run_id in sorted(set(run_ids)):
            if left <= 0:
                break
            points, _ = self._store.metric_history(
                run_id, request.metric_key, MetricWindow(limit=left)
            )
            metrics += _metrics(request.metric_key, points, run_id)
            left -= len(points.steps)
        return MetricsList(metrics=tuple(metrics))

    def history_interval(self, _ctx: Context, request: GetHistoryInterval) -> MetricsReply:
        """Evenly sampled points of many runs, by step."""
        run_ids = _runs(request.run_ids, "run_ids")
        start, end = request.start_step, request.end_step
        if (start is None) != (end is None):
            raise InvalidArgument(
                "Parameters 'start_step' and 'end_step' must both be given, or neither."
            )
        if start is not None and end is not None and start > end:
            raise InvalidArgument(
                f"'end_step' ({end}) must not be less than 'start_step' ({start})."
            )
        limit = searching.limit(
            request.max_results,
            default=limits.HISTORY_SAMPLE_POINTS,
            most=limits.HISTORY_SAMPLE_POINTS,
        )
        metrics: list[Metric] = []
        for run_id in run_ids:
            points = self._store.metric_sample(
                run_id, request.metric_key, start=start, end=end, limit=limit
            )
            metrics += _metrics(request.metric_key, points, run_id)
        return MetricsReply(metrics=tuple(metrics))

    def summaries(self, _ctx: Context, request: RunOfSummaries) -> SummariesReply:
        """What is known of every series of a run."""
        return SummariesReply(summaries=tuple(self._store.metric_summaries(request.run)))

    def series(self, _ctx: Context, request: QuerySeries) -> SeriesReply | Bytes:
        """Series of many runs and keys on one grid."""
        _check_axis(request.x, request.x_metric)
        for name, bound in (("start", request.start), ("end", request.end)):
            if bound is not None and math.isnan(bound):
                raise InvalidArgument(f"Parameter {name!r} must be a number, not NaN.")
        if request.start is not None and request.end is not None and request.start > request.end:
            raise InvalidArgument(
                f"'end' ({request.end}) must not be less than 'start' ({request.start})."
            )
        window = SeriesWindow(
            x=request.x,
            x_metric=request.x_metric,
            start=request.start,
            end=request.end,
            buckets=request.buckets,
        )
        answer = self._store.series(request.run_ids, request.keys, window)
        wanted = tuple(dict.fromkeys(request.aggregates)) or _AGGREGATES
        if request.format == "binary":
            body = binary(answer, wanted, request.precision)
            return Bytes(body=body, content_type=BINARY_TYPE)
        return SeriesReply(
            grid=SeriesGrid(origin=answer.origin, width=answer.width, count=answer.count)
            if answer.series
            else None,
            series=tuple(_columns(*one, wanted) for one in answer.series),
        )

    def mark(self, _ctx: Context, request: QuerySeries) -> str:
        """What changes when the series do, or when others are asked for."""
        keys = request.keys if request.x_metric is None else (*request.keys, request.x_metric)
        state = self._store.series_mark(request.run_ids, keys)
        return hashlib.sha256(encode(request) + state.encode()).hexdigest()[:32]

    def at(self, _ctx: Context, request: FindSeriesAt) -> PointsAt:
        """The points of many series at one place of the x axis."""
        _check_axis(request.x, request.x_metric)
        if not math.isfinite(request.at):
            raise InvalidArgument(f"Parameter 'at' must be a place, not {number(request.at)}.")
        window = SeriesWindow(x=request.x, x_metric=request.x_metric)
        found = self._store.points_at(
            request.run_ids,
            request.keys,
            window,
            request.at,
            previous=request.match == "previous",
        )
        return PointsAt(
            points=tuple(
                PointAt(
                    run_id=run_id,
                    key=key,
                    x=x,
                    value=number(value_of(value)),
                    step=step,
                    timestamp=timestamp,
                )
                for run_id, key, x, (step, timestamp, value) in found
            )
        )


def _check_axis(x: str, x_metric: str | None) -> None:
    if (x == "metric") != (x_metric is not None):
        raise InvalidArgument(
            "Parameter 'x_metric' names the metric on the x axis: give it with x='metric', "
            "and only then."
        )


def _runs(run_ids: Sequence[str], label: str) -> Sequence[str]:
    if not run_ids:
        raise InvalidArgument(f"Missing value for required parameter '{label}'.")
    if len(run_ids) > limits.HISTORY_RUNS:
        raise InvalidArgument(
            f"Parameter '{label}' takes at most {limits.HISTORY_RUNS} runs; "
            f"{len(run_ids)} were given."
        )
    return run_ids


def _metrics(key: str, points: Points, run_id: str | None) -> Iterator[Metric]:
    for step, timestamp, value in zip(points.steps, points.timestamps, points.values, strict=True):
        # Only finite numbers have no difference from themselves; the others travel as words.
        shown = value if value - value == 0 else cast("float", number(value))
        yield Metric(key=key, value=shown, timestamp=timestamp, step=step, run_id=run_id)


def _columns(
    run_id: str, key: str, drawn: Buckets | RawSeries, wanted: Sequence[AggregateName]
) -> SeriesColumns:
    if isinstance(drawn, RawSeries):
        return SeriesColumns(
            run_id=run_id, key=key, is_raw=True, x=tuple(drawn.x), last=_words(drawn.values)
        )
    columns: dict[str, Any] = {
        name: _words(getattr(drawn, name)) for name in wanted if name != "count"
    }
    if "count" in wanted:
        columns["count"] = tuple(drawn.count)
    return SeriesColumns(run_id=run_id, key=key, is_raw=False, bucket=tuple(drawn.index), **columns)


def _words(values: Iterable[float]) -> tuple[float | str, ...]:
    return tuple(number(value) for value in values)


def binary(
    answer: SeriesAnswer, wanted: Sequence[AggregateName], precision: Literal["float32", "float64"]
) -> bytes:
    """The answer as bytes; the layout is described at `api.series.QuerySeries`."""
    floats = _floats if precision == "float32" else _doubles
    series: list[dict[str, Any]] = []
    columns: list[bytes] = []
    for run_id, key, drawn in answer.series:
        is_raw = isinstance(drawn, RawSeries)
        if isinstance(drawn, RawSeries):
            length = len(drawn.x)
            columns += [_doubles(drawn.x), floats(drawn.values)]
        else:
            length = len(drawn.index)
            columns.append(array("I", drawn.index).tobytes())
            for name in wanted:
                if name == "count":
                    sizes = drawn.count
                    columns.append(array("I", [min(one, _MOST) for one in sizes]).tobytes())
                else:
                    columns.append(floats(getattr(drawn, name)))
        series.append({"run_id": run_id, "key": key, "is_raw": is_raw, "length": length})
    header = msgspec.json.encode(
        {
            "version": 2,
            "origin": answer.origin,
            "width": answer.width,
            "count": answer.count,
            "precision": precision,
            "aggregates": wanted,
            "series": series,
        }
    )
    header += b" " * (-(len(header) + 4) % 8)
    return b"".join([struct.pack("<I", len(header)), header, *map(_padded, columns)])


_MOST = 2**32 - 1
_LARGEST = 3.4028234663852886e38


def _doubles(values: Iterable[float]) -> bytes:
    return array("d", values).tobytes()


def _floats(values: Sequence[float]) -> bytes:
    """As float32; what is finite and too large for it becomes the largest, not infinite."""
    made = array("f", values)
    if math.inf in made or -math.inf in made:
        kept = [one if one - one != 0 else max(-_LARGEST, min(_LARGEST, one)) for one in values]
        made = array("f", kept)
    return made.tobytes()


def _padded(column: bytes) -> bytes:
    return column + b"\0" * (-len(column) % 8)
