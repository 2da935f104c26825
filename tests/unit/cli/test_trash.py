"""`millrace trash` and `millrace gc`: what was deleted, back again or gone for good."""

from __future__ import annotations

from pathlib import Path

import pytest

from millrace.client.client import MillraceClient


@pytest.fixture
def experiment(client: MillraceClient, tmp_path: Path) -> str:
    return client.create_experiment("mine", artifact_location=str(tmp_path / "files"))


def make_run(client: MillraceClient, experiment: str) -> str:
    run = client.create_run(experiment).info
    client.log_metric(run.run_id, "m", 1.0, synchronous=True)
    file = Path(run.artifact_uri.removeprefix("file://")) / "a.txt"
    file.parent.mkdir(parents=True)
    file.write_text("hello")
    return run.run_id


def test_the_trash_is_listed_and_restored_from(millrace, said, client, experiment: str) -> None:
    run = make_run(client, experiment)
    model = client.create_logged_model(experiment, name="forest").model_id
    client.delete_run(run)
    client.delete_logged_model(model)

    found = said("trash", "list")

    assert [(one["kind"], one["id"]) for one in found] == [("run", run), ("logged_model", model)]
    assert found[0]["points"] == 1
    assert "swift" not in millrace("trash", "list", "--all").stdout.splitlines()[0]
    said_so = millrace("trash", "restore", "--run-id", run, "--logged-model-id", model).stdout
    assert said_so == f"Restored run {run}.\nRestored logged model {model}.\n"
    assert said("trash", "list") == []
    assert client.get_run(run).info.lifecycle_stage == "active"


def test_what_is_along_with_its_experiment_is_listed_when_asked_for(
    said, client, experiment: str
) -> None:
    run = make_run(client, experiment)
    client.delete_experiment(experiment)

    assert [one["id"] for one in said("trash", "list")] == [experiment]
    assert {one["id"] for one in said("trash", "list", "--all")} == {experiment, run}
    assert [one["id"] for one in said("trash", "list", "-x", experiment)] == [experiment, run]


def test_the_trash_is_emptied_after_a_dry_run(
    millrace, said, client, experiment: str, tmp_path: Path
) -> None:
    run = make_run(client, experiment)
    client.delete_run(run)

    dry = millrace("trash", "empty", "--dry-run").stdout
    assert dry.splitlines()[0].startswith(f"would remove run {run} (")
    assert dry.splitlines()[1] == "Would remove 1: 1 points, 1 files of 5 bytes."
    assert len(list(tmp_path.rglob("a.txt"))) == 1

    done = millrace("trash", "empty", "--yes").stdout

    assert done == dry.replace("would remove", "removed").replace("Would remove", "Removed")
    assert list(tmp_path.rglob("a.txt")) == []
    assert millrace("trash", "empty", "--yes").stdout == "There is nothing to remove.\n"


def test_emptying_asks_first(millrace, client, experiment: str) -> None:
    client.delete_run(make_run(client, experiment))

    asked = millrace("trash", "empty", code=1)

    assert "cannot be brought back" in asked.stderr
    assert len(client.search_trash("run")) == 1


def test_gc_removes_what_is_old_enough(millrace, said, uri: str, client, experiment: str) -> None:
    run = make_run(client, experiment)
    client.delete_run(run)

    young = millrace("gc", "--backend-store-uri", uri, "--older-than", "1d")
    assert young.stdout == "There is nothing to remove.\n"
    done = said("gc", "--backend-store-uri", uri, "--older-than", "0s")

    assert done["removed"] in {0, 1}  # deleted within this very millisecond, it is not older
    done_now = said("gc", "--backend-store-uri", uri)
    assert done["removed"] + done_now["removed"] == 1
    assert (done["files"] + done_now["files"], done["bytes"] + done_now["bytes"]) == (1, 5)


def test_gc_takes_lists_of_ids(millrace, uri: str, client, experiment: str) -> None:
    runs = [make_run(client, experiment) for _ in range(3)]
    for run in runs:
        client.delete_run(run)

    told = millrace("gc", "--backend-store-uri", uri, "--run-ids", f"{runs[0]},{runs[2]}").stdout

    assert told.splitlines()[-1] == "Removed 2: 2 points, 2 files of 10 bytes."
    assert [one.id for one in client.search_trash("run")] == [runs[1]]


def test_gc_refuses_what_is_not_in_the_trash(millrace, uri: str, client, experiment: str) -> None:
    run = make_run(client, experiment)

    told = millrace("gc", "--backend-store-uri", uri, "--run-ids", run, code=1)

    assert told.stderr == (
        f"Error: There is no run {run} in the trash; nothing was removed. Only what was deleted "
        "can be removed for good.\n"
    )


def test_gc_says_where_proxied_artifacts_are_to_be_found(millrace, uri: str, client) -> None:
    run = client.create_run("0").info.run_id
    client.delete_run(run)

    told = millrace("gc", "--backend-store-uri", uri, code=1).stdout

    assert "FAILED run" in told
    assert "--artifacts-destination" in told
    done = millrace("gc", "--backend-store-uri", uri, "--artifacts-destination", "./arts").stdout
    assert done.splitlines()[-1] == "Removed 1: 0 points, 0 files of 0 bytes."


@pytest.mark.parametrize("age", ["soon", "7", "d", "1.2.3h", ""])
def test_an_age_that_cannot_be_read_is_refused(millrace, uri: str, age: str) -> None:
    told = millrace("gc", "--backend-store-uri", uri, "--older-than", age, code=2)

    assert "no age such as 7d12h" in told.stderr


def test_gc_makes_no_database(millrace, tmp_path: Path) -> None:
    missing = tmp_path / "missing.db"

    told = millrace("gc", "--backend-store-uri", f"sqlite:///{missing}", code=2)

    assert told.stderr.startswith(f"Error: There is no database file {missing} yet;")
    assert not missing.exists()
