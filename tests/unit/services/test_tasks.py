"""Tasks on many runs: found when asked for, done in parts, taken up where a process left them."""

from __future__ import annotations

from typing import Any

import pytest

from millrace.core.clock import now_ms
from millrace.core.entities.access import Actor
from millrace.core.entities.task import Task
from millrace.core.errors import InvalidArgument, NotFound
from millrace.core.rules import tasks as rules
from millrace.services.platform import Platform
from tests.unit.client.scenes import until
from tests.unit.services.conftest import Call, calling

RUNS = 230


@pytest.fixture
def runs(call: Call) -> list[str]:
    """More of them than a part holds."""
    call("createExperiment", name="e")
    return [
        call(
            "createRun", experiment_id="1", run_name=f"r{number}", start_time=number
        ).run.info.run_id
        for number in range(RUNS)
    ]


def ended(call: Call, **message: Any) -> Task:
    task: Task = call("createTask", experiment_ids=["1"], **message).task

    def has_ended() -> bool:
        return bool(call("getTask", task_id=task.task_id).task.state != "RUNNING")

    until(has_ended)
    return call("getTask", task_id=task.task_id).task  # type: ignore[no-any-return]


def matching(call: Call, **message: Any) -> int:
    return int(call("queryRunTable", experiment_ids=["1"], limit=0, **message).runs)


def test_all_that_match_are_tagged(call: Call, runs: list[str]) -> None:
    task = ended(call, kind="tag_runs", key="stage", value="tried")

    assert (task.state, task.total, task.done, task.failed) == ("DONE", len(runs), len(runs), 0)
    assert matching(call, filter="tags.stage = 'tried'") == len(runs)


def test_what_a_task_deleted_another_one_restores(call: Call, runs: list[str]) -> None:
    call("deleteRun", run_id=runs[0])

    deleted = ended(call, kind="delete_runs", filter="attributes.start_time < 150")
    left = matching(call)
    restored = ended(call, kind="restore_runs", of_task_id=deleted.task_id)

    assert (deleted.total, left) == (149, RUNS - 150)
    assert restored.done == 149
    assert matching(call, view="DELETED_ONLY") == 1


def test_runs_go_to_another_experiment(call: Call, runs: list[str]) -> None:
    call("createExperiment", name="other")

    ended(call, kind="move_runs", run_ids=runs[:3], target_id="2")

    assert matching(call) == RUNS - 3
    assert call("queryRunTable", experiment_ids=["2"], limit=0).runs == 3


def test_runs_are_asked_to_stop_and_the_trail_says_by_whom(
    platform: Platform, runs: list[str]
) -> None:
    call = calling(platform, actor=Actor(name="ada", verified=True))
    call("updateRun", run_id=runs[0], status="FINISHED")

    task = ended(call, kind="stop_runs", run_ids=runs[:3])

    assert (task.done, task.failed, task.problems[0].run_id) == (3, 1, runs[0])
    assert [call("heartbeat", run_id=one, ttl_ms=1_000).stop is None for one in runs[:4]] == [
        True, False, False, True,
    ]  # fmt: skip
    told = call("listAuditEntries", action="run.stop").entries
    assert {(one.id, one.actor, one.verified) for one in told} == {
        (one, "ada", True) for one in runs[1:3]
    }


def test_a_run_that_refuses_is_named_and_the_others_go_on(call: Call, runs: list[str]) -> None:
    call("deleteRun", run_id=runs[7])

    task = ended(call, kind="tag_runs", run_ids=runs[:20], key="k", value="v")

    assert (task.done, task.failed) == (20, 1)
    assert [one.run_id for one in task.problems] == [runs[7]]
    assert matching(call, filter="tags.k = 'v'") == 19


def test_what_is_cancelled_ends(call: Call, platform: Platform, runs: list[str]) -> None:
    task = kept(platform, runs, lease_until_ms=now_ms() + 60_000)

    call("cancelTask", task_id=task.task_id)
    ended(call, kind="tag_runs", run_ids=runs[:1], key="other", value="v")

    assert call("getTask", task_id=task.task_id).task.state == "CANCELLED"
    assert matching(call, filter="tags.k = 'v'") == 0
    with pytest.raises(InvalidArgument, match="has ended"):
        call("cancelTask", task_id=task.task_id)


def test_what_a_process_left_is_taken_up_where_it_was(
    call: Call, platform: Platform, runs: list[str]
) -> None:
    task = kept(platform, runs, done=200, lease_until_ms=1)

    platform.housekeeping()
    until(lambda: call("getTask", task_id=task.task_id).task.state == "DONE")

    assert matching(call, filter="tags.k = 'v'") == RUNS - 200


def test_what_another_process_has_in_hand_is_left_to_it(
    call: Call, platform: Platform, runs: list[str]
) -> None:
    task = kept(platform, runs, lease_until_ms=now_ms() + 60_000)

    platform.housekeeping()
    ended(call, kind="tag_runs", run_ids=runs[:1], key="other", value="v")

    assert call("getTask", task_id=task.task_id).task == task


def kept(platform: Platform, runs: list[str], **fields: Any) -> Task:
    """A task that another process has begun."""
    known = {"state": "RUNNING", "done": 0, "failed": 0, "key": "k", "value": "v"}
    task = Task(
        task_id="t-1", kind="tag_runs", owner="anonymous", experiment_ids=("1",),
        total=len(runs), created_ms=1, **known | fields,
    )  # fmt: skip
    return platform.stores.tasks.add_task(task, runs).result()


def test_tasks_are_forgotten_after_their_time(call: Call, platform: Platform) -> None:
    old = now_ms() - rules.KEPT_MS - 1
    for task_id, ended_ms in (("t-1", old), ("t-2", now_ms())):
        task = Task(
            task_id=task_id, kind="delete_runs", state="DONE", owner="anonymous",
            experiment_ids=("1",), total=0, done=0, failed=0, created_ms=1, ended_ms=ended_ms,
        )  # fmt: skip
        platform.stores.tasks.add_task(task, []).result()

    platform.housekeeping()

    assert [one.task_id for one in call("searchTasks").tasks] == ["t-2"]


@pytest.mark.parametrize(
    ("message", "refusal"),
    [
        ({"kind": "tag_runs"}, "key"),
        ({"kind": "delete_runs", "filter": "attributes.x"}, "."),
        ({"kind": "delete_runs", "filter": "params.a = '1'", "run_ids": []}, "one of them"),
    ],
)
def test_what_cannot_be_done_is_refused_before(
    call: Call, message: dict[str, Any], refusal: str
) -> None:
    with pytest.raises(InvalidArgument, match=refusal):
        call("createTask", experiment_ids=["0"], **message)


def test_runs_of_other_experiments_are_none_of_it(call: Call, runs: list[str]) -> None:
    with pytest.raises(NotFound, match=runs[0]):
        call("createTask", experiment_ids=["0"], kind="delete_runs", run_ids=runs[:1])
    with pytest.raises(NotFound, match="id=77"):
        call("createTask", experiment_ids=["1"], kind="move_runs", target_id="77")

    assert matching(call) == RUNS
