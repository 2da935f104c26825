"""Logged models in a dictionary, and the experiments that they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from millrace.core.entities.audit import NO_TRAIL
from millrace.core.entities.entity import KeyValue, mapping
from millrace.core.entities.logged_model import LoggedModelChange
from millrace.core.errors import AlreadyExists, InvalidArgument, NotFound
from millrace.core.rules.registry import registration, registrations
from millrace.core.tags import MODEL_VERSIONS
from millrace.stores.memory import search
from millrace.stores.memory.records import ModelRecord

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from millrace.core.entities.audit import Trail
    from millrace.core.entities.experiment import Experiment
    from millrace.core.entities.logged_model import LoggedModel
    from millrace.core.pages import Page
    from millrace.stores.memory.ledger import Ledger
    from millrace.stores.memory.records import Held
    from millrace.stores.protocols import Query


def below(location: str, path: str) -> str:
    """The place *path* under an artifact location, which may end in a slash or hold a query."""
    root, mark, query = location.partition("?")
    return f"{root.rstrip('/')}/{path}{mark}{query}"


class LoggedModels:
    """The part of `MemoryTracking` that keeps logged models."""

    def __init__(self, ledger: Ledger, held: Held) -> None:
        self._ledger = ledger
        self.held = held
        self._experiments = self.held.experiments
        self._models = self.held.models

    def _experiment(self, experiment_id: str) -> Experiment:
        experiment = self._experiments.get(experiment_id)
        if experiment is None:
            raise NotFound(f"No experiment {experiment_id!r}.")
        return experiment

    def _active_experiment(self, experiment_id: str) -> Experiment:
        experiment = self._experiment(experiment_id)
        if experiment.lifecycle_stage == "deleted":
            raise InvalidArgument(
                f"Experiment {experiment_id} is deleted.", hint="Restore it first."
            )
        return experiment

    def _model(self, model_id: str) -> ModelRecord:
        model = self._models.get(model_id)
        if model is None or model.deleted:
            raise NotFound(f"No logged model {model_id!r}.")
        return model

    def add_logged_model(
        self, model: LoggedModel, *, trail: Trail = NO_TRAIL
    ) -> Future[LoggedModel]:
        """Record a new logged model with its params and tags."""
        return self._ledger.write(trail, lambda: self._add_logged_model(model, trail))

    def _add_logged_model(self, model: LoggedModel, trail: Trail) -> LoggedModel:
        info = model.info
        experiment = self._active_experiment(info.experiment_id)
        if info.model_id in self._models:
            raise AlreadyExists(f"Logged model {info.model_id!r} exists already.")
        uri = info.artifact_uri or below(
            experiment.artifact_location, f"models/{info.model_id}/artifacts"
        )
        record = ModelRecord(replace(model, info=replace(info, artifact_uri=uri)))
        self._models[info.model_id] = record
        added = record.entity()
        self._ledger.note(trail, "logged_model", info.model_id, after=added.recorded())
        return added

    def note_registration(self, model_id: str, name: str, version: int) -> None:
        """Tell a logged model, if it is here, that it was registered."""
        if self.logged_model(model_id) is not None:
            tag = KeyValue(key=MODEL_VERSIONS, value=registration(name, version))
            self._change_logged_model(model_id, LoggedModelChange(set_tags=(tag,)), NO_TRAIL)

    def logged_model(self, model_id: str) -> LoggedModel | None:
        """The model; None when it is not there or in the trash."""
        with self._ledger.lock:
            model = self._models.get(model_id)
            return None if model is None or model.deleted else model.entity()

    def change_logged_model(
        self, model_id: str, change: LoggedModelChange, *, trail: Trail = NO_TRAIL
    ) -> Future[LoggedModel]:
        """Change a logged model."""
        return self._ledger.write(trail, lambda: self._change_logged_model(model_id, change, trail))

    def _change_logged_model(
        self, model_id: str, change: LoggedModelChange, trail: Trail
    ) -> LoggedModel:
        if change.deleted is False:
            self.held.check_restorable("logged model", model_id)
        is_life_cycle = change.deleted is not None and model_id in self._models
        model = self._models[model_id] if is_life_cycle else self._model(model_id)
        for entry in change.add_params:
            if model.params.get(entry.key, entry.value) != entry.value:
                raise InvalidArgument(
                    f"Param {entry.key!r} of logged model {model_id!r} is "
                    f"{model.params[entry.key]!r}; it cannot become {entry.value!r}."
                )
        tags = model.tags | mapping(change.set_tags)
        if MODEL_VERSIONS in tags:
            tags[MODEL_VERSIONS] = registrations(
                model.tags.get(MODEL_VERSIONS), tags[MODEL_VERSIONS]
            )
        if change.delete_tag is not None and tags.pop(change.delete_tag, None) is None:
            raise NotFound(f"Logged model {model_id!r} has no tag {change.delete_tag!r}.")
        before = model.entity().recorded(is_deleted=model.deleted)
        model.tags = tags
        model.params |= mapping(change.add_params)
        if change.deleted is not None:
            if change.deleted != model.deleted:
                model.deleted_ms = change.deleted_ms if change.deleted else None
            model.deleted = change.deleted
        updated = change.last_updated_timestamp_ms
        model.base = replace(
            model.base,
            status=change.status or model.base.status,
            last_updated_timestamp_ms=(
                model.base.last_updated_timestamp_ms if updated is None else updated
            ),
        )
        changed = model.entity()
        after = changed.recorded(is_deleted=model.deleted)
        self._ledger.note(trail, "logged_model", model_id, before=before, after=after)
        return changed

    def find_logged_models(
        self,
        experiment_ids: Sequence[str],
        query: Query,
        *,
        datasets: Sequence[tuple[str, str | None]] = (),
    ) -> Page[LoggedModel]:
        """Matching models, one page."""
        with self._ledger.lock:
            seen = [
                model
                for model in self._models.values()
                if model.base.experiment_id in experiment_ids
                and search.in_view("deleted" if model.deleted else "active", query.view)
            ]
            lookup = search.model_lookup(datasets)
            return search.find(seen, query, lookup, search.MODEL_TIES).map(ModelRecord.entity)
