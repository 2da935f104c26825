"""Files of web servers: read, in parts, within one origin; nothing else."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

import pytest

from millrace.artifacts.open import Reach, open_artifacts
from millrace.artifacts.protocols import ArtifactStore
from millrace.core.errors import InvalidArgument, NotFound, NotSupported, Unavailable
from millrace.http.client import HttpClient, Options
from millrace.http.judged import judged_client
from millrace.http.outbound import Policy
from tests.contract_artifacts.tree import read

FILES = {"/place/ü b/file": b"0123456789", "/place/empty": b""}


class Pages(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = unquote(self.path)
        moved = {"/place/near": "/place/%C3%BC%20b/file", "/place/far": "http://127.0.0.2:1/x"}
        if path in moved:
            self._head(302, Location=moved[path], Content_Length="0")
            return
        if path not in FILES:
            self._head(404, Content_Length="0")
            return
        content = FILES[path]
        asked = self.headers.get("Range")
        if asked:
            start, _, end = asked.removeprefix("bytes=").partition("-")
            if int(start) >= len(content):
                self._head(416, Content_Length="0")
                return
            content = content[int(start) : int(end) + 1 if end else None]
        self._head(206 if asked else 200, Content_Length=str(len(content)), ETag='"1"')
        if self.command == "GET":
            self.wfile.write(content)

    do_HEAD = do_GET  # noqa: N815 - the library's name

    def _head(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def web() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/place"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("start", "end"), [(0, None), (2, 5), (9, None), (10, None), (4, 4)])
def test_a_file_and_its_parts(web: str, start: int, end: int | None) -> None:
    store = open_artifacts(web)

    assert read(store, "ü b/file", start, end) == b"0123456789"[start:end]
    store.close()


def test_what_is_known_of_a_file(web: str) -> None:
    store = open_artifacts(web)

    known = store.stat("ü b/file")

    assert known is not None
    assert (known.size, known.etag) == (10, "1")
    assert store.stat("missing") is None
    with pytest.raises(NotFound):
        store.get("missing")
    assert read(store, "empty") == b""
    store.close()


def test_a_redirect_stays_in_its_origin(web: str) -> None:
    """S21."""
    store = open_artifacts(web)

    assert read(store, "near") == b"0123456789"
    with pytest.raises((InvalidArgument, NotFound)):
        store.get("far")
    store.close()


def test_nothing_but_reading(web: str) -> None:
    store = open_artifacts(web)

    for call in (
        lambda: store.put("file", [b"x"]),
        store.list,
        lambda: store.delete("file"),
    ):
        with pytest.raises(NotSupported, match="web server"):
            call()
    store.close()


def test_who_opens_says_how_other_servers_are_reached(web: str) -> None:
    """A server gives a client that looks at addresses."""
    asked: list[str] = []

    def client(url: str) -> HttpClient:
        asked.append(url)
        return HttpClient(url, dict)

    open_artifacts(web, Reach(web=client)).close()

    assert asked == [web]


@pytest.mark.parametrize(
    "uri", ["http://u:p@h/x", "https:///x", "https://h/x?sig=1", "http://h/#x"]
)
def test_addresses_that_are_refused(uri: str) -> None:
    with pytest.raises(InvalidArgument):
        open_artifacts(uri)


def named(web: str, host: str) -> str:
    return web.replace("127.0.0.1", host)


def guarded(uri: str, *allowed: str) -> ArtifactStore:
    """As a server opens it: addresses are judged."""
    rules = Policy(http=True, allowed=frozenset(allowed))
    return open_artifacts(uri, Reach(web=lambda url: judged_client(url, rules), patience_s=1.0))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "localhost"])
def test_a_server_calls_no_address_that_is_not_public(web: str, host: str) -> None:
    """S20: however it is spelt."""
    with pytest.raises(InvalidArgument):
        guarded(named(web, host))

    authority = urlsplit(web).netloc
    assert read(guarded(web, authority), "ü b/file") == b"0123456789"


def test_each_connection_goes_to_an_address_that_was_judged_for_it(web: str) -> None:
    """S20: a name that means a public address when it is looked at, and ours a moment later."""
    told = [["127.0.0.1"], []]
    asked: list[list[str]] = []

    def addresses() -> list[str]:
        asked.append(told[min(len(asked), 1)])
        return asked[-1]

    def pinned(url: str) -> HttpClient:
        return HttpClient(url, dict, Options(addresses=addresses))

    # No resolver knows this name: the connection is made by address, and the host is still named.
    uri = named(web, "files.invalid")
    store = open_artifacts(uri, Reach(web=pinned, patience_s=0.0))

    assert read(store, "ü b/file") == b"0123456789"
    store.close()  # the next connection is a new one
    with pytest.raises(Unavailable, match="no address"):
        read(store, "ü b/file")
    assert asked[0] == ["127.0.0.1"]
