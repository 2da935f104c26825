"""A server that lost, changed or invented data gets no figure."""

from __future__ import annotations

import json

import pytest

from benchmarks.data import Point, Series, run_record, sampled_steps
from benchmarks.http1 import Reply
from benchmarks.tracking import Ledger, Untrue, compare

SERIES = Series("r1", keys=2, steps=3)
SENT = [*SERIES.points(0, 0), *SERIES.points(0, 1)]


def test_what_was_sent_passes_in_any_order() -> None:
    compare(reversed(SENT), expected=SENT)


@pytest.mark.parametrize(
    ("found", "complaint"),
    [
        (SENT[1:], "lost 1 of 6"),
        ([*SENT[1:], SENT[0]._replace(value=0.25)], "lost 1 of 6"),
        ([*SENT, Point(1, 99, 0.5)], "1 points that were never sent"),
        ([*SENT, SENT[0]], "1 points twice"),
        ([], "lost 6 of 6"),
    ],
)
def test_what_differs_is_told(found: list[Point], complaint: str) -> None:
    with pytest.raises(Untrue, match=complaint):
        compare(found, expected=SENT)


def test_points_of_a_failed_call_may_be_there_or_not() -> None:
    kept, doubtful = SENT[:3], SENT[3:]

    compare(kept, expected=kept, allowed=doubtful)
    compare(SENT, expected=kept, allowed=doubtful)


def test_a_body_holds_what_is_expected_back() -> None:
    """Bodies are pasted together for speed; this is what keeps them true."""
    body = json.loads(SERIES.body(1))

    sent = [(m["key"], Point(m["timestamp"], m["step"], m["value"])) for m in body["metrics"]]
    for index in range(SERIES.keys):
        mine = [point for key, point in sent if key == SERIES.key(index)]
        assert mine == list(SERIES.points(index, 1))
    assert len(sent) == SERIES.keys * SERIES.steps
    assert body["run_id"] == "r1"


def test_a_single_metric_is_the_first_of_its_series() -> None:
    body = json.loads(SERIES.single(7))

    assert Point(body["timestamp"], body["step"], body["value"]) == SERIES.point(0, 7)
    assert body["key"] == SERIES.key(0)


def test_only_acknowledged_batches_count() -> None:
    ledger = Ledger(SERIES)

    ledger.enter(0, Reply(200, b"{}"))
    ledger.enter(1, Reply(500, b""))
    ledger.enter(2, Reply(0, b"hung up"))

    assert (ledger.kept, ledger.doubtful, ledger.points) == ([0], [1, 2], 6)


def test_no_two_seeded_runs_share_a_loss() -> None:
    """Otherwise the order that a search must give would not be certain."""
    assert len({run_record(number).metrics["loss"] for number in range(2_000)}) == 2_000


@pytest.mark.parametrize(
    ("length", "wanted", "steps"),
    [
        (600, 10, [0, 60, 120, 180, 240, 300, 360, 420, 480, 599]),
        (5, 10, [0, 1, 2, 3, 4]),
        (11, 4, [0, 3, 6, 10]),
        (7, 1, [6]),
    ],
)
def test_the_contracts_sample(length: int, wanted: int, steps: list[int]) -> None:
    assert sampled_steps(length, wanted) == steps
