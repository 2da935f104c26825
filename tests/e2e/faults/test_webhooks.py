"""Events survive the server: what was committed is delivered, under the same id, after a kill."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from millrace.services.verification import verify_store
from millrace.stores.open import open_stores
from tests.e2e.faults.servers import Started, started, until
from tests.receivers import Receiver, receiving, status
from tests.services import LOOPBACK
from tests.wire.client import Api
from tests.wire.expect import ok

EVENT = {"entity": "EXPERIMENT", "action": "CREATED"}
pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


def settings(receiver: Receiver) -> dict[str, str]:
    return {
        "MILLRACE_OUTBOUND_ALLOWED_HOSTS": receiver.place,
        "MILLRACE_OUTBOUND_ALLOW_HTTP": "true",
        "MILLRACE_WEBHOOK_REQUEST_TIMEOUT": "1",
        "MILLRACE_WEBHOOK_RETRY_SECONDS": "0.1",
    }


def api(server: Started) -> Api:
    return Api(f"http://{LOOPBACK}:{server.port}")


def subscribe(server: Started, receiver: Receiver) -> str:
    message = {"name": "n", "url": receiver.url, "events": [EVENT], "secret": "s3cret"}
    made = ok(api(server).post("/api/2.0/mlflow/webhooks", message))
    webhook_id: str = made["webhook"]["webhook_id"]
    return webhook_id


def happen(server: Started, name: str) -> None:
    ok(api(server).post("/api/2.0/mlflow/experiments/create", {"name": name}))


def delivered(server: Started, webhook_id: str) -> list[str]:
    path = f"/api/2.0/millrace/webhooks/{webhook_id}/deliveries"
    found = ok(api(server).get(path, {"state": "DELIVERED"}))
    return [one["delivery_id"] for one in found.get("deliveries", ())]


def test_a_server_killed_while_it_delivers_delivers_after_its_restart(
    tmp_path: Path, receiver: Receiver
) -> None:
    """Killed between the commit of the change and the answer of the receiver."""
    receiver.answer = lambda _: receiver.released.wait(30) and None
    with started(tmp_path, settings=settings(receiver)) as first:
        webhook_id = subscribe(first, receiver)
        happen(first, "told")
        (attempt,) = receiver.wait(1)
        first.process.stop(signal.SIGKILL)
    receiver.answer = status(200)
    with started(tmp_path, database=first.database, settings=settings(receiver)) as second:
        heard = receiver.wait(2, 30.0)
        until(lambda: delivered(second, webhook_id), "the delivery is recorded")

        assert {one.delivery_id for one in heard} == {attempt.delivery_id}
        assert heard[1].json["data"]["name"] == "told"
        assert delivered(second, webhook_id) == [attempt.delivery_id]


def test_what_happens_while_nobody_listens_is_told_later(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.answer = status(503)
    with started(tmp_path, settings=settings(receiver)) as first:
        webhook_id = subscribe(first, receiver)
        for number in range(5):
            happen(first, f"experiment {number}")
        receiver.wait(1)
        first.process.stop(signal.SIGKILL)
    receiver.answer = status(200)
    with started(tmp_path, database=first.database, settings=settings(receiver)) as second:
        until(lambda: len(delivered(second, webhook_id)) == 5, "all are delivered")

        names = {one.json["data"]["name"] for one in receiver.heard}
        assert names == {f"experiment {number}" for number in range(5)}
        assert len({one.delivery_id for one in receiver.heard}) == 5


def test_several_workers_share_the_deliveries(tmp_path: Path, receiver: Receiver) -> None:
    with started(tmp_path, "--workers", "3", settings=settings(receiver)) as server:
        webhook_id = subscribe(server, receiver)
        for number in range(20):
            happen(server, f"experiment {number}")
        until(lambda: len(delivered(server, webhook_id)) == 20, "all are delivered")

    assert Counter(one.delivery_id for one in receiver.heard).most_common(1)[0][1] == 1
    assert len(receiver.heard) == 20


def test_the_chain_of_many_workers_is_whole_and_signed(tmp_path: Path, receiver: Receiver) -> None:
    """Each worker has a writer of its own; a clean stop signs the end."""
    with started(tmp_path, "--workers", "3", settings=settings(receiver)) as server:
        for number in range(40):
            happen(server, f"experiment {number}")
        last = ok(api(server).get("/api/2.0/millrace/audit/entries"))["entries"][0]["seq"]
        server.process.stop()

    stores = open_stores(f"sqlite:///{server.database}")
    report = verify_store(stores.audit)
    stores.close()
    assert report.finding is None
    assert report.entries == report.signed_to == last == 40
