"""Files on their way between this machine and an artifact store, several at once.

What is downloaded appears whole or not at all, and never outside the folder that was asked for,
whatever the store says its files are called: a store may belong to somebody hostile.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import logging
import os
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from millrace.artifacts.streams import Hash
from millrace.client import bundles
from millrace.client.progress import Progress
from millrace.client.spool import hold
from millrace.core.entities.artifact import ArtifactStat
from millrace.core.errors import (
    DataLoss,
    InvalidArgument,
    InvalidState,
    MillraceError,
    NotFound,
    NotSupported,
    Unavailable,
)
from millrace.core.uris import safe_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import BinaryIO

    from millrace.artifacts.protocols import ArtifactStore
    from millrace.client.depots import Place

T = TypeVar("T")

logger = logging.getLogger(__name__)

AT_ONCE: Final = 8
"""Files under way at the same time. Beyond it a server gains nothing and others wait longer."""
_CHUNK: Final = 1024 * 1024
_KEPT_BYTES: Final = 8 * 1024 * 1024
"""A longer file goes on where it was cut, also in the next process; a shorter one begins anew."""
_TRIES: Final = 5


class Upload(NamedTuple):
    """A file of this machine, and its path below the root that it goes to."""

    source: Path
    path: str


class Download(NamedTuple):
    """A file of the store, where it goes on this machine, and its size if it is known."""

    path: str
    target: Path
    size: int | None


# --- up ----------------------------------------------------------------------------------------


def files_below(folder: Path, path: str) -> list[Upload]:
    """All files in *folder* and what they are called below *path* in a store, sorted.

    Links to files are followed, links to folders are not; what is neither file nor folder is left
    out with a warning. `InvalidArgument` names the first file that no store could keep.
    """
    found: list[Upload] = []
    for where, folders, names in os.walk(folder):
        folders.sort()
        here = Path(where)
        for name in folders:
            if (here / name).is_symlink():
                logger.warning("%s is a link to a folder and is not uploaded", here / name)
        for name in sorted(names):
            source = here / name
            if not source.is_file():
                logger.warning("%s is no file and is not uploaded", source)
                continue
            below = source.relative_to(folder).as_posix()
            found.append(Upload(source, safe_path(f"{path}/{below}" if path else below)))
    return found


def send(root: Place, uploads: Sequence[Upload]) -> None:
    """Upload files to below *root*, several at once. When one fails, no other begins, and its
    error is raised."""
    sizes = [each.source.stat().st_size for each in uploads]
    with Progress("uploading", len(uploads), sum(sizes)) as progress:
        taker = bundles.offered(root.store, root.path) if len(uploads) > 1 else None
        groups = bundles.grouped(sizes) if taker else map(_alone, range(len(uploads)))

        def one(group: range) -> None:
            if taker is None or len(group) == 1:
                for each in uploads[group.start : group.stop]:
                    _send_one(root.below(each.path), each.source, progress)
            else:
                _send_bundle(root, taker, uploads[group.start : group.stop], progress)

        sent = _all(one, list(groups))
        if sent.error is None:
            return
        failed = uploads[sent.failed.start].source
        if isinstance(sent.error, MillraceError) and len(uploads) > 1:
            sent.error.add_note(
                f"{failed} failed, or one that travelled with it; "
                f"{progress.done_files} of {len(uploads)} files have arrived."
                if len(sent.failed) > 1
                else f"{failed} failed; {progress.done_files} of {len(uploads)} files have arrived."
            )
        raise sent.error


def _alone(at: int) -> range:
    return range(at, at + 1)


def _send_bundle(
    root: Place, taker: bundles.Bundling, uploads: Sequence[Upload], progress: Progress
) -> None:
    parts: list[bytes] = []
    together, alone = [], []
    for each in uploads:
        packed = bundles.packed(each.path, each.source)
        if packed is None:
            alone.append(each)
        else:
            together.append(len(packed[-1]))
            parts += packed
    taker.put_bundle(root.path, parts)
    for size in together:
        progress.add(size)
        progress.file_done()
    for each in alone:
        _send_one(root.below(each.path), each.source, progress)


def _send_one(place: Place, source: Path, progress: Progress) -> None:
    body = Snapshot(source, progress.add)
    place.store.put(place.path, body, size=body.size, sha256=body.digest())
    progress.add(body.size - body.moved)  # what the store had already
    progress.file_done()


def chunks(stream: BinaryIO) -> Iterator[bytes]:
    """What a binary stream has to give."""
    while chunk := stream.read(_CHUNK):
        if not isinstance(chunk, (bytes, bytearray, memoryview)):
            raise InvalidArgument(
                f"The stream gives {type(chunk).__name__}, not bytes. Open it in binary mode."
            )
        yield bytes(chunk)


class Snapshot:
    """The bytes that a file has now, as a body that may be read again: a log that grows meanwhile
    is taken as it was. *moved* is told of each chunk that is read.
    """

    def __init__(self, path: Path, tell: Callable[[int], None]) -> None:
        self._path = path
        self._tell = tell
        self.size = path.stat().st_size
        self.moved = 0

    def digest(self) -> str:
        """The SHA-256 of the bytes, hexadecimal."""
        found = hashlib.sha256()
        for chunk in self._chunks():
            found.update(chunk)
        return found.hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        self._tell(-self.moved)
        self.moved = 0
        for chunk in self._chunks():
            yield chunk
            self.moved += len(chunk)
            self._tell(len(chunk))

    def piece(self, start: int, count: int) -> bytes:
        """Some of the bytes, for whoever sends them in parts."""
        with self._path.open("rb", buffering=0) as file:
            file.seek(start)
            chunk = file.read(max(0, min(count, self.size - start)))
        self.moved += len(chunk)
        self._tell(len(chunk))
        return chunk

    def _chunks(self) -> Iterator[bytes]:
        left = self.size
        with self._path.open("rb", buffering=0) as file:
            while left > 0 and (chunk := file.read(min(_CHUNK, left))):
                left -= len(chunk)
                yield chunk


# --- down --------------------------------------------------------------------------------------


def fetch(store: ArtifactStore, path: str, folder: Path, name: str) -> Path:
    """Download the file or folder at *path* as *name* into *folder*; the root, if *path* is empty,
    straight into *folder*. `NotFound` when there is nothing.
    """
    known = store.stat(path) if path else None
    target = folder / safe_path(name) if name else folder
    with Progress("downloading") as progress:
        if known is not None:
            downloads = [Download(path, target, known.size)]
        else:
            downloads = list(_wanted(store, path, target, progress))
            if path and not (downloads or progress.done_files):
                raise NotFound(f"No artifact {path!r}.")
            target.mkdir(parents=True, exist_ok=True)
        progress.expect(len(downloads), sum(each.size or 0 for each in downloads))

        def one(download: Download) -> None:
            _fetch_one(store, download, known, progress)
            progress.file_done()

        fetched = _all(one, downloads)
    if fetched.error is not None:
        if isinstance(fetched.error, MillraceError) and len(downloads) > 1:
            fetched.error.add_note(
                f"{fetched.failed.path!r} failed; {progress.done_files} of {progress.files} files "
                "have arrived. The same call goes on where it stopped."
            )
        raise fetched.error
    return target


def _wanted(
    store: ArtifactStore, path: str, target: Path, progress: Progress
) -> Iterator[Download]:
    """The files of a folder that have to be downloaded one by one; others are there then."""
    giver = bundles.offered(store, path)
    if giver is None:
        yield from _below(store, path, target)
        return
    there: set[str] = set()
    apart: list[Download] = []
    try:
        for below, size in bundles.unpack(giver, path, target, progress):
            if size is None:
                there.add(f"{path}/{below}")
            else:
                apart.append(Download(f"{path}/{below}", target / below, size))
    except (Unavailable, NotSupported) as error:
        logger.debug("the rest of %s is fetched one by one: %s", path, error)
        yield from (each for each in _below(store, path, target) if each.path not in there)
    else:
        yield from apart


def _below(store: ArtifactStore, path: str, target: Path) -> Iterator[Download]:
    """All files in the folder *path*, each with its place in *target*."""
    for info in store.list(path):
        name = step(path, info.path)
        if info.is_dir:
            yield from _below(store, info.path, target / name)
        else:
            yield Download(info.path, target / name, info.file_size)


def step(folder: str, path: str) -> str:
    """The last segment of *path*, which a listing of *folder* names; `InvalidState` when it is not
    one step below it: then it would lead somewhere else on this machine."""
    prefix = f"{folder}/" if folder else ""
    name = path.removeprefix(prefix)
    try:
        safe_path(path)
    except InvalidArgument as error:
        raise InvalidState(
            f"The listing of {folder!r} names what no artifact is: {error}"
        ) from None
    # On Windows a name may be a drive.
    if not path.startswith(prefix) or "/" in name or os.path.splitdrive(name)[0]:
        raise InvalidState(f"The listing of {folder!r} names {path!r}, which is not in it.")
    return name


def _fetch_one(
    store: ArtifactStore, download: Download, known: ArtifactStat | None, progress: Progress
) -> None:
    target = download.target
    target.parent.mkdir(parents=True, exist_ok=True)
    if known is None and (download.size is None or download.size >= _KEPT_BYTES):
        known = store.stat(download.path)
        if known is None:
            raise NotFound(f"No artifact {download.path!r}.")
    # Of a short file the listing has told the size, and the store compares the digest itself:
    # to ask for it would double the number of requests.
    known = known or ArtifactStat(size=download.size or 0)
    with _part(target, known) as part:
        tries = 0
        while True:
            begun = part.tell()
            try:
                _receive(store, download.path, part, known, progress)
                break
            except Unavailable as error:
                tries = 0 if part.tell() > begun else tries + 1
                if tries == _TRIES:
                    raise
                logger.debug("download of %s, try %s: %s", download.path, tries, error)


@contextlib.contextmanager
def _part(target: Path, known: ArtifactStat) -> Iterator[IO[bytes]]:
    """The file beside *target* that holds what has arrived of one version of it, open at its end;
    it becomes *target* when the block ends well.

    That of a long file stays when the transfer is cut, and is found again; while another process
    or thread writes it, or when the file is short, a new one is begun.
    """
    version = hashlib.sha256(f"{known.etag} {known.sha256} {known.size}".encode()).hexdigest()[:16]
    stem = target.with_name(f".{target.name[:100]}.{version}")
    kept = _held(stem.with_name(f"{stem.name}.part")) if known.size >= _KEPT_BYTES else None
    part = kept or stem.with_name(f"{stem.name}.{uuid.uuid4().hex}.part").open("xb+")
    path = Path(part.name)
    try:
        with part:
            part.seek(0, os.SEEK_END)
            yield part
            if kept:
                part.flush()
                path.replace(target)  # while it is locked: nobody else finds it any more
    except BaseException as error:
        if not kept or isinstance(error, DataLoss) or path.stat().st_size == 0:
            path.unlink(missing_ok=True)
        raise
    if not kept:
        path.replace(target)


def _held(path: Path) -> IO[bytes] | None:
    """The file at *path*, made if need be and locked; None when somebody else is at it."""
    if sys.platform == "win32":
        return None  # what is open cannot be renamed there
    part = path.open("ab+")
    if hold(part.fileno()):
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(part.fileno()), path.stat()):
                return part
    part.close()
    return None


def _receive(
    store: ArtifactStore, path: str, part: IO[bytes], known: ArtifactStat, progress: Progress
) -> None:
    """Bring *part* to the size and digest of what is *known*, from where it ends now."""
    found = Hash()
    part.seek(0)
    try:
        there = iter(lambda: part.read(_CHUNK), b"")
        for chunk in itertools.chain(there, _rest(store, path, part, known)):
            if known.sha256 is not None:
                found.update(chunk)
            progress.add(len(chunk))
        _check(path, known, part.tell(), found.hexdigest() if known.sha256 else None)
    except BaseException:
        found.settle()
        part.seek(0, os.SEEK_END)
        progress.add(-part.tell())
        raise


def _rest(store: ArtifactStore, path: str, file: IO[bytes], known: ArtifactStat) -> Iterator[bytes]:
    """What is missing in *file*, and written to it."""
    at, size = file.tell(), known.size
    if at >= size:
        return
    # All of it, without an end, the store compares with its digest, if it can. Where that is known
    # here, too, it would be hashed twice.
    end = None if known.sha256 is None else size
    with contextlib.closing(store.get(path, start=at, end=end)) as body:
        for chunk in body:
            at += len(chunk)
            if at > size:
                raise DataLoss(f"{path!r} goes on after its {size} bytes.")
            file.write(chunk)
            yield chunk
    if at < size:
        raise Unavailable(f"{path!r} broke off after {at} of {size} bytes.")


def _check(path: str, known: ArtifactStat, size: int, sha256: str | None) -> None:
    if size != known.size or known.sha256 not in {None, sha256}:
        raise DataLoss(
            f"{path!r} has {size} bytes and the SHA-256 {sha256 or '(not taken)'}; {known.size} "
            f"bytes and {known.sha256} were kept. It was damaged in the store or on the way, or "
            "replaced meanwhile. Try again; `millrace fsck --artifacts` finds what is damaged in "
            "the store."
        )


def read(place: Place, limit: int) -> bytes:
    """The bytes of a file, verified; `InvalidArgument` when there are more than *limit*."""
    known = place.store.stat(place.path)
    if known is None:
        raise NotFound(f"No artifact {place.path!r}.")
    if known.size > limit:
        raise InvalidArgument(
            f"{place.path!r} has {known.size} bytes, too many to read at once: download it."
        )
    body = b"".join(place.store.get(place.path))
    _check(place.path, known, len(body), hashlib.sha256(body).hexdigest())
    return body


# --- several at once ---------------------------------------------------------------------------


class _Outcome(NamedTuple):
    done: int
    failed: Any
    error: BaseException | None


def _all(do: Callable[[T], None], items: Sequence[T]) -> _Outcome:
    """Do all *items*, several at once; after the first error none is begun."""
    if len(items) == 1:
        try:
            do(items[0])
        except Exception as error:  # noqa: BLE001 - handed back
            return _Outcome(0, items[0], error)
        return _Outcome(1, None, None)
    is_over = threading.Event()

    def one(item: T) -> bool:
        if is_over.is_set():
            return False
        try:
            do(item)
        except BaseException:
            is_over.set()
            raise
        return True

    with ThreadPoolExecutor(AT_ONCE, "millrace-transfer") as pool:
        futures = {pool.submit(one, item): item for item in items}
        try:
            wait(futures)
        finally:
            is_over.set()
    failures = [each for each in futures if each.exception() is not None]
    done = sum(1 for each in futures if each.exception() is None and each.result())
    if not failures:
        return _Outcome(done, None, None)
    return _Outcome(done, futures[failures[0]], failures[0].exception())
