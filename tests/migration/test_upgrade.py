"""Upgrades: killed at any statement they go on, two at once do not meet, a dry run writes nothing.

The old database is one at the first revision, filled by hand: what a server of that time left.
"""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from millrace.core.errors import AlreadyExists
from millrace.stores.open import open_stores
from millrace.stores.sql import migrate
from millrace.stores.sql.copies import copy_sqlite
from tests.contract import build

FIRST = "0001"

UPGRADING = """
import os, signal, sys
from sqlalchemy import Engine, event
from millrace.stores.sql import migrate

left = int(sys.argv[2])

def count(_connection, _cursor, statement, *_):
    global left
    if statement.startswith(("PRAGMA", "SELECT")):
        return  # after one that only looks, nothing is different
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

event.listen(Engine, "after_cursor_execute", count)
print("begins", flush=True)
migrate.upgrade(sys.argv[1])
print(-left)
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A database at the first revision, with a run in the trash."""
    file = tmp_path / "old.db"
    migrate.upgrade(uri(file), to=FIRST)
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(
            """
            INSERT INTO meta VALUES ('page-tokens', x'00112233');
            INSERT INTO experiments VALUES (0, 'Default', 's3://b/0', 0, 5, 5);
            INSERT INTO runs VALUES (1, 'a1', 0, 'old', 'ada', 3, 10, 20, 's3://b/0/a1/artifacts',
                                     1, NULL, 0);
            INSERT INTO run_documents VALUES (1, 0, NULL);
            """
        )
    return file


def uri(file: Path) -> str:
    return f"sqlite:///{file}"


def everything(file: Path) -> list[str]:
    """Schema and rows as SQL; white space and the order of indexes say nothing."""
    with closing(sqlite3.connect(file)) as connection:
        return sorted(" ".join(line.replace(";", " ").split()) for line in connection.iterdump())


def run_upgrade(file: Path, kill_after: int = 0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", UPGRADING, uri(file), str(kill_after)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.proof("P6")
@pytest.mark.timeout(600)  # a process for each statement
def test_an_upgrade_killed_after_any_statement_goes_on(old: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.db"
    copy_sqlite(old, whole)
    done = run_upgrade(whole)
    assert done.returncode == 0, done.stderr
    statements = int(done.stdout.split()[-1])
    assert statements > 2 * len(migrate.revisions())

    for after in range(1, statements + 1):
        file = tmp_path / f"killed-{after}.db"
        copy_sqlite(old, file)
        killed = run_upgrade(file, after)
        assert killed.returncode == -signal.SIGKILL
        migrate.upgrade(uri(file))
        assert everything(file) == everything(whole)
    assert migrate.differences(uri(whole)) == []


def test_an_upgraded_database_is_served(old: Path) -> None:
    migrate.upgrade(uri(old))

    stores = open_stores(uri(old))

    assert build.read(stores.tracking, "a1").info.run_name == "old"
    stores.close()


def test_two_upgrades_at_once(old: Path) -> None:
    peers = [
        subprocess.Popen(
            [sys.executable, "-c", UPGRADING, uri(old), "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]

    ended = [(peer.communicate(timeout=60), peer.returncode) for peer in peers]

    assert [code for _, code in ended] == [0, 0, 0], ended
    assert migrate.current(uri(old)) == migrate.head()
    assert migrate.differences(uri(old)) == []


def test_an_upgrade_waits_for_whoever_writes(old: Path) -> None:
    child = [sys.executable, "-c", UPGRADING, uri(old), "0"]
    with closing(sqlite3.connect(old, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with subprocess.Popen(child, stdout=subprocess.PIPE, text=True) as waiting:
            assert waiting.stdout is not None
            assert waiting.stdout.readline() == "begins\n"
            assert migrate.current(uri(old)) == FIRST
            assert waiting.poll() is None
            holder.execute("COMMIT")
            waiting.stdout.read()

    assert waiting.returncode == 0
    assert migrate.current(uri(old)) == migrate.head()


# --- the command ---------------------------------------------------------------------------------


def db(*args: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "millrace", "db", *args], capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def test_a_dry_run_prints_what_the_upgrade_does(old: Path, tmp_path: Path) -> None:
    """What is printed, run by hand, gives the very database that an upgrade gives."""
    before = everything(old)

    printed = db("upgrade", uri(old), "--dry-run")

    assert everything(old) == before
    assert list(old.parent.glob("*.backup")) == []
    by_hand = tmp_path / "by-hand.db"
    copy_sqlite(old, by_hand)
    with closing(sqlite3.connect(by_hand)) as connection:
        connection.executescript(printed)
    migrate.upgrade(uri(old))
    assert everything(by_hand) == everything(old)


def test_a_dry_run_on_nothing_prints_the_whole_schema(tmp_path: Path) -> None:
    made, fresh = tmp_path / "made.db", tmp_path / "fresh.db"

    printed = db("upgrade", uri(made), "--dry-run")

    assert not made.exists()
    with closing(sqlite3.connect(made)) as connection:
        connection.executescript(printed)
    migrate.upgrade(uri(fresh))
    assert everything(made) == everything(fresh)
    assert db("upgrade", uri(fresh), "--dry-run") == ""


@pytest.mark.parametrize(
    "dialect", ["postgresql+psycopg", "mysql+pymysql", "mssql+pyodbc"], ids=lambda one: one[:5]
)
def test_the_migrations_can_be_written_for_databases_that_are_not_there(dialect: str) -> None:
    written = migrate.plan(f"{dialect}://u:p@nowhere/x", FIRST, connects=False)

    assert "ALTER TABLE runs ADD" in written
    assert "UPDATE alembic_version" in written


def test_an_upgrade_copies_the_file_first(old: Path) -> None:
    before = everything(old)

    said = db("upgrade", uri(old))

    (copy,) = old.parent.glob("old.db.at-0001-*.backup")
    assert said == f"Copied {old} to {copy}.\n{uri(old)}: from 0001 to {migrate.head()}.\n"
    assert everything(copy) == before
    assert db("upgrade", uri(old)) == f"{uri(old)} was up to date, at {migrate.head()}.\n"
    assert list(old.parent.glob("*.backup")) == [copy]


def test_who_has_a_copy_needs_no_other(old: Path) -> None:
    db("upgrade", uri(old), "--no-backup")

    assert list(old.parent.glob("*.backup")) == []
    assert migrate.current(uri(old)) == migrate.head()


def test_history_tells_what_was_applied(old: Path) -> None:
    lines = db("history", uri(old)).splitlines()

    assert lines[1].split() == [FIRST, "pre", "yes", "first", "schema"]
    assert lines[2].split()[:3] == ["0002", "pre", "no"]
    assert len(lines) == len(migrate.revisions()) + 1


def test_a_server_does_not_start_on_an_old_schema(old: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "millrace",
            "server",
            "--backend-store-uri",
            uri(old),
            "--port",
            "0",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode != 0
    assert "Run: millrace db upgrade URI" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("DROP INDEX ix_runs_lease", "Index ix_runs_lease on runs is missing."),
        ("ALTER TABLE runs ADD COLUMN extra TEXT", "Column runs.extra is none of ours."),
        ("ALTER TABLE runs DROP COLUMN end_ms", "Column runs.end_ms is missing."),
        ("DROP TABLE receipts", "Table receipts is missing."),
        ("CREATE INDEX mine ON runs (name)", "Index mine on runs is none of ours."),
        ("CREATE TABLE theirs (a INTEGER)", None),
    ],
)
def test_check_explains_what_was_changed_by_hand(
    tmp_path: Path, change: str, told: str | None
) -> None:
    file = tmp_path / "c.db"
    migrate.upgrade(uri(file))
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(change)

    said = db("check", uri(file), code=1 if told else 0)

    if told:
        assert f"  {told}\n" in said
    else:
        assert said == f"Up to date, at {migrate.head()}.\n"


# --- copies --------------------------------------------------------------------------------------


def test_a_copy_does_not_replace_anything(old: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_text("dear")

    with pytest.raises(AlreadyExists):
        copy_sqlite(old, there)

    assert there.read_text() == "dear"


def test_a_copy_is_one_moment(tmp_path: Path) -> None:
    """Somebody writes at every step of the copying: none of it is in the copy."""
    file, target = tmp_path / "busy.db", tmp_path / "copy.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("CREATE TABLE t (a INTEGER, b TEXT)")
        writer.execute("BEGIN")
        writer.executemany("INSERT INTO t VALUES (?, ?)", ((n, "x" * 4_000) for n in range(9_000)))
        writer.execute("COMMIT")
        seen: list[Any] = []

        def meanwhile(copied: int, pages: int) -> None:
            seen.append((copied, pages))
            writer.execute("INSERT INTO t VALUES (-1, 'late')")

        copy_sqlite(file, target, progress=meanwhile)

        assert len(seen) > 1
        assert writer.execute("SELECT count(*) FROM t").fetchone()[0] == 9_000 + len(seen)
    with closing(sqlite3.connect(target)) as copy:
        assert copy.execute("SELECT count(*), min(a) FROM t").fetchone() == (9_000, 0)
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["busy.db", "copy.db"]
