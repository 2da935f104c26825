"""Artifacts by URI (`millrace.artifacts`): list them, download them, read one.

A URI is `runs:/<run id>/<path>`, `models:/<model>/<path>`, an artifact location with a path, or a
local path.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from millrace.client import documents, images
from millrace.client.client import MillraceClient
from millrace.core.errors import InvalidArgument

if TYPE_CHECKING:
    from pathlib import Path

    from millrace.core.entities.artifact import FileInfo

__all__ = ["download_artifacts", "list_artifacts", "load_dict", "load_image", "load_text"]


def download_artifacts(  # noqa: PLR0913, PLR0917 - the field's signature
    artifact_uri: str | None = None,
    run_id: str | None = None,
    artifact_path: str | None = None,
    dst_path: str | Path | None = None,
    tracking_uri: str | None = None,
    registry_uri: str | None = None,  # noqa: ARG001 - the registry is where the runs are
) -> str:
    """Download a file or folder, by URI or by run and path; where it is now.

    It keeps its own name in the folder *dst_path*, which is made if need be; a new temporary folder
    by default. What is cut off goes on where it stopped when the call is made again with the same
    *dst_path*. Bytes are compared with the SHA-256 that was recorded when they were logged.
    """
    client = MillraceClient(tracking_uri)
    if _by_run(artifact_uri, run_id, artifact_path):
        return client.download_artifacts(run_id or "", artifact_path or "", dst_path)
    return client.download_at(artifact_uri or "", dst_path)


def list_artifacts(
    artifact_uri: str | None = None,
    run_id: str | None = None,
    artifact_path: str | None = None,
    tracking_uri: str | None = None,
) -> list[FileInfo]:
    """Files and folders in a folder, by URI or by run and path; none when it is no folder."""
    client = MillraceClient(tracking_uri)
    if _by_run(artifact_uri, run_id, artifact_path):
        return client.list_artifacts(run_id or "", artifact_path)
    return client.list_at(artifact_uri or "")


def load_text(artifact_uri: str) -> str:
    """The text in a file of UTF-8."""
    body = MillraceClient().read_at(artifact_uri)
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise InvalidArgument(
            f"{artifact_uri!r} is not UTF-8 at byte {error.start}. Download it and open it with "
            "the encoding that it has."
        ) from error


def load_dict(artifact_uri: str) -> Any:  # noqa: ANN401 - any document
    """The document in a JSON file, or in a YAML file (suffix .yml or .yaml)."""
    return documents.read(MillraceClient().read_at(artifact_uri), artifact_uri)


def load_image(artifact_uri: str) -> Any:  # noqa: ANN401 - Pillow may not be there
    """The image in a file, as a Pillow image."""
    return images.opened(io.BytesIO(MillraceClient().read_at(artifact_uri)), called=artifact_uri)


def _by_run(artifact_uri: str | None, run_id: str | None, artifact_path: str | None) -> bool:
    """Whether run and path are given; `InvalidArgument` unless just one way is."""
    if (artifact_uri is None) == (run_id is None):
        raise InvalidArgument("Give an artifact_uri or a run_id, and not both.")
    if artifact_uri is not None and artifact_path is not None:
        raise InvalidArgument("An artifact_path belongs to a run_id; add it to the artifact_uri.")
    return run_id is not None
