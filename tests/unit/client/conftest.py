from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from millrace.client.batching import Channel, Settings
from millrace.client.client import MillraceClient
from millrace.client.spool import Spool
from tests.unit.client.transport import RecordingTransport

OpenChannel = Callable[..., Channel]


@pytest.fixture
def transport() -> RecordingTransport:
    return RecordingTransport()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


@pytest.fixture
def open_channel(transport: RecordingTransport, spool: Spool) -> Iterator[OpenChannel]:
    """Opens channels on the transport, with a queue that is not waited for."""
    opened: list[Channel] = []

    def open_(**settings: object) -> Channel:
        channel = Channel(
            "memory://test", transport, spool, Settings(**{"buffering_s": 0.0, **settings})
        )
        opened.append(channel)
        return channel

    yield open_
    transport.before = transport.after = None
    for channel in opened:
        channel.close(5.0)


@pytest.fixture
def channel(open_channel: OpenChannel) -> Channel:
    return open_channel()


@pytest.fixture
def client(channel: Channel) -> MillraceClient:
    return MillraceClient(channel=channel)


@pytest.fixture
def run_id(client: MillraceClient, transport: RecordingTransport) -> str:
    """A run in the default experiment; what it took to make it is forgotten."""
    made = client.create_run("0").info.run_id
    transport.asked.clear()
    return made
