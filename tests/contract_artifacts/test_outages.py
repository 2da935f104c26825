"""R31: a store in a cloud that is busy, throttles, or no longer takes its credentials."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from millrace.artifacts.open import Reach, open_artifacts
from millrace.artifacts.protocols import ArtifactStore
from millrace.core.errors import PermissionDenied, Unavailable
from tests.services import LOOPBACK

PATIENCE_S = 3.0


class Bucket:
    """An S3 server that fails as it is told: `failing(n)` is the status and code of the n-th
    answer, None where it goes well. It keeps no bytes."""

    def __init__(self, failing: Callable[[int], tuple[int, str] | None]) -> None:
        self.failing = failing
        self.asked: list[str] = []


@contextmanager
def served(bucket: Bucket) -> Iterator[str]:
    lock = threading.Lock()

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            with lock:
                failure = bucket.failing(len(bucket.asked))
                bucket.asked.append(self.command)
            status, code = failure or (200, "")
            body = f"<Error><Code>{code}</Code><Message>m</Message></Error>" if failure else ""
            self.send_response(status)
            self.send_header("ETag", '"e"')
            self.send_header("Last-Modified", "Sat, 01 Nov 2025 00:00:00 GMT")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body.encode())

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = answer  # noqa: N815 - http.server's

        def log_message(self, *_: object) -> None:
            """Quietly."""

    server = ThreadingHTTPServer((LOOPBACK, 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def opened(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[ArtifactStore]:
    with served(bucket) as endpoint:
        monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", endpoint)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        store = open_artifacts("s3://bucket/root", Reach(patience_s=PATIENCE_S))
        yield store
        store.close()


@pytest.mark.parametrize(
    "failure", [(503, "SlowDown"), (500, "InternalError"), (503, "ServiceUnavailable")]
)
def test_a_store_that_is_busy_for_a_while_is_asked_again(
    failure: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = Bucket(lambda number: failure if number < 2 else None)
    with opened(bucket, monkeypatch) as store:
        found = store.put("a", [b"12345"])

    assert found.size == 5
    assert bucket.asked == ["PUT"] * 3


def test_a_store_that_stays_busy_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = Bucket(lambda number: (503, "SlowDown"))
    with opened(bucket, monkeypatch) as store:
        began = time.monotonic()

        with pytest.raises(Unavailable) as caught:
            store.put("a", [b"12345"])

    assert len(bucket.asked) > 1
    assert time.monotonic() - began < 10 * PATIENCE_S
    assert "canary-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        ((400, "ExpiredToken"), "have expired"),
        ((403, "RequestTimeTooSkewed"), "clock of this machine"),
        ((403, "AccessDenied"), "do not permit"),
    ],
)
def test_credentials_that_are_not_taken_are_told_at_once(
    failure: tuple[int, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = Bucket(lambda number: failure)
    with opened(bucket, monkeypatch) as store, pytest.raises(PermissionDenied, match=message):
        store.put("a", [b"12345"])

    assert bucket.asked == ["PUT"]
