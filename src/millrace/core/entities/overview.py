"""Figures about everything in a place: how many runs there are, and how much is kept."""

from __future__ import annotations

from millrace.core.entities.entity import Entity, LifecycleStage
from millrace.core.entities.run import RunStatus

DAY_MS = 24 * 60 * 60 * 1000


class RunCount(Entity, frozen=True, kw_only=True):
    """How many runs of an experiment are in that state, of those in the trash or of the others."""

    experiment_id: str
    lifecycle_stage: LifecycleStage
    status: RunStatus
    runs: int


class Activity(Entity, frozen=True, kw_only=True):
    """What the runs of an experiment outside the trash tell of it: whose most of them are, how many
    people have any, and when one of them last began or ended, in milliseconds."""

    experiment_id: str
    owner: str
    owners: int
    last_ms: int


class BestAsked(Entity, frozen=True, kw_only=True):
    """The metric of an experiment that its runs are judged by."""

    experiment_id: str
    key: str
    is_maximized: bool = False


class BestRun(Entity, frozen=True, kw_only=True):
    """The run of an experiment whose extreme is the best, and that extreme."""

    experiment_id: str
    run_id: str
    value: float


class Size(Entity, frozen=True, kw_only=True):
    """How many files there are, and how large they are together, in bytes."""

    files: int = 0
    bytes: int = 0
