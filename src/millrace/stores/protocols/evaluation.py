"""Records of evaluation data sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from millrace.core.entities.audit import NO_TRAIL

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from millrace.core.entities.audit import Trail
    from millrace.core.entities.dataset import EvaluationDataset, EvaluationRecord
    from millrace.core.pages import Page, Position
    from millrace.stores.protocols.tracking import Query


class EvaluationStore(Protocol):
    """Records of evaluation data sets."""

    def add_dataset(
        self, dataset: EvaluationDataset, *, trail: Trail = NO_TRAIL
    ) -> Future[EvaluationDataset]:
        """Record a data set. NotFound: one of its experiments is not there."""
        ...

    def dataset(self, dataset_id: str) -> EvaluationDataset | None: ...

    def change_dataset(
        self,
        dataset: EvaluationDataset,
        *,
        seen: EvaluationDataset | None = None,
        trail: Trail = NO_TRAIL,
    ) -> Future[EvaluationDataset]:
        """Replace a data set's record by one with the same id. NotFound; Conflict when the record
        is no longer as it was *seen*."""
        ...

    def delete_dataset(self, dataset_id: str, *, trail: Trail = NO_TRAIL) -> Future[None]:
        """Delete a data set and its records. Nothing happens when it is not there."""
        ...

    def find_datasets(self, experiment_ids: Sequence[str], query: Query) -> Page[EvaluationDataset]:
        """Matching data sets; of any experiment when *experiment_ids* is empty."""
        ...

    def upsert_records(
        self, dataset_id: str, records: Sequence[EvaluationRecord], *, trail: Trail = NO_TRAIL
    ) -> Future[tuple[int, int]]:
        """Add records or, where `inputs` are the same, merge them (`rules.datasets.merged`); how
        many were (inserted, updated). The data set is described anew
        (`rules.datasets.described`). NotFound."""
        ...

    def records(
        self, dataset_id: str, *, limit: int, after: Position | None
    ) -> Page[EvaluationRecord]:
        """Records by creation time then id."""
        ...

    def delete_records(
        self, dataset_id: str, record_ids: Sequence[str], *, trail: Trail = NO_TRAIL
    ) -> Future[int]:
        """Delete those records that are there; how many they were. Describes the set anew."""
        ...
