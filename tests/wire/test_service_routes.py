"""Routes about the server itself: health, version, readiness, description, prefix."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

import millrace
from tests.services import http_server
from tests.wire import build
from tests.wire.catalogue import ENDPOINTS, Endpoint
from tests.wire.client import Api
from tests.wire.expect import NO_ENDPOINT, ok, refused
from tests.wire.marks import differs

INFO = "/api/3.0/mlflow/server-info"


def test_health(api: Api) -> None:
    reply = api.get("/health")

    assert (reply.status, reply.text) == (200, "OK")
    assert reply.headers["content-type"].startswith("text/")


def test_version_is_text_that_clients_can_parse(api: Api) -> None:
    reply = api.get("/version")

    assert reply.status == 200
    assert [part.isdigit() for part in reply.text.split(".")[:2]] == [True, True]


@differs("the version is ours")
def test_version_is_ours(api: Api) -> None:
    assert api.get("/version").text == millrace.__version__


@pytest.mark.parametrize("path", ["/health", "/version"])
def test_head_of_service_routes(api: Api, path: str) -> None:
    head, get = api.request("HEAD", path), api.get(path)

    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(get.body))


@pytest.mark.parametrize("path", ["/health", "/version"])
@pytest.mark.parametrize("verb", ["POST", "PUT", "DELETE"])
def test_service_routes_are_read_only(api: Api, path: str, verb: str) -> None:
    assert api.request(verb, path, body=b"{}").status == 405


@differs("readiness is a route of ours")
def test_ready(api: Api) -> None:
    found = ok(api.get("/ready"))

    assert found["status"] == "ready"


# What the server offers


@pytest.mark.parametrize("family", ["api", "ajax-api"])
def test_server_info_tells_what_clients_ask_for(api: Api, family: str) -> None:
    found = ok(api.get(f"/{family}/3.0/mlflow/server-info"))

    assert found["store_type"] == "SqlStore"
    flags = [
        "workspaces_enabled",
        "trace_archival_enabled",
        "multipart_uploads_enabled",
        "multipart_downloads_enabled",
        "presigned_upload_run_id_supported",
        "presigned_upload_model_id_supported",
    ]
    assert {flag: type(found[flag]) for flag in flags} == dict.fromkeys(flags, bool)
    assert isinstance(found["features_enabled"], dict)


@differs("keys that MLflow 3.18 added")
def test_server_info_of_the_newest_clients(api: Api) -> None:
    found = ok(api.get(INFO))

    for key in (
        "artifact_serving_enabled",
        "skill_content_max_size",
        "skill_content_max_files",
        "tracking_auth",
        "artifacts_presigned_only",
        "model_artifact_presigned_downloads_supported",
    ):
        assert key in found


@differs("MLflow does not describe itself")
def test_openapi_is_a_description(api: Api) -> None:
    found = ok(api.get("/openapi.json"))

    assert found["openapi"].startswith("3.1")
    assert found["info"]["version"] == millrace.__version__
    assert found["paths"]


@differs("MLflow does not describe itself")
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_openapi_describes_every_endpoint(api: Api, endpoint: Endpoint) -> None:
    paths = ok(api.get("/openapi.json"))["paths"]
    path = f"/api/{endpoint.version}/mlflow/{endpoint.path}".replace("/{key}", "/{}")
    known = {
        name.replace("/{tag_key}", "/{}").replace("/{key}", "/{}"): verbs
        for name, verbs in paths.items()
    }

    operation = known[path][endpoint.verb.lower()]

    assert operation["operationId"]
    assert operation["summary"]
    assert "200" in operation["responses"]


@differs("MLflow does not describe itself")
def test_openapi_names_are_unique(api: Api) -> None:
    paths = ok(api.get("/openapi.json"))["paths"]
    verbs = {"get", "post", "put", "patch", "delete", "head", "options", "trace"}

    names = [
        op["operationId"] for ops in paths.values() for verb, op in ops.items() if verb in verbs
    ]

    assert len(names) == len(set(names))


# A server behind a prefix


@pytest.fixture(scope="module")
def behind(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, Api]]:
    """A server with `--static-prefix /pre`: asked below the prefix, and without it."""
    if api.is_mlflow:
        pytest.skip("starts a server of our own")
    folder = tmp_path_factory.mktemp("prefix")

    def command(port: int) -> list[str]:
        store = ["--backend-store-uri", f"sqlite:///{folder / 'm.db'}", "--static-prefix", "/pre"]
        address = ["--host", "127.0.0.1", "--port", str(port)]
        return [sys.executable, "-m", "millrace", "server", *address, *store]

    with http_server(command, folder, health="/pre/health") as url:
        yield Api(f"{url}/pre"), Api(url)


@pytest.mark.parametrize("path", ["/health", "/version", "/ready", "/openapi.json", INFO])
def test_service_routes_move_behind_the_prefix(behind: tuple[Api, Api], path: str) -> None:
    below, bare = behind

    assert below.get(path).status == 200
    assert bare.get(path).status == 404


@pytest.mark.parametrize("family", ["api", "ajax-api"])
def test_the_api_moves_behind_the_prefix(behind: tuple[Api, Api], family: str) -> None:
    below, bare = behind
    path = f"/{family}/2.0/mlflow/experiments/get"

    assert ok(below.get(path, {"experiment_id": "0"}))["experiment"]["name"] == "Default"
    refused(bare.get(path, {"experiment_id": "0"}), NO_ENDPOINT)


def test_templated_paths_move_behind_the_prefix(behind: tuple[Api, Api]) -> None:
    below, bare = behind
    model = build.add_model(below, "0")

    assert build.model(below, model)["info"]["model_id"] == model
    refused(bare.get(f"logged-models/{model}"), NO_ENDPOINT)


@pytest.mark.parametrize(
    "path", ["/prefix/health", "/pre", "/pre/pre/health", "/PRE/health", "/prehealth"]
)
def test_what_only_looks_like_the_prefix(behind: tuple[Api, Api], path: str) -> None:
    _, bare = behind

    assert bare.get(path).status in {307, 308, 404}


def test_only_prefixed_health_is_open_to_any_host(behind: tuple[Api, Api]) -> None:
    below, bare = behind

    assert below.get("/health", Host="evil.example").status == 200
    assert bare.get("/health", Host="evil.example").status in {400, 403}


# Pages


@differs("the pages are ours")
@pytest.mark.parametrize("path", ["/", "/experiments/1/runs/abc/overview", "/no/such/place"])
def test_a_browser_gets_the_page_at_every_path(api: Api, path: str) -> None:
    reply = api.get(path, accept="text/html,*/*")

    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/html")
    policy = reply.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "base-uri 'none'" in policy


@differs("the pages are ours")
@pytest.mark.parametrize("path", ["/no/such/place", "/experiments/1"])
def test_a_program_gets_an_error_at_a_path_without_a_route(api: Api, path: str) -> None:
    refused(api.get(path), NO_ENDPOINT)


@differs("the pages are ours")
@pytest.mark.parametrize("path", ["/api/2.0/mlflow/nothing", "/ajax-api/9.9/x", "/assets/../x.js"])
def test_a_call_that_is_unknown_stays_an_error_for_browsers(api: Api, path: str) -> None:
    refused(api.get(path, accept="text/html"), NO_ENDPOINT)


@differs("the pages are ours")
def test_the_frame_for_logged_pages_may_ask_nobody(api: Api) -> None:
    reply = api.get("/frame")

    policy = reply.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none';")
    assert "allow-same-origin" not in policy
    assert reply.headers["connection-allowlist"] == "()"
