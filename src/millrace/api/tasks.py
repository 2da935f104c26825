"""Tasks: work on many runs that goes on after it was asked for. Requests, replies, endpoints."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from millrace.api.endpoint import (
    EachExperiment,
    Endpoint,
    Experiment,
    Id,
    Needs,
    Reply,
    Request,
    Results,
    SignedIn,
    edits,
    manages,
    reads,
)
from millrace.api.run_tables import OfRuns
from millrace.core.entities.access import Permission
from millrace.core.entities.task import Task, TaskKind

MOST_RUNS: Final = 200_000
_BODY: Final = 8 * 1024 * 1024


class CreateTask(OfRuns, frozen=True, kw_only=True):
    """Do something to all runs that match, or to those of `run_ids` that are in the experiments, or
    to those of the task `of_task_id`, which undoes or repeats it. `key` and `value` are the tag of
    `tag_runs`; `target_id` is where `move_runs` has them go."""

    kind: TaskKind
    run_ids: Annotated[tuple[Id, ...], msgspec.Meta(max_length=MOST_RUNS)] | None = None
    of_task_id: Id | None = None
    key: str | None = None
    value: str | None = None
    target_id: Id | None = None


class SearchTasks(Request, frozen=True, kw_only=True):
    """The caller's tasks; `all`: those of everybody. `running`: only those that go on."""

    all: bool = False
    running: bool = False
    max_results: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 50


class TaskAt(Request, frozen=True, kw_only=True):
    task_id: Id


class TaskReply(Reply, frozen=True, kw_only=True):
    task: Task


class TasksReply(Reply, frozen=True, kw_only=True):
    """The newest first."""

    tasks: tuple[Task, ...] = ()


ROWS: Final[tuple[Endpoint, ...]] = (  # type: ignore[type-arg]  # rows of many types, told apart by name
    Endpoint(
        name="createTask",
        group="Tasks",
        method="POST",
        path="/millrace/tasks",
        versions=("3.0",),
        request=CreateTask,
        response=TaskReply,
        needs=manages(EachExperiment("experiment_ids")),
        also=(edits(Experiment("target_id")),),
        body_limit=_BODY,
        summary="Delete, restore, tag, move or stop many runs, however many, in the background.",
    ),
    Endpoint(
        name="searchTasks",
        group="Tasks",
        method="GET",
        path="/millrace/tasks",
        versions=("3.0",),
        request=SearchTasks,
        response=TasksReply,
        needs=reads(Results("tasks")),
        summary="List tasks and how far they are.",
    ),
    Endpoint(
        name="getTask",
        group="Tasks",
        method="GET",
        path="/millrace/tasks/{task_id}",
        versions=("3.0",),
        request=TaskAt,
        response=TaskReply,
        needs=reads(Results("tasks")),
        summary="Get a task and how far it is.",
    ),
    Endpoint(
        name="cancelTask",
        group="Tasks",
        method="POST",
        path="/millrace/tasks/{task_id}/cancel",
        versions=("3.0",),
        request=TaskAt,
        response=TaskReply,
        needs=Needs(Permission.EDIT, SignedIn()),
        summary="End a task before it is through; what it has done stays.",
    ),
)
