"""Charts: series of any length on one grid, in a time that hardly depends on their length.

Buckets are put together from the pyramid, exactly: a slot that straddles an edge is opened up. The
quick ways of `stretches` are taken where they give the same, and over times of long series, where
they give nearly the same.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from millrace.core import series as arithmetic
from millrace.core.numbers import INT64_MAX, INT64_MIN, NAN, value_of, values_of
from millrace.stores.protocols import Buckets, RawSeries, SeriesAnswer
from millrace.stores.sql.pyramid import FAN_BITS, LEVELS, OVER_STEPS, Bucket, level_shift
from millrace.stores.sql.series import named_series
from millrace.stores.sql.stretches import Stretches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from millrace.core.series import Grid
    from millrace.stores.protocols import SeriesWindow
    from millrace.stores.sql.engine import Session
    from millrace.stores.sql.series import Named
    from millrace.stores.sql.series_state import SeriesState
    from millrace.stores.sql.statements import Statements

Point = tuple[int, int, int]


class Charts:
    """Puts series on one grid."""

    def __init__(self, session: Session, statements: Statements, window: SeriesWindow) -> None:
        self._session = session
        self._statements = statements
        self._window = window
        self._stretches = Stretches(session, statements, over_steps=window.x == "step")

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
        offset = one.start_ms if self._window.x == "relative" else 0
        quick = self._stretches.buckets(one, grid, low, high, offset)
        if quick is not None:
            return quick
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
        placed = [(one, self.beside(one)) for one in asked]
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

    def beside(self, one: Named) -> list[tuple[float, Point]]:
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
