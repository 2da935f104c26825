"""Webhooks, and the outbox: written with the change, claimed by one, kept until it is delivered."""

from __future__ import annotations

import itertools
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from msgspec.structs import replace

from millrace.core.entities.entity import pairs
from millrace.core.entities.experiment import ExperimentChange
from millrace.core.entities.run import RunChange
from millrace.core.entities.webhook import (
    Claim,
    Delivery,
    Webhook,
    WebhookChange,
    WebhookEvent,
)
from millrace.core.errors import AlreadyExists, NotFound
from millrace.stores.protocols import Stores
from tests.contract import build

pytestmark = pytest.mark.needs("webhooks")

ENDED = WebhookEvent(entity="RUN", action="ENDED")
MADE = WebhookEvent(entity="EXPERIMENT", action="CREATED")


def add(stores: Stores, *events: WebhookEvent, secret: bytes | None = None, **fields: Any) -> str:
    known: dict[str, Any] = {
        "webhook_id": str(uuid.uuid4()),
        "name": "notify",
        "url": "https://example.com/hook",
        "events": events or (MADE,),
        "status": "ACTIVE",
        "creation_timestamp": 1_000,
        "last_updated_timestamp": 1_000,
    }
    webhook = Webhook(**known | fields)
    stores.webhooks.add_webhook(webhook, secret, trail=build.act("webhook.create")).result()
    return webhook.webhook_id


_numbers = itertools.count()


def make_experiment(stores: Stores, **act: Any) -> None:
    trail = build.act("experiment.create", **act)
    new = build.new_experiment(f"told {next(_numbers)}")
    stores.tracking.add_experiment(new, trail=trail).result()


def told(stores: Stores, webhook_id: str, **asked: Any) -> list[Delivery]:
    """Deliveries to a webhook, the oldest first."""
    known = {"state": None, "limit": 1_000, "after": None}
    page = stores.webhooks.deliveries(webhook_id, **known | asked)
    return list(reversed(page.items))


def claim(
    stores: Stores, now_ms: int = 5_000, *, lease_ms: int = 9_000, **asked: Any
) -> list[Claim]:
    return stores.webhooks.claim(now_ms, lease_ms, **{"limit": 100} | asked).result()


# --- webhooks ----------------------------------------------------------------------------------


def test_a_webhook_is_kept_with_its_sealed_secret(stores: Stores) -> None:
    webhook_id = add(stores, secret=b"sealed")

    found = stores.webhooks.webhook(webhook_id)
    assert found is not None
    assert (found.name, found.events) == ("notify", (MADE,))
    assert stores.webhooks.secret(webhook_id) == b"sealed"
    assert stores.webhooks.webhook("other") is None
    assert stores.webhooks.secret("other") is None


def test_what_is_absent_of_a_change_stays(stores: Stores) -> None:
    webhook_id = add(stores, secret=b"sealed")
    change = WebhookChange(name="new", last_updated_timestamp=2_000)
    changed = stores.webhooks.change_webhook(webhook_id, change).result()

    assert changed == stores.webhooks.webhook(webhook_id)
    assert (changed.name, changed.url, changed.last_updated_timestamp) == (
        "new",
        "https://example.com/hook",
        2_000,
    )
    assert stores.webhooks.secret(webhook_id) == b"sealed"
    stores.webhooks.change_webhook(webhook_id, replace(change, secret=b"again")).result()
    assert stores.webhooks.secret(webhook_id) == b"again"


def test_webhooks_are_listed_page_by_page(stores: Stores) -> None:
    ids = [add(stores, creation_timestamp=number // 2) for number in range(5)]

    seen: list[str] = []
    after = None
    while True:
        page = stores.webhooks.webhooks(limit=2, after=after)
        seen += [one.webhook_id for one in page.items]
        if page.next is None:
            break
        after = page.next
    assert sorted(seen) == sorted(ids)
    assert seen == [
        *ids[4:],
        *sorted(ids[2:4]),
        *sorted(ids[:2]),
    ]


def test_a_deleted_webhook_is_gone_with_its_deliveries(stores: Stores) -> None:
    webhook_id, other = add(stores), add(stores)
    make_experiment(stores)
    stores.webhooks.delete_webhook(webhook_id).result()

    assert stores.webhooks.webhook(webhook_id) is None
    assert told(stores, webhook_id) == []
    assert len(told(stores, other)) == 1
    assert [one.webhook.webhook_id for one in claim(stores)] == [other]


def test_what_is_not_there_cannot_be_changed(stores: Stores) -> None:
    change = WebhookChange(name="n", last_updated_timestamp=1)
    for write in (
        stores.webhooks.change_webhook("none", change),
        stores.webhooks.delete_webhook("none"),
        stores.webhooks.replay(add(stores), "none", 1),
    ):
        with pytest.raises(NotFound):
            write.result()


def test_changes_are_audited_and_no_secret_is_told(stores: Stores) -> None:
    webhook_id = add(stores, secret=b"canary-one")
    change = WebhookChange(secret=b"canary-two", last_updated_timestamp=1_000)
    stores.webhooks.change_webhook(webhook_id, change, trail=build.act("webhook.update")).result()
    stores.webhooks.delete_webhook(webhook_id, trail=build.act("webhook.delete")).result()

    made, changed, gone = build.audited(stores, kind="webhook")
    assert made.changes["events"] == (None, ["experiment.created"])
    assert list(changed.changes) == ["secret"]
    assert gone.after is None
    links = stores.audit.links(after=0, limit=9)
    assert not any(b"canary" in link.text for link in links)


# --- the outbox --------------------------------------------------------------------------------


def test_an_event_is_told_to_all_who_listen(stores: Stores) -> None:
    first, second = add(stores, MADE), add(stores, ENDED, MADE)
    other, sleeping = add(stores, ENDED), add(stores, MADE, status="DISABLED")
    make_experiment(stores, at_ms=1_753_950_452_080)

    for webhook_id in (first, second):
        (delivery,) = told(stores, webhook_id)
        assert (delivery.event, delivery.state) == ("experiment.created", "WAITING")
        assert (delivery.created_ms, delivery.due_ms) == (1_753_950_452_080, 1_753_950_452_080)
    assert told(stores, other) == told(stores, sleeping) == []


def test_the_body_tells_what_happened(stores: Stores) -> None:
    add(stores)
    trail = build.act("experiment.create", at_ms=1_753_950_452_080)
    new = build.new_experiment("fresh", tags=pairs({"team": "risk"}))
    made = stores.tracking.add_experiment(new, trail=trail).result()

    (found,) = claim(stores, 2_000_000_000_000, lease_ms=2_000_000_010_000)
    body = json.loads(found.body)
    assert body["entity"] == "experiment"
    assert body["action"] == "created"
    assert body["timestamp"] == "2025-07-31T08:27:32.080+00:00"
    assert body["data"]["experiment_id"] == made.experiment_id
    assert body["data"]["tags"] == [{"key": "team", "value": "risk"}]


def test_the_life_of_runs_and_experiments_is_told(stores: Stores) -> None:
    names = ("created", "ended", "deleted", "restored")
    of_run = [WebhookEvent(entity="RUN", action=name.upper()) for name in names]
    of_experiment = [
        WebhookEvent(entity="EXPERIMENT", action=name.upper()) for name in names if name != "ended"
    ]
    webhook_id = add(stores, *of_run, *of_experiment)
    trail, store = build.act("any"), stores.tracking
    store.add_experiment(build.new_experiment(), trail=trail).result()
    run_id = store.add_run(build.new_run(), trail=trail).result().info.run_id
    for change in (
        RunChange(run_name="n"),
        RunChange(status="FAILED", end_time=2),
        RunChange(lifecycle_stage="deleted"),
        RunChange(lifecycle_stage="active"),
    ):
        store.change_run(run_id, change, trail=trail).result()
    for stage in ("deleted", "active"):
        store.change_experiment("0", ExperimentChange(lifecycle_stage=stage), trail=trail).result()

    assert sorted(one.event for one in told(stores, webhook_id)) == sorted(
        f"{kind}.{name}"
        for kind in ("run", "experiment")
        for name in names
        if (kind, name) != ("experiment", "ended")
    )


def test_what_was_refused_is_not_told(stores: Stores) -> None:
    webhook_id = add(stores)
    build.add_experiment(stores.tracking, "taken")
    trail = build.act("experiment.create")
    with pytest.raises(AlreadyExists):
        stores.tracking.add_experiment(build.new_experiment("taken"), trail=trail).result()
    before = told(stores, webhook_id)

    make_experiment(stores)
    assert len(told(stores, webhook_id)) == len(before) + 1


def test_who_listens_is_known_at_once(stores: Stores) -> None:
    webhook_id = add(stores, ENDED)
    make_experiment(stores)
    stores.webhooks.change_webhook(
        webhook_id, WebhookChange(events=(MADE,), last_updated_timestamp=2)
    ).result()
    make_experiment(stores)
    stores.webhooks.change_webhook(
        webhook_id, WebhookChange(status="DISABLED", last_updated_timestamp=2)
    ).result()
    make_experiment(stores)

    assert len(told(stores, webhook_id)) == 1


# --- claims ------------------------------------------------------------------------------------


def test_a_claim_has_all_that_is_needed_to_deliver(stores: Stores) -> None:
    webhook_id = add(stores, secret=b"sealed")
    make_experiment(stores)

    assert stores.webhooks.is_due(5_000)
    (found,) = claim(stores)
    assert found.webhook == stores.webhooks.webhook(webhook_id)
    assert found.secret == b"sealed"
    assert [found.delivery] == told(stores, webhook_id)
    assert not stores.webhooks.is_due(5_000)


def test_nobody_gets_what_another_has_claimed(stores: Stores) -> None:
    add(stores)
    for _ in range(20):
        make_experiment(stores)
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda _: claim(stores, limit=3), range(20)))

    taken = [one.delivery.delivery_id for each in claims for one in each]
    assert len(taken) == len(set(taken)) == 20


def test_a_lease_that_ended_is_no_claim(stores: Stores) -> None:
    """Whoever had it may be dead; if it is not, what it says no longer counts."""
    webhook_id = add(stores)
    make_experiment(stores)
    (first,) = claim(stores, 5_000, lease_ms=6_000)
    assert claim(stores, 5_999, lease_ms=8_000) == []
    (second,) = claim(stores, 6_000, lease_ms=8_000)

    assert second.delivery.delivery_id == first.delivery.delivery_id
    ended = replace(first.delivery, state="FAILED", attempts=1, ended_ms=6_001)
    assert stores.webhooks.settle(first, ended).result() is False
    done = replace(second.delivery, state="DELIVERED", attempts=1, ended_ms=6_002)
    assert stores.webhooks.settle(second, done).result() is True
    assert told(stores, webhook_id) == [done]


def test_a_delivery_put_off_is_due_later(stores: Stores) -> None:
    webhook_id = add(stores)
    make_experiment(stores)
    (found,) = claim(stores)
    later = replace(
        found.delivery, due_ms=60_000, attempts=1, response_status=500, problem="no", took_ms=3
    )
    stores.webhooks.settle(found, later).result()

    assert not stores.webhooks.is_due(59_999)
    assert claim(stores, 59_999, lease_ms=70_000) == []
    (again,) = claim(stores, 60_000, lease_ms=70_000)
    assert [again.delivery] == [later] == told(stores, webhook_id)


def test_a_disabled_webhook_is_not_delivered_to(stores: Stores) -> None:
    webhook_id = add(stores)
    make_experiment(stores)
    for status, due in (("DISABLED", 0), ("ACTIVE", 1)):
        change = WebhookChange(status=status, last_updated_timestamp=1)
        stores.webhooks.change_webhook(webhook_id, change).result()
        assert stores.webhooks.is_due(5_000) is bool(due)
        assert len(claim(stores)) == due


def test_the_oldest_come_first_and_some_webhooks_can_be_left_out(stores: Stores) -> None:
    first, second = add(stores), add(stores)
    for at_ms in (3_000, 1_000, 2_000):
        make_experiment(stores, at_ms=at_ms)

    without = claim(stores, limit=2, without=[first])
    assert [(one.webhook.webhook_id, one.delivery.due_ms) for one in without] == [
        (second, 1_000),
        (second, 2_000),
    ]
    assert [one.delivery.due_ms for one in claim(stores)] == [1_000, 2_000, 3_000, 3_000]


# --- the log -----------------------------------------------------------------------------------


def settle_all(stores: Stores, *, ended_ms: int, state: str = "DELIVERED") -> None:
    for one in claim(stores):
        after = replace(one.delivery, state=state, attempts=1, ended_ms=ended_ms)
        stores.webhooks.settle(one, after).result()


def test_the_log_is_read_page_by_page_and_by_state(stores: Stores) -> None:
    webhook_id = add(stores)
    for at_ms in (1_000, 1_000, 2_000, 3_000, 3_000):
        make_experiment(stores, at_ms=at_ms)
    whole = told(stores, webhook_id)

    seen: list[Delivery] = []
    after = None
    while True:
        page = stores.webhooks.deliveries(webhook_id, state=None, limit=2, after=after)
        seen += page.items
        if page.next is None:
            break
        after = page.next
    assert list(reversed(seen)) == whole
    assert len(whole) == 5
    settle_all(stores, ended_ms=6_000, state="FAILED")
    make_experiment(stores)
    assert len(told(stores, webhook_id, state="FAILED")) == 5
    assert len(told(stores, webhook_id, state="WAITING")) == 1


def test_a_replay_makes_a_delivery_as_if_it_were_new(stores: Stores) -> None:
    webhook_id = add(stores)
    make_experiment(stores)
    settle_all(stores, ended_ms=6_000, state="FAILED")
    (failed,) = told(stores, webhook_id)
    trail = build.act("webhook.replay")
    fresh = stores.webhooks.replay(webhook_id, failed.delivery_id, 7_000, trail=trail).result()

    assert (fresh.state, fresh.attempts, fresh.due_ms, fresh.ended_ms) == (
        "WAITING",
        0,
        7_000,
        None,
    )
    (again,) = claim(stores, 7_000, lease_ms=9_000)
    assert again.delivery == fresh
    assert build.audited(stores, kind="webhook_delivery")[0].id == failed.delivery_id
    with pytest.raises(NotFound):
        stores.webhooks.replay(add(stores), failed.delivery_id, 7_000).result()


def test_old_deliveries_are_forgotten_and_what_waits_is_not(stores: Stores) -> None:
    webhook_id = add(stores)
    for _ in range(3):
        make_experiment(stores)
    settle_all(stores, ended_ms=6_000)
    make_experiment(stores)

    assert stores.webhooks.tidy_deliveries(6_000, limit=9).result() == 0
    assert stores.webhooks.tidy_deliveries(6_001, limit=2).result() == 2
    assert stores.webhooks.tidy_deliveries(6_001, limit=2).result() == 1
    assert [one.state for one in told(stores, webhook_id)] == ["WAITING"]
