"""Runs that go to another experiment, or are made like another: requests, replies, endpoints."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from millrace.api.endpoint import (
    Endpoint,
    Experiment,
    ExperimentOfRun,
    ExperimentOrOfRun,
    Id,
    Nothing,
    Reply,
    Request,
    edits,
    manages,
    reads,
)
from millrace.core.entities.run import RunInfo

MOST_RUNS: Final = 1_000


class MoveRuns(Request, frozen=True, kw_only=True):
    """`experiment_id`: where they go."""

    run_ids: Annotated[tuple[Id, ...], msgspec.Meta(min_length=1, max_length=MOST_RUNS)]
    experiment_id: Id


class CopyRun(Request, frozen=True, kw_only=True):
    """`experiment_id`: where the copy goes; without it, beside the run. `artifacts`: copy the
    files, too."""

    run_id: Id
    experiment_id: str | None = None
    artifacts: bool = True


class CopiedRun(Reply, frozen=True, kw_only=True):
    run_info: RunInfo


ROWS: Final[tuple[Endpoint, ...]] = (  # type: ignore[type-arg]  # rows of many types, told apart by name
    Endpoint(
        name="moveRuns",
        group="Runs",
        method="POST",
        path="/mlflow/runs/move",
        request=MoveRuns,
        response=Nothing,
        needs=manages(ExperimentOfRun("run_ids")),
        also=(edits(Experiment("experiment_id")),),
        summary="Move runs to another experiment, all or none, with their ids and histories.",
    ),
    Endpoint(
        name="copyRun",
        group="Runs",
        method="POST",
        path="/mlflow/runs/copy",
        request=CopyRun,
        response=CopiedRun,
        needs=reads(ExperimentOfRun("run_id")),
        also=(edits(ExperimentOrOfRun("experiment_id")),),
        summary="Make a run like another, with all its points and files, under a new id.",
    ),
)
