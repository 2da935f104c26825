"""Data sets as inputs of runs, and evaluation data sets with their records."""

from __future__ import annotations

import msgspec

from millrace.core.entities.entity import Entity, KeyValue, mapping


class Dataset(Entity, frozen=True, kw_only=True):
    """A data set by name and digest. `source`, `schema` and `profile` hold JSON text."""

    name: str
    digest: str
    source_type: str = ""
    source: str = ""
    schema: str | None = None
    profile: str | None = None


class DatasetInput(Entity, frozen=True, kw_only=True):
    """A data set that a run read, with tags such as `mlflow.data.context`."""

    tag_list: tuple[KeyValue, ...] = msgspec.field(default=(), name="tags")
    dataset: Dataset

    @property
    def tags(self) -> dict[str, str]:
        """Tags by key."""
        return mapping(self.tag_list)


class DatasetSummary(Entity, frozen=True, kw_only=True):
    """A data set used somewhere in an experiment; `context` is absent where none was given."""

    experiment_id: str
    name: str
    digest: str
    context: str | None = None


class EvaluationDataset(Entity, frozen=True, kw_only=True):
    """A named collection of records to evaluate on. `tags`, `schema`, `profile`: JSON text."""

    dataset_id: str
    name: str
    digest: str
    created_time: int
    last_update_time: int
    tags: str | None = None
    schema: str | None = None
    profile: str | None = None
    created_by: str | None = None
    last_updated_by: str | None = None
    experiment_ids: tuple[str, ...] = ()


class EvaluationRecord(Entity, frozen=True, kw_only=True):
    """One record; identity within its data set is `inputs`. JSON text where the wire has it so."""

    dataset_record_id: str
    dataset_id: str
    inputs: str
    created_time: int
    last_update_time: int
    expectations: str | None = None
    outputs: str | None = None
    tags: str | None = None
    source: str | None = None
    source_id: str | None = None
    source_type: str | None = None
    created_by: str | None = None
    last_updated_by: str | None = None
