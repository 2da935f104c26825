"""Files of runs and models: what is known of each, and removal. Requests, replies, endpoints."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from millrace.api.artifacts import ModelFile, RunFile
from millrace.api.endpoint import (
    Endpoint,
    ExperimentOfModel,
    ExperimentOfRun,
    Id,
    Reply,
    Request,
    Time,
    manages,
    reads,
)
from millrace.api.tracking import OfRun

Standing = Literal["recorded", "unrecorded", "unsettled", "damaged"]


class ArtifactDetails(Reply, frozen=True, kw_only=True):
    """What is known of a file without reading it; times are milliseconds since the epoch.

    `standing`: `recorded` when its bytes came through this server; `unrecorded` when they came
    another way, and nobody has a digest of them unless their store keeps one; `unsettled` while
    they are replaced, or until they are read; `damaged` when they are known not to be what was
    uploaded, of which `sha256` and `uploaded_ms` tell then.

    `uploaded_by` is told of a file that replaced another one: who does that is in the audit trail.
    `modified_ms` is what the store says.
    """

    path: str
    file_size: int
    content_type: str
    standing: Standing
    sha256: str | None = None
    uploaded_ms: Time | None = None
    uploaded_by: str | None = None
    modified_ms: Time | None = None


Doomed = Annotated[tuple[Id, ...], msgspec.Meta(min_length=1, max_length=1_000)]


class DeleteRunArtifacts(OfRun, frozen=True, kw_only=True):
    """Files and folders of a run, each with all that is in it. With `dry_run` nothing is deleted,
    and the answer is the same."""

    paths: Doomed
    dry_run: bool = False


class DeleteModelArtifacts(Request, frozen=True, kw_only=True):
    """Files and folders of a logged model, as `DeleteRunArtifacts`."""

    model_id: Id
    paths: Doomed
    dry_run: bool = False


class ArtifactsDeleted(Reply, frozen=True, kw_only=True):
    """How much went, or would go. What is not there counts for nothing, and is no error."""

    files: int
    bytes: int


_ON_RUN, _ON_MODEL = ExperimentOfRun("run_id"), ExperimentOfModel("model_id")

ROWS: tuple[Endpoint, ...] = (  # type: ignore[type-arg]  # rows of many types, told apart by name
    Endpoint(
        name="getArtifactDetails",
        group="Artifacts",
        method="GET",
        path="/millrace/artifacts/details",
        request=RunFile,
        response=ArtifactDetails,
        needs=reads(_ON_RUN),
        summary="Tell what is known of a file of a run, without reading it.",
        versions=("3.0",),
    ),
    Endpoint(
        name="getLoggedModelArtifactDetails",
        group="Artifacts",
        method="GET",
        path="/millrace/logged-models/{model_id}/artifacts/details",
        request=ModelFile,
        response=ArtifactDetails,
        needs=reads(_ON_MODEL),
        summary="Tell what is known of a file of a logged model, without reading it.",
        versions=("3.0",),
    ),
    Endpoint(
        name="deleteRunArtifacts",
        group="Artifacts",
        method="POST",
        path="/millrace/artifacts/delete",
        request=DeleteRunArtifacts,
        response=ArtifactsDeleted,
        needs=manages(_ON_RUN),
        summary="Delete files and folders of a run for good, or say how much it would be.",
        versions=("3.0",),
    ),
    Endpoint(
        name="deleteLoggedModelArtifacts",
        group="Artifacts",
        method="POST",
        path="/millrace/logged-models/{model_id}/artifacts/delete",
        request=DeleteModelArtifacts,
        response=ArtifactsDeleted,
        needs=manages(_ON_MODEL),
        summary="Delete files and folders of a logged model for good, or say how much it would be.",
        versions=("3.0",),
    ),
)
