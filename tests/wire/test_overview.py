"""Figures about everything over HTTP: runs by state and day, and how much is kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.wire import build
from tests.wire.client import Api
from tests.wire.expect import INVALID, MISSING, ok, refused
from tests.wire.marks import differs

pytestmark = differs("an endpoint of ours")

OVERVIEW = "/api/3.0/millrace/overview"
STORAGE = "/api/3.0/millrace/storage"
DAY_MS = 24 * 60 * 60 * 1_000


def overview(api: Api, **asked: Any) -> dict[str, Any]:
    return dict(ok(api.get(OVERVIEW, asked)))


def put(api: Api, path: str, content: bytes) -> None:
    assert api.text(path, content, method="PUT").status == 200


def today_ms() -> int:
    return int(datetime.now(UTC).timestamp() * 1_000)


def test_runs_of_an_experiment_are_counted_by_state(api: Api, experiment: str) -> None:
    for _ in range(2):
        build.add_run(api, experiment)
    ended = build.add_run(api, experiment)
    ok(api.post("runs/update", {"run_id": ended, "status": "FINISHED", "end_time": 5}))
    gone = build.add_run(api, experiment)
    before = overview(api)
    ok(api.post("runs/delete", {"run_id": gone}))

    after = overview(api)
    told = overview(api, experiment_ids=[experiment])

    assert after["deleted"] == before.get("deleted", 0) + 1
    assert sum(after["runs"].values()) == sum(before["runs"].values()) - 1
    assert "experiments" not in before
    counts = {"runs": {"FINISHED": 1, "RUNNING": 2}, "deleted": 1}
    assert told["experiments"] == [{"experiment_id": experiment, **counts}]


def test_of_named_experiments_only_their_runs_count(api: Api, experiment: str) -> None:
    """By state and by day, whatever else the place holds."""
    other = build.add_experiment(api)
    for home, runs in ((experiment, 2), (other, 3)):
        for _ in range(runs):
            build.add_run(api, home, start_time=today_ms() - 1_000)

    def counted(*homes: str) -> tuple[int, int]:
        told = overview(api, experiment_ids=homes)
        return told["runs"]["RUNNING"], sum(one["runs"] for one in told["days"])

    assert counted(experiment) == (2, 2)
    assert counted(other, experiment, other) == (5, 5)
    nothing = overview(api, experiment_ids=["987654321"])
    assert (nothing["runs"], nothing.get("days")) == ({}, None)


def test_activity_is_told_by_the_day_of_who_asks(api: Api, experiment: str) -> None:
    before = overview(api, days=3)
    build.add_run(api, experiment, start_time=today_ms() - 1_000)
    build.add_run(api, experiment, start_time=1)

    after = overview(api, days=3)

    assert after["last_day"] in {before["last_day"], datetime.now(UTC).date().isoformat()}
    began = [sum(one["runs"] for one in told.get("days", ())) for told in (before, after)]
    assert began[1] == began[0] + 1
    assert all(after["first_day"] <= one["day"] <= after["last_day"] for one in after["days"])
    east = overview(api, days=1, utc_offset_minutes=840)["last_day"]
    west = overview(api, days=1, utc_offset_minutes=-840)["last_day"]
    assert east > west


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"days": 0}, "days"),
        ({"days": 367}, "days"),
        ({"utc_offset_minutes": 841}, "utc_offset_minutes"),
        ({"experiment_ids": ["one"]}, "one"),
    ],
)
def test_what_is_asked_has_limits(api: Api, asked: dict[str, Any], named: str) -> None:
    refused(api.get(OVERVIEW, asked), INVALID, named)


def test_storage_is_told_by_experiment_and_as_it_was_for_a_while(api: Api, experiment: str) -> None:
    root = f"/api/2.0/mlflow-artifacts/artifacts/{experiment}"
    ok(api.get(STORAGE, {"max_age_s": 0}))
    put(api, f"{root}/{'a' * 32}/artifacts/one.bin", b"12345")
    put(api, f"{root}/models/m-1/artifacts/two.bin", b"123")

    old = ok(api.get(STORAGE, {"max_age_s": 3_600}))
    new = ok(api.get(STORAGE, {"max_age_s": 0}))

    (own,) = [one for one in new["experiments"] if one["experiment_id"] == experiment]
    assert (own["files"], own["bytes"]) == (2, 8)
    assert (own["model_files"], own["model_bytes"]) == (1, 3)
    assert new["files"] == old["files"] + 2
    assert new["bytes"] == old["bytes"] + 8
    assert new["measured_ms"] >= old["measured_ms"]
    assert experiment not in [one["experiment_id"] for one in old.get("experiments", ())]


def test_a_store_is_looked_through_when_asked(api: Api, experiment: str) -> None:
    root = f"/api/2.0/mlflow-artifacts/artifacts/{experiment}"
    put(api, f"{root}/{'a' * 32}/artifacts/deep/one.bin", b"12345")

    found = ok(api.post(f"{STORAGE}/measure", {"experiment_id": experiment}))

    assert (found["experiment_id"], found["files"], found["bytes"]) == (experiment, 1, 5)
    assert "is_partial" not in found
    refused(api.post(f"{STORAGE}/measure", {"experiment_id": "987654321"}), MISSING, "987654321")


def test_a_list_of_experiments_is_told_about_by_one_request(api: Api) -> None:
    goal = {"millrace.primaryMetric": "m", "millrace.primaryMetricGoal": "maximize"}
    home = build.add_experiment(api, tags=build.items(goal))
    run = build.add_run(api, home, user_id="bob", start_time=2_000_000_000_000)
    values = enumerate([0.25, 0.75, 0.5])
    build.log(api, run, metrics=[build.point("m", value, step=step) for step, value in values])
    put(api, f"/api/2.0/mlflow-artifacts/artifacts/{home}/{run}/artifacts/one.bin", b"12345")

    (told,) = overview(api, experiment_ids=[home], about=True)["experiments"]

    assert told["about"] == {
        "owner": "bob",
        "owners": 1,
        "last_activity_ms": 2_000_000_000_000,
        "files": 1,
        "bytes": 5,
        "primary_metric": "m",
        "is_maximized": True,
        "best": 0.75,
        "best_run_id": run,
    }
    assert "about" not in overview(api, experiment_ids=[home])["experiments"][0]


def test_storage_is_told_by_whose_runs_it_is(api: Api) -> None:
    home = build.add_experiment(api)
    root = f"/api/2.0/mlflow-artifacts/artifacts/{home}"
    names = [build.unique("owner") for _ in range(2)]
    runs = [build.add_run(api, home, user_id=name) for name in names]
    model = build.add_model(api, home, source_run_id=runs[1])
    put(api, f"{root}/{runs[0]}/artifacts/one.bin", b"12345")
    put(api, f"{root}/{runs[1]}/artifacts/two.bin", b"12")
    put(api, f"{root}/models/{model}/artifacts/three.bin", b"1234567")

    told = ok(api.get(STORAGE, {"max_age_s": 0}))

    found = {one["owner"]: one for one in told["owners"] if one["owner"] in names}
    assert found == {
        names[0]: {"owner": names[0], "experiments": 1, "files": 1, "bytes": 5},
        names[1]: {
            "owner": names[1], "experiments": 1, "files": 2, "bytes": 9,
            "model_files": 1, "model_bytes": 7,
        },
    }  # fmt: skip
    assert sum(one["bytes"] for one in told["owners"]) == told["bytes"] - told.get("other_bytes", 0)
