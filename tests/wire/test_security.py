"""What a browser could be tricked into: foreign hosts, foreign origins, methods in disguise."""

from __future__ import annotations

import json

import pytest

from tests.wire import build
from tests.wire.client import JSON_TYPE, Api, Reply
from tests.wire.expect import clean_error, done, ok
from tests.wire.marks import differs

OWN_ORIGINS = [
    "http://localhost",
    "http://localhost:3000",
    "http://127.0.0.1:5000",
    "http://[::1]:80",
]
FOREIGN_ORIGINS = [
    "http://evil.example",
    "https://evil.example:5000",
    "null",
    "http://localhost.evil.example",
    "http://127.0.0.1.evil.example:5000",
    "http://evil.example/http://localhost",
    "http://localhost@evil.example",
    "http://evil.example#localhost",
    "http://evil.example?localhost",
    "http://notlocalhost",
    "http://127.0.0.2.nip.example",
    "file://",
    "chrome-extension://abcdef",
    "javascript:alert(1)",
]
GLOBBED = differs("MLflow 3.17 compares hosts by patterns over text")
FOREIGN_HOSTS = [
    "evil.example",
    "evil.example:5000",
    pytest.param("10.evil.example", marks=GLOBBED),
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    pytest.param("127.0.0.1:5000.evil.example", marks=GLOBBED),
    "notlocalhost",
    "8.8.8.8",
    "172.32.0.1",
    "11.0.0.1:80",
]
ODD_HOSTS = [
    "localhost:80@evil.example",
    "evil.example@localhost",
    "localhost evil.example",
    "localhost,evil.example",
    "localhost:port",
    "localhost:99999",
    "localhost:-1",
    "[::1",
    "::1]",
    "[::1]evil.example",
    "192.168.0.1.",
    "127.1",
    "2130706433",
    "0x7f000001",
    "user:pw@127.0.0.1",
    "127.0.0.1/evil.example",
    "127.0.0.1#evil",
    "localhost\\evil.example",
    "\tlocalhost\t.evil.example",
]
LOCAL_HOSTS = ["localhost", "localhost:1", "127.0.0.1", "127.0.0.1:65535", "[::1]", "[::1]:5000",
               "10.1.2.3", "192.168.7.9:5000", "172.16.0.1"]  # fmt: skip
ROUTES = [
    "/api/2.0/mlflow/experiments/get?experiment_id=0",
    "/ajax-api/2.0/mlflow/experiments/get?experiment_id=0",
    "/api/3.0/mlflow/server-info",
    "/",
]


def forbidden(reply: Reply, *statuses: int) -> None:
    """Refused by the outer layer: one of *statuses* (403), with nothing told about the inside."""
    assert reply.status in (statuses or (403,)), reply
    if not reply.by_mlflow:
        clean_error(reply)


def tag_message(run: str) -> bytes:
    return json.dumps({"run_id": run, "key": "k", "value": "v"}).encode()


def write(api: Api, run: str, **headers: str) -> Reply:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.request(
        "POST", "runs/set-tag", body=tag_message(run), headers={"Content-Type": JSON_TYPE, **names}
    )


# Host


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
@pytest.mark.parametrize("route", ROUTES)
def test_foreign_hosts_are_refused(api: Api, host: str, route: str) -> None:
    forbidden(api.get(route, Host=host), 400, 403)


@differs("a host is parsed, not matched as text")
@pytest.mark.parametrize("host", ODD_HOSTS, ids=ascii)
def test_odd_hosts_are_refused(api: Api, host: str) -> None:
    forbidden(api.get(ROUTES[0], Host=host), 400, 403)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example"])
def test_foreign_hosts_change_nothing(api: Api, run: str, host: str) -> None:
    forbidden(write(api, run, Host=host), 400, 403)

    assert build.tags(api, run) == {}


@pytest.mark.parametrize("host", LOCAL_HOSTS)
def test_local_hosts_are_served(api: Api, host: str) -> None:
    assert api.get(ROUTES[0], Host=host).status == 200


@differs("names of hosts know no case")
@pytest.mark.parametrize("host", ["LOCALHOST", "LocalHost:80"])
def test_case_of_a_host_is_nothing(api: Api, host: str) -> None:
    assert api.get(ROUTES[0], Host=host).status == 200


@pytest.mark.parametrize("path", ["/health", "/version"])
def test_health_and_version_are_open_to_any_host(api: Api, path: str) -> None:
    assert api.get(path, Host="evil.example").status == 200


@differs("only these two paths, spelled just so")
@pytest.mark.parametrize(
    "path",
    ["/healthx", "/health/", "/health/../", "/version/x", "/ready", "/openapi.json", "//health",
     "/health;x", "/Health"],
)  # fmt: skip
def test_no_other_path_is_open(api: Api, path: str) -> None:
    forbidden(api.get(path, Host="evil.example"), 400, 403)


@differs("a request names one host")
@pytest.mark.parametrize(
    "head",
    [
        "GET {path} HTTP/1.1\r\n",
        "GET {path} HTTP/1.1\r\nHost:\r\n",
        "GET {path} HTTP/1.1\r\nHost: {own}\r\nHost: {own}\r\n",
        "GET {path} HTTP/1.1\r\nHost: {own}\r\nHost: evil.example\r\n",
        "GET {path} HTTP/1.1\r\nHost: evil.example\r\nHost: {own}\r\n",
        "GET http://evil.example{path} HTTP/1.1\r\nHost: {own}\r\n",
        "GET http://{own}{path} HTTP/1.1\r\nHost: evil.example\r\n",
        "GET //evil.example{path} HTTP/1.1\r\nHost: {own}\r\n",
    ],
)
def test_ambiguous_hosts_are_refused(api: Api, head: str) -> None:
    text = head.format(path=api.target(ROUTES[0]), own=api.authority)

    reply = api.raw(f"{text}Connection: close\r\n\r\n".encode(), timeout_s=10)

    assert reply.status in {400, 403, 404}, reply


# Origin


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
def test_foreign_origins_cannot_write(api: Api, run: str, origin: str) -> None:
    forbidden(write(api, run, Origin=origin))

    assert build.tags(api, run) == {}


@pytest.mark.parametrize("family", ["api", "ajax-api"])
@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("POST", "2.0/mlflow/experiments/search"),
        ("POST", "2.0/mlflow/runs/search"),
        ("PATCH", "2.0/mlflow/logged-models/m-1"),
        ("DELETE", "2.0/mlflow/logged-models/m-1"),
        ("POST", "3.0/mlflow/datasets/create"),
        ("POST", "2.0/mlflow/no/such/route"),
        ("PUT", "2.0/mlflow-artifacts/artifacts/x"),
    ],
)
def test_foreign_origins_are_stopped_before_any_route(
    api: Api, family: str, verb: str, path: str
) -> None:
    headers = {"Content-Type": JSON_TYPE, "Origin": "http://evil.example"}

    forbidden(api.request(verb, f"/{family}/{path}", body=b"{}", headers=headers))


@differs("the check covers every route, not only the API")
@pytest.mark.parametrize(
    "path", ["/graphql", "/v1/traces", "/", "/gateway/x", "/no/such/route", "/health"]
)
def test_foreign_origins_are_stopped_everywhere(api: Api, path: str) -> None:
    headers = {"Content-Type": JSON_TYPE, "Origin": "http://evil.example"}

    forbidden(api.request("POST", path, body=b"{}", headers=headers))


@pytest.mark.parametrize("origin", OWN_ORIGINS)
def test_pages_of_this_machine_may_write(api: Api, run: str, origin: str) -> None:
    reply = write(api, run, Origin=origin)

    done(reply)
    assert reply.headers["access-control-allow-origin"] == origin
    assert build.tags(api, run) == {"k": "v"}


def test_pages_of_this_machine_may_use_tls(api: Api, run: str) -> None:
    done(write(api, run, Origin="https://localhost:8443"))


@differs("what the browser says of the request counts even without an Origin")
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_other_sites_cannot_write(api: Api, run: str, site: str) -> None:
    forbidden(write(api, run, Sec_Fetch_Site=site))

    assert build.tags(api, run) == {}


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_the_own_site_may_write(api: Api, run: str, site: str) -> None:
    done(write(api, run, Sec_Fetch_Site=site))


def test_an_allowed_origin_may_come_from_another_site(api: Api, run: str) -> None:
    done(write(api, run, Origin=OWN_ORIGINS[1], Sec_Fetch_Site="cross-site"))


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
def test_foreign_pages_cannot_read_the_answer(api: Api, origin: str) -> None:
    reply = api.get(ROUTES[0], Origin=origin)

    assert reply.status in {200, 403}
    assert "access-control-allow-origin" not in reply.headers
    assert reply.by_mlflow or "access-control-allow-credentials" not in reply.headers


def preflight(api: Api, origin: str) -> Reply:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    return api.request("OPTIONS", "runs/create", headers=headers)


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
def test_foreign_preflights_get_no_leave(api: Api, origin: str) -> None:
    reply = preflight(api, origin)

    assert reply.status in {200, 204, 400, 403}
    assert "access-control-allow-origin" not in reply.headers


@pytest.mark.parametrize("origin", OWN_ORIGINS)
def test_own_preflights_get_leave(api: Api, origin: str) -> None:
    reply = preflight(api, origin)

    assert reply.status in {200, 204}
    assert reply.headers["access-control-allow-origin"] == origin
    assert "POST" in reply.headers["access-control-allow-methods"]
    assert reply.headers.get("access-control-allow-headers", "").lower() in {
        "content-type",
        "*",
    } or ("content-type" in reply.headers["access-control-allow-headers"].lower())


# Headers of answers


@pytest.mark.parametrize(
    "path", ["/health", *ROUTES[:3], "/api/2.0/mlflow/runs/get", "/no/such/path"]
)
def test_answers_cannot_be_sniffed_or_framed(api: Api, path: str) -> None:
    headers = api.get(path).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "SAMEORIGIN"


@differs("the banner names no software")
@pytest.mark.parametrize("path", ["/health", *ROUTES])
def test_no_banner(api: Api, path: str) -> None:
    headers = api.get(path).headers

    assert not any(
        mark in headers.get("server", "").lower() for mark in ("/", "uvicorn", "python", "3.")
    )
    assert "x-powered-by" not in headers


# Methods


@pytest.mark.parametrize(
    "headers",
    [
        {"X-HTTP-Method-Override": "POST"},
        {"X-HTTP-Method": "POST"},
        {"X-Method-Override": "POST"},
    ],
)
def test_methods_are_not_overridden(api: Api, run: str, headers: dict[str, str]) -> None:
    more = {"Content-Type": JSON_TYPE, **headers}

    reply = api.request(
        "GET", "runs/delete", body=json.dumps({"run_id": run}).encode(), headers=more
    )

    assert reply.status == 405
    assert build.info(api, run)["lifecycle_stage"] == "active"


@pytest.mark.parametrize("name", ["_method", "method", "X-HTTP-Method-Override"])
def test_arguments_do_not_override_methods(api: Api, run: str, name: str) -> None:
    assert api.get("runs/delete", {"run_id": run, name: "POST"}).status == 405

    assert build.info(api, run)["lifecycle_stage"] == "active"


LOWER_CASE = [pytest.param(m, marks=differs("methods know case")) for m in ("post", "Post", "get")]


@pytest.mark.parametrize("method", ["FOO", "TRACE", "CONNECT", "PROPFIND", *LOWER_CASE])
def test_unknown_methods_do_nothing(api: Api, run: str, method: str) -> None:
    body = tag_message(run)
    head = f"{method} {api.target('runs/set-tag')} HTTP/1.1\r\nHost: {api.authority}\r\n"
    head += f"Content-Type: {JSON_TYPE}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"

    reply = api.raw(head.encode() + body, timeout_s=10)

    assert reply.status in {400, 403, 404, 405, 501}
    assert build.tags(api, run) == {}


@pytest.mark.parametrize("path", ["runs/get", "metrics/get-history", "experiments/get"])
def test_head_changes_nothing(api: Api, run: str, path: str) -> None:
    before = build.run(api, run)

    assert api.request("HEAD", path, query={"run_id": run}).body == b""

    assert build.run(api, run) == before


@differs("a GET with a body naming a write is still a read")
def test_get_never_writes(api: Api, run: str) -> None:
    for path in ("runs/set-tag", "runs/delete", "experiments/create"):
        reply = api.request("GET", path, body=tag_message(run), headers={"Content-Type": JSON_TYPE})
        assert reply.status == 405
        clean_error(reply)

    assert build.tags(api, run) == {}


def test_identity_headers_are_ignored(api: Api, run: str) -> None:
    """Nothing a client says of itself reaches the record unless the request's fields do."""
    done(
        write(
            api,
            run,
            X_Forwarded_User="admin",
            X_Forwarded_For="1.2.3.4",
            X_Forwarded_Host="evil.example",
        )
    )

    assert ok(api.get("runs/get", {"run_id": run}))["run"]["info"]["user_id"] == ""
