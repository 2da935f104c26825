"""Work on many runs: asked for at once, done part by part, by whichever process has it in hand.

A task holds the runs that it found when it was asked for. Each part is one group of writes, then
the task says how far it is; a process that dies loses a part at most, which is done once more.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from millrace.api.tasks import MOST_RUNS, TaskReply, TasksReply
from millrace.core import ids, settings
from millrace.core.clock import now_ms
from millrace.core.entities.access import Actor
from millrace.core.entities.run import Batch, RunChange
from millrace.core.entities.task import Task, TaskProblem
from millrace.core.errors import Conflict, InvalidArgument, MillraceError, NotFound, Unavailable
from millrace.core.rules import names
from millrace.core.rules import runs as run_rules
from millrace.core.rules import tasks as rules
from millrace.services.context import Context
from millrace.services.later import decided_afresh, then
from millrace.services.run_tables import asked_runs
from millrace.services.runs import asked_to_stop

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from millrace.api.tasks import CreateTask, SearchTasks, TaskAt
    from millrace.stores.protocols import Stores

logger = logging.getLogger(__name__)

_PART: Final = 100
_TRIES: Final = 10


class Tasks:
    """Takes tasks on, and does them in one thread of this process."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._store = stores.tasks
        self._truncate = settings.TRUNCATE_LONG_VALUES.get()
        self._lock = threading.Lock()
        self._thread: ThreadPoolExecutor | None = None
        self._is_closed = False
        self._forgotten_ms = 0

    # --- asked for ------------------------------------------------------------------------------

    def create(self, ctx: Context, request: CreateTask) -> TaskReply:
        """Take a task on."""
        self._check(request)
        found = self._runs(request)
        if len(found) > MOST_RUNS:
            raise InvalidArgument(
                f"{len(found):,} runs match, and a task is about {MOST_RUNS:,} at most: narrow the "
                "filter."
            )
        task = Task(
            task_id=ids.task_id(),
            kind=request.kind,
            state="RUNNING" if found else "DONE",
            owner=ctx.actor.name,
            is_verified=ctx.actor.verified,
            experiment_ids=tuple(map(names.experiment_id, request.experiment_ids)),
            key=request.key,
            value=request.value,
            target_id=request.target_id,
            total=len(found),
            done=0,
            failed=0,
            created_ms=ctx.at_ms,
            ended_ms=None if found else ctx.at_ms,
            lease_until_ms=ctx.at_ms + rules.LEASE_MS,
        )
        kept = self._store.add_task(task, found, trail=ctx.trail("task.create")).result()
        if kept.state == "RUNNING":
            self._soon(kept.task_id)
        return TaskReply(task=kept)

    def get(self, _ctx: Context, request: TaskAt) -> TaskReply:
        """Get a task."""
        return TaskReply(task=rules.there(request.task_id, self._store.task(request.task_id)))

    def search(self, ctx: Context, request: SearchTasks) -> TasksReply:
        """Tasks, the newest first."""
        found = [
            one
            for one in self._store.tasks()
            if (request.all or one.owner == ctx.actor.name)
            and (one.state == "RUNNING" or not request.running)
        ]
        return TasksReply(tasks=tuple(found[: request.max_results]))

    def cancel(self, ctx: Context, request: TaskAt) -> Future[TaskReply]:
        """End a task; one that has ended stays as it is."""

        def decide() -> Future[Task]:
            held = rules.there(request.task_id, self._store.task(request.task_id))
            if held.state != "RUNNING":
                raise InvalidArgument(f"Task {held.task_id!r} has ended: {held.state}.")
            changed = rules.cancelled(held, ctx.at_ms)
            trail = ctx.trail("task.cancel")
            return self._store.change_task(changed, seen=held.revision, trail=trail)

        return then(decided_afresh(decide, tries=_TRIES), lambda one: TaskReply(task=one))

    def _check(self, request: CreateTask) -> None:
        if request.kind == "tag_runs":
            run_rules.tag(request.key or "", request.value or "", truncate=self._truncate)
        if request.kind == "move_runs":
            target = names.experiment_id(request.target_id or "")
            if self._stores.tracking.experiment(target) is None:
                raise NotFound(f"No Experiment with id={target} exists.")
        named = [request.run_ids, request.of_task_id, request.filter or request.text]
        if sum(one is not None for one in named) > 1:
            raise InvalidArgument("Name runs by run_ids, of_task_id, or a filter: one of them.")

    def _runs(self, request: CreateTask) -> list[str]:
        """The runs that it is about, all of them in the experiments that the caller may manage."""
        tables = self._stores.run_tables
        wanted: Sequence[str] | None = request.run_ids
        if request.of_task_id is not None:
            rules.there(request.of_task_id, self._store.task(request.of_task_id))
            wanted = self._store.task_runs(request.of_task_id)
        if wanted is None:
            return tables.ids(tables.ordered(asked_runs(request)).rows)
        every = asked_runs(request, view="ALL")
        there = set(tables.ids(tables.ordered(every).rows))
        if request.run_ids is not None and (strange := set(wanted) - there):
            raise NotFound(
                f"{len(strange)} of the runs are not in these experiments, such as "
                f"{min(strange)[:80]!r}."
            )
        return [one for one in dict.fromkeys(wanted) if one in there]

    # --- done -----------------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Take up what a process left that is gone; forget what ended long ago."""
        at_ms = now_ms()
        for task in self._store.tasks():
            if task.state == "RUNNING" and task.lease_until_ms < at_ms:
                self._soon(task.task_id)
        if at_ms - self._forgotten_ms > rules.LEASE_MS * 20:
            self._forgotten_ms = at_ms
            self._store.forget_tasks(at_ms - rules.KEPT_MS).result()

    def close(self) -> None:
        """Stop after the part that is being done; others are done after the next start."""
        with self._lock:
            self._is_closed = True
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.shutdown(cancel_futures=True)

    def _soon(self, task_id: str) -> None:
        with self._lock:
            if self._is_closed:
                return
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1, thread_name_prefix="millrace-tasks")
            self._thread.submit(self._work, task_id)

    def _work(self, task_id: str) -> None:
        try:
            task = self._store.task(task_id)
            if task is None or task.state != "RUNNING":
                return
            task = self._store.change_task(rules.taken(task, now_ms()), seen=task.revision).result()
            runs = self._store.task_runs(task_id)
            while task.state == "RUNNING" and not self._is_closed:
                part = runs[task.done : task.done + _PART]
                problems = self._do(task, part)
                after = rules.advanced(task, len(part), problems, now_ms())
                task = self._store.change_task(after, seen=task.revision).result()
        except Conflict:
            logger.info("task %s was cancelled, or is in other hands", task_id)
        except MillraceError as error:  # the store is away or closed: later, from where it was
            logger.warning("task %s is put off: %s", task_id, error.message)
        except Exception:
            logger.exception("task %s broke off; it is tried again", task_id)

    def _do(self, task: Task, part: Sequence[str]) -> list[TaskProblem]:
        """Do a part, its runs side by side; what went wrong with which."""
        at_ms = now_ms()
        owner = Actor(name=task.owner, verified=task.is_verified)
        ctx = Context(actor=owner, request_id=task.task_id, at_ms=at_ms)
        start = self._starter(task, ctx)
        problems: list[TaskProblem] = []
        started: list[tuple[str, Future[Any]]] = []
        for run_id in part:
            try:
                started.append((run_id, start(run_id)))
            except Unavailable:
                raise
            except MillraceError as error:
                problems.append(TaskProblem(run_id=run_id, message=error.message))
        for run_id, future in started:
            try:
                future.result()
            except Unavailable:
                raise
            except MillraceError as error:
                problems.append(TaskProblem(run_id=run_id, message=error.message))
        return problems

    def _starter(self, task: Task, ctx: Context) -> Callable[[str], Future[Any]]:
        tracking, transfer = self._stores.tracking, self._stores.transfer
        match task.kind:
            case "delete_runs":
                trash = RunChange(lifecycle_stage="deleted", deleted_ms=ctx.at_ms)
                trail = ctx.trail("run.delete")
                return lambda run_id: tracking.change_run(run_id, trash, trail=trail)
            case "restore_runs":
                active, trail = RunChange(lifecycle_stage="active"), ctx.trail("run.restore")
                return lambda run_id: tracking.change_run(run_id, active, trail=trail)
            case "tag_runs":
                tag = run_rules.tag(task.key or "", task.value or "", truncate=self._truncate)
                name = run_rules.renamed_by((tag,))
                batch = Batch(set_tags=(tag,), run_name=name)
                return lambda run_id: tracking.append(run_id, batch)
            case "move_runs":
                target, trail = task.target_id or "", ctx.trail("run.move")
                return lambda run_id: transfer.move_runs([run_id], target, trail=trail)
            case "stop_runs":
                return lambda run_id: asked_to_stop(tracking, ctx, run_id)[1]
