"""`mlflow-artifacts:/path`: artifacts through a tracking server, ours or MLflow's.

A server of ours is told the digest of what it is sent and refuses what does not match; it tells the
digest of what it sends, and a download is compared before its last bytes are handed out. With
MLflow's the length alone tells. A download that is cut goes on where it was. The connection is the
caller's, and stays open.
"""

from __future__ import annotations

import base64
import itertools
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeVar
from urllib.parse import quote, unquote

import msgspec

from millrace.artifacts.location import parse
from millrace.artifacts.paths import folder_segments, is_clean, joined, segments
from millrace.artifacts.protocols import Part, SignedUrl
from millrace.artifacts.reading import Reader, etag_of, told_digest
from millrace.artifacts.streams import CHUNK, Checked, Measured, Watched, held_back, started
from millrace.core import bundles
from millrace.core.entities.artifact import ArtifactStat, FileInfo
from millrace.core.errors import (
    AlreadyExists,
    DataLoss,
    InvalidArgument,
    MethodNotAllowed,
    MillraceError,
    NotFound,
    NotSupported,
    Unavailable,
    from_answer,
)
from millrace.http.client import Message
from millrace.http.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence

    from millrace.artifacts.open import Reach
    from millrace.http.client import HttpClient

T = TypeVar("T")

_ROUTES: Final = "/api/2.0/mlflow-artifacts"
# Names in a path of ours; a slash separates.
_SAFE: Final = "/-_.~"
_DEEPEST: Final = 2000
_SMALL: Final = 64 * 1024
_ONCE: Final = Patience(retries=0)


class _Listing(msgspec.Struct):
    files: list[FileInfo] = []


class _Credential(msgspec.Struct):
    url: str
    part_number: int
    headers: dict[str, str] = {}


class _Upload(msgspec.Struct):
    upload_id: str | None = None
    credentials: list[_Credential] = []


class _Signed(msgspec.Struct):
    url: str
    headers: dict[str, str] = {}


class _Refused(msgspec.Struct):
    status: int
    error_code: str
    message: str


class _Taken(msgspec.Struct):
    refused: list[_Refused] = []


class ProxiedArtifacts:
    """The files below *root* of what a tracking server keeps. Thread-safe."""

    def __init__(self, client: HttpClient, root: str, patience: Patience) -> None:
        self._client = client
        self._root = root
        self._patience = patience
        self._reader = Reader(client, patience, self._file)
        # Until it has told one, or somebody who knows: only ours compares what it is sent.
        self._tells_digests = False

    def put(
        self,
        path: str,
        body: Path | Iterable[bytes],
        *,
        size: int | None = None,
        sha256: str | None = None,
        replace: bool = True,
    ) -> ArtifactStat:
        """See `ArtifactStore`. Against MLflow's server `replace=False` looks first, and two who do
        so at once can both succeed."""
        url = self._file(path)
        if size is None and isinstance(body, Path) and body.is_file():
            size = body.stat().st_size
        headers = {"Content-Type": "application/octet-stream"}
        if size is not None:
            headers["Content-Length"] = str(size)
        if sha256 is not None:
            headers["Repr-Digest"] = _digest_field(sha256)
        if not replace:
            headers["If-None-Match"] = "*"
            if self.stat(path) is not None:
                raise AlreadyExists(f"There is an artifact {path!r} already.")
        # What the other side compares need not be hashed once more on its way.
        is_compared = self._tells_digests and sha256 is not None
        upload = _Sent(body, size, sha256, checks=not is_compared)
        message = Message(method="PUT", path=url, headers=headers, stream=upload.chunks)
        if size is not None and size <= _SMALL:
            # Head and body in one write: the server wakes up once for both.
            content = b"".join(upload.chunks())
            message = Message(method="PUT", path=url, headers=headers, body=content)
        try:
            answer = self._client.request(
                message, self._patience if upload.is_repeatable else _ONCE
            )
        except MillraceError as error:
            if upload.fault is not None:
                raise upload.fault from None
            if not replace and error.status in {409, 412}:
                raise AlreadyExists(f"There is an artifact {path!r} already.") from error
            raise
        self._compare(path, upload.sha256, told_digest(answer.headers))
        return ArtifactStat(size=upload.count, etag=etag_of(answer.headers), sha256=upload.sha256)

    def rely_on_digests(self) -> None:
        """It is known before its first answer that the server compares what it is sent."""
        self._tells_digests = True

    def _compare(self, path: str, sent: str | None, told: str | None) -> None:
        self._tells_digests = told is not None
        if told not in {None, sent}:
            raise DataLoss(f"{path!r} arrived with the SHA-256 {told}, not {sent}: send it again.")

    def get(self, path: str, *, start: int = 0, end: int | None = None) -> Generator[bytes]:
        """See `ArtifactStore`. `InvalidState` at the end of a whole file that is not what was
        kept."""
        return started(self._reader.read(path, start, end))

    def stat(self, path: str) -> ArtifactStat | None:
        """See `ArtifactStore`."""
        try:
            return self._reader.stat(path)
        except MethodNotAllowed:
            return self._listed(path)

    def _listed(self, path: str) -> ArtifactStat | None:
        """What the listing of the folder says, where nobody answers HEAD."""
        folder = path.rpartition("/")[0]
        for info in self.list(folder):
            if info.path == path and not info.is_dir:
                return ArtifactStat(size=info.file_size or 0)
        return None

    def list(self, path: str = "") -> Iterator[FileInfo]:
        """See `ArtifactStore`."""
        folder_segments(path)
        asked = joined(self._root, path) if path else self._root
        message = Message(
            method="GET", path=f"{_ROUTES}/artifacts", query=(("path", asked),) if asked else ()
        )
        try:
            answer = self._client.request(message, self._patience)
        except NotFound:
            return iter(())
        found = [
            # Whatever a server says of its files, they are in the folder that was asked for.
            FileInfo(
                path=joined(path, name),
                is_dir=info.is_dir,
                file_size=None if info.is_dir else info.file_size or 0,
            )
            for info in _decoded(answer.body, _Listing).files
            if is_clean([name := info.path.rstrip("/").rpartition("/")[2]])
        ]
        return iter(sorted(found, key=attrgetter("path")))

    def delete(self, path: str) -> int:
        """See `ArtifactStore`. Counted before: servers do not tell."""
        url = self._file(path)
        count = self._count(path)
        if count:
            self._client.request(Message(method="DELETE", path=url), self._patience)
        return count

    def _count(self, path: str) -> int:
        if self.stat(path) is not None:
            return 1
        count, pending = 0, [path]
        while pending:
            for info in self.list(pending.pop()):
                count += not info.is_dir
                if info.is_dir and info.path.count("/") < _DEEPEST:
                    pending.append(info.path)
        return count

    def start_parts(self, path: str, count: int, *, ttl_s: int) -> tuple[str, Sequence[SignedUrl]]:
        """See `Multipart`; `NotSupported` when the server's own store cannot sign."""
        del ttl_s  # the server's to decide
        asked = {"path": path.rpartition("/")[2], "num_parts": count}
        upload = _decoded(self._mpu("create", path, asked), _Upload)
        urls = [
            SignedUrl(url=each.url, method="PUT", headers=each.headers)
            for each in sorted(upload.credentials, key=lambda each: each.part_number)
        ]
        return upload.upload_id or "", urls

    def finish_parts(
        self,
        path: str,
        upload: str,
        parts: Sequence[Part],
        *,
        size: int | None = None,
        sha256: str | None = None,
    ) -> None:
        """See `Multipart`. A server of ours records *size* and *sha256* of the whole."""
        told = [{"part_number": part.number, "etag": part.etag, "url": ""} for part in parts]
        asked: dict[str, object] = {"upload_id": upload, "parts": told}
        if sha256 is not None:
            asked |= {"size": size, "sha256": sha256}
        self._mpu("complete", path, asked)

    def abort_parts(self, path: str, upload: str) -> None:
        """See `Multipart`."""
        self._mpu("abort", path, {"upload_id": upload})

    def _mpu(self, verb: str, path: str, asked: Mapping[str, object]) -> bytes:
        folder, _, name = joined(self._root, path).rpartition("/")
        url = f"{_ROUTES}/mpu/{verb}/{quote(folder, safe=_SAFE)}"
        body = msgspec.json.encode({"path": name, **asked})
        return self._client.request(
            Message(method="POST", path=url, body=body), self._patience
        ).body

    def sign(self, path: str, method: Literal["GET", "PUT"], *, ttl_s: int) -> SignedUrl:
        """See `Signs`; `NotSupported` when the server's own store cannot."""
        del ttl_s  # the server's to decide
        if method != "GET":
            raise NotSupported("A tracking server signs downloads only; upload in parts instead.")
        segments(path)
        url = f"{_ROUTES}/presigned/{quote(joined(self._root, path), safe=_SAFE)}"
        answer = self._client.request(Message(method="GET", path=url), self._patience)
        signed = _decoded(answer.body, _Signed)
        return SignedUrl(url=signed.url, method="GET", headers=signed.headers)

    def close(self) -> None:
        """The connection is the caller's."""

    def put_bundle(self, folder: str, body: Sequence[bytes]) -> None:
        """Keep the small files of a bundle (`core.bundles`, but for its end) below *folder*; what
        the first that is refused stands for is raised. `NotFound`, or the like, where the server
        takes none."""
        message = Message(
            method="POST",
            path=self._bundle(folder),
            headers={"Content-Type": bundles.MEDIA_TYPE},
            body=b"".join([*body, bundles.END]),
        )
        answer = self._client.request(message, self._patience)
        for refused in _decoded(answer.body, _Taken).refused:
            raise from_answer(refused.status, refused.error_code, refused.message)

    def get_bundle(self, folder: str) -> Iterator[tuple[bundles.Entry, bytes]]:
        """All files below *folder*; `Unavailable` when the answer breaks off."""
        message = Message(method="GET", path=self._bundle(folder))
        arriving = self._client.open(message, self._patience)
        try:
            yield from bundles.arriving(arriving.chunks(CHUNK))
        except ValueError as error:
            raise Unavailable(f"The server's answer cannot be used: {error}.") from error
        finally:
            arriving.close()

    def _bundle(self, folder: str) -> str:
        segments(folder)
        return f"{_ROUTES}/bundle/{quote(joined(self._root, folder), safe=_SAFE)}"

    def _file(self, path: str) -> str:
        segments(path)
        return f"{_ROUTES}/artifacts/{quote(joined(self._root, path), safe=_SAFE)}"


class _Sent:
    """A body on its way to a server, made anew for each attempt where that can be done.

    The last chunk is kept back until all is checked, so a body that fails its checks never arrives
    in full; what went wrong in it is in `fault`. Without *checks* it is only measured.
    """

    def __init__(
        self,
        body: Path | Iterable[bytes],
        size: int | None,
        sha256: str | None,
        *,
        checks: bool,
    ) -> None:
        self._body = body
        self._size = size
        self._sha256 = sha256.lower() if sha256 else None
        self._checks = checks
        # An iterator is its own; anything else can be read again.
        self.is_repeatable = isinstance(body, Path) or iter(body) is not body
        self._checked: Checked | Measured = Checked(())
        self._watched = Watched(())

    @property
    def count(self) -> int:
        return self._checked.count

    @property
    def sha256(self) -> str | None:
        checked = self._checked
        return checked.sha256 if isinstance(checked, Checked) else self._sha256

    @property
    def fault(self) -> BaseException | None:
        return self._watched.fault

    def chunks(self) -> Iterable[bytes]:
        self._checked = (
            Checked(self._body, size=self._size, sha256=self._sha256)
            if self._checks
            else Measured(self._body, size=self._size)
        )
        self._watched = Watched(self._checked)
        body = held_back(self._watched)
        first = next(body, b"")  # before the head: an empty body has no chunk to be kept back
        return itertools.chain([first], body) if first else ()


def _digest_field(sha256: str) -> str:
    """The value of Repr-Digest (RFC 9530)."""
    try:
        return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"
    except ValueError:
        raise InvalidArgument(f"{sha256!r} is no SHA-256 in hexadecimal.") from None


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body or b"{}", type=kind, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unavailable("The server's answer about artifacts cannot be read.") from error


def open_proxied(uri: str, reach: Reach) -> ProxiedArtifacts:
    """The artifacts at *uri*, through the caller's tracking server or the one that is named."""
    where = parse(uri)
    if where.user is not None or where.query:
        raise InvalidArgument(f"{where}: expected mlflow-artifacts:/path, without user or query.")
    if reach.server is None:
        raise InvalidArgument(
            f"{where} is kept by a tracking server: set MLFLOW_TRACKING_URI to its address."
        )
    root = unquote(where.path).strip("/")
    folder_segments(root)
    _ = where.port
    patience = Patience(backoff_s=0.5, total_s=reach.patience_s)
    return ProxiedArtifacts(reach.server(where.authority or None), root, patience)
