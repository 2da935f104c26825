"""The frame of every page: addresses, palette, shortcuts, what is asked for."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.seed import Api


def test_ui_001_the_first_page_says_how_to_record_here(page: Page, server: Api) -> None:
    page.goto("/")

    expect(page.get_by_role("heading", name="Record the first run")).to_be_visible()
    page.get_by_role("button", name="Copy Python").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert f'millrace.set_tracking_uri("{server.url}")' in copied
    compile(copied, "copied", "exec")
