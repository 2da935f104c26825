"""Folders that travel in bundles, to and from servers that fail, lie and attack."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.artifacts.memory import MemoryArtifacts
from millrace.client import bundles as grouping
from millrace.client import transfers
from millrace.client.depots import Place
from millrace.client.progress import Progress
from millrace.core import bundles
from millrace.core.bundles import Entry
from millrace.core.errors import DataLoss, DiskFull, InvalidState, NotFound, Unavailable

LARGE = os.urandom(bundles.FILE_BYTES + 1)


class Bundling(MemoryArtifacts):
    """A store as a server of ours offers it; *after* so many files its answers break off."""

    def __init__(self, after: int | None = None) -> None:
        super().__init__()
        self.after = after
        self.bundled: list[int] = []
        self.alone: list[str] = []

    def takes_bundles(self) -> bool:
        return True

    def put(self, path, body, **known):  # type: ignore[no-untyped-def]
        self.alone.append(path)
        return super().put(path, body, **known)

    def put_bundle(self, folder: str, body: Sequence[bytes]) -> None:
        found = list(bundles.unpacked(b"".join([*body, bundles.END])))
        self.bundled.append(len(found))
        for entry, sent in found:
            super().put(f"{folder}/{entry.path}", [sent], size=entry.size, sha256=entry.sha256)

    def get_bundle(self, folder: str) -> Iterator[tuple[Entry, bytes]]:
        for count, (path, body) in enumerate(self._below(folder)):
            if count == self.after:
                raise Unavailable("cut")
            digest = hashlib.sha256(body).hexdigest()
            is_large = len(body) > bundles.FILE_BYTES
            entry = Entry(path=path, size=len(body), sha256=digest, apart=is_large)
            yield entry, b"" if is_large else body

    def _below(self, folder: str, inside: str = "") -> Iterator[tuple[str, bytes]]:
        for info in self.list(f"{folder}/{inside}".rstrip("/")):
            below = info.path.removeprefix(f"{folder}/")
            if info.is_dir:
                yield from self._below(folder, f"{below}/")
            else:
                yield below, b"".join(self.get(info.path))


class Telling(Bundling):
    """Gives just what it was told to."""

    def __init__(self, *files: tuple[Entry, bytes]) -> None:
        super().__init__()
        self.files = files

    def get_bundle(self, folder: str) -> Iterator[tuple[Entry, bytes]]:
        del folder
        return iter(self.files)


def made(folder: Path, files: dict[str, bytes]) -> Path:
    for name, body in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(body)
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@given(st.lists(st.integers(0, 2 * bundles.FILE_BYTES), max_size=600))
def test_groups_hold_every_file_once_and_in_order(sizes: list[int]) -> None:
    groups = list(grouping.grouped(sizes))

    assert [at for group in groups for at in group] == list(range(len(sizes)))
    for group in groups:
        several = [sizes[at] for at in group]
        assert len(several) == 1 or max(several) <= bundles.FILE_BYTES
        assert len(several) == 1 or sum(several) <= 4 * 1024 * 1024


def test_a_folder_goes_up_and_comes_down(tmp_path: Path) -> None:
    files = {f"d{n % 7}/f{n}": bytes([n % 256]) * n for n in range(600)} | {"d3/large": LARGE}
    store = Bundling()

    source = made(tmp_path / "source", files)
    transfers.send(Place(store, "root"), transfers.files_below(source, "to"))
    got = transfers.fetch(store, "root/to", tmp_path / "got", "to")

    assert tree(got) == files
    assert sum(store.bundled) == 600
    assert len(store.bundled) < 10
    assert store.alone == ["root/to/d3/large"]


def test_what_was_cut_is_fetched_one_by_one(tmp_path: Path) -> None:
    files = {f"d{n % 3}/f{n}": bytes([n]) * 10 for n in range(50)}
    store = Bundling(after=20)
    for path, body in files.items():
        MemoryArtifacts.put(store, f"root/{path}", [body])

    assert tree(transfers.fetch(store, "root", tmp_path, "got")) == files


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="No artifact 'gone'"):
        transfers.fetch(Bundling(), "gone", tmp_path, "gone")


def test_why_a_bundle_was_refused_is_raised_with_what_arrived(tmp_path: Path) -> None:
    class Full(Bundling):
        def put_bundle(self, folder: str, body: Sequence[bytes]) -> None:
            raise DiskFull("'f3' was not stored: the artifact store is full.")

    source = made(tmp_path, {f"f{n}": b"x" for n in range(5)})

    with pytest.raises(DiskFull, match="f3") as caught:
        transfers.send(Place(Full(), "root"), transfers.files_below(source, ""))
    assert "0 of 5 files have arrived" in caught.value.__notes__[0]


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", "C:/x", "a\\b", "", ".", "a//b"])
def test_a_bundle_cannot_make_us_write_elsewhere(tmp_path: Path, path: str) -> None:
    store = Telling((Entry(path=path, size=1), b"x"))

    with pytest.raises(InvalidState, match="names what no artifact is"):
        transfers.fetch(store, "root", tmp_path / "in", "got")
    assert tree(tmp_path) == {}


def test_damaged_bytes_are_not_written(tmp_path: Path) -> None:
    store = Telling((Entry(path="a", size=1, sha256="0" * 64), b"x"))

    with pytest.raises(DataLoss, match="'a' was damaged"):
        transfers.fetch(store, "root", tmp_path, "got")
    assert tree(tmp_path) == {}


def test_a_file_that_grows_beyond_a_bundle_goes_alone(tmp_path: Path) -> None:
    source = made(tmp_path, {"a": b"1", "b": b"2", "grown": LARGE})
    uploads = [transfers.Upload(source / name, name) for name in ("a", "b", "grown")]
    store = Bundling()

    with Progress("uploading", 3, stream=io.StringIO()) as progress:
        transfers._send_bundle(Place(store, "root"), store, uploads, progress)

    assert (store.bundled, store.alone) == ([2], ["root/grown"])
    assert progress.done_files == 3
