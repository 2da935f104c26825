"""Experiments: a name, a place for artifacts, tags, and a life cycle."""

from __future__ import annotations

import msgspec

from millrace.core.entities.entity import Entity, KeyValue, LifecycleStage, mapping

DEFAULT_ID = "0"
DEFAULT_NAME = "Default"


class Experiment(Entity, frozen=True, kw_only=True):
    """A set of runs that answer one question. Times are milliseconds since the epoch."""

    experiment_id: str
    name: str
    artifact_location: str
    lifecycle_stage: LifecycleStage
    last_update_time: int | None = None
    creation_time: int | None = None
    tag_list: tuple[KeyValue, ...] = msgspec.field(default=(), name="tags")
    workspace: str | None = None

    @property
    def tags(self) -> dict[str, str]:
        """Tags by key."""
        return mapping(self.tag_list)


class ExperimentChange(Entity, frozen=True, kw_only=True):
    """What to change of an experiment; None leaves a thing as it is."""

    name: str | None = None
    lifecycle_stage: LifecycleStage | None = None
    set_tags: tuple[KeyValue, ...] = ()
    delete_tag: str | None = None
    last_update_time: int | None = None
