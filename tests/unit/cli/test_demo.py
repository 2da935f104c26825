"""The demo fills a place once, with the same each time."""

from __future__ import annotations

import zlib

from millrace.cli import demo
from millrace.core import clock

MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS


def test_the_demo_has_a_bit_of_everything_and_is_there_once(millrace, client) -> None:
    began_ms = clock.now_ms()
    first = millrace("demo")
    again = millrace("demo")

    assert "40 runs added" in first.output
    assert "0 runs added, 40 were there" in again.output
    experiments = [client.get_experiment_by_name(plan.name) for plan in demo.PLANS]
    runs = client.search_runs([one.experiment_id for one in experiments], max_results=1_000)
    assert len(runs) == sum(plan.runs for plan in demo.PLANS)
    assert sum("mlflow.parentRunId" in run.data.tags for run in runs) == 6
    assert {run.info.status for run in runs} == {"FINISHED", "FAILED", "RUNNING"}
    assert len(client.search_model_versions(f"name = '{demo.MODEL}'")) == 3
    (waiting,) = client.list_transition_requests(demo.MODEL)
    assert waiting.state == "OPEN"
    # It has just happened: nothing of it is in the future, and what goes on began an hour ago.
    now_ms = clock.now_ms()
    (goes_on,) = (run for run in runs if run.info.status == "RUNNING")
    assert now_ms - goes_on.info.start_time < 60 * MINUTE_MS + (now_ms - began_ms)
    assert goes_on.info.start_time == max(run.info.start_time for run in runs)
    assert all((run.info.end_time or 0) < now_ms for run in runs)
    points = client.get_metric_history(goes_on.info.run_id, "train/loss")
    assert max(one.timestamp for one in points) < now_ms


def test_the_demo_of_a_given_time_is_the_same_each_time() -> None:
    """Weeks of sittings, those of a parent run and the runs below it on one day."""
    now_ms = 1_769_860_800_000
    began = {
        (place, number): demo.began_ms(place, number, now_ms)
        for place, plan in enumerate(demo.PLANS)
        for number in range(plan.runs)
    }

    assert max(began, key=began.__getitem__) == (2, 9)
    assert began[2, 9] == now_ms - 50 * MINUTE_MS
    assert began[0, 0] == min(began.values()) == began[2, 9] - 43 * DAY_MS - 120 * MINUTE_MS
    assert len({at // DAY_MS for at in began.values()}) >= 10
    assert all(began[0, below] - began[0, 2] < DAY_MS for below in (3, 4, 5))


def test_a_picture_is_a_png() -> None:
    body = demo.png([[(1, 2, 3), (4, 5, 6)]])

    assert body.startswith(b"\x89PNG\r\n\x1a\n")
    at = body.index(b"IDAT")
    length = int.from_bytes(body[at - 4 : at], "big")
    assert zlib.decompress(body[at + 4 : at + 4 + length]) == b"\0\1\2\3\4\5\6"
