"""Panels of long series: soon there, small on the way, quick to the pointer, apart in trouble.

Times are limits for a machine that does other things; `python -m benchmarks.ui` has the budgets.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Response, Route, expect

from millrace.stores.open import open_stores
from tests.browser.conftest import Watch, is_at_rest
from tests.browser.seed import Api, own_panel, packed_view
from tests.browser.test_charts import (
    REDRAWN_MS,
    asked,
    chart,
    is_drawn,
    is_series,
    plot,
    show,
)
from tests.services import private_millrace
from tests.sets import fill

EXPERIMENT = "1"
KEYS = ("train/loss", "train/acc", "val/loss", "lr")
MOST_BYTES = 1.5e6


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, full_size: bool) -> Iterator[Api]:
    """Data set D3; in short runs with shorter series."""
    folder = tmp_path_factory.mktemp("long")
    stores = open_stores(f"sqlite:///{folder / 'millrace.db'}")
    try:
        fill("D3", stores, points=100_000 if full_size else 2_000)
    finally:
        stores.close()
    with private_millrace(folder) as url:
        yield Api(url)


def ready(page: Page, key: str) -> None:
    expect(chart(page, key)).to_have_attribute("data-state", "ready", timeout=90_000)
    expect(chart(page, key)).to_have_attribute("data-series", "50")


def test_ui_060_four_panels_of_fifty_runs_are_there_soon(page: Page) -> None:
    answers: list[Response] = []
    page.on("response", lambda one: answers.append(one) if is_series(one.request) else None)
    began = time.monotonic()
    show(page, EXPERIMENT)

    for key in KEYS:
        ready(page, key)

    assert time.monotonic() - began < 60
    sizes = [len(one.body()) for one in answers]
    assert len(sizes) == len(KEYS)
    assert max(sizes) <= MOST_BYTES


def test_ui_063_the_pointer_costs_little_and_shows_in_all_panels(page: Page) -> None:
    show(page, EXPERIMENT)
    for key in KEYS[:2]:
        ready(page, key)
        is_drawn(chart(page, key))
    is_at_rest(page)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def script_s() -> float:
        told = session.send("Performance.getMetrics")["metrics"]
        return float(next(one["value"] for one in told if one["name"] == "ScriptDuration"))

    box = chart(page, "train/loss").locator(".u-over").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + 40)
    expect(page.locator("[data-readout]")).not_to_have_count(0)
    before = script_s()
    for step in range(30):
        page.mouse.move(box["x"] + 30 + 8 * step, box["y"] + 40)
    assert (script_s() - before) * 1000 / 30 < 60  # 8 ms is the budget

    expect(page.locator("[data-readout]")).to_have_count(1)
    for key in KEYS[:2]:
        page.wait_for_function(CROSSHAIR, arg=[key, 30 + 8 * 29])


# Whether a chart shows the cursor so many pixels from the left of its plotting area.
CROSSHAIR = """([title, left]) => {
  const over = document.querySelector(`[data-chart="${title}"] .u-over canvas`)
  const { data, width, height } = over.getContext("2d").getImageData(0, 0, over.width, over.height)
  const ratio = width / over.getBoundingClientRect().width
  const isDrawn = (column) => {
    let found = 0
    for (let row = 0; row < height; row++) found += data[(row * width + column) * 4 + 3] > 0
    return found > height / 3
  }
  return [-2, -1, 0, 1, 2].some((off) => isDrawn(Math.round(left * ratio) + off))
}"""


def test_ui_075_a_hundred_histograms_are_drawn_soon(page: Page) -> None:
    panels = own_panel("histogram", "metrics.`train/loss`") | {"closed": ["", "train", "val"]}
    page.goto(f"/experiments/{EXPERIMENT}?s={packed_view(arrangement='panels', panels=panels)}")
    expect(page.locator("[data-chart]")).to_have_count(1)
    panel = chart(page, "histogram")
    expect(panel).to_have_attribute("data-state", "ready", timeout=30_000)
    expect(panel).to_have_attribute("data-series", "100")
    is_at_rest(page)

    assert page.evaluate(REDRAWN_MS, "histogram") < 2_000  # 300 ms


def test_ui_190_a_region_that_fails_says_so_and_is_tried_again(page: Page, watch: Watch) -> None:
    watch.expect_failure("500|series/query")
    page.route("**/series/query", lambda route: route.fulfill(status=500, body="{}"))
    show(page, EXPERIMENT)
    panel = chart(page, "train/loss")
    expect(panel).to_have_attribute("data-state", "error")
    expect(page.get_by_role("searchbox", name="Find panels (regular expression)")).to_be_enabled()

    page.unroute("**/series/query")
    panel.get_by_role("button", name="Try again").click()

    ready(page, "train/loss")


def test_ui_191_broken_data_of_one_panel_leaves_the_others_alone(page: Page, watch: Watch) -> None:
    watch.expect_failure("Range|Invalid|Error|buffer|length")

    def break_one(route: Route) -> None:
        if asked(route.request)["keys"] == ["train/acc"]:
            route.fulfill(status=200, body=b"not what was asked for")
        else:
            route.continue_()

    page.route("**/series/query", break_one)
    show(page, EXPERIMENT)

    expect(chart(page, "train/acc")).to_have_attribute("data-state", "error")
    for key in ("train/loss", "val/loss"):
        ready(page, key)
    expect(plot(chart(page, "train/loss"))).to_be_visible()


def test_ui_194_a_part_that_is_gone_offers_the_new_version(page: Page, watch: Watch) -> None:
    """As after a new version was deployed: the old one's parts are no longer there."""
    watch.expect_failure("assets/settings|Failed to (load|fetch)|404|dynamically imported")
    show(page, EXPERIMENT)
    ready(page, "train/loss")
    page.route(re.compile(r"/assets/settings-.*\.js"), lambda route: route.fulfill(status=404))

    page.get_by_role("link", name="Settings").click()

    expect(page.get_by_text("The server has a newer version of these pages.")).to_be_visible()
    page.unroute(re.compile(r"/assets/settings-.*\.js"))
    page.get_by_role("button", name="Load it").click()
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()
