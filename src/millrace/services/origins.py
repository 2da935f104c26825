"""Where model versions come from: sources resolved, and held against what they claim to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from millrace.core import model_uris, settings
from millrace.core.entities.registry import ModelVersion, NewVersion
from millrace.core.errors import InvalidArgument, NotFound
from millrace.core.rules import registry as rules
from millrace.core.rules import sources

if TYPE_CHECKING:
    from millrace.core.entities.logged_model import LoggedModel
    from millrace.stores.protocols import RegistryStore, TrackingStore

_read_version = msgspec.json.Decoder(ModelVersion).decode


class Origins:
    """Finds out where a version comes from, and whether it may."""

    def __init__(self, store: RegistryStore, tracking: TrackingStore) -> None:
        self._store = store
        self._tracking = tracking
        schemes = settings.ALLOWED_HOST_ADDRESSED_ARTIFACT_SCHEMES.get()
        self._allowed = sources.Sources(
            schemes=frozenset(one.strip().lower() for one in schemes.split(",")),
            pattern=settings.CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX.get(),
        )

    def settled(self, new: NewVersion) -> NewVersion:
        """The version with its source resolved; `InvalidArgument`, `NotFound`."""
        source = new.source
        if rules.is_prompt(new.tag_list):
            return self._prompt(new)
        if model_uris.is_model_uri(source):
            named = model_uris.parse(source)
            if named.path:
                raise InvalidArgument(
                    f"Invalid model version source {source!r}: register the whole of a model, not "
                    f"the path {named.path!r} in it."
                )
            if isinstance(named, model_uris.ById):
                return self._of_logged_model(new, named.model_id)
            return self._copy(new, named)
        if source[:5].lower() == "runs:":
            return self._of_run(new)
        owner, run_id = self._owner(new)
        sources.place(source, owner, self._allowed)
        return msgspec.structs.replace(new, run_id=run_id)

    @staticmethod
    def _prompt(new: NewVersion) -> NewVersion:
        if new.source not in sources.OF_PROMPTS:
            raise InvalidArgument(
                f"Invalid source {new.source!r} of a prompt version: a prompt has no files, its "
                f"source is {' or '.join(sorted(sources.OF_PROMPTS))}."
            )
        return new

    def _of_run(self, new: NewVersion) -> NewVersion:
        sources.spelling(new.source)
        sources.matching(new.source, self._allowed)
        run_id = new.source.partition(":")[2].strip("/").partition("/")[0]
        if not run_id or run_id != new.run_id:
            raise InvalidArgument(
                f"Invalid model version source {new.source!r}: the run_id request parameter must "
                "be the run that the source names."
            )
        return new

    def _of_logged_model(self, new: NewVersion, model_id: str) -> NewVersion:
        if new.model_id != model_id:
            raise InvalidArgument(
                f"Invalid model version source {new.source!r}: the model_id request parameter must "
                "be the logged model that the source names."
            )
        sources.matching(new.source, self._allowed)
        model = self._logged_model(model_id)
        made_by = model.info.source_run_id
        if new.run_id and made_by and new.run_id != made_by:
            raise InvalidArgument(
                f"Logged model {model_id} was made by run {made_by}, not by run {new.run_id}."
            )
        return msgspec.structs.replace(
            new, location=model.info.artifact_uri, run_id=new.run_id or made_by
        )

    def _copy(self, new: NewVersion, of: model_uris.Registered) -> NewVersion:
        """A copy of another version: its files, its run, its logged model."""
        parent = self.version(of)
        if rules.is_prompt(parent.tag_list):
            raise InvalidArgument(
                f"Invalid model version source {new.source!r}: it is a prompt, which has no files."
            )
        for field, given, held in (
            ("run_id", new.run_id, parent.run_id),
            ("model_id", new.model_id, parent.model_id),
        ):
            if given and given != held:
                raise InvalidArgument(
                    f"Parameter {field!r} is {given!r}, but the source {new.source!r} has "
                    f"{held or 'none'!r}. Leave it out."
                )
        number = rules.version_number(parent.version)
        location = self._store.location(parent.name, number)
        if location is None:
            raise no_version(parent.name, parent.version)
        source = model_uris.uri_of(parent.name, parent.version)
        sources.matching(source, self._allowed)
        return msgspec.structs.replace(
            new,
            source=source,
            location=location,
            run_id=parent.run_id,
            model_id=parent.model_id,
            copy_of=(parent.name, number),
        )

    def version(self, named: model_uris.Registered) -> ModelVersion:
        """The registered version that a URI names; `NotFound`."""
        name = named.name
        match named:
            case model_uris.ByNumber():
                found = self._store.version(name, rules.version_number(named.version))
                missing = f"version={named.version}"
            case model_uris.ByAlias():
                found = self._store.version_at(name, named.alias)
                missing = f"alias={named.alias}"
            case model_uris.Latest():
                found = self._store.highest_version(name)
                missing = "latest"
            case model_uris.ByStage():
                held = self._store.latest_versions(name, (named.stage,))
                found, missing = held[0] if held else None, f"stage={named.stage}"
        if found is None:
            raise NotFound(f"Model Version (name={name}, {missing}) not found.")
        return _read_version(found)

    def _owner(self, new: NewVersion) -> tuple[sources.Owner | None, str]:
        """What the source must lie inside of, and the run that it comes from."""
        if new.model_id:
            model = self._tracking.logged_model(new.model_id)
            if model is not None:
                owner = sources.Owner(f"logged model {new.model_id}", model.info.artifact_uri)
                return owner, new.run_id or model.info.source_run_id
        if new.run_id:
            root = self._artifact_root_of(new.run_id)
            if root is not None:
                return sources.Owner(f"run {new.run_id}", root), new.run_id
        return None, new.run_id

    def _artifact_root_of(self, run_id: str) -> str | None:
        document = self._tracking.run(run_id)
        return None if document is None else _read_root(document).info.artifact_uri

    def _logged_model(self, model_id: str) -> LoggedModel:
        found = self._tracking.logged_model(model_id)
        if found is None:
            raise NotFound(f"Logged model with id={model_id!r} not found.")
        return found


class _Info(msgspec.Struct):
    artifact_uri: str


class _Run(msgspec.Struct):
    """As much of a run as says where its artifacts are."""

    info: _Info


_read_root = msgspec.json.Decoder(_Run).decode


def no_model(name: str) -> NotFound:
    """The refusal of a name that no registered model has."""
    return NotFound(f"Registered Model with name={name} not found.")


def no_version(name: str, version: str) -> NotFound:
    """The refusal of a version that a model does not have."""
    return NotFound(f"Model Version (name={name}, version={version}) not found.")
