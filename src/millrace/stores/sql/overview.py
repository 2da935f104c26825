"""Figures about runs in SQL. Counts come from indexes: no row of a run is read for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BindParameter, bindparam, case, func, select

from millrace.core.entities.overview import DAY_MS, BestRun, RunCount
from millrace.core.entities.run import STATUS_NUMBERS
from millrace.core.numbers import value_of
from millrace.stores.memory.overview import in_order, told
from millrace.stores.sql import tables as t
from millrace.stores.sql.transaction import ACTIVE, METRIC

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Select

    from millrace.core.entities.overview import Activity, BestAsked
    from millrace.stores.sql.engine import Database

_r = t.runs.c
_COUNTS: Final = select(_r.experiment_id, _r.lifecycle, _r.status, func.count()).group_by(
    _r.experiment_id, _r.lifecycle, _r.status
)
_OF_SOME: Final = _COUNTS.where(_r.experiment_id.in_(bindparam("ids", expanding=True)))
_ids: BindParameter[Any] = bindparam("ids", expanding=True)
_ACTIVITY: Final = (
    select(
        _r.experiment_id,
        _r.user_id,
        func.count(),
        func.max(case((_r.end_ms > _r.start_ms, _r.end_ms), else_=_r.start_ms)),
    )
    .where(_r.lifecycle == ACTIVE, _r.experiment_id.in_(_ids))
    .group_by(_r.experiment_id, _r.user_id)
)
_s, _k, _m = t.series.c, t.keys.c, t.logged_models.c
_KEYS: Final = select(_k.id, _k.experiment_id, _k.name).where(
    _k.kind == METRIC,
    _k.experiment_id.in_(_ids),
    _k.name.in_(bindparam("names", expanding=True)),
)
_RUN_OWNERS: Final = select(_r.uuid, _r.user_id).where(_r.experiment_id.in_(_ids))
_MODEL_OWNERS: Final = (
    select(_m.uuid, _r.user_id)
    .join(t.runs, _r.uuid == _m.source_run_id)
    .where(_m.experiment_id.in_(_ids))
)


def _best(*, is_maximized: bool) -> Select[tuple[int, str, int]]:
    """The best series of each of some keys."""
    value = _s.max_value if is_maximized else _s.min_value
    place = func.row_number().over(
        partition_by=_s.key_id,
        order_by=(value.desc() if is_maximized else value, _r.start_ms.desc(), _r.uuid),
    )
    ranked = (
        select(_s.key_id, _r.uuid, value.label("value"), place.label("place"))
        .join(t.runs, _r.id == _s.run_id)
        .where(_s.key_id.in_(_ids), _s.count > _s.nan_count, _r.lifecycle == ACTIVE)
        .subquery()
    )
    return select(ranked.c.key_id, ranked.c.uuid, ranked.c.value).where(ranked.c.place == 1)


_LEAST: Final = _best(is_maximized=False)
_MOST: Final = _best(is_maximized=True)


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
                rows = session.select(_OF_SOME, ids=_numbers(experiment_ids))
        return in_order(
            RunCount(
                experiment_id=str(home),
                lifecycle_stage="active" if stage == ACTIVE else "deleted",
                status=STATUS_NUMBERS[status],
                runs=runs,
            )
            for home, stage, status, runs in rows
        )

    def run_days(
        self, experiment_ids: Sequence[str] | None, since_ms: int, *, offset_ms: int
    ) -> Mapping[int, int]:
        """How many runs began on each day."""
        first_ms = (since_ms + offset_ms) // DAY_MS * DAY_MS - offset_ms
        begun = select(((_r.start_ms + offset_ms) // DAY_MS).label("day")).where(
            _r.lifecycle == ACTIVE, _r.start_ms >= first_ms
        )
        if experiment_ids is not None:
            begun = begun.where(_r.experiment_id.in_(_numbers(experiment_ids)))
        within = begun.subquery()
        # By a column of a subquery: a parameter in GROUP BY is another one than in SELECT.
        days = select(within.c.day, func.count()).group_by(within.c.day)
        with self._database.reading() as session:
            return {int(day): runs for day, runs in session.select(days)}

    def activity(self, experiment_ids: Sequence[str]) -> list[Activity]:
        """What the runs of each of some experiments tell."""
        with self._database.reading() as session:
            rows = session.select(_ACTIVITY, ids=_numbers(experiment_ids))
        return told((str(home), user, runs, last_ms) for home, user, runs, last_ms in rows)

    def best_runs(self, asked: Sequence[BestAsked]) -> list[BestRun]:
        """The best run for each experiment and metric: from what is known of whole series."""
        wanted = {(int(one.experiment_id), one.key): one for one in asked}
        if not wanted:
            return []
        found = {}
        with self._database.reading() as session:
            keys = session.select(
                _KEYS,
                ids=sorted({home for home, _ in wanted}),
                names=sorted({name for _, name in wanted}),
            )
            named = {row[0]: wanted.get((row[1], row[2])) for row in keys}
            for query, is_maximized in ((_LEAST, False), (_MOST, True)):
                ids = [key for key, of in named.items() if of and of.is_maximized == is_maximized]
                for key, run_id, value in session.select(query, ids=ids) if ids else ():
                    of = named[key]
                    if of is not None:
                        found[of] = BestRun(
                            experiment_id=of.experiment_id, run_id=run_id, value=value_of(value)
                        )
        return [found[one] for one in asked if one in found]

    def owners(self, experiment_ids: Sequence[str]) -> Mapping[str, str]:
        """Whose each run and each logged model of some experiments is."""
        with self._database.reading() as session:
            rows = [
                row
                for query in (_RUN_OWNERS, _MODEL_OWNERS)
                for row in session.select(query, ids=_numbers(experiment_ids))
            ]
        return dict(rows)


def _numbers(experiment_ids: Sequence[str]) -> list[int]:
    return sorted({int(one) for one in experiment_ids})
