"""Arithmetic of metric series: their order, aggregates, samples, and the x grid that charts share.

Pure: points come as triples of integers, so every store computes the same, to the bit.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec import Struct

from millrace.core.numbers import NAN, NAN_KEY, key_of, value_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Point: TypeAlias = tuple[int, int, int]
"""(step, timestamp in ms, `numbers.key_of` the value). Series are in the order of these triples.

So the greatest is the latest point, a NaN comes before every number of its step and time, and -0.0
before 0.0.
"""

# Wider than any difference of two 64-bit integers, and exact as a float.
_FAR: Final = 2**64


class Aggregates(Struct, frozen=True, kw_only=True):
    """All of a series in a few numbers; None where NaNs are all there is.

    `minimum`, `maximum`, `mean` and the steps leave NaNs out, not infinities; opposite infinities
    have no mean. A step is the least one at which the extreme value stands.
    """

    count: int
    first: Point
    last: Point
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    min_step: int | None = None
    max_step: int | None = None


class Bucket(Struct, frozen=True):
    """What a chart needs of the points in one stretch of x.

    Extremes and mean are over the finite values, NaN where there are none; `first` and `last` are
    values in the order of the series, whatever they are; `count` counts all points.
    """

    index: int
    minimum: float
    maximum: float
    first: float
    last: float
    mean: float
    count: int


class Grid(Struct, frozen=True):
    """Equal stretches of an x axis: number i covers [origin + i * width, origin + (i + 1) * width).

    Integers on an integral axis, and then exact however large.
    """

    origin: int | float
    width: int | float
    count: int

    def index(self, x: float) -> int:
        """The stretch that *x*, which lies in the window of the grid, falls in."""
        if isinstance(self.width, int):
            return int((x - self.origin) // self.width)
        place = (x - self.origin) / self.width
        if math.isinf(place):
            place = x / self.width - self.origin / self.width
        # The upper end of the window belongs to the last stretch.
        return min(int(place), self.count - 1)


def grid(start: float, end: float, buckets: int, *, integral: bool) -> Grid:
    """Divide the window from *start* to *end*, both inclusive and finite, by about *buckets*.

    Integral (both ends are ints): the width is the least power of two that is at least
    (end - start + 1) / buckets, the origin a multiple of it. Windows that differ a little so share
    their edges, and stretches of one zoom level are halves of those of the next. There are
    `buckets` + 1 at most, because the first may begin before *start*.

    Otherwise: exactly *buckets* of (end - start) / buckets, or one of width 1 when the ends meet.
    """
    if integral:
        first, last = int(start), int(end)
        per_bucket = -((first - last - 1) // buckets)
        shift = (per_bucket - 1).bit_length()
        origin = first >> shift << shift
        return Grid(origin, 1 << shift, ((last - origin) >> shift) + 1)
    if start == end:
        return Grid(start, 1.0, 1)
    width = (end - start) / buckets
    if math.isinf(width):
        width = end / buckets - start / buckets
    # Neighbouring subnormals are closer together than any quotient of their difference.
    return Grid(start, width or math.ulp(0.0), buckets)


def whole(start: float | None, end: float | None) -> tuple[int | None, int | None]:
    """The integers that bound the same integral points: `start` rounded up, `end` down.

    An infinite bound is none; what is beyond every difference of 64-bit integers is cut there.
    """
    low = None if start is None or math.isinf(start) else math.ceil(start)
    high = None if end is None or math.isinf(end) else math.floor(end)
    return _near(low), _near(high)


def _near(bound: int | None) -> int | None:
    return None if bound is None else max(-_FAR, min(_FAR, bound))


def sampled(count: int, limit: int) -> Sequence[int]:
    """Which of *count* points in order stand for all: at most *limit* (>= 1) indices, ascending.

    All of them if they fit. Otherwise the first of each of *limit* equal shares, where the first
    shares take the remainder, with the last one replaced by the very last point.

    Source: the wire contract, "Sampling of bulk-interval".
    """
    if count <= limit:
        return range(count)
    size, larger = divmod(count, limit)
    return [*(size * share + min(share, larger) for share in range(limit - 1)), count - 1]


def aggregates(points: Sequence[Point]) -> Aggregates:
    """Aggregate a series: at least one point, in order."""
    numbers = [(key, step) for step, _, key in points if key != NAN_KEY]
    if not numbers:
        return Aggregates(count=len(points), first=points[0], last=points[-1])
    low, min_step = min(numbers)
    high, negative_step = max((key, -step) for key, step in numbers)
    average = mean(value_of(key) for key, _ in numbers)
    return Aggregates(
        count=len(points),
        first=points[0],
        last=points[-1],
        minimum=value_of(low),
        maximum=value_of(high),
        mean=None if math.isnan(average) else average,
        min_step=min_step,
        max_step=-negative_step,
    )


def nearest(
    points: Iterable[tuple[float, Point]], at: float, *, previous: bool
) -> tuple[float, Point] | None:
    """Of (x, point) pairs the one whose x is nearest to *at*, the greater of two such; *previous*:
    of those that are not beyond it. Of several at one x the latest."""
    found: tuple[float, Point] | None = None
    best: tuple[float, float, Point] | None = None
    for x, point in points:
        if previous and x > at:
            continue
        distance = -abs(x - at) if x != at else 0.0
        place = (distance, x, point)
        if best is None or place > best:
            best, found = place, (x, point)
    return found


def bucketed(points: Iterable[tuple[float, Point]], on: Grid) -> Iterator[Bucket]:
    """Gather (x, point) pairs by stretches of a grid, ascending; empty stretches are left out."""
    gathered: dict[int, list[Point]] = {}
    for x, point in points:
        gathered.setdefault(on.index(x), []).append(point)
    for index in sorted(gathered):
        yield _bucket(index, sorted(gathered[index]))


def _bucket(index: int, points: Sequence[Point]) -> Bucket:
    values = [value_of(key) for _, _, key in points]
    # By key, so that -0.0 is below 0.0 and the outcome does not hang on the order of points.
    finite = sorted(filter(math.isfinite, values), key=key_of)
    return Bucket(
        index=index,
        minimum=finite[0] if finite else NAN,
        maximum=finite[-1] if finite else NAN,
        first=values[0],
        last=values[-1],
        mean=mean(finite) if finite else NAN,
        count=len(points),
    )


def mean(values: Iterable[float]) -> float:
    """The mean of one number or more, none of them NaN, exact but for the last rounding.

    Opposite infinities have no mean: NaN.
    """
    numbers = list(values)
    endless = {number for number in numbers if math.isinf(number)}
    if endless:
        return sum(endless)
    try:
        return math.fsum(numbers) / len(numbers)
    except OverflowError:  # the sum is beyond the doubles, the mean is not
        return float(sum(map(Fraction, numbers)) / len(numbers))
