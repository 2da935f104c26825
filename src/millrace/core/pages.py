"""Pages of results and the tokens that lead to the next one.

A token names the last row of the page before (keyset), never an offset: page 1,000 costs what
page 1 costs, and rows that appear meanwhile are neither skipped nor repeated. Tokens are signed
and bound to the query, so a foreign or altered one is refused instead of misread.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from millrace.core.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
U = TypeVar("U")

Position = tuple[str | int | float | None, ...]
"""Where a page ended: the sort values of its last row, in the order of the sort keys."""

_SIGNATURE_BYTES = 12


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Some rows in order, and where the next page begins (None: this was the last)."""

    items: tuple[T, ...] = ()
    next: Position | None = None

    def map(self, change: Callable[[T], U]) -> Page[U]:
        """The same page with every item changed."""
        return Page(tuple(change(item) for item in self.items), self.next)


class Tokens:
    """Writes and reads page tokens with the store's secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def write(self, position: Position | None, query: object) -> str | None:
        """The token for the page after *position* of *query*; None stays None."""
        if position is None:
            return None
        payload = msgspec.msgpack.encode(position)
        return base64.urlsafe_b64encode(self._sign(payload, query) + payload).decode()

    def read(self, token: str | None, query: object) -> Position | None:
        """The position that *token* holds; `InvalidArgument` unless it was made for *query*."""
        if not token:
            return None
        try:
            raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
            signature, payload = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
            if hmac.compare_digest(signature, self._sign(payload, query)):
                return tuple(msgspec.msgpack.decode(payload, type=list[str | int | float | None]))
        except (UnicodeEncodeError, binascii.Error, ValueError):
            pass
        raise InvalidArgument(
            "Invalid page_token: it was not issued by this server for this very query. "
            "Repeat the query without page_token to start again."
        )

    def _sign(self, payload: bytes, query: object) -> bytes:
        bound = msgspec.json.encode(query)
        message = len(bound).to_bytes(8, "big") + bound + payload
        return hmac.new(self._secret, message, hashlib.sha256).digest()[:_SIGNATURE_BYTES]
