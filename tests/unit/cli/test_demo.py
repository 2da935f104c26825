"""The demo fills a place once, with the same each time."""

from __future__ import annotations

import zlib

from millrace.cli import demo


def test_the_demo_has_a_bit_of_everything_and_is_there_once(millrace, client) -> None:
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


def test_a_picture_is_a_png() -> None:
    body = demo.png([[(1, 2, 3), (4, 5, 6)]])

    assert body.startswith(b"\x89PNG\r\n\x1a\n")
    at = body.index(b"IDAT")
    length = int.from_bytes(body[at - 4 : at], "big")
    assert zlib.decompress(body[at + 4 : at + 4 + length]) == b"\0\1\2\3\4\5\6"
