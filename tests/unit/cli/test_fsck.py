"""`millrace fsck`: exit codes, and artifacts beside their records."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from millrace.client.client import MillraceClient
from millrace.core.entities.artifact import ArtifactRecord
from millrace.stores.open import open_stores


def test_all_is_well(millrace, said, uri: str, client: MillraceClient) -> None:
    client.create_run("0")

    assert millrace("fsck", uri).stdout == "Nothing is damaged.\n"
    assert said("fsck", uri, "--full") == {"clean": True, "findings": []}


def test_damage_is_told_and_repaired(millrace, uri: str, client: MillraceClient) -> None:
    run = client.create_run("0").info.run_id
    client.log_metric(run, "m", 1.0, synchronous=True)
    with sqlite3.connect(uri.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE series SET count = 5")
    connection.close()

    told = millrace("fsck", uri, code=1).stdout
    assert told.startswith("series (damage, repairable): Series 1 does not fit its points: count")

    assert "series (repaired)" in millrace("fsck", uri, "--repair").stdout
    assert millrace("fsck", uri).stdout == "Nothing is damaged.\n"


def test_a_schema_changed_by_hand_is_damage(millrace, uri: str, client: MillraceClient) -> None:
    client.create_run("0")
    with sqlite3.connect(uri.removeprefix("sqlite:///")) as connection:
        connection.execute("DROP INDEX ix_runs_lease")
    connection.close()

    told = millrace("fsck", uri, code=1).stdout

    assert "schema (damage): Index ix_runs_lease on runs is missing." in told


@pytest.mark.parametrize("what", ["missing", "no database", "memory"])
def test_what_cannot_be_looked_at_is_another_exit_code(millrace, tmp_path: Path, what: str) -> None:
    file = tmp_path / "x.db"
    if what == "no database":
        file.write_bytes(b"x" * 5_000)
    uri = "memory:" if what == "memory" else f"sqlite:///{file}"

    told = millrace("fsck", uri, code=2)

    assert told.stderr.startswith("Error: ")
    assert len(told.stderr.splitlines()) == 1


def test_artifacts_are_compared_with_the_ledger(
    millrace, said, uri: str, client: MillraceClient, tmp_path: Path
) -> None:
    root = tmp_path / "files"
    experiment = client.create_experiment("e", artifact_location=str(root))
    run = client.create_run(experiment).info
    folder = Path(run.artifact_uri.removeprefix("file://"))
    folder.mkdir(parents=True)
    stores = open_stores(uri)
    for name, size in (("whole", 5), ("cut", 6), ("lost", 5)):
        (folder / name).write_bytes(b"hello")
        digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
        record = ArtifactRecord(
            uri=f"{run.artifact_uri}/{name}", size=size, sha256=digest, recorded_ms=1
        )
        stores.artifacts.settle(record, token=None).result()
    stores.close()
    (folder / "lost").unlink()
    (root / ("f" * 32) / "artifacts").mkdir(parents=True)

    assert said("fsck", uri)["clean"] is True
    told = millrace("fsck", uri, "--artifacts", code=1).stdout.splitlines()
    assert sorted(line.partition(".")[0] for line in told) == [
        "artifacts (damage): 1 files are not what was recorded",
        "artifacts (damage): 1 files that were recorded are not there",
        "artifacts (damage): 1 folders belong to runs or logged models that are not there",
    ]

    (folder / "whole").write_bytes(b"hullo")
    full = millrace("fsck", uri, "--artifacts", "--full", code=1).stdout
    assert "2 files are not what was recorded" in full


def test_files_that_nobody_recorded_are_noted(
    millrace, said, uri: str, client: MillraceClient, tmp_path: Path
) -> None:
    """Where the server keeps files; elsewhere clients write themselves."""
    stores = open_stores(uri)
    stores.artifacts.settle(
        ArtifactRecord(uri="mlflow-artifacts:/here/known", size=1, sha256="0" * 64, recorded_ms=1),
        token=None,
    ).result()
    stores.close()
    client.create_experiment("here", artifact_location="mlflow-artifacts:/here")
    client.create_experiment("elsewhere", artifact_location=str(tmp_path / "elsewhere"))
    for path in ("kept/here/known", "kept/here/folder/strange", "elsewhere/file"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"x")

    kept = ("--artifacts", "--artifacts-destination", str(tmp_path / "kept"))

    found = said("fsck", uri, *kept)
    assert found["clean"] is True
    assert [one["examples"] for one in found["findings"]] == [
        ["mlflow-artifacts:/here/folder/strange"]
    ]
