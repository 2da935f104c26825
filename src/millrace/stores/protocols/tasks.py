"""Tasks and the runs that they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from millrace.core.entities.audit import NO_TRAIL, Trail

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from millrace.core.entities.task import Task


class TaskStore(Protocol):
    """Records of tasks. What they do is done by services."""

    def task(self, task_id: str) -> Task | None: ...

    def tasks(self) -> list[Task]:
        """All tasks that are not forgotten, the newest first."""
        ...

    def task_runs(self, task_id: str) -> list[str]:
        """The ids of the runs of a task, in the order in which it goes through them."""
        ...

    def add_task(
        self, task: Task, run_ids: Sequence[str], *, trail: Trail = NO_TRAIL
    ) -> Future[Task]:
        """Record a new task with its runs."""
        ...

    def change_task(self, task: Task, *, seen: int, trail: Trail = NO_TRAIL) -> Future[Task]:
        """Record a task in place of its revision *seen*. NotFound; Conflict: it was changed
        meanwhile."""
        ...

    def forget_tasks(self, ended_before_ms: int) -> Future[int]:
        """Forget tasks that ended before; how many."""
        ...
