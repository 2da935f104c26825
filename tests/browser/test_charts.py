"""Panels: what is drawn, how it answers to pointer and keys, what it asks for."""

from __future__ import annotations

import csv
import json
import math
import re
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Download, Locator, Page, Request, expect

from tests.browser.conftest import is_at_rest
from tests.browser.seed import Api, own_panel, packed_view
from tests.services import private_millrace

RUNS = 6
SEEDS = (0, 1, 4, 4, 1, 0)
STEPS = 200
LONG = 20_000
SPIKE_STEP, SPIKE = 12_345, 99.0
STARTED_MS = 1_760_000_000_000
AS_JSON = {"format": "json", "precision": "float64"}
# Steps, milliseconds after the start, epochs: nowhere evenly apart.
UNEVEN = ((0, 500, 0.25), (10, 2_500, 0.5), (20, 2_600, 1.0), (45, 9_000, 3.0))

# From before something makes a chart draw anew to the frame after it has.
REDRAWN_MS = """(title) => new Promise((done) => {
  const root = document.querySelector(`[data-chart="${title}"]`)
  const began = performance.now()
  new MutationObserver((_, watch) => {
    watch.disconnect()
    requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began)))
  }).observe(root, { attributeFilter: ["data-version"] })
  root.style.width = "calc(100% - 24px)"
})"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Six runs with short series, one with a long one that has a spike of one point."""
    with private_millrace(tmp_path_factory.mktemp("charts")) as url:
        api = Api(url)
        short = api.experiment("short")
        for number in range(RUNS):
            loss = [math.exp(-step / 40) + number / 10 for step in range(STEPS)]
            api.run(
                short,
                f"run-{number}",
                params={
                    "lr": str((number + 1) / 10),
                    "kind": "aabbba"[number],
                    "seed": str(SEEDS[number]),
                },
                metrics={
                    "train/loss": loss,
                    "val/loss": [value + 0.5 for value in loss],
                    "odd": [1.0, -1.0, 0.0, 4.0],
                    "score": [float(number)],
                },
            )
        long = api.experiment("long")
        values = [math.sin(step / 500) for step in range(LONG)]
        values[SPIKE_STEP] = SPIKE
        api.run(long, "long", metrics={"wave": values})
        uneven = api.experiment("uneven")
        gaps = [1.0, math.nan, 2.0, math.inf, 3.0, -math.inf, 4.0]
        logged = {"gaps": gaps, "sunk": [-1.0, 0.0, -2.0]}
        run = api.run(uneven, "uneven", metrics=logged, start_ms=STARTED_MS)
        points = [
            {"key": key, "value": value, "step": step, "timestamp": STARTED_MS + after}
            for step, after, epoch in UNEVEN
            for key, value in (("m", 7.0 * step), ("epoch", epoch))
        ]
        api.post("runs/log-batch", run_id=run["info"]["run_id"], metrics=points)
        yield api


@pytest.fixture
def panels(page: Page) -> Page:
    show(page, "1")
    is_drawn(chart(page, "train/loss"))
    is_at_rest(page)
    return page


def show(page: Page, experiment: str) -> None:
    """The panels of an experiment alone."""
    page.goto(f"/experiments/{experiment}")
    expect(page.get_by_role("treegrid")).to_be_visible()
    page.keyboard.press("3")
    expect(page.get_by_test_id("panels")).to_be_visible()
    expect(page).to_have_url(re.compile("s="))


def is_drawn(panel: Locator) -> None:
    """What the chart says of itself is true of what is seen: it has data, and has drawn them."""
    expect(panel).to_have_attribute("data-state", "ready")
    expect(panel).to_have_attribute("data-xmin", re.compile(r"\d"))


def shown_alone(page: Page, experiment: str, metric: str, **settings: Any) -> Locator:
    """A large panel of one's own of a metric, drawn."""
    view = packed_view(arrangement="panels", panels=own_panel("line", metric, **settings))
    page.goto(f"/experiments/{experiment}?s={view}")
    panel = chart(page, "line")
    is_drawn(panel)
    return panel


def chart(page: Page, title: str) -> Locator:
    return page.locator(f'[data-chart="{title}"]')


def numbers(panel: Locator, least: int = 6) -> list[list[str]]:
    """The rows in sight of a chart's table, *least* or more of them, exact."""
    expect(panel.locator("[data-table] [role=row]").nth(least)).to_be_visible()
    rows = panel.locator("[data-table] [role=row]").all()[1:]
    return [
        [cell.get_attribute("title") or "" for cell in row.get_by_role("cell").all()]
        for row in rows
    ]


def all_numbers(panel: Locator) -> dict[int, list[str]]:
    """All rows of a chart's table, exact, by their numbers from 0 on: it is scrolled to its end."""
    table = panel.get_by_role("table")
    expect(table.get_by_role("cell").first).to_be_visible()
    rows = table.evaluate(
        """async (box) => {
          const frame = () => new Promise((resolve) => requestAnimationFrame(resolve))
          const found = {}
          for (let top = 0; ; top += box.clientHeight / 2) {
            box.scrollTop = top
            for (let wait = 0; wait < 3; wait++) await frame()
            for (const row of box.querySelectorAll("[role=row][aria-rowindex]")) {
              const cells = [...row.querySelectorAll("[role=cell]")]
              found[row.getAttribute("aria-rowindex") - 2] = cells.map(({ title }) => title)
            }
            if (top + box.clientHeight >= box.scrollHeight) return found
          }
        }"""
    )
    return {int(at): cells for at, cells in rows.items()}


def svg_of(panel: Locator) -> ET.Element:
    """The chart of lines as a drawing."""
    return ET.fromstring(saved(panel, "Drawing").path().read_text())


def corners(path: ET.Element) -> list[tuple[float, float]]:
    """Where the pen of a path stands, of those paths that only name places."""
    places = re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path.get("d") or "")
    return [(float(x), float(y)) for x, y in places]


def plot(panel: Locator) -> Locator:
    return panel.locator("[data-plot-keys]")


def drag(page: Page, panel: Locator, start: float, end: float) -> None:
    """Drag over the plotting area from one share of its width to another."""
    is_drawn(panel)
    is_at_rest(page)
    panel.scroll_into_view_if_needed()
    box = panel.locator(".u-over").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * start, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * (start + end) / 2, box["y"] + box["height"] / 2)
    page.mouse.move(box["x"] + box["width"] * end, box["y"] + box["height"] / 2)
    page.mouse.up()


def asked(request: Request) -> dict[str, object]:
    return dict(json.loads(request.post_data or "{}"))


def is_series(request: Request) -> bool:
    return request.url.endswith("/series/query")


def drawn(panel: Locator) -> list[dict[str, str]]:
    """The numbers that the chart draws, from its file."""
    text = saved(panel, "Numbers drawn").path().read_text()
    return list(csv.DictReader(text.splitlines()))


def saved(panel: Locator, item: str) -> Download:
    panel.locator("[data-chart-menu]").click()
    page = panel.page
    with page.expect_download() as download:
        page.get_by_role("menuitem", name=item).click()
    return download.value


def test_ui_061_a_spike_of_one_point_is_in_the_band_and_a_point_after_zooming(
    page: Page, server: Api
) -> None:
    requests: list[Request] = []
    page.on("request", lambda request: requests.append(request) if is_series(request) else None)
    show(page, "2")
    panel = chart(page, "wave")
    expect(panel).to_have_attribute("data-points", str(LONG))
    plot(panel).focus()
    page.keyboard.press("a")
    rows = all_numbers(panel)
    page.keyboard.press("a")

    # What the table says is what the API says of the same buckets.
    (told,) = server.post(urlsplit(requests[0].url).path, **asked(requests[0]) | AS_JSON)["series"]
    columns = (told[key] for key in ("minimum", "maximum", "last", "count"))
    assert [tuple(map(float, rows[at][3:])) for at in range(len(rows))] == [
        *zip(*columns, strict=True)
    ]
    (spike,) = [row for row in rows.values() if float(row[4]) == SPIKE]
    assert abs(float(spike[1]) - SPIKE_STEP) <= LONG / len(rows)
    assert float(spike[2]) < SPIKE / 10  # of the line itself it is no point
    # The band is closed: from left to right along its top, and back.
    band, line = svg_of(panel).iterfind(".//{*}g[@data-line]/{*}path")
    x, peak = min(corners(band), key=lambda corner: corner[1])
    at = next(at for at, row in rows.items() if row is spike)
    assert x == corners(line)[at][0]
    assert 32 <= peak < min(y for _, y in corners(line)) - 100

    share = SPIKE_STEP / LONG
    drag(page, panel, share - 0.03, share + 0.03)
    expect(panel).not_to_have_attribute("data-points", str(LONG))
    drag(page, panel, 0.4, 0.6)
    expect(panel).to_have_attribute("data-points", re.compile(r"^\d{1,3}$"))
    closer = drawn(panel)
    assert [float(row["step"]) for row in closer if float(row["value"]) == SPIKE] == [SPIKE_STEP]
    plot(panel).focus()
    page.keyboard.press("a")
    points = [row[1:] for row in all_numbers(panel).values() if float(row[2]) == SPIKE]
    assert points == [[str(SPIKE_STEP), f"{SPIKE:g}"]]


def test_ui_062_zooming_asks_for_the_range_and_two_clicks_show_all_from_the_cache(
    page: Page,
) -> None:
    show(page, "2")
    panel = chart(page, "wave")
    is_drawn(panel)
    requests: list[Request] = []
    page.on("request", lambda request: requests.append(request) if is_series(request) else None)

    with page.expect_response(lambda response: is_series(response.request)):
        drag(page, panel, 0.4, 0.5)
    expect(panel).to_have_attribute("data-xmin", re.compile(r"^(7|8)\d{3}"))
    expect(panel).to_have_attribute("data-xmax", re.compile(r"^(9|10)\d{3}"))
    (request,) = requests
    low, high = asked(request)["start"], asked(request)["end"]
    assert (low, high) == (
        float(panel.get_attribute("data-xmin") or ""),
        float(panel.get_attribute("data-xmax") or ""),
    )

    panel.locator(".u-over").dblclick()
    expect(panel).to_have_attribute("data-points", str(LONG))
    expect(panel).to_have_attribute("data-xmin", re.compile(r"^\d{1,2}(\.5)?$"))
    assert len(requests) == 1


def test_ui_065_what_a_logarithm_has_no_place_for_is_said_and_marked(page: Page) -> None:
    panel = shown_alone(page, "1", "odd")
    assert not svg_of(panel).findall(".//{*}path[@data-mark]")
    plot(panel).focus()
    page.keyboard.press("y")

    expect(panel).to_contain_text(f"{2 * RUNS} values are not above zero")
    is_drawn(panel)
    drawing = svg_of(panel)
    marked = drawing.findall(".//{*}g[@data-marks]")
    assert sorted(one.get("data-marks", "") for one in marked) == [
        f"run-{at}" for at in range(RUNS)
    ]
    # Of values 1, -1, 0 and 4, in a frame that reaches from 64 to 944.
    for marks in marked:
        places = [
            corners(mark)[0] for mark in marks.iterfind("{*}path[@data-mark='not above zero']")
        ]
        assert places == [
            (pytest.approx(64 + 880 / 3, abs=0.1), 440),
            (pytest.approx(64 + 880 * 2 / 3, abs=0.1), 440),
        ]
    head, (first, second) = drawn_edges(saved(panel, "Image").path())
    assert head == []
    assert second - first > 200
    plot(panel).focus()
    page.keyboard.press("a")
    told = sorted(
        (name, float(step), float(value)) for name, step, value in all_numbers(panel).values()
    )
    assert told == [
        (f"run-{at}", *point) for at in range(RUNS) for point in enumerate([1, -1, 0, 4])
    ]


def test_ui_065_a_logarithm_of_nothing_above_zero_is_a_row_of_marks(page: Page) -> None:
    panel = shown_alone(page, "3", "sunk", logY=True)

    expect(panel).to_contain_text("3 values are not above zero")
    assert len(svg_of(panel).findall(".//{*}path[@data-mark='not above zero']")) == 3
    head, foot = drawn_edges(saved(panel, "Image").path())
    # The first stands at the axis, where nobody looks.
    assert (head, len(foot)) == ([], 2)


def run_named(api: Api, experiment: str, name: str) -> dict[str, Any]:
    filter_ = f"attributes.run_name = '{name}'"
    (run,) = api.post("runs/search", experiment_ids=[experiment], filter=filter_)["runs"]
    return dict(run)


def last_of(run: dict[str, Any], key: str) -> float:
    """The last value of a metric, as the API tells it."""
    return float(next(one["value"] for one in run["data"]["metrics"] if one["key"] == key))


def accented(page: Page, png: Path) -> np.ndarray[Any, Any]:
    """Which pixels of an image are of the colour of reference lines."""
    colour = page.evaluate(
        """() => {
          const pen = new OffscreenCanvas(1, 1).getContext("2d")
          pen.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--accent")
          pen.fillRect(0, 0, 1, 1)
          return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3)
        }"""
    )
    pixels = np.asarray(Image.open(png).convert("RGB")).astype(int)
    is_near: np.ndarray[Any, Any] = np.abs(pixels - colour).max(axis=2) < 12
    return is_near


def test_ui_045_a_base_is_a_line_across_the_chart_of_lines(page: Page, server: Api) -> None:
    base, other = (run_named(server, "1", f"run-{at}") for at in (3, 0))
    view = packed_view(
        arrangement="panels", base=base["info"]["run_id"], panels=own_panel("line", "train/loss")
    )
    page.goto(f"/experiments/1?s={view}")
    panel = chart(page, "line")
    is_drawn(panel)

    drawing = svg_of(panel)
    (across,) = drawing.iterfind(".//{*}g[@data-reference='base']/{*}path")
    ((_, height),) = corners(across)
    ends = {
        line.get("data-line"): corners(path)[-1][1]
        for line in drawing.iterfind(".//{*}g[@data-line]")
        for path in line.iterfind("{*}path")
    }
    assert height == ends["run-3"]
    # Two lines end at values that the API tells: so much is a pixel.
    values = {name: last_of(run_named(server, "1", name), "train/loss") for name in ends if name}
    pixel = (values["run-5"] - values["run-0"]) / (ends["run-0"] - ends["run-5"])
    value = values["run-0"] + (ends["run-0"] - height) * pixel
    assert value == pytest.approx(last_of(base, "train/loss"), abs=abs(pixel))
    assert last_of(base, "train/loss") - last_of(other, "train/loss") == pytest.approx(0.3)

    is_accent = accented(page, saved(panel, "Image").path())
    (rows,) = np.nonzero(is_accent.mean(axis=1) > 0.4)
    share = (height - 32) / (480 - 72)
    assert rows.mean() == pytest.approx(16 + share * (is_accent.shape[0] - 2 * 34), abs=4)


def test_ui_045_a_base_is_a_line_across_the_bars(page: Page, server: Api) -> None:
    base = run_named(server, "1", "run-3")
    view = packed_view(
        arrangement="panels", base=base["info"]["run_id"], panels=own_panel("bar", "metrics.score")
    )
    page.goto(f"/experiments/1?s={view}")
    panel = chart(page, "bar")
    expect(panel).to_have_attribute("data-state", "ready")
    is_at_rest(page)

    image = saved(panel, "Image").path()
    is_accent = accented(page, image)
    (columns,) = np.nonzero(is_accent[12:-88].mean(axis=0) > 0.3)
    # Bars begin at 120 pixels and stand by their length: that of the base is the third of six.
    pixels = np.asarray(Image.open(image).convert("RGB")).astype(int)

    def length(place: int) -> int:
        row = pixels[12 + round((pixels.shape[0] - 88) * (place + 0.5) / 6), 240:]
        return int(np.flatnonzero(np.abs(row - row[4]).max(axis=1) < 12)[-1])

    assert columns.mean() == pytest.approx(240 + length(2), abs=6)
    assert length(2) / length(0) == pytest.approx(3 / 5, abs=0.01)
    assert last_of(base, "score") == 3


def test_ui_066_what_is_no_number_is_a_gap_with_a_mark_at_the_edge(page: Page) -> None:
    panel = shown_alone(page, "3", "gaps")
    plot(panel).focus()
    page.keyboard.press("a")
    expect(panel.get_by_role("table")).to_have_attribute("aria-rowcount", "8")
    expect(panel.locator("[data-table] [role=row]")).to_have_count(8)
    told = [value for _, _, value in numbers(panel)]
    assert told == ["1", "NaN", "2", "Infinity", "3", "-Infinity", "4"]

    drawing = ET.fromstring(saved(panel, "Drawing").path().read_text())
    (line,) = drawing.iterfind(".//{*}g[@data-line]/{*}path")
    # Four parts of one point each, and nothing between them.
    assert re.sub(r"[^A-Z]", "", line.get("d") or "") == "MMMM"

    head, foot = drawn_edges(saved(panel, "Image").path())
    (infinity,) = head
    nan, negative = foot
    assert abs((infinity - nan) - (negative - infinity)) < 4
    assert infinity - nan > 200


def drawn_edges(png: Path) -> tuple[list[float], list[float]]:
    """The middles of what is drawn along the upper and the lower edge of a line's image. Some runs
    have grey lines, so it is darkness that tells them from the grid, on white."""
    pixels = np.asarray(Image.open(png).convert("RGB"))
    is_drawn_on = pixels.min(axis=2) < 150
    # The image is twice as large as on screen: 8 pixels are above the plot, axes below and beside.
    top, bottom = 2 * 8, pixels.shape[0] - 2 * 26
    found = []
    for edge in (is_drawn_on[top : top + 14], is_drawn_on[bottom - 14 : bottom]):
        columns = np.flatnonzero(edge[:, 2 * 84 :].any(axis=0))
        groups = np.split(columns, np.flatnonzero(np.diff(columns) > 4) + 1)
        found.append([float(group.mean()) for group in groups if group.size > 0])
    return found[0], found[1]


@pytest.mark.parametrize("x", ["time", "relative", "metric"])
def test_ui_067_points_stand_where_their_time_or_another_metric_has_them(
    page: Page, x: str
) -> None:
    panel = shown_alone(page, "3", "m", x=x, xMetric="epoch")

    expected = [
        {"time": STARTED_MS + after, "relative": after, "metric": epoch}[x]
        for _, after, epoch in UNEVEN
    ]
    rows = [list(row.values()) for row in drawn(panel)]
    assert [float(place) for _, place, *_ in rows] == expected
    assert [float(value) for _, _, value, *_ in rows] == [7.0 * step for step, *_ in UNEVEN]
    expect(panel).to_have_attribute("data-xmin", str(expected[0]))
    expect(panel).to_have_attribute("data-xmax", str(expected[-1]).removesuffix(".0"))


def test_ui_064_the_raw_curve_stays_behind_the_smoothed_one(page: Page) -> None:
    panel = shown_alone(page, "1", "train/loss", smoothing={"kind": "mean", "amount": 3})

    drawing = ET.fromstring(saved(panel, "Drawing").path().read_text())
    assert len(drawing.findall(".//{*}g[@data-line]/{*}path")) == 2 * RUNS
    row = next(row for row in drawn(panel) if row["run"] == "run-2" and row["step"] == "50")
    curve = [math.exp(-step / 40) + 0.2 for step in (49, 50, 51)]
    assert abs(float(row["smoothed"]) - sum(curve) / 3) < 1e-9
    assert float(row["value"]) == curve[1]


def test_ui_070_panels_move_and_grow_and_undo_takes_it_back(panels: Page) -> None:
    section = panels.get_by_role("region", name="Metrics")
    for at, title in enumerate(("odd", "score")):
        expect(section.locator("[data-chart]").nth(at)).to_have_attribute("data-chart", title)
    before = panels.url
    panels.get_by_role("button", name="Move score").focus()
    panels.keyboard.press("ArrowLeft")
    expect(section.locator("[data-chart]").first).to_have_attribute("data-chart", "score")
    expect(panels).not_to_have_url(before)
    moved = panels.url
    panels.get_by_role("button", name="Size of score").focus()
    panels.keyboard.press("ArrowRight")
    cell = section.locator("[data-panel]").first
    expect(cell).to_have_attribute("data-w", "5")

    panels.keyboard.press("Control+z")
    expect(cell).to_have_attribute("data-w", "4")
    panels.keyboard.press("Control+z")
    expect(section.locator("[data-chart]").first).to_have_attribute("data-chart", "odd")
    panels.keyboard.press("Control+Shift+z")
    expect(section.locator("[data-chart]").first).to_have_attribute("data-chart", "score")

    expect(panels).to_have_url(moved)
    panels.reload()
    expect(section.locator("[data-chart]").first).to_have_attribute("data-chart", "score")


def pulled(page: Page, grip: Locator, to: tuple[float, float]) -> None:
    """Pull a grip by the mouse to a point of the window, on the way through others."""
    grip.hover()
    page.mouse.down()
    page.mouse.move(*to, steps=8)
    page.mouse.up()


def test_ui_070_panels_are_moved_and_sized_by_the_mouse(panels: Page) -> None:
    """The layout is at each step that of the history, and the one at the end stays."""
    section = panels.get_by_role("region", name="Metrics")
    cells = section.locator("[data-panel]")

    def layout() -> list[tuple[str | None, ...]]:
        names = ("data-panel", "data-w", "data-h")
        return [tuple(one.get_attribute(name) for name in names) for one in cells.all()]

    history = [layout()]
    (first, w, h), (second, *size) = history[0]
    assert (first, second) == ("metric:odd", "metric:score")
    box = cells.first.bounding_box()
    assert box is not None
    into = (box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    pulled(panels, panels.get_by_role("button", name="Move score"), into)
    history.append([(second, *size), (first, w, h)])
    expect(cells.first).to_have_attribute("data-panel", second or "")
    assert layout() == history[1]

    box = cells.first.bounding_box()
    assert box is not None
    # Two columns of twelve wider, one row higher; the gap between rows and columns is 12 wide.
    column = (box["width"] + 12) / int(w or 0)
    corner = (box["x"] + box["width"] + 2 * column - 2, box["y"] + box["height"] + 90)
    pulled(panels, panels.get_by_role("button", name="Size of score"), corner)
    history.append([(second, str(int(w or 0) + 2), str(int(h or 0) + 1)), (first, w, h)])
    assert layout() == history[2]
    assert len(set(map(str, history))) == 3

    for at, keys in ((1, "Control+z"), (0, "Control+z"), (1, "Control+Shift+z")):
        panels.keyboard.press(keys)
        expect(cells.first).to_have_attribute("data-panel", history[at][0][0] or "")
        expect(cells.first).to_have_attribute("data-w", history[at][0][1] or "")
        assert layout() == history[at]
    is_at_rest(panels)
    panels.reload()
    expect(cells).to_have_count(2)
    assert layout() == history[1]


def test_ui_071_a_pattern_finds_panels_and_a_wrong_one_is_said(panels: Page) -> None:
    field = panels.get_by_role("searchbox", name="Find panels")

    field.fill("val/.*")
    expect(panels.locator("[data-chart]")).to_have_count(1)
    expect(chart(panels, "val/loss")).to_be_visible()

    field.fill("val/[")
    expect(panels.get_by_role("alert")).to_have_text("This is no regular expression.")


def test_ui_076_files_hold_what_is_drawn(panels: Page) -> None:
    panel = chart(panels, "train/loss")
    box = plot(panel).bounding_box()
    assert box is not None

    png = saved(panel, "Image").path().read_bytes()
    width = int.from_bytes(png[16:20], "big")
    assert abs(width - 2 * box["width"]) <= 2

    svg = ET.fromstring(saved(panel, "Drawing").path().read_text())
    assert svg.get("data-series") == str(RUNS)

    rows = drawn(panel)
    assert len(rows) == RUNS * STEPS
    first = next(row for row in rows if row["run"] == "run-3" and row["step"] == "40")
    assert float(first["value"]) == math.exp(-1) + 0.3


def test_ui_077_lines_have_their_numbers_and_a_cursor_that_is_announced(panels: Page) -> None:
    panel = chart(panels, "train/loss")
    plot(panel).focus()
    said = panel.locator("[aria-live=polite]")

    panels.keyboard.press("ArrowRight")
    expect(said).to_have_text(re.compile(r"run-\d, step 0: 1"))
    panels.keyboard.press("Shift+ArrowRight")
    expect(said).to_have_text(re.compile("step 10: "))
    panels.keyboard.press("ArrowLeft")
    expect(said).to_have_text(re.compile("step 9: "))
    panels.keyboard.press("a")
    table = panel.get_by_role("table")
    expect(table).to_have_attribute("aria-rowcount", str(RUNS * STEPS + 1))
    name, step, value = numbers(panel)[5]
    assert (step, float(value)) == ("5", math.exp(-5 / 40) + int(name[-1]) / 10)


# Of each kind of chart, as it stands there: what it draws, and the rows of its table.
DOTS = [(f"run-{at}", (at + 1) / 10, at) for at in range(RUNS)]
DRAWN = {
    "bar": (["metrics.score"], [(f"run-{at}", at) for at in reversed(range(RUNS))]),
    "scatter": (["params.lr", "metrics.score"], DOTS),
    "contour": (
        ["params.lr", "metrics.score", "params.seed"],
        [(*dot, seed) for dot, seed in zip(DOTS, SEEDS, strict=True)],
    ),
    "box": (
        ["metrics.score", "params.kind"],
        # Scores 0, 1 and 5, and 2, 3 and 4.
        [("a", 3, 0, 0.5, 1, 3, 5, ""), ("b", 3, 2, 2.5, 3, 3.5, 4, "")],
    ),
}


def shown_as(page: Page, kind: str, *columns: str) -> Locator:
    """A large panel of *columns* alone, with the focus."""
    panels = own_panel(kind, *columns) | {"closed": ["", "train", "val"]}
    page.goto(f"/experiments/1?s={packed_view(arrangement='panels', panels=panels)}")
    panel = chart(page, kind)
    expect(panel).to_have_attribute("data-state", "ready")
    is_at_rest(page)
    plot(panel).focus()
    return panel


def heard(panel: Locator, key: str) -> str:
    """What is announced after *key*, which also moves what is marked in the drawing."""
    said, version = panel.locator("[aria-live=polite]"), panel.get_attribute("data-version") or ""
    before = said.inner_text()
    panel.page.keyboard.press(key)
    expect(said).not_to_have_text(before)
    expect(panel).not_to_have_attribute("data-version", version)
    return said.inner_text()


@pytest.mark.parametrize("kind", DRAWN)
def test_ui_077_charts_of_columns_are_walked_through_as_they_stand(page: Page, kind: str) -> None:
    columns, rows = DRAWN[kind]
    panel = shown_as(page, kind, *columns)

    told = [heard(panel, key) for key in ("ArrowRight", "ArrowRight", "ArrowLeft")]

    page.keyboard.press("a")
    assert numbers(panel, len(rows)) == [[f"{cell}" for cell in row] for row in rows]
    head = panel.get_by_role("columnheader").all_inner_texts()[1:]
    expected = [
        f"{name}: " + ", ".join(f"{key} {cell}" for key, cell in zip(head, cells, strict=True))
        for name, *cells in ([one or "none" if one == "" else one for one in row] for row in rows)
    ]
    assert told == [expected[0], expected[1], expected[0]]


def test_ui_077_lines_through_axes_are_walked_through_by_the_order_of_the_table(
    page: Page,
) -> None:
    panel = shown_as(page, "parallel", "params.lr", "params.kind", "metrics.score")

    told = [heard(panel, "ArrowRight") for _ in range(RUNS)]

    page.keyboard.press("a")
    rows = numbers(panel, RUNS)
    kinds = [(f"run-{at}", f"{(at + 1) / 10}", "aabbba"[at], str(at)) for at in range(RUNS)]
    assert sorted(map(tuple, rows)) == kinds
    assert told == [f"{run}: lr {lr}, kind {kind}, score {score}" for run, lr, kind, score in rows]


def test_ui_077_a_map_of_correlations_is_walked_through_both_ways(page: Page) -> None:
    panel = shown_as(page, "heat", "params.lr", "params.seed", "metrics.odd")

    told = [heard(panel, key) for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft")]

    page.keyboard.press("a")
    fields = numbers(panel, 9)
    rates = [(at + 1) / 10 for at in range(RUNS)]
    r = np.corrcoef(rates, SEEDS)[0, 1]
    # All runs end with the same: nothing goes along with that.
    expected = [[1, r, math.nan], [r, 1, math.nan], [math.nan] * 3]
    names = ["lr", "seed", "odd"]
    assert [field[:2] for field in fields] == [[one, two] for one in names for two in names]
    assert np.allclose(
        [float(field[2]) for field in fields], np.ravel(expected), atol=1e-12, equal_nan=True
    )
    assert [one.partition(",")[0] for one in told] == [
        "lr: with lr", "lr: with seed", "seed: with seed", "seed: with lr",
    ]  # fmt: skip
    assert float(told[1].rpartition(" ")[2].replace("−", "-")) == pytest.approx(r, abs=1e-4)


def test_ui_077_histograms_are_walked_through_by_their_steps(page: Page) -> None:
    panel = shown_as(page, "histogram", "metrics.`train/loss`")
    bins, stretch = 48, (STEPS - 1) / 100

    told = [heard(panel, key) for key in ("ArrowRight", "ArrowRight", "ArrowLeft")]

    page.keyboard.press("a")
    losses = np.exp(-np.arange(STEPS) / 40)[None] + np.arange(RUNS)[:, None] / 10
    edges = np.linspace(losses.min(), losses.max(), bins + 1)
    expected = []
    for ridge in range(3):
        steps = [at for at in range(STEPS) if math.floor(at / stretch) == ridge]
        counts, _ = np.histogram(losses[:, steps], edges)
        expected += [(round(ridge * stretch), edges[at], counts[at]) for at in counts.nonzero()[0]]
    rows = [(float(step), float(low), float(count)) for step, low, _, count in numbers(panel, 20)]
    assert np.allclose(rows[:20], expected[:20])
    assert [one.partition(",")[0] for one in told] == [
        "From step 0: 12 values", "From step 2: 12 values", "From step 0: 12 values",
    ]  # fmt: skip


def test_a_run_stands_out_in_the_table_and_in_charts_alike(page: Page) -> None:
    page.goto("/experiments/1")
    expect(page.get_by_role("treegrid")).to_be_visible()
    page.keyboard.press("2")
    panel = chart(page, "train/loss")
    is_drawn(panel)
    is_at_rest(page)
    row = page.get_by_role("treegrid").locator("[data-row]").filter(has_text="run-3")
    is_lit = """([panel, is]) => {
      const above = panel.querySelector(".u-over canvas")
      const { width, height } = above
      const { data } = above.getContext("2d").getImageData(0, 0, width || 1, height || 1)
      return data.some((one) => one > 0) === is
    }"""

    row.hover()
    expect(row).to_have_attribute("data-pointed", "")
    page.wait_for_function(is_lit, arg=[panel.element_handle(), True])
    page.mouse.move(5, 5)
    expect(row).not_to_have_attribute("data-pointed", "")
    page.wait_for_function(is_lit, arg=[panel.element_handle(), False])
    panel.get_by_role("listitem").filter(has_text="run-3").hover()
    expect(row).to_have_attribute("data-pointed", "")


def test_ui_182_another_theme_draws_charts_anew(panels: Page) -> None:
    panel = chart(panels, "train/loss")
    drawn_as = "(one) => one.querySelector('canvas').toDataURL()"
    before = panel.evaluate(drawn_as)

    panels.emulate_media(color_scheme="dark")

    panels.wait_for_function(
        """([title, before]) => document.querySelector(`[data-chart="${title}"] canvas`)
             .toDataURL() !== before""",
        arg=["train/loss", before],
    )


def test_ui_079_a_difference_of_metrics_is_drawn_and_a_wrong_text_is_marked(panels: Page) -> None:
    panels.get_by_role("button", name="Panel", exact=True).click()
    dialog = panels.get_by_role("dialog")
    field = dialog.get_by_role("textbox", name="Expression")

    field.fill("val/loss - ")
    expect(dialog).to_contain_text("Something is missing at the end.")
    field.fill("val/loss - train/loss")
    field.press("Enter")
    dialog.get_by_role("button", name="Add").click()

    panel = chart(panels, "val/loss - train/loss")
    expect(panel).to_have_attribute("data-state", "ready")
    rows = drawn(panel)
    assert len(rows) == RUNS * STEPS
    assert max(abs(float(row["value"]) - 0.5) for row in rows) < 1e-9


def test_ui_090_a_logged_point_shows_in_an_open_chart(page: Page, server: Api) -> None:
    experiment = server.experiment("live")
    run = server.run(experiment, "going", metrics={"m": [1.0, 2.0]}, status=None)
    show(page, experiment)
    panel = chart(page, "m")
    expect(panel).to_have_attribute("data-points", "2")

    server.post(
        "runs/log-metric",
        run_id=run["info"]["run_id"],
        key="m",
        value=3.0,
        step=2,
        timestamp=1_760_000_009_000,
    )

    expect(panel).to_have_attribute("data-points", "3")


def test_ui_068_repeated_runs_are_one_line_with_a_band(panels: Page) -> None:
    panels.get_by_role("button", name="Panel", exact=True).click()
    dialog = panels.get_by_role("dialog")
    field = dialog.get_by_role("textbox", name="Expression")
    field.fill("train/loss")
    field.press("Enter")
    dialog.get_by_role("textbox", name="Title").fill("by kind")
    dialog.get_by_role("combobox", name="Group runs by").select_option(label="kind")
    dialog.get_by_role("button", name="Add").click()
    panel = chart(panels, "by kind")
    expect(panel).to_have_attribute("data-series", "2")

    # Kind a: the runs 0, 1 and 5.
    losses = [1.0, 1.1, 1.5]
    row = next(row for row in drawn(panel) if row["run"] == "a (3)" and row["step"] == "0")
    mean, deviation = statistics.fmean(losses), statistics.stdev(losses)
    assert abs(float(row["mean"]) - mean) < 1e-9
    assert abs(float(row["least"]) - (mean - deviation)) < 1e-9
    assert abs(float(row["greatest"]) - (mean + deviation)) < 1e-9
    assert row["points"] == "3"

    is_drawn(panel)
    panel.locator(".u-over").hover(position={"x": 200, "y": 40})
    told = panel.locator("[data-readout]")
    expect(told).to_contain_text(re.compile(r"a \(3\).*n 3"))
    expect(told).to_contain_text(re.compile(r"b \(3\).*n 3"))
