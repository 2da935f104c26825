"""Registered models in a database of their own: their trail is read, their events are told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from millrace.core.clock import now_ms
from millrace.core.errors import NotFound
from millrace.services.platform import Platform, open_platform
from millrace.services.verification import read_witness, verify_store
from tests.receivers import Receiver, receiving
from tests.unit.services.conftest import Call, calling
from tests.unit.services.test_webhooks import create, deliver

OF_RUNS = {"entity": "EXPERIMENT", "action": "CREATED"}
OF_MODELS = {"entity": "REGISTERED_MODEL", "action": "CREATED"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture
def platform(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Platform]:
    monkeypatch.setenv("MILLRACE_OUTBOUND_ALLOWED_HOSTS", receiver.place)
    monkeypatch.setenv("MILLRACE_OUTBOUND_ALLOW_HTTP", "true")
    monkeypatch.setenv("MILLRACE_AUDIT_WITNESS", str(tmp_path / "heads"))
    runs, models = (f"sqlite:///{tmp_path / name}.db" for name in ("runs", "models"))
    opened = open_platform(runs, registry_uri=models)
    yield opened
    opened.close()


@pytest.fixture
def call(platform: Platform) -> Call:
    return calling(platform, at_ms=now_ms())


def told(receiver: Receiver) -> list[str]:
    return sorted(f"{one.json['entity']} {one.json['data']['name']}" for one in receiver.heard)


def test_a_webhook_hears_of_both(platform: Platform, call: Call, receiver: Receiver) -> None:
    made = create(call, receiver, events=[OF_RUNS, OF_MODELS], secret="s")
    call("createExperiment", name="e")
    call("createRegisteredModel", name="m")
    assert [one.state for one in deliver(platform)] == ["DELIVERED"] * 2
    assert told(receiver) == ["experiment e", "registered_model m"]
    assert all("x-mlflow-signature" in one.headers for one in receiver.heard)

    assert call("listWebhooks").webhooks == (made,)
    log = call("listWebhookDeliveries", webhook_id=made.webhook_id)
    assert sorted(one.event for one in log.deliveries) == [
        "experiment.created", "registered_model.created",
    ]  # fmt: skip
    for delivery in log.deliveries:
        again = {"webhook_id": made.webhook_id, "delivery_id": delivery.delivery_id}
        call("replayWebhookDelivery", **again)
    assert len(deliver(platform)) == 2
    with pytest.raises(NotFound):
        call("replayWebhookDelivery", webhook_id=made.webhook_id, delivery_id="none")


def test_a_webhook_moves_to_where_its_events_are(
    platform: Platform, call: Call, receiver: Receiver
) -> None:
    made = create(call, receiver, events=[OF_RUNS], secret="s")
    changed = call("updateWebhook", webhook_id=made.webhook_id, events=[OF_MODELS], name="n")
    assert call("getWebhook", webhook_id=made.webhook_id).webhook == changed.webhook
    call("createExperiment", name="e")
    call("createRegisteredModel", name="m")
    deliver(platform)
    assert told(receiver) == ["registered_model m"]
    assert "x-mlflow-signature" in receiver.heard[0].headers

    call("updateWebhook", webhook_id=made.webhook_id, status="DISABLED")
    call("createRegisteredModel", name="silent")
    assert deliver(platform) == []
    call("deleteWebhook", webhook_id=made.webhook_id)
    assert call("listWebhooks").webhooks == ()


def test_webhooks_are_listed_page_by_page(call: Call, receiver: Receiver) -> None:
    names = [f"w{number}" for number in range(5)]
    for number, name in enumerate(names):
        create(call, receiver, name=name, events=[(OF_RUNS, OF_MODELS)[number % 2]])
    found, token = [], None
    while True:
        page = call("listWebhooks", max_results=2, **({"page_token": token} if token else {}))
        found += [one.name for one in page.webhooks]
        token = page.next_page_token
        if token is None:
            break
    assert sorted(found) == names


def test_the_trail_of_the_models_is_read_and_signed(
    platform: Platform, call: Call, tmp_path: Path
) -> None:
    call("createExperiment", name="e")
    call("createRegisteredModel", name="m")
    of_runs = call("listAuditEntries").entries
    of_models = call("listAuditEntries", registry=True).entries
    assert [one.action for one in of_runs] == ["experiment.create"]
    assert [one.action for one in of_models] == ["registered_model.create"]
    assert call("getAuditEntry", seq=1, registry=True).entry == of_models[0]

    platform.serve(at_end=True)
    chain = call("getAuditChain", registry=True)
    assert [one.seq for one in chain.heads] == [1]
    for registry, witness in ((False, "heads"), (True, "heads.models")):
        with (tmp_path / witness).open("rb") as lines:
            heads = read_witness(lines)
        report = verify_store(platform.audit.trail(registry=registry), witnessed=heads)
        assert (report.finding, report.entries, report.signed_to) == (None, 1, 1)
