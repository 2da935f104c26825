"""Folders on their way: out as a zip file or as a bundle of small files, in as a bundle.

A bundle saves what a thousand requests cost; what is checked, promised and recorded of each of its
files is what it is for a file that travels alone.
"""

from __future__ import annotations

import threading
import zipfile
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Final

from millrace.api.artifacts import BundleTaken, FileRefused
from millrace.artifacts.protocols import Together
from millrace.core import bundles
from millrace.core.errors import InvalidArgument, MillraceError, NotFound, NotSupported
from millrace.core.uris import safe_path
from millrace.services.offers import Offer, Sent
from millrace.services.sinks import Sink

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from millrace.api.artifacts import ArtifactAt
    from millrace.core.entities.artifact import ArtifactRecord
    from millrace.services.context import Context
    from millrace.services.places import Places, Spot
    from millrace.services.transfers import Transfers

File = tuple[str, bytes, Offer]
"""A file of a bundle: its path below the folder, its bytes, and what was said of them."""
Admit = Callable[
    ["Context", "Spot", "Sequence[File]"], "list[Sent | ArtifactRecord | MillraceError]"
]

_TOGETHER: Final = 256
"""Files that are written, or opened, at the same time."""
_SENT_BYTES: Final = 256 * 1024
"""A piece of a bundle on its way out is about so long."""


class Archive:
    """A folder on its way out as a zip file, made while it is sent; each file is compared with its
    record. Nothing is compressed: what is large here is compressed already. With *chosen*, only
    these files and folders of it, each once."""

    def __init__(
        self, transfers: Transfers, folder: Spot, name: str, chosen: Sequence[str] = ()
    ) -> None:
        self.name = f"{name}.zip"
        self._transfers = transfers
        self._folder = folder
        self._chosen = chosen

    def chunks(self) -> Iterator[bytes]:
        """The zip file. An exception in the middle leaves it without its directory: unreadable."""
        sink = Sink()
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
            for path in self._paths():
                opened = self._transfers.open(self._folder.at(path))
                try:
                    entry = zipfile.ZipInfo(path)
                    entry.external_attr = 0o644 << 16
                    with archive.open(entry, "w", force_zip64=True) as file:
                        for chunk in opened.chunks():
                            file.write(chunk)
                            yield sink.taken()
                finally:
                    opened.close()
                yield sink.taken()
        yield sink.taken()

    def _paths(self) -> Iterator[str]:
        if not self._chosen:
            yield from (path for path, _ in _files(self._folder, ""))
            return
        within = {f"{path}/" for path in self._chosen}
        for path in dict.fromkeys(self._chosen):
            if any(path.startswith(folder) for folder in within):
                continue  # it comes with its folder
            found = False
            for file, _ in _files(self._folder, path):
                found = True
                yield file
            if not found:
                yield path


class Bundle:
    """A folder on its way out as a bundle. What is large, damaged or just being replaced is only
    named, and had by itself: there the answer says what is the matter."""

    def __init__(self, transfers: Transfers, folder: Spot) -> None:
        self._transfers = transfers
        self._folder = folder

    def chunks(self) -> Iterator[bytes]:
        """The bundle."""
        parts: list[bytes] = []
        held = 0
        files = _files(self._folder, "")
        while group := list(islice(files, _TOGETHER)):
            for part in self._packed(group):
                parts.append(part)
                held += len(part)
                if held >= _SENT_BYTES:
                    yield b"".join(parts)
                    parts, held = [], 0
        yield b"".join([*parts, bundles.END])

    def _packed(self, group: list[tuple[str, int]]) -> Iterator[bytes]:
        small = [path for path, size in group if size <= bundles.FILE_BYTES]
        read = self._transfers.read_together([self._folder.at(path) for path in small])
        found = dict(zip(small, read, strict=True))
        for path, size in group:
            file = found.get(path)
            if file is None or len(file.body) > bundles.FILE_BYTES:
                yield bundles.told(bundles.Entry(path=path, size=size, apart=True))
                continue
            yield bundles.told(bundles.Entry(path=path, size=len(file.body), sha256=file.sha256))
            yield file.body


class Bundles:
    """Takes and gives bundles of what lies below the artifacts destination.

    *admit* decides on files: what is taken in, what is there already, and what is refused.
    """

    def __init__(self, places: Places, transfers: Transfers, admit: Admit) -> None:
        self._places = places
        self._transfers = transfers
        self._admit = admit
        # Two at once would only take the interpreter from each other.
        self._turn = threading.Lock()

    def take(self, ctx: Context, request: ArtifactAt, body: bytes) -> BundleTaken:
        """Take in the files of a bundle. Each is there whole or not at all, and those that are
        refused do not keep the others out."""
        folder = self._folder(request)
        try:
            files = [(entry.path, sent, _offer(entry)) for entry, sent in bundles.unpacked(body)]
        except ValueError as error:
            raise InvalidArgument(f"The body is no bundle of files: {error}.") from None
        if len({path for path, _, _ in files}) < len(files):
            raise InvalidArgument("The bundle names a file twice.")
        refused: list[FileRefused] = []
        for start in range(0, len(files), _TOGETHER):
            group = files[start : start + _TOGETHER]
            outcomes = self._taken(ctx, folder, group)
            refused += [
                _refusal(path, outcome)
                for (path, _, _), outcome in zip(group, outcomes, strict=True)
                if outcome is not None
            ]
        return BundleTaken(taken=len(files) - len(refused), refused=tuple(refused))

    def _taken(
        self, ctx: Context, folder: Spot, files: Sequence[File]
    ) -> list[MillraceError | None]:
        """What went wrong with each file, if anything."""
        answers = self._admit(ctx, folder, files)
        sent = [answer for answer in answers if isinstance(answer, Sent)]
        found: list[ArtifactRecord | MillraceError] = []
        if sent and isinstance(folder.store, Together):
            with self._turn:
                found = self._transfers.receive_together(folder.store, sent)
        arrived = iter(found)
        outcomes = [next(arrived) if isinstance(each, Sent) else each for each in answers]
        return [each if isinstance(each, MillraceError) else None for each in outcomes]

    def give(self, _ctx: Context, request: ArtifactAt) -> Bundle:
        """A folder as a bundle."""
        folder = self._folder(request)
        if next(iter(folder.store.list(folder.path)), None) is None:
            raise NotFound(f"No folder {request.artifact_path!r} with artifacts.")
        return Bundle(self._transfers, folder)

    def _folder(self, request: ArtifactAt) -> Spot:
        folder = self._places.proxied(safe_path(request.artifact_path))
        if not isinstance(folder.store, Together):
            raise NotSupported("The artifact store of this server is given its files one by one.")
        return folder


def _offer(entry: bundles.Entry) -> Offer:
    if entry.apart or entry.sha256 is None:
        raise ValueError(f"{entry.path[:100]!a} comes without its bytes or their digest")
    return Offer(size=entry.size, digests={"sha-256": bytes.fromhex(entry.sha256)})


def _refusal(path: str, error: MillraceError) -> FileRefused:
    return FileRefused(
        path=path, status=error.status, error_code=error.error_code, message=error.message
    )


def _files(folder: Spot, below: str) -> Iterator[tuple[str, int]]:
    """Paths of all files, relative to *folder*, with their sizes; one level held at a time."""
    for info in folder.store.list(folder.at(below).path):
        name = info.path.rpartition("/")[2]
        path = f"{below}/{name}" if below else name
        if info.is_dir:
            yield from _files(folder, path)
        else:
            yield path, info.file_size or 0
