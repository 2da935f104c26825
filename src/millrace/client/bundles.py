"""Small files of a folder, many at a time: read and packed on their way up, written on their way
down. A request for each would cost more than the files."""

from __future__ import annotations

import hashlib
import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from millrace.core import bundles
from millrace.core.errors import DataLoss, InvalidArgument, InvalidState
from millrace.core.uris import safe_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from millrace.client.progress import Progress

_FILES: Final = 250
_BYTES: Final = 4 * 1024 * 1024
"""A bundle is under way when it has so many files or bytes: several go at the same time."""
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL


@runtime_checkable
class Bundling(Protocol):
    """A store that may take and give bundles (`core.bundles`)."""

    def takes_bundles(self) -> bool:
        """Whether it does."""
        ...

    def put_bundle(self, folder: str, body: Sequence[bytes]) -> None:
        """Keep the files of a bundle below *folder*; what the first that is refused stands for is
        raised."""
        ...

    def get_bundle(self, folder: str) -> Iterator[tuple[bundles.Entry, bytes]]:
        """All files below *folder*; `NotFound`."""
        ...


def offered(store: object, folder: str) -> Bundling | None:
    """*store*, if what is below *folder* can travel in bundles."""
    return store if folder and isinstance(store, Bundling) and store.takes_bundles() else None


def grouped(sizes: Sequence[int]) -> Iterator[range]:
    """Which of the files that are so large travel together, in their order; a large one alone."""
    start = total = 0
    for at, size in enumerate(sizes):
        is_large = size > bundles.FILE_BYTES
        if at > start and (is_large or at - start == _FILES or total + size > _BYTES):
            yield range(start, at)
            start, total = at, 0
        total += size
        if is_large:
            yield range(at, at + 1)
            start, total = at + 1, 0
    if start < len(sizes):
        yield range(start, len(sizes))


def packed(path: str, source: Path) -> list[bytes] | None:
    """A file as part of a bundle; None when it has become too large for one."""
    with source.open("rb", buffering=0) as file:
        body = file.read(bundles.FILE_BYTES + 1)
    if len(body) > bundles.FILE_BYTES:
        return None
    digest = hashlib.sha256(body).hexdigest()
    return [bundles.told(bundles.Entry(path=path, size=len(body), sha256=digest)), body]


def unpack(
    store: Bundling, folder: str, target: Path, progress: Progress
) -> Iterator[tuple[str, int | None]]:
    """Download what is below *folder* to below *target*. Yields the path of each file, and its
    size where it is yet to be downloaded by itself."""
    made: set[str] = set()
    for entry, body in store.get_bundle(folder):
        where = os.path.join(target, *_names(entry.path))  # noqa: PTH118 - a thousand times
        if entry.apart:
            yield entry.path, entry.size
            continue
        if entry.sha256 not in {None, hashlib.sha256(body).hexdigest()}:
            raise DataLoss(f"{entry.path!r} was damaged on the way; try again.")
        above = os.path.dirname(where)  # noqa: PTH120 - the same
        if above not in made:
            os.makedirs(above, exist_ok=True)  # noqa: PTH103 - the same
            made.add(above)
        _write(where, body)
        progress.add(len(body))
        progress.file_done()
        yield entry.path, None


def _names(path: str) -> list[str]:
    """The steps to a file, which the other side names; `InvalidState` when they lead elsewhere."""
    try:
        names = safe_path(path).split("/")
    except InvalidArgument as error:
        raise InvalidState(f"The server's bundle names what no artifact is: {error}") from None
    # On Windows a name may be a drive.
    if any(Path(name).name != name for name in names):
        raise InvalidState(f"The server's bundle names {path!r}, which is not in its folder.")
    return names


def _write(where: str, body: bytes) -> None:
    """The file, whole or not at all."""
    folder, name = os.path.split(where)
    part = f"{folder}/.{name[:100]}.{uuid.uuid4().hex}.part"
    try:
        with open(os.open(part, _NEW, 0o666), "wb", buffering=0) as file:  # noqa: PTH123 - as above
            file.write(body)
        os.replace(part, where)  # noqa: PTH105 - as above
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
