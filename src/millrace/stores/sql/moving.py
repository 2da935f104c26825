"""Runs that go to another experiment, or are made like another.

Names of metrics, params and tags belong to an experiment (`keys`), and so do data sets: a run takes
the like of them in its new experiment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import Table, insert, literal, select, update

from millrace.core.entities.audit import NO_TRAIL
from millrace.core.entities.run import Run, RunData
from millrace.core.errors import AlreadyExists
from millrace.stores.sql import tables as t
from millrace.stores.sql.documents import INFO, info_of
from millrace.stores.sql.runs import below, home_of, insert_run
from millrace.stores.sql.transaction import METRIC, PARAM, TAG

if TYPE_CHECKING:
    from collections.abc import Sequence

    from millrace.core.entities.audit import Trail
    from millrace.core.entities.run import RunInfo
    from millrace.stores.sql.transaction import RunState, Transaction

# Where a run's names stand.
_KEYED = ((t.params, PARAM), (t.tags, TAG), (t.series, METRIC))


def move_runs(
    tx: Transaction, run_ids: Sequence[str], experiment_id: str, trail: Trail = NO_TRAIL
) -> None:
    """Have active runs in another active experiment."""
    home_of(tx, experiment_id)
    home = int(experiment_id)
    moved = [tx.active_run(run_id) for run_id in dict.fromkeys(run_ids)]
    connection = tx.session.connection
    for state in moved:
        if state.experiment_id == home:
            continue
        before = info_of(tx.session.select(INFO.where(t.runs.c.id == state.id))[0])
        for table, kind in _KEYED:
            for old, new in _renamed(tx, state.id, table, kind, home).items():
                connection.execute(
                    update(table)
                    .where(table.c.run_id == state.id, table.c.key_id == old)
                    .values(key_id=new)
                )
        for old, new in _datasets(tx, state.id, home).items():
            connection.execute(
                update(t.run_datasets)
                .where(t.run_datasets.c.run_id == state.id, t.run_datasets.c.dataset_id == old)
                .values(dataset_id=new)
            )
        connection.execute(update(t.runs).where(t.runs.c.id == state.id).values(experiment_id=home))
        after = msgspec.structs.replace(before, experiment_id=experiment_id)
        tx.note(trail, "run", before.run_id, before=before, after=after)
        tx.touch(state.id)
    # What is remembered of these runs and their series is of the old experiment.
    tx.flush()
    tx.forget()


def copy_run(
    tx: Transaction, run_id: str, new_id: str, experiment_id: str, trail: Trail = NO_TRAIL
) -> RunInfo:
    """Make a run like an active one under a new id."""
    old = tx.active_run(run_id)
    location, home = home_of(tx, experiment_id), int(experiment_id)
    _check_free(tx, new_id)
    row = tx.session.select(INFO.where(t.runs.c.id == old.id))[0]
    info = msgspec.structs.replace(
        info_of(row),
        run_id=new_id,
        run_uuid=new_id,
        experiment_id=experiment_id,
        artifact_uri=below(location, new_id, "artifacts"),
        liveness=None,
    )
    new = insert_run(tx, Run(info=info, data=RunData()), home)
    for table, kind in _KEYED[:2]:
        keys = _renamed(tx, old.id, table, kind, home)
        _copy_rows(tx, table, old, new, "key_id", keys)
    _copy_rows(tx, t.run_datasets, old, new, "dataset_id", _datasets(tx, old.id, home))
    _copy_rows(tx, t.run_models, old, new)
    _copy_series(tx, old, new, home)
    tx.touch(new.id)
    tx.note(trail, "run", new_id, after=info)
    tx.emit(trail, "run.created", info)
    return info


def _check_free(tx: Transaction, run_id: str) -> None:
    if tx.session.row(tx.statements.run_state, (run_id,)) is not None:
        raise AlreadyExists(f"A run with id={run_id} exists already.")


def _renamed(tx: Transaction, run: int, table: Table, kind: int, home: int) -> dict[int, int]:
    """The keys of a run's rows, each with the like of it in the experiment *home*."""
    named = (
        select(t.keys.c.id, t.keys.c.name)
        .join(table, table.c.key_id == t.keys.c.id)
        .where(table.c.run_id == run)
    )
    return {old: tx.key_id(home, kind, name) for old, name in tx.session.select(named)}


def _datasets(tx: Transaction, run: int, home: int) -> dict[int, int]:
    """The data sets that a run read, each with the like of it in the experiment *home*."""
    read = (
        select(t.datasets)
        .join(t.run_datasets, t.run_datasets.c.dataset_id == t.datasets.c.id)
        .where(t.run_datasets.c.run_id == run)
    )
    there: dict[int, int] = {}
    for row in tx.session.select(read):
        held = tx.session.row(tx.statements.dataset, (home, row[2], row[3]))
        if held is None:
            there[row[0]] = tx.next_id("datasets")
            tx.session.run(tx.statements.insert_dataset, (there[row[0]], home, *row[2:]))
        else:
            there[row[0]] = held[0]
    return there


def _copy_rows(  # noqa: PLR0913, PLR0917 - what is copied, from where, to where, under which ids
    tx: Transaction,
    table: Table,
    old: RunState,
    new: RunState,
    renumbered: str | None = None,
    ids: dict[int, int] | None = None,
) -> None:
    names = [column.name for column in table.columns]
    rows = [
        dict(zip(names, row, strict=True))
        for row in tx.session.select(select(table).where(table.c.run_id == old.id))
    ]
    for row in rows:
        row["run_id"] = new.id
        if renumbered is not None and ids is not None:
            row[renumbered] = ids[row[renumbered]]
    if rows:
        tx.session.connection.execute(insert(table), rows)


def _copy_series(tx: Transaction, old: RunState, new: RunState, home: int) -> None:
    keys = _renamed(tx, old.id, t.series, METRIC, home)
    connection = tx.session.connection
    for row in tx.session.rows(tx.statements.series_of_run, (old.id,)):
        series = tx.next_id("series")
        tx.session.run(tx.statements.insert_series, (series, new.id, keys[row[2]], *row[3:]))
        for table in (t.points, t.buckets):
            rest = [column for column in table.columns if column.name != "series_id"]
            copied = select(literal(series), *rest).where(table.c.series_id == row[0])
            names = ["series_id", *(column.name for column in rest)]
            connection.execute(insert(table).from_select(names, copied))
