"""The stores under test: every test of this folder runs once for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from millrace.stores.file import FileStores
from millrace.stores.memory import MemoryStores
from millrace.stores.open import open_stores
from millrace.stores.protocols import EvaluationStore, Stores, TrackingStore
from tests import databases


def _memory(_folder: Path) -> Stores:
    return MemoryStores()


def _sqlite(folder: Path) -> Stores:
    return open_stores(f"sqlite:///{folder / 'c.db'}")


def _file(folder: Path) -> Stores:
    # Not waiting for the disk: how that is done is shown with the faults of files.
    return FileStores(str(folder / "mlruns"), default_artifact_root="s3://root", durable=False)


# Databases on servers that tests of this moment have on loan, by the test's folder.
_LENT: dict[tuple[str, Path], str] = {}


def _postgresql(folder: Path) -> Stores:
    return open_stores(lent("postgresql", folder))


def _mysql(folder: Path) -> Stores:
    return open_stores(lent("mysql", folder))


def lent(kind: str, folder: Path) -> str:
    """The URI of a database on a server that stands for the place in *folder*."""
    server = databases.server(kind)
    if (kind, folder) not in _LENT:
        _LENT[kind, folder] = server.lend()
    return server.uri(_LENT[kind, folder])


# A new store adds one line. Opened again in the same folder, it is the same place.
OPENERS: dict[str, Callable[[Path], Stores]] = {
    "memory": _memory,
    "sqlite": _sqlite,
    "file": _file,
    "postgresql": _postgresql,
    "mysql": _mysql,
}


def give_back(folder: Path) -> None:
    """Let others have the databases that stand for the places in *folder*."""
    for kind, lent_to in [one for one in _LENT if one[1] == folder]:
        databases.server(kind).give_back(_LENT.pop((kind, lent_to)))


@pytest.fixture(autouse=True)
def _give_back(tmp_path: Path) -> Iterator[None]:
    yield
    give_back(tmp_path)


@pytest.fixture(params=OPENERS)
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    """A place without any records but the default experiment."""
    opened = OPENERS[request.param](tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def store(stores: Stores) -> TrackingStore:
    return stores.tracking


@pytest.fixture
def evaluation(stores: Stores) -> EvaluationStore:
    return stores.evaluation
