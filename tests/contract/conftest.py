"""The stores under test: every test of this folder runs once for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from millrace.stores.memory import MemoryStores
from millrace.stores.open import open_stores
from millrace.stores.protocols import EvaluationStore, Stores, TrackingStore


def _memory(_folder: Path) -> Stores:
    return MemoryStores()


def _sqlite(folder: Path) -> Stores:
    return open_stores(f"sqlite:///{folder / 'c.db'}")


# A new store adds one line.
OPENERS: dict[str, Callable[[Path], Stores]] = {
    "memory": _memory,
    "sqlite": _sqlite,
}


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
