"""`millrace registry` does what its words say, on a database without a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from millrace.client.client import MillraceClient


@pytest.fixture
def model(client: MillraceClient) -> str:
    """`digits` with two versions from runs with a file each."""
    for number in range(2):
        run = client.create_run("0").info.run_id
        client.log_param(run, "lr", number)
        client.log_metric(run, "acc", 0.5 + number)
        client.log_text(run, str(number), "net/weights.txt")
        client.register_model(f"runs:/{run}/net", "digits", tags={"n": number})
    return "digits"


def test_list_and_show(millrace, said, model: str) -> None:
    assert model in millrace("registry", "list").stdout
    assert [one["name"] for one in said("registry", "list")] == [model]
    found = said("registry", "list", "--versions", "--order-by", "version_number")
    assert [one["version"] for one in found] == ["1", "2"]
    assert said("registry", "list", "--filter", "name = 'nobody'") == []
    whole = said("registry", "show", model)
    assert [one["version"] for one in whole["model_versions"]] == ["1", "2"]
    assert said("registry", "show", model, "2")["version"] == "2"
    assert "n=1" in millrace("registry", "show", model, "2").stdout


def test_register_move_and_point(millrace, client: MillraceClient, model: str) -> None:
    told = millrace("registry", "register", f"models:/{model}/1", "copies", "-t", "a=b").stdout
    assert told == "Registered version 1 of 'copies'.\n"
    assert client.get_model_version("copies", 1).tags == {"a": "b"}

    millrace("registry", "transition", model, "1", "production")
    told = millrace("registry", "transition", model, "2", "Production", "--archive-existing").stdout
    assert told == f"Version 2 of '{model}' is in Production.\n"
    assert client.get_model_version(model, 1).current_stage == "Archived"

    millrace("registry", "alias", model, "champion", "2")
    told = millrace("registry", "alias", model, "champion").stdout
    assert told == f"'champion' of '{model}' points at version 2.\n"
    millrace("registry", "alias", model, "champion", "--delete")
    assert client.get_registered_model(model).aliases == {}


def test_tags_and_comments(millrace, said, client: MillraceClient, model: str) -> None:
    millrace("registry", "tag", model, "team", "a")
    millrace("registry", "tag", model, "n", "--version", "1", "--delete")
    assert client.get_registered_model(model).tags == {"team": "a"}
    assert client.get_model_version(model, 1).tags == {}
    assert "not both" in millrace("registry", "tag", model, "k", code=2).stderr
    millrace("registry", "comment", model, "*well*", "--version", "1")
    assert [one["comment"] for one in said("registry", "comment", model, "--version", "1")] == [
        "*well*"
    ]


def test_diff_lineage_and_export(said, model: str) -> None:
    rows = {one["what"]: (one["first"], one["second"]) for one in said(
        "registry", "diff", model, "1", "2"
    )}  # fmt: skip
    assert rows["params.lr"] == ("0", "1")
    assert rows["metrics.acc"] == ("0.5", "1.5")
    assert rows["tags.n"] == ("0", "1")
    assert "files.weights.txt" in rows
    assert said("registry", "lineage", model, "1")["experiment_id"] == "0"


def test_verify_fails_when_a_file_was_altered(millrace, model: str, tmp_path: Path) -> None:
    assert "as they were registered" in millrace("registry", "verify", model, "1").stdout
    for file in tmp_path.rglob("weights.txt"):
        file.chmod(0o644)
        file.write_text("altered")

    assert "CHANGED" in millrace("registry", "verify", model, "1", code=1).stdout


def test_export_holds_everything(millrace, model: str) -> None:
    told = millrace("registry", "export", model).stdout

    assert told.count('"manifest"') == 2
    assert told.count('"lineage"') == 2


def test_delete_asks(millrace, client: MillraceClient, model: str) -> None:
    millrace("registry", "delete", model, "1", code=1)
    assert client.get_model_version(model, 1)
    millrace("registry", "delete", model, "1", "--yes")
    millrace("registry", "delete", model, "--yes")
    assert client.search_registered_models() == []
