"""The verbs for artifacts, on records in memory and files in folders."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from millrace.api.endpoint import Nothing
from millrace.api.registry import (
    CreateModelVersion,
    CreateRegisteredModel,
    ModelVersionReply,
    RegisteredModelReply,
    SetRegisteredModelAlias,
)
from millrace.client import depots
from millrace.client.client import MillraceClient
from millrace.client.images import Image as OurImage
from millrace.core import clock, tags
from millrace.core.entities.artifact import FileInfo
from millrace.core.errors import DataLoss, InvalidArgument, MillraceError, NotFound, Unavailable
from tests.unit.client.conftest import OpenChannel
from tests.unit.client.scenes import until
from tests.unit.client.transport import RecordingTransport


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, where mlartifacts is made."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "weights.bin"
    path.write_bytes(b"1234")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "plots"
    (made / "sub").mkdir(parents=True)
    (made / "a.txt").write_text("a")
    (made / "sub" / "b.txt").write_text("bb")
    return made


def names(found: list[FileInfo]) -> list[str]:
    return [each.path for each in found]


def text(client: MillraceClient, run_id: str, path: str) -> str:
    return client.read_at(f"runs:/{run_id}/{path}").decode()


def test_a_file_lies_where_a_server_would_keep_it(
    client: MillraceClient, run_id: str, file: Path, here: Path
):
    """So `millrace server`, started here, and MLflow's own find it."""
    client.log_artifact(run_id, file)
    client.log_artifact(run_id, str(file), "a/b")

    root = here / "mlartifacts" / "0" / run_id / "artifacts"
    assert (root / "weights.bin").read_bytes() == b"1234"
    assert (root / "a" / "b" / "weights.bin").read_bytes() == b"1234"


def test_the_folder_stays_when_the_process_goes_elsewhere(
    client: MillraceClient, run_id: str, file: Path, here: Path, monkeypatch: pytest.MonkeyPatch
):
    client.log_text(run_id, "1", "a")
    elsewhere = here / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    client.log_text(run_id, "2", "b")

    assert names(client.list_artifacts(run_id)) == ["a", "b"]
    assert list(elsewhere.iterdir()) == []


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ARTIFACTS_DESTINATION", str(tmp_path / "kept"))


def test_another_destination(elsewhere: None, client: MillraceClient, run_id: str, tmp_path: Path):
    client.log_text(run_id, "1", "a")

    assert (tmp_path / "kept" / "0" / run_id / "artifacts" / "a").read_text() == "1"


def test_an_experiment_with_a_place_of_its_own(client: MillraceClient, tmp_path: Path):
    experiment = client.create_experiment("e", (tmp_path / "own place").as_uri())
    run_id = client.create_run(experiment).info.run_id
    client.log_text(run_id, "1", "a b/ü.txt")

    assert (tmp_path / "own place" / run_id / "artifacts" / "a b" / "ü.txt").read_text() == "1"
    assert text(client, run_id, "a b/ü.txt") == "1"


def test_folders(client: MillraceClient, run_id: str, folder: Path):
    client.log_artifact(run_id, folder)
    client.log_artifact(run_id, folder, "in")
    client.log_artifacts(run_id, folder, "all")
    client.log_artifacts(run_id, str(folder))

    assert names(client.list_artifacts(run_id)) == ["a.txt", "all", "in", "plots", "sub"]
    assert names(client.list_artifacts(run_id, "in/plots/sub")) == ["in/plots/sub/b.txt"]
    [file] = client.list_artifacts(run_id, "all/sub/")
    assert (file.path, file.is_dir, file.file_size) == ("all/sub/b.txt", False, 2)


def test_what_is_not_there_is_named(client: MillraceClient, run_id: str, file: Path):
    with pytest.raises(FileNotFoundError, match="gone"):
        client.log_artifact(run_id, "gone")
    with pytest.raises(FileNotFoundError, match="gone"):
        client.log_artifacts(run_id, "gone")
    with pytest.raises(InvalidArgument, match="use log_artifact"):
        client.log_artifacts(run_id, file)
    with pytest.raises(NotFound, match="0123"):
        client.log_text("0123", "1", "a")
    with pytest.raises(NotFound, match=f"Run '{run_id}' has no artifact 'a/gone'"):
        client.read_at(f"runs:/{run_id}/a/gone")
    with pytest.raises(NotFound, match="0123"):
        client.download_artifacts("0123", "a")


@pytest.mark.parametrize("path", ["../a", "/a", "a/../../b", "", "a\\b", "a//b", "%2e%2e/a", "a\0"])
def test_paths_that_lead_elsewhere_are_refused(
    client: MillraceClient, run_id: str, file: Path, here: Path, path: str
):
    with pytest.raises(InvalidArgument):
        client.log_text(run_id, "x", path)
    for refused in (
        lambda: client.log_artifact(run_id, file, path),
        lambda: client.list_artifacts(run_id, path),
        lambda: client.download_artifacts(run_id, path),
    ):
        if path:
            with pytest.raises(InvalidArgument):
                refused()
    with pytest.raises(InvalidArgument):
        client.delete_artifacts(run_id, path)

    assert not (here / "mlartifacts").exists()


def test_text_and_documents(client: MillraceClient, run_id: str):
    client.log_text(run_id, "grüße\r\n", "a.txt")
    client.log_dict(run_id, {"b": [1]}, "d.json")
    client.log_dict(run_id, {"b": [1]}, "d.yml")
    client.log_stream(run_id, io.BytesIO(b"12" * 10**6), "s.bin")

    assert text(client, run_id, "a.txt") == "grüße\r\n"
    assert json.loads(text(client, run_id, "d.json")) == {"b": [1]}
    assert text(client, run_id, "d.yml") == "b:\n- 1\n"
    assert len(client.read_at(f"runs:/{run_id}/s.bin")) == 2 * 10**6
    with pytest.raises(InvalidArgument, match="a str, not 'bytes'"):
        client.log_text(run_id, b"x", "a")  # type: ignore[arg-type]  # that is the point


def test_a_figure(client: MillraceClient, run_id: str):
    client.log_figure(run_id, Figure(), "f.png", save_kwargs={"dpi": 10})

    assert client.read_at(f"runs:/{run_id}/f.png").startswith(b"\x89PNG")


def test_an_image_as_a_file(client: MillraceClient, run_id: str):
    client.log_image(run_id, np.zeros((2, 3)), "a/i.png")

    assert Image.open(io.BytesIO(client.read_at(f"runs:/{run_id}/a/i.png"))).size == (3, 2)
    assert tags.LOGGED_IMAGES not in client.get_run(run_id).data.tags


@pytest.mark.parametrize("synchronous", [True, False, None])
def test_images_under_a_key(
    client: MillraceClient, run_id: str, transport: RecordingTransport, synchronous: bool | None
):
    for step in range(20):
        sent = client.log_image(
            run_id, np.zeros((2, 3)), key="a/b", step=step, timestamp=7, synchronous=synchronous
        )
        assert (sent is None) == (synchronous is not False)
    client.flush_artifacts()

    found = names(client.list_artifacts(run_id, "images"))
    assert len(found) == 40
    assert sum(name.startswith("images/a~b+step+7+timestamp+7+") for name in found) == 2
    assert client.get_run(run_id).data.tags[tags.LOGGED_IMAGES] == "True"
    assert transport.names().count("logBatch") == 1


def test_an_image_has_one_kind_of_name(client: MillraceClient, run_id: str):
    image = np.zeros((2, 2))
    for options in ({}, {"artifact_file": "a.png", "key": "k"}):
        with pytest.raises(InvalidArgument, match="an artifact_file or a key"):
            client.log_image(run_id, image, **options)
    with pytest.raises(InvalidArgument, match="only under a key"):
        client.log_image(run_id, image, "a.png", step=1)


def test_a_background_upload_that_fails_says_so(
    client: MillraceClient, run_id: str, here: Path, caplog: pytest.LogCaptureFixture
):
    (here / "mlartifacts").write_text("no folder")

    sent = client.log_image(run_id, np.zeros((2, 2)), key="k", synchronous=False)

    assert sent is not None
    with pytest.raises(MillraceError):
        sent.wait()
    client.flush_artifacts()
    assert f"image 'k' of run {run_id} was not uploaded" in caplog.text


@pytest.mark.parametrize("name", ["t.json", "a/t.parquet"])
def test_tables_grow(client: MillraceClient, run_id: str, name: str):
    client.log_table(run_id, {"a": [1, 2], "b": ["x", "y"]}, name)
    client.log_table(run_id, pd.DataFrame({"a": [3], "b": ["z"]}), name)

    frame = client.load_table("0", name, extra_columns=["run_id", "status"])

    assert frame["a"].tolist() == [1, 2, 3]
    assert frame["b"].tolist() == ["x", "y", "z"]
    assert set(frame["run_id"]) == {run_id}
    assert json.loads(client.get_run(run_id).data.tags[tags.LOGGED_ARTIFACTS]) == [
        {"path": name, "type": "table"}
    ]


def test_tables_of_several_runs(
    client: MillraceClient, run_id: str, caplog: pytest.LogCaptureFixture
):
    other, without = (client.create_run("0").info.run_id for _ in range(2))
    client.log_table(run_id, {"a": [1]}, "t.json")
    client.log_table(other, {"a": [2], "c": [True]}, "t.json")
    client.log_table(other, {"a": [3]}, "u.json")

    assert sorted(client.load_table("0", "t.json")["a"]) == [1, 2]
    assert client.load_table("0", "t.json", [other])["a"].tolist() == [2]
    assert client.load_table("0", "t.json", [other, without])["c"].tolist() == [True]
    assert f"run {without} has no table t.json" in caplog.text
    assert len(client.get_run(other).data.tags[tags.LOGGED_ARTIFACTS].split("path")) == 3
    with pytest.raises(NotFound, match=r"No run has the table 'v\.json'"):
        client.load_table("0", "v.json")
    with pytest.raises(InvalidArgument, match="no column 'colour'"):
        client.load_table("0", "t.json", extra_columns=["colour"])


@pytest.mark.parametrize("name", ["a/t.json", "a/t.parquet"])
def test_images_in_a_table_are_files(client: MillraceClient, run_id: str, name: str):
    client.log_table(run_id, {"i": [OurImage(np.zeros((2, 2)))], "n": [1]}, name)

    [cell] = client.load_table("0", name)["i"]
    assert cell["type"] == "image"
    assert cell["filepath"].startswith("table_images/a/t/")
    for key in ("filepath", "compressed_filepath"):
        assert client.read_at(f"runs:/{run_id}/{cell[key]}")


def test_a_run_with_too_many_tables_still_has_them(
    client: MillraceClient, run_id: str, caplog: pytest.LogCaptureFixture
):
    client.set_tag(run_id, tags.LOGGED_ARTIFACTS, json.dumps([{"path": "x" * 7990, "type": "y"}]))
    long = "/".join(["t" * 200] * 5)
    for n in range(9):
        client.log_table(run_id, {"a": [n]}, f"{long}/{n}.json")

    assert "has too many tables" in caplog.text
    assert client.load_table("0", f"{long}/8.json", [run_id])["a"].tolist() == [8]
    assert json.loads(client.get_run(run_id).data.tags[tags.LOGGED_ARTIFACTS])


def test_a_tag_that_somebody_else_has_set_is_replaced(client: MillraceClient, run_id: str):
    client.set_tag(run_id, tags.LOGGED_ARTIFACTS, "[3]")
    client.log_table(run_id, {"a": [1]}, "t.json")

    assert client.load_table("0", "t.json")["a"].tolist() == [1]


def test_downloads_keep_their_own_name(
    client: MillraceClient, run_id: str, folder: Path, tmp_path: Path
):
    """As MLflow's client has it: `a/b/c.txt` becomes `dst/c.txt`."""
    client.log_artifacts(run_id, folder, "a/b")
    out = tmp_path / "out" / "deep"

    assert client.download_artifacts(run_id, "a/b/sub/b.txt", out) == str(out / "b.txt")
    assert client.download_artifacts(run_id, "a/b", str(out)) == str(out / "b")
    assert client.download_artifacts(run_id, "", out) == str(out)
    assert (out / "b.txt").read_text() == "bb"
    assert (out / "b" / "sub" / "b.txt").read_text() == "bb"
    assert (out / "a" / "b" / "sub" / "b.txt").read_text() == "bb"
    unasked = Path(client.download_artifacts(run_id, "a/b/a.txt"))
    assert (unasked.name, unasked.read_text()) == ("a.txt", "a")
    with pytest.raises(NotFound, match="gone"):
        client.download_artifacts(run_id, "gone")


def test_by_location(client: MillraceClient, run_id: str, folder: Path, tmp_path: Path):
    client.log_artifacts(run_id, folder, "a")
    uri = client.get_run(run_id).info.artifact_uri

    assert uri == f"mlflow-artifacts:/0/{run_id}/artifacts"
    assert names(client.list_at(f"{uri}/a")) == ["a/a.txt", "a/sub"]
    assert names(client.list_at(f"runs:/{run_id}")) == ["a"]
    assert client.download_at(f"{uri}/a/sub/", tmp_path / "out") == str(tmp_path / "out" / "sub")
    assert client.read_at(f"{uri}/a/a.txt") == b"a"
    with pytest.raises(InvalidArgument, match="set the tracking URI"):
        client.list_at("mlflow-artifacts://host:5000/0")


@pytest.mark.parametrize("as_uri", [True, False])
def test_local_paths(client: MillraceClient, folder: Path, tmp_path: Path, as_uri: bool):
    """They are where they are; nothing is copied unless it is said where to."""
    where = folder.as_uri() if as_uri else str(folder)

    assert client.download_at(where) == str(folder)
    assert client.download_at(where, tmp_path / "out") == str(tmp_path / "out" / "plots")
    assert (tmp_path / "out" / "plots" / "sub" / "b.txt").read_text() == "bb"
    assert names(client.list_at(where)) == ["plots/a.txt", "plots/sub"]
    assert client.read_at(f"{where}/a.txt") == b"a"
    with pytest.raises(FileNotFoundError):
        client.download_at(f"{where}/gone")


def test_logged_models(client: MillraceClient, run_id: str, file: Path, folder: Path):
    model = client.create_logged_model("0", "net", run_id).model_id
    client.log_model_artifact(model, file)
    client.log_model_artifacts(model, folder, "extra")

    assert names(client.list_logged_model_artifacts(model)) == ["extra", "weights.bin"]
    assert names(client.list_at(f"models:/{model}/extra")) == ["extra/a.txt", "extra/sub"]
    assert client.read_at(f"models:/{model}/extra/a.txt") == b"a"
    assert Path(client.download_at(f"models:/{model}"), "weights.bin").read_bytes() == b"1234"


def test_a_run_shows_the_model_that_it_logged(
    client: MillraceClient, run_id: str, file: Path, folder: Path
):
    """`runs:/<id>/net` was the model's folder once, and many scripts still say so."""
    earlier = client.create_logged_model("0", "net", run_id)
    until(lambda: clock.now_ms() > earlier.info.creation_timestamp_ms)
    model = client.create_logged_model("0", "net", run_id).model_id
    client.log_model_artifact(model, file)
    client.log_model_artifacts(model, folder, "extra")

    assert names(client.list_artifacts(run_id, "net")) == ["net/extra", "net/weights.bin"]
    assert names(client.list_artifacts(run_id, "net/extra")) == ["net/extra/a.txt", "net/extra/sub"]
    assert client.read_at(f"runs:/{run_id}/net/extra/a.txt") == b"a"
    assert Path(client.download_artifacts(run_id, "net"), "weights.bin").read_bytes() == b"1234"
    assert client.list_artifacts(run_id, "other") == []
    assert client.list_artifacts(run_id, "o'ther") == []


@pytest.fixture
def registered(client: MillraceClient, folder: Path) -> str:
    """A model with two versions: "one", called `best`, and "two"."""
    client._call("createRegisteredModel", CreateRegisteredModel(name="net"), RegisteredModelReply)
    for text in ("one", "two"):
        model = client.create_logged_model("0", "net").model_id
        (folder / "a.txt").write_text(text)
        client.log_model_artifacts(model, folder)
        client.finalize_logged_model(model, "READY")
        source = CreateModelVersion(name="net", source=f"models:/{model}", model_id=model)
        client._call("createModelVersion", source, ModelVersionReply)
    best = SetRegisteredModelAlias(name="net", alias="best", version="1")
    client._call("setRegisteredModelAlias", best, Nothing)
    return "net"


@pytest.mark.parametrize(
    ("uri", "content"),
    [
        ("models:/net/1", "one"),
        ("models:/net/2", "two"),
        ("models:/net@best", "one"),
        ("models:/net/latest", "two"),
        ("models:/net/None", "two"),
    ],
)
def test_registered_models(client: MillraceClient, registered: str, uri: str, content: str):
    assert client.read_at(f"{uri}/a.txt").decode() == content
    assert names(client.list_at(uri)) == ["a.txt", "sub"]
    assert names(client.list_at(f"{uri}/sub")) == ["sub/b.txt"]
    assert Path(client.download_at(uri), "a.txt").read_text() == content
    assert Path(client.download_at(f"{uri}/a.txt")).read_text() == content


@pytest.mark.parametrize(
    "uri", ["models:/net/3", "models:/net@worst", "models:/net/Production", "models:/other/1"]
)
def test_versions_that_are_not_there(client: MillraceClient, registered: str, uri: str):
    with pytest.raises(MillraceError) as raised:
        client.download_at(uri)

    assert raised.value.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}


def test_damaged_bytes_are_not_handed_out(
    client: MillraceClient, run_id: str, here: Path, tmp_path: Path
):
    """The platform in this process records digests, as a server does."""
    client.log_text(run_id, "x" * 1000, "a")
    (here / "mlartifacts" / "0" / run_id / "artifacts" / "a").write_text("y" * 1000)

    with pytest.raises(DataLoss, match="damaged"):
        client.download_artifacts(run_id, "a", tmp_path / "out")
    with pytest.raises(DataLoss):
        client.download_artifacts(run_id, "", tmp_path / "out")
    with pytest.raises(DataLoss):
        client.read_at(f"runs:/{run_id}/a")

    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


def test_deleting(client: MillraceClient, run_id: str, folder: Path):
    client.log_artifacts(run_id, folder, "a")

    assert client.delete_artifacts(run_id, "a") == 2
    assert client.delete_artifacts(run_id, "a") == 0
    assert client.list_artifacts(run_id) == []


def test_a_run_is_asked_for_once(
    client: MillraceClient, run_id: str, transport: RecordingTransport
):
    for n in range(5):
        client.log_text(run_id, "x", f"{n}.txt")

    assert transport.names() == ["getRun"]


def test_offline_nothing_is_lost_and_nothing_is_promised(open_channel: OpenChannel, file: Path):
    client = MillraceClient(channel=open_channel(is_offline=True))
    run_id = client.create_run("0").info.run_id

    with pytest.raises(Unavailable, match=r"weights\.bin' was not uploaded"):
        client.log_artifact(run_id, file)


def test_a_child_has_stores_of_its_own(client: MillraceClient, run_id: str):
    client.log_text(run_id, "1", "a")
    before = depots.depot(client.channel)
    before._pid -= 1

    assert depots.depot(client.channel) is not before
