"""`millrace db` says where a schema stands, and makes no database by looking."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from millrace.stores.sql import migrate


def test_upgrade_makes_a_database_and_is_repeatable(millrace, said, tmp_path: Path) -> None:
    new = f"sqlite:///{tmp_path / 'new.db'}"

    first = millrace("db", "upgrade", new).stdout
    again = millrace("db", "upgrade", new).stdout

    assert first == f"{new}: from nothing to {migrate.head()}.\n"
    assert again == f"{new} was up to date, at {migrate.head()}.\n"
    assert said("db", "current", new) == {"revision": migrate.head()}
    assert said("db", "check", new)["up_to_date"] is True
    assert millrace("db", "check", new).stdout == f"Up to date, at {migrate.head()}.\n"


def test_check_fails_when_there_is_something_to_do(millrace, tmp_path: Path) -> None:
    file = tmp_path / "empty.db"
    sqlite3.connect(file).close()
    file.touch()

    found = millrace("db", "check", f"sqlite:///{file}", code=1)

    assert found.stdout == f"At no revision; this version needs {migrate.head()}.\n"
    assert millrace("db", "current", f"sqlite:///{file}").stdout == "There is no schema yet.\n"


@pytest.mark.parametrize("command", ["current", "check"])
def test_looking_makes_no_database(millrace, tmp_path: Path, command: str) -> None:
    missing = tmp_path / "missing.db"

    found = millrace("db", command, f"sqlite:///{missing}", code=2)

    assert found.stderr.startswith(f"Error: There is no database file {missing} yet;")
    assert not missing.exists()


def test_another_program_s_database_is_left_alone(millrace, tmp_path: Path) -> None:
    file = tmp_path / "theirs.db"
    with sqlite3.connect(file) as connection:
        connection.execute("create table alembic_version (version_num text)")
        connection.execute("insert into alembic_version values ('deadbeef')")
    connection.close()

    found = millrace("db", "upgrade", f"sqlite:///{file}", code=1)

    assert "belongs to another program" in found.stderr


def test_a_database_of_a_kind_that_is_not_supported_is_refused(millrace) -> None:
    found = millrace("db", "upgrade", "oracle://ada:lovelace@host/x", code=2)

    assert found.stderr.startswith("Error: ")
    assert "lovelace" not in found.stderr
