"""Tasks in SQL: JSON, beside which their runs are kept once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import delete, insert, select, update

from millrace.core.entities.audit import NO_TRAIL
from millrace.core.entities.task import Task
from millrace.core.rules import tasks as rules
from millrace.stores.sql import tables as t

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from millrace.core.entities.audit import Trail
    from millrace.stores.sql.engine import Database, Session
    from millrace.stores.sql.transaction import Transaction
    from millrace.stores.sql.writer import Writer

_t = t.tasks.c


class SqlTasks:
    """Tasks in a database."""

    def __init__(self, database: Database, writer: Writer[Transaction]) -> None:
        self._database = database
        self._writer = writer

    def task(self, task_id: str) -> Task | None:
        """The task of that id."""
        with self._database.reading() as session:
            return _held(session, task_id)

    def tasks(self) -> list[Task]:
        """All tasks, the newest first."""
        with self._database.reading() as session:
            rows = session.select(select(_t.record))
        return sorted((msgspec.json.decode(row[0], type=Task) for row in rows), key=rules.place)

    def task_runs(self, task_id: str) -> list[str]:
        """The runs of a task."""
        with self._database.reading() as session:
            rows = session.select(select(_t.run_ids).where(_t.id == task_id))
        return msgspec.json.decode(rows[0][0], type=list[str]) if rows else []

    def add_task(
        self, task: Task, run_ids: Sequence[str], *, trail: Trail = NO_TRAIL
    ) -> Future[Task]:
        """Record a new task."""

        def add(tx: Transaction) -> Task:
            row = {
                "id": task.task_id,
                "ended_ms": task.ended_ms,
                "record": msgspec.json.encode(task),
                "run_ids": msgspec.json.encode(list(run_ids)),
            }
            tx.session.connection.execute(insert(t.tasks).values(**row))
            tx.note(trail, "task", task.task_id, after=task)
            return task

        return self._writer.submit(lambda tx: tx.once(trail, Task, lambda: add(tx)))

    def change_task(self, task: Task, *, seen: int, trail: Trail = NO_TRAIL) -> Future[Task]:
        """Record a task in place of what was seen."""

        def change(tx: Transaction) -> Task:
            held = rules.there(task.task_id, _held(tx.session, task.task_id))
            rules.check_seen(held, seen)
            row = {"ended_ms": task.ended_ms, "record": msgspec.json.encode(task)}
            tx.session.connection.execute(
                update(t.tasks).where(_t.id == task.task_id).values(**row)
            )
            tx.note(trail, "task", task.task_id, before=held, after=task)
            return task

        return self._writer.submit(lambda tx: tx.once(trail, Task, lambda: change(tx)))

    def forget_tasks(self, ended_before_ms: int) -> Future[int]:
        """Forget tasks that ended before."""

        def forget(tx: Transaction) -> int:
            old = delete(t.tasks).where(_t.ended_ms < ended_before_ms)
            return tx.session.connection.execute(old).rowcount

        return self._writer.submit(forget)


def _held(session: Session, task_id: str) -> Task | None:
    rows = session.select(select(_t.record).where(_t.id == task_id))
    return msgspec.json.decode(rows[0][0], type=Task) if rows else None
