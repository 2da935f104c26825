"""The server's modes for artifacts: who keeps them, what is answered, and what stays as it was."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.services import LOOPBACK, clean_environment, http_server
from tests.wire import build
from tests.wire.client import Api
from tests.wire.expect import clean_error, ok

FILE = "/api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/a.txt"
INFO = "/api/3.0/mlflow/server-info"

Serve = Callable[..., Api]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start a server on this test's database; an earlier one is ended."""
    with ExitStack() as running:

        def start(*options: str, prefix: str = "", **variables: str) -> Api:
            running.close()
            # Named in the environment: on the command line one mode refuses it.
            store = f"sqlite:///{tmp_path / 'millrace.db'}"
            environment = clean_environment(MILLRACE_BACKEND_STORE_URI=store, **variables)

            def command(port: int) -> list[str]:
                address = ["--host", LOOPBACK, "--port", str(port)]
                return [sys.executable, "-m", "millrace", "server", *address, *options]

            server = http_server(
                command, tmp_path, health=f"{prefix}/health", environment=environment
            )
            return Api(running.enter_context(server))

        yield start


def put(api: Api, path: str = FILE) -> int:
    return api.request("PUT", path, body=b"hello").status


def root_of_new(api: Api) -> str:
    experiment = build.add_experiment(api)
    location: str = build.experiment(api, experiment)["artifact_location"]
    return location.removesuffix(f"/{experiment}")


def test_by_default_the_server_keeps_artifacts_below_its_folder(
    serve: Serve, tmp_path: Path
) -> None:
    api = serve()

    assert root_of_new(api) == "mlflow-artifacts:"
    assert put(api) == 200
    assert (tmp_path / "mlartifacts/0/r/artifacts/a.txt").read_bytes() == b"hello"
    info = ok(api.get(INFO))
    assert (info["artifact_serving_enabled"], info["artifacts_presigned_only"]) == (True, False)
    assert info["multipart_uploads_enabled"] is False


def test_the_destination_may_be_elsewhere(serve: Serve, tmp_path: Path) -> None:
    api = serve("--serve-artifacts", "--artifacts-destination", f"file://{tmp_path}/other")

    assert put(api) == 200
    assert (tmp_path / "other/0/r/artifacts/a.txt").is_file()


def test_without_serving_clients_write_themselves(serve: Serve, tmp_path: Path) -> None:
    api = serve("--no-serve-artifacts", "--default-artifact-root", str(tmp_path / "root"))

    assert root_of_new(api) == str(tmp_path / "root")
    for method in ("GET", "PUT"):
        reply = api.request(method, FILE, body=b"x")
        assert reply.status == 503
        assert reply.json["detail"].startswith("Artifact serving is disabled")
    for method, path in (
        ("DELETE", FILE),
        ("GET", "/api/2.0/mlflow-artifacts/artifacts?path=0"),
        ("POST", "/ajax-api/2.0/mlflow-artifacts/mpu/create/0/r"),
        ("GET", "/api/2.0/mlflow-artifacts/presigned/0/r"),
    ):
        reply = api.request(method, path)
        assert reply.status == 503
        assert reply.text.startswith("Endpoint: ")
        assert "`--no-serve-artifacts`" in reply.text
    assert ok(api.get(INFO))["artifact_serving_enabled"] is False


def test_the_server_reads_for_others_below_the_root_that_it_was_given(
    serve: Serve, tmp_path: Path
) -> None:
    api = serve("--no-serve-artifacts", "--default-artifact-root", str(tmp_path / "root"))
    run = build.add_run(api, build.add_experiment(api))
    folder = Path(build.info(api, run)["artifact_uri"])
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("hello")

    listed = ok(api.get("artifacts/list", {"run_id": run}))

    assert listed == {
        "root_uri": str(folder),
        "files": [{"path": "a.txt", "is_dir": False, "file_size": 5}],
    }
    assert api.get("/get-artifact", {"run_id": run, "path": "a.txt"}).body == b"hello"


def test_without_any_root_it_is_a_folder_of_the_server(serve: Serve, tmp_path: Path) -> None:
    assert root_of_new(serve("--no-serve-artifacts")) == str(tmp_path / "mlruns")


def test_an_experiment_keeps_the_mode_that_it_was_created_in(serve: Serve, tmp_path: Path) -> None:
    api = serve()
    proxied = build.add_run(api, build.add_experiment(api))
    uri = build.info(api, proxied)["artifact_uri"]
    target = uri.replace("mlflow-artifacts:", "/api/2.0/mlflow-artifacts/artifacts") + "/a"
    assert put(api, target) == 200

    api = serve("--no-serve-artifacts", "--default-artifact-root", str(tmp_path / "root"))
    direct = build.add_run(api, build.add_experiment(api))
    assert put(api, target) == 503
    assert build.info(api, proxied)["artifact_uri"] == uri
    refusal = api.get("artifacts/list", {"run_id": proxied})
    assert refusal.status == 403
    clean_error(refusal)

    api = serve()
    assert api.get(target).body == b"hello"
    assert build.info(api, direct)["artifact_uri"].startswith(str(tmp_path / "root"))
    # Below a root of an earlier mode the server may go again when it is told so.
    assert api.get("artifacts/list", {"run_id": direct}).status == 403
    api = serve(MILLRACE_ARTIFACT_ROOTS=str(tmp_path / "root"))
    assert ok(api.get("artifacts/list", {"run_id": direct}))["root_uri"]


def test_a_server_of_artifacts_only(serve: Serve) -> None:
    api = serve("--artifacts-only")

    assert put(api) == 200
    assert api.get(FILE).body == b"hello"
    assert api.get("/health").status == 200
    assert ok(api.get(INFO))["artifact_serving_enabled"] is True
    for method, path in (
        ("POST", "/api/2.0/mlflow/runs/create"),
        ("GET", "/ajax-api/2.0/mlflow/experiments/get?experiment_id=0"),
        ("GET", "/api/2.0/mlflow/artifacts/list?run_id=x"),
        ("GET", "/get-artifact?run_id=x&path=y"),
        ("POST", "/ajax-api/2.0/mlflow/upload-artifact?run_id=x&path=y"),
        ("POST", "/api/2.0/mlflow/registered-models/create"),
    ):
        reply = api.request(method, path)
        assert reply.status == 503, path
        assert reply.text.startswith("Endpoint: ")
        assert "`--artifacts-only` mode" in reply.text


def test_signed_urls_only(serve: Serve) -> None:
    api = serve("--artifacts-presigned-only")
    run = build.add_run(api, "0")

    assert ok(api.get(INFO))["artifacts_presigned_only"] is True
    for reply in (
        api.get(FILE),
        api.request("PUT", FILE, body=b"x"),
        api.get("/get-artifact", {"run_id": run, "path": "x"}),
    ):
        error = clean_error(reply)
        assert (reply.status, error["error_code"]) == (403, "PERMISSION_DENIED")
        assert error["artifacts_presigned_only"] is True
    assert api.get("/api/2.0/mlflow-artifacts/artifacts", {"path": "0"}).status == 200


def test_below_a_prefix_files_answer_at_their_bare_paths_too(serve: Serve) -> None:
    api = serve("--static-prefix", "/pre", prefix="/pre")
    below = Api(f"{api.url}/pre")

    assert put(below) == 200
    assert (api.get(FILE).status, below.get(FILE).status) == (200, 200)
    assert api.request("DELETE", FILE).status == 405
    assert api.get("/api/2.0/mlflow-artifacts/artifacts", {"path": "0"}).status == 404
    assert below.request("DELETE", FILE).status == 200


def test_each_mode_says_what_it_refuses_before_it_is_asked(serve: Serve, tmp_path: Path) -> None:
    def refused(*options: str) -> dict[str, str]:
        return dict(ok(serve(*options).get("/api/3.0/millrace/capabilities")).get("refused", {}))

    direct = refused("--no-serve-artifacts", "--default-artifact-root", str(tmp_path / "root"))

    assert refused() == {}
    assert "uploadArtifact" in direct
    assert "--no-serve-artifacts" in direct["uploadArtifact"]
