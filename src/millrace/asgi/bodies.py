"""Request bodies: how much of what is taken in.

How slowly a body may come is the business of the connection, see `asgi.protocol`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from millrace.asgi.errors import Disconnected
from millrace.core.errors import InvalidArgument, TooLarge, UnsupportedMediaType

if TYPE_CHECKING:
    from millrace.asgi.exchange import Receive


async def read_body(receive: Receive, headers: dict[bytes, bytes], limit: int) -> bytes:
    """The whole body, of at most *limit* bytes.

    `TooLarge` before anything is read when the length is announced, otherwise as soon as the limit
    is passed. `UnsupportedMediaType` for a compressed body; `Disconnected` when it ends early.
    """
    if not has_body(headers):
        return b""
    announced = announced_size(headers)
    if announced is not None and announced > limit:
        raise _too_large(limit)
    refuse_coding(headers)
    body, more = await _next(receive)
    if not more and len(body) <= limit:
        return body
    parts, size = [body], len(body)
    while True:
        if size > limit:
            raise _too_large(limit)
        if not more:
            return b"".join(parts)
        body, more = await _next(receive)
        parts.append(body)
        size += len(body)


def has_body(headers: dict[bytes, bytes]) -> bool:
    """Whether a request with *headers* says that a body comes."""
    return headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers


def announced_size(headers: dict[bytes, bytes]) -> int | None:
    """How long the body will be; None when it comes in chunks, 0 when none comes."""
    if not has_body(headers):
        return 0
    length = headers.get(b"content-length")
    return None if length is None else int(length)


def refuse_coding(headers: dict[bytes, bytes]) -> None:
    """Refuse a body that is not sent as it is."""
    coding = headers.get(b"content-encoding")
    if coding is not None and coding.strip().lower() != b"identity":
        raise UnsupportedMediaType("Compressed bodies are not read; send no Content-Encoding.")


def require_json(headers: dict[bytes, bytes]) -> None:
    """Refuse every media type but JSON; its parameters are allowed and ignored."""
    if headers.get(b"content-type") != b"application/json":
        require_type(headers, "application/json")


def require_type(headers: dict[bytes, bytes], wanted: str) -> None:
    """Refuse every media type but *wanted*; its parameters are allowed and ignored."""
    given = headers.get(b"content-type")
    if given is None:
        raise InvalidArgument(f"The Content-Type header is missing; send {wanted!r}.")
    if given.partition(b";")[0].strip().lower() != wanted.encode():
        raise InvalidArgument(
            f"Content-Type {given[:100].decode('latin-1')!r} is not read here; send {wanted!r}."
        )


async def _next(receive: Receive) -> tuple[bytes, bool]:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Disconnected
    return message.get("body", b""), message.get("more_body", False)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body is larger than the {limit} bytes that this endpoint reads.")
