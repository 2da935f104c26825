"""Buckets of a chart, by columns: slots of the pyramid and points, many at a time.

Over steps this gives exactly what the points give: the grid and the slots are cut at powers of two.
Over times it does, too, up to `_EXACT` points in the window, or where a slot is wider than a
bucket. Beyond that a slot, some 64 neighbouring points, counts where its first point is: so no
extreme is lost, and none is further from its place than a bucket is wide. Only series whose times
are in order of their steps are drawn here.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final, NamedTuple

from millrace.core.numbers import INT64_MAX, INT64_MIN, NAN, NAN_KEY, values_of
from millrace.stores.protocols import Buckets
from millrace.stores.sql.pyramid import (
    FAN_BITS,
    LEVELS,
    NEGATIVE_INFINITY,
    OVER_STEPS,
    POSITIVE_INFINITY,
    level_shift,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from millrace.core.series import Grid
    from millrace.stores.sql.engine import Session
    from millrace.stores.sql.series import Named
    from millrace.stores.sql.series_state import SeriesState
    from millrace.stores.sql.statements import Statements

_EXACT: Final = 16_384

Point = tuple[int, int, int]


class _Part(NamedTuple):
    """Aggregates of neighbouring points that lie in one bucket; extremes, first and last are
    sortable integers."""

    bucket: int
    size: int
    finite: int
    minimum: int
    maximum: int
    total: float
    first: int
    last: int

    def and_then(self, later: _Part) -> _Part:
        """Both, where *later* begins after we end."""
        return _Part(
            self.bucket,
            self.size + later.size,
            self.finite + later.finite,
            min(self.minimum, later.minimum),
            max(self.maximum, later.maximum),
            self.total + later.total,
            self.first,
            later.last,
        )


class Stretches:
    """Draws series over steps, times, or times since the run's start."""

    def __init__(self, session: Session, statements: Statements, *, over_steps: bool) -> None:
        self._session = session
        self._statements = statements
        self._over_steps = over_steps

    def buckets(self, one: Named, grid: Grid, low: int, high: int, offset: int) -> Buckets | None:
        """The buckets of a window, x being steps or times since *offset*; None for series that are
        not drawn here."""
        state = one.state
        if state.axis not in {0, OVER_STEPS} or not (self._over_steps or state.in_time_order):
            return None
        drawn = _Drawn(self, one, grid, (low, high), offset)
        return _columns(drawn.parts())

    @property
    def over_steps(self) -> bool:
        """Whether x is the step."""
        return self._over_steps

    def slots(self, series: int, level: int, first: int, last: int) -> list[tuple[int, ...]]:
        """Rows of the pyramid: slot, count, finite, extremes, total, first and last value, least
        and greatest time."""
        bounds = (series, level, _near(first), _near(last))
        return self._session.rows(self._statements.slots, bounds)

    def points(self, series: int, first: int, last: int) -> list[Point]:
        """Points of a range of steps."""
        return self._session.rows(self._statements.points, (series, _near(first), _near(last)))

    def points_about(self, state: SeriesState, at_ms: int, *, is_first: bool) -> list[Point]:
        """The points of the slot in which the first folded point is that is not before *at_ms*, or
        the last one that is not after it: down the pyramid. Empty where there is none."""
        first, last = INT64_MIN, INT64_MAX
        for level in reversed(range(LEVELS)):
            rows = self.slots(state.id, level, first, last)
            found = (
                next((row for row in rows if row[9] >= at_ms), None)
                if is_first
                else next((row for row in reversed(rows) if row[8] <= at_ms), None)
            )
            if found is None:
                return []
            first = found[0] << FAN_BITS
            last = first + (1 << FAN_BITS) - 1
        begin = first >> FAN_BITS << state.shift
        return self.points(state.id, begin, begin + (1 << state.shift) - 1)

    def points_after(self, series: int, point: Sequence[int]) -> list[Point]:
        """Points that sort after one."""
        return self._session.rows(self._statements.points_after, (series, *point))


class _Drawn:
    """One series on its way to buckets."""

    def __init__(
        self, by: Stretches, one: Named, grid: Grid, window: tuple[int, int], offset: int
    ) -> None:
        self._by = by
        self._state = one.state
        self._grid = grid
        self._low, self._high = window
        self._offset = offset
        self._place = 0 if by.over_steps else 1
        self._last_folded = tuple(one.state.folded_last)

    def parts(self) -> Iterator[_Part]:
        """Parts of buckets in order; a bucket may be in several that follow each other."""
        state = self._state
        if not state.folded:
            yield from self._of_points(self._by.points(state.id, INT64_MIN, INT64_MAX))
            return
        begin, end = self._steps()
        if begin <= end:
            level = self._level(begin, end)
            if level >= 0:
                begin, end = self._rounded(begin, end, level)
            yield from self._cover(level, begin, end)
        yield from self._of_points(self._by.points_after(state.id, self._last_folded))

    def _steps(self) -> tuple[int, int]:
        """The range of steps in which folded points of the window are."""
        state = self._state
        first, last = state.first[0], self._last_folded[0]
        if self._by.over_steps:
            return max(first, self._low), min(last, self._high)
        since, until = self._low + self._offset, self._high + self._offset
        begin = first if since <= state.low_ms else self._edge(since, is_first=True)
        end = last if until >= state.high_ms else self._edge(until, is_first=False)
        return (0, -1) if begin is None or end is None else (begin, end)

    def _edge(self, at_ms: int, *, is_first: bool) -> int | None:
        """The step of the first folded point that is not before *at_ms*, or of the last one that is
        not after it."""
        points = self._by.points_about(self._state, at_ms, is_first=is_first)
        if is_first:
            return next((point[0] for point in points if point[1] >= at_ms), None)
        return next((point[0] for point in reversed(points) if point[1] <= at_ms), None)

    def _level(self, begin: int, end: int) -> int:
        """The coarsest level that is no coarser than the grid; -1 for the points themselves."""
        state, width = self._state, int(self._grid.width)
        if not self._by.over_steps:
            span = max(1, self._last_folded[0] - state.first[0])
            if state.count * (end - begin + 1) // (span + 1) <= _EXACT:
                return -1
            width = width * span // max(1, state.high_ms - state.low_ms)
        fitting = [
            level for level in range(LEVELS) if 1 << level_shift(state.shift, level) <= width
        ]
        return fitting[-1] if fitting else -1

    def _rounded(self, begin: int, end: int, level: int) -> tuple[int, int]:
        """The range with whole slots at those ends where the series itself ends."""
        state = self._state
        shift = level_shift(state.shift, level)
        if begin == state.first[0]:
            begin = begin >> shift << shift
        if end == self._last_folded[0]:
            end = (((end >> shift) + 1) << shift) - 1
        return begin, end

    def _cover(self, level: int, begin: int, end: int) -> Iterator[_Part]:
        """Slots of *level*, what is left at both ends from the level below."""
        if begin > end:
            return
        if level < 0:
            points = self._by.points(self._state.id, begin, end)
            if points and points[-1] > self._last_folded:
                points = points[: bisect_right(points, self._last_folded)]
            yield from self._of_points(points)
            return
        shift = level_shift(self._state.shift, level)
        first, last = -(-begin >> shift), ((end + 1) >> shift) - 1
        if first > last:
            yield from self._cover(level - 1, begin, end)
            return
        yield from self._cover(level - 1, begin, (first << shift) - 1)
        yield from self._of_slots(self._by.slots(self._state.id, level, first, last), shift)
        yield from self._cover(level - 1, (last + 1) << shift, end)

    def _of_slots(self, rows: Sequence[tuple[int, ...]], shift: int) -> Iterator[_Part]:
        if not rows:
            return
        slots, counts, finite, low, high, totals, first, last, since, _ = zip(*rows, strict=True)
        if self._by.over_steps:
            places: Sequence[int] = [slot << shift for slot in slots]
        else:
            places = [max(self._low, at - self._offset) for at in since]
        sums = values_of(totals)
        for index, i, j in self._cut(places):
            yield _Part(
                index,
                sum(counts[i:j]),
                sum(finite[i:j]),
                min(low[i:j]),
                max(high[i:j]),
                sum(sums[i:j]),
                first[i],
                last[j - 1],
            )

    def _of_points(self, points: Sequence[Point]) -> Iterator[_Part]:
        if not points:
            return
        columns = tuple(zip(*points, strict=True))
        places: Sequence[int] = columns[self._place]
        keys = columns[2]
        if self._offset:
            places = [place - self._offset for place in places]
        if places[0] < self._low or places[-1] > self._high:
            i, j = bisect_left(places, self._low), bisect_right(places, self._high)
            places, keys = places[i:j], keys[i:j]
        values = values_of(keys)
        for index, i, j in self._cut(places):
            part = keys[i:j]
            least, most = min(part), max(part)
            count, total = j - i, 0.0
            if least > NEGATIVE_INFINITY and most < POSITIVE_INFINITY:
                total = sum(values[i:j])
            else:
                kept = [key for key in part if NEGATIVE_INFINITY < key < POSITIVE_INFINITY]
                count, total = len(kept), sum(values_of(kept))
                least = min(kept, default=POSITIVE_INFINITY)
                most = max(kept, default=NEGATIVE_INFINITY)
            yield _Part(index, j - i, count, least, most, total, part[0], part[-1])

    def _cut(self, places: Sequence[int]) -> Iterator[tuple[int, int, int]]:
        """Ascending places by bucket: its index, and where they begin and end."""
        origin, width = int(self._grid.origin), int(self._grid.width)
        i, end = 0, len(places)
        while i < end:
            index = (places[i] - origin) // width
            j = bisect_left(places, origin + (index + 1) * width, i + 1)
            yield index, i, j
            i = j


def _columns(parts: Iterable[_Part]) -> Buckets:
    joined: list[_Part] = []
    for part in parts:
        if joined and joined[-1].bucket == part.bucket:
            joined[-1] = joined[-1].and_then(part)
        else:
            joined.append(part)
    if not joined:
        return Buckets(index=(), minimum=(), maximum=(), first=(), last=(), mean=(), count=())
    index, count, finite, minimum, maximum, total, first, last = zip(*joined, strict=True)
    if 0 in finite:
        minimum = tuple(key if n else NAN_KEY for key, n in zip(minimum, finite, strict=True))
        maximum = tuple(key if n else NAN_KEY for key, n in zip(maximum, finite, strict=True))
    return Buckets(
        index=index,
        minimum=values_of(minimum),
        maximum=values_of(maximum),
        first=values_of(first),
        last=values_of(last),
        mean=[whole / n if n else NAN for whole, n in zip(total, finite, strict=True)],
        count=count,
    )


def _near(bound: int) -> int:
    """A bound that a database takes."""
    return max(INT64_MIN, min(INT64_MAX, bound))
