"""Routing, and what every request and answer goes through."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from millrace.asgi.dispatch import Dispatcher, no_such_path
from millrace.asgi.errors import Disconnected
from millrace.asgi.exchange import Answer, Incoming, Receive
from millrace.asgi.security import Guard, Policy
from millrace.core.errors import Conflict, NotSupported, Unavailable
from tests.unit.asgi.driver import Reply, call


class Echo:
    """Answers with its name and what stood in the path."""

    def __init__(self, method: str, path: str, name: str) -> None:
        self.method, self.path, self._name = method, path, name

    async def answer(self, incoming: Incoming, receive: Receive) -> Answer:
        values = "".join(f" {key}={value}" for key, value in incoming.values.items())
        return Answer(f"{self._name}{values}".encode(), content_type=b"text/plain")


class Raising:
    method, path = "POST", "/bad"

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def answer(self, incoming: Incoming, receive: Receive) -> Answer:
        raise self._error


async def no_lifespan(receive: Receive, send: Any) -> None:
    await send({"type": "lifespan.startup.complete"})


ROUTES = [
    Echo("GET", "/things/get", "get"),
    Echo("POST", "/things/create", "create"),
    Echo("POST", "/things/search", "search"),
    Echo("GET", "/things/{id}", "one"),
    Echo("DELETE", "/things/{id}", "delete"),
    Echo("PATCH", "/things/{id}/tags/{key}", "tag"),
]


def dispatcher(*routes: Any, policy: Policy | None = None) -> Dispatcher:
    return Dispatcher(
        routes or ROUTES,
        Guard(policy or Policy()),
        elsewhere=lambda path: NotSupported("gone") if path == "/gone" else no_such_path(path),
        lifespan=no_lifespan,
    )


def ask(method: str, target: str, **options: Any) -> Reply:
    return call(dispatcher(), method, target, **options)


@pytest.mark.parametrize(
    ("method", "target", "said"),
    [
        ("GET", "/things/get?x=1", "get"),
        ("HEAD", "/things/get", "get"),
        ("POST", "/things/create", "create"),
        ("GET", "/things/a1", "one id=a1"),
        ("GET", "/things/a%2Fb%20%C3%BC", "one id=a/b ü"),
        ("DELETE", "/things/x;y", "delete id=x;y"),
        ("PATCH", "/things/..%2f/tags/a%252fb", "tag id=../ key=a%2fb"),
        ("GET", "/things/g%65t", "get"),
    ],
)
def test_routes_are_found(method: str, target: str, said: str) -> None:
    reply = ask(method, target)

    assert (reply.status, reply.body.decode()) == (200, said)


@pytest.mark.parametrize(
    "target",
    ["/", "/things", "/things/", "//things/get", "/things//tags/k", "/Things/get", "/things/get/",
     "/things/a/b", "/things/a/tags/", "/x/../things/get", "/things/./get"],
)  # fmt: skip
def test_other_paths_are_not_found(target: str) -> None:
    reply = ask("GET", target)

    assert reply.status == 404
    assert reply.json["error_code"] == "ENDPOINT_NOT_FOUND"
    assert reply.header("content-type") == "application/json"


def test_what_is_elsewhere_is_explained() -> None:
    assert ask("GET", "/gone").status == 501


@pytest.mark.parametrize("target", ["/things/%ff", "/things/%00", "/things/a%00b"])
def test_segments_that_are_no_text(target: str) -> None:
    assert ask("GET", target).status == 400


@pytest.mark.parametrize(
    ("method", "target", "allowed"),
    [
        ("DELETE", "/things/get", "GET, HEAD, OPTIONS"),
        ("POST", "/things/a", "DELETE, GET, HEAD, OPTIONS"),
        ("get", "/things/create", "OPTIONS, POST"),
    ],
)
def test_wrong_method(method: str, target: str, allowed: str) -> None:
    reply = ask(method, target)

    assert (reply.status, reply.header("allow")) == (405, allowed)
    assert method in reply.json["message"]


def test_options_tells_the_methods() -> None:
    reply = ask("OPTIONS", "/things/get")

    assert (reply.status, reply.body, reply.header("allow")) == (204, b"", "GET, HEAD, OPTIONS")
    assert reply.header("content-length") is None


def test_two_routes_for_one_method_and_path() -> None:
    with pytest.raises(ValueError, match="/things/get"):
        dispatcher(*ROUTES, Echo("GET", "/things/get", "again"))


# --- every request and answer ------------------------------------------------------------------


@pytest.mark.parametrize("given", ["abc-1", "00-4bf92f3577b34da6a3ce929d0e0e4736", "a" * 128])
def test_a_request_id_comes_back(given: str) -> None:
    assert ask("GET", "/nothing", headers=[("X-Request-Id", given)]).header("x-request-id") == given


@pytest.mark.parametrize("given", ["", "a b", "a\tb", "é", "<x>", "a" * 129, "\x7f"])
def test_an_odd_request_id_is_replaced(given: str) -> None:
    found = ask("GET", "/things/get", headers=[("X-Request-Id", given)]).header("x-request-id")

    assert found
    assert found != given


def test_request_ids_differ() -> None:
    assert len({ask("GET", "/things/get").header("x-request-id") for _ in range(20)}) == 20


@pytest.mark.parametrize("target", ["/things/get", "/nothing"])
def test_headers_of_every_answer(target: str) -> None:
    reply = ask("GET", target)

    assert reply.header("x-content-type-options") == "nosniff"
    assert reply.header("x-frame-options") == "SAMEORIGIN"
    assert reply.header("referrer-policy") == "no-referrer"
    assert reply.header("vary") == "origin"
    assert reply.header("content-length") == str(len(reply.body))
    assert reply.header("server") is None


def test_known_errors_are_explained() -> None:
    reply = call(dispatcher(Raising(Conflict("changed meanwhile"))), "POST", "/bad")

    assert reply.status == 409
    told = {"error_code": "RESOURCE_CONFLICT", "message": "changed meanwhile"}
    assert reply.json == told | {"request_id": reply.header("x-request-id")}


def test_come_again_says_when() -> None:
    replies = [call(dispatcher(Raising(Unavailable("busy"))), "POST", "/bad") for _ in range(30)]

    assert {reply.status for reply in replies} == {503}
    assert len({reply.header("retry-after") for reply in replies}) > 1


def test_a_bug_tells_its_request_id_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    app = dispatcher(Raising(KeyError("secret detail")))
    headers = [("X-Request-Id", "r-1"), ("traceparent", "00-ab-cd-01")]

    with caplog.at_level(logging.ERROR):
        reply = call(app, "POST", "/bad", headers=headers)

    assert reply.status == 500
    assert reply.json["error_code"] == "INTERNAL_ERROR"
    assert "r-1" in reply.json["message"]
    assert "secret" not in reply.body.decode()
    assert "secret detail" in caplog.text
    assert "r-1" in caplog.text
    assert "00-ab-cd-01" in caplog.text


def test_nobody_is_answered_who_is_gone() -> None:
    assert call(dispatcher(Raising(Disconnected())), "POST", "/bad").status == 0


@pytest.mark.parametrize("name", ["Host", "Content-Type", "Origin", "Idempotency-Key"])
def test_headers_that_decide_are_given_once(name: str) -> None:
    reply = ask("GET", "/things/get", headers=[(name, "localhost"), (name, "localhost")])

    assert reply.status == 400
    assert name.lower() in reply.json["message"]


def test_other_headers_may_come_twice() -> None:
    headers = [("Accept", "a"), ("Accept", "b"), ("X-Forwarded-For", "1"), ("X-Forwarded-For", "2")]

    assert ask("GET", "/things/get", headers=headers).status == 200


def test_web_sockets_are_closed() -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(dispatcher()({"type": "websocket"}, None, send))  # type: ignore[arg-type]

    assert [message["type"] for message in sent] == ["websocket.close"]
