"""The first page, and the figures that it and the pages of whoever runs the server show."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import Watch
from tests.browser.seed import Api
from tests.browser.test_shell import is_settled
from tests.services import private_millrace


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


def test_home_draws_the_runs_that_it_shows_by_one_question(
    page: Page, recorded: str, watch: Watch
) -> None:
    page.goto("/")

    latest = page.get_by_role("region", name="Latest runs")
    row = latest.get_by_role("listitem").filter(has_text="early")
    line = row.locator("[data-spark=loss]")
    expect(line).to_have_attribute("data-points", "3")
    expect(line).to_contain_text("2")
    expect(latest.locator("[data-spark]")).to_have_count(3)
    is_settled(page)
    assert sum("/series/query" in url for url in watch.requests) == 1


def test_home_lists_saved_views_and_opens_them(page: Page, server: Api, recorded: str) -> None:
    kept = {"format": 1, "document": json.dumps({"v": 1, "q": "attributes.run_name = 'early'"})}
    views = "/api/3.0/millrace/views"
    server.post(views, experiment_id=recorded, name="of early", is_shared=True, **kept)
    server.post(views, experiment_id=recorded, name="", **kept)
    page.goto("/")

    listed = page.get_by_role("region", name="Saved views")
    expect(listed.get_by_role("listitem")).to_have_count(1)
    listed.get_by_role("link", name="of early").click()

    expect(page.get_by_role("combobox", name="Query")).to_have_value(re.compile("early"))
    expect(page.get_by_role("button", name="of early")).to_be_visible()


def test_storage_is_told_by_experiment_and_looked_through_when_asked(
    page: Page, recorded: str
) -> None:
    page.goto("/admin/storage")

    row = page.locator(f"[data-experiment='{recorded}']")
    expect(row).to_contain_text("2 KiB")
    row.get_by_role("button", name="Look through").click()
    expect(row).to_contain_text("2 KiB in 1 file")
    owner = page.locator("[data-owner='ada']")
    expect(owner).to_contain_text("2 KiB")
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


def test_what_only_the_server_finds_is_marked_in_the_query(
    page: Page, recorded: str, watch: Watch
) -> None:
    """The pages read no regular expressions; RE2 does."""
    watch.expect_failure("/runs/(table|keys)|status of 400")
    page.goto(f"/experiments/{recorded}")
    expect(page.get_by_role("row", name=re.compile("early"))).to_be_visible()

    page.get_by_role("combobox", name="Query").fill("params.`é` = '1' OR tags.a RLIKE '('")

    mark = page.locator("mark")
    expect(mark).to_have_text("'('")
    expect(page.get_by_role("alert").filter(has_text="regular expression")).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("early"))).to_be_visible()


def test_the_server_says_what_it_runs_on_and_what_it_does(
    page: Page, server: Api, recorded: str
) -> None:
    runs = "/api/3.0/millrace/tasks"
    server.post(runs, kind="tag_runs", experiment_ids=[recorded], key="seen", value="yes")
    page.goto("/admin/tasks")
    expect(page.locator("tr[data-task=DONE]")).to_contain_text("3 of 3")

    page.get_by_role("link", name="Server", exact=True).click()
    expect(page.get_by_text("sqlite, schema revision")).to_be_visible()
    expect(page.locator("[data-setting=MILLRACE_PORT]")).to_contain_text("command line")
    expect(page.locator("[data-setting=MILLRACE_WORKERS]")).to_have_count(0)
    page.get_by_role("searchbox", name="Find settings").fill("workers")
    expect(page.locator("[data-setting=MILLRACE_WORKERS]")).to_contain_text("default")


def test_a_name_is_given_once_and_goes_with_what_is_done(
    page: Page, server: Api, recorded: str
) -> None:
    page.goto("/settings/profile")
    page.get_by_role("textbox", name="Name").fill("Grace Hopper")
    page.goto("/admin/server")
    is_settled(page)

    told = page.evaluate("localStorage.getItem('millrace.user')")
    assert "Grace Hopper" in told


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A server whose records are a folder of files, which holds no registry."""
    folder = tmp_path_factory.mktemp("files")
    with private_millrace(folder, store=str(folder / "mlruns")) as url:
        yield Api(url)


def test_what_a_folder_of_files_has_not_is_said_and_not_asked_for(
    files: Api, new_context: Callable[..., BrowserContext]
) -> None:
    experiment = files.experiment("plain")
    run = files.run(experiment, "only", metrics={"loss": 1.0})["info"]["run_id"]
    watch = Watch(files.url)
    page = new_context(base_url=files.url).new_page()
    watch.attach(page)
    page.goto("/")
    expect(page.get_by_role("region", name="Latest runs").get_by_text("only")).to_be_visible()
    is_settled(page)

    page.goto("/models")
    expect(page.get_by_text("--registry-store-uri")).to_be_visible()
    page.goto("/approvals")
    expect(page.get_by_text("--registry-store-uri")).to_be_visible()
    page.goto("/admin/webhooks")
    button = page.get_by_role("button", name="New webhook")
    expect(button).to_have_attribute("aria-disabled", "true")
    is_settled(page)
    page.goto(f"/experiments/{experiment}/runs/{run}")
    button = page.get_by_role("button", name="Register model")
    expect(button).to_have_attribute("aria-disabled", "true")
    button.hover()
    expect(page.get_by_role("tooltip")).to_contain_text("--registry-store-uri")
    watch.settle()
