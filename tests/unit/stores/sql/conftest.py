"""A database of its own for each test, and a look at what it holds without the store's help."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from millrace.stores.open import open_stores
from millrace.stores.sql.store import SqlStores

Look = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "s.db"


@pytest.fixture
def stores(file: Path) -> Iterator[SqlStores]:
    opened = open_stores(f"sqlite:///{file}")
    assert isinstance(opened, SqlStores)
    yield opened
    opened.close()


@pytest.fixture
def look(file: Path) -> Look:
    """Rows of an SQL statement, by a connection that has nothing to do with the store."""

    def rows(statement: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(file)) as connection:
            return connection.execute(statement, values).fetchall()

    return rows
