"""Records taken into a database as they were elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import delete, insert, update

from millrace.core.entities.audit import NO_TRAIL
from millrace.core.entities.run import Batch, RunInfo
from millrace.core.errors import AlreadyExists, NotFound
from millrace.core.numbers import key_of, value_of
from millrace.core.rules.transfer import check_same_experiment
from millrace.stores.sql import experiments, models, moving, runs
from millrace.stores.sql import tables as t
from millrace.stores.sql.registry_transfer import have_registered_model, held_models
from millrace.stores.sql.series import named_series
from millrace.stores.sql.transaction import METRIC, PARAM, TAG, RunState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from sqlalchemy import Table

    from millrace.core.entities.audit import Trail
    from millrace.core.entities.experiment import Experiment
    from millrace.core.entities.logged_model import LoggedModel
    from millrace.core.entities.registry import HeldModel
    from millrace.core.entities.run import Run
    from millrace.core.series import Point
    from millrace.stores.sql.engine import Database
    from millrace.stores.sql.statements import Statements
    from millrace.stores.sql.transaction import Transaction
    from millrace.stores.sql.writer import Writer


class SqlTransfer:
    """The way into a database, past the rules of the platform."""

    def __init__(
        self, database: Database, writer: Writer[Transaction], statements: Statements
    ) -> None:
        self._database = database
        self._writer = writer
        self._statements = statements

    def adopt_experiment(self, experiment: Experiment) -> Future[None]:
        """Have an experiment under its id."""
        return self._writer.submit(lambda tx: _have_experiment(tx, experiment))

    def adopt_run(self, run: Run, *, deleted_ms: int | None = None) -> Future[None]:
        """Have a run in its stage; its series stay as they are."""
        return self._writer.submit(lambda tx: _have_run(tx, run, deleted_ms))

    def adopt_points(self, run_id: str, key: str, points: Sequence[Point]) -> Future[int]:
        """Add points to a series."""
        return self._writer.submit(
            lambda tx: _have_points(tx, run_id, key, points), savepoint=False
        )

    def adopt_logged_model(self, model: LoggedModel, *, is_deleted: bool = False) -> Future[None]:
        """Have a logged model."""
        return self._writer.submit(lambda tx: _have_model(tx, model, is_deleted=is_deleted))

    def adopt_registered_model(self, held: HeldModel) -> Future[None]:
        """Have a registered model with its versions, tags and aliases."""
        return self._writer.submit(lambda tx: have_registered_model(tx, held))

    def registered_models(self, *, after: str, limit: int) -> list[HeldModel]:
        """Registered models whose names come after *after*, by name."""
        with self._database.reading() as session:
            return held_models(session, after=after, limit=limit)

    def move_runs(
        self, run_ids: Sequence[str], experiment_id: str, *, trail: Trail = NO_TRAIL
    ) -> Future[None]:
        """Have runs in another experiment, all of them or none."""
        return self._writer.submit(
            lambda tx: tx.once(
                trail, type(None), lambda: moving.move_runs(tx, run_ids, experiment_id, trail)
            )
        )

    def copy_run(
        self, run_id: str, new_id: str, experiment_id: str, *, trail: Trail = NO_TRAIL
    ) -> Future[RunInfo]:
        """Make a run like another."""
        return self._writer.submit(
            lambda tx: tx.once(
                trail, RunInfo, lambda: moving.copy_run(tx, run_id, new_id, experiment_id, trail)
            )
        )

    def points(self, run_id: str, key: str, *, after: Point | None, limit: int) -> list[Point]:
        """Points of a series beyond *after*."""
        with self._database.reading() as session:
            found = named_series(session, self._statements, run_id, key)
            if found is None:
                return []
            series = found.state.id
            if after is None:
                after = (-(2**63), -(2**63), -(2**63))  # below every point but one
                first = session.row(self._statements.has_point, (series, *after))
                head = [after] if first is not None else []
            else:
                head = []
            rows = session.rows(self._statements.points_after_limited, (series, *after, limit))
            return [*head, *((row[0], row[1], row[2]) for row in rows)][:limit]


def _have_experiment(tx: Transaction, experiment: Experiment) -> None:
    row = experiments.row_id(experiment.experiment_id)
    holder = experiments.experiment_named(tx.session, experiment.name)
    if holder is not None and holder.experiment_id != experiment.experiment_id:
        raise AlreadyExists(
            f"Experiment {holder.experiment_id} is named {experiment.name!r} here, and "
            f"{experiment.experiment_id} where it comes from. Rename one of them."
        )
    values = {
        "name": experiment.name,
        "artifact_location": experiment.artifact_location,
        "lifecycle": experiments.LIFECYCLE_OF[experiment.lifecycle_stage],
        "created_ms": experiment.creation_time or 0,
        "updated_ms": experiment.last_update_time or 0,
    }
    connection = tx.session.connection
    held = connection.execute(update(t.experiments).where(t.experiments.c.id == row).values(values))
    if not held.rowcount:
        connection.execute(insert(t.experiments).values(id=row, **values))
    connection.execute(delete(t.experiment_tags).where(t.experiment_tags.c.experiment_id == row))
    if experiment.tag_list:
        connection.execute(
            insert(t.experiment_tags),
            [
                {"experiment_id": row, "key": tag.key, "value": tag.value}
                for tag in experiment.tag_list
            ],
        )


def _have_run(tx: Transaction, run: Run, deleted_ms: int | None) -> None:
    info = run.info
    home = experiments.row_id(info.experiment_id)
    lifecycle = experiments.LIFECYCLE_OF[info.lifecycle_stage]
    try:
        state = tx.run_state(info.run_id)
    except NotFound:
        state = _new_run(tx, run, home)
    check_same_experiment(info, str(state.experiment_id))
    tx.session.connection.execute(
        update(t.runs)
        .where(t.runs.c.id == state.id)
        .values(
            name=info.run_name,
            user_id=info.user_id,
            status=runs.STATUS_OF[info.status],
            start_ms=info.start_time,
            end_ms=info.end_time,
            artifact_uri=info.artifact_uri,
            lifecycle=lifecycle,
            deleted_ms=deleted_ms,
        )
    )
    state.lifecycle = lifecycle
    for table, kind, entries in (
        (t.params, PARAM, run.data.param_list),
        (t.tags, TAG, run.data.tag_list),
    ):
        _clear(tx, table, state.id)
        rows = [(state.id, tx.key_id(home, kind, one.key), one.value) for one in entries]
        if kind == PARAM:
            tx.session.many(
                tx.statements.insert_param, [(*row, runs.number_of(row[2])) for row in rows]
            )
        else:
            tx.session.many(tx.statements.set_tag, rows)
    for table in (t.run_datasets, t.run_models):
        _clear(tx, table, state.id)
    runs.add_inputs_and_outputs(
        tx,
        state,
        Batch(
            datasets=run.inputs.dataset_inputs,
            model_inputs=run.inputs.model_inputs,
            model_outputs=run.outputs.model_outputs,
        ),
    )
    tx.touch(state.id)


def _clear(tx: Transaction, table: Table, run: int) -> None:
    tx.session.connection.execute(delete(table).where(table.c.run_id == run))


def _new_run(tx: Transaction, run: Run, home: int) -> RunState:
    if not experiments.experiments_by_id(tx.session, [home]):
        raise NotFound(f"No Experiment with id={home} exists.")
    bare = msgspec.structs.replace(run, data=type(run.data)())
    return runs.insert_run(tx, bare, home)


def _have_points(tx: Transaction, run_id: str, key: str, points: Sequence[Point]) -> int:
    state = tx.run_state(run_id)
    series = tx.series_of(state.id, tx.key_id(state.experiment_id, METRIC, key))
    values = {point[2]: value_of(point[2]) for point in points}
    added = tx.add_points(series, list(points), values)
    tx.touch(state.id)
    return added


def _have_model(tx: Transaction, model: LoggedModel, *, is_deleted: bool) -> None:
    info = model.info
    if not experiments.experiments_by_id(tx.session, [experiments.row_id(info.experiment_id)]):
        raise NotFound(f"No Experiment with id={info.experiment_id} exists.")
    connection = tx.session.connection
    row = models.row_of(tx.session, info.model_id, in_trash=True)
    if row is not None:
        for table in (t.logged_model_params, t.logged_model_tags, t.logged_model_metrics):
            connection.execute(delete(table).where(table.c.model_id == row))
        connection.execute(delete(t.logged_models).where(t.logged_models.c.id == row))
    row = models.insert_model(tx, model, is_deleted=is_deleted)
    tx.session.many(
        tx.statements.insert_model_metric,
        [
            (
                row, one.key, one.run_id or "", one.dataset_name or "", one.dataset_digest or "",
                one.step, one.timestamp, key_of(one.value),
            )
            for one in model.data.metric_list
        ],
    )  # fmt: skip
