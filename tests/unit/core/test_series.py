"""The arithmetic of series by itself; every store's use of it is tested in tests/contract."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.core.series import Grid, grid, mean, sampled, whole

int64s = st.integers(-(2**63), 2**63 - 1)
finite = st.floats(allow_nan=False, allow_infinity=False)


@given(ends=st.tuples(int64s, int64s).map(sorted), buckets=st.integers(1, 10_000))
def test_an_aligned_grid_covers_its_window(ends: list[int], buckets: int) -> None:
    start, end = ends

    found = grid(start, end, buckets, integral=True)

    assert isinstance(found.width, int)
    assert found.width.bit_count() == 1
    assert found.origin % found.width == 0
    assert found.origin <= start < found.origin + found.width
    assert (found.index(start), found.index(end)) == (0, found.count - 1)
    assert found.count <= buckets + 1
    assert found.width == 1 or (found.width // 2) * buckets < end - start + 1


@given(ends=st.tuples(finite, finite).map(sorted), buckets=st.integers(1, 10_000), data=st.data())
def test_every_x_of_an_even_grid_has_a_place(
    ends: list[float], buckets: int, data: st.DataObject
) -> None:
    """From end to end of the doubles and between neighbouring subnormals."""
    start, end = ends
    xs = sorted([start, end, *data.draw(st.lists(st.floats(start, end), max_size=5))])

    found = grid(start, end, buckets, integral=False)

    places = [found.index(x) for x in xs]
    assert places == sorted(places)
    assert places[0] == 0
    assert places[-1] < found.count <= buckets
    assert math.isfinite(found.width)
    assert found.width > 0


def test_windows_that_move_a_little_share_their_edges() -> None:
    grids = [grid(start, start + 999, 500, integral=True) for start in range(100)]

    assert {one.width for one in grids} == {2}
    assert {one.origin % 2 for one in grids} == {0}


@given(count=st.integers(0, 3_000), limit=st.integers(1, 3_000))
def test_a_sample_is_spread_evenly(count: int, limit: int) -> None:
    found = list(sampled(count, limit))

    assert len(found) == min(count, limit)
    assert found == sorted(set(found))
    if count:
        assert found[-1] == count - 1
    if limit > 1 and count:
        assert found[0] == 0
        gaps = {later - earlier for earlier, later in itertools.pairwise(found[:-1])}
        assert gaps <= {max(1, count // limit), count // limit + 1}


@pytest.mark.parametrize(
    ("bounds", "integers"),
    [
        ((None, None), (None, None)),
        ((1.5, 2.5), (2, 2)),
        ((-1.5, -0.5), (-1, -1)),
        ((math.inf, -math.inf), (None, None)),
        ((-1e300, 1e300), (-(2**64), 2**64)),
        ((2**53 + 1, 2**63 - 1), (2**53 + 1, 2**63 - 1)),
    ],
)
def test_bounds_as_integers(
    bounds: tuple[float | None, float | None], integers: tuple[int | None, int | None]
) -> None:
    assert whole(*bounds) == integers


@given(st.lists(finite, min_size=1, max_size=20))
def test_a_mean_is_right_to_the_last_bit_but_one(values: list[float]) -> None:
    right = float(sum(map(Fraction, values)) / len(values))

    assert mean(values) == pytest.approx(right, rel=1e-15, abs=5e-324)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.7e308, 1.7e308], 1.7e308),
        ([math.inf, 1.0], math.inf),
        ([-math.inf, -math.inf], -math.inf),
        ([math.inf, -math.inf], math.nan),
    ],
)
def test_means_at_the_ends_of_the_doubles(values: list[float], expected: float) -> None:
    assert mean(values) == pytest.approx(expected, nan_ok=True)


def test_a_grid_of_one() -> None:
    assert grid(0.3, 0.3, 500, integral=False) == Grid(0.3, 1.0, 1)
    assert grid(7, 7, 500, integral=True) == Grid(7, 1, 1)
