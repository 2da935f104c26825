"""The first page, and the figures that it and the pages of whoever runs the server show."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Watch
from tests.browser.seed import Api
from tests.browser.test_shell import is_settled


@pytest.fixture(scope="module")
def recorded(server: Api) -> str:
    """An experiment with runs of today and of a week ago, and 2,048 bytes; its id."""
    experiment = server.experiment("home/first")
    now = datetime.now(UTC)
    for days, name in [(0, "late"), (0, "later"), (7, "early")]:
        start_ms = int((now - timedelta(days=days)).timestamp() * 1_000)
        run = server.run(experiment, name, metrics={"loss": [3.0, 1.0, 2.0]}, start_ms=start_ms)
    server.put(run, "weights.bin", b"\0" * 2_048)
    return experiment


def test_home_shows_how_much_goes_on_and_how_much_is_kept(page: Page, recorded: str) -> None:
    page.goto("/")

    activity = page.get_by_role("region", name="Activity")
    expect(activity.get_by_text("3 finished")).to_be_visible()
    picture = activity.get_by_role("img")
    expect(picture).to_have_attribute("aria-label", re.compile(r"^3 runs began .*, 2, on 20"))
    activity.get_by_text("As a table").click()
    expect(activity.get_by_role("row")).to_have_count(3)
    storage = page.get_by_role("region", name="Storage")
    expect(storage.get_by_role("link", name="home/first")).to_be_visible()
    storage.get_by_role("link", name="2 KiB", exact=True).click()
    expect(page).to_have_url(re.compile("/admin/storage$"))


def test_storage_is_told_by_experiment_and_looked_through_when_asked(
    page: Page, recorded: str
) -> None:
    page.goto("/admin/storage")

    row = page.locator(f"[data-experiment='{recorded}']")
    expect(row).to_contain_text("2 KiB")
    row.get_by_role("button", name="Look through").click()
    expect(row).to_contain_text("2 KiB in 1 file")
    page.get_by_role("button", name="Add up anew").click()
    expect(page.get_by_text("just now")).to_be_visible()
    is_settled(page)


def test_counts_of_experiments_come_together(page: Page, recorded: str, watch: Watch) -> None:
    page.goto("/experiments?folder=home")

    expect(page.get_by_role("row", name=re.compile("first")).get_by_text("3")).to_be_visible()
    is_settled(page)
    # Once more when the stream of events begins: something may have happened meanwhile.
    assert sum("/millrace/overview" in url for url in watch.requests) <= 2
    assert not any("/runs/table" in url for url in watch.requests)
