"""Registered models and their versions in dictionaries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from millrace.core.entities.audit import NO_TRAIL
from millrace.core.entities.entity import mapping, pairs
from millrace.core.entities.registry import (
    STAGES,
    Alias,
    AliasMove,
    HeldModel,
    HeldVersion,
    Manifest,
    ModelVersion,
    NewVersion,
    RegisteredModel,
    StageMove,
)
from millrace.core.errors import AlreadyExists, NotFound
from millrace.core.pages import Page
from millrace.core.rules import manifests, registry_events
from millrace.core.rules.registry import is_prompt
from millrace.core.rules.transfer import together
from millrace.stores import guarding
from millrace.stores.memory import search
from millrace.stores.memory.approvals import MemoryApprovals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

    from millrace.core.entities.audit import Trail
    from millrace.core.entities.dataset import DatasetInput
    from millrace.core.entities.entity import KeyValue
    from millrace.core.entities.model_server import ModelServer
    from millrace.core.entities.registry import (
        Comment,
        Move,
        RegisteredModelChange,
        Stage,
        VersionChange,
    )
    from millrace.core.pages import Position
    from millrace.stores.memory.ledger import Ledger
    from millrace.stores.protocols import Query

_encode = msgspec.json.Encoder().encode


class VersionRecord:
    """A version as it is kept: changeable, without what its model knows of it."""

    def __init__(self, base: ModelVersion, location: str, manifest: Manifest | None = None) -> None:
        self.base = base
        self.number = int(base.version)
        self.location = location
        self.parent: VersionRecord | None = None
        self.manifest = None if is_prompt(base.tag_list) else manifest or Manifest(state="PENDING")
        self.servers: dict[str, ModelServer] = {}


class RegisteredRecord:
    """A model as it is kept, its versions by number and its aliases."""

    def __init__(self, base: RegisteredModel) -> None:
        self.base = base
        self.versions: dict[int, VersionRecord] = {}
        self.comments: dict[str, Comment] = {}
        self.aliases: dict[str, int] = {}
        self.last_version = 0

    def seen(self, number: int) -> ModelVersion:
        """A version with its aliases, as clients see it."""
        pointing = tuple(sorted(one for one, at in self.aliases.items() if at == number))
        return replace(self.versions[number].base, alias_list=pointing)

    def latest(self, stages: Sequence[Stage]) -> list[ModelVersion]:
        """The highest version of each of *stages*."""
        highest: dict[Stage, int] = {}
        for number, record in sorted(self.versions.items()):
            highest[record.base.current_stage] = number
        return [self.seen(at) for at in sorted(highest[one] for one in stages if one in highest)]

    def entity(self) -> RegisteredModel:
        """The model as clients see it."""
        return replace(
            self.base,
            latest_version_list=tuple(self.latest(STAGES)),
            alias_list=tuple(
                Alias(alias=one, version=str(at)) for one, at in sorted(self.aliases.items())
            ),
        )

    def held(self) -> HeldModel:
        """The model with all its versions."""
        return HeldModel(
            model=replace(self.entity(), latest_version_list=()),
            versions=tuple(
                HeldVersion(version=self.seen(number), location=self.versions[number].location)
                for number in sorted(self.versions)
            ),
            last_version=self.last_version,
        )


class MemoryRegistry:
    """The registered models of one place.

    *note* tells a logged model that it was registered, *datasets_of* what a run read.
    """

    def __init__(
        self,
        ledger: Ledger,
        note: Callable[[str, str, int], None],
        datasets_of: Callable[[str], Sequence[DatasetInput]],
    ) -> None:
        self._ledger = ledger
        self._note = note
        self._lookup = search.version_lookup(datasets_of)
        self._models: dict[str, RegisteredRecord] = {}
        self.approvals = MemoryApprovals(ledger, self)

    def record(self, name: str) -> RegisteredRecord:
        """The model of that name; `NotFound`."""
        found = self._models.get(name)
        if found is None:
            raise NotFound(f"Registered Model with name={name} not found.")
        return found

    def version_record(self, name: str, version: int) -> tuple[RegisteredRecord, VersionRecord]:
        """The version of that number, and its model; `NotFound`."""
        model = self.record(name)
        found = model.versions.get(version)
        if found is None:
            raise NotFound(f"Model Version (name={name}, version={version}) not found.")
        return model, found

    # --- models ---------------------------------------------------------------------------------

    def add_registered_model(
        self, model: RegisteredModel, *, trail: Trail = NO_TRAIL
    ) -> Future[RegisteredModel]:
        """Record a model with its tags."""
        return self._ledger.write(trail, lambda: self._add_model(model, trail))

    def _add_model(self, model: RegisteredModel, trail: Trail) -> RegisteredModel:
        self._check_free(model.name)
        self._models[model.name] = record = RegisteredRecord(
            replace(model, tag_list=pairs(model.tags))
        )
        self._ledger.note(trail, "registered_model", model.name, after=record.base.recorded())
        self._tell(trail, registry_events.model_created(record.base))
        return record.entity()

    def _tell(self, trail: Trail, events: registry_events.Events) -> None:
        for event, payload in events:
            self._ledger.emit(trail, event, payload)

    def _check_free(self, name: str) -> None:
        held = self._models.get(name)
        if held is not None:
            kind = "prompt" if is_prompt(held.base.tag_list) else "registered model"
            raise AlreadyExists(f"The name {name!r} is taken: a {kind} of that name exists.")

    def registered_model(self, name: str) -> msgspec.Raw | None:
        """The model as wire JSON."""
        with self._ledger.lock:
            found = self._models.get(name)
            return None if found is None else msgspec.Raw(_encode(found.entity()))

    def change_registered_model(
        self, name: str, change: RegisteredModelChange, *, trail: Trail = NO_TRAIL
    ) -> Future[RegisteredModel]:
        """Change a model."""
        new_name = change.name
        if new_name is None or new_name == name:
            return self._ledger.write(trail, lambda: self._change_model(name, change, trail))

        def rename() -> RegisteredModel:
            books = self.approvals.books(trail)
            guarding.check_rename(books, name, new_name)
            changed = self._change_model(name, change, trail)
            guarding.gone(books, name, new_name)
            return changed

        return self._ledger.write(trail, rename)

    def _change_model(
        self, name: str, change: RegisteredModelChange, trail: Trail
    ) -> RegisteredModel:
        record = self.record(name)
        before = record.entity().recorded()
        if change.name is not None and change.name != name:
            self._check_free(change.name)
            del self._models[name]
            self._models[change.name] = record
            at_ms = record.base.last_updated_timestamp if change.at_ms is None else change.at_ms
            for one in record.versions.values():
                one.base = replace(one.base, name=change.name, last_updated_timestamp=at_ms)
        base = record.base
        record.base = replace(
            base,
            name=change.name or name,
            description=base.description if change.description is None else change.description,
            deployment_job_id=(
                base.deployment_job_id
                if change.deployment_job_id is None
                else change.deployment_job_id
            ),
            tag_list=_retagged(base.tag_list, change),
            last_updated_timestamp=(
                base.last_updated_timestamp if change.at_ms is None else change.at_ms
            ),
        )
        after = record.entity()
        self._ledger.note(trail, "registered_model", name, before=before, after=after.recorded())
        self._tell(trail, registry_events.model_changed(after, change))
        return after

    def delete_registered_model(self, name: str, *, trail: Trail = NO_TRAIL) -> Future[None]:
        """Delete a model with everything of it."""

        def remove() -> None:
            books = self.approvals.books(trail)
            guarding.check_model_may_go(books, name)
            self._delete_model(name, trail)
            guarding.gone(books, name)

        return self._ledger.write(trail, remove)

    def _delete_model(self, name: str, trail: Trail) -> None:
        gone = self.record(name).entity()
        del self._models[name]
        self._ledger.note(trail, "registered_model", name, before=gone.recorded())
        self._tell(trail, registry_events.model_deleted(gone))

    def find_registered_models(
        self, query: Query, *, prompts: bool | None = None
    ) -> Page[msgspec.Raw]:
        """Matching models, one page."""
        with self._ledger.lock:
            seen = [
                record.base
                for record in self._models.values()
                if prompts is None or is_prompt(record.base.tag_list) == prompts
            ]
            page = search.find(seen, query, search.registered_values, search.REGISTERED_TIES)
            return page.map(lambda one: msgspec.Raw(_encode(self._models[one.name].entity())))

    # --- versions -------------------------------------------------------------------------------

    def add_version(self, version: NewVersion, *, trail: Trail = NO_TRAIL) -> Future[ModelVersion]:
        """Record a version under the next number."""
        return self._ledger.write(trail, lambda: self._add_version(version, trail))

    def _add_version(self, new: NewVersion, trail: Trail) -> ModelVersion:
        model = self.record(new.name)
        parent = None if new.copy_of is None else self.version_record(*new.copy_of)[1]
        model.last_version += 1
        number = model.last_version
        base = ModelVersion(
            name=new.name,
            version=str(number),
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
        model.versions[number] = record = VersionRecord(base, new.location, new.manifest)
        if parent is not None:
            record.parent, record.manifest = parent, parent.manifest
        self._touch(model, new.created_ms)
        if new.model_id:
            self._note(new.model_id, new.name, number)
        self._ledger.note(trail, "model_version", base.place, after=base)
        self._tell(trail, registry_events.version_created(base))
        return base

    @staticmethod
    def _touch(model: RegisteredRecord, at_ms: int) -> None:
        model.base = replace(model.base, last_updated_timestamp=at_ms)

    def version(self, name: str, version: int) -> msgspec.Raw | None:
        """The version as wire JSON."""
        with self._ledger.lock:
            model = self._models.get(name)
            if model is None or version not in model.versions:
                return None
            return msgspec.Raw(_encode(model.seen(version)))

    def latest_versions(self, name: str, stages: Sequence[Stage]) -> list[msgspec.Raw] | None:
        """The highest version of each of *stages*."""
        with self._ledger.lock:
            model = self._models.get(name)
            if model is None:
                return None
            return [msgspec.Raw(_encode(one)) for one in model.latest(stages)]

    def highest_version(self, name: str) -> msgspec.Raw | None:
        """The version with the greatest number."""
        with self._ledger.lock:
            model = self._models.get(name)
            if model is None or not model.versions:
                return None
            return msgspec.Raw(_encode(model.seen(max(model.versions))))

    def version_at(self, name: str, alias: str) -> msgspec.Raw | None:
        """The version that the alias points at."""
        with self._ledger.lock:
            model = self._models.get(name)
            if model is None or alias not in model.aliases:
                return None
            return msgspec.Raw(_encode(model.seen(model.aliases[alias])))

    def location(self, name: str, version: int) -> str | None:
        """Where the files of a version are."""
        with self._ledger.lock:
            model = self._models.get(name)
            if model is None or version not in model.versions:
                return None
            return model.versions[version].location

    def locations_naming(self, text: str) -> list[str]:
        """Places of versions that have *text* in them."""
        with self._ledger.lock:
            places = {one.location for _, one in self.everything()}
        return sorted(place for place in places if text in place)

    def change_version(
        self, name: str, version: int, change: VersionChange, *, trail: Trail = NO_TRAIL
    ) -> Future[ModelVersion]:
        """Change a version."""
        return self._ledger.write(trail, lambda: self._change_version(name, version, change, trail))

    def _change_version(
        self, name: str, version: int, change: VersionChange, trail: Trail
    ) -> ModelVersion:
        model, record = self.version_record(name, version)
        before = model.seen(version)
        base = record.base
        record.base = replace(
            base,
            description=base.description if change.description is None else change.description,
            tag_list=_retagged(base.tag_list, change),
            last_updated_timestamp=(
                base.last_updated_timestamp if change.at_ms is None else change.at_ms
            ),
        )
        after = model.seen(version)
        self._ledger.note(trail, "model_version", after.place, before=before, after=after)
        self._tell(trail, registry_events.version_changed(after, change))
        return after

    def move(self, move: Move, *, trail: Trail = NO_TRAIL) -> Future[ModelVersion | None]:
        """Put a version into a stage, or an alias on a version."""
        return self._ledger.write(trail, lambda: guarding.move(self.approvals.books(trail), move))

    def move_now(self, move: Move, trail: Trail) -> ModelVersion | None:
        """Make a move that nothing stands against; hold the lock."""
        match move:
            case StageMove():
                return self._enter(move, trail)
            case AliasMove():
                return self._point(move, trail)

    def _point(self, move: AliasMove, trail: Trail) -> ModelVersion | None:
        model, version = self.record(move.name), move.version
        held = model.aliases.get(move.alias)
        if version is not None:
            self.version_record(move.name, version)
        if held != version:
            before = model.entity()
            if version is None:
                del model.aliases[move.alias]
            else:
                model.aliases[move.alias] = version
            after = model.entity()
            self._ledger.note(
                trail, "registered_model", move.name,
                before=before.recorded(), after=after.recorded(),
            )  # fmt: skip
            self._tell(trail, registry_events.moved(move, after))
        return None if version is None else model.seen(version)

    def _enter(self, move: StageMove, trail: Trail) -> ModelVersion:
        model, entering = self.version_record(move.name, move.version)
        stage = entering.base.current_stage
        if move.archive_existing:
            for other in list(model.versions.values()):
                if other is not entering and other.base.current_stage == move.stage:
                    self._stage(model, other, "Archived", move.at_ms, trail)
        self._stage(model, entering, move.stage, move.at_ms, trail)
        self._touch(model, move.at_ms)
        self._tell(trail, registry_events.moved(move, model.base, stage))
        return model.seen(move.version)

    def _stage(
        self, model: RegisteredRecord, record: VersionRecord, stage: Stage, at_ms: int, trail: Trail
    ) -> None:
        before = model.seen(record.number)
        record.base = replace(record.base, current_stage=stage, last_updated_timestamp=at_ms)
        after = model.seen(record.number)
        self._ledger.note(trail, "model_version", after.place, before=before, after=after)

    def delete_version(
        self, name: str, version: int, *, at_ms: int, trail: Trail = NO_TRAIL
    ) -> Future[None]:
        """Delete a version with its tags and aliases."""

        def remove() -> None:
            guarding.check_version_may_go(self.approvals.books(trail), name, version)
            self._delete_version(name, version, at_ms, trail)

        return self._ledger.write(trail, remove)

    def _delete_version(self, name: str, version: int, at_ms: int, trail: Trail) -> None:
        model, _ = self.version_record(name, version)
        gone = model.seen(version)
        self._touch(model, at_ms)
        del model.versions[version]
        model.aliases = {one: at for one, at in model.aliases.items() if at != version}
        model.comments = {
            key: one for key, one in model.comments.items() if one.version != str(version)
        }
        self._ledger.note(trail, "model_version", gone.place, before=gone)
        self._tell(trail, registry_events.version_deleted(gone))

    def find_versions(self, query: Query, *, prompts: bool | None = None) -> Page[msgspec.Raw]:
        """Matching versions, one page."""
        with self._ledger.lock:
            seen = [
                record.base
                for model in self._models.values()
                for record in model.versions.values()
                if prompts is None or is_prompt(record.base.tag_list) == prompts
            ]
            page = search.find(seen, query, self._lookup, search.VERSION_TIES)
            return page.map(
                lambda one: msgspec.Raw(_encode(self._models[one.name].seen(int(one.version))))
            )

    def versions_from(
        self, *, run_ids: Sequence[str] = (), model_ids: Sequence[str] = ()
    ) -> dict[str, list[tuple[str, str]]]:
        """Versions that come from these runs and logged models."""
        asked = {*run_ids, *model_ids}
        found: dict[str, list[tuple[str, str]]] = {}
        with self._ledger.lock:
            for name, model in sorted(self._models.items()):
                for number, record in sorted(model.versions.items()):
                    origins = {record.base.run_id, record.base.model_id}
                    for origin in asked.intersection(filter(None, origins)):
                        found.setdefault(origin, []).append((name, str(number)))
        return found

    def versions_elsewhere(self) -> list[tuple[str, str, str]]:
        """Versions whose files are not in the folder of what they come from."""
        with self._ledger.lock:
            return [
                (*at, record.location)
                for at, record in self.everything()
                if not is_prompt(record.base.tag_list)
                and not any(
                    f"/{origin}/artifacts" in record.location
                    for origin in (record.base.run_id, record.base.model_id or "")
                )
            ]

    def parent(self, name: str, version: int) -> tuple[str, str] | None:
        """The version that this one is a copy of, if it is still there."""
        with self._ledger.lock:
            of = self.version_record(name, version)[1].parent
            return next((at for at, record in self.everything() if record is of), None)

    def children(self, name: str, version: int) -> list[tuple[str, str]]:
        """The versions that are copies of this one."""
        with self._ledger.lock:
            of = self.version_record(name, version)[1]
            return [at for at, record in self.everything() if record.parent is of]

    def everything(self) -> Iterator[tuple[tuple[str, str], VersionRecord]]:
        """All versions by name and number; hold the lock."""
        for name, model in sorted(self._models.items()):
            for number, record in sorted(model.versions.items()):
                yield (name, str(number)), record

    # --- manifests ------------------------------------------------------------------------------

    def manifest(self, name: str, version: int) -> Manifest | None:
        """The manifest of a version."""
        with self._ledger.lock:
            model = self._models.get(name)
            if model is None or version not in model.versions:
                return None
            return model.versions[version].manifest

    def pending_manifests(self, limit: int) -> list[tuple[str, int]]:
        """Some versions whose manifest is PENDING, the oldest first."""
        with self._ledger.lock:
            found = [
                (record.base.creation_timestamp, name, int(number))
                for (name, number), record in self.everything()
                if record.manifest is not None and record.manifest.state == "PENDING"
            ]
        return [(name, number) for _, name, number in sorted(found)[:limit]]

    def settle_manifest(
        self, name: str, version: int, manifest: Manifest, *, trail: Trail = NO_TRAIL
    ) -> Future[Manifest]:
        """Record the manifest of a version, unless one is recorded."""
        return self._ledger.write(
            trail, lambda: self._settle_manifest(name, version, manifest, trail)
        )

    def _settle_manifest(
        self, name: str, version: int, manifest: Manifest, trail: Trail
    ) -> Manifest:
        record = self.version_record(name, version)[1]
        held = record.manifest
        if held is not None and held.state == "RECORDED":
            return held
        record.manifest = manifest
        self._ledger.note(
            trail, "model_version", record.base.place,
            before=manifests.audited(held), after=manifests.audited(manifest),
        )  # fmt: skip
        return manifest

    # --- comments -------------------------------------------------------------------------------

    def add_comment(self, comment: Comment, *, trail: Trail = NO_TRAIL) -> Future[Comment]:
        """Record a comment."""
        return self._ledger.write(trail, lambda: self._add_comment(comment, trail))

    def _add_comment(self, comment: Comment, trail: Trail) -> Comment:
        model = self.record(comment.name)
        if comment.version is not None:
            self.version_record(comment.name, int(comment.version))
        model.comments[comment.id] = comment
        self._ledger.note(trail, "comment", comment.id, after=comment)
        return comment

    def comment(self, name: str, comment_id: str) -> Comment | None:
        """A comment on a model or on one of its versions."""
        with self._ledger.lock:
            model = self._models.get(name)
            found = None if model is None else model.comments.get(comment_id)
            return None if found is None else replace(found, name=name)

    def change_comment(
        self, name: str, comment_id: str, text: str, *, at_ms: int, trail: Trail = NO_TRAIL
    ) -> Future[Comment]:
        """Change the text of a comment."""

        def change() -> Comment:
            before = self._comment(name, comment_id)
            after = replace(before, comment=text, last_updated_timestamp=at_ms)
            self.record(name).comments[comment_id] = after
            self._ledger.note(trail, "comment", comment_id, before=before, after=after)
            return after

        return self._ledger.write(trail, change)

    def delete_comment(
        self, name: str, comment_id: str, *, trail: Trail = NO_TRAIL
    ) -> Future[None]:
        """Delete a comment."""

        def remove() -> None:
            before = self._comment(name, comment_id)
            del self.record(name).comments[comment_id]
            self._ledger.note(trail, "comment", comment_id, before=before)

        return self._ledger.write(trail, remove)

    def _comment(self, name: str, comment_id: str) -> Comment:
        found = self.comment(name, comment_id)
        if found is None:
            raise NotFound(f"Registered model {name!r} has no comment {comment_id!r}.")
        return found

    def comments(
        self, name: str, version: int | None, *, limit: int, after: Position | None
    ) -> Page[Comment]:
        """Comments on a version, or on the model itself, by time then id."""
        wanted = None if version is None else str(version)
        with self._ledger.lock:
            model = self._models.get(name)
            held = () if model is None else model.comments.values()
            found = sorted(
                (one.creation_timestamp, one.id, replace(one, name=name))
                for one in held
                if one.version == wanted
                and (after is None or (one.creation_timestamp, one.id) > after)
            )
        shown = found[:limit]
        more = shown[-1][:2] if len(found) > limit else None
        return Page(tuple(one for _, _, one in shown), more)

    # --- records taken in as they were elsewhere (`MemoryTransfer`) ------------------------------

    def put(self, given: HeldModel) -> None:
        """Have a model with its versions; what only this place has stays."""
        name = given.model.name
        old = self._models.get(name)
        held = given if old is None else together(given, old.held())
        record = RegisteredRecord(replace(held.model, alias_list=()))
        record.aliases = {one.alias: int(one.version) for one in held.model.alias_list}
        record.last_version = held.last_version
        known = {} if old is None else old.versions
        record.comments = {} if old is None else old.comments
        for one in held.versions:
            version = VersionRecord(replace(one.version, alias_list=()), one.location)
            before = known.get(version.number)
            if before is not None:
                version.parent, version.manifest = before.parent, before.manifest
                version.servers = before.servers
            record.versions[version.number] = version
        self._models[name] = record

    def held(self) -> list[HeldModel]:
        """All models with their versions, by name."""
        return [self._models[name].held() for name in sorted(self._models)]


def _retagged(
    held: Sequence[KeyValue], change: RegisteredModelChange | VersionChange
) -> tuple[KeyValue, ...]:
    after = mapping(held) | mapping(change.set_tags)
    if change.delete_tag is not None:
        after.pop(change.delete_tag, None)
    return pairs(after)
