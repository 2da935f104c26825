"""One request and its answer, as the rest of this floor and its callers see them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from millrace.core.errors import MillraceError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

Headers = list[tuple[bytes, bytes]]

JSON: Final = b"application/json"
TEXT: Final = b"text/plain; charset=utf-8"
# They have no body, and may not even say that its length is 0.
_WITHOUT_LENGTH: Final = frozenset({204, 304})
# Larger bodies are not worth a copy to have the head in front of them.
_ONE_PIECE: Final = 64 * 1024


class Incoming:
    """What came in, read as far as every route needs it.

    `headers`: by lower-case name, each that matters at most once. `path` is decoded, `raw_path`
    still percent-encoded. `values`: what stood in the `{name}` segments of the route, decoded.
    `link`: see `LINK`.
    """

    __slots__ = (
        "address",
        "headers",
        "link",
        "method",
        "path",
        "query",
        "raw_path",
        "request_id",
        "scheme",
        "values",
    )

    def __init__(self, scope: Scope, headers: dict[bytes, bytes], request_id: str) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.raw_path: bytes = scope.get("raw_path") or b""
        self.scheme: str = scope["scheme"]
        self.query: bytes = scope["query_string"]
        client = scope["client"]
        self.address: str | None = client[0] if client else None
        self.headers = headers
        self.link: Any = scope.get(LINK)
        self.request_id = request_id
        self.values: dict[str, str] = {}


class Answer(NamedTuple):
    """What goes out; an empty content type leaves the header out."""

    body: bytes = b""
    status: int = 200
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Streamed(NamedTuple):
    """What goes out piece by piece.

    `deliver(scope, send, headers)` sends the head with *headers* beside its own and all that
    follows; an error that it returns is answered instead, nothing was sent then.
    """

    deliver: Callable[[Scope, Send, Headers], Awaitable[MillraceError | None]]


LINK: Final = "millrace.link"
"""In the scope, where the server offers it: a way for bodies past the loop."""

AT_ONCE: Final = "millrace.answer_at_once"
"""In the scope, where the server offers it: `(status, headers, body) -> bool` writes a whole answer
in one piece, or says False and it goes out as two messages."""


async def send_answer(scope: Scope, send: Send, answer: Answer, headers: Headers) -> None:
    """Send *answer* with *headers* beside its own."""
    body, status, content_type, more = answer
    if content_type:
        headers.append((b"content-type", content_type))
    if status not in _WITHOUT_LENGTH:
        headers.append((b"content-length", b"%d" % len(body)))
    headers.extend(more)
    # Taken out: it holds the scope that holds it, and a ring would wait for the collector.
    at_once = scope.pop(AT_ONCE, None)
    if at_once is not None and len(body) <= _ONE_PIECE and at_once(status, headers, body):
        return
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
