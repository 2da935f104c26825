"""`millrace experiments` does what its words say, on a database without a server."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from millrace.client.client import MillraceClient


def test_create_tells_the_id(millrace, client: MillraceClient) -> None:
    shown = millrace("experiments", "create", "-n", "risk", "-t", "team=credit").stdout

    made = client.get_experiment_by_name("risk")
    assert shown == f"Created experiment 'risk' with id {made.experiment_id}.\n"
    assert made.tags == {"team": "credit"}


def test_a_taken_name_is_one_sentence(millrace) -> None:
    millrace("experiments", "create", "-n", "risk")

    again = millrace("experiments", "create", "-n", "risk", code=1)

    assert again.stderr.startswith("Error: ")
    assert "risk" in again.stderr
    assert again.stderr.count("\n") == 1


@pytest.mark.parametrize("tag", ["team", "=credit"])
def test_a_tag_needs_a_key_and_a_value(millrace, tag: str) -> None:
    assert (
        "is not of the form key=value"
        in millrace("experiments", "create", "-n", "x", "-t", tag, code=2).stderr
    )


def test_list_shows_what_is_active(millrace, said) -> None:
    made = said("experiments", "create", "-n", "risk")["experiment_id"]
    millrace("experiments", "delete", "-x", made)

    assert "risk" not in millrace("experiments", "list").stdout
    assert "risk" in millrace("experiments", "list", "--view", "deleted_only").stdout
    assert {each["name"] for each in said("experiments", "list", "-v", "all")} == {
        "Default",
        "risk",
    }


def test_search_filters_orders_and_limits(millrace, said) -> None:
    for name in ("a1", "a2", "b1"):
        millrace("experiments", "create", "-n", name)

    found = said("experiments", "search", "--filter", "name LIKE 'a%'", "--order-by", "name DESC")
    first = said("experiments", "search", "--order-by", "name DESC", "--max-results", "1")

    assert [each["name"] for each in found] == ["a2", "a1"]
    assert [each["name"] for each in first] == ["b1"]


def test_a_wrong_filter_names_the_place(millrace) -> None:
    found = millrace("experiments", "search", "--filter", "name LIKES 'a'", code=1)

    assert "column" in found.stderr


def test_get_by_id_and_by_name_is_the_same(millrace, said) -> None:
    made = said("experiments", "create", "-n", "risk")["experiment_id"]

    by_id = said("experiments", "get", "-x", made)

    assert by_id == said("experiments", "get", "-n", "risk")
    assert by_id["name"] == "risk"
    assert "risk" in millrace("experiments", "get", "-n", "risk").stdout


@pytest.mark.parametrize("args", [[], ["-x", "0", "-n", "Default"]])
def test_get_wants_one_of_id_and_name(millrace, args: list[str]) -> None:
    millrace("experiments", "get", *args, code=2)


def test_get_of_an_unknown_name_fails(millrace) -> None:
    found = millrace("experiments", "get", "-n", "nobody", code=1)

    assert found.stderr == "Error: There is no experiment named 'nobody'.\n"


def test_rename_delete_and_restore(millrace, client: MillraceClient, said) -> None:
    made = said("experiments", "create", "-n", "risk")["experiment_id"]

    millrace("experiments", "rename", "-x", made, "--new-name", "credit risk")
    millrace("experiments", "delete", "-x", made)
    deleted = client.get_experiment(made)
    millrace("experiments", "restore", "-x", made)
    restored = client.get_experiment(made)

    assert deleted.name == "credit risk"
    assert [deleted.lifecycle_stage, restored.lifecycle_stage] == ["deleted", "active"]


def test_the_experiment_may_come_from_the_settings(
    millrace, said, client: MillraceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = said("experiments", "create", "-n", "risk")["experiment_id"]
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", made)

    millrace("experiments", "delete")

    assert client.get_experiment(made).lifecycle_stage == "deleted"


def test_csv_has_all_runs_and_no_formula(millrace, client: MillraceClient, tmp_path: Path) -> None:
    run = client.create_run("0", run_name="=cmd()", start_time=0)
    client.log_param(run.info.run_id, "lr", "-0.5", synchronous=True)
    client.log_metric(run.info.run_id, "loss", float("nan"), synchronous=True)

    millrace("experiments", "csv", "-x", "0", "-o", "runs.csv")

    with (tmp_path / "runs.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["run_id"] == run.info.run_id
    assert row["run_name"] == "'=cmd()"
    assert row["start_time"] == "1970-01-01T00:00:00Z"
    assert (row["params.lr"], row["metrics.loss"]) == ("-0.5", "nan")
