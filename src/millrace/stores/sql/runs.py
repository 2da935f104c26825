"""Runs in SQL: adding, changing, appending to. What searches them is in `run_search`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import select, update

from millrace.core import tags as tag_keys
from millrace.core.entities.access import SYSTEM
from millrace.core.entities.audit import NO_TRAIL, Act, Trail
from millrace.core.entities.run import (
    STATUS_NUMBERS,
    TERMINAL,
    ParamClash,
    Run,
    RunChange,
    RunInfo,
    RunStatus,
    StopAsked,
)
from millrace.core.entities.webhook import MOVED
from millrace.core.errors import AlreadyExists, InvalidArgument, NotFound
from millrace.core.numbers import key_of, keys_of, number_in
from millrace.stores.protocols import Appended
from millrace.stores.sql import tables as t
from millrace.stores.sql.documents import info_of
from millrace.stores.sql.experiments import being_purged
from millrace.stores.sql.transaction import ACTIVE, DELETED, METRIC, PARAM, TAG, RunState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from millrace.core.entities.entity import KeyValue
    from millrace.core.entities.metric import Metric
    from millrace.core.entities.run import Batch
    from millrace.stores.sql.engine import Row
    from millrace.stores.sql.transaction import Transaction

STATUS_OF: dict[RunStatus, int] = {name: number for number, name in STATUS_NUMBERS.items()}

# --- adding and changing -----------------------------------------------------------------------


def home_of(tx: Transaction, experiment_id: str) -> str:
    """Where an experiment keeps its artifacts; raise `NotFound`, or `InvalidArgument` when it is
    in the trash."""
    row = tx.session.row(tx.statements.experiment, (int(experiment_id),))
    if row is None:
        raise NotFound(f"No Experiment with id={experiment_id} exists.")
    if row[0] != ACTIVE:
        raise InvalidArgument(
            f"The experiment {experiment_id} must be in the 'active' state, and it is deleted.",
            hint="Restore it first.",
        )
    return str(row[1])


def below(location: str, *parts: str) -> str:
    """An artifact location below another; a query of a URI stays at its end."""
    path, mark, query = location.partition("?")
    return "/".join((path.rstrip("/"), *parts)) + mark + query


def add_run(tx: Transaction, run: Run, trail: Trail = NO_TRAIL) -> Run:
    """Record a run with its tags."""
    info = run.info
    if tx.session.row(tx.statements.run_state, (info.run_id,)) is not None:
        raise AlreadyExists(f"A run with id={info.run_id} exists already.")
    location = home_of(tx, info.experiment_id)
    if not info.artifact_uri:
        uri = below(location, info.run_id, "artifacts")
        info = msgspec.structs.replace(info, artifact_uri=uri)
    added = msgspec.structs.replace(run, info=info)
    insert_run(tx, added, int(info.experiment_id))
    tx.note(trail, "run", info.run_id, after=info)
    tx.emit(trail, "run.created", info)
    return added


def insert_run(tx: Transaction, run: Run, home: int) -> RunState:
    """Write a run that is not there yet, active, with its tags."""
    info = run.info
    row = tx.next_id("runs")
    tx.session.run(
        tx.statements.insert_run,
        (
            row, info.run_id, home, info.run_name, info.user_id, STATUS_OF[info.status],
            info.start_time, info.end_time, info.artifact_uri, ACTIVE, None, 0, None, None,
        ),
    )  # fmt: skip
    tx.session.run(tx.statements.insert_document, (row, 0, None))
    state = RunState(id=row, experiment_id=home, lifecycle=ACTIVE, lost=False)
    tx.remember_run(info.run_id, state)
    _set_tags(tx, row, home, run.data.tag_list)
    return state


def change_run(tx: Transaction, run_id: str, change: RunChange, trail: Trail = NO_TRAIL) -> RunInfo:
    """Apply *change*; the protocol says what is raised."""
    is_move = change.lifecycle_stage is not None
    state = tx.run_state(run_id) if is_move else tx.active_run(run_id)
    old = tx.session.rows(tx.statements.run, (state.id,))[0]
    name, status, end_ms, lifecycle, lease = old[3], old[5], old[7], old[9], old[10]
    deleted_ms = old[12]
    if is_move:
        lifecycle, deleted_ms = _moved(tx, state, old, change)
        state.lifecycle = lifecycle
    if change.lease_until_ms is not None:
        lease = change.lease_until_ms
    if change.status is not None:
        status = STATUS_OF[change.status]
        lease = None if change.status in TERMINAL else lease
    if change.end_time is not None:
        end_ms = change.end_time
    if change.run_name is not None:
        name = change.run_name
        key = tx.key_id(state.experiment_id, TAG, tag_keys.RUN_NAME)
        tx.session.run(tx.statements.set_tag, (state.id, key, name))
    was_lost = state.lost
    if was_lost:
        _revive(tx, state)
    tx.session.run(
        tx.statements.change_run,
        (name, status, end_ms, lifecycle, lease, deleted_ms, state.id),
    )
    # A heartbeat changes nothing that a reader sees.
    if was_lost or change != RunChange(lease_until_ms=change.lease_until_ms):
        tx.touch(state.id)
    info = info_of(
        (*old[:3], name, old[4], status, old[6], end_ms, old[8], lifecycle, lease, state.lost)
    )
    if trail.act is not None:
        _tell(tx, trail, change, before=info_of(old), after=info)
    return info


def extend_lease(tx: Transaction, run_id: str, until_ms: int) -> StopAsked | None:
    """Renew a lease; what the run was asked meanwhile."""
    change_run(tx, run_id, RunChange(lease_until_ms=until_ms))
    return _stop_of(tx, tx.run_state(run_id))


def ask_to_stop(tx: Transaction, run_id: str, asked: StopAsked, trail: Trail) -> None:
    """Note that a run was asked to stop."""
    state = tx.active_run(run_id)
    before = _stop_of(tx, state)
    key = tx.key_id(state.experiment_id, TAG, tag_keys.STOP)
    tx.session.run(tx.statements.set_tag, (state.id, key, asked.written()))
    tx.touch(state.id)
    tx.note(trail, "run", run_id, before={"stop": before}, after={"stop": asked})


def _stop_of(tx: Transaction, state: RunState) -> StopAsked | None:
    # Where no run of the experiment was ever asked, this is one look-up of a name.
    key = tx.known_key_id(state.experiment_id, TAG, tag_keys.STOP)
    row = None if key is None else tx.session.row(tx.statements.tag, (state.id, key))
    return StopAsked.read(row[0]) if row else None


def _tell(
    tx: Transaction, trail: Trail, change: RunChange, *, before: RunInfo, after: RunInfo
) -> None:
    tx.note(trail, "run", after.run_id, before=before, after=after)
    if change.lifecycle_stage is not None:
        tx.emit(trail, MOVED["run", change.lifecycle_stage], after)
    if change.status in TERMINAL:
        tx.emit(trail, "run.ended", after)


def _moved(tx: Transaction, state: RunState, old: Row, change: RunChange) -> tuple[int, int | None]:
    """The run's life cycle, and the time of its deletion, after a move to the trash or out of it.

    What is in the trash already keeps its time.
    """
    if change.lifecycle_stage == "active":
        home_of(tx, str(state.experiment_id))
        if old[13] is not None:
            raise being_purged(f"run {old[1]}")
        return ACTIVE, None
    return DELETED, change.deleted_ms if state.lifecycle == ACTIVE else old[12]


def _revive(tx: Transaction, state: RunState) -> None:
    """A lost run has spoken: it is live again."""
    tx.session.run(tx.statements.revive_run, (state.id,))
    state.lost = False
    key = tx.known_key_id(state.experiment_id, TAG, tag_keys.END_CAUSE)
    if key is not None:
        tx.session.run(tx.statements.delete_tag, (state.id, key))
    tx.touch(state.id)


def expire_leases(tx: Transaction, now_ms: int) -> int:
    """Mark running runs whose lease has ended as lost, with the cause as a tag."""
    rows = tx.session.select(
        select(t.runs.c.id, t.runs.c.uuid, t.runs.c.experiment_id).where(
            t.runs.c.lease_until_ms < now_ms,
            t.runs.c.lost == 0,
            t.runs.c.status == STATUS_OF["RUNNING"],
        )
    )
    trail = Trail(
        act=Act(action="run.lose", actor=SYSTEM.name, verified=SYSTEM.verified, at_ms=now_ms)
    )
    for run, uuid, experiment in rows:
        tx.session.connection.execute(update(t.runs).where(t.runs.c.id == run).values(lost=1))
        key = tx.key_id(experiment, TAG, tag_keys.END_CAUSE)
        tx.session.run(tx.statements.set_tag, (run, key, "lease expired"))
        tx.run_state(uuid).lost = True
        tx.touch(run)
        tx.note(trail, "run", uuid, before={"lost": False}, after={"lost": True})
    return len(rows)


# --- appending ---------------------------------------------------------------------------------


def append(tx: Transaction, run_id: str, batch: Batch) -> Appended:  # noqa: C901 - a kind, a branch
    """Append a batch. Looks at everything before it writes anything, so it needs no savepoint."""
    state = tx.active_run(run_id)
    home = state.experiment_id
    new_params: Sequence[KeyValue] = ()
    if batch.params:
        new_params, clashes = _compared(tx, state, batch.params)
        if clashes:
            return Appended(clashes=clashes)
    if batch.delete_tags:
        missing = _missing_tags(tx, state, batch.delete_tags)
        if missing:
            return Appended(missing_tags=missing)
    models = {m.model_id: _model_row(tx, m.model_id) for m in batch.metrics if m.model_id}

    if state.lost:
        _revive(tx, state)
    if new_params:
        tx.session.many(
            tx.statements.insert_param,
            [
                (state.id, tx.key_id(home, PARAM, param.key), param.value, number_of(param.value))
                for param in new_params
            ],
        )
    if batch.set_tags:
        _set_tags(tx, state.id, home, batch.set_tags)
    for key in batch.delete_tags:
        tx.session.run(tx.statements.delete_tag, (state.id, tx.key_id(home, TAG, key)))
    if batch.run_name is not None:
        tx.session.run(tx.statements.rename_run, (batch.run_name, state.id))
    added = _add_metrics(tx, state, batch.metrics) if batch.metrics else 0
    if models:
        _add_model_metrics(tx, run_id, batch.metrics, models)
    add_inputs_and_outputs(tx, state, batch)
    tx.touch(state.id)
    return Appended(new_points=added)


def _compared(
    tx: Transaction, state: RunState, params: Sequence[KeyValue]
) -> tuple[list[KeyValue], tuple[ParamClash, ...]]:
    """Params that are not there yet, and those that are there with another value."""
    held: dict[int | None, str] = dict(tx.session.rows(tx.statements.params, (state.id,)))
    fresh, clashes = [], []
    for param in params:
        key = tx.known_key_id(state.experiment_id, PARAM, param.key) if held else None
        old = held.get(key)
        if old is None:
            fresh.append(param)
        elif old != param.value:
            clashes.append(ParamClash(key=param.key, old=old, new=param.value))
    return fresh, tuple(clashes)


def _missing_tags(tx: Transaction, state: RunState, names: Sequence[str]) -> tuple[str, ...]:
    def is_there(name: str) -> bool:
        key = tx.known_key_id(state.experiment_id, TAG, name)
        return key is not None and tx.session.row(tx.statements.tag, (state.id, key)) is not None

    return tuple(name for name in names if not is_there(name))


def number_of(text: str) -> int | None:
    """The sortable integer of the number that a param is, if it is one."""
    value = number_in(text)
    return None if value is None else key_of(value)


def _set_tags(tx: Transaction, run: int, experiment: int, tags: Sequence[KeyValue]) -> None:
    if tags:
        rows = [(run, tx.key_id(experiment, TAG, tag.key), tag.value) for tag in tags]
        tx.session.many(tx.statements.set_tag, rows)


def _add_metrics(tx: Transaction, state: RunState, metrics: Sequence[Metric]) -> int:
    run, home = state.id, state.experiment_id
    if len(metrics) == 1:
        one = metrics[0]
        key = key_of(one.value)
        series = tx.series_of(run, tx.key_id(home, METRIC, one.key))
        return tx.add_points(series, [(one.step, one.timestamp, key)], {key: one.value})
    doubles = [metric.value for metric in metrics]
    keys = keys_of(doubles)
    by_name: dict[str, list[tuple[int, int, int]]] = {}
    for metric, key in zip(metrics, keys, strict=True):
        point = (metric.step, metric.timestamp, key)
        points = by_name.get(metric.key)
        if points is None:
            by_name[metric.key] = [point]
        else:
            points.append(point)
    values = dict(zip(keys, doubles, strict=True))
    return sum(
        tx.add_points(tx.series_of(run, tx.key_id(home, METRIC, name)), points, values)
        for name, points in by_name.items()
    )


def _model_row(tx: Transaction, model_id: str) -> int:
    row = tx.session.row(tx.statements.model, (model_id,))
    if row is None or row[2] != ACTIVE:
        raise NotFound(f"Logged model with id={model_id!r} not found.")
    return int(row[0])


def _add_model_metrics(
    tx: Transaction, run_id: str, metrics: Sequence[Metric], models: dict[str, int]
) -> None:
    tx.session.many(
        tx.statements.insert_model_metric,
        [
            (
                models[m.model_id], m.key, run_id, m.dataset_name or "", m.dataset_digest or "",
                m.step, m.timestamp, key_of(m.value),
            )
            for m in metrics
            if m.model_id
        ],
    )  # fmt: skip


def add_inputs_and_outputs(tx: Transaction, state: RunState, batch: Batch) -> None:
    """Note what a run read and made; what is noted already stays as it is."""
    if batch.datasets:
        _add_datasets(tx, state, batch)
    if batch.model_inputs or batch.model_outputs:
        _add_models(tx, state, batch)


def _add_datasets(tx: Transaction, state: RunState, batch: Batch) -> None:
    held = {row[0] for row in tx.session.rows(tx.statements.datasets_of_run, (state.id,))}
    for one in batch.datasets:
        dataset = one.dataset
        named = (state.experiment_id, dataset.name, dataset.digest)
        row = tx.session.row(tx.statements.dataset, named)
        if row is None:
            key = tx.next_id("datasets")
            tx.session.run(
                tx.statements.insert_dataset,
                (key, *named, dataset.source_type, dataset.source, dataset.schema, dataset.profile),
            )
        else:
            key = row[0]
        if key in held:
            continue
        tags = one.tags
        context = tags.get(tag_keys.DATASET_CONTEXT)
        text = msgspec.json.encode(tags).decode()
        tx.session.run(tx.statements.insert_run_dataset, (state.id, key, len(held), context, text))
        held.add(key)


def _add_models(tx: Transaction, state: RunState, batch: Batch) -> None:
    position = (tx.session.row(tx.statements.count_models, (state.id,)) or (0,))[0]
    links = [(0, one.model_id, 0) for one in batch.model_inputs]
    links += [(1, one.model_id, one.step) for one in batch.model_outputs]
    tx.session.many(
        tx.statements.insert_run_model,
        [(state.id, *link, position + place) for place, link in enumerate(links)],
    )


def append_to_tag_list(tx: Transaction, run_id: str, key: str, item: object) -> None:
    """Append *item* to the JSON list that a tag holds."""
    state = tx.active_run(run_id)
    tag = tx.key_id(state.experiment_id, TAG, key)
    row = tx.session.row(tx.statements.tag, (state.id, tag))
    try:
        items = msgspec.json.decode(row[0], type=list[object]) if row else []
    except msgspec.MsgspecError as error:
        raise InvalidArgument(f"Tag {key!r} of run {run_id} holds no JSON list.") from error
    if state.lost:
        _revive(tx, state)
    text = msgspec.json.encode([*items, item]).decode()
    tx.session.run(tx.statements.set_tag, (state.id, tag, text))
    tx.touch(state.id)
