"""Our client's artifacts against real servers, in every way that bytes can go."""

from __future__ import annotations

import io
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from millrace.client.client import MillraceClient
from millrace.core.errors import NotFound
from tests.artifact_servers import S3Server, make_s3_bucket, private_swift, served
from tests.services import (
    clean_environment,
    mlflow_python,
    private_millrace,
    private_mlflow,
    unavailable,
)

BUCKET = f"millracetest{uuid.uuid4().hex[:12]}"
Open = Callable[["Scene"], str]


class Scene:
    """Where servers may put their things, and S3 if it is needed."""

    def __init__(self, request: pytest.FixtureRequest, stack: ExitStack, folder: Path) -> None:
        self._request = request
        self._stack = stack
        self.folder = folder

    def millrace(self, name: str, *options: str) -> str:
        environment = clean_environment(**self._of_s3) if "s3://" in " ".join(options) else None
        server = private_millrace(self.folder / name, *options, environment=environment)
        return self._stack.enter_context(server)

    def mlflow(self) -> str:
        try:
            mlflow_python()
        except LookupError as error:
            unavailable("mlflow", str(error))
        return self._stack.enter_context(private_mlflow(self.folder / "mlflow"))

    @property
    def bucket(self) -> str:
        return f"s3://{BUCKET}/{uuid.uuid4().hex}"

    @property
    def _of_s3(self) -> dict[str, str]:
        found: dict[str, str] = self._request.getfixturevalue("s3_settings")
        return found


@pytest.fixture(scope="session")
def s3_settings() -> Iterator[dict[str, str]]:
    """The environment of whoever talks to a real S3 server, with a bucket of ours."""
    for server in served("s3", S3Server_of, private_swift):
        make_s3_bucket(server, BUCKET)
        yield {
            "MLFLOW_S3_ENDPOINT_URL": server.endpoint,
            "AWS_ACCESS_KEY_ID": server.access_key,
            "AWS_SECRET_ACCESS_KEY": server.secret_key,
            "AWS_REGION": server.region,
        }


def S3Server_of(told: str) -> S3Server:  # noqa: N802
    import msgspec  # noqa: PLC0415

    return msgspec.json.decode(told, type=S3Server)


# --- the ways ------------------------------------------------------------------------------------


def through_the_server(scene: Scene) -> str:
    return scene.millrace("server")


def past_it_to_a_folder(scene: Scene) -> str:
    root = ("--default-artifact-root", str(scene.folder / "root"))
    return scene.millrace("server", "--no-serve-artifacts", *root)


def past_it_to_s3(scene: Scene) -> str:
    return scene.millrace("server", "--no-serve-artifacts", "--default-artifact-root", scene.bucket)


def through_another_server(scene: Scene) -> str:
    kept = ("--artifacts-destination", str(scene.folder / "kept"))
    files = scene.millrace("files", "--artifacts-only", *kept)
    root = ("--default-artifact-root", files.replace("http", "mlflow-artifacts") + "/")
    return scene.millrace("server", "--no-serve-artifacts", *root)


def through_the_server_to_s3(scene: Scene) -> str:
    return scene.millrace("server", "--artifacts-destination", scene.bucket)


def by_signed_urls_only(scene: Scene) -> str:
    return scene.millrace(
        "server", "--artifacts-presigned-only", "--artifacts-destination", scene.bucket
    )


def of_mlflow(scene: Scene) -> str:
    return scene.mlflow()


WAYS: tuple[Open, ...] = (
    through_the_server,
    past_it_to_a_folder,
    past_it_to_s3,
    through_another_server,
    through_the_server_to_s3,
    by_signed_urls_only,
    of_mlflow,
)


@pytest.fixture(scope="module", params=WAYS, ids=lambda way: way.__name__)
def uri(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp(request.param.__name__)
        yield request.param(Scene(request, stack, folder))


@pytest.fixture
def client(
    uri: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> MillraceClient:
    if "s3" in str(request.node.callspec.id):
        for name, value in request.getfixturevalue("s3_settings").items():
            monkeypatch.setenv(name, value)
    return MillraceClient(uri)


@pytest.fixture
def run_id(client: MillraceClient) -> str:
    experiment = client.create_experiment(f"e-{uuid.uuid4().hex}")
    return client.create_run(experiment).info.run_id


def tree(folder: str | Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file()
    }


def test_folders_up_and_down(client: MillraceClient, run_id: str, tmp_path: Path):
    files = {f"d{n % 5}/e/{n}.bin": os.urandom(n * 100) for n in range(1, 40)}
    files |= {"with space & ü/ß (1)+.txt": b"2", "d0/.hidden": b"3", "empty": b""}
    for name, body in files.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(body)

    client.log_artifacts(run_id, tmp_path / "in", "a/b")
    client.log_artifact(run_id, tmp_path / "in" / "d1")
    got = client.download_artifacts(run_id, "a/b", tmp_path / "out")

    assert tree(got) == files
    assert [each.path for each in client.list_artifacts(run_id)] == ["a", "d1"]
    [folder] = client.list_artifacts(run_id, "d1")
    assert (folder.path, folder.is_dir) == ("d1/e", True)
    sizes = {each.path: each.file_size or 0 for each in client.list_artifacts(run_id, "d1/e")}
    assert sizes == {f"d1/e/{n}.bin": n * 100 for n in range(1, 40) if n % 5 == 1}


def test_one_file(client: MillraceClient, run_id: str, tmp_path: Path):
    client.log_text(run_id, "grüße", "a/b.txt")
    client.log_text(run_id, "second", "a/b.txt")
    location = client.get_run(run_id).info.artifact_uri

    assert client.read_at(f"runs:/{run_id}/a/b.txt") == b"second"
    assert client.read_at(f"{location}/a/b.txt") == b"second"
    got = Path(client.download_artifacts(run_id, "a/b.txt", tmp_path))
    assert (got, got.read_text()) == (tmp_path / "b.txt", "second")
    assert client.list_artifacts(run_id, "a/b.txt") == []
    assert client.list_artifacts(run_id, "gone") == []
    with pytest.raises(NotFound, match="gone"):
        client.download_artifacts(run_id, "gone")


def test_a_large_file(client: MillraceClient, run_id: str, tmp_path: Path):
    body = os.urandom(1000) * 12_345
    (tmp_path / "in").write_bytes(body)

    client.log_artifact(run_id, tmp_path / "in", "x")
    client.log_artifact(run_id, tmp_path / "in", "again")
    client.log_stream(run_id, io.BytesIO(body), "stream")

    for name in ("x/in", "again/in", "stream"):
        assert Path(client.download_artifacts(run_id, name, tmp_path / "out")).read_bytes() == body


def test_tables_and_images(client: MillraceClient, run_id: str):
    client.log_table(run_id, {"a": [1, 2]}, "t/t.json")
    client.log_table(run_id, {"a": [3]}, "t/t.json")
    client.log_image(run_id, np.zeros((3, 3)), key="k", step=1, synchronous=True)

    experiment = client.get_run(run_id).info.experiment_id
    assert client.load_table(experiment, "t/t.json")["a"].tolist() == [1, 2, 3]
    assert len(client.list_artifacts(run_id, "images")) == 2


def test_deleting(client: MillraceClient, run_id: str):
    for name in ("a/b", "a/c/d", "e"):
        client.log_text(run_id, "x", name)

    assert client.delete_artifacts(run_id, "a") == 2
    assert client.delete_artifacts(run_id, "gone") == 0
    assert [each.path for each in client.list_artifacts(run_id)] == ["e"]


def test_models(client: MillraceClient, run_id: str, tmp_path: Path):
    (tmp_path / "w").write_text("1")
    experiment = client.get_run(run_id).info.experiment_id
    model = client.create_logged_model(experiment, "net", run_id).model_id
    client.log_model_artifact(model, tmp_path / "w", "in")
    client.finalize_logged_model(model, "READY")

    assert client.read_at(f"models:/{model}/in/w") == b"1"
    assert client.read_at(f"runs:/{run_id}/net/in/w") == b"1"
    assert [each.path for each in client.list_artifacts(run_id, "net")] == ["net/in"]
