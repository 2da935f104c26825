"""Reading series: histories, samples, and charts of any length in a time independent of it."""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

import msgspec

from millrace.core import series as arithmetic
from millrace.core.numbers import INT64_MAX, INT64_MIN, NAN, NAN_KEY, ZERO_KEY, value_of, values_of
from millrace.stores.protocols import Buckets, MetricWindow, Points, RawSeries, SeriesAnswer
from millrace.stores.sql.pyramid import (
    FAN_BITS,
    LEVELS,
    OVER_STEPS,
    Bucket,
    level_shift,
)
from millrace.stores.sql.series_state import SeriesState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from millrace.core.pages import Position
    from millrace.core.series import Grid
    from millrace.stores.protocols import SeriesWindow
    from millrace.stores.sql.engine import Session
    from millrace.stores.sql.statements import Statements

Point = tuple[int, int, int]

# Up to so many rows a plain range scan is quicker than anything clever.
_SCAN = 8_192
# How many pyramid rows a grid bucket may be made of before a coarser level is taken.
_ROWS_A_BUCKET = 1 << FAN_BITS


class Named(msgspec.Struct, frozen=True):
    """A series that was asked for by run and key."""

    run_id: str
    key: str
    state: SeriesState
    start_ms: int


def named_series(session: Session, statements: Statements, run_id: str, key: str) -> Named | None:
    """The series of a run under a key, or None."""
    row = session.row(statements.named_series, (key, run_id))
    return None if row is None else Named(run_id, key, SeriesState.of_row(row), row[-1])


def columns(points: Sequence[Point]) -> Points:
    """The points as columns, with doubles."""
    if not points:
        return Points((), (), ())
    steps, times, keys = zip(*points, strict=True)
    return Points(steps, times, values_of(keys))


# --- histories ---------------------------------------------------------------------------------


class Histories:
    """Reads points through prepared statements in one snapshot."""

    def __init__(self, session: Session, statements: Statements) -> None:
        self._session = session
        self._statements = statements

    def page(self, state: SeriesState, window: MetricWindow) -> tuple[Points, Position | None]:
        """A page by (timestamp, step, value), NaN sorting as 0."""
        limit = INT64_MAX if window.limit is None else window.limit + 1
        if not state.in_time_order:
            points = self._by_time(state, window.after, limit)
        elif state.nan_count:
            points = self._with_nans(state, window.after, limit)
        else:
            points = self._in_order(state, window.after, limit)
        page = points if window.limit is None else points[: window.limit]
        more = len(page) < len(points)
        return columns(page), _by_time(page[-1]) if more else None

    def _in_order(self, state: SeriesState, after: Position | None, limit: int) -> list[Point]:
        if after is None:
            everything = (state.id, INT64_MIN, INT64_MAX, limit)
            return self._session.rows(self._statements.points_limited, everything)
        ms, step, value, _ = after
        return self._session.rows(
            self._statements.points_after_limited, (state.id, step, ms, value, limit)
        )

    def _by_time(self, state: SeriesState, after: Position | None, limit: int) -> list[Point]:
        """Steps and times disagree: the database sorts."""
        if after is None:
            return self._session.rows(self._statements.points_by_time, (state.id, limit))
        return self._session.rows(self._statements.points_by_time_after, (state.id, *after, limit))

    def _with_nans(self, state: SeriesState, after: Position | None, limit: int) -> list[Point]:
        """In order but for NaNs among points of the same step and time, which are few."""
        ms, step = (after[0], after[1]) if after else (INT64_MIN, INT64_MIN)
        asked = limit
        while True:
            rows = self._session.rows(self._statements.points_from, (state.id, step, ms, asked))
            # The last step and time may be cut short: leave it out unless the rows end there.
            whole = len(rows) if len(rows) < asked else _without_last_moment(rows)
            points = sorted(rows[:whole], key=_by_time)
            if after is not None:
                points = [point for point in points if _by_time(point) > after]
            if len(rows) < asked or len(points) >= limit:
                return points[:limit]
            asked *= 2

    # --- samples -------------------------------------------------------------------------------

    def sample(
        self, state: SeriesState, start: int | None, end: int | None, limit: int
    ) -> list[Point]:
        """At most *limit* points of a range of steps, evenly chosen (`core.series.sampled`)."""
        low = state.first[0] if start is None else max(start, state.first[0])
        high = state.last[0] if end is None else min(end, state.last[0])
        if low > high:
            return []
        if limit == 1:
            return self._last(state, low, high)
        if state.stride >= 0:
            return self._at_ranks_of_regular(state, low, high, limit)
        if state.count <= _SCAN:
            return self._sampled_by_scan(state, low, high, limit)
        return self._sampled_by_counts(state, low, high, limit)

    def _last(self, state: SeriesState, low: int, high: int) -> list[Point]:
        return self._session.rows(self._statements.last_point, (state.id, low, high))

    def _at_ranks_of_regular(
        self, state: SeriesState, low: int, high: int, limit: int
    ) -> list[Point]:
        """One point every `stride` steps: a rank is a step, and each point one seek."""
        stride, first = max(1, state.stride), state.first[0]
        begin = -((first - low) // stride)
        count = (high - first) // stride - begin + 1
        if count <= 0:
            return []
        if count <= limit:
            return self._session.rows(self._statements.points, (state.id, low, high))
        points: list[Point] = []
        for rank in arithmetic.sampled(count, limit):
            step = first + (begin + rank) * stride
            points += self._session.rows(self._statements.first_point_at, (state.id, step))
        return points

    def _sampled_by_scan(self, state: SeriesState, low: int, high: int, limit: int) -> list[Point]:
        rows = self._session.rows(self._statements.points, (state.id, low, high))
        return [rows[rank] for rank in arithmetic.sampled(len(rows), limit)]

    def _sampled_by_counts(
        self, state: SeriesState, low: int, high: int, limit: int
    ) -> list[Point]:
        """Irregular and long: the pyramid's counts lead near each rank, a short walk to it."""
        if state.axis != OVER_STEPS:
            return self._sampled_by_scan(state, low, high, limit)
        level = next(
            (one for one in range(LEVELS) if (high - low) >> level_shift(state.shift, one) < _SCAN),
            LEVELS - 1,
        )
        shift = level_shift(state.shift, level)
        spans = self._spans(state, low, high, level, shift)
        ends = list(accumulate(count for _, _, count in spans))
        if not ends:
            return []
        points: list[Point] = []
        for rank in arithmetic.sampled(ends[-1], limit):
            place = bisect_right(ends, rank)
            span_low, span_high, count = spans[place]
            offset = rank - (ends[place] - count)
            points += self._session.rows(
                self._statements.nth_point, (state.id, span_low, span_high, offset)
            )
        return points

    def _spans(
        self, state: SeriesState, low: int, high: int, level: int, shift: int
    ) -> list[tuple[int, int, int]]:
        """Ranges of steps with their number of points, together all of [low, high]."""
        spans: list[tuple[int, int, int]] = []
        last_folded = state.folded_last[0]
        rows = self._session.rows(
            self._statements.bucket_counts, (state.id, level, low >> shift, high >> shift)
        )
        for slot, count in rows:
            begin, end = slot << shift, ((slot + 1) << shift) - 1
            if begin < low or end > high or end >= last_folded:
                begin, end = max(begin, low), min(end, high)
                count = self._count(state, begin, end)  # noqa: PLW2901 - the slot is cut
            spans.append((begin, end, count))
        beyond = max(low, spans[-1][1] + 1 if spans else low)
        if beyond <= high:
            spans.append((beyond, high, self._count(state, beyond, high)))
        return [span for span in spans if span[2]]

    def _count(self, state: SeriesState, low: int, high: int) -> int:
        row = self._session.row(self._statements.count_points, (state.id, low, high))
        return row[0] if row else 0


def _without_last_moment(rows: Sequence[Point]) -> int:
    """How many rows there are before the step and time of the last one begins."""
    step, ms, _ = rows[-1]
    count = len(rows)
    while count and rows[count - 1][0] == step and rows[count - 1][1] == ms:
        count -= 1
    return count


def _by_time(point: Point) -> tuple[int, int, int, int]:
    """Sorts a history; the last two tell a NaN from the 0 that it stands as."""
    step, ms, key = point
    return ms, step, ZERO_KEY if key == NAN_KEY else key, int(key == NAN_KEY)


# --- charts ------------------------------------------------------------------------------------


class Charts:
    """Puts series on one grid."""

    def __init__(self, session: Session, statements: Statements, window: SeriesWindow) -> None:
        self._session = session
        self._statements = statements
        self._window = window

    def draw(self, asked: Sequence[Named]) -> SeriesAnswer:
        """All series on one grid; see `TrackingStore.series`."""
        if self._window.x == "metric":
            return self._against_metric(asked)
        start, end = arithmetic.whole(self._window.start, self._window.end)
        bounds = [self._bounds(one) for one in asked]
        low = min((low for low, _ in bounds), default=0) if start is None else start
        high = max((high for _, high in bounds), default=-1) if end is None else end
        drawn = [
            one
            for one, (first, last) in zip(asked, bounds, strict=True)
            if first <= high and last >= low
        ]
        if not drawn or low > high:
            return _NOTHING
        raw = self._raw_if_few(drawn, low, high)
        grid = arithmetic.grid(low, high, self._window.buckets, integral=True)
        if raw is not None:
            held = [(one, points) for one, points in raw if points]
            return _answer(grid, [(one, self._as_raw(one, points)) for one, points in held])
        made = [(one, self._buckets(one, grid, int(low), int(high))) for one in drawn]
        return _answer(grid, [(one, buckets) for one, buckets in made if buckets.index])

    # --- which points ---------------------------------------------------------------------------

    def _bounds(self, one: Named) -> tuple[int, int]:
        """Least and greatest x of a series."""
        state = one.state
        match self._window.x:
            case "step":
                return state.first[0], state.last[0]
            case "relative":
                return state.low_ms - one.start_ms, state.high_ms - one.start_ms
        return state.low_ms, state.high_ms

    def _x_of(self, one: Named, point: Point) -> int:
        match self._window.x:
            case "step":
                return point[0]
            case "relative":
                return point[1] - one.start_ms
        return point[1]

    def _raw_if_few(
        self, drawn: Sequence[Named], low: float, high: float
    ) -> list[tuple[Named, list[Point]]] | None:
        """The points themselves, when no series has more of them in the window than buckets."""
        found = []
        for one in drawn:
            points = self._points(one, low, high, self._window.buckets + 1)
            if points is None or len(points) > self._window.buckets:
                return None
            found.append((one, points))
        return found

    def _points(self, one: Named, low: float, high: float, limit: int) -> list[Point] | None:
        """Points with low <= x <= high; None when there are surely *limit* or more."""
        state = one.state
        first, last = self._bounds(one)
        if first >= low and last <= high and state.count >= limit:
            return None
        if self._window.x == "step":
            bounds = (state.id, _near(low), _near(high), limit)
            return self._session.rows(self._statements.points_limited, bounds)
        if not state.folded:
            everything = (state.id, INT64_MIN, INT64_MAX)
            rows = self._session.rows(self._statements.points, everything)
            return [point for point in rows if low <= self._x_of(one, point) <= high]
        place = 0 if state.axis == OVER_STEPS else 1
        begin, end = self._slots_range(one, place, low, high)
        level = LEVELS - 1
        shift = level_shift(state.shift, level)
        found = self._gather(one, level, begin >> shift, end >> shift, (low, high), limit)
        if found is None:
            return None
        tail = self._session.rows(self._statements.points_after, (state.id, *state.folded_last))
        return found + [point for point in tail if low <= self._x_of(one, point) <= high]

    def _gather(  # noqa: PLR0913, PLR0917 - a stretch of the pyramid and the window it is cut to
        self, one: Named, level: int, begin: int, end: int, window: tuple[float, float], limit: int
    ) -> list[Point] | None:
        """Points of slots *begin* to *end* that lie in the window; None: *limit* or more."""
        low, high = window
        found: list[Point] = []
        rows = self._session.rows(self._statements.buckets, (one.state.id, level, begin, end))
        for row in rows:
            bucket = Bucket.of_row(row)
            first, last = self._extent(one, bucket)
            if last < low or first > high:
                continue
            if first >= low and last <= high and len(found) + bucket.count >= limit:
                return None
            if level:
                inner = row[2] << FAN_BITS
                top = inner + (1 << FAN_BITS) - 1
                deeper = self._gather(one, level - 1, inner, top, window, limit - len(found))
                if deeper is None:
                    return None
                found += deeper
            else:
                points = self._slot_points(one.state, row[2], bucket)
                found += [point for point in points if low <= self._x_of(one, point) <= high]
            if len(found) >= limit:
                return None
        return found

    def _as_raw(self, one: Named, points: list[Point]) -> RawSeries:
        placed = sorted((self._x_of(one, point), point) for point in points)
        return RawSeries(
            x=[float(x) for x, _ in placed],
            values=values_of([point[2] for _, point in placed]),
        )

    # --- buckets --------------------------------------------------------------------------------

    def _buckets(self, one: Named, grid: Grid, low: int, high: int) -> Buckets:
        gathered: dict[int, Bucket] = {}
        for index, bucket in self._pieces(one, grid, low, high):
            held = gathered.get(index)
            if held is None:
                gathered[index] = bucket
            else:
                held.merge(bucket)
        order = sorted(gathered)
        buckets = [gathered[index] for index in order]
        return Buckets(
            index=order,
            minimum=[value_of(b.minimum) if b.finite else NAN for b in buckets],
            maximum=[value_of(b.maximum) if b.finite else NAN for b in buckets],
            first=[value_of(b.first[2]) for b in buckets],
            last=[value_of(b.last[2]) for b in buckets],
            mean=[b.total / b.finite if b.finite else NAN for b in buckets],
            count=[b.count for b in buckets],
        )

    def _pieces(self, one: Named, grid: Grid, low: int, high: int) -> Iterator[tuple[int, Bucket]]:
        """Aggregates, each wholly in one bucket of the grid; together all points in the window."""
        state = one.state
        if not state.folded:
            points = self._session.rows(self._statements.points, (state.id, INT64_MIN, INT64_MAX))
            yield from self._pieces_of_points(one, points, grid, low, high)
            return
        place = 0 if state.axis == OVER_STEPS else 1
        begin, end = self._slots_range(one, place, low, high)
        level = self._level(state, grid, begin, end)
        shift = level_shift(state.shift, level)
        yield from self._cover(one, level, begin >> shift, end >> shift, grid, low, high)
        tail = self._session.rows(self._statements.points_after, (state.id, *state.folded_last))
        yield from self._pieces_of_points(one, tail, grid, low, high)

    def _slots_range(self, one: Named, place: int, low: float, high: float) -> tuple[int, int]:
        """The window on the axis of the pyramid; all of it where the axes differ."""
        state = one.state
        of_axis = (state.first[0], state.last[0]) if place == 0 else (state.low_ms, state.high_ms)
        if (self._window.x == "step") != (place == 0):
            return of_axis
        offset = one.start_ms if self._window.x == "relative" else 0
        return _near(max(low + offset, of_axis[0])), _near(min(high + offset, of_axis[1]))

    def _level(self, state: SeriesState, grid: Grid, begin: int, end: int) -> int:
        """The coarsest level whose slots are no wider than a bucket of the grid."""
        wanted = max(1, (end - begin + 1) // max(1, grid.count))
        if (self._window.x == "step") == (state.axis == OVER_STEPS):
            wanted = min(wanted, int(grid.width))
        fitting = [one for one in range(LEVELS) if 1 << level_shift(state.shift, one) <= wanted]
        return fitting[-1] if fitting else 0

    def _cover(  # noqa: PLR0913, PLR0917 - a stretch of the pyramid and the window it is cut to
        self, one: Named, level: int, begin: int, end: int, grid: Grid, low: int, high: int
    ) -> Iterator[tuple[int, Bucket]]:
        """Slots *begin* to *end* of *level*; one that straddles an edge is opened up."""
        state = one.state
        rows = self._session.rows(self._statements.buckets, (state.id, level, begin, end))
        for row in rows:
            bucket = Bucket.of_row(row)
            first, last = self._extent(one, bucket)
            if last < low or first > high:
                continue
            if first >= low and last <= high and grid.index(first) == grid.index(last):
                yield grid.index(first), bucket
            elif level:
                inner = row[2] << FAN_BITS
                top = inner + (1 << FAN_BITS) - 1
                yield from self._cover(one, level - 1, inner, top, grid, low, high)
            else:
                points = self._slot_points(state, row[2], bucket)
                yield from self._pieces_of_points(one, points, grid, low, high)

    def _extent(self, one: Named, bucket: Bucket) -> tuple[int, int]:
        """Least and greatest x in a bucket."""
        match self._window.x:
            case "step":
                return bucket.first[0], bucket.last[0]
            case "relative":
                return bucket.low_ms - one.start_ms, bucket.high_ms - one.start_ms
        return bucket.low_ms, bucket.high_ms

    def _slot_points(self, state: SeriesState, slot: int, bucket: Bucket) -> list[Point]:
        """The points that a slot of the finest level is made of."""
        bounds = (state.id, *bucket.first, *bucket.last)
        rows = self._session.rows(self._statements.points_between, bounds)
        place = 0 if state.axis == OVER_STEPS else 1
        last = tuple(state.folded_last)
        return [row for row in rows if row[place] >> state.shift == slot and row <= last]

    def _pieces_of_points(
        self, one: Named, points: Sequence[Point], grid: Grid, low: int, high: int
    ) -> Iterator[tuple[int, Bucket]]:
        groups: dict[int, list[Point]] = {}
        for point in points:
            x = self._x_of(one, point)
            if low <= x <= high:
                groups.setdefault(grid.index(x), []).append(point)
        for index, group in groups.items():
            yield index, Bucket.of_points(group)

    # --- against another metric -----------------------------------------------------------------

    def _against_metric(self, asked: Sequence[Named]) -> SeriesAnswer:
        """Every point takes its x from another series: as long as they are, and no pyramid."""
        window = self._window
        placed = [(one, self._beside(one)) for one in asked]
        everywhere = [x for _, points in placed for x, _ in points]
        start, end = (
            None if bound is None or math.isinf(bound) else bound
            for bound in (window.start, window.end)
        )
        low = min(everywhere, default=0.0) if start is None else start
        high = max(everywhere, default=-1.0) if end is None else end
        inside = [(one, [p for p in points if low <= p[0] <= high]) for one, points in placed]
        inside = [(one, points) for one, points in inside if points]
        if not inside:
            return _NOTHING
        grid = arithmetic.grid(low, high, window.buckets, integral=False)
        if all(len(points) <= window.buckets for _, points in inside):
            return _answer(grid, [(one, _sorted_raw(points)) for one, points in inside])
        return _answer(grid, [(one, _bucketed(points, grid)) for one, points in inside])

    def _beside(self, one: Named) -> list[tuple[float, Point]]:
        """Points with the last value that the x metric has at the same step, where finite."""
        name = self._window.x_metric or ""
        other = named_series(self._session, self._statements, one.run_id, name)
        if other is None:
            return []
        everything = (INT64_MIN, INT64_MAX)
        rows = self._session.rows(self._statements.points, (other.state.id, *everything))
        at_step = {step: value_of(key) for step, _, key in rows}
        points = self._session.rows(self._statements.points, (one.state.id, *everything))
        return [
            (x, point)
            for point in points
            if (x := at_step.get(point[0])) is not None and math.isfinite(x)
        ]


_NOTHING = SeriesAnswer(origin=0.0, width=1.0, count=0, series=())


def _answer(grid: Grid, series: Sequence[tuple[Named, Buckets | RawSeries]]) -> SeriesAnswer:
    if not series:
        return _NOTHING
    return SeriesAnswer(
        origin=float(grid.origin),
        width=float(grid.width),
        count=grid.count,
        series=tuple((one.run_id, one.key, drawn) for one, drawn in series),
    )


def _sorted_raw(points: list[tuple[float, Point]]) -> RawSeries:
    placed = sorted(points)
    return RawSeries(
        x=[float(x) for x, _ in placed], values=values_of([point[2] for _, point in placed])
    )


def _bucketed(points: list[tuple[float, Point]], grid: Grid) -> Buckets:
    gathered = list(arithmetic.bucketed(points, grid))
    return Buckets(
        **{name: [getattr(one, name) for one in gathered] for name in Buckets.__struct_fields__}
    )


def _near(bound: float) -> int:
    """A bound that a database takes."""
    return int(max(INT64_MIN, min(INT64_MAX, bound)))
