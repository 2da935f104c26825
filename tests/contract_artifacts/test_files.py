"""What every store does with files: keep them whole, give them back, list and delete them."""

from __future__ import annotations

import hashlib
import random
import resource
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from millrace.artifacts.protocols import ArtifactStore
from millrace.core.errors import AlreadyExists, InvalidArgument, NotFound
from tests.contract_artifacts.places import DECIDING, ELSEWHERE, EXACT, FOLDERED, QUICK, Place
from tests.contract_artifacts.tree import cut_after, files, generated, names, read

MIB = 1024 * 1024
KEYS = [
    "a.txt",
    "a/b/c/d.bin",
    "with blank/and more.txt",
    "ünïcode/日本語/🎉.txt",
    "e\u0301 is not \u00e9",
    "-dash/_under/.hidden",
    "n" * 200,
    "/".join(["deep"] * 40),
]
ODD_KEYS = ["100%25/a+b&c=d;e,f'g(h)[i]{j}~k!@$^", "#hash?query"]


@pytest.mark.parametrize("key", KEYS)
def test_a_file_comes_back_under_its_name(store: ArtifactStore, key: str) -> None:
    store.put(key, [b"con", b"tent"])

    assert files(store) == {key: b"content"}
    assert store.delete(key) == 1
    assert store.stat(key) is None


@pytest.mark.parametrize("place", EXACT, indirect=True)
@pytest.mark.parametrize("key", ODD_KEYS)
def test_a_name_is_taken_as_it_is(store: ArtifactStore, key: str) -> None:
    """No matter what it would mean in a URL."""
    store.put(key, [b"content"])

    assert files(store) == {key: b"content"}
    assert store.delete(key) == 1


def test_what_put_says_holds(store: ArtifactStore) -> None:
    kept = store.put("model/weights.bin", [b"12345"], size=5)

    known = store.stat("model/weights.bin")

    assert kept.size == 5
    assert kept.sha256 == hashlib.sha256(b"12345").hexdigest()
    assert known is not None
    assert known.size == 5
    assert known.etag
    assert known.sha256 in {None, kept.sha256}


def test_an_empty_file_is_a_file(store: ArtifactStore) -> None:
    store.put("empty", [])

    assert read(store, "empty") == b""
    assert [(info.is_dir, info.file_size) for info in store.list()] == [(False, 0)]


def test_a_file_of_the_caller_is_taken_in(store: ArtifactStore, tmp_path: Path) -> None:
    source = tmp_path / "source.bin"
    source.write_bytes(b"x" * (2 * MIB + 1))

    kept = store.put("copy.bin", source)

    assert kept.size == 2 * MIB + 1
    assert read(store, "copy.bin") == source.read_bytes()


def test_a_file_that_the_caller_does_not_have_is_the_callers_mistake(
    store: ArtifactStore, tmp_path: Path
) -> None:
    with pytest.raises(InvalidArgument, match=r"nowhere\.bin"):
        store.put("copy.bin", tmp_path / "nowhere.bin")

    assert files(store) == {}


@pytest.mark.parametrize(
    ("start", "end"), [(0, None), (0, 4), (3, 7), (9, 10), (10, None), (4, 4), (8, 99), (50, None)]
)
def test_a_part_of_a_file(store: ArtifactStore, start: int, end: int | None) -> None:
    store.put("ten", [b"0123456789"])

    assert read(store, "ten", start, end) == b"0123456789"[start:end]


@pytest.mark.parametrize(("start", "end"), [(-1, None), (5, 4)])
def test_a_range_that_goes_backwards_is_refused(store: ArtifactStore, start: int, end: int) -> None:
    store.put("ten", [b"0123456789"])

    with pytest.raises(InvalidArgument):
        store.get("ten", start=start, end=end)


def test_what_is_not_there(store: ArtifactStore) -> None:
    """`get` says so at once, not at the first chunk; the rest has nothing to tell."""
    store.put("folder/file", [b"x"])

    for path in ("missing", "folder", "folder/missing", "folder/file/below", "folde"):
        with pytest.raises(NotFound, match=path):
            store.get(path)
        assert store.stat(path) is None
    assert names(store, "missing") == []
    assert names(store, "folder/file") == []
    assert names(store, "folde") == []
    assert store.delete("missing") == 0
    assert store.delete("folder/missing") == 0
    assert store.delete("folde") == 0
    assert files(store) == {"folder/file": b"x"}


def test_one_level_is_listed_in_order(store: ArtifactStore) -> None:
    for path in ("b", "a/2", "a/1", "B", "a-b", "a.c/1", "a/10/x", "ä", "Z/1/2/3"):
        store.put(path, [path.encode()])

    assert names(store) == ["B", "Z/", "a/", "a-b", "a.c/", "b", "ä"]
    assert names(store, "a") == ["a/1", "a/10/", "a/2"]
    assert [info.file_size for info in store.list("a")] == [3, None, 3]


@pytest.mark.parametrize("place", QUICK, indirect=True)
def test_more_files_than_fit_on_a_page(store: ArtifactStore) -> None:
    """Object stores answer a thousand at a time."""
    paths = [f"many/{number:05}" for number in range(1100)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda path: store.put(path, [b"."]), paths))

    assert names(store, "many") == paths
    assert store.delete("many") == len(paths)


def test_a_folder_is_deleted_with_all_that_is_in_it(store: ArtifactStore) -> None:
    for path in ("keep", "gone/1", "gone/a/2", "gone/a/b/3", "gone2/4", "gonee"):
        store.put(path, [b"x"])

    assert store.delete("gone") == 3
    assert sorted(files(store)) == ["gone2/4", "gonee", "keep"]
    assert store.delete("gone") == 0
    assert names(store, "gone") == []


@pytest.mark.parametrize(
    "path", ["", "/", "..", "a/../b", "/etc/passwd", "a//b", ".", "a/", "a\0b"]
)
def test_nothing_is_put_or_deleted_outside_or_at_the_root(store: ArtifactStore, path: str) -> None:
    store.put("a/b", [b"x"])

    with pytest.raises(InvalidArgument):
        store.put(path, [b"y"])
    with pytest.raises(InvalidArgument):
        store.delete(path)

    assert files(store) == {"a/b": b"x"}


@pytest.mark.parametrize("place", FOLDERED, indirect=True)
def test_a_file_and_a_folder_do_not_share_a_name(store: ArtifactStore) -> None:
    store.put("folder/file", [b"x"])

    with pytest.raises(InvalidArgument, match="folder"):
        store.put("folder", [b"y"])
    with pytest.raises(InvalidArgument, match="folder/file"):
        store.put("folder/file/below", [b"y"])
    with pytest.raises(InvalidArgument, match="folder/file"):
        store.put("folder/file/far/below", [b"y"])

    assert files(store) == {"folder/file": b"x"}


def test_a_new_file_takes_the_place_of_the_old_one(store: ArtifactStore) -> None:
    before = store.put("file", [b"a long old content"])

    after = store.put("file", [b"new"])

    assert before.sha256 != after.sha256
    assert files(store) == {"file": b"new"}


def test_what_must_not_be_replaced_is_not(store: ArtifactStore) -> None:
    store.put("file", [b"old"], replace=False)

    with pytest.raises(AlreadyExists, match="file"):
        store.put("file", [b"new"], replace=False)

    assert files(store) == {"file": b"old"}


@pytest.mark.parametrize("place", DECIDING, indirect=True)
def test_of_many_who_must_not_replace_one_wins(store: ArtifactStore) -> None:
    def put(text: bytes) -> bool:
        try:
            store.put("winner", [text] * 100, replace=False)
        except AlreadyExists:
            return False
        return True

    texts = [b"%d" % number for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        winners = [text for text, won in zip(texts, pool.map(put, texts), strict=True) if won]

    assert len(winners) == 1
    assert read(store, "winner") == winners[0] * 100


def test_readers_see_one_whole_version(store: ArtifactStore) -> None:
    """R10: two writers on one path; whoever reads gets all of the one or all of the other."""
    contents = [bytes([letter]) * 300_000 for letter in b"ab"]
    store.put("file", [contents[0]])
    done = threading.Event()

    def write(content: bytes) -> None:
        while not done.is_set():
            store.put("file", [content[:100_000], content[100_000:]])

    writers = [threading.Thread(target=write, args=(content,)) for content in contents]
    for writer in writers:
        writer.start()
    seen = {read(store, "file") for _ in range(20)}
    done.set()
    for writer in writers:
        writer.join()

    assert seen <= set(contents)
    assert read(store, "file") in contents


@pytest.mark.parametrize("size", [0, 4, 6, 10**12])
def test_a_body_of_another_length_leaves_nothing(store: ArtifactStore, size: int) -> None:
    store.put("old", [b"old"])

    for path in ("new", "old"):
        with pytest.raises(InvalidArgument, match=str(size)):
            store.put(path, [b"12", b"345"], size=size)

    assert files(store) == {"old": b"old"}


def test_a_body_with_another_digest_leaves_nothing(store: ArtifactStore) -> None:
    store.put("old", [b"old"])

    for path in ("new", "old"):
        with pytest.raises(InvalidArgument, match="SHA-256"):
            store.put(path, [b"12345"], sha256=hashlib.sha256(b"12346").hexdigest())
    store.put("upper", [b"12345"], sha256=hashlib.sha256(b"12345").hexdigest().upper())

    assert files(store) == {"old": b"old", "upper": b"12345"}


def test_a_cut_upload_leaves_nothing(store: ArtifactStore, full_size: bool) -> None:
    """P5: cut at every 64 KiB boundary and at random bytes; the old version stays."""
    content = random.Random(5).randbytes(5 * 64 * 1024 + 17)
    store.put("old", [b"old"])
    count = 1000 if full_size else 12
    cuts = [
        *range(0, len(content), 64 * 1024),
        *random.Random(6).sample(range(len(content)), count),
    ]

    for at in cuts:
        for path in ("folder/new", "old"):
            with pytest.raises(ConnectionResetError):
                store.put(path, cut_after(content, at))

    assert files(store) == {"old": b"old"}


@pytest.mark.parametrize("place", EXACT, indirect=True)
def test_a_cut_upload_leaves_no_folder(store: ArtifactStore) -> None:
    with pytest.raises(ConnectionResetError):
        store.put("folder/new", cut_after(b"12345", 3))

    assert names(store) == []


@pytest.mark.parametrize("place", ELSEWHERE, indirect=True)
def test_a_large_body_takes_little_memory(store: ArtifactStore) -> None:
    """64 MiB up and down; what the process holds meanwhile grows by much less (R12)."""
    size = 64 * MIB
    wanted = hashlib.sha256(b"".join(generated(size))).hexdigest()
    held = [_held_kib()]

    def body() -> Iterator[bytes]:
        for chunk in generated(size):
            held.append(_held_kib())
            yield chunk

    kept = store.put("large", body())
    got = hashlib.sha256()
    for chunk in store.get("large"):
        got.update(chunk)
        held.append(_held_kib())

    assert kept.size == size
    assert kept.sha256 == got.hexdigest() == wanted
    assert max(held) - held[0] < 48 * 1024
    assert read(store, "large", 3 * MIB - 2, 3 * MIB + 8) == b"\0\2" + (3).to_bytes(8, "big")


def _held_kib() -> int:
    """The memory of this process that is in use now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 1024


def test_reading_can_stop_in_the_middle(store: ArtifactStore) -> None:
    store.put("file", generated(3 * MIB))

    body = store.get("file")
    first = next(body)
    body.close()
    unread = store.get("file")
    del unread

    assert first
    assert store.delete("file") == 1


def test_a_store_opened_again_has_what_was_put(place: Place, store: ArtifactStore) -> None:
    store.put("a/b", [b"x"])
    store.close()

    again = place.open()

    assert files(again) == {"a/b": b"x"}
    again.close()


def test_files_are_put_by_many_at_once(store: ArtifactStore) -> None:
    """Into the same new folders, which each of them may have to make."""
    paths = [f"shared/new/{number}" for number in range(12)]
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda path: store.put(path, [path.encode()]), paths))

    assert files(store) == {path: path.encode() for path in paths}
