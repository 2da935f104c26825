"""Evaluation data sets and their records in dictionaries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from millrace.core.entities.audit import NO_TRAIL
from millrace.core.entities.dataset import EvaluationDataset
from millrace.core.errors import AlreadyExists, Conflict, NotFound
from millrace.core.pages import Page
from millrace.core.rules import datasets as rules
from millrace.stores.memory import search

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping, Sequence
    from concurrent.futures import Future

    from millrace.core.entities.audit import Trail
    from millrace.core.entities.dataset import EvaluationRecord
    from millrace.core.pages import Position
    from millrace.stores.memory.ledger import Ledger
    from millrace.stores.protocols import Query


class MemoryEvaluation:
    """The evaluation data sets of one place; *has_experiment* tells which experiments there are."""

    def __init__(self, ledger: Ledger, has_experiment: Callable[[str], bool]) -> None:
        self._ledger = ledger
        self._has_experiment = has_experiment
        self._datasets = ledger.table("datasets", EvaluationDataset)
        self._records = self._shelves()
        """By data set, then by inputs."""

    def _shelves(self) -> MutableMapping[str, MutableMapping[str, EvaluationRecord]]:
        """A place for the records of each data set."""
        return {}

    def add_dataset(
        self, dataset: EvaluationDataset, *, trail: Trail = NO_TRAIL
    ) -> Future[EvaluationDataset]:
        """Record a data set."""
        return self._ledger.write(trail, lambda: self._add_dataset(dataset, trail))

    def _add_dataset(self, dataset: EvaluationDataset, trail: Trail) -> EvaluationDataset:
        if dataset.dataset_id in self._datasets:
            raise AlreadyExists(f"Evaluation data set {dataset.dataset_id!r} exists already.")
        self._check_experiments(dataset)
        self._datasets[dataset.dataset_id] = dataset
        self._records[dataset.dataset_id] = {}
        self._ledger.note(trail, "dataset", dataset.dataset_id, after=dataset)
        return dataset

    def _check_experiments(self, dataset: EvaluationDataset) -> None:
        for experiment_id in dataset.experiment_ids:
            if not self._has_experiment(experiment_id):
                raise NotFound(f"No experiment {experiment_id!r}.")

    def unlink(self, experiment_id: str) -> None:
        """Let no data set say that it belongs to an experiment that is gone."""
        for key, dataset in self._datasets.items():
            left = tuple(one for one in dataset.experiment_ids if one != experiment_id)
            if left != dataset.experiment_ids:
                self._datasets[key] = replace(dataset, experiment_ids=left)

    def _check_there(self, dataset_id: str) -> None:
        if dataset_id not in self._datasets:
            raise NotFound(f"No evaluation data set {dataset_id!r}.")

    def dataset(self, dataset_id: str) -> EvaluationDataset | None:
        """The data set without its records."""
        with self._ledger.lock:
            return self._datasets.get(dataset_id)

    def change_dataset(
        self,
        dataset: EvaluationDataset,
        *,
        seen: EvaluationDataset | None = None,
        trail: Trail = NO_TRAIL,
    ) -> Future[EvaluationDataset]:
        """Replace a data set's record, if it still is as *seen*, by one with the same id."""
        return self._ledger.write(trail, lambda: self._change_dataset(dataset, seen, trail))

    def _change_dataset(
        self, dataset: EvaluationDataset, seen: EvaluationDataset | None, trail: Trail
    ) -> EvaluationDataset:
        self._check_there(dataset.dataset_id)
        held = self._datasets[dataset.dataset_id]
        if seen not in {None, held}:
            raise Conflict(f"Evaluation data set {dataset.dataset_id!r} has changed meanwhile.")
        self._check_experiments(dataset)
        self._datasets[dataset.dataset_id] = dataset
        self._ledger.note(trail, "dataset", dataset.dataset_id, before=held, after=dataset)
        return dataset

    def delete_dataset(self, dataset_id: str, *, trail: Trail = NO_TRAIL) -> Future[None]:
        """Delete a data set and its records."""
        return self._ledger.write(trail, lambda: self._delete_dataset(dataset_id, trail))

    def _delete_dataset(self, dataset_id: str, trail: Trail) -> None:
        held = self._datasets.pop(dataset_id, None)
        if held is not None:
            self._ledger.note(trail, "dataset", dataset_id, before=held)
        self._records.pop(dataset_id, None)

    def find_datasets(self, experiment_ids: Sequence[str], query: Query) -> Page[EvaluationDataset]:
        """Matching data sets, one page; of any experiment when *experiment_ids* is empty."""
        wanted = frozenset(experiment_ids)
        with self._ledger.lock:
            seen = [
                dataset
                for dataset in self._datasets.values()
                if not wanted or not wanted.isdisjoint(dataset.experiment_ids)
            ]
            return search.find(seen, query, search.dataset_values, search.DATASET_TIES)

    def upsert_records(
        self, dataset_id: str, records: Sequence[EvaluationRecord], *, trail: Trail = NO_TRAIL
    ) -> Future[tuple[int, int]]:
        """Add records, or update those with the same inputs: how many (inserted, updated)."""
        return self._ledger.write(trail, lambda: self._upsert_records(dataset_id, records, trail))

    def _upsert_records(
        self, dataset_id: str, records: Sequence[EvaluationRecord], trail: Trail
    ) -> tuple[int, int]:
        self._check_there(dataset_id)
        held = self._records[dataset_id]
        before = len(held)
        for record in records:
            old = held.get(record.inputs)
            held[record.inputs] = record if old is None else rules.merged(old, record)
        inserted = len(held) - before
        dataset = self._datasets[dataset_id]
        described = rules.described(dataset, records, added=inserted)
        self._datasets[dataset_id] = described
        self._ledger.note(trail, "dataset", dataset_id, before=dataset, after=described)
        return inserted, len(records) - inserted

    def records(
        self, dataset_id: str, *, limit: int, after: Position | None
    ) -> Page[EvaluationRecord]:
        """Records by creation time then id; none of a data set that is not there."""
        with self._ledger.lock:
            held = sorted(self._records.get(dataset_id, {}).values(), key=_place)
        rest = [record for record in held if after is None or _place(record) > after]
        page = tuple(rest[:limit])
        return Page(page, _place(page[-1]) if len(page) < len(rest) else None)

    def delete_records(
        self, dataset_id: str, record_ids: Sequence[str], *, trail: Trail = NO_TRAIL
    ) -> Future[int]:
        """Delete those records that are there; how many they were."""
        return self._ledger.write(
            trail, lambda: self._delete_records(dataset_id, record_ids, trail)
        )

    def _delete_records(self, dataset_id: str, record_ids: Sequence[str], trail: Trail) -> int:
        held = self._records.get(dataset_id, {})
        unwanted = frozenset(record_ids)
        found = [inputs for inputs, record in held.items() if record.dataset_record_id in unwanted]
        for inputs in found:
            del held[inputs]
        if found:
            dataset = self._datasets[dataset_id]
            described = rules.described(dataset, (), added=-len(found))
            self._datasets[dataset_id] = described
            self._ledger.note(trail, "dataset", dataset_id, before=dataset, after=described)
        return len(found)


def _place(record: EvaluationRecord) -> tuple[int, str]:
    return record.created_time, record.dataset_record_id
