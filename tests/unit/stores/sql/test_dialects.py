"""Every statement and table in the words of every dialect, also of those without a server here."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_mock_engine, select

from millrace.core.filters import RUNS, parse
from millrace.stores.sql import tables as t
from millrace.stores.sql.columns import is_of
from millrace.stores.sql.dialects import fold_ascii, insert_new, like, upsert
from millrace.stores.sql.drivers import HANDS
from millrace.stores.sql.engine import Prepared, dialect_named
from millrace.stores.sql.experiments import ExperimentSource
from millrace.stores.sql.filters import compile_filter
from millrace.stores.sql.models import ModelSource
from millrace.stores.sql.statements import Statements

SNAPSHOTS = Path(__file__).parent / "snapshots"


def creation(name: str) -> Iterator[str]:
    """The schema."""
    made: list[str] = []
    engine = create_mock_engine(
        f"{name}+{HANDS[name].driver}://",
        lambda ddl, *_, **__: made.append(str(ddl.compile(dialect=engine.dialect))),
    )
    t.metadata.create_all(engine, checkfirst=False)
    # Indexes of a table come in any order.
    yield from sorted("\n".join(map(str.rstrip, one.strip().splitlines())) for one in made)


def prepared(name: str) -> Iterator[str]:
    """The statements of the hot paths."""
    for key, one in sorted(vars(Statements(dialect_named(name))).items()):
        for suffix, held in one.items() if isinstance(one, dict) else [("", one)]:
            if held is None:
                continue  # said by another dialect only
            assert isinstance(held, Prepared)
            yield f"-- {key} {suffix}".rstrip() + f"\n{held.sql}"


def others(name: str) -> Iterator[str]:
    """Inserts into every table, and the words that searches are made of."""
    dialect = dialect_named(name)
    for table in t.metadata.sorted_tables:
        names = table.columns.keys()
        others = [one for one in names if not table.c[one].primary_key]
        yield str(insert_new(table).compile(dialect=dialect, column_keys=names))
        if others:
            changing = upsert(table, changed=others)
            yield str(changing.compile(dialect=dialect, column_keys=names))
    column = t.tags.c.value
    for condition in (like(column, "a%[_/"), like(fold_ascii(column), "a%"), ~like(column, "_")):
        yield str(select(t.tags.c.run_id).where(condition).compile(dialect=dialect))
    for text in ("attributes.name != 'x'", "tags.a ILIKE 'X%' or tags.b IS NULL"):
        tree = parse(text.replace("attributes.", "tags."), RUNS)
        for source in (ExperimentSource(), ModelSource([("d", None)])):
            clause = compile_filter(tree, source, {})
            yield str(select(source.id).where(clause).compile(dialect=dialect))


@pytest.mark.parametrize("name", HANDS)
def test_all_can_be_said(name: str) -> None:
    """For every dialect: nothing that it has no words for."""
    assert all([*creation(name), *prepared(name), *others(name)])


def test_what_is_said_to_sql_server_was_looked_at(pytestconfig: pytest.Config) -> None:
    """Nobody runs it here: a change shows in the snapshot, for a person to review.

    To write it anew, delete the file and run this test twice.
    """
    said = "\n\n".join([*creation("mssql"), *prepared("mssql"), *others("mssql")]) + "\n"
    file = SNAPSHOTS / "mssql.sql"
    if not file.exists():
        SNAPSHOTS.mkdir(exist_ok=True)
        file.write_text(said)
        pytest.fail("The snapshot was missing and is written now: review and commit it.")

    held = file.read_text()

    changes = difflib.unified_diff(held.splitlines(), said.splitlines(), "snapshot", "now")
    assert held == said, "\n".join(changes)


def test_mysql_has_no_key_that_is_too_long() -> None:
    for table in t.metadata.sorted_tables:
        keys = [table.primary_key, *table.indexes]
        for key in keys:
            if is_of(key, "mariadb"):
                options = getattr(key, "dialect_options", {}).get("mysql", {})
                lengths = options.get("length") or {}
                size = sum(
                    4 * lengths.get(column.name, getattr(column.type, "length", None) or 2)
                    for column in key.columns
                )
                assert size <= 3_072, key.name
