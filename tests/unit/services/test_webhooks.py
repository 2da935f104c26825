"""Webhooks through the platform, told to real receivers on the loopback."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from millrace.core import wire
from millrace.core.entities.webhook import EVENTS
from millrace.core.errors import InvalidArgument, NotFound
from millrace.core.rules import webhooks as rules
from millrace.services.context import Context
from millrace.services.platform import Platform, open_platform
from tests.receivers import Receiver, receiving, status
from tests.unit.services.conftest import Call, calling

CANARY = "canary-secret-4f1d"
EVENT = {"entity": "EXPERIMENT", "action": "CREATED"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture(params=["memory", "sqlite", "registry apart"])
def platform(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Platform]:
    """A platform that may call the receiver, and tries again at once."""
    monkeypatch.setenv("MILLRACE_OUTBOUND_ALLOWED_HOSTS", receiver.place)
    monkeypatch.setenv("MILLRACE_OUTBOUND_ALLOW_HTTP", "true")
    monkeypatch.setenv("MILLRACE_WEBHOOK_RETRY_SECONDS", "0")
    monkeypatch.setenv("MILLRACE_WEBHOOK_REQUEST_MAX_RETRIES", "2")
    monkeypatch.setenv("MILLRACE_WEBHOOK_REQUEST_TIMEOUT", "1")
    uri = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path / 'w.db'}"
    apart = request.param == "registry apart"
    models = f"sqlite:///{tmp_path / 'm.db'}" if apart else None
    opened = open_platform(uri, registry_uri=models)
    yield opened
    opened.close()


@pytest.fixture
def call(platform: Platform) -> Call:
    return calling(platform, request_id="r1")


def create(call: Call, receiver: Receiver, **fields: Any) -> Any:
    known = {"name": "notify", "url": receiver.url, "events": [EVENT]}
    return call("createWebhook", **known | fields).webhook


def deliver(platform: Platform) -> list[Any]:
    """What became of all that is due."""
    return [platform.webhooks.deliver(one) for one in platform.webhooks.claim(limit=100)]


# --- webhooks ----------------------------------------------------------------------------------


def test_a_webhook_is_created_and_found(call: Call, receiver: Receiver) -> None:
    made = create(call, receiver, description="for the team", secret=CANARY)

    assert call("getWebhook", webhook_id=made.webhook_id).webhook == made
    assert call("listWebhooks").webhooks == (made,)
    assert (made.status, made.events[0].name) == ("ACTIVE", "experiment.created")


def test_numbers_are_taken_for_names(call: Call, receiver: Receiver) -> None:
    made = create(call, receiver, events=[{"entity": 2, "action": 1}], status=2)

    assert made.events[0].name == "model_version.created"
    assert made.status == "DISABLED"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"url": "https://127.0.0.1/"}, "not public"),
        ({"url": "ftp://example.com/"}, "https"),
        ({"events": []}, "at least one event"),
        ({"events": [{"entity": "RUN", "action": "EXCEEDED"}]}, "no event"),
        ({"events": [{"entity": 99, "action": 1}]}, "no webhook entity"),
        ({"status": "SLEEPING"}, "status"),
        ({"status": 3}, "DISABLED"),
        ({"name": "n" * 257}, "name"),
        ({"description": "d" * 1001}, "description"),
        ({"secret": "s" * 1001}, "secret"),
    ],
)
def test_what_a_webhook_may_not_be(
    call: Call, receiver: Receiver, fields: dict[str, Any], said: str
) -> None:
    made = create(call, receiver)
    with pytest.raises(InvalidArgument, match=said):
        create(call, receiver, **fields)
    with pytest.raises(InvalidArgument, match=said):
        call("updateWebhook", webhook_id=made.webhook_id, **fields)
    assert call("listWebhooks").webhooks == (made,)


def test_a_webhook_is_updated_and_deleted(call: Call, receiver: Receiver) -> None:
    made = create(call, receiver)
    changed = call("updateWebhook", webhook_id=made.webhook_id, status="DISABLED").webhook

    assert (changed.status, changed.name) == ("DISABLED", "notify")
    call("deleteWebhook", webhook_id=made.webhook_id)
    for name in ("getWebhook", "deleteWebhook", "testWebhook", "listWebhookDeliveries"):
        with pytest.raises(NotFound):
            call(name, webhook_id=made.webhook_id)


# --- delivering --------------------------------------------------------------------------------


def test_an_event_is_delivered_signed(platform: Platform, call: Call, receiver: Receiver) -> None:
    create(call, receiver, secret=CANARY)
    call("createExperiment", name="told")
    (after,) = deliver(platform)

    assert (after.state, after.attempts, after.response_status) == ("DELIVERED", 1, 200)
    (heard,) = receiver.heard
    assert heard.json["data"]["name"] == "told"
    assert heard.delivery_id == after.delivery_id
    signed = f"{heard.delivery_id}.{heard.headers['x-mlflow-timestamp']}.".encode() + heard.body
    expected = base64.b64encode(hmac.digest(CANARY.encode(), signed, hashlib.sha256)).decode()
    assert heard.headers["x-mlflow-signature"] == f"v1,{expected}"
    assert heard.headers["content-type"] == "application/json"


def test_without_a_secret_nothing_is_signed(
    platform: Platform, call: Call, receiver: Receiver
) -> None:
    create(call, receiver)
    call("createExperiment", name="told")
    deliver(platform)

    assert "x-mlflow-signature" not in receiver.heard[0].headers


def test_a_refusal_is_tried_again_under_the_same_id(
    platform: Platform, call: Call, receiver: Receiver
) -> None:
    made = create(call, receiver)
    call("createExperiment", name="told")
    receiver.answer = status(503, b"canary of the receiver")
    (first,) = deliver(platform)
    receiver.answer = status(204)
    (second,) = deliver(platform)

    assert (first.state, first.response_status) == ("WAITING", 503)
    assert "canary" not in (first.problem or "")
    assert (second.state, second.attempts, second.problem) == ("DELIVERED", 2, None)
    assert receiver.heard[0].delivery_id == receiver.heard[1].delivery_id
    assert call("listWebhookDeliveries", webhook_id=made.webhook_id).deliveries == (second,)


@pytest.mark.parametrize(("code", "attempts"), [(500, 3), (404, 3), (302, 3), (410, 1)])
def test_some_time_it_is_given_up_and_can_be_replayed(
    platform: Platform, call: Call, receiver: Receiver, code: int, attempts: int
) -> None:
    made = create(call, receiver)
    call("createExperiment", name="told")
    receiver.answer = status(code, Location="/elsewhere")
    made_attempts = [deliver(platform) for _ in range(5)]

    assert [len(each) for each in made_attempts] == [1] * attempts + [0] * (5 - attempts)
    (failed,) = call("listWebhookDeliveries", webhook_id=made.webhook_id, state="FAILED").deliveries
    assert (failed.attempts, failed.response_status) == (attempts, code)
    receiver.answer = status(200)
    call("replayWebhookDelivery", webhook_id=made.webhook_id, delivery_id=failed.delivery_id)
    (again,) = deliver(platform)
    assert (again.state, again.delivery_id) == ("DELIVERED", failed.delivery_id)
    assert all(heard.path == "/hook" for heard in receiver.heard)


def test_a_receiver_that_hangs_costs_an_attempt(
    platform: Platform, call: Call, receiver: Receiver
) -> None:
    create(call, receiver)
    call("createExperiment", name="told")
    receiver.answer = lambda _: threading.Event().wait(30) and None
    (after,) = deliver(platform)

    assert (after.state, after.response_status) == ("WAITING", None)
    assert "in time" in (after.problem or "")


def test_a_receiver_that_moved_inside_is_not_called(
    platform: Platform, call: Call, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was allowed when it was written down is judged again when it is called."""
    create(call, receiver)
    call("createExperiment", name="told")
    monkeypatch.setenv("MILLRACE_OUTBOUND_ALLOWED_HOSTS", "")
    strict = Platform(platform.stores)
    (claim,) = strict.webhooks.claim(limit=9)
    after = strict.webhooks.deliver(claim)

    assert (after.state, after.response_status) == ("WAITING", None)
    assert receiver.connections == 0


@pytest.mark.parametrize("state", ["waiting", "LOST"])
def test_odd_states_are_refused(call: Call, receiver: Receiver, state: str) -> None:
    made = create(call, receiver)
    with pytest.raises(InvalidArgument, match="state"):
        call("listWebhookDeliveries", webhook_id=made.webhook_id, state=state)


# --- testing -----------------------------------------------------------------------------------


def test_a_test_tells_the_status_and_nothing_more(call: Call, receiver: Receiver) -> None:
    """S23: whoever may test a webhook must not read what is behind it."""
    made = create(call, receiver, secret=CANARY)
    receiver.answer = status(418, b"the canary of an inner service")
    result = call("testWebhook", webhook_id=made.webhook_id).result

    assert (result.success, result.response_status) == (False, 418)
    assert b"canary" not in wire.encode(result)
    assert "x-mlflow-signature" in receiver.heard[0].headers


def test_a_test_sends_an_example_of_the_event(call: Call, receiver: Receiver) -> None:
    made = create(call, receiver)
    event = {"entity": "MODEL_VERSION_ALIAS", "action": "CREATED"}
    result = call("testWebhook", webhook_id=made.webhook_id, event=event).result

    assert (result.success, result.error_message) == (True, None)
    assert receiver.heard[0].json["data"] == {
        "name": "example_model",
        "alias": "champion",
        "version": "1",
    }


def test_a_test_of_what_is_not_there_tells_so(call: Call, receiver: Receiver) -> None:
    made = create(call, receiver)
    receiver.close()
    result = call("testWebhook", webhook_id=made.webhook_id).result

    assert (result.success, result.response_status) == (False, None)
    assert "cannot be reached" in result.error_message


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_every_event_has_an_example(event: str) -> None:
    body = json.loads(rules.message(event, 1_000, rules.example(event)))

    assert f"{body['entity']}.{body['action']}" == event
    assert body["data"]


# --- secrets -----------------------------------------------------------------------------------


def test_a_secret_is_shown_nowhere(
    platform: Platform, call: Call, receiver: Receiver, tmp_path: Path
) -> None:
    """S113, S114: not in answers, entries, errors, nor in any file of the database."""
    made = create(call, receiver, secret=CANARY)
    receiver.answer = status(500)
    call("createExperiment", name="told")
    deliver(platform)
    call("updateWebhook", webhook_id=made.webhook_id, secret=CANARY + "2")
    told = [
        call("getWebhook", webhook_id=made.webhook_id),
        call("listWebhooks"),
        call("testWebhook", webhook_id=made.webhook_id),
        call("listWebhookDeliveries", webhook_id=made.webhook_id),
        call("listAuditEntries"),
        call("getAuditChain"),
        repr(made),
    ]
    platform.close()

    assert CANARY.encode() not in b"".join(wire.encode(one) for one in told)
    for file in tmp_path.iterdir():
        assert CANARY.encode() not in file.read_bytes(), file


def test_secrets_are_sealed_anew(platform: Platform, call: Call, receiver: Receiver) -> None:
    made = create(call, receiver, secret=CANARY)
    create(call, receiver)
    before = platform.stores.webhooks.secret(made.webhook_id)

    assert platform.webhooks.rotate_key(Context(at_ms=1)) == 1
    assert platform.stores.webhooks.secret(made.webhook_id) != before
    call("testWebhook", webhook_id=made.webhook_id)
    heard = receiver.heard[0]
    sent_s = int(heard.headers["x-mlflow-timestamp"])
    expected = rules.signature(CANARY, heard.delivery_id, sent_s, heard.body)
    assert heard.headers["x-mlflow-signature"] == expected


def test_a_secret_whose_key_is_lost_fails_the_attempt(
    platform: Platform, call: Call, receiver: Receiver
) -> None:
    create(call, receiver, secret=CANARY)
    call("createExperiment", name="told")
    stranger = Platform(platform.stores)
    (claim,) = stranger.webhooks.claim(limit=9)
    after = stranger.webhooks.deliver(claim)

    assert after.state == "WAITING"
    assert "key" in (after.problem or "")
    assert receiver.connections == 0
