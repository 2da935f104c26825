"""The trash: what was deleted, can be restored, and will be removed for good."""

from __future__ import annotations

from typing import Literal

import msgspec

from millrace.core.entities.entity import Entity
from millrace.core.entities.registry import VersionName

TrashKind = Literal["experiment", "run", "logged_model"]
KINDS: tuple[TrashKind, ...] = ("experiment", "run", "logged_model")


class TrashItem(Entity, frozen=True, kw_only=True):
    """A thing in the trash, by itself or because its experiment is there.

    `deleted_ms`: None when a release deleted it that did not record the time. `purging`: its
    removal for good has begun, and it cannot be restored. `runs` and `logged_models` count what is
    in an experiment, `points` the points of metrics. `needed_by`, told to who lists the trash:
    versions in the registry that keep a run or logged model from being removed; those that keep an
    experiment are told by its removal, or a dry run of that.
    """

    kind: TrashKind
    id: str
    name: str
    experiment_id: str
    artifact_uri: str
    deleted_ms: int | None = None
    purging: bool = False
    runs: int = 0
    logged_models: int = 0
    points: int = 0
    needed_by: tuple[VersionName, ...] = ()


class TrashQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which things of one kind in the trash; None: whichever.

    `deleted_before_ms` leaves out what was deleted later or nobody knows when, unless its removal
    has begun. `alone` leaves out runs and models whose experiment is in the trash, too.
    """

    kind: TrashKind
    ids: tuple[str, ...] | None = None
    experiment_id: str | None = None
    deleted_before_ms: int | None = None
    alone: bool = False
    limit: int = 1000
    after: tuple[str | int | float | None, ...] | None = None


class Purged(Entity, frozen=True, kw_only=True):
    """How far a removal has come: records removed by this call, and whether any are left."""

    records: int = 0
    done: bool = True
