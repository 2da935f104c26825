"""`http://host/path` and `https://...`: files of a web server, to be read.

There is no listing and no writing. Redirects are followed within the same origin only. Where the
server opens such a place for somebody, it gives a client that checks addresses (`Reach.web`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn
from urllib.parse import quote

from millrace.artifacts.location import parse
from millrace.artifacts.paths import segments
from millrace.artifacts.reading import Reader
from millrace.artifacts.streams import started
from millrace.core.errors import InvalidArgument, NotSupported
from millrace.http.client import HttpClient
from millrace.http.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from pathlib import Path

    from millrace.artifacts.location import Location
    from millrace.artifacts.open import Reach
    from millrace.core.entities.artifact import ArtifactStat, FileInfo


class WebArtifacts:
    """The files below an address. Thread-safe."""

    def __init__(self, client: HttpClient, where: Location, patience: Patience) -> None:
        self._client = client
        self._where = where
        self._reader = Reader(client, patience, self._address)

    def put(
        self,
        path: str,
        body: Path | Iterable[bytes],
        *,
        size: int | None = None,
        sha256: str | None = None,
        replace: bool = True,
    ) -> ArtifactStat:
        """`NotSupported`."""
        del body, size, sha256, replace
        self._refuse(f"keep {path!r}")

    def get(self, path: str, *, start: int = 0, end: int | None = None) -> Generator[bytes]:
        """See `ArtifactStore`."""
        return started(self._reader.read(path, start, end))

    def stat(self, path: str) -> ArtifactStat | None:
        """See `ArtifactStore`."""
        return self._reader.stat(path)

    def list(self, path: str = "") -> Iterator[FileInfo]:
        """`NotSupported`."""
        self._refuse(f"list {path!r}")

    def delete(self, path: str) -> int:
        """`NotSupported`."""
        self._refuse(f"delete {path!r}")

    def close(self) -> None:
        """See `ArtifactStore`."""
        self._client.close()

    def _address(self, path: str) -> str:
        segments(path)
        return "/" + quote(path, safe="/-_.~")

    def _refuse(self, what: str) -> NoReturn:
        raise NotSupported(
            f"{self._where} is a web server: it cannot {what}. Files are read there by their name."
        )


def open_web(uri: str, reach: Reach) -> WebArtifacts:
    """Open a place on a web server; nothing is sent yet."""
    where = parse(uri)
    if not where.host or where.user is not None or where.query:
        raise InvalidArgument(
            f"{where}: expected {where.scheme}://host/path, without user or query."
        )
    base = f"{where.scheme}://{where.authority}{where.path}".rstrip("/")
    client = reach.web(base) if reach.web else HttpClient(base, dict)
    return WebArtifacts(client, where, Patience(backoff_s=0.5, total_s=reach.patience_s))
