"""Every double and int64 comes back as it was sent, in the defined order, after a kill too."""

from __future__ import annotations

import itertools
import json
import math
import struct
from collections.abc import Iterator

import pytest

from tests.e2e.faults.files import check_file
from tests.e2e.faults.link import Link
from tests.e2e.faults.records import SERIES
from tests.e2e.faults.servers import Mortal, Nursery
from tests.wire.build import unique
from tests.wire.client import number
from tests.wire.expect import refused

INT64 = (-(2**63), 2**63 - 1)
DOUBLES = (
    0.0, -0.0, 5e-324, -5e-324, 2.225073858507201e-308, 2.2250738585072014e-308, 1e-310,
    math.pi, 0.1, 1 / 3, 2.0**53, 2.0**53 + 2, 1e22, 1e23,
    math.ulp(1.0), math.nextafter(1.0, 2.0), math.nextafter(1.0, 0.0),
    1.7976931348623157e308, -1.7976931348623157e308, math.inf, -math.inf, math.nan,
)  # fmt: skip
# Clocks that are hours off, that stand still, that go back: 1970, 2024, 2262, and the limits.
TIMES = (0, 1, 1_700_000_000_000, 1_700_000_000_000 - 7_200_000, 9_223_372_036_854, INT64[1])
STEPS = (0, -1, 1, -5, 7, 2**53 + 1, *INT64)

Point = tuple[int, int, float]
"""Timestamp, step, value."""


@pytest.fixture(scope="module")
def server(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mortal]:
    server = Mortal(nursery, tmp_path_factory.mktemp("numbers"))
    server.start()
    yield server
    server.end()
    check_file(server.database)


@pytest.fixture
def run(server: Mortal) -> str:
    with Link(server.port) as link:
        made = link.post("runs/create", {"experiment_id": "0", "run_name": unique()})
        return str(made.json["run"]["info"]["run_id"])


def sent(value: float) -> float | str:
    """As JSON has it, which has no word for what is not finite."""
    if math.isnan(value):
        return "NaN"
    return value if math.isfinite(value) else f"{'-' * (value < 0)}Infinity"


def bits(points: list[Point]) -> list[tuple[int, int, str]]:
    """With values that differ wherever their bits do."""
    return [
        (ms, step, "nan" if math.isnan(value) else struct.pack(">d", value).hex())
        for ms, step, value in points
    ]


def in_order(points: list[Point]) -> list[Point]:
    """A history is by time, then step, then value, where -0.0 comes before 0.0 and then a NaN."""

    def place(point: Point) -> tuple[int, int, float, int]:
        ms, step, value = point
        if math.isnan(value):
            return ms, step, 0.0, 2
        return ms, step, value, 1 if value == 0 and math.copysign(1, value) > 0 else 0

    return sorted(points, key=place)


def log(link: Link, run: str, points: list[Point], *, one_by_one: bool) -> None:
    metrics = [
        {"key": "m", "value": sent(value), "timestamp": ms, "step": step}
        for ms, step, value in points
    ]
    if not one_by_one:
        reply = link.post("runs/log-batch", {"run_id": run, "metrics": metrics})
        assert reply.status == 200, reply
        return
    for metric in metrics:
        reply = link.post("runs/log-metric", {"run_id": run, **metric})
        assert reply.status == 200, (metric, reply)


def read(link: Link, run: str) -> list[Point]:
    asked = {"run_id": run, "metric_key": "m"}
    found = link.read("metrics/get-history", asked)["metrics"]
    return [(one["timestamp"], one["step"], number(one["value"])) for one in found]


def latest(link: Link, run: str) -> Point:
    (one,) = link.read("runs/get", {"run_id": run})["run"]["data"]["metrics"]
    return one["timestamp"], one["step"], number(one["value"])


def killed_and_started(server: Mortal, link: Link) -> None:
    link.close()
    server.kill()
    server.wait_gone()
    server.start()


@pytest.mark.parametrize("one_by_one", [True, False])
@pytest.mark.parametrize(
    "points",
    [
        pytest.param([(1, step, value) for step, value in enumerate(DOUBLES)], id="doubles"),
        pytest.param([(1, 1, value) for value in DOUBLES], id="doubles at one place"),
        pytest.param([(ms, 5, 1.5) for ms in TIMES], id="times"),
        pytest.param([(1, step, -1.5) for step in STEPS], id="steps"),
        pytest.param(
            [(ms, step, float(place)) for place, (ms, step) in
             enumerate(itertools.product(TIMES, STEPS))],
            id="times and steps",
        ),
        pytest.param([(100 - n, n, n / 7) for n in range(100)], id="a clock that goes back"),
        pytest.param([(100, 50 - n, n / 7) for n in range(100)], id="steps that go back"),
    ],
)  # fmt: skip
def test_points_come_back_bit_by_bit(
    server: Mortal, run: str, points: list[Point], one_by_one: bool
) -> None:
    expected = bits(in_order(points))
    with Link(server.port) as link:
        log(link, run, points, one_by_one=one_by_one)
        assert bits(read(link, run)) == expected

        killed_and_started(server, link)

        assert bits(read(link, run)) == expected
        log(link, run, list(reversed(points)), one_by_one=one_by_one)
        assert bits(read(link, run)) == expected
        last = max((step, ms) for ms, step, _ in points)
        ms, step, value = latest(link, run)
        assert (step, ms) == last
        assert bits([(ms, step, value)])[0] in expected


def test_the_latest_of_one_place_is_the_greatest(server: Mortal, run: str) -> None:
    """Whatever came last: by step, then time, then value, and NaN is the least of values."""
    with Link(server.port) as link:
        for value, greatest in (
            (math.nan, math.nan),
            (-math.inf, -math.inf),
            (3.0, 3.0),
            (1.0, 3.0),
        ):
            log(link, run, [(7, 3, value)], one_by_one=True)
            log(link, run, [(9, 2, 100.0)], one_by_one=True)
            assert bits([latest(link, run)]) == bits([(7, 3, greatest)])

        killed_and_started(server, link)

        assert bits([latest(link, run)]) == bits([(7, 3, 3.0)])


@pytest.mark.parametrize("field", ["timestamp", "step"])
@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 10**30, 1.5])
def test_beyond_int64_is_refused(server: Mortal, run: str, field: str, value: float) -> None:
    metric = {"key": "m", "value": 1, "timestamp": 1, "step": 1, field: value}
    with Link(server.port) as link:
        refused(link.post("runs/log-metric", {"run_id": run, **metric}))
        refused(link.post("runs/log-batch", {"run_id": run, "metrics": [metric]}))

        assert "metrics" not in link.read("runs/get", {"run_id": run})["run"]["data"]


def test_numbers_of_other_records_come_back(server: Mortal) -> None:
    """Times of runs, and metrics of logged models."""
    with Link(server.port) as link:
        model = link.post("logged-models", {"experiment_id": "0"}).json["model"]["info"]["model_id"]
        made = link.post("runs/create", {"experiment_id": "0", "start_time": INT64[1]}).json
        run = made["run"]["info"]["run_id"]
        ended = {"run_id": run, "status": "FINISHED", "end_time": INT64[1]}
        assert link.post("runs/update", ended).status == 200
        metrics = [
            {
                "key": "m", "value": sent(value), "timestamp": INT64[1], "step": step,
                "model_id": model,
            }
            for step, value in zip((*INT64, *range(len(DOUBLES))), DOUBLES, strict=False)
        ]  # fmt: skip
        assert link.post("runs/log-batch", {"run_id": run, "metrics": metrics}).status == 200

        killed_and_started(server, link)

        info = link.read("runs/get", {"run_id": run})["run"]["info"]
        assert (info["start_time"], info["end_time"]) == (INT64[1], INT64[1])
        found = link.read(f"logged-models/{model}")["model"]["data"]["metrics"]
        assert sorted(bits([(m["timestamp"], m["step"], number(m["value"])) for m in found])) == (
            sorted(bits([(m["timestamp"], m["step"], number(m["value"])) for m in metrics]))
        )


def test_a_chart_of_such_points_is_whole(server: Mortal, run: str) -> None:
    """The widest range of steps there is, and values that are not finite, bucketed."""
    places = zip([*STEPS, *range(100, 200)], itertools.cycle(DOUBLES), strict=False)
    points = [(ms, step, value) for ms, (step, value) in enumerate(places)]
    with Link(server.port) as link:
        log(link, run, points, one_by_one=False)

        killed_and_started(server, link)

        for x, buckets in itertools.product(("step", "time", "relative"), (1, 10, 500)):
            asked = {"run_ids": [run], "keys": ["m"], "x": x, "buckets": buckets}
            reply = link.find(SERIES, asked)
            (drawn,) = reply["series"]
            count = len(drawn["x"]) if drawn.get("is_raw") else sum(drawn["count"])
            assert count == len(points), (x, buckets)
            assert json.loads(json.dumps(reply, allow_nan=False)) == reply
