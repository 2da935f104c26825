"""`hdfs://host:port/path` and `viewfs://...`: artifacts in Hadoop, through pyarrow.

Tested over pyarrow's local file system, against no Hadoop: the JVM library that pyarrow loads has
to be on the machine (``JAVA_HOME``, ``HADOOP_HOME``, ``CLASSPATH``), and its login is used.
Replacing a file takes two steps there, between which it is not there; `replace=False` looks first.
"""

from __future__ import annotations

import contextlib
import posixpath
import secrets
from typing import TYPE_CHECKING, Any, Final

from millrace.artifacts.location import parse
from millrace.artifacts.paths import ancestors, folder_segments, is_clean, joined, segments
from millrace.artifacts.streams import CHUNK, Checked, Watched, span, started
from millrace.core.entities.artifact import ArtifactStat, FileInfo
from millrace.core.errors import (
    AlreadyExists,
    InvalidArgument,
    MillraceError,
    NotFound,
    Unavailable,
)
from millrace.core.lazy import require

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from pathlib import Path

    from millrace.artifacts.open import Reach

_STAGING: Final = ".millrace-staging"


class ArrowArtifacts:
    """The files below a folder of a file system of pyarrow's. Thread-safe."""

    def __init__(self, system: Any, root: str, name: str) -> None:  # noqa: ANN401 - it has no types
        self._fs = system
        self._arrow: Any = require("pyarrow.fs", extra="hdfs")
        self._root = root
        self._name = name

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
        self._check(path)
        checked = Checked(body, size=size, sha256=sha256)
        watched = Watched(checked)
        unseen = self._at(f"{_STAGING}/{secrets.token_hex(8)}")
        try:
            with self._explained(path, watched):
                self._refuse_what_is_there(path, replace=replace)
                self._fs.create_dir(self._at(_STAGING), recursive=True)
                with self._fs.open_output_stream(unseen) as file:
                    for chunk in watched:
                        file.write(chunk)
                self._fs.create_dir(posixpath.dirname(self._at(path)), recursive=True)
                self._refuse_what_is_there(path, replace=replace)
                self._place(unseen, path)
                known = self._known(path)
        except BaseException:
            with contextlib.suppress(Exception):
                self._fs.delete_file(unseen)
            raise
        stat = _stat(known)
        return ArtifactStat(
            size=checked.count,
            modified_ms=stat.modified_ms,
            etag=stat.etag,
            sha256=checked.sha256,
        )

    def _place(self, unseen: str, path: str) -> None:
        try:
            self._fs.move(unseen, self._at(path))
        except OSError:  # Hadoop's rename replaces nothing
            self._fs.delete_file(self._at(path))
            self._fs.move(unseen, self._at(path))

    def get(self, path: str, *, start: int = 0, end: int | None = None) -> Generator[bytes]:
        """See `ArtifactStore`."""
        return started(self._read(path, start, end))

    def _read(self, path: str, start: int, end: int | None) -> Generator[bytes]:
        known = self.stat(path)
        if known is None:
            raise NotFound(f"No artifact {path!r}.")
        wanted = span(known.size, start, end)
        with self._explained(path), self._fs.open_input_file(self._at(path)) as file:
            yield b""
            file.seek(wanted.start)
            left = len(wanted)
            while left > 0:
                chunk = file.read(min(CHUNK, left))
                if not chunk:
                    raise Unavailable(f"{path!r} broke off {left} bytes before its end.")
                left -= len(chunk)
                yield chunk

    def stat(self, path: str) -> ArtifactStat | None:
        """See `ArtifactStore`."""
        self._check(path)
        with self._explained(path):
            known = self._known(path)
        return _stat(known) if known.type == self._arrow.FileType.File else None

    def list(self, path: str = "") -> Iterator[FileInfo]:
        """See `ArtifactStore`."""
        folder_segments(path)
        with self._explained(path):
            if self._known(path).type != self._arrow.FileType.Directory:
                return iter(())
            entries = self._fs.get_file_info(self._arrow.FileSelector(self._at(path)))
        kinds = {self._arrow.FileType.Directory, self._arrow.FileType.File}
        found = [
            FileInfo(
                path=joined(path, entry.base_name),
                is_dir=entry.type == self._arrow.FileType.Directory,
                file_size=entry.size if entry.type == self._arrow.FileType.File else None,
            )
            for entry in entries
            if entry.type in kinds
            and is_clean([entry.base_name])
            and (path or entry.base_name != _STAGING)
        ]
        return iter(sorted(found, key=lambda info: info.path))

    def delete(self, path: str) -> int:
        """See `ArtifactStore`."""
        self._check(path)
        with self._explained(path):
            known = self._known(path)
            if known.type == self._arrow.FileType.File:
                self._fs.delete_file(self._at(path))
                return 1
            if known.type != self._arrow.FileType.Directory:
                return 0
            below = self._arrow.FileSelector(self._at(path), recursive=True)
            files = [
                entry
                for entry in self._fs.get_file_info(below)
                if entry.type == self._arrow.FileType.File
            ]
            self._fs.delete_dir(self._at(path))
            return len(files)

    def close(self) -> None:
        """See `ArtifactStore`."""

    def _check(self, path: str) -> None:
        if segments(path)[0] == _STAGING:
            raise InvalidArgument(f"{_STAGING!r} is taken by uploads under way.")

    def _at(self, path: str) -> str:
        return posixpath.join(self._root, path) if path else self._root

    def _known(self, path: str) -> Any:  # noqa: ANN401 - it has no types
        return self._fs.get_file_info(self._at(path))

    def _refuse_what_is_there(self, path: str, *, replace: bool) -> None:
        kind = self._known(path).type
        if kind == self._arrow.FileType.Directory:
            raise InvalidArgument(f"{path!r} is a folder; a file needs another name.")
        if kind == self._arrow.FileType.File and not replace:
            raise AlreadyExists(f"There is an artifact {path!r} already.")
        for folder in ancestors(path):
            if self._known(folder).type == self._arrow.FileType.File:
                raise InvalidArgument(
                    f"{folder!r} in {path!r} is a file, so nothing can be below it."
                )

    @contextlib.contextmanager
    def _explained(self, path: str, body: Watched | None = None) -> Iterator[None]:
        try:
            yield
        except MillraceError:
            raise
        except (OSError, ValueError) as error:  # pyarrow's own are children of these
            if body is not None and body.fault is not None:
                raise body.fault from None
            reason = " ".join(str(error).split())[:200]
            raise Unavailable(f"{self._name} failed at {path!r}: {reason}.") from error


def _stat(known: Any) -> ArtifactStat:  # noqa: ANN401 - it has no types
    modified_ns = known.mtime_ns or 0
    return ArtifactStat(
        size=known.size or 0,
        modified_ms=modified_ns // 1_000_000,
        etag=f"{modified_ns:x}-{known.size or 0:x}",
    )


def open_hdfs(uri: str, reach: Reach) -> ArrowArtifacts:  # noqa: ARG001 - an opener
    """Open a folder of Hadoop; pyarrow connects."""
    arrow: Any = require("pyarrow.fs", extra="hdfs")
    where = parse(uri)
    if where.password is not None or where.query:
        raise InvalidArgument(f"{where}: expected {where.scheme}://host:port/path.")
    host = f"{where.scheme}://{where.host}" if where.host else "default"
    try:
        system = arrow.HadoopFileSystem(host, where.port or 0, user=where.user)
    except OSError as error:
        reason = " ".join(str(error).split())[:300]
        raise Unavailable(f"{where} cannot be opened: {reason}.") from error
    return ArrowArtifacts(system, "/" + where.path.strip("/"), str(where))
