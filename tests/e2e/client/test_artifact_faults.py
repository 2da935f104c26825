"""Transfers that are cut, by a server that is killed or a network that breaks connections; and one
that need not be made."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from millrace.client import transfers
from millrace.client.client import MillraceClient
from tests.e2e.client.servers import Server
from tests.e2e.faults.proxy import lossy_proxy
from tests.services import LOOPBACK

SIZE = 40_000_000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts that follow each other soon, and enough of them."""
    monkeypatch.setenv("MILLRACE_HTTP_REQUEST_MAX_RETRIES", "60")
    monkeypatch.setenv("MILLRACE_HTTP_REQUEST_BACKOFF_FACTOR", "0.01")
    monkeypatch.setenv("MILLRACE_HTTP_REQUEST_BACKOFF_JITTER", "0.1")


def kept(folder: Path, name: str) -> list[Path]:
    """All files of that name that the server shows."""
    return [path for path in (folder / "mlartifacts").rglob(name) if ".millrace" not in str(path)]


def test_a_server_that_is_killed_in_the_middle_of_an_upload(
    quick: None, server: Server, tmp_path: Path
):
    """Nothing of it is visible; when the server is back, the same call ends well."""
    client = MillraceClient(server.url)
    run_id = client.create_run("0").info.run_id
    source = tmp_path / "weights"
    source.write_bytes(os.urandom(1000) * (SIZE // 1000))
    half_way, go_on = threading.Event(), threading.Event()

    class Slow(transfers.Snapshot):
        def __iter__(self) -> Iterator[bytes]:
            for chunk in super().__iter__():
                yield chunk
                if self.moved > SIZE // 2:
                    half_way.set()
                    go_on.wait(60)

    done: list[object] = []

    def upload() -> None:
        with contextlib.suppress(Exception):
            place = client._run(run_id).below("weights")
            body = Slow(source, lambda _: None)
            place.store.put(place.path, body, size=body.size, sha256=body.digest())
            done.append(True)

    thread = threading.Thread(target=upload)
    thread.start()
    assert half_way.wait(60)
    server.stop(signal.SIGKILL)
    assert kept(tmp_path, "weights") == []
    server.start()
    go_on.set()
    thread.join(90)

    assert done == [True]
    [file] = kept(tmp_path, "weights")
    assert file.read_bytes() == source.read_bytes()


def test_a_server_that_is_killed_in_the_middle_of_a_download(
    quick: None, server: Server, tmp_path: Path
):
    client = MillraceClient(server.url)
    run_id = client.create_run("0").info.run_id
    source = tmp_path / "weights"
    source.write_bytes(os.urandom(1000) * (SIZE // 1000))
    client.log_artifact(run_id, source)
    place = client._run(run_id).below("weights")

    body = place.store.get(place.path)
    begun = next(body)
    killer = threading.Thread(target=lambda: (server.stop(signal.SIGKILL), server.start()))
    killer.start()
    rest = b"".join(body)
    killer.join()

    assert begun + rest == source.read_bytes()


def test_a_network_that_loses_connections(quick: None, server: Server, tmp_path: Path):
    """A folder arrives whole, up and down, though every fourth exchange is cut somewhere."""
    folder = tmp_path / "in"
    folder.mkdir()
    for n in range(40):
        (folder / str(n)).write_bytes(os.urandom(n * 1000))
    with lossy_proxy(server.port, share=0.25, seed=7) as (port, lossy):
        client = MillraceClient(f"http://{LOOPBACK}:{port}")
        run_id = client.create_run("0").info.run_id
        client.log_artifacts(run_id, folder, "a")
        got = client.download_artifacts(run_id, "a", tmp_path / "out")
        client.channel.close(5.0)

    assert sum(count for fate, count in lossy.fates.items() if fate != "passed on") > 5
    assert {path.name: path.read_bytes() for path in Path(got).iterdir()} == {
        path.name: path.read_bytes() for path in folder.iterdir()
    }


def test_what_the_server_has_is_not_sent(server: Server, tmp_path: Path):
    """By size and SHA-256, within the experiment."""
    client = MillraceClient(server.url)
    run_id, other = (client.create_run("0").info.run_id for _ in range(2))
    source = tmp_path / "weights"
    source.write_bytes(os.urandom(2_000_000))
    client.log_artifact(run_id, source)

    def unread() -> Iterator[bytes]:
        raise AssertionError("the file was sent")
        yield b""

    body = transfers.Snapshot(source, lambda _: None)
    place = client._run(other).below("again")
    place.store.put(place.path, unread(), size=body.size, sha256=body.digest())

    assert client.read_at(f"runs:/{other}/again") == source.read_bytes()


def test_the_command_goes_on_where_it_was_killed(server: Server, tmp_path: Path):
    """A part of a long file that another process has left is not fetched again."""
    client = MillraceClient(server.url)
    run_id = client.create_run("0").info.run_id
    source = tmp_path / "weights"
    source.write_bytes(os.urandom(1000) * (SIZE // 1000))
    client.log_artifact(run_id, source)
    place = client._run(run_id).below("weights")
    known = place.store.stat(place.path)
    assert known is not None
    out = tmp_path / "out"
    out.mkdir()
    with (
        contextlib.suppress(KeyboardInterrupt),
        transfers._part(out / "weights", known) as part,
    ):
        part.write(source.read_bytes()[: SIZE - 1000])
        raise KeyboardInterrupt

    got = client.download_artifacts(run_id, "weights", out)

    assert Path(got).read_bytes() == source.read_bytes()
    assert [path.name for path in out.iterdir()] == ["weights"]
