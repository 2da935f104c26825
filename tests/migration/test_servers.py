"""The life of the schema on database servers: the same promises as on SQLite, kept otherwise.

MariaDB cannot undo a change of the schema, so there the steps themselves must bear repetition.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any

import psycopg
import pytest
from sqlalchemy import insert

from millrace.core.errors import InvalidState
from millrace.stores.open import open_stores
from millrace.stores.sql import migrate
from millrace.stores.sql.engine import Database, Session
from tests import databases
from tests.contract import build
from tests.databases import Server
from tests.migration.test_upgrade import FIRST, UPGRADING, db


@pytest.fixture(params=["postgresql", "mysql"])
def server(request: pytest.FixtureRequest) -> Server:
    return databases.server(request.param)


class Made:
    """Databases of one test."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._names: list[str] = []

    def empty(self) -> str:
        self._names.append(self.server.create())
        return self._names[-1]

    def old(self) -> str:
        """A database at the first revision, with a run of that time."""
        name = self.empty()
        uri = self.server.uri(name)
        migrate.upgrade(uri, to=FIRST)
        database = Database(uri)
        with database.writers.connect() as connection, Session(connection).making():
            for table, values in OLD.items():
                connection.execute(insert(first_tables()[table]).values(values))
        database.close()
        return name

    def drop(self) -> None:
        for name in self._names:
            self.server.drop(name)


OPENING = """
import sys
from millrace.stores.open import open_stores
stores = open_stores(sys.argv[1])
print(stores.secret().hex())
stores.close()
"""

OLD = {
    "meta": {"name": "page-tokens", "value": b"0123"},
    "experiments": {
        "id": 0, "name": "Default", "artifact_location": "s3://b/0", "lifecycle": 0,
        "created_ms": 5, "updated_ms": 5,
    },
    "runs": {
        "id": 1, "uuid": "a1", "experiment_id": 0, "name": "old", "user_id": "ada", "status": 3,
        "start_ms": 10, "end_ms": 20, "artifact_uri": "s3://b/0/a1/artifacts", "lifecycle": 1,
        "lost": 0,
    },
    "run_documents": {"run_id": 1, "revision": 0},
}  # fmt: skip


def first_tables() -> dict[str, Any]:
    name = "millrace.stores.sql.migrations.versions.0001_pre_first_schema"
    return dict(import_module(name).metadata.tables)


@pytest.fixture
def made(server: Server) -> Iterator[Made]:
    held = Made(server)
    yield held
    held.drop()


def shape(server: Server, name: str) -> list[tuple[object, ...]]:
    """All that is known of a live schema, in any order: columns, collations, keys, indexes."""
    if server.kind == "mysql":
        tables = server.execute("SHOW TABLES", database=name)
        return sorted(
            (table, line.strip().rstrip(","))
            for (table,) in tables
            for line in server.execute(f"SHOW CREATE TABLE `{table}`", database=name)[0][1].split(
                "\n"
            )
        )
    return sorted(
        tuple(str(one) for one in row)
        for query in (
            """SELECT table_name, column_name, ordinal_position, data_type, collation_name,
                      character_maximum_length, is_nullable, column_default, is_identity
               FROM information_schema.columns WHERE table_schema = 'public'""",
            "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
            """SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint
               WHERE connamespace = 'public'::regnamespace""",
        )
        for row in server.execute(query, database=name)
    )


def run_upgrade(uri: str, kill_after: int = 0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", UPGRADING, uri, str(kill_after)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_fresh_schema_is_the_old_one_and_all_migrations(server: Server, made: Made) -> None:
    fresh, old = made.empty(), made.old()
    open_stores(server.uri(fresh)).close()

    migrate.upgrade(server.uri(old))

    assert shape(server, old) == shape(server, fresh)
    assert migrate.differences(server.uri(old)) == []
    assert migrate.differences(server.uri(fresh)) == []


@pytest.mark.proof("P6")
@pytest.mark.timeout(3_600)  # a process for each statement
def test_an_upgrade_killed_after_any_statement_goes_on(
    server: Server, made: Made, full_size: bool
) -> None:
    """After some in a short run, beginning somewhere else for each kind of database."""
    whole = made.old()
    done = run_upgrade(server.uri(whole))
    assert done.returncode == 0, done.stderr
    statements = int(done.stdout.split()[-1])
    stride = 1 if full_size else max(1, statements // 5)
    # The last one gives the lock back: nothing is left to go on with then.
    for after in range(1, statements, stride):
        name = made.old()
        killed = run_upgrade(server.uri(name), after)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        with pytest.raises(InvalidState, match="millrace db upgrade"):
            open_stores(server.uri(name))

        migrate.upgrade(server.uri(name))

        assert shape(server, name) == shape(server, whole)
        stores = open_stores(server.uri(name))
        assert build.read(stores.tracking, "a1").info.run_name == "old"
        stores.close()


@pytest.mark.proof("P6")
@pytest.mark.timeout(3_600)
def test_a_new_schema_that_was_not_finished_is_gone_on_with(
    server: Server, made: Made, full_size: bool
) -> None:
    whole = made.empty()
    done = run_upgrade(server.uri(whole))
    assert done.returncode == 0, done.stderr
    statements = int(done.stdout.split()[-1])
    for after in range(2, statements + 1, 1 if full_size else max(1, statements // 4)):
        name = made.empty()
        killed = run_upgrade(server.uri(name), after)
        assert killed.returncode == -signal.SIGKILL, killed.stderr

        open_stores(server.uri(name)).close()

        assert shape(server, name) == shape(server, whole)


def test_several_upgrades_at_once(server: Server, made: Made) -> None:
    name = made.old()
    peers = [
        subprocess.Popen(
            [sys.executable, "-c", UPGRADING, server.uri(name), "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]

    ended = [(peer.communicate(timeout=120), peer.returncode) for peer in peers]

    assert [code for _, code in ended] == [0, 0, 0], ended
    assert migrate.differences(server.uri(name)) == []


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_an_upgrade_gives_way_to_a_server_that_writes(server: Server, made: Made) -> None:
    """It has changed one table and waits for another, whose holder waits for the first."""
    name = made.old()
    uri = server.uri(name)
    # PostgreSQL ends the one who finds the deadlock, and here only the upgrade looks for any.
    server.execute(f"ALTER DATABASE {name} SET deadlock_timeout = '10ms'")
    with (
        ThreadPoolExecutor() as pool,
        psycopg.connect(uri, options="-c deadlock_timeout=1h") as rival,
        psycopg.connect(uri) as third,
    ):
        rival.execute("LOCK TABLE logged_models IN ROW EXCLUSIVE MODE")
        third.execute("LOCK TABLE runs IN ROW EXCLUSIVE MODE")
        upgraded = pool.submit(migrate.upgrade, uri)
        until_somebody_waits(server, name, "runs")  # the upgrade, which has changed experiments
        locked = pool.submit(rival.execute, "LOCK TABLE experiments IN ROW EXCLUSIVE MODE")
        until_somebody_waits(server, name, "experiments")

        third.rollback()

        locked.result(60)  # the upgrade gave way
        rival.rollback()
        assert upgraded.result(60) == migrate.head()
    assert migrate.differences(uri) == []


def until_somebody_waits(server: Server, name: str, table: str) -> None:
    """Return when a lock on that table is waited for."""
    waiting = f"SELECT count(*) FROM pg_locks WHERE relation = '{table}'::regclass AND NOT granted"
    until = time.monotonic() + 60
    while server.execute(waiting, database=name)[0][0] == 0:
        assert time.monotonic() < until, f"nobody waits for {table}"


def test_several_that_open_a_new_database_at_once(server: Server, made: Made) -> None:
    name = made.empty()
    peers = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                OPENING,
                server.uri(name),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]

    said = [peer.communicate(timeout=120) for peer in peers]

    assert [peer.returncode for peer in peers] == [0] * 3, said
    assert len({out for out, _ in said}) == 1


def test_who_has_no_backup_is_asked_for_one(server: Server, made: Made) -> None:
    name = made.old()
    before = shape(server, name)

    refused = db("upgrade", server.uri(name), code=1)

    assert "--i-have-a-backup" in refused
    assert shape(server, name) == before
    done = db("upgrade", server.uri(name), "--i-have-a-backup")
    assert done.endswith(f": from {FIRST} to {migrate.head()}.\n")
    assert db("check", server.uri(name)) == f"Up to date, at {migrate.head()}.\n"


def test_a_dry_run_writes_nothing(server: Server, made: Made) -> None:
    """What it prints, run by hand, gives the schema that an upgrade gives."""
    name, other = made.old(), made.old()
    before = shape(server, name)

    printed = db("upgrade", server.uri(name), "--dry-run")

    assert shape(server, name) == before
    statements = [one for one in printed.split(";\n") if one.strip()]
    server.execute(*statements, database=name)
    migrate.upgrade(server.uri(other))
    assert shape(server, name) == shape(server, other)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("CREATE INDEX mine ON runs (start_ms)", "Index mine on runs is none of ours."),
        ("ALTER TABLE runs ADD COLUMN extra INTEGER", "Column runs.extra is none of ours."),
        ("ALTER TABLE runs DROP COLUMN end_ms", "Column runs.end_ms is missing."),
        ("DROP TABLE receipts", "Table receipts is missing."),
    ],
)
def test_check_explains_what_was_changed_by_hand(
    server: Server, made: Made, change: str, told: str
) -> None:
    name = made.empty()
    migrate.upgrade(server.uri(name))
    server.execute(change, database=name)

    assert told in migrate.differences(server.uri(name))
