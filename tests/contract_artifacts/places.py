"""Where artifacts are kept under test: each place is empty, and opened by its URI like a user's."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from millrace.artifacts.hdfs import ArrowArtifacts
from millrace.artifacts.open import Reach, open_artifacts
from millrace.artifacts.protocols import ArtifactStore
from millrace.http.client import HttpClient


@dataclass(frozen=True)
class Place:
    """A root of its own for one test."""

    uri: str
    reach: Reach = field(default_factory=Reach)

    def open(self) -> ArtifactStore:
        return open_artifacts(self.uri, self.reach)


def _local(request: pytest.FixtureRequest) -> Place:
    folder: Path = request.getfixturevalue("tmp_path")
    return Place(f"file://{folder}/artifacts")


def _memory(_request: pytest.FixtureRequest) -> Place:
    return Place(f"memory://{uuid.uuid4().hex}")


@dataclass(frozen=True)
class _ArrowPlace(Place):
    """The store for Hadoop, on pyarrow's file system of this machine."""

    def open(self) -> ArtifactStore:
        from pyarrow import fs  # noqa: PLC0415 - only this place pays for it

        return ArrowArtifacts(fs.LocalFileSystem(), self.uri, self.uri)


def _arrow(request: pytest.FixtureRequest) -> Place:
    folder: Path = request.getfixturevalue("tmp_path")
    return _ArrowPlace(str(folder / "artifacts"))


def _at(server: str) -> Callable[[pytest.FixtureRequest], Place]:
    """A place on a server: its fixture gives the URI."""
    return lambda request: Place(request.getfixturevalue(server))


def _through(server: str) -> Callable[[pytest.FixtureRequest], Place]:
    """A place that a tracking server keeps."""

    def place(request: pytest.FixtureRequest) -> Place:
        client = HttpClient(request.getfixturevalue(server), dict)
        request.addfinalizer(client.close)
        reach = Reach(server=lambda address: client, patience_s=5)
        return Place(f"mlflow-artifacts:/{uuid.uuid4().hex}", reach)

    return place


# A new store adds one line; what needs a server asks for its fixture (`conftest.py`).
PLACES: dict[str, Callable[[pytest.FixtureRequest], Place]] = {
    "local": _local,
    "memory": _memory,
    "s3": _at("s3"),
    "s3-moto": _at("s3_moto"),
    "azure": _at("azure"),
    "gcs-emulation": _at("gcs"),
    "sftp": _at("sftp"),
    "ftp": _at("ftp"),
    "ftp-mlsd": _at("ftp_mlsd"),
    "arrow-local": _arrow,
    "proxied": _through("millrace_server"),
    "proxied-mlflow": _through("mlflow_server"),
}

# Stores of keys rather than folders: there a file and a folder can have the same name.
KEYED = {"s3", "s3-moto", "azure", "gcs-emulation"}
# MLflow's server breaks off when it is told to put a file in the place of a folder.
FOLDERED = [name for name in PLACES if name not in KEYED | {"proxied-mlflow"}]
# MLflow's server decodes names once more, and makes the folder of an upload that then breaks.
EXACT = [name for name in PLACES if name != "proxied-mlflow"]
# Swift looks before it writes, so two who do it at once can both succeed; S3 itself decides once.
# On FTP and Hadoop, and through MLflow's server, it is we who look.
LOOKING = {"s3", "ftp", "ftp-mlsd", "arrow-local", "proxied-mlflow"}
DECIDING = [name for name in PLACES if name not in LOOKING]
# A thousand files take Swift a minute, and moto's Google half of one.
QUICK = [name for name in DECIDING if name != "gcs-emulation"]
# What keeps bytes in this very process is measured by none.
ELSEWHERE = [name for name in PLACES if name != "memory"]
