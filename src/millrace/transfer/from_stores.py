"""Our own records as a source: whatever store they are kept in."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeVar

from millrace.core import wire
from millrace.core.entities.run import Run
from millrace.core.entities.trash import TrashQuery
from millrace.core.filters import EXPERIMENTS, LOGGED_MODELS, RUNS, TRUE, order
from millrace.stores.protocols import Query
from millrace.transfer.source import HeldLoggedModel, HeldRun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from millrace.core.entities.entity import ViewType
    from millrace.core.entities.experiment import Experiment
    from millrace.core.entities.registry import HeldModel
    from millrace.core.filters import FieldTable
    from millrace.core.pages import Page, Position
    from millrace.core.series import Point
    from millrace.stores.file import FileStores
    from millrace.stores.protocols import Stores

T = TypeVar("T")

_PAGE: Final = 500
_POINTS_AT_ONCE: Final = 10_000


class StoredRecords:
    """The records of *stores*, which stay the caller's to close."""

    def __init__(self, stores: Stores, name: str) -> None:
        self._stores = stores
        self._name = name
        self._run = wire.answer_decoder(Run)

    @property
    def name(self) -> str:
        """Where it is."""
        return self._name

    def close(self) -> None:
        """Nothing: the stores are the caller's."""

    def damaged(self) -> list[str]:
        """Nothing: what a store cannot read it reports itself."""
        return []

    @cached_property
    def _deleted_ms(self) -> dict[str, int | None]:
        """Since when runs are in the trash."""
        found: dict[str, int | None] = {}
        after: Position | None = None
        while True:
            page = self._stores.trash.find(TrashQuery(kind="run", limit=_PAGE, after=after))
            found.update((one.id, one.deleted_ms) for one in page.items)
            after = page.next
            if after is None:
                return found

    def experiments(self) -> Iterator[Experiment]:
        """All experiments, by id."""
        found = list(_all(EXPERIMENTS, (), self._stores.tracking.find_experiments))
        yield from sorted(found, key=lambda one: int(one.experiment_id))

    def runs(self, experiment_id: str) -> Iterator[HeldRun]:
        """The runs of an experiment by start time then id."""
        by_start = ("start_time ASC", "run_id ASC")
        for raw in _all(
            RUNS, by_start, lambda query: self._stores.tracking.find_runs([experiment_id], query)
        ):
            run = self._run(bytes(raw))
            is_deleted = run.info.lifecycle_stage == "deleted"
            yield HeldRun(
                run=run, deleted_ms=self._deleted_ms.get(run.info.run_id) if is_deleted else None
            )

    def counts(self, run_id: str) -> Mapping[str, int]:
        """How many points each series of a run has."""
        return {one.key: one.count for one in self._stores.tracking.metric_summaries(run_id)}

    def points(self, run_id: str) -> Iterator[tuple[str, list[Point]]]:
        """The points of a run."""
        for key in sorted(self.counts(run_id)):
            after: Point | None = None
            while True:
                part = self._stores.transfer.points(run_id, key, after=after, limit=_POINTS_AT_ONCE)
                if part:
                    yield key, part
                    after = part[-1]
                if len(part) < _POINTS_AT_ONCE:
                    break

    def models(self, experiment_id: str) -> Iterator[HeldLoggedModel]:
        """The logged models of an experiment, by id."""
        found = []
        views: tuple[tuple[ViewType, bool], ...] = (("ACTIVE_ONLY", False), ("DELETED_ONLY", True))
        for view, is_deleted in views:
            found += [
                HeldLoggedModel(model=model, is_deleted=is_deleted)
                for model in _all(
                    LOGGED_MODELS,
                    (),
                    lambda query: self._stores.tracking.find_logged_models([experiment_id], query),
                    view=view,
                )
            ]
        yield from sorted(found, key=lambda one: one.model.model_id)

    def registered_models(self) -> Iterator[HeldModel]:
        """The registered models with their versions, by name."""
        after = ""
        while page := self._stores.transfer.registered_models(after=after, limit=_PAGE):
            yield from page
            after = page[-1].model.name


class StoredFiles(StoredRecords):
    """The records in a folder of files, where some may be damaged."""

    def __init__(self, stores: FileStores, name: str) -> None:
        super().__init__(stores, name)
        self._folder = stores

    def damaged(self) -> list[str]:
        """The entries of the folder that were left out."""
        return [f"{one.path} was left out: {one.reason}" for one in self._folder.damages()]


def _all(
    fields: FieldTable,
    by: tuple[str, ...],
    find: Callable[[Query], Page[T]],
    *,
    view: ViewType = "ALL",
) -> Iterator[T]:
    keys = tuple(order.parse(by, fields))
    after: Position | None = None
    while True:
        page = find(Query(tree=TRUE, order=keys, view=view, limit=_PAGE, after=after))
        yield from page.items
        after = page.next
        if after is None:
            return
