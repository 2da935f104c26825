"""Very many experiments, and panels of very many runs and metrics: what is asked for and drawn.

Times are limits for a machine that does other things; the specification's are beside them.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Request, expect

from tests.browser.conftest import is_at_rest
from tests.browser.seed import Api, own_panel, packed_view
from tests.browser.test_charts import REDRAWN_MS, asked, chart, is_series
from tests.sets.many_runs import BEGAN_MS

EXPERIMENT = "1"
KEYS = 2_000
SECTIONS = ("sys", "test", "train", "val")


def first(runs: int) -> str:
    """A query that the first *runs* match."""
    return f"attributes.start_time < {BEGAN_MS + runs * 60_000}"


@pytest.fixture(scope="module")
def server(many_runs: Api) -> Api:
    return many_runs


def panels(page: Page, query: str = "", **view: Any) -> None:
    """The panels alone of the runs that match."""
    packed = packed_view(arrangement="panels", q=query, **view)
    page.goto(f"/experiments/{EXPERIMENT}?s={packed}")


def own(page: Page, kind: str, *columns: str, query: str) -> Locator:
    """A panel of one's own of *columns*, with nothing else on the page."""
    panels(page, query, panels=own_panel(kind, *columns) | {"closed": SECTIONS})
    panel = chart(page, kind)
    expect(panel).to_have_attribute("data-state", "ready", timeout=30_000)
    expect(page.locator("[data-chart]")).to_have_count(1)
    is_at_rest(page)
    return panel


def table(api: Api, **asked: Any) -> dict[str, Any]:
    return api.post("/api/3.0/millrace/runs/table", experiment_ids=[EXPERIMENT], **asked)


def place(panel: Locator, x: float, y: float) -> tuple[float, float]:
    """A place within a canvas, by shares of its width and height from the left top."""
    box = panel.locator("canvas").bounding_box()
    assert box is not None
    return box["x"] + box["width"] * x, box["y"] + box["height"] * y


def drawn_along(panel: Locator, *way: tuple[float, float]) -> None:
    """The pointer held down along a way of places."""
    mouse = panel.page.mouse
    mouse.move(*place(panel, *way[0]))
    mouse.down()
    for at in way[1:]:
        mouse.move(*place(panel, *at))
    mouse.up()


def test_ui_024_five_thousand_experiments_are_there_soon_and_found_by_name(page: Page) -> None:
    began = time.monotonic()
    page.goto("/experiments")
    expect(
        page.get_by_role("treegrid", name="Experiments").locator("[data-row] a").first
    ).to_be_visible()
    assert time.monotonic() - began < 6  # 1 s

    began = time.monotonic()
    page.get_by_role("searchbox", name="Search by name").fill("experiment-04321")
    expect(page.locator("[data-row]")).to_have_count(1)
    assert time.monotonic() - began < 3  # 300 ms
    expect(page.locator("[data-row]")).to_contain_text("team-01/project-21/experiment-04321")


# Panels less than one screen away from what their scroller shows.
NEAR = """(area) => {
  let scroller = area
  while (scroller.scrollHeight <= scroller.clientHeight) scroller = scroller.parentElement
  const { top, bottom, height } = scroller.getBoundingClientRect()
  return [...area.querySelectorAll("[data-panel]")].filter((panel) => {
    const box = panel.getBoundingClientRect()
    return box.bottom > top - height && box.top < bottom + height
  }).map((panel) => panel.dataset.panel)
}"""
SCROLL = """(area, share) => {
  let scroller = area
  while (scroller.scrollHeight <= scroller.clientHeight) scroller = scroller.parentElement
  scroller.scrollTop = share * (scroller.scrollHeight - scroller.clientHeight)
}"""


def test_ui_069_of_two_thousand_panels_those_near_are_asked_for_once(page: Page) -> None:
    requests: list[Request] = []
    page.on("request", lambda one: requests.append(one) if is_series(one) else None)
    panels(page)
    area = page.get_by_test_id("panels").locator("[data-panels]")
    expect(area.locator("[data-panel]")).to_have_count(24)
    near: set[str] = set()
    rest = page.get_by_role("button", name="show all")
    for share in (0, 1):
        area.evaluate(SCROLL, share)
        is_at_rest(page)
        near.update(area.evaluate(NEAR))
    rest.click()
    expect(area.locator("[data-panel]")).to_have_count(KEYS)
    is_at_rest(page)
    near.update(area.evaluate(NEAR))

    for share in (0, 0.5, 1, 0.5, 0):
        area.evaluate(SCROLL, share)
        is_at_rest(page)
        near.update(area.evaluate(NEAR))

    # One that its panel left behind, moved out of sight by what appeared above it, was broken off.
    answered = [one for one in requests if one.failure is None]
    times = Counter(f"metric:{key}" for one in answered for key in asked(one)["keys"])
    assert set(times) == near
    assert len(near) < 250
    twice = {key for key, count in times.items() if count > 1}
    again = [one for one in answered if twice & {f"metric:{key}" for key in asked(one)["keys"]}]
    assert [(one.post_data, one.timing["startTime"]) for one in again] == []


def test_ui_072_brushes_of_five_thousand_lines_are_a_filter(page: Page, server: Api) -> None:
    columns = ("params.layers", "params.seed", "params.param_00", "metrics.`train/metric_0000`")
    panel = own(page, "parallel", *columns, query=first(5_000))
    expect(panel).to_have_attribute("data-points", "5000")
    assert page.evaluate(REDRAWN_MS, "parallel") < 3_000  # 500 ms

    for axis in (0.5, 2.5):
        drawn_along(panel, (axis / len(columns), 0.8), (axis / len(columns), 0.4))
    inside = panel.locator("[data-inside]")
    expect(inside).to_have_text(re.compile(r"^\d[\d ]* of 5 000 runs inside$"))
    highlighted = int(inside.get_attribute("data-inside") or "")
    assert 0 < highlighted < 3_000
    panel.get_by_role("button", name="Apply as filter").click()

    told = f"{highlighted:,} runs".replace(",", " ")
    expect(page.get_by_test_id("count")).to_have_text(told)
    query = page.get_by_role("combobox", name="Query").input_value()
    assert query.startswith(f"{first(5_000)} AND params.layers >= ")
    assert table(server, filter=query, limit=0)["runs"] == highlighted


@pytest.mark.parametrize("kind", ["scatter", "contour"])
def test_ui_073_a_lasso_chooses_the_runs_inside(page: Page, server: Api, kind: str) -> None:
    """Layers go from 1 to 8 and seeds from 0 to 4, so dots are in few places, far apart."""
    height = ("metrics.`train/metric_0000`",) if kind == "contour" else ()
    panel = own(page, kind, "params.layers", "params.seed", *height, query=first(500))
    expect(panel).to_have_attribute("data-points", "500")

    # Around the left half, without its lower right: a shape that is not convex.
    middle, left = (0.5, 0.28) if kind == "scatter" else (0.48, 0.27)
    corner = 0.55
    drawn_along(
        panel, (0.06, 0.03), (middle, 0.03), (middle, corner), (left, corner), (left, 0.95),
        (0.06, 0.95), (0.06, 0.1),
    )  # fmt: skip

    chosen = panel.locator("[data-chosen]")
    expect(chosen).to_have_text(re.compile(r"^\d+ runs inside the lasso$"))
    inside = "(params.layers <= 2 OR (params.layers <= 4 AND params.seed >= 2))"
    expected = table(server, limit=500, filter=f"{first(500)} AND {inside}")["run_ids"]
    chosen_ids = (chosen.get_attribute("data-chosen") or "").split(",")
    assert sorted(chosen_ids) == sorted(expected)
    panel.get_by_role("button", name="Select them").click()
    expect(page.get_by_test_id("selected")).to_have_text(f"{len(expected)} selected")


def test_ui_078_a_hundred_runs_are_drawn_and_more_on_request(page: Page) -> None:
    panels(page, first(1_240))
    expect(page.get_by_text("100 of 1 240 runs are drawn as lines")).to_be_visible()
    panel = chart(page, "sys/metric_0003")
    expect(panel).to_have_attribute("data-series", "100")
    began = time.monotonic()

    page.get_by_role("button", name="Draw 500").click()

    expect(panel).to_have_attribute("data-series", "500", timeout=20_000)
    assert time.monotonic() - began < 15  # 4 s
    expect(page.get_by_text("500 of 1 240 runs are drawn as lines")).to_be_visible()
    expect(page.get_by_role("button", name="Draw 500")).to_have_count(0)
