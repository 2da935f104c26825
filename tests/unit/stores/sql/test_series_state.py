"""What is kept of a series, against the same computed from all its points."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace.core.numbers import INT64_MAX, INT64_MIN, NAN_KEY, key_of, value_of
from millrace.stores.sql.series_state import IRREGULAR, SeriesState

Point = tuple[int, int, int]

# Whole numbers, so that sums are exact in any order; their sum with infinities is not finite.
VALUES = (*map(float, range(-3, 4)), -0.0, math.inf, -math.inf, math.nan, math.nan)
KEYS = {key_of(value): value for value in VALUES}
STRIDES = (1, 1, 2, 7, 2**40, 2**61, 2**62, INT64_MAX)

# Long stretches without NaN are taken in as a whole, everything else point by point.
SIZES = (1, 1, 2, 8, 9, 12)
POOLS = (
    [key_of(value) for value in VALUES if math.isfinite(value)],
    [key_of(value) for value in VALUES if value == value],  # noqa: PLR0124 - not NaN
    [key_of(value) for value in VALUES],
    [NAN_KEY],
    [0],
)
STARTS = (INT64_MIN, -(2**62), -1, 0, 3, 2**62, INT64_MAX - 30)


def chunks(seed: int) -> list[list[Point]]:
    """Points in the portions in which they are logged: stretches that go on, and late ones."""
    dice = random.Random(seed)
    made: list[list[Point]] = []
    step, ms, stride = dice.choice(STARTS), 5, dice.choice(STRIDES)
    for _ in range(dice.randint(1, 4)):
        size, pool, goes_on = dice.choice(SIZES), dice.choice(POOLS), dice.random() < 0.7
        # Now and then one step or time in a stretch is another than expected.
        odd = dice.randrange(-size, size)
        chunk = []
        for place in range(size):
            key = dice.choice(pool)
            if goes_on:
                chunk.append((step, ms, key))
                step += dice.choice((0, 1, 2**63)) if place == odd else stride
                ms += dice.choice((-1, 0)) if place == odd else 1
            else:
                chunk.append((step - dice.randrange(40), dice.randrange(9), key))
        made.append([point for point in chunk if INT64_MIN <= point[0] <= INT64_MAX])
    return made


portions_in = st.integers(0, 2**32).map(chunks)


def new_state() -> SeriesState:
    return SeriesState(1, 2, 3)


def row(state: SeriesState) -> tuple[object, ...]:
    """All of a state, as it is stored."""
    (changing,) = SeriesState.changing([state])
    return (state.id, state.run_id, state.key_id, *changing)


def fresh(chunk: Sequence[Point], known: set[Point]) -> list[Point]:
    """What is new of a portion, in order, as the store hands it over."""
    return sorted(set(chunk) - known)


@settings(max_examples=1_000)
@given(portions=portions_in)
def test_a_stretch_taken_in_at_once_is_as_if_point_by_point(portions: list[list[Point]]) -> None:
    whole, single = new_state(), new_state()
    known: set[Point] = set()
    for chunk in portions:
        new = fresh(chunk, known)
        known.update(new)
        if new:
            whole.extend(new, KEYS)
        for point in new:
            single.add(point, KEYS[point[2]])

        assert row(whole) == row(single)


@settings(max_examples=1_000)
@given(portions=portions_in)
def test_a_state_says_what_its_points_say(portions: list[list[Point]]) -> None:
    state = new_state()
    known: set[Point] = set()
    in_order = True
    for chunk in portions:
        new = fresh(chunk, known)
        if not new:
            continue
        in_order = in_order and (not known or new[0] > max(known))
        known.update(new)
        state.extend(new, KEYS)

        assert_true_of(state, sorted(known), in_order=in_order)


def assert_true_of(state: SeriesState, points: list[Point], *, in_order: bool) -> None:
    """Look at every column; *in_order*: no point came after a later one."""
    numbers = [point for point in points if point[2] != NAN_KEY]
    times = [ms for _, ms, _ in points]
    assert (state.count, state.nan_count) == (len(points), len(points) - len(numbers))
    assert (tuple(state.first), tuple(state.last)) == (points[0], points[-1])
    assert (state.low_ms, state.high_ms) == (min(times), max(times))
    if numbers:
        low, high = (extreme(key for _, _, key in numbers) for extreme in (min, max))
        assert (state.min_value, state.max_value) == (low, high)
        assert state.min_step == min(step for step, _, key in numbers if key == low)
        assert state.max_step == min(step for step, _, key in numbers if key == high)
        total = sum(value_of(key) for _, _, key in numbers)
        assert key_of(state.total) == key_of(total)
        assert key_of(state.mean) == key_of(total / len(numbers))
    else:
        assert (state.min_step, state.max_step) == (None, None)
        assert state.min_value == state.max_value == NAN_KEY
        assert math.isnan(state.mean)
    assert_flags_true_of(state, points, in_order=in_order)


def assert_flags_true_of(state: SeriesState, points: list[Point], *, in_order: bool) -> None:
    """The flags may be too careful where points came late; they never promise what is not so."""
    times = [ms for _, ms, _ in points]
    gaps = {after[0] - before[0] for before, after in pairwise(points)}
    is_regular = len(gaps) == 1 and 0 < max(gaps) <= INT64_MAX
    if in_order:
        assert state.in_time_order == (times == sorted(times))
        assert state.stride == (0 if len(points) == 1 else max(gaps) if is_regular else IRREGULAR)
    if state.in_time_order:
        assert times == sorted(times)
    if state.stride > 0:
        assert gaps == {state.stride}
    if state.stride == 0:
        assert len(points) == 1


@given(portions=portions_in, data=st.data())
def test_a_state_that_was_stored_goes_on(portions: list[list[Point]], data: st.DataObject) -> None:
    kept, stored = new_state(), new_state()
    known: set[Point] = set()
    for chunk in portions:
        new = fresh(chunk, known)
        known.update(new)
        if not new:
            continue
        kept.extend(new, KEYS)
        if data.draw(st.booleans()) and stored.count:
            stored = SeriesState.of_row(row(stored))
            assert not stored.is_new
        stored.extend(new, KEYS)

    assert row(SeriesState.of_row(row(kept))) == row(kept) == row(stored)


@pytest.mark.parametrize("far", [10**12, 2**62, INT64_MAX])
@pytest.mark.parametrize("stride", [1, 3])
def test_a_single_far_step_is_no_work(far: int, stride: int) -> None:
    """Nobody may write down all the steps that are not there."""
    state = new_state()
    value = {key_of(1.0): 1.0}
    state.extend([(step, step, key_of(1.0)) for step in range(0, 10 * stride, stride)], value)

    steps = [*range(10 * stride, 20 * stride, stride), far]
    state.extend([(step, step, key_of(1.0)) for step in steps], value)

    assert (state.stride, state.count) == (IRREGULAR, 21)


def test_a_gap_beyond_64_bits_is_no_stride() -> None:
    """No database could hold it."""
    ends = [(INT64_MIN, 0, 0), (INT64_MAX, 0, 0)]
    for portions in ([ends], [[point] for point in ends]):
        state = new_state()
        for chunk in portions:
            state.extend(chunk, {0: 0.0})

        assert state.stride == IRREGULAR
