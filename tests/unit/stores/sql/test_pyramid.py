"""The bucket pyramid: however points come in, each slot of each level sums up its very points."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from millrace.core.numbers import INT64_MAX, INT64_MIN, key_of, value_of
from millrace.stores.sql import migrate
from millrace.stores.sql.engine import Database, Session, dialect_named
from millrace.stores.sql.pyramid import (
    FAN_BITS,
    LEVELS,
    OVER_STEPS,
    OVER_TIMES,
    Bucket,
    Pyramid,
    level_shift,
    merged,
)
from millrace.stores.sql.series_state import SeriesState
from millrace.stores.sql.statements import BUCKET_COLUMNS, Statements

Point = tuple[int, int, int]

# Whole numbers, so that sums are exact in any order.
VALUES = [*map(float, range(-3, 4)), -0.0, math.inf, -math.inf, math.nan]
KEYS = [key_of(value) for value in VALUES]

_series = itertools.count(1)


class Tower:
    """One series with its points and its pyramid in a database."""

    def __init__(self, session: Session, statements: Statements) -> None:
        self._session = session
        self._statements = statements
        self._pyramid = Pyramid(session, statements)
        self.state = SeriesState(next(_series), 1, 1)
        self.points: set[Point] = set()
        self._folded: set[Point] = set()

    def add(self, points: list[Point]) -> None:
        """Take in points as the store does: those before the last folded one go in at once."""
        new = sorted(set(points) - self.points)
        if self.state.folded:
            last = tuple(self.state.folded_last)
            late = [point for point in new if point <= last]
            if late:
                self._pyramid.add_late(self.state, late)
                self._folded.update(late)
        rows = [(self.state.id, *point) for point in new]
        self._session.many(self._statements.insert_point, rows)
        self.points.update(new)

    def fold(self) -> None:
        self._pyramid.fold(self.state)
        self._folded = set(self.points)

    def slots(self, level: int) -> dict[int, tuple[int, ...]]:
        """The stored slots of a level, by number; their columns after the key."""
        bounds = (self.state.id, level, INT64_MIN, INT64_MAX)
        rows = self._session.rows(self._statements.buckets, bounds)
        assert [row[:2] for row in rows] == [bounds[:2]] * len(rows)
        return {row[2]: row[3:] for row in rows}

    def expected(self, level: int) -> dict[int, tuple[int, ...]]:
        """The same, from the points themselves."""
        place = {OVER_STEPS: 0, OVER_TIMES: 1}[self.state.axis]
        width = 2 ** (self.state.shift + FAN_BITS * level)
        gathered: dict[int, list[Point]] = {}
        for point in self._folded:
            gathered.setdefault(point[place] // width, []).append(point)
        return {slot: summed(points) for slot, points in gathered.items()}


def summed(points: list[Point]) -> tuple[int, ...]:
    """What a row of `buckets` says of these points, in the order of its columns."""
    finite = [key for _, _, key in points if math.isfinite(value_of(key))]
    times = [ms for _, ms, _ in points]
    total = sum((value_of(key) for key in finite), start=0.0)
    return (
        len(points),
        len(finite),
        min(finite, default=key_of(math.inf)),
        max(finite, default=key_of(-math.inf)),
        key_of(total + 0.0),
        *min(points),
        *max(points),
        min(times),
        max(times),
    )


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    uri = f"sqlite:///{tmp_path_factory.mktemp('pyramid') / 'p.db'}"
    migrate.upgrade(uri)
    database = Database(uri)
    with database.writers.connect() as connection:
        opened = Session(connection)
        with opened.writing():
            yield opened
    database.close()


@pytest.fixture(scope="module")
def statements() -> Statements:
    return Statements(dialect_named("sqlite"))


SHAPES = ("steps", "times", "sparse", "ends")


def portions(seed: int) -> list[list[Point]]:
    """Points in the portions in which they come, mostly later and later."""
    dice = random.Random(seed)
    shape = dice.choice(SHAPES)
    step, ms = dice.randrange(-500, 500), dice.randrange(10**6)
    made = []
    for _ in range(dice.randint(1, 5)):
        chunk = []
        for _ in range(dice.choice((1, 2, 30, 200))):
            key = dice.choice(KEYS)
            match shape:
                case "steps":
                    step += dice.choice((1, 1, 1, 3))
                    ms += 7
                case "times":
                    ms += dice.choice((0, 1, 900))
                case "sparse":
                    step += dice.choice((1, 10**6, 10**9))
                    ms += dice.choice((0, 10**5))
                case "ends":
                    step = dice.choice((INT64_MIN, -1, 0, INT64_MAX, dice.randrange(-99, 99)))
                    ms = dice.choice((0, INT64_MAX, dice.randrange(99)))
            late = dice.choice((0, 0, 0, 0, 40))
            chunk.append((max(INT64_MIN, step - late), ms, key))
        made.append(chunk)
    return made


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chunks=st.integers(0, 2**32).map(portions), data=st.data())
def test_every_slot_sums_up_its_points(
    session: Session, statements: Statements, chunks: list[list[Point]], data: st.DataObject
) -> None:
    """Folded in any portions, late points after and between them."""
    tower = Tower(session, statements)
    for chunk in chunks:
        tower.add(chunk)
        if data.draw(st.booleans()):
            tower.fold()
    tower.fold()

    for level in range(LEVELS):
        assert tower.slots(level) == tower.expected(level)
    assert tower.state.folded == len(tower.points)
    assert tuple(tower.state.folded_last) == max(tower.points)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chunks=st.integers(0, 2**32).map(portions))
def test_what_is_not_folded_yet_is_not_in(
    session: Session, statements: Statements, chunks: list[list[Point]]
) -> None:
    """But what comes before the last folded point is."""
    tower = Tower(session, statements)
    tower.add(chunks[0])
    tower.fold()
    for chunk in chunks[1:]:
        tower.add(chunk)

    for level in range(LEVELS):
        assert tower.slots(level) == tower.expected(level)
    last = tuple(tower.state.folded_last)
    assert tower.state.folded == sum(point <= last for point in tower.points)


def test_folding_nothing_changes_nothing(session: Session, statements: Statements) -> None:
    tower = Tower(session, statements)
    tower.add([(step, step, 0) for step in range(100)])
    tower.fold()
    slots = [tower.slots(level) for level in range(LEVELS)]
    tower.fold()

    assert tower.state.folded == 100
    assert [tower.slots(level) for level in range(LEVELS)] == slots


@pytest.mark.parametrize(
    ("points", "axis", "width"),
    [
        ([(step, 0, 0) for step in range(128)], OVER_STEPS, 64),
        ([(step * 5, 0, 0) for step in range(128)], OVER_STEPS, 64 * 4),
        ([(step * 1_000, 0, 0) for step in range(128)], OVER_STEPS, 64 * 1024),
        ([(0, ms, 0) for ms in range(128)], OVER_TIMES, 64),
        ([(ms // 3, ms * 100, 0) for ms in range(128)], OVER_TIMES, 64 * 128),
        ([(step, ms, 0) for step in range(65) for ms in (0, step)][1:], OVER_STEPS, 64),
        ([(0, 0, 0)], OVER_STEPS, 64),
        ([(INT64_MIN, 0, 0), (INT64_MAX, 0, 0)], OVER_STEPS, 2 ** (63 + 6)),
    ],
)
def test_the_finest_slots_hold_about_64_points(
    session: Session, statements: Statements, points: list[Point], axis: int, width: int
) -> None:
    """Over steps, unless they stand still more often than not; then over times."""
    tower = Tower(session, statements)
    tower.add(points)
    tower.fold()

    assert (tower.state.axis, 2**tower.state.shift) == (axis, width)
    counts = [slot[0] for slot in tower.slots(0).values()]
    assert max(counts) <= 2 * 64
    assert sum(counts) == len(points)


def test_each_level_is_eight_times_as_wide(session: Session, statements: Statements) -> None:
    tower = Tower(session, statements)
    tower.add([(step, step, 0) for step in range(64 * 8 * 8)])
    tower.fold()

    assert [len(tower.slots(level)) for level in range(LEVELS)] == [64, 8, 1, 1, 1, 1, 1, 1]
    assert [level_shift(6, level) for level in range(3)] == [6, 9, 12]


@given(
    points=st.lists(
        st.tuples(st.integers(-9, 9), st.integers(0, 9), st.sampled_from(KEYS)),
        min_size=1,
        max_size=12,
        unique=True,
    ),
    cuts=st.sets(st.integers(1, 11)),
)
def test_buckets_of_parts_merge_to_the_bucket_of_all(points: list[Point], cuts: set[int]) -> None:
    edges = [0, *sorted(cut for cut in cuts if cut < len(points)), len(points)]
    parts = [Bucket.of_points(points[low:high]) for low, high in itertools.pairwise(edges)]

    whole = merged(parts)

    assert whole is not None
    assert whole.columns() == Bucket.of_points(points).columns() == summed(points)


def test_nothing_merges_to_nothing() -> None:
    assert merged([]) is None


def test_a_bucket_comes_back_from_its_row() -> None:
    bucket = Bucket.of_points([(1, 5, key_of(0.5)), (2, 4, key_of(-3.0)), (0, 9, key_of(math.nan))])
    row = (7, 0, 3, *bucket.columns())

    assert len(row) == len(BUCKET_COLUMNS)
    assert Bucket.of_row(row) == bucket
