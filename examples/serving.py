"""A registered model behind HTTP: its server in a process of its own, for as long as it is used.

The examples of models use it; `millrace models serve -m models:/NAME@ALIAS` does the same by hand.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextlib.contextmanager
def served(uri: str) -> Iterator[Callable[[dict[str, Any]], list[Any]]]:
    """Serve the model at *uri*; what is given scores the rows in the body of a request."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [sys.executable, "-m", "millrace", "models", "serve", "-m", uri, "--port", port]
    )
    try:
        while not _answers(f"{url}/ping"):
            if server.poll() is not None:
                raise RuntimeError(f"the server of {uri} ended with {server.returncode}")
            time.sleep(0.1)

        def score(body: dict[str, Any]) -> list[Any]:
            request = urllib.request.Request(
                f"{url}/invocations",
                json.dumps(body).encode(),
                {"content-type": "application/json"},
            )
            with _DIRECTLY.open(request) as answer:
                return list(json.load(answer)["predictions"])

        yield score
    finally:
        server.terminate()
        server.wait()


def _answers(url: str) -> bool:
    try:
        with _DIRECTLY.open(url) as answer:
            return bool(answer.status == 200)  # noqa: PLR2004 - OK
    except (urllib.error.URLError, ConnectionError):
        return False
