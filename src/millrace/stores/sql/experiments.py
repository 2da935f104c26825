"""Experiments in SQL: rows, changes, searches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import and_, bindparam, delete, insert, select, update

from millrace.core.entities.audit import NO_TRAIL
from millrace.core.entities.entity import KeyValue, LifecycleStage
from millrace.core.entities.experiment import Experiment, ExperimentChange
from millrace.core.entities.webhook import MOVED
from millrace.core.errors import AlreadyExists, InvalidArgument, NotFound
from millrace.core.filters.ast import Entity
from millrace.core.pages import Page
from millrace.stores.sql import tables as t
from millrace.stores.sql.dialects import upsert
from millrace.stores.sql.filters import Held, Shape, where
from millrace.stores.sql.search import SortBy, find
from millrace.stores.sql.transaction import ACTIVE, DELETED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.sql.selectable import FromClause

    from millrace.core.entities.audit import Trail
    from millrace.core.entities.entity import ViewType
    from millrace.core.filters.ast import Field
    from millrace.stores.protocols import NewExperiment, Query
    from millrace.stores.sql.engine import Session
    from millrace.stores.sql.transaction import Transaction

LIFECYCLES: dict[int, LifecycleStage] = {ACTIVE: "active", DELETED: "deleted"}
LIFECYCLE_OF: dict[LifecycleStage, int] = {"active": ACTIVE, "deleted": DELETED}
IN_VIEW: dict[ViewType, tuple[int, ...]] = {
    "ACTIVE_ONLY": (ACTIVE,),
    "DELETED_ONLY": (DELETED,),
    "ALL": (ACTIVE, DELETED),
}

_BY_ID = select(t.experiments).where(t.experiments.c.id.in_(bindparam("ids", expanding=True)))
_BY_NAME = select(t.experiments).where(t.experiments.c.name == bindparam("name"))
_TAGS = (
    select(t.experiment_tags)
    .where(t.experiment_tags.c.experiment_id.in_(bindparam("ids", expanding=True)))
    .order_by(t.experiment_tags.c.experiment_id, t.experiment_tags.c.key)
)


def row_id(experiment_id: str) -> int:
    """The row id that a checked experiment id stands for."""
    return int(experiment_id)


def experiments_by_id(session: Session, ids: Sequence[int]) -> list[Experiment]:
    """Those experiments, in the order of *ids*; unknown ones are left out."""
    rows = {row[0]: row for row in session.select(_BY_ID, ids=list(ids))}
    return _with_tags(session, [rows[one] for one in ids if one in rows])


def experiment_named(session: Session, name: str) -> Experiment | None:
    """The experiment of that name."""
    found = _with_tags(session, session.select(_BY_NAME, name=name))
    return found[0] if found else None


def _with_tags(session: Session, rows: Sequence[tuple[Any, ...]]) -> list[Experiment]:
    tags: dict[int, list[KeyValue]] = {}
    if rows:
        for owner, key, value in session.select(_TAGS, ids=[row[0] for row in rows]):
            tags.setdefault(owner, []).append(KeyValue(key=key, value=value))
    return [
        Experiment(
            experiment_id=str(row[0]),
            name=row[1],
            artifact_location=row[2],
            lifecycle_stage=LIFECYCLES[row[3]],
            creation_time=row[4],
            last_update_time=row[5],
            tag_list=tuple(tags.get(row[0], ())),
            workspace="default",
        )
        for row in rows
    ]


def add_experiment(
    tx: Transaction,
    experiment: NewExperiment,
    *,
    as_id: int | None = None,
    trail: Trail = NO_TRAIL,
) -> Experiment:
    """Record an experiment under the next id (or *as_id*). AlreadyExists: the name is taken."""
    _check_name_free(tx.session, experiment.name)
    row = tx.next_id("experiments") if as_id is None else as_id
    values: dict[str, object] = {
        "id": row,
        "name": experiment.name,
        "artifact_location": experiment.artifact_location or "",
        "lifecycle": ACTIVE,
        "created_ms": experiment.creation_time,
        "updated_ms": experiment.creation_time,
    }
    connection = tx.session.connection
    connection.execute(insert(t.experiments).values(values))
    if not experiment.artifact_location:
        location = f"{experiment.artifact_root.rstrip('/')}/{row}"
        if experiment.artifact_root.endswith(":/"):
            location = f"{experiment.artifact_root}{row}"
        connection.execute(
            update(t.experiments)
            .where(t.experiments.c.id == row)
            .values(artifact_location=location)
        )
    if experiment.tags:
        connection.execute(
            insert(t.experiment_tags),
            [
                {"experiment_id": row, "key": key, "value": value}
                for key, value in {tag.key: tag.value for tag in experiment.tags}.items()
            ],
        )
    added = experiments_by_id(tx.session, [row])[0]
    tx.note(trail, "experiment", added.experiment_id, after=added)
    tx.emit(trail, "experiment.created", added)
    return added


def _check_name_free(session: Session, name: str) -> None:
    holder = session.select(_BY_NAME, name=name)
    if holder:
        state = LIFECYCLES[holder[0][3]]
        hint = " Restore it, or choose another name." if state == "deleted" else ""
        raise AlreadyExists(
            f"Experiment {name!r} already exists with id {holder[0][0]} in the {state!r} "
            f"state.{hint}"
        )


def change_experiment(
    tx: Transaction, experiment_id: str, change: ExperimentChange, trail: Trail = NO_TRAIL
) -> Experiment:
    """Apply *change*; the protocol says what is raised."""
    row = row_id(experiment_id)
    held = experiments_by_id(tx.session, [row])
    if not held:
        raise NotFound(f"No Experiment with id={experiment_id} exists.")
    experiment = held[0]
    connection = tx.session.connection
    values: dict[str, object] = {}
    _check_stage(experiment, change)
    if change.lifecycle_stage is not None:
        values |= _moved(tx, row, change)
    if change.name is not None and change.name != experiment.name:
        _check_name_free(tx.session, change.name)
        values["name"] = change.name
    for tag in change.set_tags:
        statement = upsert(t.experiment_tags, changed=("value",))
        connection.execute(statement, {"experiment_id": row, "key": tag.key, "value": tag.value})
    if change.delete_tag is not None:
        gone = connection.execute(
            delete(t.experiment_tags).where(
                t.experiment_tags.c.experiment_id == row,
                t.experiment_tags.c.key == change.delete_tag,
            )
        )
        if not gone.rowcount:
            raise NotFound(
                f"No tag with key={change.delete_tag!r} on experiment with id={experiment_id}."
            )
    if change.last_update_time is not None:
        values["updated_ms"] = change.last_update_time
    if values:
        connection.execute(update(t.experiments).where(t.experiments.c.id == row).values(values))
    changed = experiments_by_id(tx.session, [row])[0]
    tx.note(trail, "experiment", experiment_id, before=experiment, after=changed)
    if change.lifecycle_stage is not None:
        tx.emit(trail, MOVED["experiment", change.lifecycle_stage], changed)
    return changed


def being_purged(what: str) -> InvalidArgument:
    """The refusal to restore what is on its way out."""
    return InvalidArgument(f"The {what} is being removed for good; it cannot be restored.")


def _check_stage(experiment: Experiment, change: ExperimentChange) -> None:
    if change.lifecycle_stage == experiment.lifecycle_stage:
        raise NotFound(
            f"Experiment with id={experiment.experiment_id} is {experiment.lifecycle_stage} "
            "already."
        )
    if change.lifecycle_stage is None and experiment.lifecycle_stage != "active":
        raise InvalidArgument(
            f"The experiment {experiment.experiment_id} must be in the 'active' state, and it is "
            "deleted.",
            hint="Restore it first.",
        )


def _moved(tx: Transaction, experiment: int, change: ExperimentChange) -> dict[str, object]:
    """Take the runs of an experiment to the trash or out of it; what changes of itself.

    Its time of deletion is theirs, but for those that were in the trash before.
    """
    is_restored = change.lifecycle_stage == "active"
    lifecycle = ACTIVE if is_restored else DELETED
    deleted_ms = None if is_restored else change.last_update_time
    if is_restored and _is_purging(tx.session, experiment):
        raise being_purged(f"experiment {experiment}")
    along = and_(
        t.runs.c.experiment_id == experiment,
        t.runs.c.lifecycle != lifecycle,
        t.runs.c.purging_ms.is_(None),
    )
    connection = tx.session.connection
    connection.execute(
        update(t.run_documents)
        .where(t.run_documents.c.run_id.in_(select(t.runs.c.id).where(along)))
        .values(revision=t.run_documents.c.revision + 1, document=None)
    )
    connection.execute(
        update(t.runs).where(along).values(lifecycle=lifecycle, deleted_ms=deleted_ms)
    )
    tx.forget_runs()
    return {"lifecycle": lifecycle, "deleted_ms": deleted_ms}


def _is_purging(session: Session, experiment: int) -> bool:
    purging = select(t.experiments.c.purging_ms).where(t.experiments.c.id == experiment)
    return session.select(purging)[0][0] is not None


class ExperimentSource:
    """What a search of experiments looks at."""

    table: FromClause = t.experiments
    id: ColumnElement[int] = t.experiments.c.id

    _own: ClassVar[dict[str, Held]] = {
        "name": Held(column=t.experiments.c.name, shape=Shape.TEXT),
        "experiment_id": Held(column=t.experiments.c.id, shape=Shape.DIGITS),
        "creation_time": Held(column=t.experiments.c.created_ms, shape=Shape.INTEGER),
        "last_update_time": Held(column=t.experiments.c.updated_ms, shape=Shape.INTEGER),
        "lifecycle_stage": Held(
            column=t.experiments.c.lifecycle, shape=Shape.NAMED, names=dict(LIFECYCLES)
        ),
    }

    def held(self, field: Field, *, numeric: bool) -> Held | None:  # noqa: ARG002 - by the protocol
        """Where *field* is."""
        if field.entity is Entity.TAG:
            return Held(
                column=t.experiment_tags.c.value,
                shape=Shape.TEXT,
                owner=t.experiment_tags.c.experiment_id,
                rows=t.experiment_tags.c.key == field.key,
            )
        return self._own[field.key]


def find_experiments(session: Session, query: Query) -> Page[Experiment]:
    """A page of the experiments that match."""
    source = ExperimentSource()
    ties = [
        SortBy(t.experiments.c.created_ms, False),
        SortBy(t.experiments.c.id, not query.order),
    ]
    scope = t.experiments.c.lifecycle.in_(IN_VIEW[query.view])
    found = find(
        session, source, where(session, query.tree, source, scope),
        order=query.order, ties=ties, limit=query.limit, after=query.after,
    )  # fmt: skip
    return Page(tuple(experiments_by_id(session, found.ids)), found.next)
