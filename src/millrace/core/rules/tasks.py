"""How a task goes on, and when a change of it counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from millrace.core.errors import Conflict, NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from millrace.core.entities.task import Task, TaskProblem

LEASE_MS: Final = 30_000
"""So long nobody else takes a task up, and then somebody does: its process is gone."""
KEPT_MS: Final = 7 * 24 * 60 * 60 * 1000
"""So long a task is known after its end."""
_PROBLEMS: Final = 20


def there(task_id: str, held: Task | None) -> Task:
    """The task; raise `NotFound` when there is none."""
    if held is None:
        raise NotFound(f"There is no task {task_id!r}; {KEPT_MS // 86_400_000} days after its end "
                       "a task is forgotten.")  # fmt: skip
    return held


def check_seen(held: Task, seen: int) -> None:
    """Raise unless *held* is what the writer has *seen*."""
    if held.revision != seen:
        raise Conflict(f"Task {held.task_id!r} is at revision {held.revision}, not {seen}.")


def place(task: Task) -> tuple[int, str]:
    """Where a task is among others: the newest first."""
    return -task.created_ms, task.task_id


def taken(task: Task, now_ms: int) -> Task:
    """The task in the hands of one process."""
    return replace(task, lease_until_ms=now_ms + LEASE_MS, revision=task.revision + 1)


def advanced(task: Task, runs: int, problems: Sequence[TaskProblem], now_ms: int) -> Task:
    """The task after it went through *runs* more of them."""
    done = task.done + runs
    is_over = done >= task.total
    return replace(
        taken(task, now_ms),
        done=done,
        failed=task.failed + len(problems),
        problems=(*task.problems, *problems)[:_PROBLEMS],
        state="DONE" if is_over else task.state,
        ended_ms=now_ms if is_over else None,
    )


def cancelled(task: Task, now_ms: int) -> Task:
    """The task, given up; what it has done stays."""
    return replace(task, state="CANCELLED", ended_ms=now_ms, revision=task.revision + 1)
