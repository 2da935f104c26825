"""The registry from Python: the explicit verbs, the module's, and files by URI."""

from __future__ import annotations

from pathlib import Path

import pytest

import millrace
from millrace.client.client import MillraceClient
from millrace.core.errors import AlreadyExists, DataLoss, InvalidArgument, NotFound


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, where mlartifacts is made."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def model(client: MillraceClient) -> str:
    """A registered model with three versions: 1 in Production, 2 with an alias."""
    client.create_registered_model("digits", tags={"team": "a"}, description="of digits")
    for number in range(3):
        client.create_model_version("digits", f"s3://bucket/{number}", tags={"n": number})
    client.transition_model_version_stage("digits", 1, "Production")
    client.set_registered_model_alias("digits", "champion", 2)
    return "digits"


def test_models(client: MillraceClient, model: str) -> None:
    found = client.get_registered_model(model)

    assert (found.tags, found.description) == ({"team": "a"}, "of digits")
    assert found.aliases == {"champion": "2"}
    assert [one.version for one in found.latest_versions] == ["1", "3"]
    with pytest.raises(AlreadyExists):
        client.create_registered_model(model)
    assert client.rename_registered_model(model, "numbers").name == "numbers"
    assert client.update_registered_model("numbers", "of numbers").description == "of numbers"
    client.set_registered_model_tag("numbers", "k", 1)
    client.delete_registered_model_tag("numbers", "team")
    assert client.get_registered_model("numbers").tags == {"k": "1"}
    client.delete_registered_model("numbers")
    with pytest.raises(NotFound):
        client.get_registered_model("numbers")


def test_versions(client: MillraceClient, model: str) -> None:
    client.set_model_version_tag(model, 2, "k", "v")
    client.set_model_version_tag(model, stage="Production", key="k", value="p")
    client.delete_model_version_tag(model, 2, "n")
    client.update_model_version(model, 2, "better")
    second = client.get_model_version(model, "2")

    assert (second.tags, second.aliases) == ({"k": "v"}, ["champion"])
    assert second.description == "better"
    assert client.get_model_version(model, 1).tags == {"n": "0", "k": "p"}
    assert client.get_model_version_download_uri(model, 2) == "s3://bucket/1"
    client.delete_registered_model_alias(model, "champion")
    client.delete_model_version(model, 3)
    assert [one.version for one in client.get_latest_versions(model)] == ["1", "2"]
    with pytest.raises(InvalidArgument):
        client.set_model_version_tag(model, 1, "k", "v", stage="Production")


@pytest.mark.parametrize(
    ("which", "number"),
    [("/1", "1"), ("/latest", "3"), ("/production", "1"), ("@champion", "2"), ("/none", "3")],
)
def test_versions_by_uri(client: MillraceClient, model: str, which: str, number: str) -> None:
    assert client.model_version_at(f"models:/{model}{which}").version == number


@pytest.mark.parametrize("which", ["/7", "/Staging", "@nobody", "/live"])
def test_versions_that_are_not_there(client: MillraceClient, model: str, which: str) -> None:
    with pytest.raises((NotFound, InvalidArgument)):
        client.model_version_at(f"models:/{model}{which}")


def test_searches(client: MillraceClient, model: str) -> None:
    client.create_registered_model("letters")

    assert [one.name for one in client.search_registered_models()] == ["digits", "letters"]
    assert [one.name for one in client.search_registered_models("tags.team = 'a'")] == [model]
    page = client.search_model_versions(f"name = '{model}'", 2, ["version_number"])
    assert [one.version for one in page] == ["1", "2"]
    assert page.token
    rest = client.search_model_versions(
        f"name = '{model}'", 2, ["version_number"], page_token=page.token
    )
    assert [one.version for one in rest] == ["3"]
    assert rest.token is None


def test_a_copy(client: MillraceClient, model: str) -> None:
    made = client.copy_model_version(f"models:/{model}@champion", "other")

    assert (made.name, made.version, made.source) == ("other", "1", f"models:/{model}/2")


def test_a_logged_model_is_registered_and_loaded(client: MillraceClient, tmp_path: Path) -> None:
    file = tmp_path / "MLmodel"
    file.write_text("flavors: {}\n")
    run_id = client.create_run("0").info.run_id
    logged = client.create_logged_model("0", name="net", source_run_id=run_id)
    client.log_model_artifact(logged.model_id, file)

    by_run = client.register_model(f"runs:/{run_id}/net", "digits", tags={"k": "v"})
    by_id = client.register_model(f"models:/{logged.model_id}", "digits")

    assert [by_run.version, by_id.version] == ["1", "2"]
    assert by_run.source == by_id.source == f"models:/{logged.model_id}"
    assert by_run.run_id == by_id.run_id == run_id
    assert by_run.tags == {"k": "v"}
    for uri in ("models:/digits/1", "models:/digits/latest"):
        folder = Path(client.download_at(uri))
        assert (folder / "MLmodel").read_text() == "flavors: {}\n"
        assert client.read_at(f"{uri}/MLmodel") == b"flavors: {}\n"


def test_files_of_a_run_are_registered_and_loaded(client: MillraceClient) -> None:
    run_id = client.create_run("0").info.run_id
    client.log_text(run_id, "weights", "net/weights.txt")

    made = client.register_model(f"runs:/{run_id}/net", "digits")

    assert made.source == f"runs:/{run_id}/net"
    assert client.read_at("models:/digits/1/weights.txt") == b"weights"
    assert [one.path for one in client.list_at("models:/digits/1")] == ["weights.txt"]


def test_a_registry_apart_from_the_runs(here: Path) -> None:
    runs, models = f"sqlite:///{here / 'runs.db'}", f"sqlite:///{here / 'models.db'}"
    millrace.set_tracking_uri(runs)
    millrace.set_registry_uri(models)
    try:
        assert millrace.get_registry_uri() == models
        MillraceClient().create_registered_model("digits")
        millrace.register_model("s3://bucket/m", "digits")
        found = millrace.search_model_versions(filter_string="name = 'digits'")
        millrace.set_registry_uri(None)

        assert millrace.get_registry_uri() == runs
        assert millrace.search_registered_models() == []
    finally:
        millrace.set_tracking_uri("")
        millrace.set_registry_uri(None)

    assert [one.version for one in found] == ["1"]
    assert [one.name for one in MillraceClient(runs, models).search_registered_models()] == [
        "digits"
    ]


def test_what_is_loaded_is_what_was_registered(client: MillraceClient, here: Path) -> None:
    run_id = client.create_run("0").info.run_id
    client.log_text(run_id, "weights", "net/weights.txt")
    client.log_text(run_id, "flavors: {}", "net/MLmodel")
    client.register_model(f"runs:/{run_id}/net", "digits")
    manifest = client.get_model_version_manifest("digits", 1)
    assert manifest.digest
    assert [one.path for one in manifest.files] == ["MLmodel", "weights.txt"]
    assert client.verify_model_version("digits", 1) == []

    (file,) = here.rglob("weights.txt")
    file.chmod(0o644)
    file.write_text("altered")

    assert [one.path for one in client.verify_model_version("digits", 1)] == ["weights.txt"]
    for load in (client.download_at, client.read_at):
        uri = "models:/digits/1" if load == client.download_at else "models:/digits/1/weights.txt"
        with pytest.raises(DataLoss, match=r"weights\.txt"):
            load(uri)
    assert client.read_at("models:/digits/1/MLmodel") == b"flavors: {}"


def test_lineage_and_comments(client: MillraceClient, model: str) -> None:
    client.copy_model_version(f"models:/{model}/1", "other")
    said = client.create_comment(model, "*well*", version=1)
    client.update_comment(model, said.id, "better")

    assert [one.comment for one in client.list_comments(model, 1)] == ["better"]
    assert client.list_comments(model) == []
    client.delete_comment(model, said.id)
    assert client.list_comments(model, 1) == []
    lineage = client.get_model_version_lineage("other", 1)
    assert lineage.parent is not None
    assert (lineage.parent.name, lineage.parent.version) == (model, "1")
    assert [one.name for one in client.get_model_version_lineage(model, 1).children] == ["other"]
