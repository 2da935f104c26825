"""The courier: delivers what is due, a few at a time, and shares the work with its like."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from millrace.server.delivery import PER_ORIGIN, Courier
from millrace.services.platform import Platform, open_platform
from tests.receivers import Receiver, receiving
from tests.unit.services.conftest import calling

COUNT = 12


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture
def platform(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Platform]:
    monkeypatch.setenv("MILLRACE_OUTBOUND_ALLOWED_HOSTS", "127.0.0.1/32")
    monkeypatch.setenv("MILLRACE_OUTBOUND_PORTS", f"443,{receiver.port}")
    monkeypatch.setenv("MILLRACE_OUTBOUND_ALLOW_HTTP", "true")
    monkeypatch.setenv("MILLRACE_WEBHOOK_REQUEST_TIMEOUT", "5")
    with closing(open_platform(f"sqlite:///{tmp_path / 'd.db'}")) as opened:
        yield opened


def subscribe(platform: Platform, receiver: Receiver) -> str:
    event = {"entity": "EXPERIMENT", "action": "CREATED"}
    call = calling(platform)
    made: str = call("createWebhook", name="n", url=receiver.url, events=[event]).webhook.webhook_id
    return made


def happen(platform: Platform, count: int = COUNT) -> None:
    call = calling(platform)
    for number in range(count):
        call("createExperiment", name=f"experiment {number}")


def test_what_is_due_is_delivered(platform: Platform, receiver: Receiver) -> None:
    subscribe(platform, receiver)
    with closing(Courier(platform.webhooks)):
        happen(platform)
        heard = receiver.wait(COUNT)

    names = {one.json["data"]["name"] for one in heard}
    assert names == {f"experiment {number}" for number in range(COUNT)}


def test_several_couriers_deliver_each_thing_once(platform: Platform, receiver: Receiver) -> None:
    """They share a database, as server processes do."""
    webhook_id = subscribe(platform, receiver)
    happen(platform)
    with (
        closing(Courier(platform.webhooks)),
        closing(Courier(platform.webhooks)),
        closing(Courier(platform.webhooks)),
    ):
        receiver.wait(COUNT)
        call = calling(platform)
        done = threading.Event()
        for _ in range(200):
            reply = call("listWebhookDeliveries", webhook_id=webhook_id, state="DELIVERED")
            if len(reply.deliveries) == COUNT or done.wait(0.05):
                break

    assert set(Counter(one.delivery_id for one in receiver.heard).values()) == {1}
    assert len(receiver.heard) == COUNT


def test_a_slow_receiver_gets_few_connections_and_holds_up_nobody(
    platform: Platform, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving() as slow:
        slow.answer = lambda _: slow.released.wait(4) and None
        monkeypatch.setenv("MILLRACE_OUTBOUND_PORTS", f"{receiver.port},{slow.port}")
        other = Platform(platform.stores)
        subscribe(other, slow)
        subscribe(other, receiver)
        happen(other)
        with closing(Courier(other.webhooks)):
            receiver.wait(COUNT)
            slow.wait(PER_ORIGIN)
            slow.released.set()

    assert slow.most_at_once <= PER_ORIGIN


def test_closing_does_not_wait_for_a_receiver_that_hangs(
    platform: Platform, receiver: Receiver
) -> None:
    webhook_id = subscribe(platform, receiver)
    receiver.answer = lambda _: receiver.released.wait(30) and None
    happen(platform, 1)
    courier = Courier(platform.webhooks)
    receiver.wait(1)
    courier.close()

    (waiting,) = calling(platform)("listWebhookDeliveries", webhook_id=webhook_id).deliveries
    assert waiting.state == "WAITING"
