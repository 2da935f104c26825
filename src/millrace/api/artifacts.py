"""Artifacts: requests, replies, endpoints; by run, by logged model, and through the proxy.

The proxy's paths are relative to the artifacts destination: what `mlflow-artifacts:/` means.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from millrace.api.endpoint import (
    MIB,
    ArtifactPath,
    Bytes,
    Endpoint,
    ExperimentOfModel,
    ExperimentOfRun,
    Id,
    Nothing,
    RegisteredModel,
    Reply,
    Request,
    edits,
    manages,
    reads,
)
from millrace.api.tracking import OfRun
from millrace.core.entities.artifact import FileInfo

UPLOAD_BYTES: Final = 10 * MIB
"""The most that `uploadRunArtifact` takes, which is for pages of the UI."""
BUNDLE_BYTES: Final = 8 * MIB
"""The most that `uploadBundle` takes."""
MOST_PARTS: Final = 10_000

Size = Annotated[int, msgspec.Meta(ge=0)]
Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-fA-F]{64}$")]


class ListArtifacts(OfRun, frozen=True, kw_only=True):
    """`path` is a folder of the run; all of it comes in one page."""

    path: str | None = None
    page_token: str | None = None


class ListModelArtifacts(Request, frozen=True, kw_only=True):
    model_id: Id
    artifact_directory_path: str | None = None
    page_token: str | None = None


class ArtifactList(Reply, frozen=True, kw_only=True):
    """One level, by name; paths are relative to `root_uri`."""

    root_uri: str
    files: tuple[FileInfo, ...] = ()
    next_page_token: str | None = None


class RunFile(OfRun, frozen=True, kw_only=True):
    path: Id


class ModelFile(Request, frozen=True, kw_only=True):
    model_id: Id
    artifact_file_path: Id


Chosen = Annotated[tuple[str, ...], msgspec.Meta(max_length=1_000)]


class RunFolder(OfRun, frozen=True, kw_only=True):
    """A folder of a run; without `path`, all of its artifacts. With `paths`, only these files and
    folders of it."""

    path: str | None = None
    paths: Chosen = ()


class ModelFolder(Request, frozen=True, kw_only=True):
    """A folder of a logged model; without `path`, all of its artifacts. With `paths`, only these
    files and folders of it."""

    model_id: Id
    path: str | None = None
    paths: Chosen = ()


class VersionFile(Request, frozen=True, kw_only=True):
    """A file of a model version; with `presigned`, a signed URL for it instead of its bytes."""

    name: Id
    version: Id
    path: Id
    presigned: bool = False


class PresignUpload(Request, frozen=True, kw_only=True):
    """One of `run_id` and `model_id`. `expiration`: seconds."""

    run_id: str | None = None
    model_id: str | None = None
    path: Id
    expiration: int | None = None


class PresignDownload(Request, frozen=True, kw_only=True):
    """`expiration`: seconds."""

    run_id: Id
    path: Id
    expiration: int | None = None


class Presigned(Reply, frozen=True, kw_only=True):
    """A URL that lets whoever holds it do one thing; `headers` must be sent along."""

    presigned_url: str
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    file_size: int | None = None


class ArtifactAt(Request, frozen=True, kw_only=True):
    artifact_path: Id


class ListProxied(Request, frozen=True, kw_only=True):
    path: str | None = None


class ProxiedList(Reply, frozen=True, kw_only=True):
    """One level, by name; paths are relative to the folder that was asked for."""

    files: tuple[FileInfo, ...] = ()


class SignedDownload(Reply, frozen=True, kw_only=True):
    url: str
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    file_size: int | None = None


class Adopt(Request, frozen=True, kw_only=True):
    """What the client would upload, by size and SHA-256 (hexadecimal)."""

    artifact_path: Id
    sha256: Sha256
    size: Size


class Adopted(Reply, frozen=True, kw_only=True):
    """Whether the file is there now; if not, upload it."""

    adopted: bool


class FileRefused(Reply, frozen=True, kw_only=True):
    """Why a file of a bundle was not taken in, as an answer to it alone would say."""

    path: str
    status: int
    error_code: str
    message: str


class BundleTaken(Reply, frozen=True, kw_only=True):
    """How many files of a bundle were taken in, and what was not."""

    taken: int
    refused: tuple[FileRefused, ...] = ()


class StartParts(Request, frozen=True, kw_only=True):
    """The file will be below `artifact_path`, named as the last segment of `path`."""

    artifact_path: Id
    path: Id
    num_parts: int = 1


class PartUpload(Reply, frozen=True, kw_only=True):
    url: str
    part_number: int
    headers: dict[str, str] = msgspec.field(default_factory=dict)


class PartsStarted(Reply, frozen=True, kw_only=True):
    upload_id: str
    credentials: tuple[PartUpload, ...] = ()


class PartDone(Request, frozen=True, kw_only=True):
    part_number: int
    etag: str
    url: str | None = None


class FinishParts(Request, frozen=True, kw_only=True):
    """`size` and `sha256` (hexadecimal) of all parts together are recorded, if they are given; the
    parts did not pass through the server."""

    artifact_path: Id
    path: Id
    upload_id: Id
    parts: tuple[PartDone, ...]
    size: Size | None = None
    sha256: Sha256 | None = None


class AbortParts(Request, frozen=True, kw_only=True):
    artifact_path: Id
    path: Id
    upload_id: Id


_ON_RUN, _ON_MODEL = ExperimentOfRun("run_id"), ExperimentOfModel("model_id")
_ON_PATH = ArtifactPath("artifact_path")
_PROXY = "/mlflow-artifacts"

ROWS: tuple[Endpoint, ...] = (  # type: ignore[type-arg]  # rows of many types, told apart by name
    Endpoint(
        name="listArtifacts",
        group="Artifacts",
        method="GET",
        path="/mlflow/artifacts/list",
        request=ListArtifacts,
        response=ArtifactList,
        needs=reads(_ON_RUN),
        summary="List a folder of a run.",
    ),
    Endpoint(
        name="listLoggedModelArtifacts",
        group="Artifacts",
        method="GET",
        path="/mlflow/logged-models/{model_id}/artifacts/directories",
        request=ListModelArtifacts,
        response=ArtifactList,
        needs=reads(_ON_MODEL),
        summary="List a folder of a logged model.",
    ),
    Endpoint(
        name="getArtifact",
        group="Artifacts",
        method="GET",
        path="/get-artifact",
        request=RunFile,
        response=Bytes,
        needs=reads(_ON_RUN),
        summary="Download a file of a run.",
        streams="down",
        prefixes=("",),
        versions=("",),
    ),
    Endpoint(
        name="getLoggedModelArtifact",
        group="Artifacts",
        method="GET",
        path="/mlflow/logged-models/{model_id}/artifacts/files",
        request=ModelFile,
        response=Bytes,
        needs=reads(_ON_MODEL),
        summary="Download a file of a logged model.",
        streams="down",
        prefixes=("ajax-api",),
    ),
    Endpoint(
        name="getModelVersionArtifact",
        group="Artifacts",
        method="GET",
        path="/model-versions/get-artifact",
        request=VersionFile,
        response=Bytes,
        needs=reads(RegisteredModel("name")),
        summary="Download a file of a model version.",
        streams="down",
        prefixes=("",),
        versions=("",),
    ),
    Endpoint(
        name="downloadArchive",
        group="Artifacts",
        method="GET",
        path="/mlflow/artifacts/archive",
        request=RunFolder,
        response=Bytes,
        needs=reads(_ON_RUN),
        summary="Download a folder of a run as a zip file.",
        streams="down",
    ),
    Endpoint(
        name="downloadLoggedModelArchive",
        group="Artifacts",
        method="GET",
        path="/mlflow/logged-models/{model_id}/artifacts/archive",
        request=ModelFolder,
        response=Bytes,
        needs=reads(_ON_MODEL),
        summary="Download a folder of a logged model as a zip file.",
        streams="down",
    ),
    Endpoint(
        name="uploadRunArtifact",
        group="Artifacts",
        method="POST",
        path="/mlflow/upload-artifact",
        request=RunFile,
        response=Nothing,
        needs=edits(_ON_RUN),
        summary="Upload a small file to a run.",
        body_limit=UPLOAD_BYTES,
        streams="up",
        prefixes=("ajax-api",),
    ),
    Endpoint(
        name="createPresignedUploadUrl",
        group="Artifacts",
        method="POST",
        path="/mlflow/artifacts/presigned-upload-url",
        request=PresignUpload,
        response=Presigned,
        needs=edits(_ON_RUN),
        summary="Sign a URL that uploads a file of a run straight to its store.",
    ),
    Endpoint(
        name="createPresignedDownloadUrl",
        group="Artifacts",
        method="POST",
        path="/mlflow/artifacts/presigned-download-url",
        request=PresignDownload,
        response=Presigned,
        needs=reads(_ON_RUN),
        summary="Sign a URL that downloads a file of a run straight from its store.",
    ),
    Endpoint(
        name="listProxiedArtifacts",
        group="Artifact proxy",
        method="GET",
        path=f"{_PROXY}/artifacts",
        request=ListProxied,
        response=ProxiedList,
        needs=reads(ArtifactPath("path")),
        summary="List a folder below the artifacts destination.",
    ),
    Endpoint(
        name="downloadArtifact",
        group="Artifact proxy",
        method="GET",
        path=f"{_PROXY}/artifacts/{{artifact_path}}",
        takes_rest=True,
        request=ArtifactAt,
        response=Bytes,
        needs=reads(_ON_PATH),
        summary="Download a file.",
        streams="down",
    ),
    Endpoint(
        name="uploadArtifact",
        group="Artifact proxy",
        method="PUT",
        path=f"{_PROXY}/artifacts/{{artifact_path}}",
        takes_rest=True,
        request=ArtifactAt,
        response=Nothing,
        needs=edits(_ON_PATH),
        summary="Upload a file: it is visible whole or not at all.",
        streams="up",
    ),
    Endpoint(
        name="deleteArtifact",
        group="Artifact proxy",
        method="DELETE",
        path=f"{_PROXY}/artifacts/{{artifact_path}}",
        takes_rest=True,
        request=ArtifactAt,
        response=Nothing,
        needs=manages(_ON_PATH),
        summary="Delete a file, or a folder with all that is in it.",
    ),
    Endpoint(
        name="uploadBundle",
        group="Artifact proxy",
        method="POST",
        path=f"{_PROXY}/bundle/{{artifact_path}}",
        takes_rest=True,
        request=ArtifactAt,
        response=BundleTaken,
        needs=edits(_ON_PATH),
        summary="Upload many small files below a folder: each is visible whole or not at all.",
        body_limit=BUNDLE_BYTES,
        streams="up",
    ),
    Endpoint(
        name="downloadBundle",
        group="Artifact proxy",
        method="GET",
        path=f"{_PROXY}/bundle/{{artifact_path}}",
        takes_rest=True,
        request=ArtifactAt,
        response=Bytes,
        needs=reads(_ON_PATH),
        summary="Download the small files of a folder and of all folders in it.",
        streams="down",
    ),
    Endpoint(
        name="adoptArtifact",
        group="Artifact proxy",
        method="POST",
        path="/mlflow/artifacts/adopt",
        request=Adopt,
        response=Adopted,
        needs=edits(_ON_PATH),
        summary="Make a file of bytes that the experiment has already, instead of an upload.",
    ),
    Endpoint(
        name="createMultipartUpload",
        group="Artifact proxy",
        method="POST",
        path=f"{_PROXY}/mpu/create/{{artifact_path}}",
        takes_rest=True,
        request=StartParts,
        response=PartsStarted,
        needs=edits(_ON_PATH),
        summary="Begin an upload in parts, straight to the store.",
    ),
    Endpoint(
        name="completeMultipartUpload",
        group="Artifact proxy",
        method="POST",
        path=f"{_PROXY}/mpu/complete/{{artifact_path}}",
        takes_rest=True,
        request=FinishParts,
        response=Nothing,
        needs=edits(_ON_PATH),
        summary="Make the file of its parts.",
    ),
    Endpoint(
        name="abortMultipartUpload",
        group="Artifact proxy",
        method="POST",
        path=f"{_PROXY}/mpu/abort/{{artifact_path}}",
        takes_rest=True,
        request=AbortParts,
        response=Nothing,
        needs=edits(_ON_PATH),
        summary="Forget an upload in parts.",
    ),
    Endpoint(
        name="getPresignedDownloadUrl",
        group="Artifact proxy",
        method="GET",
        path=f"{_PROXY}/presigned/{{artifact_path}}",
        takes_rest=True,
        request=ArtifactAt,
        response=SignedDownload,
        needs=reads(_ON_PATH),
        summary="Sign a URL that downloads a file straight from the store.",
    ),
)
