"""What lies between a client and the server of its artifacts: cuts, damage, hostile answers."""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import threading
from collections.abc import Callable, Iterator

import pytest

from millrace.artifacts.open import Reach, open_artifacts
from millrace.artifacts.protocols import ArtifactStore
from millrace.core.errors import InvalidArgument, InvalidState, NotFound, Unavailable
from millrace.http.client import HttpClient, Message
from tests.contract_artifacts.places import Place
from tests.contract_artifacts.tree import files, names, read
from tests.services import free_port

CONTENT = bytes(range(256)) * 4096

Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


class Odd(http.server.ThreadingHTTPServer):
    """A server that answers each request as the test says, and keeps what it was asked."""

    daemon_threads = True

    def __init__(self, answer: Answer) -> None:
        asked: list[tuple[str, str]] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                asked.append((self.command, self.headers.get("Range", "")))
                answer(self)

            def log_message(self, *_args: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = asked
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def through() -> Iterator[Callable[[Answer], tuple[ArtifactStore, Odd]]]:
    """A store behind an odd server."""
    opened: list[tuple[Odd, HttpClient]] = []

    def make(answer: Answer) -> tuple[ArtifactStore, Odd]:
        server = Odd(answer)
        client = HttpClient(f"http://127.0.0.1:{server.server_port}", dict)
        opened.append((server, client))
        reach = Reach(server=lambda address: client, patience_s=1)
        return open_artifacts("mlflow-artifacts:/root", reach), server

    yield make
    for server, client in opened:
        client.close()
        server.shutdown()
        server.server_close()


def head(handler: http.server.BaseHTTPRequestHandler, status: int, **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()


def cutting(etags: Iterator[str], piece: int) -> Answer:
    """Sends *piece* bytes of what was asked for, announces all of it, and hangs up."""

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        etag = next(etags)
        start = int((handler.headers.get("Range") or "bytes=0-")[6:].partition("-")[0])
        is_part = bool(start) and handler.headers.get("If-Range") == etag
        rest = CONTENT[start:] if is_part else CONTENT
        head(handler, 206 if is_part else 200, ETag=etag, Content_Length=str(len(rest)))
        handler.wfile.write(rest[:piece])
        handler.close_connection = True

    return answer


def test_a_download_that_is_cut_goes_on_where_it_was(through) -> None:
    store, server = through(cutting(iter(['"a"'] * 99), 300_000))

    assert read(store, "file") == CONTENT

    assert [asked for _, asked in server.asked] == [
        "",
        "bytes=300000-",
        "bytes=600000-",
        "bytes=900000-",
    ]


def test_a_file_that_changes_under_a_download_is_no_success(through) -> None:
    store, _ = through(cutting(iter(['"a"', '"b"', '"c"']), 300_000))

    with pytest.raises(Unavailable, match="changed"):
        read(store, "file")


def test_a_download_that_never_gets_on_ends(through) -> None:
    store, server = through(cutting(iter(['"a"'] * 99), 0))

    with pytest.raises(Unavailable):
        read(store, "file")

    assert len(server.asked) < 12


def test_damaged_bytes_are_not_handed_out_in_full(through) -> None:
    """R11: whoever writes them down while they come has no whole file at the end."""
    digest = base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        damaged = b"X" + CONTENT[1:]
        head(handler, 200, Repr_Digest=f"sha-256=:{digest}:", Content_Length=str(len(damaged)))
        handler.wfile.write(damaged)

    store, _ = through(answer)
    got: list[bytes] = []

    with pytest.raises(InvalidState, match="damaged"):
        got.extend(store.get("file"))

    assert len(b"".join(got)) < len(CONTENT)


@pytest.mark.parametrize("name", ["../up", "/etc/passwd", "..", "a/../../b", "", ".", "a\\b", "\0"])
def test_a_listing_leads_nowhere(through, name: str) -> None:
    """S11: only the last clean segment of what a server says counts."""

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        body = json.dumps({"files": [{"path": name, "is_dir": False, "file_size": "3"}]}).encode()
        head(handler, 200, Content_Length=str(len(body)))
        handler.wfile.write(body)

    store, _ = through(answer)

    for listed in names(store, "folder"):
        assert listed in {"folder/up", "folder/passwd", "folder/b"}


def test_an_answer_that_is_no_listing(through) -> None:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        head(handler, 200, Content_Length="9")
        handler.wfile.write(b"<html>hi<")

    store, _ = through(answer)

    with pytest.raises(Unavailable, match="cannot be read"):
        names(store)


def test_a_server_that_is_away() -> None:
    client = HttpClient(f"http://127.0.0.1:{free_port()}", dict)
    store = open_artifacts(
        "mlflow-artifacts:/root", Reach(server=lambda address: client, patience_s=0.5)
    )

    for call in (
        lambda: store.put("file", [b"x"]),
        lambda: store.put("file", iter([b"x"])),
        lambda: store.get("file"),
        lambda: store.stat("file"),
        lambda: names(store),
        lambda: store.delete("file"),
    ):
        with pytest.raises(Unavailable):
            call()


@pytest.mark.parametrize("place", ["proxied"], indirect=True)
def test_a_server_of_ours_refuses_what_has_another_digest(
    place: Place, store: ArtifactStore
) -> None:
    """Also when it was damaged after the client has looked at it: both ends compare."""
    client = place.reach.server(None)  # type: ignore[misc]
    root = place.uri.partition(":/")[2]
    wrong = base64.b64encode(hashlib.sha256(b"other").digest()).decode()

    with pytest.raises(InvalidArgument):
        client.request(
            Message(
                method="PUT",
                path=f"/api/2.0/mlflow-artifacts/artifacts/{root}/file",
                body=b"content",
                headers={"Repr-Digest": f"sha-256=:{wrong}:"},
            )
        )

    assert files(store) == {}


@pytest.mark.parametrize("place", ["proxied"], indirect=True)
def test_what_our_server_knows_of_a_file(store: ArtifactStore) -> None:
    kept = store.put("file", [b"content"])

    known = store.stat("file")

    assert known is not None
    assert known.sha256 == kept.sha256
    with pytest.raises(NotFound):
        store.get("missing")


def test_which_server_is_asked() -> None:
    asked: list[str | None] = []

    def server(address: str | None) -> HttpClient:
        asked.append(address)
        return HttpClient("http://127.0.0.1:9", dict)

    for rest in (":/a/b", "://host:5000/a", "://host/a"):
        open_artifacts(f"mlflow-artifacts{rest}", Reach(server=server)).close()

    assert asked == [None, "host:5000", "host"]


@pytest.mark.parametrize(
    "uri", ["mlflow-artifacts://u:p@h/a", "mlflow-artifacts:/a/../b", "mlflow-artifacts://h:x/a"]
)
def test_what_names_no_artifacts_of_a_server(uri: str) -> None:
    with pytest.raises(InvalidArgument):
        open_artifacts(uri, Reach(server=lambda address: HttpClient("http://127.0.0.1:9", dict)))


def test_without_a_tracking_server_there_is_no_proxy() -> None:
    with pytest.raises(InvalidArgument, match="MLFLOW_TRACKING_URI"):
        open_artifacts("mlflow-artifacts:/a")
