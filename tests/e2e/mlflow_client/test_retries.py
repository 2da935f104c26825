"""The stock client repeats calls over a failing line; the outcome is as if it had not failed."""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

# Creations are left alone: the client has no way to say that one is a repetition.
_CREATES = ("/runs/create", "/experiments/create")


@contextlib.contextmanager
def failing_line(server: str, *, before: bool) -> Iterator[tuple[str, Counter[str]]]:
    """A proxy to *server* where every other exchange of a kind fails; yields its URL and failures.

    `before` says whether the call is lost on its way there (answered 503 and never passed on) or
    its reply on the way back (passed on and done, then the connection breaks).
    """
    upstream = urlsplit(server)
    failures: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    lock = threading.Lock()

    class Line(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def exchange(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            kind = f"{self.command} {self.path.partition('?')[0]}"
            with lock:
                seen[kind] += 1
                fails = seen[kind] % 2 == 1 and not kind.endswith(_CREATES)
                failures[kind] += fails
            if fails and before:
                self.answer(503, b"")
                return
            link = http.client.HTTPConnection(upstream.hostname or "", upstream.port, timeout=30)
            with contextlib.closing(link):
                link.request(self.command, self.path, body, dict(self.headers))
                reply = link.getresponse()
                content = reply.read()
            if fails:
                self.close_connection = True
            else:
                self.answer(reply.status, content)

        def answer(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = exchange  # noqa: N815 (what http.server calls)

        def log_message(self, *_: object) -> None:
            """Say nothing: the test reports what matters."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Line) as line:
        line.daemon_threads = True
        thread = threading.Thread(target=line.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{line.server_port}", failures
        finally:
            line.shutdown()
            thread.join()


@pytest.mark.parametrize("before", [True, False], ids=["call lost", "reply lost"])
def test_repeated_calls_count_once(stock_client, millrace_server, before):
    with failing_line(millrace_server, before=before) as (uri, failures):
        reports = stock_client.run("retries", uri=uri)

    assert reports["retries"].whatever_it_took("a_life") == {
        "status": "FINISHED",
        "end_time": 99,
        "name": "renamed",
        "params": {"p": "1", **{f"b{i}": str(i) for i in range(5)}},
        "tags": {"t": "1", "bt": "1"},
        "points": {"m": 2, "b": 50},
        "inputs": 1,
        "stage": "active",
        "listed": True,
        "experiment_tags": {"e": "1"},
    }
    assert failures["POST /api/2.0/mlflow/runs/log-metric"] == 2
    assert failures["POST /api/2.0/mlflow/runs/log-batch"] == 1
