"""What tests of faults share: servers that are quick to start, and how many faults to make."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.e2e.faults.servers import Nursery


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip where there is no /proc to see the processes of a server in."""
    if sys.platform != "linux":
        for item in items:
            if "faults" in item.path.parts:
                item.add_marker(pytest.mark.skip(reason="looks into processes, as on Linux only"))


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()
