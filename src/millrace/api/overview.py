"""Runs by state and by day, and how much is kept where: requests, replies, endpoints."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from millrace.api.endpoint import (
    Endpoint,
    Experiment,
    Id,
    Reply,
    Request,
    Results,
    Time,
    reads,
)
from millrace.core.entities.entity import LifecycleStage

_MOST_DAYS: Final = 366
_DAY_MINUTES: Final = 14 * 60
_EXPERIMENTS: Final = 1_000


class GetOverview(Request, frozen=True, kw_only=True):
    """`days`: so many, today included, on a clock that is `utc_offset_minutes` before UTC's (after
    it, if negative). `experiment_ids`: only runs of these experiments count, and each is told by
    itself, too; `about`: with what a list of experiments shows of them besides."""

    days: Annotated[int, msgspec.Meta(ge=1, le=_MOST_DAYS)] = 182
    utc_offset_minutes: Annotated[int, msgspec.Meta(ge=-_DAY_MINUTES, le=_DAY_MINUTES)] = 0
    experiment_ids: Annotated[tuple[Id, ...], msgspec.Meta(max_length=_EXPERIMENTS)] | None = None
    about: bool = False


class DayOfRuns(Reply, frozen=True, kw_only=True):
    """How many runs began on a day, such as `2026-01-31`."""

    day: str
    runs: int


class AboutExperiment(Reply, frozen=True, kw_only=True):
    """Whose most runs of an experiment are, of how many people; when it was last changed, or a run
    of it began or ended; what is known to be kept in its location. `primary_metric` is the metric
    that the experiment names, `best` the best that a run reached in it, `best_run_id` which."""

    owner: str = ""
    owners: int = 0
    last_activity_ms: Time
    files: int = 0
    bytes: int = 0
    primary_metric: str | None = None
    is_maximized: bool = False
    best: float | str | None = None
    best_run_id: str | None = None


class RunsOfExperiment(Reply, frozen=True, kw_only=True):
    """Runs of an experiment outside the trash by status, and those in the trash."""

    experiment_id: str
    runs: dict[str, int]
    deleted: int = 0
    about: AboutExperiment | None = None


class Overview(Reply, frozen=True, kw_only=True):
    """Runs outside the trash by status, those in the trash, and how many runs began on which day;
    days without any are left out. `first_day` and `last_day` bound the days asked for."""

    runs: dict[str, int]
    deleted: int = 0
    first_day: str
    last_day: str
    days: tuple[DayOfRuns, ...] = ()
    experiments: tuple[RunsOfExperiment, ...] = ()


class GetStorage(Request, frozen=True, kw_only=True):
    """`max_age_s`: an answer may be so old; 0: add it up anew."""

    max_age_s: Annotated[int, msgspec.Meta(ge=0, le=24 * 60 * 60)] = 600


class StorageOfExperiment(Reply, frozen=True, kw_only=True):
    """What is known to be kept below the location of an experiment; `models`: of that, below its
    folder of logged models. Where locations lie within each other, files count for each of them."""

    experiment_id: str
    name: str
    lifecycle_stage: LifecycleStage
    location: str
    files: int
    bytes: int
    model_files: int = 0
    model_bytes: int = 0


class StorageOfOwner(Reply, frozen=True, kw_only=True):
    """What is known to be kept of the runs that bear a user's name, and of the logged models that
    these have made; `models`: of that, the models. `owner` is "" for runs without a name and for
    files of no run."""

    owner: str
    experiments: int
    files: int
    bytes: int
    model_files: int = 0
    model_bytes: int = 0


class Storage(Reply, frozen=True, kw_only=True):
    """Files whose bytes came through this place, and their bytes: what clients put past it into a
    store of their own is not known here (`measureStorage` looks).

    `owners`: by whose run it is, the largest first. `experiments`: the largest, 500 at most;
    `more`: how many others hold something. `other_files` and `other_bytes` are in no experiment's
    location. Added up at `measured_ms` in `took_ms`.
    """

    files: int
    bytes: int
    other_files: int = 0
    other_bytes: int = 0
    owners: tuple[StorageOfOwner, ...] = ()
    experiments: tuple[StorageOfExperiment, ...] = ()
    more: int = 0
    measured_ms: Time
    took_ms: int


class MeasureStorage(Request, frozen=True, kw_only=True):
    experiment_id: Id


class Measured(Reply, frozen=True, kw_only=True):
    """What lies below the location of an experiment now, whoever put it there. `is_partial`: there
    is more, and the time for an answer was over."""

    experiment_id: str
    files: int
    bytes: int
    is_partial: bool = False
    measured_ms: Time
    took_ms: int


ROWS: Final[tuple[Endpoint, ...]] = (  # type: ignore[type-arg]  # rows of many types, told apart by name
    Endpoint(
        name="getOverview",
        group="Overview",
        method="GET",
        path="/millrace/overview",
        versions=("3.0",),
        request=GetOverview,
        response=Overview,
        needs=reads(Results("overview")),
        summary="Count runs by state, and by the day they began.",
    ),
    Endpoint(
        name="getStorage",
        group="Overview",
        method="GET",
        path="/millrace/storage",
        versions=("3.0",),
        request=GetStorage,
        response=Storage,
        needs=reads(Results("storage")),
        summary="Tell how much is kept, by experiment and by owner, as far as it is known here.",
    ),
    Endpoint(
        name="measureStorage",
        group="Overview",
        method="POST",
        path="/millrace/storage/measure",
        versions=("3.0",),
        request=MeasureStorage,
        response=Measured,
        needs=reads(Experiment("experiment_id")),
        summary="Look through the artifact store of an experiment, and add up what is there.",
    ),
)
