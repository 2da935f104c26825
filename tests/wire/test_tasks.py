"""Tasks on many runs over HTTP."""

from __future__ import annotations

import time
from typing import Any

from tests.wire.client import Api
from tests.wire.expect import INVALID, MISSING, ok, refused
from tests.wire.marks import differs

pytestmark = differs("an endpoint of ours")

PATH = "/api/3.0/millrace/tasks"
PATIENCE_S = 30.0


def through(api: Api, task: dict[str, Any]) -> dict[str, Any]:
    """The task after its end."""
    deadline = time.monotonic() + PATIENCE_S
    while task["state"] == "RUNNING":
        assert time.monotonic() < deadline, task
        task = ok(api.get(f"{PATH}/{task['task_id']}"))["task"]
    return task


def test_runs_are_tagged_in_the_background(api: Api, experiment: str, run: str) -> None:
    message = {"experiment_ids": [experiment], "kind": "tag_runs", "key": "k", "value": "v"}

    made = ok(api.post(PATH, message))["task"]
    task = through(api, made)

    assert (made["total"], task["done"], task["failed"]) == (1, 1, 0)
    tags = ok(api.get("/api/2.0/mlflow/runs/get", {"run_id": run}))["run"]["data"]["tags"]
    assert {"key": "k", "value": "v"} in tags
    assert task in ok(api.get(PATH))["tasks"]


def test_a_task_that_has_ended_is_not_cancelled(api: Api, experiment: str) -> None:
    made = ok(api.post(PATH, {"experiment_ids": [experiment], "kind": "delete_runs"}))["task"]

    assert made["state"] == "DONE"
    refused(api.post(f"{PATH}/{made['task_id']}/cancel", {}), INVALID, "has ended")
    refused(api.get(f"{PATH}/t-none"), MISSING, "t-none")


def test_what_to_do_is_looked_at_first(api: Api, experiment: str) -> None:
    refused(api.post(PATH, {"experiment_ids": [experiment], "kind": "sing"}), INVALID, "kind")
    refused(api.post(PATH, {"kind": "delete_runs"}), INVALID, "experiment_ids")
