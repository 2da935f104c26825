"""A database that cannot be written: 503, nothing written, reads go on, and it recovers."""

from __future__ import annotations

import contextlib
import resource
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.faults.files import check_file
from tests.e2e.faults.link import Link
from tests.e2e.faults.records import DATASETS, Reader
from tests.e2e.faults.servers import Mortal, Nursery, command, started, until
from tests.e2e.faults.workload import Writer
from tests.services import clean_environment, free_port, unavailable
from tests.wire.build import unique
from tests.wire.client import Reply

PATIENCE_S = 15.0
"""What a write may take at most behind a lock, for which the server waits 10 seconds."""
READ_S = 2.0


@pytest.fixture
def server(nursery: Nursery, tmp_path: Path) -> Iterator[Mortal]:
    server = Mortal(nursery, tmp_path)
    server.start()
    yield server
    server.end()
    assert "Traceback" not in server.log.read_text()
    check_file(server.database)


@contextlib.contextmanager
def locked(database: Path) -> Iterator[None]:
    """Another process, this one, holds the lock on the whole database."""
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.rollback()


def make_run(link: Link, experiment: str = "0") -> str:
    made = link.post("runs/create", {"experiment_id": experiment, "run_name": unique()})
    return str(made.json["run"]["info"]["run_id"])


def point(run: str, step: int, key: str = "m") -> dict[str, object]:
    return {"run_id": run, "key": key, "value": step, "timestamp": step, "step": step}


def away(reply: Reply) -> bool:
    """Whether that is how a server says that it cannot write now; AssertionError for half of it."""
    if reply.status != 503:
        return False
    assert reply.error_code == "TEMPORARILY_UNAVAILABLE"
    assert 1 <= int(reply.headers["retry-after"]) <= 60
    assert "sqlite" not in reply.text.lower()
    return True


def timed(call: Callable[[], Reply]) -> tuple[Reply, float]:
    began = time.monotonic()
    return call(), time.monotonic() - began


def history(link: Link, run: str) -> set[int]:
    return {step for _, step, _ in Reader(link, {}).history(run, "m")}


# Locked by another process


@pytest.mark.slow
def test_a_locked_database(server: Mortal) -> None:
    """However many wait, none waits longer than the first."""
    with Link(server.port) as link:
        run = make_run(link)
        made = link.post(f"{DATASETS}/create", {"name": unique()}).json["dataset"]
        tags = f"{DATASETS}/{made['dataset_id']}/tags"

        def write(step: int) -> tuple[Reply, float]:
            with Link(server.port) as link:
                if step % 3 == 0:
                    return timed(lambda: link.send("PATCH", tags, {"tags": '{"t": "1"}'}))
                return timed(lambda: link.post("runs/log-metric", point(run, step)))

        with ThreadPoolExecutor(24) as pool, locked(server.database):
            writing = [pool.submit(write, step) for step in range(24)]
            while not all(one.done() for one in writing):
                reply, took_s = timed(lambda: link.get("runs/get", {"run_id": run}))
                assert reply.status == 200
                assert took_s < READ_S
            answered = [one.result() for one in writing]

        assert all(away(reply) for reply, _ in answered)
        assert max(took_s for _, took_s in answered) < PATIENCE_S
        assert history(link, run) == set()
        assert link.post("runs/log-metric", point(run, 1)).status == 200
        assert history(link, run) == {1}


def test_a_lock_that_is_soon_gone_is_waited_for(server: Mortal) -> None:
    with Link(server.port) as link:
        run = make_run(link)

        def write(step: int) -> Reply:
            with Link(server.port) as link:
                return link.post("runs/log-metric", point(run, step))

        with ThreadPoolExecutor(4) as pool:
            with locked(server.database):
                writing = [pool.submit(write, step) for step in range(4)]
                until(lambda: link.read("/ready").get("queue", 0) > 0, "a write that waits")

            assert [one.result().status for one in writing] == [200] * 4
        assert history(link, run) == {0, 1, 2, 3}


# Full


def limit_files(pid: int, most: int) -> None:
    """No file of that process grows beyond *most* bytes (-1: any size): writes fail then."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, hard))


def test_files_that_may_not_grow(nursery: Nursery, server: Mortal) -> None:
    """All records are as they were told, before, while and after nothing could be written."""
    (pid,) = server.processes()
    with Link(server.port) as link, Link(server.port) as reads:
        home = link.post("experiments/create", {"name": unique()}).json["experiment_id"]
        writer = Writer("full", link, home=home, shared=make_run(link, home), reads=reads)
        write_more(writer, acknowledged=50)
        for _ in range(3):
            log = server.database.with_name(server.database.name + "-wal")
            limit_files(pid, log.stat().st_size + 20_000)
            write_more(writer, refused=10)
            writer.settle()
            limit_files(pid, resource.RLIM_INFINITY)
            write_more(writer, acknowledged=30)
            writer.settle()
        writer.check_everything()


def write_more(writer: Writer, *, acknowledged: int = 0, refused: int = 0) -> None:
    """Write until so many more are acknowledged and refused; within 30 seconds."""
    tally, deadline = writer.tally, time.monotonic() + 30
    wanted = tally.acknowledged + acknowledged, tally.refused + refused
    while tally.acknowledged < wanted[0] or tally.refused < wanted[1]:
        assert writer.write(), "a write was not answered"
        assert time.monotonic() < deadline, f"{tally} in 30 s"


def test_a_batch_meets_the_end_of_the_disk(server: Mortal) -> None:
    """The answer is clean, and no half of the batch is there; later it succeeds."""
    (pid,) = server.processes()
    with Link(server.port) as link:
        run = make_run(link)
        batch = {
            "run_id": run,
            "metrics": [
                {"key": "m", "value": step, "timestamp": step, "step": step} for step in range(900)
            ],
            "params": [{"key": f"p{number}", "value": "x" * 5000} for number in range(100)],
        }
        log = server.database.with_name(server.database.name + "-wal")
        limit_files(pid, log.stat().st_size + 10_000)

        refused = link.post("runs/log-batch", batch)

        assert away(refused), refused
        assert link.read("runs/get", {"run_id": run})["run"]["data"].keys() <= {"tags"}
        limit_files(pid, resource.RLIM_INFINITY)
        assert link.post("runs/log-batch", batch).status == 200
        assert len(history(link, run)) == 900


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "none", place], capture_output=True, check=False
    )
    if mounted.returncode:
        unavailable("mount", "only root may mount a small file system")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk(nursery: Nursery, small_disk: Path) -> None:
    server = Mortal(nursery, small_disk)
    server.start()
    with Link(server.port) as link, Link(server.port) as reads:
        home = link.post("experiments/create", {"name": unique()}).json["experiment_id"]
        writer = Writer("full", link, home=home, shared=make_run(link, home), reads=reads)
        write_more(writer, acknowledged=20)
        ballast = small_disk / "ballast"
        for _ in range(2):
            with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
                while file.write(bytes(4096)):
                    pass
            write_more(writer, refused=10)
            writer.settle()
            ballast.unlink()
            write_more(writer, acknowledged=5)
            writer.settle()
        writer.check_everything()
    server.end()
    check_file(server.database)


# Read only

# Takes from a process the power of root to write what it may not, and becomes the server.
UNPRIVILEGED = """
import ctypes, os, sys
for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_a_database_that_may_only_be_read(tmp_path: Path) -> None:
    """Its records are served; what would change them is refused; nothing but leave is needed."""
    with started(tmp_path) as server, Link(server.port) as link:
        run = make_run(link)
        assert link.post("runs/log-metric", point(run, 1)).status == 200
    server.database.chmod(0o444)

    with (
        started(tmp_path, database=server.database, launcher=UNPRIVILEGED) as again,
        Link(again.port) as link,
    ):
        assert history(link, run) == {1}
        assert away(link.post("runs/log-metric", point(run, 2)))
        server.database.chmod(0o644)
        until(
            lambda: link.post("runs/log-metric", point(run, 2)).status == 200,
            "writes, once they are allowed again",
        )
        assert history(link, run) == {1, 2}


# Damaged


def refused_start(database: Path, folder: Path, code: int) -> str:
    """What a server says that will not start: one sentence and no traceback."""
    done = subprocess.run(
        command(free_port(), database),
        cwd=folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("Error: "), done.stderr
    assert "Traceback" not in done.stderr
    return last


def no_database(path: Path) -> None:
    path.write_bytes(b"This is not a database. " * 1000)


def zeroed(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(4096))


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(3 * 4096 + 100)


def scrambled(path: Path) -> None:
    """The page of the schema, but not the header of the file."""
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\x5a" * 3996)


@pytest.mark.parametrize("damage", [no_database, zeroed, cut, scrambled])
def test_a_damaged_file_is_refused_at_the_start(
    nursery: Nursery, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    server = Mortal(nursery, tmp_path / "made")
    server.start()
    server.end()
    damage(server.database)
    before = server.database.read_bytes()

    said = refused_start(server.database, tmp_path, 2)

    assert "damaged" in said
    assert str(server.database) in said
    assert server.database.read_bytes() == before


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE runs (id INTEGER)")

    said = refused_start(path, tmp_path, 1)

    assert "Choose another database" in said
