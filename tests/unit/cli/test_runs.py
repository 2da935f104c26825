"""`millrace runs` does what its words say, on a database without a server."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from millrace.client.client import MillraceClient
from millrace.core.tags import NOTE, PARENT_RUN_ID


def add_run(client: MillraceClient, name: str, *, loss: float = 0.5, at_ms: int = 0) -> str:
    run_id = client.create_run("0", run_name=name, start_time=at_ms).info.run_id
    client.log_metric(run_id, "loss", loss, synchronous=True)
    client.log_param(run_id, "depth", "3", synchronous=True)
    client.set_terminated(run_id)
    return run_id


def names(found: list[dict]) -> list[str]:
    return [run["info"]["run_name"] for run in found]


def test_list_shows_the_latest_first(millrace, said, client: MillraceClient) -> None:
    add_run(client, "older", at_ms=1_000)
    add_run(client, "newer", at_ms=2_000)

    lines = millrace("runs", "list", "--experiment-id", "0").stdout.splitlines()

    assert lines[0].split() == ["id", "name", "status", "started", "ended"]
    assert [line.split()[1] for line in lines[1:]] == ["newer", "older"]
    assert "FINISHED" in lines[1]
    assert names(said("runs", "list", "--experiment-id", "0")) == ["newer", "older"]


def test_search_filters_orders_and_limits(said, client: MillraceClient) -> None:
    for index, name in enumerate(("a", "b", "c")):
        add_run(client, name, loss=index / 10)
    ask = ("runs", "search", "--experiment-id", "0", "--order-by", "metrics.loss DESC")

    assert names(said(*ask, "--filter", "metrics.loss < 0.2")) == ["b", "a"]
    assert names(said(*ask, "--max-results", "2")) == ["c", "b"]


def test_get_shows_what_was_logged(millrace, said, client: MillraceClient) -> None:
    run_id = add_run(client, "one")

    shown = millrace("runs", "get", "--run-id", run_id).stdout
    described = json.loads(millrace("runs", "describe", "--run-id", run_id).stdout)

    assert "params\n  depth  3\nmetrics\n  loss  0.5\n" in shown
    assert described == said("runs", "get", "--run-id", run_id)
    assert described["data"]["params"] == [{"key": "depth", "value": "3"}]


def test_an_unknown_run_is_one_sentence(millrace) -> None:
    found = millrace("runs", "get", "--run-id", "f" * 32, code=1)

    assert found.stderr.startswith("Error: ")
    assert "f" * 32 in found.stderr


def test_create_records_a_run_that_is_over(said, client: MillraceClient) -> None:
    parent = add_run(client, "parent")

    made = said(
        *("runs", "create", "--experiment-name", "Default", "--run-name", "by hand"),
        *("--description", "# why", "--tags", "team=vision", "--status", "failed"),
        *("--parent-run-id", parent),
    )

    run = client.get_run(made["run_id"])
    assert (run.info.run_name, run.info.status) == ("by hand", "FAILED")
    assert run.info.end_time >= run.info.start_time > 0
    assert {"team": "vision", NOTE: "# why", PARENT_RUN_ID: parent}.items() <= run.data.tags.items()


@pytest.mark.parametrize(
    "args",
    [["--experiment-id", "77"], ["--experiment-name", "nobody"], ["--parent-run-id", "f" * 32]],
)
def test_create_makes_nothing_when_something_is_missing(
    millrace, client: MillraceClient, args: list[str]
) -> None:
    millrace("runs", "create", *args, code=1)

    assert client.search_runs(["0"]) == []


def test_delete_and_restore(millrace, client: MillraceClient) -> None:
    run_id = add_run(client, "one")

    millrace("runs", "delete", "--run-id", run_id)
    deleted = client.get_run(run_id).info.lifecycle_stage
    millrace("runs", "restore", "--run-id", run_id)

    assert deleted == "deleted"
    assert client.get_run(run_id).info.lifecycle_stage == "active"


def test_link_makes_a_child(millrace, client: MillraceClient) -> None:
    child, parent = add_run(client, "child"), add_run(client, "parent")

    millrace("runs", "link", "--run-id", child, "--parent-run-id", parent)

    assert client.get_parent_run(child).info.run_id == parent


def test_link_makes_no_circle(millrace, client: MillraceClient) -> None:
    child, parent = add_run(client, "child"), add_run(client, "parent")
    millrace("runs", "link", "--run-id", child, "--parent-run-id", parent)

    for run, above in ((parent, child), (child, child)):
        found = millrace("runs", "link", "--run-id", run, "--parent-run-id", above, code=1)
        assert found.stderr == f"Error: Run {run} would become its own ancestor.\n"


def test_export_as_csv_has_a_column_for_each_key(millrace, client: MillraceClient) -> None:
    add_run(client, "plain")
    odd = add_run(client, "odd")
    client.set_tag(odd, "- x", "@SUM(A1)", synchronous=True)

    shown = millrace("runs", "export", "--experiment-id", "0", "--filter", "tags.`- x` LIKE '@%'")

    (row,) = csv.DictReader(io.StringIO(shown.stdout, newline=""))
    assert row["run_name"] == "odd"
    assert row["tags.- x"] == "'@SUM(A1)"


def test_export_as_json_is_the_form_of_the_api(
    millrace, said, client: MillraceClient, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        add_run(client, name, loss=float("inf"))

    millrace("runs", "export", "--experiment-id", "0", "--format", "json", "-o", "runs.json")

    written = json.loads((tmp_path / "runs.json").read_text())
    assert written == said("runs", "list", "--experiment-id", "0")
    assert written[0]["data"]["metrics"][0]["value"] == "Infinity"


def test_export_of_nothing_is_still_a_file(millrace, tmp_path: Path) -> None:
    millrace("runs", "export", "--experiment-id", "0", "--format", "json", "-o", "none.json")
    millrace("runs", "export", "--experiment-id", "0", "-o", "none.csv")

    assert json.loads((tmp_path / "none.json").read_text()) == []
    assert (tmp_path / "none.csv").read_text().startswith("run_id,")


def test_a_file_that_cannot_be_written_is_one_sentence(millrace, tmp_path: Path) -> None:
    found = millrace("runs", "export", "--experiment-id", "0", "-o", "no/such/folder.csv", code=1)

    assert found.stderr.startswith("Error: ")
    assert "no/such/folder.csv" in found.stderr
