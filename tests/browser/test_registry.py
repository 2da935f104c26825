"""The registry: versions, stages and aliases, approvals, the audit trail, webhooks."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Watch, is_at_rest, tab_to
from tests.browser.seed import Api
from tests.receivers import Receiver, receiving, status
from tests.services import clean_environment, private_millrace
from tests.sets.registry import POLICY, registry


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("registry")


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """What webhooks call."""
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def server(folder: Path, receiver: Receiver, full_size: bool) -> Iterator[Api]:
    """Data set D6, in short runs with fewer models beside the one that has many versions."""
    outbound = {
        "MILLRACE_OUTBOUND_ALLOWED_HOSTS": receiver.place,
        "MILLRACE_OUTBOUND_PORTS": str(receiver.port),
        "MILLRACE_OUTBOUND_ALLOW_HTTP": "true",
        "MILLRACE_WEBHOOK_REQUEST_MAX_RETRIES": "0",
    }
    with private_millrace(folder, environment=clean_environment() | outbound) as url:
        api = Api(url)
        registry(api, models=200 if full_size else 20)
        one = POLICY | {"models": "by-keys", "approvals": 1}
        api.post("approval-policies/set", policy=one)
        yield api


def test_ui_120_five_hundred_versions_and_an_alias_that_moves(page: Page, server: Api) -> None:
    page.goto("/models/many")
    table = page.get_by_role("table", name="Versions")
    expect(table).to_have_attribute("aria-rowcount", "501")
    is_at_rest(page)
    assert table.get_by_role("row").count() < 60

    for version in (499, 498):
        before = newest_entry(server)
        page.get_by_role("button", name=f"Alias for version {version}", exact=True).click()
        page.get_by_role("textbox", name="Alias").fill("champion")
        page.get_by_role("button", name="Set alias").click()

        expect(page.get_by_role("row", name=f"v{version}")).to_contain_text("champion")
        after = newest_entry(server)
        assert after["seq"] == before["seq"] + 1
        assert (after["action"], after["id"]) == ("registered_model.set_alias", "many")
    expect(page.get_by_role("row", name="v499")).not_to_contain_text("champion")
    page.goto("/audit")
    expect(page.get_by_role("row", name="registered_model").first).to_contain_text("many")


def newest_entry(server: Api) -> dict[str, Any]:
    (entry,) = server.get("/api/2.0/millrace/audit/entries?max_results=1")["entries"]
    return dict(entry)


def test_ui_121_a_stage_is_changed_at_once_or_asked_for(page: Page) -> None:
    page.goto("/models/pair/versions/1")
    page.get_by_role("button", name="Change stage").click()
    page.get_by_role("button", name="Move").click()
    expect(page.get_by_role("main")).to_contain_text("Production")

    page.goto("/models/guarded/versions/1")
    page.get_by_role("button", name="Change stage").click()
    page.get_by_role("button", name="Request approval").click()

    expect(page.get_by_role("heading", name="guarded version 1 to Production")).to_be_visible()
    page.goto("/models/guarded")
    expect(page.get_by_role("row", name="v1")).to_be_visible()
    is_at_rest(page)
    expect(page.get_by_role("row", name="v1")).not_to_contain_text("Production")


def test_ui_122_others_decide_and_both_of_two_are_needed(page: Page, server: Api) -> None:
    made = server.post(
        "transition-requests/create", name="guarded-by-two", version="1", stage="Production"
    )
    request = made["request"]["id"]
    page.goto(f"/approvals/{request}?model=guarded-by-two")

    approve = page.get_by_role("button", name="Approve")
    expect(approve).to_have_attribute("aria-disabled", "true")
    for number, name in enumerate(("ben", "cleo"), start=1):
        page.get_by_role("textbox", name="You decide as").fill(name)
        expect(approve).not_to_have_attribute("aria-disabled", "true")
        approve.click()
        page.get_by_role("textbox", name="Reason").fill(f"seen by {name}")
        page.get_by_role("button", name="Agree", exact=True).click()
        expect(page.get_by_role("main")).to_contain_text(f"{number} of 2")

    expect(page.get_by_role("main")).to_contain_text("approved")
    expect(approve).to_have_attribute("aria-disabled", "true")
    expect(page.get_by_role("main")).to_contain_text("seen by cleo")
    page.goto("/approvals")
    page.get_by_role("radio", name="Decided").click()
    decided = page.get_by_role("row", name="guarded-by-two")
    expect(decided).to_contain_text("approved")
    page.get_by_role("radio", name="For me").click()
    expect(decided).to_have_count(0)


def compared_by_keys(page: Page) -> None:
    """From the first page to a comparison of both runs."""
    page.goto("/")
    is_at_rest(page)
    keys = page.keyboard
    keys.press("g")
    keys.press("e")
    experiments = page.get_by_role("treegrid", name="Experiments")
    expect(experiments.get_by_role("link").first).to_be_visible()
    is_at_rest(page)
    tab_to(experiments)
    keys.press("Enter")
    runs = page.get_by_role("treegrid", name="Runs")
    expect(runs.get_by_role("link", name="good")).to_be_visible()
    is_at_rest(page)
    tab_to(runs)
    keys.press("Space")
    keys.press("ArrowDown")
    keys.press("Space")
    expect(page.get_by_test_id("selected")).to_have_text("2 selected")
    keys.press("c")
    expect(page.get_by_role("heading", name="Compare 2 runs")).to_be_visible()
    is_at_rest(page)


def test_ui_181_a_run_is_found_compared_registered_and_approved_by_keys_alone(
    page: Page,
) -> None:
    compared_by_keys(page)
    keys = page.keyboard
    tab_to(page.get_by_role("button", name="good: column menu"))
    keys.press("Enter")
    expect(page.get_by_role("menuitem", name="Open")).to_be_focused()
    keys.press("Enter")
    expect(page.get_by_role("heading", name="good")).to_be_visible()
    is_at_rest(page)
    tab_to(page.get_by_role("button", name="Register model"))
    keys.press("Enter")
    expect(page.get_by_label("Name of the model")).to_be_focused()
    keys.type("by-keys")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="by-keys · Version 1")).to_be_visible()
    is_at_rest(page)

    tab_to(page.get_by_role("button", name="Change stage"))
    keys.press("Enter")
    tab_to(page.get_by_role("dialog").get_by_role("button", name="Request approval"))
    keys.press("Enter")
    expect(page.get_by_role("heading", name="by-keys version 1 to Production")).to_be_visible()
    is_at_rest(page)
    # Who asked may not approve; the one who sits down now may.
    tab_to(page.get_by_role("textbox", name="You decide as"))
    keys.type("grace")
    approve = page.get_by_role("button", name="Approve")
    expect(approve).not_to_have_attribute("aria-disabled", "true")
    tab_to(approve)
    keys.press("a")
    expect(page.get_by_role("textbox", name="Reason")).to_be_focused()
    keys.type("better by far")
    keys.press("Enter")

    expect(page.get_by_role("main")).to_contain_text("approved")
    expect(page.get_by_role("main")).to_contain_text("better by far")


def test_ui_123_a_gate_that_fails_says_so_with_its_numbers(page: Page, watch: Watch) -> None:
    watch.expect_failure("transition-requests/create|status of 403")
    page.goto("/models/guarded/versions/2")
    page.get_by_role("button", name="Change stage").click()
    page.get_by_role("button", name="Request approval").click()

    expect(page.get_by_role("alert")).to_contain_text("'acc' is 0.5 and must be >= 0.9")
    page.get_by_role("dialog").get_by_role("link", name="the run that made it").click()
    expect(page.get_by_role("heading", name="poor")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="acc")).to_contain_text("0.5")


def test_ui_123_what_a_gate_was_held_against_is_a_link(page: Page, server: Api) -> None:
    server.patch("model-versions/update", name="guarded", version="1", description="Says *why*")
    made = server.post(
        "transition-requests/create", name="guarded", version="1", stage="Production"
    )
    page.goto(f"/approvals/{made['request']['id']}?model=guarded")
    gate = page.get_by_role("table", name="Gates").get_by_role("row").filter(has_text="acc >= 0.9")
    expect(gate).to_have_attribute("data-gate", "holds")

    gate.get_by_role("link", name="0.95").click()

    expect(page.get_by_role("heading", name="good")).to_be_visible()
    page.goto("/models/guarded/versions/1")
    expect(page.locator("em", has_text="why")).to_be_visible()


def test_ui_124_two_versions_side_by_side(page: Page) -> None:
    page.goto("/models/pair/compare?v=1,2")

    expect(page.get_by_role("row", name="city")).to_have_attribute("data-change", "added")
    numpy = page.get_by_role("row", name="numpy")
    expect(numpy).to_have_attribute("data-change", "changed")
    expect(numpy).to_contain_text("==2.1")
    expect(page.get_by_role("row", name="scipy")).to_be_visible()
    expect(page.get_by_role("row", name="scipy")).not_to_have_attribute("data-change", "changed")


def test_ui_128_the_chain_is_verified_here_and_a_changed_byte_is_named(
    page: Page, folder: Path
) -> None:
    page.goto("/audit")
    page.get_by_role("button", name="Verify the chain").click()
    expect(page.locator("[data-verdict]")).to_have_attribute("data-verdict", "intact")

    database = sqlite3.connect(folder / "millrace.db", timeout=60)
    seq, text = database.execute(
        "SELECT seq, text FROM audit_entries WHERE object_id = 'many' ORDER BY seq LIMIT 1"
    ).fetchone()
    altered = bytes(text).replace(b"many", b"mony")
    database.execute("UPDATE audit_entries SET text = ? WHERE seq = ?", (altered, seq))
    database.commit()
    database.close()
    page.get_by_role("button", name="Verify the chain").click()

    expect(page.locator("[data-verdict=broken]")).to_contain_text(f"Entry {seq} was altered")


def test_ui_129_a_failed_delivery_is_told_and_sent_once_more(
    page: Page, server: Api, receiver: Receiver
) -> None:
    event = {"entity": "REGISTERED_MODEL", "action": "CREATED"}
    server.post("/api/2.0/mlflow/webhooks", name="ci", url=receiver.url, events=[event])
    receiver.answer = status(500)
    server.post("registered-models/create", name="announced")
    page.goto("/admin/webhooks")
    page.get_by_role("button", name="Deliveries").click()
    deliveries = page.get_by_role("table", name="Deliveries").locator("tbody").get_by_role("row")
    expect(deliveries).to_have_count(1)
    expect(deliveries).to_have_attribute("data-delivery", "FAILED")
    expect(deliveries).to_contain_text("500")
    receiver.answer = status(200)

    deliveries.get_by_role("button", name="Replay").click()

    expect(deliveries.and_(page.locator("[data-delivery=DELIVERED]"))).to_have_count(1)
    failed, replayed = receiver.wait(2)
    assert failed.json == replayed.json
    assert replayed.json["data"]["name"] == "announced"


def test_a_version_tells_what_serves_it_now(page: Page, server: Api) -> None:
    server.post(
        "/api/3.0/millrace/model-servers",
        server_id=f"s-{7:032x}",
        name="pair",
        version="2",
        endpoint="pair",
        url="http://gpu.example:8000",
        host="gpu-3",
        model_uri="models:/pair@champion",
        ttl_ms=3_600_000,
    )

    page.goto("/models/pair/versions/2")

    served = page.get_by_role("list", name="Served by")
    expect(served.get_by_role("link", name="http://gpu.example:8000")).to_be_visible()
    expect(served).to_contain_text("pair on gpu-3, from models:/pair@champion, by anonymous")
