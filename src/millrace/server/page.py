"""The web UI: its page for every address that is no call, and the files that the page asks for.

The build (`tools/hatch_build.py`) puts them into `ui/` beside this module, compressed already. The
page carries the static prefix and the chosen theme, so that one build works everywhere and the
first paint is right; its Content-Security-Policy lets it ask this server and nobody else.
"""

from __future__ import annotations

import functools
import html
import json
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final

from millrace import __version__
from millrace.asgi.dispatch import no_such_path
from millrace.asgi.exchange import Answer
from millrace.server.routes import PlainRoute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from millrace.asgi.exchange import Incoming
    from millrace.server.bridge import Bridge

_UI: Final = Path(__file__).parent / "ui"
_FRAMES: Final = {"SAMEORIGIN": "'self'", "DENY": "'none'", "NONE": "*"}
_TYPES: Final = {
    ".css": b"text/css; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".json": b"application/json",
    ".svg": b"image/svg+xml",
    ".woff2": b"font/woff2",
}
# Their names change with their content.
_FOR_EVER: Final = (b"cache-control", b"public, max-age=31536000, immutable")
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]+")
_THEME: Final = re.compile(rb"(?:^|;\s*)millrace-theme=(light|dark|contrast)(?:;|$)")
_HTML: Final = b"text/html; charset=utf-8"
# What is for programs keeps its errors as JSON, whoever asks.
_CALLS: Final = re.compile(r"/(?:(?:ajax-)?api|assets|graphql|v1)(?:/|$)|/get-artifact$")

# Pages that somebody logged are shown in here: without an origin, and allowed to ask nobody. The
# second policy is for what the first one knows nothing of: WebRTC, and names that are looked up.
_FRAME: Final = b"""<!doctype html>
<meta charset="utf-8"><title>Preview</title>
<script>
addEventListener("message", (event) => {
  if (event.source !== parent) return
  document.open()
  document.write(event.data)
  document.close()
}, { once: true })
parent.postMessage("ready", "*")
</script>
"""
_FRAME_POLICY: Final = (
    b"sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; "
    b"style-src 'unsafe-inline'; img-src data: blob:; media-src data: blob:; font-src data:; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)

_NO_CONNECTION: Final = b"()"

_NOT_BUILT: Final = b"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Millrace</title>
<h1>Millrace is running</h1>
<p>Its web UI is not built here. A wheel from PyPI has it; in a checkout, <code>make ui</code>
builds it. The API answers as always.</p>
</html>
"""


class Pages:
    """The page of the UI below *prefix*; *frame_options* say who may put it into a frame."""

    def __init__(self, prefix: str, frame_options: str) -> None:
        self._prefix = prefix
        self._frames = _FRAMES[frame_options]
        path = _UI / "index.html"
        self._template = path.read_text("utf-8") if path.exists() else None

    def routes(self, bridge: Callable[[], Bridge]) -> Iterator[PlainRoute]:
        """The page at the prefix, and its files."""
        prefix = self._prefix
        yield PlainRoute(f"{prefix}/", self.page)
        if prefix:
            there = Answer(
                status=308, content_type=b"", headers=((b"location", f"{prefix}/".encode()),)
            )
            yield PlainRoute(prefix, lambda _: there)
        yield PlainRoute(f"{prefix}/assets/{{name}}", _asset, bridge)
        policies = (
            (b"content-security-policy", _FRAME_POLICY),
            (b"connection-allowlist", _NO_CONNECTION),
        )
        frame = Answer(_FRAME, content_type=_HTML, headers=policies)
        yield PlainRoute(f"{prefix}/frame", lambda _: frame)

    def at(self, incoming: Incoming) -> Answer | None:
        """The page for an address that nothing else answers, when a browser asks to see it."""
        within = incoming.path.removeprefix(self._prefix)
        is_ours = incoming.path.startswith(f"{self._prefix}/") and not _CALLS.match(within)
        is_reading = incoming.method in {"GET", "HEAD"}
        if is_ours and is_reading and b"text/html" in incoming.headers.get(b"accept", b""):
            return self.page(incoming)
        return None

    def page(self, incoming: Incoming) -> Answer:
        """The page itself; it finds out from its address what to show."""
        nonce = secrets.token_urlsafe(12)
        policy = (
            f"default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; "
            "connect-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
            "font-src 'self'; frame-src 'self' blob:; worker-src 'self'; manifest-src 'self'; "
            "object-src 'none'; base-uri 'none'; form-action 'none'; "
            f"frame-ancestors {self._frames}"
        )
        headers = ((b"content-security-policy", policy.encode()), (b"cache-control", b"no-store"))
        if self._template is None:
            return Answer(_NOT_BUILT, content_type=_HTML, headers=headers)
        told = json.dumps({"base": self._prefix, "version": __version__, "nonce": nonce})
        chosen = _THEME.search(incoming.headers.get(b"cookie", b""))
        theme = f' data-theme="{chosen[1].decode()}"' if chosen else ""
        text = (
            self._template.replace("{{page}}", html.escape(told))
            .replace("<html", f"<html{theme}", 1)
            .replace('"./', f'"{self._prefix}/')
        )
        return Answer(text.encode(), content_type=_HTML, headers=headers)


def _asset(incoming: Incoming) -> Answer:
    name = incoming.values["name"]
    accepted = incoming.headers.get(b"accept-encoding", b"")
    codings = re.findall(r"[a-z]+", accepted.decode("latin-1").lower())
    for coding, suffix in (("br", ".br"), ("gzip", ".gz"), ("", "")):
        if coding and coding not in codings:
            continue
        if (body := _file(f"{name}{suffix}")) is not None:
            headers: tuple[tuple[bytes, bytes], ...] = (_FOR_EVER, (b"vary", b"accept-encoding"))
            if coding:
                headers += ((b"content-encoding", coding.encode()),)
            kind = _TYPES.get(Path(name).suffix, b"application/octet-stream")
            return Answer(body, content_type=kind, headers=headers)
    raise no_such_path(incoming.path)


@functools.cache
def _file(name: str) -> bytes | None:
    path = _UI / "assets" / name
    return path.read_bytes() if _NAME.fullmatch(name) and path.is_file() else None
