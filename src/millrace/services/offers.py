"""What a client says of the bytes that it sends, and a body held against it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from millrace.core.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from millrace.core.entities.audit import Trail
    from millrace.services.places import Spot

_HASHES: Final = {"sha-512": hashlib.sha512, "md5": hashlib.md5}


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What a client says of the bytes that it sends.

    `digests` by the names of RFC 9530, and `md5`; unknown ones are ignored. `replace`: take the
    place of what is there. `expects(etag)` raises when what is there (None: nothing) is not what
    the client thinks.
    """

    size: int | None = None
    digests: dict[str, bytes] = {}
    replace: bool = True
    expects: Callable[[str | None], None] | None = None


class Sent(NamedTuple):
    """A small file that somebody sends, and that may be taken in."""

    spot: Spot
    body: bytes
    offer: Offer
    trail: Trail


class Intake:
    """A body on its way in: measured, and hashed as far as the store does not."""

    def __init__(
        self, body: Iterable[bytes], offer: Offer, check_size: Callable[[int], None]
    ) -> None:
        self._body = body
        self._offered = offer.digests
        self._hashes = {name: make() for name, make in _HASHES.items() if name in offer.digests}
        self._check_size = check_size

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for chunk in self._body:
            size += len(chunk)
            self._check_size(size)
            for one in self._hashes.values():
                one.update(chunk)
            yield chunk
        for name, one in self._hashes.items():
            if one.digest() != self._offered[name]:
                raise InvalidArgument(
                    f"The body has not the {name} digest that was announced: it was damaged on the "
                    "way, or is another file. Send it again."
                )
