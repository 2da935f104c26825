"""Reading a file over HTTP: parts of it, the rest after a cut, and a look at its digest.

The server may be anybody's: what it does not say (ETag, length, `Repr-Digest`) is done without.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Final

from millrace.artifacts.streams import CHUNK, Hash, held_back
from millrace.core.entities.artifact import ArtifactStat
from millrace.core.errors import (
    InvalidArgument,
    InvalidState,
    MillraceError,
    NotFound,
    NotSupported,
    Unavailable,
)
from millrace.http.client import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

    from millrace.http.client import Arriving, HttpClient
    from millrace.http.patience import Patience

_RESUMED: Final = 5
_PART: Final = 206
_SHA256: Final = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]+):")
_PLAIN: Final = {"Accept-Encoding": "identity"}


class Reader:
    """Reads files whose address below the client's base is `address(path)`."""

    def __init__(
        self, client: HttpClient, patience: Patience, address: Callable[[str], str]
    ) -> None:
        self._client = client
        self._patience = patience
        self._file = address

    def read(self, path: str, start: int, end: int | None) -> Generator[bytes]:
        """To be started (`streams.started`). `InvalidState` at the end of a whole file that is not
        what was kept."""
        if start < 0 or (end is not None and end < start):
            raise InvalidArgument(
                f"No bytes from {start} to {end}: a range goes forward from 0 on."
            )
        arriving = None if start == end else self._asked(path, start, end)
        if arriving is None:  # nothing of it is wanted, or it ends before
            if self.stat(path) is None:
                raise NotFound(f"No artifact {path!r}.")
            yield b""
            return
        yield b""
        try:
            body = self._resumed(path, arriving, start, end)
            wanted = told_digest(arriving.headers) if (start, end) == (0, None) else None
            yield from held_back(_compared(body, wanted, path)) if wanted else body
        finally:
            arriving.close()

    def _resumed(
        self, path: str, arriving: Arriving, start: int, end: int | None
    ) -> Iterator[bytes]:
        """The body; when it breaks off, the rest is asked for, if it is still the same file."""
        etag = arriving.headers.get("etag")
        first = arriving.headers.get("content-length", "")
        stop = start + int(first) if first.isdigit() else None
        at, tries = start, 0
        while True:
            before = at
            try:
                for chunk in arriving.chunks(CHUNK):
                    at += len(chunk)
                    yield chunk
            except Unavailable:
                tries = 1 if at > before else tries + 1
                if etag is None or etag.startswith("W/") or tries > _RESUMED:
                    raise
            else:
                return
            if at == stop:
                return
            arriving.close()
            again = self._asked(path, at, end, unchanged_since=etag)
            is_rest = again is not None and (again.status == _PART or not at)
            if again is None or not is_rest or again.headers.get("etag") != etag:
                raise Unavailable(f"{path!r} changed while it was downloaded; begin anew.")
            arriving = again

    def _asked(
        self, path: str, start: int, end: int | None, *, unchanged_since: str | None = None
    ) -> Arriving | None:
        """The answer to a request for a range; None when it begins behind the end."""
        headers = dict(_PLAIN)
        if start or end is not None:
            headers["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
        if unchanged_since is not None:
            headers["If-Range"] = unchanged_since
        message = Message(method="GET", path=self._file(path), headers=headers)
        try:
            arriving = self._client.open(message, self._patience)
        except MillraceError as error:
            if error.status == 416:  # noqa: PLR2004 - RFC 9110 section 15.5.17
                return None
            if isinstance(error, (NotFound, InvalidArgument)):  # it is a folder: 400
                raise NotFound(f"No artifact {path!r}.") from error
            raise
        if start and arriving.status != _PART and unchanged_since is None:
            arriving.close()
            raise NotSupported("The server does not send parts of files.")
        return arriving

    def stat(self, path: str) -> ArtifactStat | None:
        """See `ArtifactStore`. `MethodNotAllowed` where nobody answers HEAD."""
        message = Message(method="HEAD", path=self._file(path), headers=_PLAIN)
        try:
            answer = self._client.request(message, self._patience)
        except NotFound:
            return None
        except MillraceError as error:
            if error.status == 400:  # noqa: PLR2004 - it is a folder
                return None
            raise
        length = answer.headers.get("content-length", "")
        return ArtifactStat(
            size=int(length) if length.isdigit() else 0,
            etag=etag_of(answer.headers),
            sha256=told_digest(answer.headers),
        )


def _compared(body: Iterable[bytes], wanted: str, path: str) -> Iterator[bytes]:
    digest = Hash()
    try:
        for chunk in body:
            digest.update(chunk)
            yield chunk
    finally:
        found = digest.hexdigest()
    if found != wanted:
        raise InvalidState(
            f"{path!r} arrived with the SHA-256 {found}, and was kept with {wanted}: it is damaged."
        )


def told_digest(headers: Mapping[str, str]) -> str | None:
    """The SHA-256 that Repr-Digest tells (RFC 9530), hexadecimal."""
    found = _SHA256.search(headers.get("repr-digest", ""))
    try:
        return base64.b64decode(found[1], validate=True).hex() if found else None
    except binascii.Error:
        return None


def etag_of(headers: Mapping[str, str]) -> str | None:
    """The entity tag, without its quotes."""
    etag = headers.get("etag")
    return etag.strip('"') if etag else None
