"""Logs of a run: a million lines, and what a run goes on to print."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import is_at_rest, is_copied
from tests.browser.seed import Api
from tests.browser.test_access import serious
from tests.services import private_millrace

MANY = 1_000_000
OPENS_S = 1.5
# Of machines that do other things, too.
SEVERAL_TIMES = 8


def many_lines() -> bytes:
    body = b"".join(
        b"2026-01-01 00:00:00,000 INFO trainer step %07d: loss 0.31 accuracy 0.87 lr 0.001\n" % n
        for n in range(MANY)
    )
    for n in (17, 654_321):
        at = b"INFO trainer step %07d" % n
        body = body.replace(at, b"WARN" + at[4:], 1)
    return body


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with private_millrace(tmp_path_factory.mktemp("logs")) as url:
        yield Api(url)


@pytest.fixture(scope="module")
def experiment(server: Api) -> str:
    return server.experiment("logs")


@pytest.fixture(scope="module")
def talkative(server: Api, experiment: str) -> str:
    """A run with a log of a million lines, as a file of 80 MB."""
    run = server.run(experiment, "talkative")
    server.put(run, "train.log", many_lines())
    return str(run["info"]["run_id"])


def opened(page: Page, experiment: str, run: str, query: str = "") -> Locator:
    page.goto(f"/experiments/{experiment}/runs/{run}/logs{query}")
    log = page.locator("[data-rows]")
    expect(log).to_have_attribute("data-state", "ready")
    return log


def line(page: Page, number: int) -> Locator:
    return page.locator(f"[data-line='{number}']")


def printed(server: Api, run: dict[str, Any], piece: int, *texts: str) -> None:
    """What the client keeps of the output of a run."""
    body = "".join(f"2026-01-01T00:00:{piece:02d}.000Z out {text}\n" for text in texts)
    server.put(run, f"logs/output.log/{piece:015d}-a.log", body.encode())


def test_ui_101_a_million_lines_open_at_once_and_are_searched(
    page: Page, experiment: str, talkative: str
) -> None:
    began = time.monotonic()
    log = opened(page, experiment, talkative)
    expect(line(page, 1)).to_contain_text("step 0000000")
    took_s = time.monotonic() - began
    assert took_s < OPENS_S * SEVERAL_TIMES
    expect(log).to_have_attribute("data-rows", str(MANY))
    search = page.get_by_label("Find in the log")
    search.fill("STEP 0777777")
    search.press("Enter")

    expect(page.get_by_role("status").filter(has_text="Line 777 778")).to_be_visible()
    expect(line(page, 777_778).locator("mark")).to_have_text("step 0777777")
    expect(line(page, 777_778)).to_be_in_viewport()
    search.press("Enter")
    expect(page.get_by_role("status").filter(has_text="from the top again")).to_be_visible()
    search.fill("step 0777")
    search.press("Enter")
    search.press("Shift+Enter")
    expect(page.get_by_role("status").filter(has_text="Line 777 777")).to_be_visible()
    search.fill("nowhere at all")
    search.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Not in the log")).to_be_visible()
    page.get_by_role("region", name="Log", exact=True).focus()
    page.keyboard.press("End")
    expect(line(page, MANY)).to_be_in_viewport()
    is_at_rest(page)
    assert page.locator("[data-line]").count() < 120


def test_ui_101_grave_lines_alone_and_a_link_to_one(
    page: Page, experiment: str, talkative: str
) -> None:
    opened(page, experiment, talkative, "?path=train.log&line=500000")
    expect(line(page, 500_000)).to_be_in_viewport()
    page.get_by_label("Level").select_option(label="Warnings and errors")
    expect(page.get_by_text("2 of 1 000 000 lines")).to_be_visible()
    rows = page.locator("[data-line]")
    expect(rows).to_have_count(2)
    expect(rows.last).to_contain_text("WARN trainer step 0654321")

    rows.last.get_by_role("button", name="654322").click()

    is_copied(page, f"/runs/{talkative}/logs?path=train.log&line=654322")
    expect(page).to_have_url(re.compile("line=654322$"))


def test_ui_101_follow_sticks_to_the_end_unless_scrolled(
    page: Page, server: Api, experiment: str
) -> None:
    run = server.run(experiment, "goes on", status=None)
    page.goto(f"/experiments/{experiment}/runs/{run['info']['run_id']}/logs")
    expect(page.get_by_role("heading", name="No logs")).to_be_visible()
    printed(server, run, 1, *(f"epoch {n}" for n in range(200)))
    log = page.locator("[data-rows='200']")
    expect(log).to_have_attribute("data-following", "true")
    expect(line(page, 200)).to_be_in_viewport()

    printed(server, run, 2, "one more", "\x1b[31m<b>red</b>\x1b[0m and \x1b[2Kplain")
    expect(line(page, 202)).to_be_in_viewport()
    expect(line(page, 202)).to_contain_text("<b>red</b> and plain")
    expect(line(page, 202).locator("[data-colour=red]")).to_have_text("<b>red</b>")
    expect(line(page, 202).get_by_text("00:00:02.000")).to_be_visible()

    page.get_by_role("region", name="Log", exact=True).hover()
    page.mouse.wheel(0, -600)
    expect(page.locator("[data-following=false]")).to_be_visible()
    printed(server, run, 3, "the last one")
    expect(page.locator("[data-rows='203']")).to_be_visible()
    expect(line(page, 203)).not_to_be_in_viewport()

    page.get_by_role("button", name="Follow").click()
    expect(line(page, 203)).to_be_in_viewport()
    server.post("runs/update", run_id=run["info"]["run_id"], status="FINISHED")
    expect(page.get_by_role("button", name="Follow")).to_have_attribute("aria-disabled", "true")


def test_ui_101_wrapped_lines_lead_to_the_end(page: Page, server: Api, experiment: str) -> None:
    run = server.run(experiment, "long-winded")
    server.put(run, "train.log", b"".join(b"%d " % n + b"words " * 200 + b"\n" for n in range(300)))
    opened(page, experiment, run["info"]["run_id"])
    page.keyboard.press("w")
    region = page.get_by_role("region", name="Log", exact=True)
    expect(line(page, 1)).to_contain_text("words")
    region.focus()
    page.keyboard.press("End")

    page.keyboard.press("End")
    expect(line(page, 300)).to_be_in_viewport()
    assert region.evaluate("(one) => one.scrollWidth <= one.clientWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_ui_180_a_log_is_sound(page: Page, server: Api, experiment: str, scheme: Any) -> None:
    run = server.run(experiment, "sound")
    printed(server, run, 1, "\x1b[32mgreen\x1b[0m", "WARNING w", "ERROR e", "\x1b[35mx\x1b[36my")
    page.emulate_media(color_scheme=scheme)
    opened(page, experiment, run["info"]["run_id"])
    is_at_rest(page)

    assert serious(page) == []
