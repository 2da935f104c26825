"""Logged models in SQL: rows, changes, searches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from sqlalchemy import (
    BindParameter,
    and_,
    bindparam,
    delete,
    exists,
    insert,
    or_,
    select,
    tuple_,
    update,
)

from millrace.core.entities.audit import NO_TRAIL
from millrace.core.entities.entity import KeyValue
from millrace.core.entities.logged_model import (
    STATUS_NUMBERS,
    LoggedModel,
    LoggedModelData,
    LoggedModelInfo,
)
from millrace.core.entities.metric import Metric
from millrace.core.errors import AlreadyExists, InvalidArgument, NotFound
from millrace.core.filters.ast import Entity
from millrace.core.numbers import key_of, number_in, value_of
from millrace.core.pages import Page
from millrace.core.rules.registry import registration, registrations
from millrace.core.tags import MODEL_VERSIONS
from millrace.stores.sql import tables as t
from millrace.stores.sql.dialects import upsert
from millrace.stores.sql.experiments import IN_VIEW, being_purged
from millrace.stores.sql.filters import Held, Shape, where
from millrace.stores.sql.runs import below, home_of
from millrace.stores.sql.search import SortBy, find
from millrace.stores.sql.transaction import ACTIVE, DELETED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.sql.selectable import FromClause

    from millrace.core.entities.audit import Trail
    from millrace.core.entities.logged_model import LoggedModelChange
    from millrace.core.filters.ast import Field
    from millrace.stores.protocols import Query
    from millrace.stores.sql.engine import Row, Session
    from millrace.stores.sql.transaction import Transaction

_STATUS_OF = {name: number for number, name in STATUS_NUMBERS.items()}
_WORDS = {number: name.removeprefix("LOGGED_MODEL_") for number, name in STATUS_NUMBERS.items()}

_m = t.logged_models.c
_ids: BindParameter[Any] = bindparam("ids", expanding=True)
_ROWS = select(t.logged_models).where(_m.id.in_(_ids))
_PARAMS = select(t.logged_model_params).where(t.logged_model_params.c.model_id.in_(_ids))
_TAGS = select(t.logged_model_tags).where(t.logged_model_tags.c.model_id.in_(_ids))
_TAG = select(t.logged_model_tags.c.value).where(
    t.logged_model_tags.c.model_id == bindparam("model"),
    t.logged_model_tags.c.key == bindparam("key"),
)
_METRICS = (
    select(t.logged_model_metrics)
    .where(t.logged_model_metrics.c.model_id.in_(_ids))
    .order_by(
        *(
            t.logged_model_metrics.c[name]
            for name in ("model_id", "key", "step", "ms", "value", "run_uuid")
        )
    )
)


def models_by_row(session: Session, ids: Sequence[int]) -> list[LoggedModel]:
    """Those models, in the order of *ids*."""
    if not ids:
        return []
    asked = list(ids)
    params = _grouped(session.select(_PARAMS, ids=asked))
    tags = _grouped(session.select(_TAGS, ids=asked))
    metrics = _grouped(session.select(_METRICS, ids=asked))
    models = {}
    for row in session.select(_ROWS, ids=asked):
        model_id = row[1]
        info = LoggedModelInfo(
            model_id=model_id,
            experiment_id=str(row[2]),
            name=row[3],
            status=STATUS_NUMBERS[row[4]],
            model_type=row[5],
            source_run_id=row[6],
            status_message=row[7],
            artifact_uri=row[8],
            creation_timestamp_ms=row[9],
            last_updated_timestamp_ms=row[10],
            tag_list=_pairs(tags.get(row[0], ())),
        )
        data = LoggedModelData(
            param_list=_pairs(params.get(row[0], ())),
            metric_list=tuple(_metric(one, model_id) for one in metrics.get(row[0], ())),
        )
        models[row[0]] = LoggedModel(info=info, data=data)
    return [models[one] for one in ids if one in models]


def _grouped(rows: Sequence[Row]) -> dict[int, list[Row]]:
    groups: dict[int, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[0], []).append(row)
    return groups


def _pairs(rows: Sequence[Row]) -> tuple[KeyValue, ...]:
    return tuple(KeyValue(key=row[1], value=row[2]) for row in sorted(rows))


def _metric(row: Row, model_id: str) -> Metric:
    return Metric(
        key=row[1],
        run_id=row[2],
        dataset_name=row[3] or None,
        dataset_digest=row[4] or None,
        step=row[5],
        timestamp=row[6],
        value=value_of(row[7]),
        model_id=model_id,
    )


def row_of(session: Session, model_id: str, *, in_trash: bool = False) -> int | None:
    """The row id of a model; None when it is not there, or in the trash unless *in_trash*."""
    query = select(_m.id, _m.lifecycle).where(_m.uuid == model_id)
    rows = session.select(query)
    return rows[0][0] if rows and (in_trash or rows[0][1] == ACTIVE) else None


def add_logged_model(tx: Transaction, model: LoggedModel, trail: Trail = NO_TRAIL) -> LoggedModel:
    """Record a model with its params and tags."""
    info = model.info
    location = home_of(tx, info.experiment_id)
    if row_of(tx.session, info.model_id, in_trash=True) is not None:
        raise AlreadyExists(f"A logged model with id={info.model_id} exists already.")
    uri = info.artifact_uri or below(location, "models", info.model_id, "artifacts")
    added = msgspec.structs.replace(model, info=msgspec.structs.replace(info, artifact_uri=uri))
    row = insert_model(tx, added)
    made = models_by_row(tx.session, [row])[0]
    if trail.act is not None:
        tx.note(trail, "logged_model", info.model_id, after=made.recorded())
    return made


def insert_model(tx: Transaction, model: LoggedModel, *, is_deleted: bool = False) -> int:
    """Write a model that is not there yet, with its params and tags; its row id."""
    info = model.info
    row = tx.next_id("logged_models")
    tx.session.connection.execute(
        insert(t.logged_models).values(
            id=row,
            uuid=info.model_id,
            experiment_id=int(info.experiment_id),
            name=info.name,
            status=_STATUS_OF[info.status],
            model_type=info.model_type,
            source_run_id=info.source_run_id,
            status_message=info.status_message,
            artifact_uri=info.artifact_uri,
            created_ms=info.creation_timestamp_ms,
            updated_ms=info.last_updated_timestamp_ms,
            lifecycle=DELETED if is_deleted else ACTIVE,
        )
    )
    _add_params(tx, row, model.data.param_list)
    _set_tags(tx, row, info.tag_list)
    return row


def _add_params(tx: Transaction, row: int, params: Sequence[KeyValue]) -> None:
    if params:
        rows = []
        for param in params:
            number = number_in(param.value)
            rows.append(
                {
                    "model_id": row,
                    "key": param.key,
                    "value": param.value,
                    "number": None if number is None else key_of(number),
                }
            )
        tx.session.connection.execute(insert(t.logged_model_params), rows)


def _set_tags(tx: Transaction, row: int, tags: Sequence[KeyValue]) -> None:
    if tags:
        connection = tx.session.connection
        connection.execute(
            upsert(t.logged_model_tags, changed=("value",)),
            [{"model_id": row, "key": tag.key, "value": _kept(tx, row, tag)} for tag in tags],
        )


def _kept(tx: Transaction, row: int, tag: KeyValue) -> str:
    if tag.key != MODEL_VERSIONS:
        return tag.value
    held = tx.session.select(_TAG, model=row, key=tag.key)
    return registrations(held[0][0] if held else None, tag.value)


def note_registration(tx: Transaction, model_id: str, name: str, version: int) -> None:
    """Tell a logged model, if it is here, that it was registered."""
    row = row_of(tx.session, model_id)
    if row is not None:
        _set_tags(tx, row, [KeyValue(key=MODEL_VERSIONS, value=registration(name, version))])


def change_logged_model(
    tx: Transaction, model_id: str, change: LoggedModelChange, trail: Trail = NO_TRAIL
) -> LoggedModel:
    """Apply *change*; the protocol says what is raised."""
    row = row_of(tx.session, model_id, in_trash=change.deleted is not None)
    if row is None:
        raise NotFound(f"Logged model with id={model_id!r} not found.")
    connection = tx.session.connection
    before = None if trail.act is None else _recorded(tx.session, row)
    if change.add_params:
        _add_new_params(tx, row, model_id, change.add_params)
    _set_tags(tx, row, change.set_tags)
    if change.delete_tag is not None:
        gone = connection.execute(
            delete(t.logged_model_tags).where(
                t.logged_model_tags.c.model_id == row,
                t.logged_model_tags.c.key == change.delete_tag,
            )
        )
        if not gone.rowcount:
            raise NotFound(
                f"No tag with key={change.delete_tag!r} on logged model with id={model_id!r}."
            )
    values: dict[str, object] = {}
    if change.status is not None:
        values["status"] = _STATUS_OF[change.status]
    if change.deleted is not None:
        values |= _moved(tx.session, row, change)
    if change.last_updated_timestamp_ms is not None:
        values["updated_ms"] = change.last_updated_timestamp_ms
    if values:
        connection.execute(update(t.logged_models).where(_m.id == row).values(values))
    if before is not None:
        after = _recorded(tx.session, row)
        tx.note(trail, "logged_model", model_id, before=before, after=after)
    return models_by_row(tx.session, [row])[0]


def _recorded(session: Session, row: int) -> dict[str, object]:
    lifecycle = session.select(select(_m.lifecycle).where(_m.id == row))[0][0]
    return models_by_row(session, [row])[0].recorded(is_deleted=lifecycle == DELETED)


def _moved(session: Session, row: int, change: LoggedModelChange) -> dict[str, object]:
    columns = select(_m.lifecycle, _m.deleted_ms, _m.purging_ms, _m.uuid).where(_m.id == row)
    lifecycle, deleted_ms, purging_ms, uuid = session.select(columns)[0]
    if not change.deleted:
        if purging_ms is not None:
            raise being_purged(f"logged model {uuid}")
        return {"lifecycle": ACTIVE, "deleted_ms": None}
    return {
        "lifecycle": DELETED,
        "deleted_ms": change.deleted_ms if lifecycle == ACTIVE else deleted_ms,
    }


def _add_new_params(tx: Transaction, row: int, model_id: str, params: Sequence[KeyValue]) -> None:
    held = {key: value for _, key, value, _ in tx.session.select(_PARAMS, ids=[row])}
    for param in params:
        old = held.setdefault(param.key, param.value)
        if old != param.value:
            raise InvalidArgument(
                f"Changing param values is not allowed. Param {param.key!r} of logged model "
                f"{model_id} is {old!r}; {param.value!r} was given."
            )
    known = {key for _, key, _, _ in tx.session.select(_PARAMS, ids=[row])}
    fresh = {param.key: param for param in params if param.key not in known}
    _add_params(tx, row, list(fresh.values()))


class ModelSource:
    """What a search of logged models looks at.

    With *datasets*, only metrics logged with one of them are seen. Of a metric's points the one
    with the greatest (step, time, value) counts.
    """

    table: FromClause = t.logged_models
    id: ColumnElement[int] = _m.id

    _own: ClassVar[dict[str, Held]] = {
        "name": Held(column=_m.name, shape=Shape.TEXT),
        "model_id": Held(column=_m.uuid, shape=Shape.TEXT),
        "model_type": Held(column=_m.model_type, shape=Shape.TEXT),
        "status": Held(column=_m.status, shape=Shape.NAMED, names=_WORDS),
        "source_run_id": Held(column=_m.source_run_id, shape=Shape.TEXT),
        "artifact_uri": Held(column=_m.artifact_uri, shape=Shape.TEXT),
        "status_message": Held(column=_m.status_message, shape=Shape.TEXT, is_nullable=True),
        "experiment_id": Held(column=_m.experiment_id, shape=Shape.DIGITS),
        "creation_timestamp": Held(column=_m.created_ms, shape=Shape.INTEGER),
        "last_updated_timestamp": Held(column=_m.updated_ms, shape=Shape.INTEGER),
    }

    def __init__(self, datasets: Sequence[tuple[str, str | None]]) -> None:
        self._datasets = datasets

    def held(self, field: Field, *, numeric: bool) -> Held | None:
        """Where *field* is."""
        match field.entity:
            case Entity.PARAM:
                table = t.logged_model_params
                return Held(
                    column=table.c.number if numeric else table.c.value,
                    shape=Shape.VALUE if numeric else Shape.TEXT,
                    owner=table.c.model_id,
                    rows=table.c.key == field.key,
                )
            case Entity.TAG:
                tags = t.logged_model_tags
                return Held(
                    column=tags.c.value,
                    shape=Shape.TEXT,
                    owner=tags.c.model_id,
                    rows=tags.c.key == field.key,
                )
            case Entity.METRIC:
                return self._metric(field.key)
        return self._own[field.key]

    def _metric(self, key: str) -> Held:
        table, later = t.logged_model_metrics, t.logged_model_metrics.alias("later")
        place = [tuple_(*(of.c[name] for name in ("step", "ms", "value"))) for of in (table, later)]
        is_later = and_(
            later.c.model_id == table.c.model_id,
            later.c.key == key,
            place[1] > place[0],
            self._logged_with(later),
        )
        # Equal points of several runs or data sets are one value: the least row stands for them.
        is_twin = and_(
            later.c.model_id == table.c.model_id,
            later.c.key == key,
            place[1] == place[0],
            self._logged_with(later),
            tuple_(later.c.run_uuid, later.c.dataset_name, later.c.dataset_digest)
            < tuple_(table.c.run_uuid, table.c.dataset_name, table.c.dataset_digest),
        )
        latest = ~exists().where(or_(is_later, is_twin)).correlate(table)
        return Held(
            column=table.c.value,
            shape=Shape.VALUE,
            owner=table.c.model_id,
            rows=and_(table.c.key == key, self._logged_with(table), latest),
        )

    def _logged_with(self, table: FromClause) -> Any:  # noqa: ANN401 - an SQL expression
        if not self._datasets:
            return and_(True)
        return or_(
            *(
                and_(
                    table.c.dataset_name == name,
                    and_(True) if digest is None else table.c.dataset_digest == digest,
                )
                for name, digest in self._datasets
            )
        )


def find_logged_models(
    session: Session,
    experiment_ids: Sequence[str],
    query: Query,
    datasets: Sequence[tuple[str, str | None]],
) -> Page[LoggedModel]:
    """A page of the models that match."""
    if not experiment_ids:
        return Page()
    source = ModelSource(datasets)
    scope = and_(
        _m.experiment_id.in_(sorted({int(one) for one in experiment_ids})),
        _m.lifecycle.in_(IN_VIEW[query.view]),
    )
    ties = [SortBy(_m.created_ms, False), SortBy(_m.uuid, True)]
    found = find(
        session, source, where(session, query.tree, source, scope),
        order=query.order, ties=ties, limit=query.limit, after=query.after,
    )  # fmt: skip
    return Page(tuple(models_by_row(session, found.ids)), found.next)
