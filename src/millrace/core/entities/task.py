"""Tasks: work on many runs that goes on after it was asked for."""

from __future__ import annotations

from typing import Literal

from millrace.core.entities.entity import Entity

TaskKind = Literal["delete_runs", "restore_runs", "tag_runs", "move_runs", "stop_runs"]
TaskState = Literal["RUNNING", "DONE", "CANCELLED"]


class TaskProblem(Entity, frozen=True, kw_only=True):
    """Why a run is as it was."""

    run_id: str
    message: str


class Task(Entity, frozen=True, kw_only=True):
    """Work on `total` runs, of which it is through with `done`; `failed` of them are as they were,
    the first of which are in `problems` with their reasons.

    `is_verified`: the name of its owner was proved, not just stated. `key` and `value` are the tag,
    `target_id` is the experiment that runs go to. It goes on in one process until `lease_until_ms`,
    then in whichever finds it. `revision` counts changes from 1.
    """

    task_id: str
    kind: TaskKind
    state: TaskState
    owner: str
    is_verified: bool = False
    experiment_ids: tuple[str, ...]
    key: str | None = None
    value: str | None = None
    target_id: str | None = None
    total: int
    done: int
    failed: int
    problems: tuple[TaskProblem, ...] = ()
    created_ms: int
    ended_ms: int | None = None
    lease_until_ms: int = 0
    revision: int = 1
