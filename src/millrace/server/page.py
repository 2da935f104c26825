"""The page at `/`: how to reach this server, and what was recorded last.

It carries all it needs and asks nobody else; its Content-Security-Policy says so to the browser.
"""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING, Final

from millrace import __version__
from millrace.asgi.exchange import Answer
from millrace.server.routes import PlainRoute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from millrace.asgi.exchange import Incoming

_ASSETS: Final = Path(__file__).parent / "assets"
_FRAMES: Final = {"SAMEORIGIN": "'self'", "DENY": "'none'", "NONE": "*"}
_CACHED: Final = ((b"cache-control", b"public, max-age=3600"),)


def page_routes(prefix: str, frame_options: str) -> Iterator[PlainRoute]:
    """The page below *prefix*, and its style and script."""
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src data:; object-src 'none'; base-uri 'none'; form-action 'none'; "
        f"frame-ancestors {_FRAMES[frame_options]}"
    )
    headers = ((b"content-security-policy", policy.encode()), (b"cache-control", b"no-cache"))
    template = (_ASSETS / "page.html").read_text("utf-8")
    # Versioned, so that an upgrade is seen at once although they are cached.
    style, script = (f"{prefix}/page-{__version__}.{kind}" for kind in ("css", "js"))

    def page(incoming: Incoming) -> Answer:
        host = incoming.headers.get(b"host", b"localhost").decode("latin-1")
        known = {
            "address": f"{incoming.scheme}://{host}{prefix}",
            "prefix": prefix,
            "version": __version__,
            "style": style,
            "script": script,
        }
        text = template
        for name, value in known.items():
            text = text.replace(f"{{{{{name}}}}}", html.escape(value))
        return Answer(text.encode(), content_type=b"text/html; charset=utf-8", headers=headers)

    yield PlainRoute(f"{prefix}/", page)
    if prefix:
        there = Answer(
            status=308, content_type=b"", headers=((b"location", f"{prefix}/".encode()),)
        )
        yield PlainRoute(prefix, lambda _: there)
    yield _asset(style, "page.css", b"text/css; charset=utf-8")
    yield _asset(script, "page.js", b"text/javascript; charset=utf-8")


def _asset(path: str, name: str, content_type: bytes) -> PlainRoute:
    answer = Answer((_ASSETS / name).read_bytes(), content_type=content_type, headers=_CACHED)
    return PlainRoute(path, lambda _: answer)
