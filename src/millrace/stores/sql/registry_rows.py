"""Registered models and their versions as rows: reading, changing, and keeping documents ready.

A record is its document; what it is found by stands beside it. Every function here looks before it
writes, so that a refusal leaves the group of its transaction as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec.structs import replace
from sqlalchemy import (
    BindParameter,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)

from millrace.core.entities.entity import mapping, pairs
from millrace.core.entities.registry import (
    STAGES,
    Alias,
    AliasMove,
    ModelVersion,
    RegisteredModel,
    Stage,
    StageMove,
)
from millrace.core.errors import AlreadyExists, NotFound
from millrace.core.filters.ast import Op
from millrace.core.rules import registry_events
from millrace.core.rules.registry import is_prompt
from millrace.stores.sql import tables as t
from millrace.stores.sql.columns import Text
from millrace.stores.sql.dialects import beginning, upsert
from millrace.stores.sql.models import note_registration
from millrace.stores.sql.registry_notes import PENDING, STATE_NUMBERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Table
    from sqlalchemy.sql.elements import CompilerElement

    from millrace.core.entities.audit import Trail
    from millrace.core.entities.entity import KeyValue
    from millrace.core.entities.registry import (
        Manifest,
        Move,
        NewVersion,
        RegisteredModelChange,
        VersionChange,
    )
    from millrace.stores.sql.engine import Database, Prepared, Session
    from millrace.stores.sql.transaction import Transaction

STAGE_NUMBERS: Final[dict[Stage, int]] = {stage: place for place, stage in enumerate(STAGES)}

RARE: Final = 2_000
"""So few records are quicker found first and sorted than met on a walk in order."""

_m, _v, _a = t.registered_models.c, t.model_versions.c, t.registered_model_aliases.c
_other = t.model_versions.alias("other").c
_read_model = msgspec.json.Decoder(RegisteredModel).decode
_read_version = msgspec.json.Decoder(ModelVersion).decode
_encode = msgspec.json.Encoder().encode


class RegistryStatements:
    """Prepared statements of the registry, named by what they do."""

    def __init__(self, database: Database) -> None:
        def prepare(statement: CompilerElement) -> Prepared:
            return database.prepare(statement)

        def new_row(table: Table) -> Prepared:
            names = (column.name for column in table.columns)
            return database.prepare(insert(table), *names)

        def new_or_changed(table: Table, *changed: str) -> Prepared:
            names = (column.name for column in table.columns)
            return database.prepare(upsert(table, changed=changed), *names)

        name: BindParameter[Any] = bindparam("of_name")
        version: BindParameter[Any] = bindparam("of_version")
        model: BindParameter[Any] = bindparam("of_model")
        row: BindParameter[Any] = bindparam("of_row")
        stage: BindParameter[Any] = bindparam("of_stage")

        self.model = prepare(select(_m.id, _m.last_version, _m.document).where(_m.name == name))
        self.model_document = prepare(select(_m.document).where(_m.name == name))
        self.insert_model = new_row(t.registered_models)
        self.change_model = prepare(
            update(t.registered_models).where(_m.id == row).values(
                {one: bindparam(f"to_{one}") for one in
                 ("name", "is_prompt", "last_version", "updated_ms", "document")}
            )
        )  # fmt: skip
        self.set_model_tag = new_or_changed(t.registered_model_tags, "value")
        self.delete_model_tag = prepare(
            delete(t.registered_model_tags).where(
                t.registered_model_tags.c.model_id == row,
                t.registered_model_tags.c.key == bindparam("of_key"),
            )
        )

        self.version = prepare(
            select(_v.id, _v.document).where(_v.name == name, _v.version == version)
        )
        self.location = prepare(select(_v.location).where(_v.name == name, _v.version == version))
        self.versions_in_stage = prepare(
            select(_v.id, _v.document)
            .where(_v.model_id == model, _v.stage == stage)
            .order_by(_v.version.desc())
        )
        # The greatest by a look into the index: dialects differ in how they stop after one row.
        self.latest_in_stage = prepare(
            select(_v.document, _v.version).where(
                _v.model_id == model,
                _v.stage == stage,
                _v.version
                == select(func.max(_other.version))
                .where(_other.model_id == bindparam("in_model"), _other.stage == bindparam("in_"))
                .scalar_subquery(),
            )
        )
        self.highest = prepare(
            select(_v.document).where(
                _v.name == name,
                _v.version
                == select(func.max(_other.version))
                .where(_other.name == bindparam("in_name"))
                .scalar_subquery(),
            )
        )
        self.aliased = prepare(
            select(_v.document)
            .select_from(t.registered_models)
            .join(t.registered_model_aliases, _a.model_id == _m.id)
            .join(t.model_versions, _v.id == _a.version_id)
            .where(_m.name == name, _a.alias == bindparam("of_alias"))
        )
        self.versions_of_model = prepare(select(_v.id, _v.document).where(_v.model_id == model))
        self.insert_version = new_row(t.model_versions)
        self.change_version = prepare(
            update(t.model_versions).where(_v.id == row).values(
                {one: bindparam(f"to_{one}") for one in
                 ("name", "is_prompt", "stage", "updated_ms", "document")}
            )
        )  # fmt: skip
        files = t.model_version_manifests
        self.manifest = prepare(
            select(files.c.state, files.c.digest, files.c.record).where(files.c.version_id == row)
        )
        self.insert_manifest = new_row(files)
        self.set_version_tag = new_or_changed(t.model_version_tags, "value")
        self.delete_version_tag = prepare(
            delete(t.model_version_tags).where(
                t.model_version_tags.c.version_id == row,
                t.model_version_tags.c.key == bindparam("of_key"),
            )
        )
        self.set_alias = new_or_changed(t.registered_model_aliases, "version_id")
        self.delete_alias = prepare(
            delete(t.registered_model_aliases).where(
                _a.model_id == model, _a.alias == bindparam("of_alias")
            )
        )

        # How many have a tag, counted no further than it matters.
        value = bindparam("of_value", type_=Text)
        self.rare = {
            tags.name: prepare(
                select(func.count()).select_from(
                    select(tags.c.key)
                    .where(
                        tags.c.key == bindparam("of_key"),
                        beginning(tags.c.value == value, tags.c.value, Op.EQ, value),
                    )
                    .limit(literal_column(str(RARE)))
                    .subquery()
                )
            )
            for tags in (t.registered_model_tags, t.model_version_tags)
        }


class ModelRow(msgspec.Struct):
    """A registered model under change; `entity` is rewritten when it is saved."""

    id: int
    last_version: int
    entity: RegisteredModel


class VersionRow(msgspec.Struct):
    """A version under change."""

    id: int
    entity: ModelVersion


class RegistryRows:
    """The registry through one transaction of the writer; *trail* is of the one who changes it."""

    def __init__(self, tx: Transaction, statements: RegistryStatements, trail: Trail) -> None:
        self._tx = tx
        self._trail = trail
        self._session: Session = tx.session
        self._do = statements

    # --- looking up -----------------------------------------------------------------------------

    def model(self, name: str) -> ModelRow:
        """The model of that name; `NotFound`."""
        row = self._session.row(self._do.model, (name,))
        if row is None:
            raise NotFound(f"Registered Model with name={name} not found.")
        return ModelRow(row[0], row[1], _read_model(row[2]))

    def version(self, name: str, version: int) -> VersionRow:
        """The version of that number; `NotFound`."""
        row = self._session.row(self._do.version, (name, version))
        if row is None:
            raise NotFound(f"Model Version (name={name}, version={version}) not found.")
        return VersionRow(row[0], _read_version(row[1]))

    def in_stage(self, name: str, stage: Stage) -> list[ModelVersion]:
        """The versions of a model in a stage, the highest first."""
        found = self._session.rows(
            self._do.versions_in_stage, (self.model(name).id, STAGE_NUMBERS[stage])
        )
        return [_read_version(document) for _, document in found]

    def check_free(self, name: str) -> None:
        """AlreadyExists when the name is taken, by a model or a prompt."""
        row = self._session.row(self._do.model_document, (name,))
        if row is not None:
            kind = "prompt" if is_prompt(_read_model(row[0]).tag_list) else "registered model"
            raise AlreadyExists(f"The name {name!r} is taken: a {kind} of that name exists.")

    # --- models ---------------------------------------------------------------------------------

    def add_model(self, model: RegisteredModel) -> RegisteredModel:
        """Record a model with its tags."""
        self.check_free(model.name)
        model = replace(model, tag_list=pairs(model.tags))
        row = self._tx.next_id("registered_models")
        self._session.run(
            self._do.insert_model,
            (
                row, model.name, int(is_prompt(model.tag_list)), 0, model.creation_timestamp,
                model.last_updated_timestamp, _encode(model),
            ),
        )  # fmt: skip
        self._set_tags(self._do.set_model_tag, row, model.tag_list)
        self._note_model(None, model)
        self._tell(registry_events.model_created(model))
        return model

    def change_model(self, name: str, change: RegisteredModelChange) -> RegisteredModel:
        """Change a model; a new name is its versions', too."""
        row = self.model(name)
        before = row.entity
        renamed = change.name is not None and change.name != name
        if renamed and change.name is not None:
            self.check_free(change.name)
        row.entity = replace(
            before,
            name=change.name or name,
            description=before.description if change.description is None else change.description,
            deployment_job_id=(
                before.deployment_job_id
                if change.deployment_job_id is None
                else change.deployment_job_id
            ),
            tag_list=_retagged(before, change),
            last_updated_timestamp=(
                before.last_updated_timestamp if change.at_ms is None else change.at_ms
            ),
        )
        self._set_tags(self._do.set_model_tag, row.id, change.set_tags)
        if change.delete_tag is not None:
            self._session.run(self._do.delete_model_tag, (row.id, change.delete_tag))
        if renamed:
            self._rename_versions(row)
        self._save_model(row)
        self._note_model(before, row.entity)
        self._tell(registry_events.model_changed(row.entity, change))
        return row.entity

    def _rename_versions(self, model: ModelRow) -> None:
        name = model.entity.name
        rows = self._session.rows(self._do.versions_of_model, (model.id,))
        at_ms = model.entity.last_updated_timestamp

        def renamed(one: ModelVersion) -> ModelVersion:
            return replace(one, name=name, last_updated_timestamp=at_ms)

        self._save_versions(
            VersionRow(one, renamed(_read_version(document))) for one, document in rows
        )
        latest = tuple(map(renamed, model.entity.latest_version_list))
        model.entity = replace(model.entity, latest_version_list=latest)

    def delete_model(self, name: str) -> None:
        """Delete a model with everything of it."""
        model = self.model(name)
        connection = self._session.connection
        versions = select(_v.id).where(_v.model_id == model.id)
        tags, files, servers = t.model_version_tags, t.model_version_manifests, t.model_servers
        for statement in (
            delete(t.registered_model_aliases).where(_a.model_id == model.id),
            delete(t.registry_comments).where(t.registry_comments.c.model_id == model.id),
            delete(tags).where(tags.c.version_id.in_(versions)),
            delete(files).where(files.c.version_id.in_(versions)),
            delete(servers).where(servers.c.version_id.in_(versions)),
            delete(t.model_versions).where(_v.model_id == model.id),
            delete(t.registered_model_tags).where(t.registered_model_tags.c.model_id == model.id),
            delete(t.registered_models).where(_m.id == model.id),
        ):
            connection.execute(statement)
        self._note_model(model.entity, None)
        self._tell(registry_events.model_deleted(model.entity))

    # --- versions -------------------------------------------------------------------------------

    def add_version(self, new: NewVersion) -> ModelVersion:
        """Record a version under the next number."""
        model = self.model(new.name)
        parent = None if new.copy_of is None else self.version(*new.copy_of).id
        is_a_prompt = is_prompt(new.tag_list)
        model.last_version += 1
        version = ModelVersion(
            name=new.name,
            version=str(model.last_version),
            creation_timestamp=new.created_ms,
            last_updated_timestamp=new.created_ms,
            current_stage="None",
            source=new.source,
            run_id=new.run_id,
            status="READY",
            run_link=new.run_link,
            user_id=new.user_id,
            description=new.description,
            model_id=new.model_id,
            tag_list=pairs(mapping(new.tag_list)),
        )
        row = self._tx.next_id("model_versions")
        self._session.run(
            self._do.insert_version,
            (
                row, model.id, new.name, model.last_version, int(is_a_prompt),
                STAGE_NUMBERS["None"], new.source, new.location, new.run_id, new.model_id or "",
                parent, new.created_ms, new.created_ms, _encode(version),
            ),
        )  # fmt: skip
        self._set_tags(self._do.set_version_tag, row, version.tag_list)
        if not is_a_prompt:
            self._add_manifest(row, parent, new.manifest)
        others = [one for one in model.entity.latest_version_list if one.current_stage != "None"]
        self._save_model(model, latest=[*others, version], at_ms=new.created_ms)
        if new.model_id:
            note_registration(self._tx, new.model_id, new.name, model.last_version)
        self._note_version(None, version)
        self._tell(registry_events.version_created(version))
        return version

    def _add_manifest(self, version: int, parent: int | None, made: Manifest | None) -> None:
        """Of a copy it is the parent's: nobody need look at its files again."""
        held = None if parent is None else self._session.row(self._do.manifest, (parent,))
        if held is None and made is not None:
            held = (STATE_NUMBERS[made.state], made.digest, _encode(made))
        state, digest, record = held or (STATE_NUMBERS["PENDING"], None, PENDING)
        self._session.run(self._do.insert_manifest, (version, state, digest, record))

    def change_version(self, name: str, version: int, change: VersionChange) -> ModelVersion:
        """Change a version."""
        row = self.version(name, version)
        before = row.entity
        row.entity = replace(
            before,
            description=before.description if change.description is None else change.description,
            tag_list=_retagged(before, change),
            last_updated_timestamp=(
                before.last_updated_timestamp if change.at_ms is None else change.at_ms
            ),
        )
        self._set_tags(self._do.set_version_tag, row.id, change.set_tags)
        if change.delete_tag is not None:
            self._session.run(self._do.delete_version_tag, (row.id, change.delete_tag))
        self._save_versions([row])
        self._refresh(self.model(name), [row])
        self._note_version(before, row.entity)
        self._tell(registry_events.version_changed(row.entity, change))
        return row.entity

    def move(self, move: Move) -> ModelVersion | None:
        """Put a version into a stage, or an alias on a version."""
        match move:
            case StageMove():
                return self._enter(move)
            case AliasMove(version=version):
                if version is not None:
                    return self._point(move, self.version(move.name, version))
                self._release(move)
                return None

    def _enter(self, move: StageMove) -> ModelVersion:
        row = self.version(move.name, move.version)
        model = self.model(move.name)
        before = [row.entity]
        changed = [VersionRow(row.id, _staged(row.entity, move.stage, move.at_ms))]
        if move.archive_existing:
            held = self._session.rows(
                self._do.versions_in_stage, (model.id, STAGE_NUMBERS[move.stage])
            )
            for one, document in held:
                if one != row.id:
                    before.append(_read_version(document))
                    changed.append(VersionRow(one, _staged(before[-1], "Archived", move.at_ms)))
        self._save_versions(changed)
        self._save_model(model, latest=self._latest(model.id), at_ms=move.at_ms)
        for old, new in reversed(list(zip(before, changed, strict=True))):
            self._note_version(old, new.entity)
        self._tell(registry_events.moved(move, model.entity, before[0].current_stage))
        return changed[0].entity

    def _point(self, move: AliasMove, to: VersionRow) -> ModelVersion:
        model, alias = self.model(move.name), move.alias
        before = model.entity
        held = before.aliases.get(alias)
        if held == to.entity.version:
            return to.entity
        moved = [] if held is None else [self._without(model, alias, int(held))]
        to.entity = replace(to.entity, alias_list=tuple(sorted((*to.entity.alias_list, alias))))
        moved.append(to)
        self._session.run(self._do.set_alias, (model.id, alias, to.id))
        after = before.aliases | {alias: to.entity.version}
        model.entity = replace(before, alias_list=_aliases(after))
        self._save_versions(moved)
        self._refresh(model, moved, always=True)
        self._note_model(before, model.entity)
        self._tell(registry_events.moved(move, model.entity))
        return to.entity

    def _release(self, move: AliasMove) -> None:
        model, alias = self.model(move.name), move.alias
        before = model.entity
        held = before.aliases.get(alias)
        if held is None:
            return
        row = self._without(model, alias, int(held))
        self._session.run(self._do.delete_alias, (model.id, alias))
        left = {one: at for one, at in before.aliases.items() if one != alias}
        model.entity = replace(before, alias_list=_aliases(left))
        self._save_versions([row])
        self._refresh(model, [row], always=True)
        self._note_model(before, model.entity)
        self._tell(registry_events.moved(move, model.entity))

    def _without(self, model: ModelRow, alias: str, version: int) -> VersionRow:
        row = self.version(model.entity.name, version)
        left = tuple(one for one in row.entity.alias_list if one != alias)
        row.entity = replace(row.entity, alias_list=left)
        return row

    def delete_version(self, name: str, version: int, at_ms: int) -> None:
        """Delete a version with its tags and aliases."""
        row = self.version(name, version)
        model = self.model(name)
        connection = self._session.connection
        tags, files, servers = t.model_version_tags, t.model_version_manifests, t.model_servers
        for statement in (
            delete(t.registered_model_aliases).where(_a.version_id == row.id),
            delete(t.registry_comments).where(t.registry_comments.c.version_id == row.id),
            delete(tags).where(tags.c.version_id == row.id),
            delete(files).where(files.c.version_id == row.id),
            delete(servers).where(servers.c.version_id == row.id),
            delete(t.model_versions).where(_v.id == row.id),
        ):
            connection.execute(statement)
        left = {one: at for one, at in model.entity.aliases.items() if at != row.entity.version}
        model.entity = replace(model.entity, alias_list=_aliases(left))
        self._save_model(model, latest=self._latest(model.id), at_ms=at_ms)
        self._note_version(row.entity, None)
        self._tell(registry_events.version_deleted(row.entity))

    # --- what is written beside a change --------------------------------------------------------

    def _note_model(self, before: RegisteredModel | None, after: RegisteredModel | None) -> None:
        held = before or after
        if self._trail.act is not None and held is not None:
            self._tx.note(
                self._trail, "registered_model", held.name,
                before=None if before is None else before.recorded(),
                after=None if after is None else after.recorded(),
            )  # fmt: skip

    def _note_version(self, before: ModelVersion | None, after: ModelVersion | None) -> None:
        held = before or after
        if held is not None:
            self._tx.note(self._trail, "model_version", held.place, before=before, after=after)

    def _tell(self, events: registry_events.Events) -> None:
        for event, payload in events:
            self._tx.emit(self._trail, event, payload)

    # --- keeping documents ready ----------------------------------------------------------------

    def _latest(self, model: int) -> list[ModelVersion]:
        found = (
            self._session.row(self._do.latest_in_stage, (model, number, model, number))
            for number in STAGE_NUMBERS.values()
        )
        return [_read_version(row[0]) for row in found if row is not None]

    def _refresh(
        self, model: ModelRow, changed: Sequence[VersionRow], *, always: bool = False
    ) -> None:
        """Write the model anew if one of the *changed* versions shows in it."""
        now = {row.entity.version: row.entity for row in changed}
        shown = model.entity.latest_version_list
        if always or any(one.version in now for one in shown):
            self._save_model(model, latest=[now.get(one.version, one) for one in shown])

    def _save_model(
        self,
        row: ModelRow,
        *,
        latest: Sequence[ModelVersion] | None = None,
        at_ms: int | None = None,
    ) -> None:
        model = row.entity
        if latest is not None:
            in_order = sorted(latest, key=lambda one: int(one.version))
            model = replace(model, latest_version_list=tuple(in_order))
        if at_ms is not None:
            model = replace(model, last_updated_timestamp=at_ms)
        row.entity = model
        self._session.run(
            self._do.change_model,
            (
                model.name, int(is_prompt(model.tag_list)), row.last_version,
                model.last_updated_timestamp, _encode(model), row.id,
            ),
        )  # fmt: skip

    def _save_versions(self, rows: Iterable[VersionRow]) -> None:
        self._session.many(self._do.change_version, [_changing(row) for row in rows])

    def _set_tags(self, statement: Prepared, row: int, tags: Sequence[KeyValue]) -> None:
        if tags:
            self._session.many(statement, [(row, tag.key, tag.value) for tag in tags])


def _changing(row: VersionRow) -> tuple[Any, ...]:
    """The values of `RegistryStatements.change_version`."""
    one = row.entity
    return (
        one.name, int(is_prompt(one.tag_list)), STAGE_NUMBERS[one.current_stage],
        one.last_updated_timestamp, _encode(one), row.id,
    )  # fmt: skip


def _staged(version: ModelVersion, stage: Stage, at_ms: int) -> ModelVersion:
    return replace(version, current_stage=stage, last_updated_timestamp=at_ms)


def _retagged(
    held: RegisteredModel | ModelVersion, change: RegisteredModelChange | VersionChange
) -> tuple[KeyValue, ...]:
    after = held.tags | mapping(change.set_tags)
    if change.delete_tag is not None:
        after.pop(change.delete_tag, None)
    return pairs(after)


def _aliases(held: dict[str, str]) -> tuple[Alias, ...]:
    return tuple(Alias(alias=one, version=held[one]) for one in sorted(held))
