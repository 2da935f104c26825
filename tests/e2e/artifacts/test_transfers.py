"""Large, slow and many transfers: what they cost the server, and what they cost everybody else."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.artifacts.conftest import Seen, Start
from tests.e2e.faults.servers import is_running, until
from tests.services import unavailable
from tests.wire import build
from tests.wire.expect import ok

PROXY = "/api/2.0/mlflow-artifacts/artifacts"
MIB = 1024 * 1024
BLOCK = bytes(MIB)


def zeros(size: int) -> Iterator[bytes]:
    for start in range(0, size, MIB):
        yield BLOCK[: min(MIB, size - start)]


def upload(seen: Seen, path: str, size: int) -> int:
    headers = {"Content-Length": str(size)}
    return seen.api.request("PUT", f"{PROXY}/{path}", body=zeros(size), headers=headers).status


def download(seen: Seen, path: str) -> int:
    """How many bytes came, without holding them."""
    with seen.api.socket(120) as link:
        link.sendall(f"GET {PROXY}/{path} HTTP/1.0\r\nHost: {seen.api.authority}\r\n\r\n".encode())
        head, count = b"", 0
        while b"\r\n\r\n" not in head:
            head += link.recv(65536)
        count = len(head.partition(b"\r\n\r\n")[2])
        while part := link.recv(MIB):
            count += len(part)
        assert b" 200 " in head.splitlines()[0]
        return count


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_eight_at_once_fit_in_little_memory(start: Start, full_size: bool) -> None:
    """R12: the memory of a transfer does not depend on the size of the file."""
    size = (1024 if full_size else 48) * MIB
    seen = start()
    upload(seen, "0/warm", MIB)
    before = seen.memory_mib("VmHWM")

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda n: upload(seen, f"0/{n}", size), range(8))) == [200] * 8
        up = seen.memory_mib("VmHWM")
        assert list(pool.map(lambda n: download(seen, f"0/{n}"), range(8))) == [size] * 8
    down = seen.memory_mib("VmHWM")

    assert up - before < 8 * 24, (before, up)
    assert down < 512, (before, up, down)


def test_a_file_is_not_copied_before_it_is_kept(start: Start) -> None:
    """While it comes in, it takes its own size on the disk and nowhere else."""
    seen = start()
    size = 64 * MIB
    with seen.api.socket() as link:
        link.sendall(
            f"PUT {PROXY}/0/x HTTP/1.1\r\nHost: {seen.api.authority}\r\n"
            f"Content-Length: {size}\r\n\r\n".encode()
        )
        for block in zeros(size - 1):
            link.sendall(block)
        until(lambda: held(seen.folder) >= size - 8 * MIB, "the bytes on the disk")
        assert held(seen.folder) < size
        assert open_files(seen) <= size
        link.sendall(b"x")
        assert b" 200 " in link.recv(1000)

    assert held(seen.folder) == size


def held(folder: Path) -> int:
    return sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())


def open_files(seen: Seen) -> int:
    """The size of all regular files that the server has open, deleted ones too, but databases."""
    total = 0
    for one in Path(f"/proc/{seen.pid}/fd").iterdir():
        try:
            target = str(one.readlink())
            if one.is_file() and (str(seen.folder) in target or "deleted" in target):
                total += one.stat().st_size
        except FileNotFoundError:
            continue
    return total


def test_records_are_served_while_files_come_in(start: Start) -> None:
    """Transfers that wait for slow clients hold up nobody, however many they are."""
    seen = start(transfers=8)
    run = build.add_run(seen.api, "0")
    links = []
    for number in range(8):
        link = seen.api.socket()
        link.sendall(
            f"PUT {PROXY}/0/{number} HTTP/1.1\r\nHost: {seen.api.authority}\r\n"
            f"Content-Length: {8 * MIB}\r\n\r\n".encode()
        )
        link.sendall(BLOCK)
        links.append(link)
    until(lambda: transfers_under_way(seen) == 8, "eight uploads under way")

    begun = time.monotonic()
    for step in range(20):
        ok(seen.api.post("runs/log-metric", {"run_id": run, "key": "m", "value": 1, "timestamp": 1,
                                             "step": step}))  # fmt: skip
    assert time.monotonic() - begun < 5

    # A small file needs none of their threads.
    assert seen.api.request("PUT", f"{PROXY}/0/small", body=b"x").status == 200
    busy = seen.api.request("PUT", f"{PROXY}/0/more", body=BLOCK)
    assert (busy.status, busy.error_code) == (503, "TEMPORARILY_UNAVAILABLE")
    assert int(busy.headers["retry-after"]) > 0
    for link in links:
        link.close()
    until(
        lambda: seen.api.request("PUT", f"{PROXY}/0/more", body=BLOCK).status == 200,
        "room for another one",
    )


def transfers_under_way(seen: Seen) -> int:
    staging = seen.folder / ".millrace-staging"
    return sum(1 for one in staging.rglob("*") if one.is_file() and one.name != "lock")


@pytest.mark.slow
def test_a_reader_that_stops_reading_is_cut(start: Start) -> None:
    """R14: who takes next to nothing for a while holds a thread for nobody."""
    seen = start()
    upload(seen, "0/x", 64 * MIB)
    link = socket.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    link.settimeout(60)
    link.connect((seen.api.host, seen.api.port))
    with link:
        link.sendall(f"GET {PROXY}/0/x HTTP/1.1\r\nHost: {seen.api.authority}\r\n\r\n".encode())
        assert link.recv(16).startswith(b"HTTP/1.1 200")
        until(lambda: not is_connected(seen, link), "the end of the connection", within_s=45)


def is_connected(seen: Seen, link: socket.socket) -> bool:
    """Whether the server still has the other end of *link* open (1: established)."""
    mine, theirs = link.getsockname()[1], seen.api.port
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        local, remote, state = line.split()[1:4]
        ends = (int(local.split(":")[1], 16), int(remote.split(":")[1], 16))
        if ends == (theirs, mine):
            return state == "01"
    return False


def test_a_stop_does_not_wait_for_ever_for_a_transfer(start: Start) -> None:
    seen = start(grace_s=1.0)
    upload(seen, "0/x", 64 * MIB)
    with seen.api.socket() as link:
        link.sendall(f"GET {PROXY}/0/x HTTP/1.1\r\nHost: {seen.api.authority}\r\n\r\n".encode())
        assert link.recv(16).startswith(b"HTTP/1.1 200")
        os.kill(seen.pid, 15)

        until(lambda: not is_running(seen.pid), "the end of the server", within_s=20)


def test_what_a_killed_server_took_in_halfway_is_gone_after_the_next_start(start: Start) -> None:
    """R9."""
    seen = start()
    upload(seen, "0/old", 1000)
    with seen.api.socket() as link:
        link.sendall(
            f"PUT {PROXY}/0/new HTTP/1.1\r\nHost: {seen.api.authority}\r\n"
            f"Content-Length: {8 * MIB}\r\n\r\n".encode()
            + BLOCK
        )
        until(lambda: transfers_under_way(seen) == 1, "an upload under way")
        os.kill(seen.pid, 9)

    again = start()
    assert again.api.get(f"{PROXY}/0/old").status == 200
    assert again.api.get(f"{PROXY}/0/new").status == 404
    until(lambda: transfers_under_way(again) == 0, "a clean staging area")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        unavailable("tmpfs", "mounting needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_told_and_recovers(start: Start, small_disk: Path) -> None:
    """R3: 507, reads go on, nothing of the file is left, and room that is made is used."""
    seen = start(artifacts_destination=str(small_disk / "root"))
    assert upload(seen, "0/old", 3 * MIB) == 200

    for _ in range(3):
        full = seen.api.request("PUT", f"{PROXY}/0/new", body=BLOCK + BLOCK)
        assert (full.status, full.error_code) == (507, "RESOURCE_EXHAUSTED")
    assert seen.api.get(f"{PROXY}/0/new").status == 404
    assert download(seen, "0/old") == 3 * MIB
    ok(seen.api.request("DELETE", f"{PROXY}/0/old"))

    assert upload(seen, "0/new", 3 * MIB) == 200


def test_one_file_written_by_many_is_one_of_theirs(start: Start) -> None:
    """R10, with several processes: readers see a whole version, and none of it counts as damage.

    Between two first versions of a file a reader may be asked to try again.
    """
    seen = start(workers=2)
    sizes = [300_000 + number for number in range(4)]
    done = threading.Event()

    def write(size: int) -> list[int]:
        return [upload(seen, "0/x", size) for _ in range(10)]

    def read() -> list[str]:
        odd = []
        while not done.is_set():
            reply = seen.api.get(f"{PROXY}/0/x")
            if reply.status != 404 and (reply.status, len(reply.body)) not in {
                (200, size) for size in sizes
            }:
                odd.append(reply.text[:300])
        return odd

    with ThreadPoolExecutor(5) as pool:
        reading = pool.submit(read)
        statuses = list(pool.map(write, sizes))
        done.set()
        assert reading.result() == []

    assert statuses == [[200] * 10] * 4
