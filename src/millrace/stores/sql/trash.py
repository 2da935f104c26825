"""The trash in SQL: what is in it, and its removal in small transactions.

What depends on a thing is read off the foreign keys of `tables`, so that a new table is emptied
without being named here. Each call removes so few rows that other writers hardly wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from sqlalchemy import (
    ColumnElement,
    FromClause,
    Table,
    and_,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)

from millrace.core.entities.audit import NO_TRAIL
from millrace.core.entities.dataset import EvaluationDataset
from millrace.core.entities.trash import Purged, TrashItem
from millrace.core.errors import InvalidArgument
from millrace.core.pages import Page
from millrace.stores.sql import tables as t
from millrace.stores.sql.transaction import DELETED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from sqlalchemy import Column, Select

    from millrace.core.entities.audit import Trail
    from millrace.core.entities.trash import TrashKind, TrashQuery
    from millrace.stores.sql.engine import Database, Row, Session
    from millrace.stores.sql.transaction import Transaction
    from millrace.stores.sql.writer import Writer

_e, _r, _m, _s, _p = (
    t.experiments.c, t.runs.c, t.logged_models.c, t.series.c, t.points.c,
)  # fmt: skip
# Written out in the statement: an index over a part of a table serves only who names that part.
_IN_TRASH: Final = literal(DELETED, literal_execute=True)
_UNKNOWN: Final = -1


class SqlTrash:
    """The trash of a database."""

    def __init__(self, database: Database, writer: Writer[Transaction]) -> None:
        self._database = database
        self._writer = writer

    def find(self, query: TrashQuery) -> Page[TrashItem]:
        """What is in the trash, by the time of its deletion."""
        with self._database.reading() as session:
            rows = session.select(_found(query))
            items = _items(session, query.kind, rows[: query.limit])
        last = rows[query.limit - 1] if len(rows) > query.limit else None
        return Page(items, None if last is None else (last[3], last[0]))

    def date(self, now_ms: int) -> Future[int]:
        """Let what was deleted at an unknown time count as deleted now."""

        def apply(tx: Transaction) -> int:
            return sum(
                tx.session.connection.execute(
                    update(table)
                    .where(table.c.lifecycle == _IN_TRASH, table.c.deleted_ms.is_(None))
                    .values(deleted_ms=now_ms)
                ).rowcount
                for table in (kind.table for kind in _KINDS.values())
            )

        return self._writer.submit(apply)

    def strays(self) -> list[str]:
        """Artifact locations that are not in a folder named after their owner."""
        with self._database.reading() as session:
            return [
                row[0]
                for table in (t.runs, t.logged_models)
                for row in session.select(
                    select(table.c.artifact_uri).where(
                        table.c.artifact_uri.not_like("%/" + table.c.uuid + "/artifacts"),
                        table.c.purging_ms.is_(None),
                    )
                )
            ]

    def begin_purge(
        self,
        kind: TrashKind,
        id: str,  # noqa: A002 - the wire's word
        *,
        at_ms: int,
        deleted_before_ms: int | None = None,
        trail: Trail = NO_TRAIL,
    ) -> Future[bool]:
        """Mark a thing so that it can no longer be restored."""
        return self._writer.submit(
            lambda tx: tx.once(trail, bool, lambda: _begin(tx, kind, id, at_ms, deleted_before_ms))
        )

    def purge(
        self,
        kind: TrashKind,
        id: str,  # noqa: A002 - as above
        *,
        limit: int,
        trail: Trail = NO_TRAIL,
    ) -> Future[Purged]:
        """Remove about *limit* rows of a marked thing, itself last."""
        return self._writer.submit(
            lambda tx: tx.once(trail, Purged, lambda: _Purge(tx, limit).of(kind, id, trail))
        )


# --- looking -------------------------------------------------------------------------------------


class _Kind(NamedTuple):
    """Where things of a kind are; `when`: the time of their deletion, -1 if unknown."""

    table: Table
    source: FromClause
    key: ColumnElement[Any]
    location: ColumnElement[Any]
    experiment: ColumnElement[Any]
    in_trash: ColumnElement[bool]
    when: ColumnElement[Any]


_KINDS: Final[dict[TrashKind, _Kind]] = {
    "experiment": _Kind(
        table=t.experiments,
        source=t.experiments,
        key=_e.id,
        location=_e.artifact_location,
        experiment=_e.id,
        in_trash=_e.lifecycle == _IN_TRASH,
        when=func.coalesce(_e.deleted_ms, _UNKNOWN),
    ),
    "run": _Kind(
        table=t.runs,
        source=t.runs,
        key=_r.uuid,
        location=_r.artifact_uri,
        experiment=_r.experiment_id,
        in_trash=_r.lifecycle == _IN_TRASH,
        when=func.coalesce(_r.deleted_ms, _UNKNOWN),
    ),
    "logged_model": _Kind(
        table=t.logged_models,
        source=t.logged_models.join(t.experiments, _e.id == _m.experiment_id),
        key=_m.uuid,
        location=_m.artifact_uri,
        experiment=_m.experiment_id,
        in_trash=or_(_m.lifecycle == _IN_TRASH, _e.lifecycle == _IN_TRASH),
        when=func.coalesce(_m.deleted_ms, _e.deleted_ms, _UNKNOWN),
    ),
}


def _found(query: TrashQuery) -> Select[Any]:
    kind = _KINDS[query.kind]
    own = kind.table.c
    rows = (
        select(
            own.id, kind.key, own.name, kind.when, own.purging_ms, kind.location, kind.experiment
        )
        .select_from(kind.source)
        .where(kind.in_trash)
        .order_by(kind.when, own.id)
        .limit(query.limit + 1)
    )
    if query.ids is not None:
        rows = rows.where(kind.key.in_([_key(query.kind, one) for one in query.ids]))
    if query.experiment_id is not None:
        rows = rows.where(kind.experiment == int(query.experiment_id))
    if query.deleted_before_ms is not None:
        is_old = and_(kind.when != _UNKNOWN, kind.when < query.deleted_before_ms)
        rows = rows.where(or_(own.purging_ms.is_not(None), is_old))
    if query.alone and query.kind != "experiment":
        gone = select(t.experiments.c.id).where(t.experiments.c.lifecycle == _IN_TRASH)
        rows = rows.where(kind.experiment.not_in(gone.correlate(None)))
    if query.after is not None:
        at, row = query.after
        rows = rows.where(or_(kind.when > at, and_(kind.when == at, own.id > row)))
    return rows


def _key(kind: TrashKind, id_: str) -> str | int:
    return int(id_) if kind == "experiment" else id_


def _items(session: Session, kind: TrashKind, rows: Sequence[Row]) -> tuple[TrashItem, ...]:
    ids = [row[0] for row in rows]
    counts = _counts(session, kind, ids)
    return tuple(
        TrashItem(
            kind=kind,
            id=str(row[1]),
            name=row[2],
            deleted_ms=None if row[3] == _UNKNOWN else row[3],
            purging=row[4] is not None,
            artifact_uri=row[5],
            experiment_id=str(row[6]),
            runs=counts.get("runs", {}).get(row[0], 0),
            logged_models=counts.get("logged_models", {}).get(row[0], 0),
            points=counts["points"].get(row[0], 0),
        )
        for row in rows
    )


def _counts(session: Session, kind: TrashKind, ids: Sequence[int]) -> dict[str, dict[int, int]]:
    """What is in those things, by the row."""

    def grouped(owner: Column[Any], what: ColumnElement[Any], rows: Select[Any]) -> dict[int, int]:
        counted = rows.with_only_columns(owner, what).where(owner.in_(ids)).group_by(owner)
        return {row[0]: int(row[1] or 0) for row in session.select(counted)}

    match kind:
        case "experiment":
            joined = select(_s.id).join(t.runs, _r.id == _s.run_id)
            return {
                "runs": grouped(_r.experiment_id, func.count(), select(_r.id)),
                "logged_models": grouped(_m.experiment_id, func.count(), select(_m.id)),
                "points": grouped(_r.experiment_id, func.sum(_s.count), joined),
            }
        case "run":
            return {"points": grouped(_s.run_id, func.sum(_s.count), select(_s.id))}
        case "logged_model":
            metrics = t.logged_model_metrics.c.model_id
            return {"points": grouped(metrics, func.count(), select(metrics))}


# --- removing ------------------------------------------------------------------------------------


def _row(session: Session, kind: TrashKind, id_: str) -> Row | None:
    """(row id, purging, in the trash, since when) of a thing, or None."""
    held = _KINDS[kind]
    found = session.select(
        select(held.table.c.id, held.table.c.purging_ms, held.in_trash, held.when)
        .select_from(held.source)
        .where(held.key == _key(kind, id_))
    )
    return found[0] if found else None


def _begin(
    tx: Transaction, kind: TrashKind, id_: str, at_ms: int, deleted_before_ms: int | None
) -> bool:
    found = _row(tx.session, kind, id_)
    if found is None:
        return False
    row, purging_ms, in_trash, when = found
    if purging_ms is not None:
        return True
    is_old = deleted_before_ms is None or _UNKNOWN != when < deleted_before_ms
    if not (in_trash and is_old):
        return False
    table = _KINDS[kind].table
    tx.session.connection.execute(update(table).where(table.c.id == row).values(purging_ms=at_ms))
    return True


def referring(table: Table) -> list[Column[Any]]:
    """The columns of other tables that point to rows of *table*."""
    return [
        key.parent
        for other in t.metadata.sorted_tables
        for key in other.foreign_keys
        if key.column.table is table and other is not table
    ]


class _Purge:
    """One transaction's share of a removal."""

    def __init__(self, tx: Transaction, limit: int) -> None:
        self._tx = tx
        self._session = tx.session
        self._left = limit
        self._removed = 0

    def of(self, kind: TrashKind, id_: str, trail: Trail) -> Purged:
        found = _row(self._session, kind, id_)
        if found is None:
            return Purged()
        row, purging_ms, *_ = found
        if purging_ms is None:
            raise InvalidArgument(f"The removal of {kind} {id_} was not begun.")
        match kind:
            case "experiment":
                done = self._experiment(row)
            case "run":
                done = self._run(row)
            case "logged_model":
                done = self._dependents(t.logged_models, row)
        if done:
            self._itself(kind, id_, row, trail)
        return Purged(records=self._removed, done=done)

    def _itself(self, kind: TrashKind, id_: str, row: int, trail: Trail) -> None:
        held = _KINDS[kind]
        own = held.table.c
        name, location, experiment = self._session.select(
            select(own.name, held.location, held.experiment)
            .select_from(held.source)
            .where(own.id == row)
        )[0]
        self._delete(held.table, own.id == row)
        before = {"name": name, "experiment_id": str(experiment), "artifact_uri": location}
        self._tx.note(trail, kind, id_, before=before)
        self._tx.flush()
        # Ids of names, series and runs that are gone must not be remembered.
        self._tx.forget()

    def _delete(self, table: Table, where: ColumnElement[bool]) -> None:
        gone = self._session.connection.execute(delete(table).where(where)).rowcount
        self._removed += gone
        self._left -= gone

    def _dependents(self, table: Table, row: int) -> bool:
        """Remove what points to a row; whether all of it is gone."""
        for column in referring(table):
            if self._left <= 0:
                return False
            if not self._some(column, row):
                return False
        return True

    def _some(self, column: Column[Any], row: int) -> bool:
        """Remove rows whose *column* is *row*, as many as may be; whether none is left."""
        table = column.table
        key = list(table.primary_key.columns)
        rest = [one for one in key if one is not column]
        if not rest:
            self._delete(table, column == row)
            return True
        # The last that may go, by the next column of the key: rows that share it go together.
        by = rest[0]
        last = self._session.select(
            select(by).where(column == row).order_by(by).offset(self._left).limit(1)
        )
        if not last:
            self._delete(table, column == row)
            return True
        self._delete(table, and_(column == row, by <= last[0][0]))
        return not self._session.select(select(literal(1)).where(column == row).limit(1))

    # --- runs ------------------------------------------------------------------------------------

    def _run(self, run: int) -> bool:
        return self._series(run) and self._inputs(run) and self._named(run) and self._rest(run)

    def _series(self, run: int) -> bool:
        """Remove series by series: its points, what was made of them, itself, and its name."""
        while self._left > 0:
            rows = self._session.select(
                select(_s.id, _s.key_id).where(_s.run_id == run).order_by(_s.id).limit(1)
            )
            if not rows:
                return True
            series, key = rows[0]
            if not self._points(series):
                return False
            self._delete(t.buckets, t.buckets.c.series_id == series)
            self._delete(t.series, _s.id == series)
            self._unused_keys([key])
        return False

    def _points(self, series: int) -> bool:
        of_series = _p.series_id == series
        order = (_p.step, _p.ms, _p.value)
        beyond = self._session.select(
            select(*order).where(of_series).order_by(*order).offset(self._left).limit(1)
        )
        if not beyond:
            self._delete(t.points, of_series)
            return True
        step, ms, value = beyond[0]
        # The first condition keeps the search within the points that go.
        before = or_(
            _p.step < step,
            and_(_p.step == step, _p.ms < ms),
            and_(_p.step == step, _p.ms == ms, _p.value < value),
        )
        self._delete(t.points, and_(of_series, _p.step <= step, before))
        return False

    def _inputs(self, run: int) -> bool:
        links = t.run_datasets.c
        used = [
            row[0]
            for row in self._session.select(select(links.dataset_id).where(links.run_id == run))
        ]
        if used:
            self._delete(t.run_datasets, links.run_id == run)
            datasets = t.datasets.c
            is_used = exists().where(links.dataset_id == datasets.id)
            self._delete(t.datasets, and_(datasets.id.in_(used), ~is_used))
        return self._left > 0

    def _named(self, run: int) -> bool:
        """Remove params and tags, and names that nobody else uses."""
        for table in (t.params, t.tags):
            keys = [
                row[0]
                for row in self._session.select(
                    select(table.c.key_id).where(table.c.run_id == run).limit(max(1, self._left))
                )
            ]
            if keys:
                self._delete(table, and_(table.c.run_id == run, table.c.key_id.in_(keys)))
                self._unused_keys(keys)
            if self._left <= 0:
                return False
        return True

    def _rest(self, run: int) -> bool:
        return self._dependents(t.runs, run)

    def _unused_keys(self, keys: Sequence[int]) -> None:
        users = [~exists().where(column == t.keys.c.id) for column in referring(t.keys)]
        self._delete(t.keys, and_(t.keys.c.id.in_(keys), *users))

    # --- experiments -----------------------------------------------------------------------------

    def _experiment(self, experiment: int) -> bool:
        for table in (t.runs, t.logged_models):
            has = select(table.c.id).where(table.c.experiment_id == experiment).limit(1)
            if self._session.select(has):
                raise InvalidArgument(
                    f"Experiment {experiment} still has runs or logged models; they go first."
                )
        self._unlink_evaluations(experiment)
        return self._dependents(t.experiments, experiment)

    def _unlink_evaluations(self, experiment: int) -> None:
        """Evaluation data sets stay; they no longer say that they belong to the experiment."""
        links = t.evaluation_dataset_experiments.c
        held = t.evaluation_datasets.c
        rows = self._session.select(
            select(held.id, held.record)
            .join(t.evaluation_dataset_experiments, links.dataset_id == held.id)
            .where(links.experiment_id == experiment)
        )
        for key, record in rows:
            dataset = msgspec.json.decode(record, type=EvaluationDataset)
            left = tuple(one for one in dataset.experiment_ids if one != str(experiment))
            changed = msgspec.structs.replace(dataset, experiment_ids=left)
            self._session.connection.execute(
                update(t.evaluation_datasets)
                .where(held.id == key)
                .values(record=msgspec.json.encode(changed))
            )
