"""The bucket pyramid: aggregates of ever wider stretches of a series.

A window of any length is answered from few rows, and no extreme is lost. Level 0 holds slots of
about 64 points, each further level slots eight times as wide. Slots are aligned to powers of two of
the axis (steps; times for a series whose steps stand still), so a chart's grid, which is aligned
too, is made of whole slots. Points are folded in some thousand at a time; the youngest are not in
yet, and readers add them from the points themselves.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final

import msgspec

from millrace.core.numbers import key_of, value_of, values_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from millrace.stores.sql.engine import Row, Session
    from millrace.stores.sql.series_state import SeriesState
    from millrace.stores.sql.statements import Statements

FOLD_AT: Final = 4_096
LEVELS: Final = 8
FAN_BITS: Final = 3
_POINTS_A_SLOT_BITS: Final = 6

OVER_STEPS, OVER_TIMES = 1, 2

POSITIVE_INFINITY: Final = key_of(float("inf"))
NEGATIVE_INFINITY: Final = key_of(float("-inf"))
# Extremes of a slot without finite values, so that merging needs no special case.
NO_MINIMUM: Final = POSITIVE_INFINITY
NO_MAXIMUM: Final = NEGATIVE_INFINITY


class Bucket(msgspec.Struct):
    """Aggregates of some points. Extremes and total are over the finite values.

    `first` and `last` are points as (step, ms, value); values are sortable integers.
    """

    count: int
    finite: int
    minimum: int
    maximum: int
    total: float
    first: tuple[int, int, int]
    last: tuple[int, int, int]
    low_ms: int
    high_ms: int

    @classmethod
    def of_points(cls, points: Sequence[tuple[int, int, int]]) -> Bucket:
        """Aggregate points, at least one, in any order."""
        keys = [point[2] for point in points]
        times = [point[1] for point in points]
        minimum, maximum, finite = min(keys), max(keys), keys
        if minimum <= NEGATIVE_INFINITY or maximum >= POSITIVE_INFINITY:
            finite = [key for key in keys if NEGATIVE_INFINITY < key < POSITIVE_INFINITY]
            minimum = min(finite, default=NO_MINIMUM)
            maximum = max(finite, default=NO_MAXIMUM)
        return cls(
            count=len(keys),
            finite=len(finite),
            minimum=minimum,
            maximum=maximum,
            total=sum(values_of(finite)),
            first=min(points),
            last=max(points),
            low_ms=min(times),
            high_ms=max(times),
        )

    @classmethod
    def of_row(cls, row: Row) -> Bucket:
        """The bucket in a row of the table, in the order of its columns."""
        return cls(
            row[3], row[4], row[5], row[6], value_of(row[7]),
            row[8:11], row[11:14], row[14], row[15],
        )  # fmt: skip

    def columns(self) -> tuple[int, ...]:
        """All columns after the primary key, in the order of the table."""
        return (
            self.count, self.finite, self.minimum, self.maximum, key_of(self.total),
            *self.first, *self.last, self.low_ms, self.high_ms,
        )  # fmt: skip

    def merge(self, other: Bucket) -> None:
        """Take in the points of *other*, which are others than ours."""
        self.count += other.count
        self.finite += other.finite
        self.minimum = min(self.minimum, other.minimum)
        self.maximum = max(self.maximum, other.maximum)
        self.total += other.total
        self.first = min(self.first, other.first)
        self.last = max(self.last, other.last)
        self.low_ms = min(self.low_ms, other.low_ms)
        self.high_ms = max(self.high_ms, other.high_ms)


def level_shift(shift: int, level: int) -> int:
    """Width of the slots of *level* as a power of two."""
    return shift + FAN_BITS * level


class Pyramid:
    """The writing side: folds points in."""

    def __init__(self, session: Session, statements: Statements) -> None:
        self._session = session
        self._statements = statements

    def fold(self, state: SeriesState) -> None:
        """Take in all points after the last folded one. They must be in the points table."""
        if state.folded:
            rows = self._session.rows(self._statements.points_after, (state.id, *state.folded_last))
        else:
            low, high = -(2**63), 2**63 - 1
            rows = self._session.rows(self._statements.points, (state.id, low, high))
            state.axis, state.shift = _shape(rows)
        if not rows:
            return
        self._merge(state, rows)
        state.folded += len(rows)
        state.folded_last = rows[-1]

    def add_late(self, state: SeriesState, points: Sequence[tuple[int, int, int]]) -> None:
        """Take in new points that sort before the last folded one."""
        self._merge(state, points)
        state.folded += len(points)

    def _merge(self, state: SeriesState, points: Sequence[tuple[int, int, int]]) -> None:
        slots = _slots(points, state.axis - 1, state.shift)
        for level in range(LEVELS):
            if level:
                slots = _widened(slots)
            self._put(state.id, level, slots)

    def _put(self, series: int, level: int, slots: dict[int, Bucket]) -> None:
        rows = []
        for slot, bucket in slots.items():
            row = self._session.row(self._statements.bucket, (series, level, slot))
            whole = bucket
            if row is not None:  # an earlier fold ended in this slot, or the points are late
                whole = Bucket.of_row(row)
                whole.merge(bucket)
            rows.append((series, level, slot, *whole.columns()))
        self._session.many(self._statements.put_bucket, rows)


def _shape(points: Sequence[tuple[int, int, int]]) -> tuple[int, int]:
    """Axis and width of the finest slots for a series that begins with *points*, by (step, ms)."""
    steps = len({point[0] for point in points})
    axis = OVER_STEPS if 2 * steps > len(points) else OVER_TIMES
    places = [point[axis - 1] for point in points]
    span = max(places) - min(places)
    gap = max(1, span // len(points))
    return axis, (gap - 1).bit_length() + _POINTS_A_SLOT_BITS


def _slots(points: Sequence[tuple[int, int, int]], place: int, shift: int) -> dict[int, Bucket]:
    """The points by slot; *place* is the index of the axis in a point."""
    if place:
        points = sorted(points, key=lambda point: point[place])
    places = [point[place] for point in points]
    slots: dict[int, Bucket] = {}
    begin = 0
    while begin < len(places):
        slot = places[begin] >> shift
        end = bisect_left(places, (slot + 1) << shift, begin)
        slots[slot] = Bucket.of_points(points[begin:end])
        begin = end
    return slots


def folded_slots(
    levels: list[dict[int, Bucket]], points: Sequence[tuple[int, int, int]], state: SeriesState
) -> list[dict[int, Bucket]]:
    """The slots of all *levels* with *points* folded in, as *state* says that they are cut."""
    if not points:
        return levels
    slots = _slots(points, state.axis - 1, state.shift)
    levels = levels or [{} for _ in range(LEVELS)]
    for level, held in enumerate(levels):
        if level:
            slots = _widened(slots)
        for slot, bucket in slots.items():
            if slot in held:
                held[slot].merge(bucket)
            else:
                held[slot] = msgspec.structs.replace(bucket)
    return levels


def _widened(slots: dict[int, Bucket]) -> dict[int, Bucket]:
    """The next level's slots."""
    wider: dict[int, Bucket] = {}
    for slot, bucket in slots.items():
        held = wider.get(slot >> FAN_BITS)
        if held is None:
            wider[slot >> FAN_BITS] = msgspec.structs.replace(bucket)
        else:
            held.merge(bucket)
    return wider


def merged(buckets: Iterable[Bucket]) -> Bucket | None:
    """One bucket of all, or None for none; the first one is changed."""
    whole: Bucket | None = None
    for bucket in buckets:
        if whole is None:
            whole = bucket
        else:
            whole.merge(bucket)
    return whole
