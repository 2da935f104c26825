"""Reading series: histories and samples."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

import msgspec

from millrace.core import series as arithmetic
from millrace.core.numbers import INT64_MAX, INT64_MIN, NAN_KEY, ZERO_KEY, values_of
from millrace.stores.protocols import MetricWindow, Points
from millrace.stores.sql.pyramid import (
    FAN_BITS,
    LEVELS,
    OVER_STEPS,
    level_shift,
)
from millrace.stores.sql.series_state import SeriesState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from millrace.core.pages import Position
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
