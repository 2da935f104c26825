"""Experiments, runs, series and logged models in a folder of files.

The answers are the memory store's, by its own code, over records that are read from files; what it
changes in them is written back. So both stores agree by construction, and all that is here is about
looking at no more files than a question needs, and about what the files have no place for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from millrace.core.filters.ast import Entity
from millrace.core.tags import RUN_NAME
from millrace.stores.file.reading import Wanted
from millrace.stores.memory.records import Held
from millrace.stores.memory.tracking import MemoryTracking

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import msgspec

    from millrace.core.entities.experiment import Experiment
    from millrace.core.entities.run import RunInfo
    from millrace.core.filters.ast import Field
    from millrace.core.pages import Page
    from millrace.stores.file.index import Index
    from millrace.stores.file.journal import Journal
    from millrace.stores.file.ledger import FileLedger
    from millrace.stores.memory.records import RunRecord
    from millrace.stores.protocols import Query

# MLflow draws ids of 18 digits; ours are counted.
_COUNTED_DIGITS: Final = 15
_SECTIONS: Final = {Entity.METRIC: "metrics", Entity.PARAM: "params", Entity.TAG: "tags"}
_LAST_ID: Final = "experiments"


class FileTracking(MemoryTracking):
    """The memory store on the records of a folder."""

    def __init__(self, ledger: FileLedger, journal: Journal, index: Index) -> None:
        held = Held()
        held.experiments, held.runs, held.models = index.experiments, index.runs, index.models
        held.datasets = index.datasets
        held.deleted_ms = journal.table("deleted", int | None)
        held.purging = journal.names("purging")
        super().__init__(ledger, held)
        self._index = index
        self._numbers = journal.table("numbers", int)

    def is_new(self) -> bool:
        """Whether the folder holds no experiment, not even one in the trash or a damaged one."""
        with self._ledger.lock:
            return not self._index.experiment_ids()

    def put_experiment(self, experiment: Experiment) -> None:
        """Have *experiment*, in place of one with its id."""
        super().put_experiment(experiment)
        self._count(experiment.experiment_id)

    def _new_experiment_id(self) -> str:
        """The next number, also after experiments that are gone for good."""
        counted = [int(one) for one in self._index.experiment_ids() if _is_counted(one)]
        last = max([*counted, self._numbers.get(_LAST_ID, -1)], default=-1)
        self._count(str(last + 1))
        return str(last + 1)

    def _count(self, experiment_id: str) -> None:
        if _is_counted(experiment_id) and int(experiment_id) > self._numbers.get(_LAST_ID, -1):
            self._numbers[_LAST_ID] = int(experiment_id)

    def _is_taken(self, info: RunInfo, *, is_drawn: bool) -> bool:
        if is_drawn:
            return self._index.run_in(info.experiment_id, info.run_id) is not None
        return super()._is_taken(info, is_drawn=is_drawn)

    def _runs_of(self, experiment_ids: Sequence[str]) -> list[RunRecord]:
        return list(self._index.runs_of(experiment_ids))

    def find_runs(self, experiment_ids: Sequence[str], query: Query) -> Page[msgspec.Raw]:
        """Matching runs, one page; to sort them makes nothing that is garbage, either."""
        with self._ledger.lock, self._index.recalling(experiment_ids):
            return super().find_runs(experiment_ids, query)

    def records(
        self, experiment_ids: Sequence[str], fields: Iterable[Field] | None
    ) -> list[RunRecord]:
        """Only that is looked at which the question is about."""
        wanted = None if fields is None else _wanted(fields)
        return list(self._index.runs_of(experiment_ids, wanted))

    def record(self, run_id: str) -> RunRecord | None:
        """All of one run."""
        return self._index.run(run_id)

    def _shown(self, run: RunRecord) -> msgspec.Raw:
        """All of a run is looked at before it is shown; if it is gone by now, it is as it was."""
        return (self._index.run(run.base.run_id) or run).document()

    def _leased_runs(self) -> list[RunRecord]:
        """Only those runs are looked at that have a lease."""
        held = (self._index.run(run_id) for run_id in list(self._index.leases))
        return [run for run in held if run is not None]


def _wanted(about: Iterable[Field]) -> Wanted:
    fields = list(about)
    fields += [field.alternative for field in fields if field.alternative is not None]
    keys = [(_SECTIONS[one.entity], one.key) for one in fields if one.entity in _SECTIONS]
    if any((one.entity, one.key) == (Entity.ATTRIBUTE, "run_name") for one in fields):
        keys.append((_SECTIONS[Entity.TAG], RUN_NAME))  # older clients have the name only there
    return Wanted(keys, links=any(one.entity is Entity.DATASET for one in fields))


def _is_counted(experiment_id: str) -> bool:
    is_number = experiment_id.isascii() and experiment_id.isdigit()
    return is_number and len(experiment_id) <= _COUNTED_DIGITS
