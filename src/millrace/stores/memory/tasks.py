"""Tasks in dictionaries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from millrace.core.entities.audit import NO_TRAIL
from millrace.core.entities.task import Task
from millrace.core.rules import tasks as rules

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from millrace.core.entities.audit import Trail
    from millrace.stores.memory.ledger import Ledger


class MemoryTasks:
    """The tasks of one place."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._tasks = ledger.table("tasks", Task)
        # Apart, because a task changes often and its runs never do.
        self._runs = ledger.table("task_runs", tuple[str, ...])

    def task(self, task_id: str) -> Task | None:
        """The task of that id."""
        with self._ledger.lock:
            return self._tasks.get(task_id)

    def tasks(self) -> list[Task]:
        """All tasks, the newest first."""
        with self._ledger.lock:
            return sorted(self._tasks.values(), key=rules.place)

    def task_runs(self, task_id: str) -> list[str]:
        """The runs of a task."""
        with self._ledger.lock:
            return list(self._runs.get(task_id, ()))

    def add_task(
        self, task: Task, run_ids: Sequence[str], *, trail: Trail = NO_TRAIL
    ) -> Future[Task]:
        """Record a new task."""

        def add() -> Task:
            self._tasks[task.task_id] = task
            self._runs[task.task_id] = tuple(run_ids)
            self._ledger.note(trail, "task", task.task_id, after=task)
            return task

        return self._ledger.write(trail, add)

    def change_task(self, task: Task, *, seen: int, trail: Trail = NO_TRAIL) -> Future[Task]:
        """Record a task in place of what was seen."""

        def change() -> Task:
            held = rules.there(task.task_id, self._tasks.get(task.task_id))
            rules.check_seen(held, seen)
            self._tasks[task.task_id] = task
            self._ledger.note(trail, "task", task.task_id, before=held, after=task)
            return task

        return self._ledger.write(trail, change)

    def forget_tasks(self, ended_before_ms: int) -> Future[int]:
        """Forget tasks that ended before."""

        def forget() -> int:
            old = [
                one.task_id
                for one in self._tasks.values()
                if one.ended_ms is not None and one.ended_ms < ended_before_ms
            ]
            for task_id in old:
                del self._tasks[task_id], self._runs[task_id]
            return len(old)

        return self._ledger.write(NO_TRAIL, forget)
