"""Figures about all runs or those of some experiments: by state, by day, and what is kept."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from millrace.api.overview import (
    AboutExperiment,
    DayOfRuns,
    Measured,
    Overview,
    RunsOfExperiment,
    Storage,
    StorageOfExperiment,
    StorageOfOwner,
)
from millrace.core import tags
from millrace.core.entities.overview import DAY_MS, BestAsked, Size
from millrace.core.errors import NotFound
from millrace.core.filters.ast import TRUE
from millrace.core.rules import names
from millrace.core.uris import redacted
from millrace.core.wire import number
from millrace.services.retention import sizes_below
from millrace.stores.protocols import Query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from millrace.api.overview import GetOverview, GetStorage, MeasureStorage
    from millrace.core.entities.experiment import Experiment
    from millrace.core.entities.overview import RunCount
    from millrace.services.context import Context
    from millrace.services.places import Places
    from millrace.stores.protocols import Stores

# As in `services.trash`: nobody waits longer for an answer.
_ANSWER_IN_S: Final = 20.0
# What takes longer to count is told again for so many times as long.
_SLOW_S: Final = 0.25
_REST: Final = 20
_LARGEST: Final = 500
_PAGE: Final = 1_000
# Below a location: runs by their ids, and logged models in a folder.
_RUN_ID: Final = 32
_MODELS: Final = "models"
_MODEL_ID: Final = 34

Days = tuple[int, int, int]
"""The first and the last, counted from the epoch, on a clock that is so many ms before UTC's."""


class Overviews:
    """Adds up. *clock*: seconds that only go up."""

    def __init__(
        self, stores: Stores, places: Places, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stores = stores
        self._places = places
        self._clock = clock
        self._lock = threading.Lock()
        self._storage: Storage | None = None
        self._adding = threading.Lock()
        self._counted: dict[Days, tuple[float, Overview]] = {}

    def get(self, ctx: Context, request: GetOverview) -> Overview:
        """Runs by state and by day, of all or of some experiments."""
        offset_ms = request.utc_offset_minutes * 60_000
        last = (ctx.at_ms + offset_ms) // DAY_MS
        days = (last - request.days + 1, last, offset_ms)
        if not request.experiment_ids:
            return self._of_all(days)
        asked = [names.experiment_id(one) for one in dict.fromkeys(request.experiment_ids)]
        counts = self._stores.overview.run_counts(asked)
        each = tuple(_each(asked, counts))
        if request.about:
            known = self._about(asked)
            each = tuple(replace(one, about=known.get(one.experiment_id)) for one in each)
        return replace(self._told(counts, asked, days), experiments=each)

    def _of_all(self, days: Days) -> Overview:
        """What is told of all runs. A place that counts slowly is not asked all the time."""
        with self._lock:
            known = self._counted.get(days)
        began = self._clock()
        if known is not None and began < known[0]:
            return known[1]
        found = self._told(self._stores.overview.run_counts(None), None, days)
        ended = self._clock()
        if (took := ended - began) > _SLOW_S:
            with self._lock:
                kept = {key: one for key, one in self._counted.items() if one[0] > ended}
                self._counted = kept | {days: (ended + _REST * took, found)}
        return found

    def _told(
        self, counts: Iterable[RunCount], experiment_ids: Sequence[str] | None, of: Days
    ) -> Overview:
        first, last, offset_ms = of
        days = self._stores.overview.run_days(
            experiment_ids, first * DAY_MS - offset_ms, offset_ms=offset_ms
        )
        runs, deleted = _by_status(counts)
        return Overview(
            runs=runs,
            deleted=deleted,
            first_day=_day(first),
            last_day=_day(last),
            # What is to begin in the future is no activity yet.
            days=tuple(
                DayOfRuns(day=_day(day), runs=days[day]) for day in sorted(days) if day <= last
            ),
        )

    def _about(self, experiment_ids: Sequence[str]) -> dict[str, AboutExperiment]:
        held = [one for one in map(self._stores.tracking.experiment, experiment_ids) if one]
        active = {one.experiment_id: one for one in self._stores.overview.activity(experiment_ids)}
        folders = [self._places.name_of(one.artifact_location) for one in held]
        asked = [one for one in map(_primary, held) if one]
        named = {one.experiment_id: one for one in asked}
        best = {one.experiment_id: one for one in self._stores.overview.best_runs(asked)}
        found = {}
        for one, size in zip(held, self._stores.artifacts.sizes(folders), strict=True):
            home = one.experiment_id
            runs, primary, leads = active.get(home), named.get(home), best.get(home)
            found[home] = AboutExperiment(
                owner=runs.owner if runs else "",
                owners=runs.owners if runs else 0,
                last_activity_ms=max(one.last_update_time or 0, runs.last_ms if runs else 0),
                files=size.files,
                bytes=size.bytes,
                primary_metric=primary.key if primary else None,
                is_maximized=primary is not None and primary.is_maximized,
                best=number(leads.value) if leads else None,
                best_run_id=leads.run_id if leads else None,
            )
        return found

    def storage(self, ctx: Context, request: GetStorage) -> Storage:
        """How much is kept. One adds up at a time, and who waited for that takes its answer."""
        asked_ms = ctx.at_ms
        with self._adding:
            held = self._storage
            oldest_ms = asked_ms - request.max_age_s * 1_000
            if held is None or held.measured_ms < oldest_ms:
                held = self._storage = self._added_up(asked_ms)
        return held

    def _added_up(self, at_ms: int) -> Storage:
        began = self._clock()
        artifacts = self._stores.artifacts
        homes = list(self._experiments())
        folders = [self._places.name_of(one.artifact_location) for one in homes]
        sizes = artifacts.sizes(folders)
        holding = [at for at, size in enumerate(sizes) if size.files]
        models = artifacts.sizes([_models_in(folders[at]) for at in holding])
        rows = [
            StorageOfExperiment(
                experiment_id=homes[at].experiment_id,
                name=homes[at].name,
                lifecycle_stage=homes[at].lifecycle_stage,
                location=redacted(homes[at].artifact_location),
                files=sizes[at].files,
                bytes=sizes[at].bytes,
                model_files=of_models.files,
                model_bytes=of_models.bytes,
            )
            for at, of_models in zip(holding, models, strict=True)
        ]
        owners = _Owners(self._stores)
        for first in range(0, len(holding), _LARGEST):
            some = slice(first, first + _LARGEST)
            owners.add(
                [
                    (homes[at].experiment_id, folders[at], of_models.files > 0)
                    for at, of_models in zip(holding[some], models[some], strict=True)
                ]
            )
        rows.sort(key=lambda one: (-one.bytes, int(one.experiment_id)))
        total = artifacts.total()
        known = _sum(sizes)
        return Storage(
            files=total.files,
            bytes=total.bytes,
            other_files=max(total.files - known.files, 0),
            other_bytes=max(total.bytes - known.bytes, 0),
            owners=owners.told(),
            experiments=tuple(rows[:_LARGEST]),
            more=max(len(rows) - _LARGEST, 0),
            measured_ms=at_ms,
            took_ms=self._since(began),
        )

    def _experiments(self) -> Iterator[Experiment]:
        query = Query(tree=TRUE, view="ALL", limit=_PAGE)
        while True:
            page = self._stores.tracking.find_experiments(query)
            yield from page.items
            if page.next is None:
                return
            query = replace(query, after=page.next)

    def measure(self, ctx: Context, request: MeasureStorage) -> Measured:
        """Look through the store, as far as the time for an answer goes."""
        experiment_id = names.experiment_id(request.experiment_id)
        held = self._stores.tracking.experiment(experiment_id)
        if held is None:
            raise NotFound(f"No Experiment with id={experiment_id} exists.")
        began = self._clock()
        files = size = 0
        is_partial = False
        for one in sizes_below(self._places.at(held.artifact_location)):
            files, size = files + 1, size + one
            if self._clock() - began > _ANSWER_IN_S:
                is_partial = True
                break
        return Measured(
            experiment_id=experiment_id,
            files=files,
            bytes=size,
            is_partial=is_partial,
            measured_ms=ctx.at_ms,
            took_ms=self._since(began),
        )

    def _since(self, began: float) -> int:
        return round((self._clock() - began) * 1_000)


class _Owners:
    """Adds up whose files are kept: those of a run are whose the run is."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._sizes: dict[tuple[str, bool], list[Size]] = defaultdict(list)
        self._homes: dict[str, set[str]] = defaultdict(set)

    def add(self, homes: Sequence[tuple[str, str, bool]]) -> None:
        """Take in what lies in the locations of some experiments, with models or without."""
        whose = self._stores.overview.owners([experiment_id for experiment_id, *_ in homes])
        by_name = self._stores.artifacts.sizes_by_name
        for experiment_id, folder, has_models in homes:
            found = [
                (whose.get(name, ""), False, size)
                for name, size in by_name(folder, _RUN_ID).items()
                if not name.startswith(f"{_MODELS}/")
            ]
            if has_models:
                models = by_name(_models_in(folder), _MODEL_ID)
                found += [(whose.get(name, ""), True, size) for name, size in models.items()]
            for owner, is_model, size in found:
                self._sizes[owner, is_model].append(size)
                self._homes[owner].add(experiment_id)

    def told(self) -> tuple[StorageOfOwner, ...]:
        """All of them, the largest first."""
        found = []
        for owner, homes in self._homes.items():
            runs, models = (_sum(self._sizes[owner, is_model]) for is_model in (False, True))
            found.append(
                StorageOfOwner(
                    owner=owner,
                    experiments=len(homes),
                    files=runs.files + models.files,
                    bytes=runs.bytes + models.bytes,
                    model_files=models.files,
                    model_bytes=models.bytes,
                )
            )
        found.sort(key=lambda one: (-one.bytes, one.owner))
        return tuple(found[:_LARGEST])


def _primary(experiment: Experiment) -> BestAsked | None:
    """The metric that an experiment names, if it does."""
    said = experiment.tags
    key = said.get(tags.PRIMARY_METRIC)
    if not key:
        return None
    return BestAsked(
        experiment_id=experiment.experiment_id,
        key=key,
        is_maximized=said.get(tags.PRIMARY_GOAL) == "maximize",
    )


def _each(asked: Iterable[str], counts: Iterable[RunCount]) -> Iterator[RunsOfExperiment]:
    found: dict[str, list[RunCount]] = defaultdict(list)
    for one in counts:
        found[one.experiment_id].append(one)
    for experiment_id in asked:
        runs, deleted = _by_status(found[experiment_id])
        yield RunsOfExperiment(experiment_id=experiment_id, runs=runs, deleted=deleted)


def _by_status(counts: Iterable[RunCount]) -> tuple[dict[str, int], int]:
    """Runs outside the trash by status, and how many are in it."""
    runs: dict[str, int] = defaultdict(int)
    deleted = 0
    for one in counts:
        if one.lifecycle_stage == "active":
            runs[one.status] += one.runs
        else:
            deleted += one.runs
    return dict(sorted(runs.items())), deleted


def _models_in(folder: str) -> str:
    return f"{folder.rstrip('/')}/{_MODELS}"


def _sum(sizes: Iterable[Size]) -> Size:
    files = size = 0
    for one in sizes:
        files, size = files + one.files, size + one.bytes
    return Size(files=files, bytes=size)


def _day(number: int) -> str:
    return datetime.fromtimestamp(number * DAY_MS / 1_000, UTC).date().isoformat()
