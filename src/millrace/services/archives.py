"""The files of a whole artifact store, into a folder and back, each with its digest.

`files.jsonl` names path, size and SHA-256 of each; it is written last.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec

from millrace.core.errors import InvalidArgument, NotFound
from millrace.core.uris import safe_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from millrace.artifacts.protocols import ArtifactStore

LIST: Final = "files.jsonl"


class KeptFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was kept; `kept` is its name in the folder: paths may not fit its system."""

    path: str
    size: int
    sha256: str
    kept: str


def copy_out(store: ArtifactStore, folder: Path) -> tuple[int, int]:
    """Copy all files of *store* into *folder*, which is made; how many, and their bytes.

    A file that is deleted meanwhile is left out.
    """
    folder.mkdir()
    files = size = 0
    with (folder / LIST).open("wb") as listed:
        for path in _paths(store):
            try:
                kept = _keep(store, path, folder)
            except NotFound:
                continue
            listed.write(msgspec.json.encode(kept) + b"\n")
            files, size = files + 1, size + kept.size
    return files, size


def _paths(store: ArtifactStore) -> Iterator[str]:
    waiting = [""]
    while waiting:
        for entry in store.list(waiting.pop()):
            if entry.is_dir:
                waiting.append(entry.path)
            else:
                yield entry.path


def _keep(store: ArtifactStore, path: str, folder: Path) -> KeptFile:
    name = hashlib.sha256(path.encode()).hexdigest()
    target = folder / name[:2] / name
    target.parent.mkdir(exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with target.open("wb") as file:
        for chunk in store.get(path):
            digest.update(chunk)
            size += len(chunk)
            file.write(chunk)
    return KeptFile(path=path, size=size, sha256=digest.hexdigest(), kept=f"{name[:2]}/{name}")


def copy_in(folder: Path, store: ArtifactStore) -> int:
    """Put all files that `copy_out` kept in *folder* into *store*; how many.

    `InvalidArgument` for a file that is not what it was. Called again, it puts them once more.
    """
    count = 0
    with (folder / LIST).open("rb") as listed:
        for line in listed:
            kept = msgspec.json.decode(line, type=KeptFile)
            file = folder / safe_path(kept.kept)
            if not file.is_file():
                raise InvalidArgument(f"The backup lacks the file {kept.path!r}.")
            store.put(safe_path(kept.path), file, size=kept.size, sha256=kept.sha256)
            count += 1
    return count
