"""Figures about all runs in SQL: from indexes, no row of a run is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, func, select

from millrace.core.entities.overview import DAY_MS, RunCount
from millrace.core.entities.run import STATUS_NUMBERS
from millrace.stores.memory.overview import in_order
from millrace.stores.sql import tables as t
from millrace.stores.sql.transaction import ACTIVE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from millrace.stores.sql.engine import Database

_r = t.runs.c
_COUNTS: Final = select(_r.experiment_id, _r.lifecycle, _r.status, func.count()).group_by(
    _r.experiment_id, _r.lifecycle, _r.status
)
_OF_SOME: Final = _COUNTS.where(_r.experiment_id.in_(bindparam("ids", expanding=True)))


class SqlOverview:
    """Counts the runs of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def run_counts(self, experiment_ids: Sequence[str] | None) -> list[RunCount]:
        """Runs by experiment, life cycle and status."""
        with self._database.reading() as session:
            if experiment_ids is None:
                rows = session.select(_COUNTS)
            else:
                rows = session.select(_OF_SOME, ids=sorted({int(one) for one in experiment_ids}))
        return in_order(
            RunCount(
                experiment_id=str(home),
                lifecycle_stage="active" if stage == ACTIVE else "deleted",
                status=STATUS_NUMBERS[status],
                runs=runs,
            )
            for home, stage, status, runs in rows
        )

    def run_days(self, since_ms: int, *, offset_ms: int) -> Mapping[int, int]:
        """How many runs began on each day."""
        first_ms = (since_ms + offset_ms) // DAY_MS * DAY_MS - offset_ms
        begun = (
            select(((_r.start_ms + offset_ms) // DAY_MS).label("day"))
            .where(_r.lifecycle == ACTIVE, _r.start_ms >= first_ms)
            .subquery()
        )
        # By a column of a subquery: a parameter in GROUP BY is another one than in SELECT.
        days = select(begun.c.day, func.count()).group_by(begun.c.day)
        with self._database.reading() as session:
            return {int(day): runs for day, runs in session.select(days)}
