"""How much of a body is taken in, and which kinds."""

from __future__ import annotations

import asyncio

import pytest

from millrace.asgi.bodies import has_body, read_body, require_json
from millrace.asgi.errors import Disconnected
from millrace.core.errors import InvalidArgument, TooLarge, UnsupportedMediaType

CHUNKED = {b"transfer-encoding": b"chunked"}


class Client:
    """Sends *pieces*, or goes away at a None; counts how many were asked for."""

    def __init__(self, *pieces: bytes | None) -> None:
        self._pieces = list(pieces)
        self.taken = 0

    async def receive(self) -> dict[str, object]:
        self.taken += 1
        piece = self._pieces.pop(0)
        if piece is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": bool(self._pieces)}


def read(client: Client, headers: dict[bytes, bytes], limit: int = 10) -> bytes:
    return asyncio.run(read_body(client.receive, headers, limit))


@pytest.mark.parametrize(
    "pieces", [(b"0123456789",), (b"01234", b"", b"56789"), (b"", b"0123456789")]
)
def test_a_body_up_to_the_limit_is_read(pieces: tuple[bytes, ...]) -> None:
    assert read(Client(*pieces), CHUNKED) == b"0123456789"


@pytest.mark.parametrize("headers", [{}, {b"content-length": b"0"}])
def test_where_none_is_announced_none_is_waited_for(headers: dict[bytes, bytes]) -> None:
    assert not has_body(headers)
    assert read(Client(), headers) == b""


@pytest.mark.parametrize("length", [b"11", b"9223372036854775807"])
def test_an_announced_excess_is_refused_unread(length: bytes) -> None:
    client = Client(b"x" * 11)

    with pytest.raises(TooLarge, match="10 bytes"):
        read(client, {b"content-length": length})

    assert client.taken == 0


@pytest.mark.parametrize("headers", [CHUNKED, {b"content-length": b"4"}])
def test_an_unannounced_excess_is_cut(headers: dict[bytes, bytes]) -> None:
    client = Client(*[b"xxxx"] * 100)

    with pytest.raises(TooLarge):
        read(client, headers)

    assert client.taken == 3


def test_one_piece_beyond_the_limit() -> None:
    with pytest.raises(TooLarge):
        read(Client(b"x" * 11), CHUNKED)


@pytest.mark.parametrize("pieces", [(None,), (b"x", None)])
def test_a_body_that_ends_early_is_nobodys(pieces: tuple[bytes | None, ...]) -> None:
    with pytest.raises(Disconnected):
        read(Client(*pieces), CHUNKED)


@pytest.mark.parametrize("coding", [b"gzip", b"identity, gzip", b"x", b""])
def test_codings_are_refused(coding: bytes) -> None:
    with pytest.raises(UnsupportedMediaType):
        read(Client(b"x"), CHUNKED | {b"content-encoding": coding})


def test_identity_is_no_coding() -> None:
    assert read(Client(b"x"), CHUNKED | {b"content-encoding": b"Identity"}) == b"x"


@pytest.mark.parametrize(
    "given", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON ;x=y"]
)
def test_json_by_any_parameters(given: str) -> None:
    require_json({b"content-type": given.encode()})


@pytest.mark.parametrize(
    "given", ["text/plain", "application/jsonx", "application/json-seq", "json", "", "text/json",
              "application/x-www-form-urlencoded", "multipart/form-data; boundary=application/json"]
)  # fmt: skip
def test_nothing_but_json(given: str) -> None:
    with pytest.raises(InvalidArgument, match="Content-Type"):
        require_json({b"content-type": given.encode()})


def test_a_missing_media_type_is_named() -> None:
    with pytest.raises(InvalidArgument, match="Content-Type header is missing"):
        require_json({})
