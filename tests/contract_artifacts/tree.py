"""What tests do with a store: write, read whole, look at all of it."""

from __future__ import annotations

from collections.abc import Iterator

from millrace.artifacts.protocols import ArtifactStore


def read(store: ArtifactStore, path: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join(store.get(path, start=start, end=end))


def names(store: ArtifactStore, path: str = "") -> list[str]:
    """One level as it is listed; folders with a slash."""
    return [info.path + "/" * info.is_dir for info in store.list(path)]


def files(store: ArtifactStore, path: str = "") -> dict[str, bytes]:
    """All that can be seen."""
    found: dict[str, bytes] = {}
    for info in store.list(path):
        found |= files(store, info.path) if info.is_dir else {info.path: read(store, info.path)}
    return found


def cut_after(content: bytes, at: int, *, piece: int = 64 * 1024) -> Iterator[bytes]:
    """A body whose connection breaks after *at* bytes."""
    for start in range(0, at, piece):
        yield content[start : min(start + piece, at)]
    raise ConnectionResetError("The client went away.")


def generated(size: int, *, piece: int = 1024 * 1024) -> Iterator[bytes]:
    """*size* bytes that differ from piece to piece, made while they are asked for."""
    for number, start in enumerate(range(0, size, piece)):
        block = number.to_bytes(8, "big") * (piece // 8)
        yield block[: min(piece, size - start)]
