"""What a store of artifact bytes must do. Services decide, stores keep bytes.

Paths are relative to the store's root, POSIX, and already checked (`core.uris.safe_path`); the
empty path is the root, which can be listed and nothing else. Methods are synchronous and
thread-safe; bodies are streamed in chunks, never held whole. Errors: `NotFound` for what is not
there, `InvalidArgument` for what the caller can mend, `DiskFull` and `Unavailable` for a store that
is full or away; a driver's own exception never gets out. What a store can do beyond this it says by
keeping one of the powers below, asked for with `isinstance`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import msgspec

if TYPE_CHECKING:
    import os
    from collections.abc import Generator, Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import TypeGuard

    from millrace.core.entities.artifact import ArtifactStat, FileInfo
    from millrace.core.errors import MillraceError


class SignedUrl(msgspec.Struct, frozen=True, kw_only=True):
    """A URL that lets whoever holds it do one thing; `headers` must be sent along."""

    url: str
    method: Literal["GET", "PUT"]
    headers: dict[str, str] = {}


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One uploaded piece of a multipart upload, as the store named it in its answer."""

    number: int
    etag: str


class ArtifactStore(Protocol):
    """A tree of files under one root."""

    def put(
        self,
        path: str,
        body: Path | Iterable[bytes],
        *,
        size: int | None = None,
        sha256: str | None = None,
        replace: bool = True,
    ) -> ArtifactStat:
        """Keep *body* at *path*: visible whole or not at all, in place of what was there.

        `InvalidArgument`, and nothing visible, when the body is not *size* bytes long or has not
        the digest *sha256* (hexadecimal); `AlreadyExists` when there is something and not
        *replace*. An exception of the body's iterator leaves nothing either. A store that has
        folders answers `InvalidArgument` when *path* is one, or when a part of it is a file; a
        store of keys does not look, and can then hold both.
        """
        ...

    def get(self, path: str, *, start: int = 0, end: int | None = None) -> Generator[bytes]:
        """The bytes from *start* up to but without *end*. `NotFound` at the call, not later.

        Nothing beyond the end; `InvalidArgument` for a range that goes backwards. A generator:
        `close()` it when not read to the end. `Unavailable` when the rest cannot be had.
        """
        ...

    def stat(self, path: str) -> ArtifactStat | None:
        """What is known of a file; None when there is none (a folder is none)."""
        ...

    def list(self, path: str = "") -> Iterator[FileInfo]:
        """One level, sorted by name, `path` of each relative to the root; nothing for what is no
        folder."""
        ...

    def delete(self, path: str) -> int:
        """Delete a file, or a folder with all that is in it; how many files. 0: not there.
        `InvalidArgument` for the root."""
        ...

    def close(self) -> None:
        """Let connections go."""
        ...


@runtime_checkable
class Signs(Protocol):
    """A store that can let a client read and write without us in between."""

    def sign(self, path: str, method: Literal["GET", "PUT"], *, ttl_s: int) -> SignedUrl:
        """A URL for one file, good for *ttl_s* seconds."""
        ...


@runtime_checkable
class Multipart(Protocol):
    """A store that takes a large file in signed pieces, in any order, each again if need be."""

    def start_parts(self, path: str, count: int, *, ttl_s: int) -> tuple[str, Sequence[SignedUrl]]:
        """Begin an upload: its id, and where the pieces 1 to *count* go."""
        ...

    def finish_parts(
        self, path: str, upload: str, parts: Sequence[Part], *, size: int | None = None
    ) -> None:
        """Make the file of its pieces; again: nothing more happens.

        `InvalidArgument`, and nothing has changed, when they are not *size* bytes in all.
        """
        ...

    def abort_parts(self, path: str, upload: str) -> None:
        """Forget an upload and its pieces."""
        ...


class SmallFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is here already, to be put; see `ArtifactStore.put`."""

    path: str
    body: bytes
    size: int | None = None
    sha256: str | None = None
    replace: bool = True


@runtime_checkable
class Together(Protocol):
    """A store to which several small files are best given at once."""

    def put_together(self, files: Sequence[SmallFile]) -> list[ArtifactStat | MillraceError]:
        """Put each of *files*: what `put` would return or raise. They wait for the disk once."""
        ...


@runtime_checkable
class OnDisk(Protocol):
    """A store whose files are on a disk of this machine."""

    def open(self, path: str) -> int:
        """A file descriptor to read from, the caller's to close; no link was followed on the way.
        `NotFound`."""
        ...


@runtime_checkable
class AtHand(Protocol):
    """A store that can tell what it would not have to wait for."""

    def read_at_hand(self, path: str, most: int) -> tuple[os.stat_result, bytes] | None:
        """State and bytes of a file of at most *most* bytes that this machine has in memory; None
        for any other, and where there is none. It never waits."""
        ...


def is_together(store: object) -> TypeGuard[Together]:
    """Whether *store* is one, for who asks with each file: `isinstance` would take 12 us."""
    return _is_together(type(store))  # type: ignore[arg-type]  # a class is hashable


def is_on_disk(store: object) -> TypeGuard[OnDisk]:
    """The same."""
    return _is_on_disk(type(store))  # type: ignore[arg-type]  # the same


def is_at_hand(store: object) -> TypeGuard[AtHand]:
    """The same."""
    return _is_at_hand(type(store))  # type: ignore[arg-type]  # the same


@cache
def _is_together(kind: type) -> bool:
    return issubclass(kind, Together)


@cache
def _is_on_disk(kind: type) -> bool:
    return issubclass(kind, OnDisk)


@cache
def _is_at_hand(kind: type) -> bool:
    return issubclass(kind, AtHand)
