"""Artifacts in memory: for tests and notebooks, gone with the process."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import msgspec

from millrace.artifacts.paths import ancestors, segments
from millrace.artifacts.streams import CHUNK, Checked, span, started
from millrace.core.clock import now_ms
from millrace.core.entities.artifact import ArtifactStat, FileInfo
from millrace.core.errors import AlreadyExists, InvalidArgument, NotFound

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from pathlib import Path

    from millrace.artifacts.open import Reach


class _File(msgspec.Struct, frozen=True):
    content: bytes
    stat: ArtifactStat


class MemoryArtifacts:
    """A dictionary of whole files; the reference for what every store must answer."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}
        self._lock = threading.Lock()

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
        segments(path)
        checked = Checked(body, size=size, sha256=sha256)
        content = b"".join(checked)
        stat = ArtifactStat(
            size=len(content), modified_ms=now_ms(), etag=checked.sha256, sha256=checked.sha256
        )
        with self._lock:
            if not replace and path in self._files:
                raise AlreadyExists(f"There is an artifact {path!r} already.")
            if self._is_folder(path):
                raise InvalidArgument(f"{path!r} is a folder; a file needs another name.")
            if file := next((above for above in ancestors(path) if above in self._files), None):
                raise InvalidArgument(f"{file!r} is a file, so nothing can be below it.")
            self._files[path] = _File(content, stat)
        return stat

    def get(self, path: str, *, start: int = 0, end: int | None = None) -> Generator[bytes]:
        """See `ArtifactStore`."""
        return started(self._read(path, start, end))

    def _read(self, path: str, start: int, end: int | None) -> Generator[bytes]:
        file = self._files.get(path)
        if file is None:
            raise NotFound(f"No artifact {path!r}.")
        wanted = span(len(file.content), start, end)
        yield b""
        for at in range(wanted.start, wanted.stop, CHUNK):
            yield file.content[at : min(at + CHUNK, wanted.stop)]

    def stat(self, path: str) -> ArtifactStat | None:
        """See `ArtifactStore`."""
        file = self._files.get(path)
        return file.stat if file else None

    def list(self, path: str = "") -> Iterator[FileInfo]:
        """See `ArtifactStore`."""
        below = f"{path}/" if path else ""
        found: dict[str, FileInfo] = {}
        with self._lock:
            for key, file in self._files.items():
                if not key.startswith(below):
                    continue
                name, slash, _ = key[len(below) :].partition("/")
                found[name] = FileInfo(
                    path=below + name,
                    is_dir=bool(slash),
                    file_size=None if slash else file.stat.size,
                )
        return iter([found[name] for name in sorted(found)])

    def delete(self, path: str) -> int:
        """See `ArtifactStore`."""
        segments(path)
        with self._lock:
            gone = [key for key in self._files if key == path or key.startswith(f"{path}/")]
            for key in gone:
                del self._files[key]
        return len(gone)

    def close(self) -> None:
        """Nothing to let go: what was put stays for whoever opens the same name again."""

    def _is_folder(self, path: str) -> bool:
        return any(key.startswith(f"{path}/") for key in self._files)


# One store for each URI, so that a notebook finds again what it logged.
_opened: Final[dict[str, MemoryArtifacts]] = {}


def open_memory(uri: str, reach: Reach) -> MemoryArtifacts:  # noqa: ARG001 - an opener
    """The store of this name in this process."""
    return _opened.setdefault(uri, MemoryArtifacts())
