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


class Size(Entity, frozen=True, kw_only=True):
    """How many files there are, and how large they are together, in bytes."""

    files: int = 0
    bytes: int = 0
