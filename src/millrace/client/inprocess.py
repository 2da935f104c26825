"""Artifacts that the platform in this very process keeps, as a store.

They go through the platform, not straight to the folder, so that their digests are recorded and
compared as on a server.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from millrace.api.artifacts import ArtifactAt, ListProxied
from millrace.artifacts.streams import chunks_of, span, started
from millrace.core.entities.artifact import ArtifactStat
from millrace.core.errors import InvalidArgument, NotFound

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from millrace.core.entities.artifact import FileInfo
    from millrace.services.context import Context
    from millrace.services.outlet import Opened
    from millrace.services.platform import Platform


class Local(Protocol):
    """Where a platform is to be had."""

    def handling(self) -> AbstractContextManager[tuple[Platform, Context]]:
        """The platform, open as long as the block lasts, and the context of a call by the user."""
        ...


class PlatformArtifacts:
    """All that the platform at *local* keeps under `mlflow-artifacts:/`. Thread-safe."""

    def __init__(self, local: Local) -> None:
        self._local = local

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
        from millrace.services.offers import Offer  # noqa: PLC0415 - as in `transports`

        digests = {} if sha256 is None else {"sha-256": bytes.fromhex(sha256)}
        offer = Offer(size=size, digests=digests, replace=replace)
        chunks = chunks_of(body) if isinstance(body, Path) else body
        with self._local.handling() as (platform, context):
            take = platform.uploads["uploadArtifact"]
            record = take(context, ArtifactAt(artifact_path=path), chunks, offer)
        return ArtifactStat(size=record.size, etag=record.sha256, sha256=record.sha256)

    def get(self, path: str, *, start: int = 0, end: int | None = None) -> Generator[bytes]:
        """See `ArtifactStore`. `DataLoss` before the end of what is not as it was recorded."""
        return started(self._read(path, start, end))

    def _read(self, path: str, start: int, end: int | None) -> Generator[bytes]:
        with ExitStack() as used:
            opened = self._opened(used, path)
            wanted = span(opened.size, start, end)
            yield b""
            yield from opened.chunks(wanted.start, wanted.stop)

    def stat(self, path: str) -> ArtifactStat | None:
        """See `ArtifactStore`."""
        with ExitStack() as used:
            try:
                opened = self._opened(used, path)
            except (NotFound, InvalidArgument):  # nothing, or a folder
                return None
            return ArtifactStat(
                size=opened.size,
                modified_ms=opened.modified_ms,
                etag=opened.etag,
                sha256=opened.sha256,
            )

    def list(self, path: str = "") -> Iterator[FileInfo]:
        """See `ArtifactStore`; the root is not to be listed."""
        found = self._call("listProxiedArtifacts", ListProxied(path=path)).files
        # The proxy names what it lists relative to the folder.
        inside = f"{path}/" if path else ""
        named = (msgspec.structs.replace(each, path=inside + each.path) for each in found)
        return iter(sorted(named, key=lambda each: each.path))

    def delete(self, path: str) -> int:
        """See `ArtifactStore`. The proxy does not say how many files it was: they are counted."""
        count = 1 if self.stat(path) else sum(1 for _ in self._files(path))
        self._call("deleteArtifact", ArtifactAt(artifact_path=path))
        return count

    def close(self) -> None:
        """The platform stays open: it is the transport's."""

    def _files(self, path: str) -> Iterator[FileInfo]:
        for each in self.list(path):
            if each.is_dir:
                yield from self._files(each.path)
            else:
                yield each

    def _opened(self, used: ExitStack, path: str) -> Opened:
        """A file, open as long as *used* is."""
        platform, context = used.enter_context(self._local.handling())
        found: Any = platform.downloads["downloadArtifact"](context, ArtifactAt(artifact_path=path))
        used.callback(found.close)
        opened: Opened = found
        return opened

    def _call(self, name: str, request: Any) -> Any:  # noqa: ANN401 - by endpoint
        with self._local.handling() as (platform, context):
            return platform.handlers[name].call(context, request)
