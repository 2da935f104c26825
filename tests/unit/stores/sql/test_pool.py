"""The pool of connections as the field's variables set it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.pool import NullPool, QueuePool

from millrace.stores.sql.engine import Database


@contextmanager
def opened(folder: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{folder / 'p.db'}")
    try:
        yield database
    finally:
        database.close()


@pytest.mark.parametrize("own", ["MLFLOW", "MILLRACE"])
def test_size_overflow_and_age(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str) -> None:
    for name, value in (("POOL_SIZE", 3), ("MAX_OVERFLOW", 2), ("POOL_RECYCLE", 77)):
        monkeypatch.setenv(f"{own}_SQLALCHEMYSTORE_{name}", str(value))

    with opened(tmp_path) as database:
        pool = database.readers.pool

        assert isinstance(pool, QueuePool)
        assert (pool.size(), pool._max_overflow, pool._recycle) == (3, 2, 77)


def test_connections_that_nobody_keeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a pooler of its own."""
    monkeypatch.setenv("MLFLOW_SQLALCHEMYSTORE_POOLCLASS", "NullPool")

    with opened(tmp_path) as database:
        assert isinstance(database.readers.pool, NullPool)
        with database.reading() as first:
            held = first.connection.connection.driver_connection
        with database.reading() as second:
            assert second.connection.connection.driver_connection is not held


def test_an_echo_has_statements_and_no_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_SQLALCHEMYSTORE_ECHO", "true")
    caplog.set_level(logging.INFO, logger="sqlalchemy.engine")

    with opened(tmp_path) as database, database.reading() as session:
        session.connection.execute(text("SELECT :word"), {"word": "hunter2"})

    assert "SELECT ?" in caplog.text
    assert "hunter2" not in caplog.text
