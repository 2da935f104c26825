"""The endpoint table over ASGI: arguments in, answers out, and the routes around it."""

from __future__ import annotations

import asyncio
import hashlib
import html
import json
import math
import re
import threading
from concurrent.futures import Future
from importlib.resources import files
from typing import Any

import msgspec
import pytest

import millrace
from millrace import server
from millrace.api.endpoint import Bytes
from millrace.api.system import ServerInfo
from millrace.api.table import ENDPOINTS
from millrace.api.tracking import GetHistoryInterval, LogMetric, MetricsReply, SearchRuns
from millrace.core import clock
from millrace.core.entities.metric import Metric
from millrace.core.errors import InvalidArgument, NotFound
from millrace.server.app import build_app
from millrace.server.routes import LARGE_BYTES
from tests.services import unavailable
from tests.unit.asgi.driver import Reply, ask, call, statuses
from tests.unit.server.fakes import FakePlatform, config, settled

JSON = [("Content-Type", "application/json")]
POINT = {"run_id": "r", "key": "m", "value": 1, "timestamp": 2}
LOG_METRIC = "/api/2.0/mlflow/runs/log-metric"


def send(
    platform: FakePlatform, method: str, path: str, message: object = None, **options: Any
) -> Reply:
    """Ask an application over *platform*; a message goes as JSON."""
    app = build_app(platform, config())  # type: ignore[arg-type]
    if message is not None:
        options["body"] = message if isinstance(message, bytes) else json.dumps(message).encode()
        options["headers"] = [*JSON, *options.get("headers", [])]
    return call(app, method, path, **options)


# --- arguments ---------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["/api/2.0", "/ajax-api/2.0"])
@pytest.mark.parametrize("inline", [(), ("logMetric",)])
def test_a_body_becomes_a_request(prefix: str, inline: tuple[str, ...]) -> None:
    platform = FakePlatform(inline)

    reply = send(platform, "POST", f"{prefix}/mlflow/runs/log-metric", POINT)

    assert (reply.status, reply.body) == (200, b"{}")
    [(name, _, request)] = platform.calls
    assert name == "logMetric"
    assert request == LogMetric(run_id="r", key="m", value=1.0, timestamp=2)


def test_a_query_becomes_a_request() -> None:
    platform = FakePlatform()

    reply = send(
        platform,
        "GET",
        "/api/2.0/mlflow/metrics/get-history-bulk-interval?run_ids=b&run_ids=a&metric_key=m%2B",
    )

    assert reply.status == 200
    assert platform.calls[0][2] == GetHistoryInterval(run_ids=("b", "a"), metric_key="m+")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_get_without_a_query_reads_a_body(method: str) -> None:
    platform = FakePlatform()

    send(platform, method, "/api/2.0/mlflow/runs/get", {"runId": "r"})

    assert platform.calls[0][2].run_id == "r"


def test_a_get_with_a_query_reads_no_body() -> None:
    platform = FakePlatform()

    send(platform, "GET", "/api/2.0/mlflow/runs/get?run_id=q", {"run_id": "b"})

    assert platform.calls[0][2].run_id == "q"


def test_a_path_fills_its_field() -> None:
    platform = FakePlatform()
    path = "/api/2.0/mlflow/logged-models/m-1"

    assert send(platform, "PATCH", path, {"status": "LOGGED_MODEL_READY"}).status == 200
    assert send(platform, "PATCH", path, {"status": 2, "model_id": "m-1"}).status == 200
    assert send(platform, "DELETE", f"{path}/tags/a%2Fb").status == 200
    assert send(platform, "GET", path).status == 200

    assert [request.model_id for _, _, request in platform.calls] == ["m-1"] * 4
    assert platform.calls[2][2].tag_key == "a/b"


def test_a_path_and_a_body_that_disagree_are_refused() -> None:
    platform = FakePlatform()

    reply = send(
        platform, "PATCH", "/api/2.0/mlflow/logged-models/m-1", {"status": 2, "model_id": "m-2"}
    )

    assert reply.status == 400
    assert "m-2" in reply.json["message"]
    assert platform.calls == []


@pytest.mark.parametrize(
    ("message", "status", "said"),
    [
        (b"{", 400, "not valid JSON"),
        (b"[]", 400, "JSON object"),
        ({}, 400, "Missing value"),
        (POINT | {"value": "x"}, 400, "'value'"),
        (b"x" * (1024 * 1024 + 1), 413, "1048576"),
    ],
)
def test_bad_bodies_never_reach_the_platform(message: object, status: int, said: str) -> None:
    platform = FakePlatform(("logMetric",))

    reply = send(platform, "POST", LOG_METRIC, message)

    assert reply.status == status
    assert said in reply.json["message"]
    assert platform.calls == []


@pytest.mark.parametrize("media", [None, "text/plain"])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_bodies_are_json_by_name(media: str | None, method: str) -> None:
    platform = FakePlatform()
    path = LOG_METRIC if method == "POST" else "/api/2.0/mlflow/logged-models/m/tags"
    app = build_app(platform, config())  # type: ignore[arg-type]
    headers = [("Content-Type", media)] if media else []

    reply = call(app, method, path, body=b"{}", headers=headers)

    assert reply.status == 400
    assert "Content-Type" in reply.json["message"]
    assert platform.calls == []


def test_a_large_body_is_read_beside_the_loop() -> None:
    threads = []
    platform = FakePlatform(
        ("logMetric",), logMetric=lambda *_: threads.append(threading.get_ident())
    )

    send(platform, "POST", LOG_METRIC, POINT)
    send(platform, "POST", LOG_METRIC, POINT | {"later": "x" * LARGE_BYTES})

    assert threads[0] == threading.get_ident()
    assert threads[1] != threading.get_ident()


# --- circumstances -----------------------------------------------------------------------------


def test_the_context_tells_who_and_when() -> None:
    platform = FakePlatform()

    with clock.fixed(1234):
        reply = send(platform, "POST", LOG_METRIC, POINT, headers=[("X-Request-Id", "req-9")])

    context = platform.calls[0][1]
    assert (context.request_id, reply.header("x-request-id")) == ("req-9", "req-9")
    assert (context.at_ms, context.address) == (1234, "127.0.0.1")
    assert (context.actor.verified, context.idempotency_key, context.request_digest) == (
        False, None, None,
    )  # fmt: skip


def digest(platform: FakePlatform) -> str:
    found = platform.calls[-1][1].request_digest
    assert isinstance(found, str)
    assert len(found) == len(hashlib.sha256().hexdigest())
    return found


def test_an_idempotency_key_comes_with_a_digest_of_the_request() -> None:
    platform = FakePlatform()
    key = [("Idempotency-Key", "k-1")]
    digests = []
    for method, path, message in (
        ("POST", "/api/2.0/mlflow/runs/set-tag", {"run_id": "r", "key": "k"}),
        ("POST", "/api/2.0/mlflow/runs/set-tag", {"run_id": "r", "key": "l"}),
        ("POST", "/api/2.0/mlflow/runs/delete-tag", {"run_id": "r", "key": "k"}),
        ("DELETE", "/api/2.0/mlflow/logged-models/m-1", {}),
        ("DELETE", "/api/2.0/mlflow/logged-models/m-2", {}),
    ):
        assert send(platform, method, path, message, headers=key).status == 200
        digests.append(digest(platform))
    send(
        platform,
        "POST",
        "/ajax-api/2.0/mlflow/runs/set-tag",
        {"run_id": "r", "key": "k"},
        headers=key,
    )

    assert len(set(digests)) == 5
    assert digest(platform) == digests[0]
    assert {context.idempotency_key for _, context, _ in platform.calls} == {"k-1"}


@pytest.mark.parametrize("key", ["", "a b", "é", "k" * 256, "a\tb"])
def test_an_odd_idempotency_key_is_refused(key: str) -> None:
    platform = FakePlatform()

    reply = send(platform, "POST", LOG_METRIC, POINT, headers=[("Idempotency-Key", key)])

    assert reply.status == 400
    assert "Idempotency-Key" in reply.json["message"]
    assert platform.calls == []


# --- answers -----------------------------------------------------------------------------------

METRICS = MetricsReply(metrics=(Metric(key="m", value=math.nan, timestamp=1, step=0),))


def later(result: Any) -> Future[Any]:
    future: Future[Any] = Future()
    threading.Timer(0.01, lambda: future.set_result(result)).start()
    return future


@pytest.mark.parametrize("inline", [(), ("getMetricHistory",)])
@pytest.mark.parametrize(
    "give", [lambda *_: METRICS, lambda *_: settled(METRICS), lambda *_: later(METRICS),
             lambda *_: settled(later(METRICS))],
    ids=["at once", "settled", "later", "later still"],
)  # fmt: skip
def test_answers_come_at_once_or_later(inline: tuple[str, ...], give: Any) -> None:
    platform = FakePlatform(inline, getMetricHistory=give)

    reply = send(platform, "GET", "/api/2.0/mlflow/metrics/get-history?run_id=r&metric_key=m")

    assert reply.header("content-type") == "application/json"
    assert reply.json == {"metrics": [{"key": "m", "value": "NaN", "timestamp": 1, "step": 0}]}


@pytest.mark.parametrize("inline", [(), ("logMetric",)])
@pytest.mark.parametrize("settle", [False, True])
def test_errors_come_at_once_or_later(inline: tuple[str, ...], settle: bool) -> None:
    def refuse(*_: object) -> Any:
        error = NotFound("Run with id=r not found.")
        if settle:
            return settled(error)
        raise error

    reply = send(FakePlatform(inline, logMetric=refuse), "POST", LOG_METRIC, POINT)

    assert reply.status == 404
    assert reply.json["error_code"] == "RESOURCE_DOES_NOT_EXIST"


def test_an_endpoint_without_a_reply_answers_an_empty_object() -> None:
    """What the store's future holds is nobody's business then."""
    reply = send(FakePlatform(logMetric=lambda *_: settled("stored")), "POST", LOG_METRIC, POINT)

    assert reply.body == b"{}"


def test_stored_json_is_passed_through() -> None:
    page = {"runs": (msgspec.Raw(b'{"info":{}}'),)}

    reply = send(
        FakePlatform(searchRuns=lambda *_: page), "POST", "/api/2.0/mlflow/runs/search", {}
    )

    assert reply.body == b'{"runs":[{"info":{}}]}'


def test_bytes_keep_their_type() -> None:
    answer = Bytes(body=b"\x00\x01", content_type="application/x-series")
    platform = FakePlatform(querySeries=lambda *_: answer)
    asked = {"run_ids": ["r"], "keys": ["k"], "format": "binary"}

    reply = send(platform, "POST", "/api/3.0/millrace/series/query", asked)

    assert (reply.body, reply.header("content-type")) == (b"\x00\x01", "application/x-series")


def test_a_bug_in_a_handler_is_a_500_that_tells_nothing() -> None:
    def fail(*_: object) -> None:
        raise KeyError("internal")

    reply = send(FakePlatform(logMetric=fail), "POST", LOG_METRIC, POINT)

    assert reply.status == 500
    assert "internal" not in reply.body.decode()


# --- around the table --------------------------------------------------------------------------


def test_every_endpoint_is_served_where_the_table_says() -> None:
    app = build_app(FakePlatform(), config())  # type: ignore[arg-type]

    async def main() -> list[tuple[str, int]]:
        replies = [
            (path, await ask(app, endpoint.method, path.replace("{", "x").replace("}", "")))
            for endpoint in ENDPOINTS
            if not endpoint.streams
            for path in endpoint.paths
        ]
        return [(path, reply.status) for path, reply in replies if reply.status in {404, 405, 500}]

    assert asyncio.run(main()) == []


def test_a_missing_handler_is_found_at_the_start() -> None:
    platform = FakePlatform()
    del platform.handlers["logMetric"]

    with pytest.raises(ValueError, match="logMetric"):
        build_app(platform, config())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/api/2.0/mlflow/scorers/list", 501, "scorers"),
        ("/ajax-api/3.0/mlflow/traces/x", 501, "traces"),
        ("/api/2.0/mlflow-artifacts/nothing/a/b", 404, "nothing at"),
        ("/api/2.0/mlflow/scorersx", 404, "nothing at"),
        ("/mlflow/scorers", 404, "nothing at"),
        ("/nothing", 404, "nothing at"),
    ],
)
def test_what_is_not_here(path: str, status: int, said: str) -> None:
    reply = send(FakePlatform(), "GET", path)

    assert reply.status == status
    assert said in reply.json["message"]


def test_health_and_version_answer_to_any_name() -> None:
    for path, said in (("/health", "OK"), ("/version", millrace.__version__)):
        reply = send(FakePlatform(), "GET", path, host="evil.example")

        assert (reply.status, reply.body.decode()) == (200, said)
        assert str(reply.header("content-type")).startswith("text/plain")
    assert send(FakePlatform(), "GET", "/ready", host="evil.example").status == 403


def test_readiness_is_the_stores() -> None:
    platform = FakePlatform()
    ready = send(platform, "GET", "/ready")
    platform.health_now = msgspec.structs.replace(
        platform.health_now, ready=False, message="disk full", queue=9
    )
    unready = send(platform, "GET", "/ready")

    assert ready.status == 200
    assert ready.json == {
        "status": "ready", "version": millrace.__version__, "store": "fake", "revision": "7",
    }  # fmt: skip
    assert unready.status == 503
    assert (unready.json["status"], unready.json["queue"], unready.json["message"]) == (
        "unavailable", 9, "disk full",
    )  # fmt: skip


def test_the_description_names_the_prefix() -> None:
    app = build_app(FakePlatform(), config(static_prefix="/pre"))  # type: ignore[arg-type]

    found = call(app, "GET", "/pre/openapi.json").json

    assert found["servers"] == [{"url": "/pre"}]
    assert found["paths"]


@pytest.mark.parametrize(
    ("path", "status"),
    [("/pre/health", 200), ("/health", 404), ("/pre/", 200), ("/pre", 308), ("/", 404),
     ("/prehealth", 404), ("/pre/pre/health", 404),
     ("/pre/api/2.0/mlflow/traces/x", 501), ("/api/2.0/mlflow/runs/get?run_id=r", 404),
     ("/pre/api/2.0/mlflow/runs/get?run_id=r", 200)],
)  # fmt: skip
def test_everything_moves_below_the_prefix(path: str, status: int) -> None:
    app = build_app(FakePlatform(), config(static_prefix="/pre"))  # type: ignore[arg-type]

    assert call(app, "GET", path).status == status


def test_a_redirect_stays_here() -> None:
    app = build_app(FakePlatform(), config(static_prefix="/pre"))  # type: ignore[arg-type]

    assert call(app, "GET", "/pre").header("location") == "/pre/"


def test_the_address_to_listen_on_is_a_name_of_ours() -> None:
    for host, name in (
        ("tracking.example", "tracking.example:1"),
        ("2001:db8::1", "[2001:db8::1]"),
    ):
        app = build_app(FakePlatform(), config(host=host))  # type: ignore[arg-type]
        assert call(app, "GET", "/ready", host=name).status == 200
    app = build_app(FakePlatform(), config(host="0.0.0.0"))  # type: ignore[arg-type]
    assert call(app, "GET", "/ready", host="tracking.example").status == 403


def test_a_list_of_hosts_replaces_the_default() -> None:
    app = build_app(FakePlatform(), config(allowed_hosts="a.example, *.b.example"))  # type: ignore[arg-type]

    asked = ("a.example:5000", "x.b.example", "localhost", "10.0.0.1")
    found = statuses(app, *(("/ready", host) for host in asked))

    assert found == [200, 200, 403, 403]


@pytest.mark.parametrize(
    "options",
    [{"static_prefix": "pre"}, {"static_prefix": "/pre/"}, {"static_prefix": "/p{x}"},
     {"static_prefix": "/p q"}, {"workers": 0}, {"x_frame_options": "ALLOW"}],
)  # fmt: skip
def test_configurations_that_cannot_work_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        config(**options)


def test_lifespan_does_the_chores() -> None:
    platform = FakePlatform()
    app = build_app(platform, config())  # type: ignore[arg-type]
    events = ["lifespan.startup", "lifespan.shutdown"]
    sent: list[str] = []

    async def receive() -> dict[str, str]:
        return {"type": events.pop(0)}

    async def send(message: dict[str, str]) -> None:
        sent.append(message["type"])

    asyncio.run(app({"type": "lifespan"}, receive, send))  # type: ignore[arg-type]

    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert platform.signatures == [True], "the end of the audit trail is signed at the end"


def test_server_info_writes_what_is_unknown_as_null() -> None:
    info = ServerInfo(store_type=None)

    reply = send(FakePlatform(getServerInfo=lambda *_: info), "GET", "/api/3.0/mlflow/server-info")

    assert reply.json["store_type"] is None
    assert reply.json["features_enabled"] == {}


# --- the page ----------------------------------------------------------------------------------


@pytest.fixture
def _built() -> None:
    if not (files(server) / "ui" / "index.html").is_file():
        unavailable("web UI", "not built; `make ui` builds it")


@pytest.mark.usefixtures("_built")
def test_the_page_carries_all_it_needs() -> None:
    page = send(FakePlatform(), "GET", "/", host="localhost:5000")
    text = page.body.decode()
    policy = str(page.header("content-security-policy"))

    assert page.header("content-type") == "text/html; charset=utf-8"
    assert "unsafe" not in policy
    assert "frame-ancestors 'self'" in policy
    assert "{{" not in text
    assert not re.findall(r"<script[^>]*>[^<]|<style|style=|\son\w+=", text), "needs inline rights"
    linked = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert all(link.startswith(("/", "data:image/svg+xml")) for link in linked), linked
    ours = [link for link in linked if link.startswith("/")]
    kinds = {link.rpartition(".")[2]: send(FakePlatform(), "GET", link) for link in ours}
    assert {reply.status for reply in kinds.values()} == {200}
    assert str(kinds["js"].header("content-type")).startswith("text/javascript")
    assert str(kinds["css"].header("content-type")).startswith("text/css")


def test_the_page_shows_no_markup_from_the_request() -> None:
    app = build_app(FakePlatform(), config(disable_security_middleware=True))  # type: ignore[arg-type]

    page = call(app, "GET", "/", host='"><script>alert(1)</script>')

    assert b"<script>alert" not in page.body


@pytest.mark.usefixtures("_built")
def test_the_page_finds_its_parts_below_the_prefix() -> None:
    app = build_app(FakePlatform(), config(static_prefix="/pre"))  # type: ignore[arg-type]

    text = call(app, "GET", "/pre/").body.decode()

    links = re.findall(r'(?:src|href)="(/[^"]+)"', text)
    assert set(statuses(app, *((link, "localhost") for link in links))) == {200}
    assert '"base": "/pre"' in html.unescape(text)


def test_searches_by_post_may_be_empty() -> None:
    platform = FakePlatform()

    assert send(platform, "POST", "/api/2.0/mlflow/runs/search", b"").status == 200
    assert platform.calls[0][2] == SearchRuns()
