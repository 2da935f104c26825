"""What tests of transfers share: servers that are quick to start, whose memory can be seen."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.faults.servers import Nursery, until
from tests.services import LOOPBACK, answers, free_port
from tests.wire.client import Api


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip where there is no /proc to see the memory of a server in."""
    if sys.platform != "linux":
        for item in items:
            if item.path.parent == Path(__file__).parent:
                item.add_marker(pytest.mark.skip(reason="looks into processes, as on Linux only"))


class Seen(NamedTuple):
    """A running server."""

    api: Api
    pid: int
    folder: Path
    log: Path

    def memory_mib(self, field: str) -> float:
        """A line of its status, such as VmHWM: the most memory that it ever held."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) / 1024
        raise AssertionError(field)


Start = Callable[..., Seen]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a server with options of `ServerConfig`."""
    nursery = Nursery()

    def start(**options: object) -> Seen:
        port = free_port()
        folder = tmp_path / "artifacts"
        base: dict[str, object] = {
            "backend_store_uri": f"sqlite:///{tmp_path / 'm.db'}",
            "artifacts_destination": str(folder),
            "host": LOOPBACK,
            "port": port,
        }
        pid = nursery.start(base | options, tmp_path / "log")
        url = f"http://{LOOPBACK}:{port}"
        until(lambda: answers(f"{url}/health"), f"a server at {url}")
        destination = str((base | options)["artifacts_destination"])
        return Seen(Api(url), pid, Path(destination), tmp_path / "log")

    yield start
    nursery.close()
