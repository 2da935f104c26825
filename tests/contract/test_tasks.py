"""Tasks: kept with their runs, changed by one at a time, forgotten after their end."""

from __future__ import annotations

from typing import Any

import pytest

from millrace.core.entities.task import Task, TaskProblem
from millrace.core.errors import Conflict, NotFound
from millrace.core.rules import tasks as rules
from millrace.stores.protocols import Stores
from tests.contract.build import act, audited

RUNS = [f"{number:032x}" for number in range(250)]


def task(task_id: str, **fields: Any) -> Task:
    known: dict[str, Any] = {
        "kind": "tag_runs",
        "owner": "ada",
        "experiment_ids": ("0",),
        "created_ms": 1,
    }
    known |= {"key": "k", "value": "v", "state": "RUNNING", "done": 0, "failed": 0}
    return Task(task_id=task_id, total=len(RUNS), **known | fields)


def add(stores: Stores, made: Task) -> Task:
    return stores.tasks.add_task(made, RUNS).result()


def test_a_task_is_kept_with_its_runs_in_their_order(stores: Stores) -> None:
    made = add(stores, task("t-1", key="π"))

    assert stores.tasks.task("t-1") == made
    assert stores.tasks.task_runs("t-1") == RUNS
    assert stores.tasks.task("t-2") is None
    assert stores.tasks.task_runs("t-2") == []


def test_the_newest_come_first(stores: Stores) -> None:
    for task_id, created in [("t-b", 5), ("t-c", 9), ("t-a", 5)]:
        add(stores, task(task_id, created_ms=created))

    assert [one.task_id for one in stores.tasks.tasks()] == ["t-c", "t-a", "t-b"]


def test_a_task_is_in_the_hands_of_one(stores: Stores) -> None:
    made = add(stores, task("t-1"))
    first = rules.taken(made, 10)

    assert stores.tasks.change_task(first, seen=1).result() == first
    with pytest.raises(Conflict, match="revision 2"):
        stores.tasks.change_task(rules.taken(made, 20), seen=1).result()
    with pytest.raises(NotFound, match="t-2"):
        stores.tasks.change_task(task("t-2"), seen=1).result()
    assert stores.tasks.task_runs("t-1") == RUNS


def test_a_task_ends_with_its_last_run(stores: Stores) -> None:
    problem = TaskProblem(run_id=RUNS[0], message="It is in the trash.")
    half = rules.advanced(add(stores, task("t-1")), 200, [problem], 5)
    whole = rules.advanced(half, 50, [], 9)
    for one in (half, whole):
        stores.tasks.change_task(one, seen=one.revision - 1).result()

    held = stores.tasks.task("t-1")

    assert (half.state, half.ended_ms) == ("RUNNING", None)
    assert held == whole
    assert (whole.state, whole.done, whole.failed, whole.ended_ms) == ("DONE", 250, 1, 9)


def test_what_ended_long_ago_is_forgotten(stores: Stores) -> None:
    add(stores, task("t-1", state="DONE", ended_ms=99))
    add(stores, task("t-2", state="DONE", ended_ms=100))
    add(stores, task("t-3"))

    assert stores.tasks.forget_tasks(100).result() == 1
    assert {one.task_id for one in stores.tasks.tasks()} == {"t-2", "t-3"}
    assert stores.tasks.task_runs("t-1") == []


def test_beginning_and_end_are_audited(stores: Stores) -> None:
    made = stores.tasks.add_task(task("t-1"), RUNS, trail=act("task.create")).result()
    stores.tasks.change_task(rules.cancelled(made, 7), seen=1, trail=act("task.cancel")).result()

    assert [one.action for one in audited(stores, kind="task")] == ["task.create", "task.cancel"]
