"""The schema: made at once or by all migrations it is the same, and nobody else's is touched."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from millrace.core.errors import InvalidState
from millrace.stores.open import open_stores
from millrace.stores.sql import migrate
from millrace.stores.sql.columns import is_of
from millrace.stores.sql.engine import Database, Session
from millrace.stores.sql.tables import metadata
from tests.contract import build

Shape = dict[str, Any]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "m.db"


def uri(file: Path) -> str:
    return f"sqlite:///{file}"


def execute(file: Path, *statements: str) -> list[Any]:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        return [row for statement in statements for row in connection.execute(statement)]


def migrated(file: Path) -> None:
    """Bring an empty database to the newest revision through all migrations."""
    database = Database(uri(file))
    with database.writers.connect() as connection, Session(connection).writing():
        command.upgrade(migrate._alembic(connection=connection), "head")
    database.close()


def shape(file: Path) -> Shape:
    """All that a statement may depend on: columns in order, keys, indexes, how rows are kept."""
    found: Shape = {}
    with closing(sqlite3.connect(file)) as connection:
        tables = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'")
        for table, sql in tables.fetchall():
            if table in {"alembic_version", "sqlite_sequence"}:
                continue
            columns = connection.execute(f"PRAGMA table_xinfo({table})").fetchall()
            keys = connection.execute(f"PRAGMA foreign_key_list({table})").fetchall()
            found[table] = {
                "columns": columns,
                "foreign keys": sorted(key[2:] for key in keys),
                "indexes": indexes(connection, table),
                "kept": sorted(re.findall("AUTOINCREMENT|WITHOUT ROWID|CHECK|STRICT", sql)),
            }
    return found


def indexes(connection: sqlite3.Connection, table: str) -> Shape:
    found: Shape = {}
    for _, name, unique, origin, partial in connection.execute(f"PRAGMA index_list({table})"):
        columns = [row[1:5] for row in connection.execute(f"PRAGMA index_xinfo({name})")]
        row = connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (name,)).fetchone()
        sql = row[0] if row else None  # a table's own tree is not listed
        where = re.split(r"\bWHERE\b", sql)[1].split() if sql and partial else None
        # Indexes that SQLite names itself count their tables' constraints.
        found[name if sql else str(columns)] = (unique, origin, where, columns)
    return found


def test_a_fresh_schema_is_the_old_one_and_all_migrations(tmp_path: Path) -> None:
    fresh, old = tmp_path / "fresh.db", tmp_path / "old.db"
    open_stores(uri(fresh)).close()

    migrated(old)

    assert shape(old) == shape(fresh)
    assert shape(fresh).keys() == metadata.tables.keys()
    assert migrate.current(uri(old)) == migrate.current(uri(fresh)) == migrate.head()


def test_the_schema_is_what_the_tables_say(file: Path) -> None:
    """A table that was changed without a migration is noticed here."""
    migrated(file)
    database = Database(uri(file))

    with database.readers.connect() as connection:
        opts = {"include_object": lambda item, *_: is_of(item, "sqlite")}
        found = compare_metadata(MigrationContext.configure(connection, opts=opts), metadata)

    database.close()
    assert found == []


def test_a_migrated_database_works(file: Path) -> None:
    migrated(file)

    stores = open_stores(uri(file))

    run = build.add_run(stores.tracking)
    build.log(stores.tracking, run, build.point(1.5))
    assert build.history(stores.tracking, run) == [(0, 0, build.bits(1.5))]
    stores.close()


def test_revisions_are_one_line_in_the_order_of_their_names(file: Path) -> None:
    database = Database(uri(file))
    with database.writers.connect() as connection:
        scripts = ScriptDirectory.from_config(migrate._alembic(connection=connection))
    database.close()

    found = list(scripts.walk_revisions())[::-1]

    assert [one.revision for one in found] == migrate.revisions()
    assert [one.down_revision for one in found] == [None, *migrate.revisions()[:-1]]
    assert scripts.get_heads() == [migrate.head()]
    for one in found:
        assert re.fullmatch(rf"{one.revision}_(pre|post)_\w+", Path(one.path).stem)
        assert one.doc


@pytest.mark.parametrize("begin", [lambda _: None, migrated], ids=["nothing", "newest"])
def test_an_upgrade_can_be_repeated(file: Path, begin: Callable[[Path], None]) -> None:
    begin(file)

    reached = [migrate.upgrade(uri(file)) for _ in range(2)]

    assert reached == [migrate.head()] * 2
    assert execute(file, "SELECT version_num FROM alembic_version") == [(migrate.head(),)]


def test_an_upgrade_keeps_what_is_there(file: Path) -> None:
    stores = open_stores(uri(file))
    run = build.add_run(stores.tracking, tags={"a": "1"})
    before, secret = build.read(stores.tracking, run), stores.secret()
    stores.close()

    migrate.upgrade(uri(file))

    stores = open_stores(uri(file))
    assert build.read(stores.tracking, run) == before
    assert stores.secret() == secret
    stores.close()


# --- what is refused -----------------------------------------------------------------------------


def of_revision(file: Path, revision: str) -> None:
    open_stores(uri(file)).close()
    execute(file, f"UPDATE alembic_version SET version_num = '{revision}'")


def without_revision(file: Path) -> None:
    open_stores(uri(file)).close()
    execute(file, "DROP TABLE alembic_version")


def of_another_program(file: Path) -> None:
    execute(
        file,
        "CREATE TABLE alembic_version (version_num TEXT)",
        "INSERT INTO alembic_version VALUES ('1b5f0e3d6a7c')",
        "CREATE TABLE runs (run_uuid TEXT)",
    )


@pytest.mark.parametrize("enter", [lambda uri: open_stores(uri).close(), migrate.upgrade])
@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda file: of_revision(file, "9999"), "9999.* does not know .*Start a newer release"),
        (lambda file: of_revision(file, "0000"), "0000.* does not know"),
        (of_another_program, "another program. Choose another database"),
        (without_revision, "not made by Millrace. Choose another database"),
        (
            lambda file: execute(file, "CREATE TABLE runs (id INTEGER)"),
            "not made by Millrace. Choose another database",
        ),
    ],
    ids=["newer", "before the first", "another program's", "without revision", "same names"],
)
def test_a_database_that_is_not_for_us_is_left_alone(
    file: Path, make: Callable[[Path], None], told: str, enter: Callable[[str], object]
) -> None:
    """It is refused with the way out, also by an upgrade, and nothing in it changes."""
    make(file)
    before = execute(file, "SELECT * FROM sqlite_schema")

    with pytest.raises(InvalidState, match=told):
        enter(uri(file))

    assert execute(file, "SELECT * FROM sqlite_schema") == before


def test_a_database_with_other_tables_only_is_shared(file: Path) -> None:
    execute(file, "CREATE TABLE theirs (a INTEGER)", "INSERT INTO theirs VALUES (7)")

    open_stores(uri(file)).close()

    assert execute(file, "SELECT a FROM theirs") == [(7,)]
    assert migrate.current(uri(file)) == migrate.head()


def test_looking_at_an_empty_database_changes_nothing(file: Path) -> None:
    assert migrate.current(uri(file)) is None
    assert execute(file, "SELECT * FROM sqlite_schema") == []


# --- several at once -----------------------------------------------------------------------------

OPENING = """
import sys
from millrace.stores.open import open_stores
from millrace.stores.sql import migrate
print("ready", flush=True)
sys.stdin.readline()
if sys.argv[2] == "upgrade":
    migrate.upgrade(sys.argv[1])
stores = open_stores(sys.argv[1])
print(stores.secret().hex(), stores.tracking.experiment("0").name)
stores.close()
"""


def test_processes_that_open_a_new_database_at_once_share_it(file: Path) -> None:
    """Whether they open it or upgrade it first; each has the same secret and one default."""
    peers = [
        subprocess.Popen(
            [sys.executable, "-c", OPENING, uri(file), how],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for how in ("open", "upgrade", "open", "upgrade")
    ]
    for peer in peers:
        assert peer.stdout is not None
        assert peer.stdout.readline() == "ready\n"

    for peer in peers:
        assert peer.stdin is not None
        peer.stdin.write("\n")
        peer.stdin.flush()
    said = [peer.communicate(timeout=60)[0] for peer in peers]

    assert [peer.returncode for peer in peers] == [0] * 4
    assert len(set(said)) == 1
    assert said[0].endswith(" Default\n")
    assert execute(file, "SELECT count(*) FROM experiments") == [(1,)]
