"""Moving in from MLflow of every age: databases, folders, a live server; and out to an archive."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from millrace.core.errors import InvalidArgument
from millrace.stores.open import open_stores
from millrace.transfer.archive import MANIFEST, Archive, export
from millrace.transfer.carry import Plan, carry
from millrace.transfer.from_stores import StoredRecords
from millrace.transfer.open import open_source
from millrace.transfer.verify import differences
from tests.contract.build import add_experiment
from tests.e2e.transfer.conftest import NEWEST, Sample, write
from tests.services import private_millrace, private_mlflow

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]


@pytest.fixture
def target(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'millrace.db'}"


def bring_in(source: str, target: str, **plan: object) -> None:
    with open_source(source) as opened:
        stores = open_stores(target)
        report = carry(opened, stores, Plan(**plan))  # type: ignore[arg-type]
        stores.close()
    assert report.is_complete, (report.refused, report.damaged)


def compared(source: str, target: str) -> list[str]:
    with open_source(source) as left, open_source(target) as right:
        return [*differences(left, right), *differences(right, left)]


def millrace(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "millrace", "transfer", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def features_of(source: str) -> dict[str, int]:
    """How much of each kind a source has, so that a comparison of nothing with nothing shows."""
    with open_source(source) as opened:
        experiments = list(opened.experiments())
        runs = [one for each in experiments for one in opened.runs(each.experiment_id)]
        return {
            "experiments": len(experiments),
            "runs": len(runs),
            "points": sum(sum(opened.counts(one.run.info.run_id).values()) for one in runs),
            "datasets": sum(len(one.run.inputs.dataset_inputs) for one in runs),
            "logged models": sum(len(list(opened.models(e.experiment_id))) for e in experiments),
            "versions": sum(len(one.versions) for one in opened.registered_models()),
            "aliases": sum(len(one.model.alias_list) for one in opened.registered_models()),
        }


def expected(sample: Sample, *, finds_deleted_models: bool = True) -> dict[str, int]:
    has = sample.features
    return {
        "experiments": 4,
        "runs": 5,
        "points": 319 + ("logged models" in has),
        "datasets": 2 * ("datasets" in has),
        "logged models": (1 + finds_deleted_models) * ("logged models" in has),
        "versions": 3 * ("registry" in has),
        "aliases": 2 * ("aliases" in has),
    }


def test_a_database_comes_over_without_a_difference(database: Sample, target: str) -> None:
    bring_in(database.uri, target)

    assert compared(database.uri, target) == []
    assert features_of(target) == features_of(database.uri) == expected(database)


def test_a_folder_comes_over_without_a_difference(folder: Sample, target: str) -> None:
    bring_in(folder.uri, target)

    assert compared(folder.uri, target) == []
    assert features_of(target) == features_of(folder.uri) == expected(folder)


@pytest.fixture(scope="module")
def newest(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    place = tmp_path_factory.mktemp("newest")
    return write(NEWEST, f"sqlite:///{place / 'mlflow.db'}", place)


@pytest.fixture(scope="module")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    """A live MLflow server with the sample in it."""
    place = tmp_path_factory.mktemp("server")
    with private_mlflow(place) as url:
        yield write(NEWEST, url, place)


def test_a_live_mlflow_server_comes_over(mlflow_server: Sample, target: str) -> None:
    bring_in(mlflow_server.uri, target)

    assert compared(mlflow_server.uri, target) == []
    assert features_of(target) == expected(mlflow_server, finds_deleted_models=False)


def test_a_live_server_of_ours_comes_over(newest: Sample, target: str, tmp_path: Path) -> None:
    first = f"sqlite:///{tmp_path / 'first.db'}"
    bring_in(newest.uri, first)

    with private_millrace(tmp_path / "server", store=first) as url:
        bring_in(url, target)
        assert compared(url, target) == []


def test_what_was_carried_is_not_carried_again(newest: Sample, target: str) -> None:
    bring_in(newest.uri, target)

    with open_source(newest.uri) as source:
        stores = open_stores(target)
        again = carry(source, stores)
        stores.close()

    tallies = [again.experiments, again.runs, again.points]
    tallies += [again.logged_models, again.registered_models]
    assert all(one.seen > 0 and one.carried == 0 for one in tallies)


def test_what_was_logged_meanwhile_comes_with_the_next_time(
    newest: Sample, target: str, tmp_path: Path
) -> None:
    held = Path(newest.uri.removeprefix("sqlite:///"))
    growing = f"sqlite:///{shutil.copy(held, tmp_path / 'growing.db')}"
    bring_in(growing, target)
    with sqlite3.connect(tmp_path / "growing.db") as more:
        run, key = more.execute("SELECT run_uuid, key FROM metrics WHERE key = 'late'").fetchone()
        row = (key, 4.5, 1, run, 99, False)
        names = "key, value, timestamp, run_uuid, step, is_nan"
        more.execute(f"INSERT INTO metrics ({names}) VALUES (?, ?, ?, ?, ?, ?)", row)
        more.execute("UPDATE runs SET status = 'FINISHED' WHERE status = 'RUNNING'")
        more.execute("DELETE FROM tags WHERE key = 'note'")
    more.close()
    assert compared(growing, target) != []

    bring_in(growing, target)

    assert compared(growing, target) == []


def test_a_dry_run_tells_all_and_writes_nothing(newest: Sample, target: str) -> None:
    done = millrace("import", newest.uri, "--into", target, "--dry-run", "--output", "json")

    assert done.returncode == 0, done.stderr
    assert '"carried": 320' in done.stdout
    assert features_of(target)["runs"] == 0


def test_each_difference_is_named(newest: Sample, target: str, tmp_path: Path) -> None:
    bring_in(newest.uri, target)
    other = Path(newest.uri.removeprefix("sqlite:///"))
    changed = f"sqlite:///{shutil.copy(other, tmp_path / 'changed.db')}"
    with sqlite3.connect(tmp_path / "changed.db") as more:
        more.execute("UPDATE metrics SET value = 0.5 WHERE key = 'train/loss' AND step = 7")
        more.execute("UPDATE params SET value = '0.7' WHERE key = 'lr' AND value = '0.1'")
        more.execute("UPDATE experiments SET name = 'else' WHERE name = 'nothing here'")
        more.execute("UPDATE model_versions SET current_stage = 'None' WHERE version = 1")
        more.execute("DELETE FROM latest_metrics")
        more.execute("DELETE FROM metrics WHERE key = 'late'")
    more.close()

    done = millrace("verify", changed, target)

    assert done.returncode == 1
    told = done.stdout.splitlines()
    assert len(told) == 5, told
    for word in ("'train/loss' differs, 0.5", "'0.7'", "'else'", "current_stage", "'late' is not"):
        assert any(word in line for line in told), (word, told)


def test_experiments_whose_ids_are_taken_are_renumbered(newest: Sample, target: str) -> None:
    stores = open_stores(target)
    for name in ("other", "vision/ärzte"):
        add_experiment(stores.tracking, name)
    stores.close()

    refused = millrace("import", newest.uri, "--into", target, "-x", "vision/ärzte")
    done = millrace("import", newest.uri, "--into", target, "-x", "vision/ärzte", "--renumber")

    assert refused.returncode == 1
    assert "Experiment 1 is 'other' here and 'vision/ärzte' where it" in refused.stderr
    assert done.returncode == 0, done.stderr
    with open_source(target) as ours:
        assert [len(list(ours.runs(one))) for one in ("1", "2")] == [0, 4]


def test_an_archive_there_and_back_is_the_same(newest: Sample, target: str, tmp_path: Path) -> None:
    exported = millrace("export", newest.uri, tmp_path / "archive")
    bring_in(str(tmp_path / "archive"), target)

    assert exported.returncode == 0, exported.stderr
    assert compared(str(tmp_path / "archive"), target) == []
    assert compared(newest.uri, target) == []
    with open_source(target) as ours:
        export(ours, tmp_path / "again")
    assert compared(str(tmp_path / "archive"), str(tmp_path / "again")) == []
    first, second = Archive(tmp_path / "archive"), Archive(tmp_path / "again")
    assert first.manifest.points == second.manifest.points == 320
    for experiment in first.experiments():
        assert since(first, experiment.experiment_id) == since(second, experiment.experiment_id)


def since(archive: Archive, experiment_id: str) -> dict[str, int | None]:
    """Since when runs are in the trash."""
    return {one.run.info.run_id: one.deleted_ms for one in archive.runs(experiment_id)}


@pytest.mark.parametrize("harm", ["changed", "missing", "unfinished"])
def test_a_damaged_archive_is_refused(newest: Sample, tmp_path: Path, harm: str) -> None:
    with open_source(newest.uri) as source:
        export(source, tmp_path / "archive")
    victim = tmp_path / "archive" / ("runs-000001.jsonl" if harm != "unfinished" else MANIFEST)
    if harm == "changed":
        victim.write_bytes(victim.read_bytes().replace(b"0.1", b"0.2"))
    else:
        victim.unlink()

    with pytest.raises(InvalidArgument, match=r"archive"):
        Archive(tmp_path / "archive")


def test_files_are_copied_and_followed(newest: Sample, target: str, tmp_path: Path) -> None:
    kept = tmp_path / "mlartifacts"
    command = ("import", newest.uri, "--into", target, "--copy-artifacts", kept)

    done, again = millrace(*command), millrace(*command)

    assert done.returncode == again.returncode == 0, done.stderr
    assert "3 of 3 files copied" in done.stdout
    assert "0 of 3 files copied" in again.stdout
    stores = open_stores(target)
    records = StoredRecords(stores, "here")
    run = next(one.run for one in records.runs("1") if one.run.info.run_name == "one")
    home = f"1/{run.info.run_id}/artifacts"
    version = stores.registry.version("risk", 1)
    stores.close()
    assert run.info.artifact_uri == f"mlflow-artifacts:/{home}"
    assert (kept / home / "deep/er/local.txt").read_text() == "content of deep/er/b.txt\n"
    assert version is not None
    assert f'"source":"mlflow-artifacts:/{home}/deep"'.encode() in bytes(version)


@pytest.mark.parametrize(
    ("named", "word", "code"),
    [
        ("sqlite:///nowhere.db", "no database", 2),
        ("nowhere", "no folder", 2),
        (".", "holds no records", 2),
        ("postgresql://u:secret@127.0.0.1:1/x", "127.0.0.1", 2),
        ("http://127.0.0.1:1", "127.0.0.1", 1),
    ],
)
def test_what_is_no_source_is_said_in_one_sentence(
    named: str, word: str, code: int, target: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "millrace", "transfer", "import", named, "--into", target]
    environment = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
    )

    assert done.returncode == code
    assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
