"""The stores under test: every test of this folder runs once for each that has what it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
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


LACKING: Mapping[str, frozenset[str]] = {"file": frozenset({"registry", "webhooks"})}
"""What a store does not keep, and says so: `test_same_tests` asks it. Tests that need any of it
(`@pytest.mark.needs("registry")`) are not made for that store."""

Found = Mapping[str, Mapping[str, frozenset[str]]]
FOUND = pytest.StashKey[Found]()
"""By store, the tests of this folder that were found for it, and what each of them needs."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "stores" in metafunc.fixturenames:
        needs = needed(metafunc.definition)
        names = [name for name in OPENERS if not needs & LACKING.get(name, frozenset())]
        metafunc.parametrize("stores", names, indirect=True)


def needed(test: pytest.Item) -> frozenset[str]:
    """What a test needs of a store beyond its tracking."""
    return frozenset(mark.args[0] for mark in test.iter_markers("needs"))


@pytest.hookimpl(tryfirst=True)  # before any are left out
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    found: dict[str, dict[str, frozenset[str]]] = {name: {} for name in OPENERS}
    for item in items:
        case = getattr(item, "callspec", None)
        if Path(__file__).parent in item.path.parents and case and "stores" in case.params:
            store, words = case.params["stores"], case.id.split("-")
            words.remove(store)
            found[store][f"{item.nodeid.partition('[')[0]} {'-'.join(words)}"] = needed(item)
    config.stash[FOUND] = found


def give_back(folder: Path) -> None:
    """Let others have the databases that stand for the places in *folder*."""
    for kind, lent_to in [one for one in _LENT if one[1] == folder]:
        databases.server(kind).give_back(_LENT.pop((kind, lent_to)))


@pytest.fixture(autouse=True)
def _give_back(tmp_path: Path) -> Iterator[None]:
    yield
    give_back(tmp_path)


@pytest.fixture
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
