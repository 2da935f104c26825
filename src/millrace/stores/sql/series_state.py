"""What is known of a series without reading its points, and how a point changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from millrace.core.numbers import INT64_MAX, NAN, NAN_KEY, keys_of, value_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from millrace.stores.sql.engine import Row

IRREGULAR: Final = -1
# From so many points on, looking at all of them at once is cheaper than at each.
_WORTH_IT: Final = 8


class Point(NamedTuple):
    """A point in storage form: `value` is the sortable integer. Sorts as the points table does."""

    step: int
    ms: int
    value: int


class SeriesState:
    """One row of `series`, kept by the writer while it is in use."""

    __slots__ = (
        "axis", "count", "first", "folded", "folded_last", "high_ms", "id", "in_time_order",
        "is_new", "key_id", "last", "low_ms", "max_step", "max_value", "min_step", "min_value",
        "nan_count", "run_id", "shift", "stride", "total",
    )  # fmt: skip

    def __init__(self, series_id: int, run_id: int, key_id: int) -> None:
        self.id = series_id
        self.run_id = run_id
        self.key_id = key_id
        self.is_new = True
        self.count = 0
        self.nan_count = 0
        self.first: Sequence[int] = (0, 0, 0)
        self.last: Sequence[int] = (0, 0, 0)
        self.min_value = NAN_KEY
        self.max_value = NAN_KEY
        self.min_step: int | None = None
        self.max_step: int | None = None
        self.total = 0.0
        self.low_ms = 0
        self.high_ms = 0
        self.stride = 0
        self.in_time_order = True
        self.axis = 0
        self.shift = 0
        self.folded = 0
        self.folded_last: Sequence[int] = (0, 0, 0)

    @classmethod
    def of_row(cls, row: Row) -> SeriesState:
        """The state that a row holds, in the order of the table's columns."""
        state = cls(row[0], row[1], row[2])
        state.is_new = False
        state.count, state.nan_count = row[3], row[4]
        state.first, state.last = row[5:8], row[8:11]
        state.min_value, state.max_value, state.min_step, state.max_step = row[11:15]
        state.total = value_of(row[15])
        state.low_ms, state.high_ms = row[17], row[18]
        state.stride, state.in_time_order = row[19], bool(row[20])
        state.axis, state.shift, state.folded = row[21:24]
        state.folded_last = row[24:27]
        return state

    @property
    def mean(self) -> float:
        """Mean of all values but NaNs; NaN when there are none."""
        numbers = self.count - self.nan_count
        return self.total / numbers if numbers else NAN

    @staticmethod
    def changing(states: Sequence[SeriesState]) -> list[tuple[object, ...]]:
        """For each state all columns but the first three, in the order of the table."""
        sums = keys_of([number for s in states for number in (s.total, s.mean)])
        return [
            (
                s.count, s.nan_count, *s.first, *s.last,
                s.min_value, s.max_value, s.min_step, s.max_step,
                total, mean, s.low_ms, s.high_ms, s.stride, int(s.in_time_order),
                s.axis, s.shift, s.folded, *s.folded_last,
            )
            for s, total, mean in zip(states, sums[::2], sums[1::2], strict=True)
        ]  # fmt: skip

    def extend(self, points: Sequence[tuple[int, int, int]], values: dict[int, float]) -> None:
        """Take in points that were not there before, sorted; *values* has each integer's double.

        Points that go on where the series ended are taken as a whole, which costs a fraction.
        """
        steps, times, keys = zip(*points, strict=True)
        least = min(keys)
        goes_on = self.count > 0 and self.nan_count < self.count and points[0] > self.last  # type: ignore[operator]  # 3-tuples both
        if len(points) < _WORTH_IT or not goes_on or least == NAN_KEY:
            for point in points:
                self.add(point, values[point[2]])
            return
        if self.stride >= 0:
            stride = self.stride or min(steps[0] - self.last[0], INT64_MAX)
            begin = self.last[0] + stride
            # As many as there are: up to the last one there may be more than fit into memory.
            expected = range(begin, begin + stride * len(steps), stride) if stride > 0 else ()
            self.stride = stride if steps == tuple(expected) else IRREGULAR
        in_order = times[0] >= self.high_ms and list(times) == sorted(times)
        self.in_time_order = self.in_time_order and in_order
        self.low_ms = min(self.low_ms, *times)
        self.high_ms = max(self.high_ms, *times)
        self.count += len(points)
        self.last = points[-1]
        self.total += sum([values[key] for key in keys])
        # An equal extreme that comes later has a later step: only a new one counts.
        greatest = max(keys)
        if least < self.min_value:
            self.min_value, self.min_step = least, steps[keys.index(least)]
        if greatest > self.max_value:
            self.max_value, self.max_step = greatest, steps[keys.index(greatest)]

    def add(self, point: tuple[int, int, int], value: float) -> None:  # noqa: C901, PLR0912 - the hottest loop of the store
        """Take in a point that was not there before; *value* is the double of its integer."""
        step, ms, key = point
        if self.count == 0:
            self.first = self.last = point
            self.low_ms = self.high_ms = ms
        else:
            last = self.last
            if point > last:  # type: ignore[operator]  # both are 3-tuples of integers
                if self.stride >= 0:
                    gap = step - last[0]
                    if gap != self.stride or gap == 0:
                        is_second = self.count == 1 and 0 < gap <= INT64_MAX
                        self.stride = gap if is_second else IRREGULAR
                if ms < self.high_ms:
                    self.in_time_order = False
                self.last = point
            else:
                self.stride = IRREGULAR
                self.in_time_order = False
                self.first = min(self.first, point)  # type: ignore[call-overload]  # as above
            if ms > self.high_ms:
                self.high_ms = ms
            elif ms < self.low_ms:
                self.low_ms = ms
        self.count += 1
        if key == NAN_KEY:
            self.nan_count += 1
            return
        self.total += value
        # Of several points with the extreme value, the step is the earliest one's.
        if self.min_step is None:
            self.min_value = self.max_value = key
            self.min_step = self.max_step = step
            return
        if key <= self.min_value and (key < self.min_value or step < self.min_step):
            self.min_value, self.min_step = key, step
        if key >= self.max_value and (key > self.max_value or step < self.max_step):  # type: ignore[operator]  # set with min_step
            self.max_value, self.max_step = key, step
