"""Artifacts that a tracking server keeps, by the shortest way that it offers.

Usually bytes go through the server. A file is not sent at all when the server has its bytes and can
take them from there. Where the server lets no bytes through, or the settings say so for large
files, they go past it, to and from its store, by URLs that it has signed. Our credentials stay
here: a signed URL carries its own, and no redirect of it is followed.
"""

from __future__ import annotations

import logging
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Protocol, runtime_checkable
from urllib.parse import urlsplit

from millrace.api.artifacts import Adopt, ArtifactAt
from millrace.api.endpoint import Nothing
from millrace.api.system import ServerInfo
from millrace.api.table import BY_NAME
from millrace.artifacts.protocols import Part
from millrace.artifacts.streams import CHUNK, chunks_of, started
from millrace.core import settings
from millrace.core.entities.artifact import ArtifactStat
from millrace.core.errors import (
    InvalidState,
    MethodNotAllowed,
    MillraceError,
    NotFound,
    NotSupported,
)
from millrace.http.client import HttpClient, Message, Options
from millrace.http.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

    from millrace.artifacts.protocols import SignedUrl
    from millrace.artifacts.proxied import ProxiedArtifacts
    from millrace.client.transports import Transport
    from millrace.core.bundles import Entry
    from millrace.core.entities.artifact import FileInfo

logger = logging.getLogger(__name__)

_WORTH_ASKING: Final = 1024 * 1024
"""A smaller file is sent as fast as it is asked for."""
_AT_ONCE: Final = 4
"""Parts in memory and on their way at the same time."""
_MOST_PARTS: Final = 10_000
_SIGNED_S: Final = 3600
_BRIEFLY: Final = Patience(retries=0)
# Of other servers than ours, and of older ones.
_UNKNOWN: Final = (NotFound, NotSupported, MethodNotAllowed)


@runtime_checkable
class Pieces(Protocol):
    """A body whose bytes can be had in any order."""

    size: int

    def piece(self, start: int, count: int) -> bytes:
        """*count* bytes from *start* on; fewer at the end."""
        ...


class _Spooled:
    """A body that could only be had once, in a file without a name."""

    def __init__(self, file: IO[bytes], chunks: Iterable[bytes]) -> None:
        self._file = file
        self._lock = threading.Lock()
        for chunk in chunks:
            file.write(chunk)
        self.size = file.tell()

    def piece(self, start: int, count: int) -> bytes:
        """See `Pieces`."""
        with self._lock:
            self._file.seek(start)
            return self._file.read(count)


@contextmanager
def _in_pieces(body: Path | Iterable[bytes]) -> Iterator[Pieces]:
    if isinstance(body, Pieces):
        yield body
        return
    chunks = chunks_of(body) if isinstance(body, Path) else body
    with tempfile.SpooledTemporaryFile(_WORTH_ASKING) as file:
        yield _Spooled(file, chunks)


class ServedArtifacts:
    """All that the server behind *transport* keeps; *through* it go what takes no other way."""

    def __init__(self, transport: Transport, through: ProxiedArtifacts, patience: Patience) -> None:
        self._transport = transport
        self._through = through
        self._patience = patience
        self._adopts = True
        self._told: ServerInfo | None = None
        self._stores: dict[str, HttpClient] = {}

    def put(
        self,
        path: str,
        body: Path | Iterable[bytes],
        *,
        size: int | None = None,
        sha256: str | None = None,
        replace: bool = True,
    ) -> ArtifactStat:
        """See `ArtifactStore`."""
        if replace and size is not None and sha256 and self._has_already(path, size, sha256):
            return ArtifactStat(size=size, etag=sha256, sha256=sha256)
        if self._info().artifacts_presigned_only:
            with _in_pieces(body) as pieces:
                self._put_parts(path, pieces, sha256)
                return ArtifactStat(size=pieces.size, sha256=sha256)
        if isinstance(body, Pieces) and self._is_large(body.size):
            try:
                self._put_parts(path, body, sha256)
            except NotSupported as error:
                logger.debug("%s goes through the server: %s", path, error)
            else:
                return ArtifactStat(size=body.size, sha256=sha256)
        return self._through.put(path, body, size=size, sha256=sha256, replace=replace)

    def get(self, path: str, *, start: int = 0, end: int | None = None) -> Generator[bytes]:
        """See `ArtifactStore`."""
        if self._info().artifacts_presigned_only:
            return started(self._get_past(path, start, end))
        return self._through.get(path, start=start, end=end)

    def stat(self, path: str) -> ArtifactStat | None:
        """See `ArtifactStore`."""
        if not self._info().artifacts_presigned_only:
            return self._through.stat(path)
        # The server answers no HEAD then either; its listing is no secret.
        folder = path.rpartition("/")[0]
        for info in self._through.list(folder):
            if info.path == path and not info.is_dir:
                return ArtifactStat(size=info.file_size or 0)
        return None

    def list(self, path: str = "") -> Iterator[FileInfo]:
        """See `ArtifactStore`."""
        return self._through.list(path)

    def delete(self, path: str) -> int:
        """See `ArtifactStore`."""
        if not self._info().artifacts_presigned_only:
            return self._through.delete(path)
        count = 1 if self.stat(path) else sum(1 for _ in self._files(path))
        self._call("deleteArtifact", ArtifactAt(artifact_path=path))
        return count

    def _files(self, path: str) -> Iterator[FileInfo]:
        for each in self.list(path):
            if each.is_dir:
                yield from self._files(each.path)
            else:
                yield each

    def takes_bundles(self) -> bool:
        """See `Bundling`."""
        return self._info().artifact_bundles_supported

    def put_bundle(self, folder: str, body: Sequence[bytes]) -> None:
        """See `Bundling`."""
        self._through.put_bundle(folder, body)

    def get_bundle(self, folder: str) -> Iterator[tuple[Entry, bytes]]:
        """See `Bundling`."""
        return self._through.get_bundle(folder)

    def close(self) -> None:
        """The connections are the transport's."""

    # --- what need not be sent -------------------------------------------------------------------

    def _has_already(self, path: str, size: int, sha256: str) -> bool:
        """Whether the server has made the file of bytes that it had."""
        if size < _WORTH_ASKING or not self._adopts:
            return False
        asked = Adopt(artifact_path=path, sha256=sha256, size=size)
        try:
            return bool(self._call("adoptArtifact", asked, _BRIEFLY).adopted)
        except _UNKNOWN:
            self._adopts = False
        except MillraceError as error:
            # It would only have been quicker: sending it says what is wrong, if anything is.
            logger.debug("whether %s is there already could not be told: %s", path, error)
        return False

    # --- past the server -------------------------------------------------------------------------

    @staticmethod
    def _is_large(size: int) -> bool:
        return (
            settings.ENABLE_PROXY_MULTIPART_UPLOAD.get()
            and size >= settings.MULTIPART_UPLOAD_MINIMUM_FILE_SIZE.get()
        )

    def _put_parts(self, path: str, body: Pieces, sha256: str | None) -> None:
        """Upload in parts, each again if need be; all or nothing.

        `NotSupported` when the server's store takes no parts: then nothing has happened.
        """
        size = max(settings.MULTIPART_UPLOAD_CHUNK_SIZE.get(), -(-body.size // _MOST_PARTS))
        count = max(1, -(-body.size // size))
        upload, urls = self._through.start_parts(path, count, ttl_s=_SIGNED_S)
        try:
            if len(urls) == count:
                parts = self._sent(body, size, urls)
                self._through.finish_parts(path, upload, parts, size=body.size, sha256=sha256)
                return
        except BaseException:
            with suppress(MillraceError):  # what is left is for the server to tidy up
                self._through.abort_parts(path, upload)
            raise
        raise InvalidState(f"The server has signed {len(urls)} parts of {path!r}, not {count}.")

    def _sent(self, body: Pieces, size: int, urls: Sequence[SignedUrl]) -> Sequence[Part]:
        """The parts of *body*, each of *size* bytes, uploaded several at once."""

        def send(number: int, signed: SignedUrl) -> Part:
            chunk = body.piece((number - 1) * size, size)
            headers = {"Content-Type": "application/octet-stream", **signed.headers}
            client, rest = self._past(signed.url)
            message = Message(method="PUT", path=rest, body=chunk, headers=headers)
            etag = client.request(message, self._patience).headers.get("etag")
            if not etag:
                raise InvalidState(f"The store has not named part {number}.")
            return Part(number=number, etag=etag)

        with ThreadPoolExecutor(_AT_ONCE, "millrace-part") as pool:
            return list(pool.map(send, range(1, len(urls) + 1), urls))

    def _get_past(self, path: str, start: int, end: int | None) -> Generator[bytes]:
        signed = self._through.sign(path, "GET", ttl_s=_SIGNED_S)
        client, rest = self._past(signed.url)
        headers = {"Accept-Encoding": "identity", **signed.headers}
        if start or end is not None:
            headers["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
        message = Message(method="GET", path=rest, headers=headers)
        arriving = client.open(message, self._patience)
        try:
            if start and arriving.status != 206:  # noqa: PLR2004 - RFC 9110 section 15.3.7
                raise NotSupported("The store does not send parts of files.")
            yield b""
            yield from arriving.chunks(CHUNK)
        finally:
            arriving.close()

    # --- steps -----------------------------------------------------------------------------------

    def _info(self) -> ServerInfo:
        """What the server says of itself, asked for once."""
        if self._told is None:
            try:
                self._told = self._call("getServerInfo", Nothing())
            except _UNKNOWN:
                self._told = ServerInfo(store_type=None)
            if self._told.artifact_bundles_supported:  # no server but ours takes them
                self._through.rely_on_digests()
        return self._told

    def _past(self, url: str) -> tuple[HttpClient, str]:
        """A client without credentials for the server of *url*, and the rest of it."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.netloc or "@" in parts.netloc:
            raise InvalidState("The server has signed what is no plain http(s) address.")
        base = f"{parts.scheme}://{parts.netloc}"
        client = self._stores.get(base)
        if client is None:
            made = HttpClient(base, dict, Options(redirects=False))
            client = self._stores.setdefault(base, made)
        return client, url[len(base) :]

    def _call(self, name: str, request: Any, patience: Patience | None = None) -> Any:  # noqa: ANN401
        return self._transport.call(BY_NAME[name], request, patience=patience)
