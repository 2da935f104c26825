"""What only a folder of this machine can get wrong: links, devices, disks, dead uploads."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from millrace.artifacts import staging
from millrace.artifacts.local import LocalArtifacts
from millrace.artifacts.open import open_artifacts
from millrace.artifacts.protocols import AtHand, OnDisk, SmallFile
from millrace.core.errors import (
    AlreadyExists,
    DiskFull,
    InvalidArgument,
    MillraceError,
    NotFound,
    PermissionDenied,
    Unavailable,
)
from tests.contract_artifacts.tree import cut_after, files, generated, names, read
from tests.services import clean_environment, unavailable


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def local(root: Path) -> Iterator[LocalArtifacts]:
    store = LocalArtifacts(root)
    yield store
    store.close()


def test_a_store_that_is_only_read_makes_nothing(root: Path, local: LocalArtifacts) -> None:
    assert names(local) == []
    assert local.stat("a") is None
    assert local.delete("a") == 0
    with pytest.raises(NotFound):
        local.get("a")

    assert not root.exists()


@pytest.mark.parametrize(
    "uri", ["{root}", "file://{root}", "file:{root}", "FILE://{root}", "file://localhost{root}"]
)
def test_the_ways_to_name_a_folder(root: Path, uri: str) -> None:
    store = open_artifacts(uri.format(root=root))
    store.put("a", [b"x"])
    store.close()

    assert (root / "a").read_bytes() == b"x"


def test_percent_encoding_is_for_uris_only(tmp_path: Path) -> None:
    for uri, folder in ((f"file://{tmp_path}/a%20b", "a b"), (f"{tmp_path}/c%20d#e", "c%20d#e")):
        store = open_artifacts(uri)
        store.put("x", [b"x"])
        store.close()

        assert (tmp_path / folder / "x").exists()


@pytest.mark.parametrize("uri", ["file://elsewhere/a", "file:///a?b=c", "file:///a#b", "file:", ""])
def test_a_uri_that_names_no_folder_of_this_machine_is_refused(uri: str) -> None:
    with pytest.raises(InvalidArgument):
        open_artifacts(uri)


def test_links_lead_nowhere(tmp_path: Path, root: Path, local: LocalArtifacts) -> None:
    """S8: to files and folders, outside and inside, in every position and for every verb."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    local.put("inside/file", [b"x"])
    (root / "to-folder").symlink_to(outside)
    (root / "to-file").symlink_to(outside / "secret")
    (root / "relative").symlink_to("inside")
    (root / "inside" / "up").symlink_to("..")
    (root / "dangling").symlink_to(outside / "nothing")

    for path in (
        "to-folder/secret",
        "to-file",
        "relative/file",
        "inside/up/inside/file",
        "dangling",
    ):
        with pytest.raises(NotFound):
            local.get(path)
        with pytest.raises(NotFound):
            local.open(path)
        assert local.stat(path) is None
        assert local.delete(path) == 0
    for path in ("to-folder/new", "relative/new", "inside/up/new"):
        with pytest.raises(InvalidArgument):
            local.put(path, [b"y"])
    assert names(local, "to-folder") == names(local, "relative") == []
    assert files(local) == {"inside/file": b"x"}
    assert [path.name for path in outside.iterdir()] == ["secret"]


def test_a_put_replaces_a_link_and_not_what_it_leads_to(
    tmp_path: Path, root: Path, local: LocalArtifacts
) -> None:
    (tmp_path / "outside").write_text("before")
    local.put("other", [b"x"])
    (root / "link").symlink_to(tmp_path / "outside")

    local.put("link", [b"after"])

    assert (tmp_path / "outside").read_text() == "before"
    assert read(local, "link") == b"after"


def test_deleting_a_folder_follows_no_link_in_it(
    tmp_path: Path, root: Path, local: LocalArtifacts
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").write_text("kept")
    local.put("gone/file", [b"x"])
    (root / "gone" / "link").symlink_to(tmp_path / "outside")

    assert local.delete("gone") == 1

    assert (tmp_path / "outside" / "kept").read_text() == "kept"
    assert not (root / "gone").exists()


def test_the_root_itself_may_be_a_link(tmp_path: Path, root: Path) -> None:
    """Its owner named it."""
    (tmp_path / "real").mkdir()
    root.symlink_to(tmp_path / "real")
    store = LocalArtifacts(root)
    store.put("a", [b"x"])
    store.close()

    assert (tmp_path / "real" / "a").read_bytes() == b"x"


def test_what_is_no_file_is_not_there(root: Path, local: LocalArtifacts) -> None:
    """S9: a FIFO would make its reader wait for ever."""
    local.put("file", [b"x"])
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "socket"))
        odd = ["fifo", "socket"]
        if os.geteuid() == 0:
            os.mknod(root / "device", 0o20666, os.makedev(1, 5))  # /dev/zero
            odd.append("device")

        for path in odd:
            with pytest.raises(NotFound):
                local.get(path)
            assert local.stat(path) is None
            assert local.delete(path) == 0
        assert names(local) == ["file"]


def test_a_name_that_is_no_text_is_not_listed(root: Path, local: LocalArtifacts) -> None:
    local.put("file", [b"x"])
    (root / os.fsdecode(b"\xff\xfe")).write_text("x")

    assert names(local) == ["file"]


def test_a_name_that_is_too_long_is_refused(local: LocalArtifacts) -> None:
    with pytest.raises(InvalidArgument, match="longer"):
        local.put("n" * 256, [b"x"])

    assert local.stat("n" * 256) is None
    assert names(local) == []


def test_a_very_deep_tree_is_deleted(local: LocalArtifacts) -> None:
    """Neither recursion nor descriptors are spent on depth."""
    deep = "/".join(["d"] * 1500)
    local.put(f"{deep}/file", [b"x"])
    local.put("d/d/file", [b"x"])

    assert local.delete("d") == 2
    assert names(local) == []


def test_uploads_under_way_are_hidden(root: Path, local: LocalArtifacts) -> None:
    def body() -> Iterator[bytes]:
        yield b"half"
        assert (root / staging.NAME).is_dir()
        assert names(local) == []
        assert names(local, staging.NAME) == []
        for refused in (local.get, local.stat, local.delete):
            with pytest.raises(InvalidArgument, match=r"under way"):
                refused(f"{staging.NAME}/x")
        with pytest.raises(InvalidArgument, match=r"under way"):
            local.put(f"{staging.NAME}/x", [b"x"])

    local.put("file", body())
    local.close()

    assert [path.name for path in root.iterdir()] == ["file"]


UPLOADING = """
import signal, sys
from millrace.artifacts.open import open_artifacts

def body():
    yield b"x" * 100_000
    print("half", flush=True)
    signal.pause()

open_artifacts(sys.argv[1]).put("folder/file", body())
"""


def test_what_a_killed_upload_left_is_gone_with_the_next_start(root: Path) -> None:
    """R9: and uploads of processes that live are left alone."""
    children = [
        subprocess.Popen(
            [sys.executable, "-c", UPLOADING, str(root)],
            stdout=subprocess.PIPE,
            env=clean_environment(),
        )
        for _ in range(2)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == b"half\n"
    assert _staged(root) == 2
    children[0].send_signal(signal.SIGKILL)
    children[0].communicate()

    store = open_artifacts(str(root))

    assert _staged(root) == 1
    assert files(store) == {}
    children[1].send_signal(signal.SIGKILL)
    children[1].communicate()
    open_artifacts(str(root))
    assert _staged(root) == 0


def _staged(root: Path) -> int:
    return sum(path.is_file() and path.name != "lock" for path in root.rglob("*"))


def test_a_half_deleted_folder_is_deleted_by_the_next_start(root: Path) -> None:
    """It was out of sight from the first moment."""
    pid = os.fork()
    if pid == 0:  # a process that dies in the middle of a delete
        store = LocalArtifacts(root, system=Failing(3, calls=frozenset({"unlink"})))
        for number in range(5):
            store.put(f"gone/a/b/{number}", [b"x"])
        try:
            store.delete("gone")
        finally:
            os._exit(len(files(store)))
    assert os.waitpid(pid, 0)[1] == 0
    assert _staged(root) > 0

    open_artifacts(str(root))

    assert _staged(root) == 0
    assert not (root / "gone").exists()


def test_a_forked_child_has_its_own_uploads(root: Path, local: LocalArtifacts) -> None:
    local.put("parent", [b"x"])
    pid = os.fork()
    if pid == 0:
        try:
            local.put("child", [b"y"])
            local.close()
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0
    local.put("parent/again"[:6] + "2", [b"z"])

    assert files(local) == {"parent": b"x", "child": b"y", "parent2": b"z"}


def test_a_folder_that_is_deleted_while_a_file_comes_in(root: Path, local: LocalArtifacts) -> None:
    """The file arrives all the same, in a new folder."""
    local.put("folder/old", [b"x"])

    def body() -> Iterator[bytes]:
        yield b"half"
        local.delete("folder")
        yield b"whole"

    local.put("folder/new", body())

    assert files(local) == {"folder/new": b"halfwhole"}


def test_the_root_may_be_removed_while_a_file_comes_in(root: Path, local: LocalArtifacts) -> None:
    """An error, and the next one works."""

    def body() -> Iterator[bytes]:
        yield b"half"
        subprocess.run(["rm", "-r", str(root)], check=True)

    with pytest.raises(Unavailable):
        local.put("file", body())

    local.put("file", [b"x"])
    assert files(local) == {"file": b"x"}


@pytest.mark.parametrize("error", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_folder_that_may_not_be_written(root: Path, error: int) -> None:
    store = LocalArtifacts(root, system=Failing(1, error=error, calls=frozenset({"mkdir"})))

    with pytest.raises(PermissionDenied) as caught:
        store.put("folder/file", [b"x"])

    assert str(root) not in caught.value.message


def test_a_descriptor_to_send_from(local: LocalArtifacts) -> None:
    assert isinstance(local, OnDisk)
    local.put("file", [b"content"])

    file = local.open("file")

    assert os.read(file, 99) == b"content"
    os.close(file)


def skip_where_nothing_is_at_hand(local: LocalArtifacts) -> None:
    local.put("probe", [b"x"])
    if local.read_at_hand("probe", 1) is None:
        pytest.skip("this kernel, or this file system, does not say what it has in memory")


def test_what_was_just_written_is_at_hand(local: LocalArtifacts, root: Path) -> None:
    skip_where_nothing_is_at_hand(local)
    assert isinstance(local, AtHand)
    local.put("a/b", [b"content"])
    local.put("a/empty", [b""])

    for path, content in (("a/b", b"content"), ("a/empty", b"")):
        found = local.read_at_hand(path, 7)
        assert found is not None
        there, body = found
        assert body == content
        assert there == (root / path).stat()
    assert local.read_at_hand("a/b", 6) is None
    with pytest.raises(InvalidArgument):
        local.read_at_hand("a/../b", 7)


def test_what_is_no_file_is_never_at_hand(root: Path, local: LocalArtifacts) -> None:
    skip_where_nothing_is_at_hand(local)
    local.put("folder/file", [b"x"])
    (root / "link").symlink_to("folder/file")
    (root / "way").symlink_to("folder")
    (root / "out").symlink_to("/etc")
    os.mkfifo(root / "pipe")

    for path in ("folder", "link", "way/file", "out/hostname", "pipe", "missing", "folder/file/x"):
        assert local.read_at_hand(path, 1000) is None


def test_at_hand_is_what_is_there_now(root: Path, local: LocalArtifacts) -> None:
    """A root that has made way for another one is not read any more."""
    skip_where_nothing_is_at_hand(local)
    local.put("a", [b"one"])
    root.rename(root.with_name("before"))

    assert local.read_at_hand("a", 9) is None

    root.mkdir()
    (root / "a").write_bytes(b"two")
    assert read(local, "a") == b"two"  # now the kernel knows the way
    found = local.read_at_hand("a", 9)
    assert found is not None
    assert found[1] == b"two"


def test_descriptors_do_not_leak(local: LocalArtifacts, root: Path) -> None:
    local.put("a/b", [b"x"])
    before = len(list(Path("/proc/self/fd").iterdir()))

    for _ in range(3):
        local.put("a/b", [b"x"])
        for path in ("a/b", "a", "c"):
            local.read_at_hand(path, 9)
        read(local, "a/b")
        local.get("a/b").close()
        names(local, "a")
        for fails in (
            lambda: local.put("a", [b"x"]),
            lambda: local.put("a/b/c", [b"x"]),
            lambda: local.get("a"),
            lambda: local.put("a/b", cut_after(b"12345", 3)),
        ):
            with pytest.raises((MillraceError, ConnectionResetError)):
                fails()

    assert len(list(Path("/proc/self/fd").iterdir())) == before


class Failing(ModuleType):
    """The system, whose call number *fail_at* (counted from 1) fails; only *calls* are counted."""

    def __init__(
        self, fail_at: int, *, error: int = errno.EIO, calls: frozenset[str] | None = None
    ) -> None:
        super().__init__("failing")
        self.fail_at = fail_at
        self.error = error
        self.only = calls
        self.count = 0

    def __getattr__(self, name: str) -> object:
        real = getattr(os, name)
        if not callable(real) or (self.only is not None and name not in self.only):
            return real

        def call(*args: object, **keywords: object) -> object:
            self.count += 1
            if self.count == self.fail_at:
                raise OSError(self.error, os.strerror(self.error))
            return real(*args, **keywords)

        return call


OLD = {"old/file": b"old", "old/a/b": b"old"}
NEW = b"".join(generated(1000))
VERBS: dict[str, tuple[Callable[[LocalArtifacts], object], dict[str, bytes]]] = {
    "new": (
        lambda store: store.put("new/folder/file", generated(1000)),
        OLD | {"new/folder/file": NEW},
    ),
    "replace": (lambda store: store.put("old/file", generated(1000)), OLD | {"old/file": NEW}),
    "only-new": (
        lambda store: store.put("old/other", generated(1000), replace=False),
        OLD | {"old/other": NEW},
    ),
    "delete": (lambda store: store.delete("old"), {}),
}


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EMFILE])
@pytest.mark.parametrize("verb", VERBS)
def test_any_system_call_may_fail(tmp_path: Path, verb: str, error: int) -> None:
    """R2: for every n the n-th call fails. All or nothing, and the next one works."""
    act, after = VERBS[verb]
    answer = DiskFull if error in {errno.ENOSPC, errno.EDQUOT} else Unavailable
    for fail_at in itertools.count(1):
        root = tmp_path / f"{fail_at}"
        system = Failing(0, error=error)
        store = LocalArtifacts(root, system=system)
        for path in OLD:
            store.put(path, [b"old"])
        system.count, system.fail_at = 0, fail_at

        with contextlib.suppress(answer):
            act(store)
        hit = system.count >= fail_at
        system.fail_at = 0

        assert files(store) in (OLD, after)
        if files(store) == OLD:
            act(store)
        assert files(store) == after
        store.close()
        if not hit:
            break
        # What a failed clean-up left is hidden, and goes with the next start.
        open_artifacts(str(root)).close()
        assert _staged(root) == len(after)
    assert fail_at > 8


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=100", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        unavailable("tmpfs", "mounting needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_keeps_what_it_has_and_recovers(small_disk: Path) -> None:
    """R3: reads go on, and room that is made is used without a restart."""
    store = LocalArtifacts(small_disk / "root")
    store.put("old", [b"o" * 600_000])

    for _ in range(3):
        with pytest.raises(DiskFull, match="new"):
            store.put("new", [b"n" * 100_000] * 6)
    assert files(store) == {"old": b"o" * 600_000}
    store.delete("old")
    store.put("new", [b"n" * 100_000] * 6)

    assert files(store) == {"new": b"n" * 600_000}
    store.close()


def test_another_file_system_below_the_root(small_disk: Path, tmp_path: Path) -> None:
    """A mount inside cannot be renamed into: refused clearly, not half done."""
    store = LocalArtifacts(tmp_path)

    with pytest.raises(Unavailable, match="disk/file"):
        store.put("disk/file", [b"x"])

    assert list(small_disk.iterdir()) == []
    store.close()


def test_reading_a_file_that_shrinks_is_no_success(root: Path, local: LocalArtifacts) -> None:
    """Somebody else writes there in place: never pass half a file off as the whole."""
    local.put("file", generated(3 * 1024 * 1024))
    body = local.get("file")
    next(body)
    os.truncate(root / "file", 10)

    with pytest.raises(Unavailable, match="shorter"):
        next(body)


def test_many_processes_and_threads_share_a_root(root: Path) -> None:
    """Each with its own staging; one of them is killed now and then."""
    script = (
        "import sys\nfrom millrace.artifacts.open import open_artifacts\n"
        "store = open_artifacts(sys.argv[1])\n"
        "for n in range(50): store.put(f'shared/{n}', [sys.argv[2].encode() * 10_000])\n"
        "store.close()\n"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", script, str(root), name], env=clean_environment())
        for name in "abc"
    ]
    assert [child.wait(60) for child in children] == [0, 0, 0]
    store = open_artifacts(str(root))

    seen = files(store)

    assert len(seen) == 50
    assert all(content in {name.encode() * 10_000 for name in "abc"} for content in seen.values())
    assert [path.name for path in root.iterdir()] == ["shared"]


def test_files_that_are_put_together_fail_each_by_itself(tmp_path: Path) -> None:
    """The others appear, whole, and nothing is left of what did not."""
    store = LocalArtifacts(tmp_path / "root")
    store.put("there/file", [b"old"])

    stats = store.put_together(
        [
            SmallFile(path="a/one", body=b"1"),
            SmallFile(path="there", body=b"a folder"),
            SmallFile(path="there/file", body=b"new", replace=False),
            SmallFile(path="short", body=b"12", size=3),
            SmallFile(path="other", body=b"x", sha256="0" * 64),
            SmallFile(path="a/two", body=b"22"),
        ]
    )

    assert [getattr(each, "size", type(each)) for each in stats] == [
        *(1, InvalidArgument, AlreadyExists, InvalidArgument, InvalidArgument, 2)
    ]
    assert files(store) == {"a/one": b"1", "a/two": b"22", "there/file": b"old"}
    store.close()
    assert sorted(each.name for each in (tmp_path / "root").iterdir()) == ["a", "there"]


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_any_system_call_may_fail_for_files_together(tmp_path: Path, error: int) -> None:
    """What is acknowledged is there, and whatever is there is whole."""
    fail_at, hit = 1, True
    while hit:
        root = tmp_path / f"{fail_at}"
        root.mkdir()
        system = Failing(0, error=error)
        store = LocalArtifacts(root, system=system)
        store.put("f/old", [b"old"])
        system.count, system.fail_at = 0, fail_at

        sent = {f"f/{name}": name.encode() * 9 for name in ("a", "b", "old")}
        found = store.put_together([SmallFile(path=at, body=body) for at, body in sent.items()])

        hit = system.count >= fail_at
        system.fail_at = 0
        there = files(store)
        for (path, body), each in zip(sent.items(), found, strict=True):
            assert there.get(path) in {None, b"old", body}
            if not isinstance(each, MillraceError):
                assert there[path] == body
        assert any(isinstance(each, MillraceError) for each in found) or not hit
        store.close()
        fail_at += 1
