"""Registered models taken into a database as they were elsewhere, and given whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import delete, insert, select, update

from millrace.core.entities.entity import pairs
from millrace.core.entities.registry import HeldModel, HeldVersion, ModelVersion, RegisteredModel
from millrace.core.rules.registry import is_prompt
from millrace.core.rules.transfer import together
from millrace.stores.sql import tables as t
from millrace.stores.sql.registry_notes import PENDING, STATE_NUMBERS
from millrace.stores.sql.registry_rows import STAGE_NUMBERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Table

    from millrace.stores.sql.engine import Session
    from millrace.stores.sql.transaction import Transaction

_m, _v = t.registered_models.c, t.model_versions.c
_encode = msgspec.json.Encoder().encode
_read_model = msgspec.json.Decoder(RegisteredModel).decode
_read_version = msgspec.json.Decoder(ModelVersion).decode


def held_models(session: Session, *, after: str, limit: int) -> list[HeldModel]:
    """Registered models whose names come after *after*, by name."""
    query = select(_m.document, _m.last_version).where(_m.name > after)
    rows = session.select(query.order_by(_m.name).limit(limit))
    return [_held(session, _read_model(document), last) for document, last in rows]


def have_registered_model(tx: Transaction, given: HeldModel) -> None:
    """Have a registered model with its versions, tags and aliases."""
    name = given.model.name
    rows = tx.session.select(select(_m.id, _m.last_version, _m.document).where(_m.name == name))
    if rows:
        row, last, document = rows[0]
        held = together(given, _held(tx.session, _read_model(document), last))
    else:
        row, held = tx.next_id("registered_models"), given
    _have_row(
        tx,
        t.registered_models,
        row,
        is_new=not rows,
        name=name,
        is_prompt=int(is_prompt(held.model.tag_list)),
        last_version=held.last_version,
        created_ms=held.model.creation_timestamp,
        updated_ms=held.model.last_updated_timestamp,
        document=_encode(replace(held.model, latest_version_list=held.latest)),
    )
    for table in (t.registered_model_tags, t.registered_model_aliases):
        tx.session.connection.execute(delete(table).where(table.c.model_id == row))
    _insert(
        tx,
        t.registered_model_tags,
        [{"model_id": row, "key": tag.key, "value": tag.value} for tag in pairs(held.model.tags)],
    )
    versions = {one.version.version: _have_version(tx, row, one) for one in held.versions}
    _insert(
        tx,
        t.registered_model_aliases,
        [
            {"model_id": row, "alias": one.alias, "version_id": versions[one.version]}
            for one in held.model.alias_list
        ],
    )


def _held(session: Session, model: RegisteredModel, last_version: int) -> HeldModel:
    query = select(_v.document, _v.location).where(_v.name == model.name).order_by(_v.version)
    return HeldModel(
        model=replace(model, latest_version_list=()),
        versions=tuple(
            HeldVersion(version=_read_version(document), location=location)
            for document, location in session.select(query)
        ),
        last_version=last_version,
    )


def _have_version(tx: Transaction, model: int, held: HeldVersion) -> int:
    version = held.version
    number = int(version.version)
    query = select(_v.id).where(_v.name == version.name, _v.version == number)
    known = tx.session.select(query)
    row: int = known[0][0] if known else tx.next_id("model_versions")
    _have_row(
        tx,
        t.model_versions,
        row,
        is_new=not known,
        model_id=model,
        name=version.name,
        version=number,
        is_prompt=int(is_prompt(version.tag_list)),
        stage=STAGE_NUMBERS[version.current_stage],
        source=version.source,
        location=held.location,
        run_uuid=version.run_id,
        logged_uuid=version.model_id or "",
        created_ms=version.creation_timestamp,
        updated_ms=version.last_updated_timestamp,
        document=_encode(version),
    )
    if not known and not is_prompt(version.tag_list):
        state = {"state": STATE_NUMBERS["PENDING"], "digest": None, "record": PENDING}
        _insert(tx, t.model_version_manifests, [{"version_id": row, **state}])
    table = t.model_version_tags
    tx.session.connection.execute(delete(table).where(table.c.version_id == row))
    _insert(
        tx,
        table,
        [{"version_id": row, "key": tag.key, "value": tag.value} for tag in pairs(version.tags)],
    )
    return row


def _have_row(tx: Transaction, table: Table, row: int, *, is_new: bool, **values: object) -> None:
    statement: Any = (
        insert(table).values(id=row, **values)
        if is_new
        else update(table).where(table.c.id == row).values(**values)
    )
    tx.session.connection.execute(statement)


def _insert(tx: Transaction, table: Table, rows: Sequence[dict[str, object]]) -> None:
    if rows:
        tx.session.connection.execute(insert(table), list(rows))
