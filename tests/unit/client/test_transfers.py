"""Uploads and downloads against stores that fail, lie and attack as a real one might."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import threading
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path

import pytest

from millrace.artifacts.local import LocalArtifacts
from millrace.artifacts.memory import MemoryArtifacts
from millrace.client import transfers
from millrace.client.depots import Place
from millrace.core.entities.artifact import ArtifactStat, FileInfo
from millrace.core.errors import DataLoss, InvalidArgument, InvalidState, NotFound, Unavailable

BIG = os.urandom(transfers._KEPT_BYTES + 12_345)


class Cutting(MemoryArtifacts):
    """Breaks each transfer off after so many bytes; counts what it is asked for."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after
        self.asked: list[int] = []
        self.puts = 0

    def get(self, path: str, *, start: int = 0, end: int | None = None) -> Generator[bytes]:
        self.asked.append(start)
        left = self.after
        for chunk in super().get(path, start=start, end=end):
            if len(chunk) > left:
                yield chunk[:left]
                raise Unavailable("cut")
            left -= len(chunk)
            yield chunk

    def put(self, path: str, body: Path | Iterable[bytes], **known: object) -> ArtifactStat:
        self.puts += 1
        if self.puts <= self.after:
            assert not isinstance(body, Path)
            next(iter(body))
            raise Unavailable("cut")
        return super().put(path, body, **known)  # type: ignore[arg-type]


class Lying(MemoryArtifacts):
    """Knows another digest than its bytes have."""

    def stat(self, path: str) -> ArtifactStat | None:
        known = super().stat(path)
        return known and ArtifactStat(size=known.size, etag="e", sha256="0" * 64)


class Hostile(MemoryArtifacts):
    """Lists what its attacker wants the client to write."""

    def __init__(self, *paths: str) -> None:
        super().__init__()
        self.paths = paths

    def stat(self, path: str) -> ArtifactStat | None:
        return None if path in {"", "a"} else ArtifactStat(size=1)

    def list(self, path: str = "") -> Iterator[FileInfo]:
        return iter(FileInfo(path=each, is_dir=False, file_size=1) for each in self.paths)

    def get(self, path: str, *, start: int = 0, end: int | None = None) -> Generator[bytes]:
        yield b"x"


def stored(store: MemoryArtifacts, files: dict[str, bytes]) -> MemoryArtifacts:
    for path, body in files.items():
        MemoryArtifacts.put(store, path, [body])
    return store


def begun(target: Path, known: ArtifactStat, body: bytes) -> None:
    """What a process that was killed leaves of a download."""
    with contextlib.suppress(KeyboardInterrupt), transfers._part(target, known) as part:
        part.write(body)
        raise KeyboardInterrupt


def tree(folder: Path) -> dict[str, bytes]:
    """All files below *folder*, hidden ones included."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_folder_goes_up_and_comes_down(tmp_path: Path):
    files = {f"d{n % 7}/f{n}": bytes([n]) * n for n in range(50)} | {"empty": b"", "ü ß": b"1"}
    source = tmp_path / "source"
    for name, body in files.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(body)
    store = LocalArtifacts(tmp_path / "store")

    transfers.send(Place(store, "root"), transfers.files_below(source, "to"))
    got = transfers.fetch(store, "root/to", tmp_path / "got", "to")

    assert got == tmp_path / "got" / "to"
    assert tree(got) == files


def test_the_root_comes_straight_into_the_folder(tmp_path: Path):
    store = stored(MemoryArtifacts(), {"a/b": b"1", "c": b"2"})

    assert transfers.fetch(store, "", tmp_path / "x", "") == tmp_path / "x"
    assert tree(tmp_path) == {"x/a/b": b"1", "x/c": b"2"}


def test_an_empty_root_is_an_empty_folder(tmp_path: Path):
    transfers.fetch(MemoryArtifacts(), "", tmp_path / "x", "")

    assert (tmp_path / "x").is_dir()
    with pytest.raises(NotFound, match="No artifact 'gone'"):
        transfers.fetch(MemoryArtifacts(), "gone", tmp_path / "y", "gone")


def test_a_cut_download_goes_on_where_it_stopped(tmp_path: Path):
    store = stored(Cutting(3_000_000), {"a": BIG})

    got = transfers.fetch(store, "a", tmp_path, "a")

    assert got.read_bytes() == BIG
    assert store.asked == [0, 3_000_000, 6_000_000]
    assert list(tree(tmp_path)) == ["a"]


def test_the_next_process_goes_on_as_well(tmp_path: Path):
    store = stored(Cutting(0), {"a": BIG})
    known = store.stat("a")
    assert known is not None
    begun(tmp_path / "a", known, BIG[:-5])
    store.after = 5

    transfers.fetch(store, "a", tmp_path, "a")

    assert store.asked == [len(BIG) - 5]
    assert tree(tmp_path) == {"a": BIG}


def test_a_download_that_gets_nowhere_ends(tmp_path: Path):
    store = stored(Cutting(0), {"a": BIG})

    with pytest.raises(Unavailable, match="cut"):
        transfers.fetch(store, "a", tmp_path, "a")

    assert len(store.asked) == transfers._TRIES
    assert tree(tmp_path) == {}


def test_what_was_begun_of_another_version_is_not_used(tmp_path: Path):
    store = stored(Cutting(10**9), {"a": BIG})
    known = store.stat("a")
    assert known is not None
    begun(tmp_path / "a", known, b"old")
    stored(store, {"a": BIG[::-1]})

    transfers.fetch(store, "a", tmp_path, "a")

    assert store.asked == [0]
    assert (tmp_path / "a").read_bytes() == BIG[::-1]


@pytest.mark.parametrize("body", [b"small", BIG])
def test_damaged_bytes_are_not_handed_out(tmp_path: Path, body: bytes):
    store = stored(Lying(), {"a": body})
    (tmp_path / "a").write_text("what was there")

    with pytest.raises(DataLoss, match=r"'a' has .* SHA-256"):
        transfers.fetch(store, "a", tmp_path, "a")
    with pytest.raises(DataLoss):
        transfers.read(Place(store, "a"), 10**9)

    assert tree(tmp_path) == {"a": b"what was there"}


def test_a_file_that_is_too_large_to_read_is_refused():
    store = stored(MemoryArtifacts(), {"a": b"12345"})

    with pytest.raises(InvalidArgument, match="5 bytes, too many"):
        transfers.read(Place(store, "a"), 4)


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "a/../../x",
        "/etc/x",
        "a/b/c",
        "b",
        "a/",
        "a",
        "a/..",
        "a/.",
        "a\\x",
        "a/x\0",
    ],
)
def test_a_listing_cannot_make_us_write_elsewhere(tmp_path: Path, path: str):
    with pytest.raises(InvalidState, match="The listing of 'a' names"):
        transfers.fetch(Hostile("a/fine", path), "a", tmp_path / "in", "a")

    assert tree(tmp_path) == {}


def test_what_a_listing_names_is_all_checked_before_anything_is_written(tmp_path: Path):
    with pytest.raises(InvalidState):
        transfers.fetch(Hostile(*(f"a/{n}" for n in range(100)), "../x"), "a", tmp_path, "a")

    assert tree(tmp_path) == {}


def test_the_first_failure_ends_an_upload_and_says_what_arrived(tmp_path: Path):
    for n in range(200):
        (tmp_path / f"{n:03}").write_bytes(b"x")
    store = Cutting(after=10**9)

    with pytest.raises(Unavailable, match="cut") as raised:
        transfers.send(Place(store, ""), transfers.files_below(tmp_path, ""))

    assert "0 of 200 files have arrived" in raised.value.__notes__[0]
    assert store.puts <= transfers.AT_ONCE


def test_a_log_that_grows_is_taken_as_it_was(tmp_path: Path):
    log = tmp_path / "log"
    log.write_bytes(b"12345")
    body = transfers.Snapshot(log, lambda _: None)
    with log.open("ab") as more:
        more.write(b"678")

    assert (body.size, b"".join(body)) == (5, b"12345")
    assert body.digest() == hashlib.sha256(b"12345").hexdigest()
    assert b"".join(body) == b"12345"


def test_names_that_no_store_keeps_are_refused_before_anything_is_sent(tmp_path: Path):
    (tmp_path / "fine").write_text("")
    (tmp_path / "a\\b").write_text("")

    with pytest.raises(InvalidArgument, match="backslash"):
        transfers.files_below(tmp_path, "")


def test_links_and_other_things_in_a_folder(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "file").write_text("")
    (folder / "link").symlink_to(tmp_path / "file")
    (folder / "dirlink").symlink_to(tmp_path)
    (folder / "dead").symlink_to(tmp_path / "nowhere")
    os.mkfifo(folder / "fifo")

    found = transfers.files_below(folder, "p")

    assert [each.path for each in found] == ["p/link"]
    assert [name in caplog.text for name in ("dirlink", "dead", "fifo")] == [True] * 3


def test_a_text_stream_is_refused():
    with pytest.raises(InvalidArgument, match="binary mode"):
        list(transfers.chunks(io.StringIO("x")))  # type: ignore[arg-type]  # that is the point
    assert list(transfers.chunks(io.BytesIO(b""))) == []


def test_two_downloads_into_one_folder_do_not_mix(tmp_path: Path):
    store = stored(MemoryArtifacts(), {f"d/{n}": bytes([n]) * 1000 for n in range(20)} | {"b": BIG})
    threads = [
        threading.Thread(target=transfers.fetch, args=(store, "", tmp_path, "")) for _ in range(4)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert tree(tmp_path) == {f"d/{n}": bytes([n]) * 1000 for n in range(20)} | {"b": BIG}
