"""The artifacts of a run beside their viewers: what is known of each, and how they go."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Watch, is_copied
from tests.browser.seed import Api
from tests.browser.test_access import serious
from tests.browser.test_runs import artifact


@pytest.fixture(scope="module")
def experiment(server: Api) -> str:
    return server.experiment("filed")


@pytest.fixture
def run(server: Api, experiment: str) -> dict[str, Any]:
    return server.run(experiment, "with files")


def fact(page: Page, name: str) -> Locator:
    """What the details say beside *name*."""
    return page.locator(f"dl[aria-label=Details] > dt:text-is('{name}') + dd")


def test_the_details_of_a_file_are_told_and_copied(
    page: Page, server: Api, experiment: str, run: dict[str, Any]
) -> None:
    body = b"a,b\n" * 1_000
    server.put(run, "data/rows.csv", b"before")
    Api(server.url, user="ada").put(run, "data/rows.csv", body)
    artifact(page, experiment, run["info"]["run_id"], "data/rows.csv")
    toggle = page.get_by_role("button", name="Details")
    expect(toggle).to_have_attribute("aria-pressed", "false")

    toggle.click()

    digest, uri = hashlib.sha256(body).hexdigest(), f"runs:/{run['info']['run_id']}/data/rows.csv"
    expect(fact(page, "SHA-256")).to_have_text(digest)
    expect(fact(page, "URI")).to_have_text(uri)
    expect(fact(page, "Size")).to_have_text("3.91 KiB (4 000 bytes)")
    expect(fact(page, "Type")).to_contain_text("text/plain")
    expect(fact(page, "Uploaded")).to_contain_text("by ada, in place of another file")
    page.get_by_role("button", name="Copy the SHA-256").click()
    is_copied(page, digest)
    page.get_by_role("button", name="Copy this URI").click()
    is_copied(page, uri)
    assert serious(page) == []


FOR_GOOD = "delete for good"


def test_files_and_folders_go_for_good_after_a_count(
    page: Page, server: Api, experiment: str, run: dict[str, Any]
) -> None:
    for path, size in (("kept.txt", 5), ("old/a.bin", 2_000), ("old/b.bin", 1_000), ("c.txt", 72)):
        server.put(run, path, b"x" * size)
    artifact(page, experiment, run["info"]["run_id"], "old/a.bin")
    tree = page.get_by_role("tree", name="Artifacts")
    tree.get_by_role("treeitem", name="old", exact=True).press("Space")
    tree.get_by_role("treeitem", name="c.txt").press("Space")

    page.get_by_role("button", name="Delete 2").click()

    dialog = page.get_by_role("dialog", name="Delete 2 files and folders for good?")
    expect(dialog).to_contain_text("This removes 3 files (3 KiB), and cannot be undone")
    sure = dialog.get_by_role("button", name="Delete for good")
    expect(sure).to_have_attribute("aria-disabled", "true")
    dialog.get_by_role("textbox").fill("delete")
    expect(sure).to_have_attribute("aria-disabled", "true")
    dialog.get_by_role("textbox").fill(FOR_GOOD)
    sure.click()
    expect(page.get_by_text("3 files deleted")).to_be_visible()
    expect(tree.get_by_role("treeitem")).to_have_count(1)
    expect(tree.get_by_role("treeitem")).to_contain_text("kept.txt")
    expect(page.get_by_text("Choose a file", exact=True)).to_be_visible()

    tree.get_by_role("treeitem", name="kept.txt").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    dialog = page.get_by_role("dialog", name="Delete kept.txt for good?")
    expect(dialog).to_contain_text("This removes 1 file (5 B)")
    dialog.get_by_role("textbox").fill(FOR_GOOD)
    dialog.get_by_role("textbox").press("Enter")
    expect(page.get_by_role("heading", name="No artifacts")).to_be_visible()


def test_what_a_version_needs_cannot_be_deleted(
    page: Page, server: Api, experiment: str, run: dict[str, Any], watch: Watch
) -> None:
    run_id = run["info"]["run_id"]
    server.put(run, "model/MLmodel", b"flavors: {}")
    server.post("registered-models/create", name="needed")
    server.post(
        "model-versions/create", name="needed", source=f"runs:/{run_id}/model", run_id=run_id
    )
    watch.expect_failure("409")
    artifact(page, experiment, run_id, "model/MLmodel")

    page.get_by_role("button", name="Delete", exact=True).click()

    dialog = page.get_by_role("dialog", name="Delete model/MLmodel for good?")
    expect(dialog).to_contain_text("they stay as they are")
    expect(dialog.get_by_role("textbox")).to_have_count(0)
    sure = dialog.get_by_role("button", name="Delete for good")
    expect(sure).to_have_attribute("aria-disabled", "true")
    assert serious(page) == []


def test_where_nothing_may_be_deleted_the_button_says_why(
    page: Page, server: Api, experiment: str, run: dict[str, Any]
) -> None:
    server.put(run, "a.txt", b"a")
    run_id = run["info"]["run_id"]
    server.post("runs/delete", run_id=run_id)
    made = server.post("logged-models", experiment_id=experiment, name="m")["model"]
    model_id = made["info"]["model_id"]
    server.put(made, "MLmodel", b"flavors: {}")

    artifact(page, experiment, run_id, "a.txt")
    button = page.get_by_role("button", name="Delete", exact=True)
    expect(button).to_have_attribute("aria-disabled", "true")
    button.hover()
    expect(page.get_by_role("tooltip")).to_contain_text("Restore it first.")

    page.goto(f"/experiments/{experiment}/logged-models/{model_id}")
    expect(button).to_be_visible()
    expect(button).not_to_have_attribute("aria-disabled", "true")
    page.get_by_role("button", name="It is ready").click()
    expect(button).to_have_attribute("aria-disabled", "true")
    button.hover()
    expect(page.get_by_role("tooltip")).to_contain_text("its files stay as they are")
