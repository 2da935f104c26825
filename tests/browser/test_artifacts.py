"""The artifacts of a run beside their viewers: what is known of each."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import is_copied
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
