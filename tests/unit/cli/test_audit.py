"""`millrace audit` on a database, and on an export of it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from millrace.client.client import MillraceClient
from tests.unit.cli.conftest import Millrace


@pytest.fixture
def database(uri: str, client: MillraceClient, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database with three audited changes."""
    monkeypatch.setenv("MILLRACE_BACKEND_STORE_URI", uri)
    experiment = client.create_experiment("trial")
    client.rename_experiment(experiment, "risk")
    client.delete_experiment(experiment)
    return Path(uri.removeprefix("sqlite:///"))


def execute(database: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(statement, values)


def test_entries_are_listed_newest_first(database: Path, said: Any, millrace: Millrace) -> None:
    entries = said("audit", "list")

    assert [one["action"] for one in entries] == [
        "experiment.delete",
        "experiment.rename",
        "experiment.create",
    ]
    table = millrace("audit", "list", "--action", "experiment.rename").stdout
    assert "(stated)" in table
    assert "last_update_time, name" in table
    assert len(table.splitlines()) == 2


def test_no_more_are_listed_than_asked_for(database: Path, said: Any) -> None:
    assert len(said("audit", "list", "--max-results", "2")) == 2
    assert said("audit", "list", "--until", "2020-01-01") == []
    assert len(said("audit", "list", "--since", "2020-01-01")) == 3


def test_an_entry_is_shown(database: Path, millrace: Millrace) -> None:
    shown = json.loads(millrace("audit", "show", "2").stdout)

    assert shown["entry"]["changes"]["name"] == ["trial", "risk"]
    assert "No" not in millrace("audit", "show", "9", code=1).stdout


def test_an_export_is_verified_without_the_database(
    database: Path, millrace: Millrace, tmp_path: Path
) -> None:
    millrace("audit", "export", "-o", "trail.jsonl")
    database.unlink()

    said = millrace("audit", "verify", "trail.jsonl").stdout
    assert said == "Intact: 3 entries, 1 signed heads.\n"


def test_an_export_goes_to_standard_output(database: Path, millrace: Millrace) -> None:
    lines = millrace("audit", "export").stdout.splitlines()

    assert json.loads(lines[0])["format"] == "millrace audit trail"
    assert [json.loads(line)["entry"]["seq"] for line in lines[1:4]] == [1, 2, 3]


def test_a_flipped_byte_of_an_export_is_named(database: Path, millrace: Millrace) -> None:
    millrace("audit", "export", "-o", "trail.jsonl")
    file = Path("trail.jsonl")
    file.write_bytes(file.read_bytes().replace(b'"risk"', b'"rysk"', 1))

    said = millrace("audit", "verify", "trail.jsonl", code=1).stdout
    assert said.startswith("NOT INTACT, first at entry 2")


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE audit_entries SET text = replace(text, 'risk', 'rysk') WHERE seq = 2", "entry 2"),
        ("UPDATE audit_entries SET actor = 'eve' WHERE seq = 3", "entry 3"),
        ("DELETE FROM audit_entries WHERE seq = 2", "entry 2"),
        ("DELETE FROM audit_entries WHERE seq = 1", "entry 1"),
        ("UPDATE audit_entries SET seq = seq + 10", "entry 1"),
    ],
)
def test_a_database_that_was_tampered_with_is_told(
    database: Path, millrace: Millrace, statement: str, named: str
) -> None:
    assert millrace("audit", "verify").stdout.startswith("Intact: 3 entries")
    execute(database, statement)

    assert named in millrace("audit", "verify", code=1).stdout


def test_a_trail_that_was_cut_off_is_told_by_its_head(database: Path, millrace: Millrace) -> None:
    millrace("audit", "export", "-o", "trail.jsonl")  # signs the end
    execute(database, "DELETE FROM audit_entries WHERE seq = 3")

    assert "first at entry 3" in millrace("audit", "verify", code=1).stdout


def test_a_database_set_back_is_told_by_a_witness(
    database: Path, millrace: Millrace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MILLRACE_AUDIT_WITNESS", "witness.jsonl")
    millrace("audit", "export", "-o", "trail.jsonl")
    execute(database, "DELETE FROM audit_entries WHERE seq = 3")
    execute(database, "DELETE FROM audit_heads")

    assert "Intact" in millrace("audit", "verify").stdout
    said = millrace("audit", "verify", "--witness", "witness.jsonl", code=1).stdout
    assert "first at entry 3" in said


def test_only_a_trusted_key_counts(database: Path, millrace: Millrace, said: Any) -> None:
    millrace("audit", "export", "-o", "trail.jsonl")
    (key,) = said("audit", "verify")["keys"]

    millrace("audit", "verify", "--trust", key)
    assert "not among" in millrace("audit", "verify", "--trust", "0" * 64, code=1).stdout


def test_the_key_is_rotated(database: Path, millrace: Millrace, said: Any) -> None:
    millrace("audit", "export", "-o", "trail.jsonl")
    assert "from now on" in millrace("audit", "rotate-key").stdout
    millrace("audit", "list")

    assert said("audit", "verify")["heads"] == 2
    assert Path(f"{database}.keys").stat().st_mode & 0o777 == 0o600


def test_looking_makes_no_database(
    millrace: Millrace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MILLRACE_BACKEND_STORE_URI", "sqlite:///nowhere.db")
    for verb in ("verify", "export", "rotate-key"):
        millrace("audit", verb, code=2)

    assert list(tmp_path.iterdir()) == []
