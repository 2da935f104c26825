"""The table of runs, on a set of many: windows, order, groups, selection, keys."""

from __future__ import annotations

import base64
import contextlib
import csv
import json
import math
import re
import sqlite3
import statistics
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, Request, expect

from tests.browser.conftest import Watch, is_at_rest, is_copied
from tests.browser.seed import Api, packed_view
from tests.sets.odd import EMOJI, LONG_NAME, LONG_VALUE, MARKUP, QUOTES, RIGHT_TO_LEFT, Odd, odd

TABLE = "/api/3.0/millrace/runs/table"
RUNS = 10_000


@pytest.fixture(scope="module")
def server(many_runs: Api) -> Api:
    return many_runs


@pytest.fixture(scope="module")
def many(server: Api) -> str:
    found = server.get("experiments/get-by-name?experiment_name=D2%20many%20runs")
    return str(found["experiment"]["experiment_id"])


def grid(page: Page) -> Locator:
    return page.get_by_role("treegrid", name="Runs")


def opened(page: Page, experiment: str, **view: str) -> Locator:
    """The table of *experiment*, with its rows; *view*: parameters of the address."""
    query = "&".join(f"{key}={value}" for key, value in view.items())
    page.goto(f"/experiments/{experiment}{'?' + query if query else ''}")
    expect(grid(page)).to_have_attribute("data-state", "ready")
    expect(grid(page).locator("[data-row] a").first).to_be_visible()
    return grid(page)


def names(page: Page) -> list[str]:
    """Names of the rows in sight, from top to bottom."""
    return list(
        page.evaluate(
            """() => [...document.querySelectorAll('[role=treegrid] [data-row]')]
              .map((row) => [+row.ariaRowIndex, row.querySelector('a')?.textContent])
              .sort((a, b) => a[0] - b[0]).map((pair) => pair[1])"""
        )
    )


def table(api: Api, experiment: str, **asked: Any) -> dict[str, Any]:
    return api.post(TABLE, experiment_ids=[experiment], **asked)


def settled(page: Page, expected: list[str]) -> None:
    """Waits until the first rows are *expected*."""
    page.wait_for_function(
        """(expected) => {
          const rows = [...document.querySelectorAll('[role=treegrid] [data-row]')]
            .sort((a, b) => a.getAttribute('aria-rowindex') - b.getAttribute('aria-rowindex'))
            .map((row) => row.querySelector('a')?.textContent)
          return JSON.stringify(rows.slice(0, expected.length)) === JSON.stringify(expected)
        }""",
        arg=expected,
    )


def test_ui_030_the_first_rows_are_there_soon(page: Page, many: str) -> None:
    page.goto("/settings")
    is_at_rest(page)
    page.evaluate(
        """(address) => {
          history.pushState(null, '', address); dispatchEvent(new PopStateEvent('popstate'))
          window.began = performance.now()
        }""",
        f"/experiments/{many}",
    )
    expect(grid(page).locator("[data-row] a").first).to_be_visible()
    took = page.evaluate("performance.now() - window.began")

    expect(page.get_by_test_id("count")).to_have_text("10 000 runs")
    assert took < 20_000  # 1.5 s is the budget; a machine that does other things gets more


def test_ui_031_all_rows_scroll_as_one_list(page: Page, many: str, server: Api) -> None:
    of = opened(page, many)
    last = table(server, many, offset=RUNS - 1, limit=1, columns=["attributes.run_name"], tree={})

    of.evaluate("(grid) => { grid.scrollTop = grid.scrollHeight }")
    expect(page.get_by_role("link", name=last["columns"][0]["values"][0])).to_be_visible()
    assert page.locator("[role=treegrid] [role=row]").count() <= 120
    of.evaluate("(grid) => { grid.scrollTop = 0 }")

    first = table(server, many, limit=1, columns=["attributes.run_name"], tree={})
    expect(page.get_by_role("link", name=first["columns"][0]["values"][0])).to_be_visible()


def test_ui_032_only_columns_are_asked_for(page: Page, many: str) -> None:
    """Keys of metrics in what goes to the server and comes from it are those of columns."""
    requests: list[Request] = []
    page.on("request", lambda request: requests.append(request) if is_call(request) else None)

    opened(page, many)
    grid(page).evaluate("(grid) => { grid.scrollLeft = 600 }")
    heads = page.get_by_role("columnheader").filter(has_text="metric_")
    expect(heads).to_have_count(4)
    is_at_rest(page)

    bodies = " ".join(spoken(request) for request in requests)
    mentioned = set(re.findall(r"(?:train|val|test|sys)/metric_\d{4}", bodies))
    assert mentioned == set(heads.all_inner_texts())


def is_call(request: Request) -> bool:
    """Whether the API is asked; the stream of events has no end."""
    return "/api/" in request.url and "/events" not in request.url


def spoken(request: Request) -> str:
    """What went to the API and came from it."""
    response = request.response()
    return f"{request.post_data or ''} {response.text() if response else ''}"


def test_ui_033_a_column_is_found_and_has_values(page: Page, many: str) -> None:
    opened(page, many)
    page.get_by_role("button", name="Columns").click()
    began = time.monotonic()
    page.get_by_label("Find a key").fill("metric_0004")
    item = page.get_by_role("dialog").get_by_role("listitem").filter(has_text="train/metric_0004")
    expect(item).to_contain_text("in 10 000 of 10 000")
    assert time.monotonic() - began < 5  # 200 ms

    began = time.monotonic()
    page.get_by_label("Find a key").press("Enter")
    page.keyboard.press("Escape")

    cell = scrolled_to(page, "metrics.`train/metric_0004`")
    expect(cell).to_have_text(re.compile(r"0\.\d+"))
    assert time.monotonic() - began < 10  # 500 ms


def scrolled_to(page: Page, column: str) -> Locator:
    """The first cell of a column at the right end, scrolled into sight."""
    page.wait_for_function(
        """(column) => {
          const grid = document.querySelector('[role=treegrid]')
          grid.scrollLeft = grid.scrollWidth
          return grid.querySelector(`[data-row] [data-column="${column}"]`) !== null
        }""",
        arg=column,
    )
    return page.locator(f'[data-row] [data-column="{column}"]').first


def test_ui_034_columns_are_arranged_and_stay_so(
    page: Page, many: str, new_context: Callable[..., BrowserContext], server: Api
) -> None:
    opened(page, many)
    duration = page.get_by_role("columnheader", name="Duration")
    duration.get_by_role("button", name="Duration: column menu").click()
    page.get_by_role("menuitem", name="Move left").click()
    titles = page.get_by_role("columnheader")
    expect(titles.nth(2)).to_have_attribute("title", "Duration")
    started = page.get_by_role("columnheader", name="Started")
    started.get_by_role("button", name="Started: column menu").click()
    page.get_by_role("menuitem", name="Pin left").click()
    expect(titles.nth(1)).to_have_attribute("title", "Started")
    user = page.get_by_role("columnheader", name="User")
    user.get_by_role("button", name="User: column menu").click()
    page.get_by_role("menuitem", name="Hide").click()
    expect(user).to_have_count(0)
    is_at_rest(page)
    width = next(int(width.removesuffix("px")) for title, width in heads(page) if title == "State")
    edge = (
        page.get_by_role("columnheader", name="State").get_by_test_id("column-edge").bounding_box()
    )
    assert edge
    page.mouse.move(edge["x"] + 3, edge["y"] + 5)
    page.mouse.down()
    page.mouse.move(edge["x"] + 63, edge["y"] + 5)
    page.mouse.up()
    # The address follows some time after the column.
    wanted = {"attributes.status": width + 60}
    page.wait_for_url(lambda url: view_in(url).get("widths") == wanted)
    is_at_rest(page)
    arranged = heads(page)
    assert ["State", f"{width + 60}px"] in arranged
    assert [title for title, _ in arranged][:4] == ["Run", "Started", "State", "Duration"]

    page.reload()
    other = new_context(base_url=server.url).new_page()
    other.goto(page.url)

    for one in (page, other):
        expect(grid(one).locator("[data-row] a").first).to_be_visible()
        is_at_rest(one)
        assert heads(one) == arranged


def view_in(url: str) -> dict[str, Any]:
    """What an address says of what it shows: `packed_view` backwards."""
    packed = parse_qs(urlsplit(url).query).get("s", [""])[0]
    if not packed:
        return {}
    return dict(json.loads(zlib.decompress(base64.urlsafe_b64decode(packed + "=="), wbits=-15)))


def heads(page: Page) -> list[list[str]]:
    """Titles and widths of the columns in sight."""
    return list(
        page.evaluate(
            """() => [...document.querySelectorAll('[role=columnheader]')]
              .map((one) => [one.title, one.style.width])"""
        )
    )


def test_ui_035_params_sort_as_numbers_and_keys_add_up(page: Page, many: str, server: Api) -> None:
    opened(page, many)
    scrolled_to(page, "params.layers")
    page.get_by_role("button", name="layers", exact=True).click()
    asked = ["params.layers ASC"]
    settled(page, first_names(server, many, asked))
    grid(page).evaluate("(grid) => { grid.scrollLeft = 0 }")

    page.get_by_role("button", name="Started", exact=True).click(modifiers=["Shift"])

    settled(page, first_names(server, many, [*asked, "attributes.start_time ASC"]))


def test_ui_035_what_is_missing_is_last_both_ways(page: Page, server: Api) -> None:
    experiment = server.experiment("in order")
    for name, rate in (("ten", "10"), ("none", None), ("two", "2"), ("words", "a few")):
        server.run(experiment, name, params={"lr": rate} if rate else {})
    opened(page, experiment)
    head = page.get_by_role("button", name="lr", exact=True)

    head.click()
    settled(page, ["two", "ten", "words", "none"])
    head.click()
    expect(page.get_by_role("columnheader", name="lr")).to_have_attribute("aria-sort", "descending")

    expect(grid(page).locator("[data-row] a").last).to_have_text("none")
    settled(page, ["ten", "two"])


def first_names(api: Api, experiment: str, order_by: list[str], **more: Any) -> list[str]:
    found = table(
        api,
        experiment,
        columns=["attributes.run_name"],
        order_by=order_by,
        limit=12,
        tree={},
        **more,
    )
    return list(found["columns"][0].get("values", ()))


QUERIES = [
    "params.optimizer = 'adam'",
    "params.optimizer != 'adam'",
    "params.layers >= 7",
    "metrics.`train/metric_0000` < 0.01",
    "attributes.run_name LIKE 'run-0123%'",
    "attributes.run_name ILIKE 'RUN-0123%'",
    "attributes.run_name RLIKE '^run-00[12]7'",
    "params.optimizer IN ('adam', 'lion') AND params.seed = '3'",
    "params.layers BETWEEN 2 AND 3",
    "params.layers > 7 AND params.layers <= 8 AND params.optimizer NOT IN ('adam', 'lion')",
    "attributes.run_name NOT LIKE 'run-0%' AND tags.tag_01 IS NOT NULL",
    "datasets.name = 'nobody has it'",
    "tags.nowhere IS NULL AND attributes.status = 'FAILED'",
    "NOT params.optimizer = 'adam'",
    "(params.layers = 1 OR params.layers = 8) AND metrics.`val/metric_0001`.max > 0.99",
]


# Of the runs run-00100 to run-00199, which all fit on a tall screen: each operator, and what joins.
AMONG_HUNDRED = [
    "params.optimizer = 'adam'",
    "params.optimizer != 'adam'",
    "params.layers < 3",
    "params.layers <= 3",
    "params.layers > 6",
    "params.layers >= 6",
    "metrics.`train/metric_0000` < 0.5",
    "attributes.run_name LIKE '%7'",
    "attributes.run_name NOT LIKE '%7'",
    "params.optimizer ILIKE 'AD%'",
    "params.optimizer NOT ILIKE 'AD%'",
    "attributes.run_name RLIKE '[37]$'",
    "attributes.run_name NOT RLIKE '[37]$'",
    "params.optimizer IN ('adam', 'lion')",
    "params.optimizer NOT IN ('adam', 'lion')",
    "params.layers BETWEEN 2 AND 3",
    "params.layers NOT BETWEEN 2 AND 3",
    "attributes.end_time IS NULL",
    "attributes.end_time IS NOT NULL",
    "NOT params.optimizer = 'adam'",
    "(params.layers = 1 OR params.layers = 8)",
]


def settled_to(page: Page, expected: list[str]) -> None:
    """Waits until the rows link to *expected* runs, and to no others."""
    runs = f"{len(expected)} {'run' if len(expected) == 1 else 'runs'}"
    expect(page.get_by_test_id("count")).to_have_text(runs)
    page.wait_for_function(
        """(expected) => {
          const links = document.querySelectorAll("[role=treegrid] [data-row] a")
          const ids = [...links].map(({ href }) => /runs\\/(\\w+)/.exec(href)?.[1])
          return ids.sort().join() === expected.join()
        }""",
        arg=expected,
    )


def found_ids(api: Api, experiment: str, query: str) -> list[str]:
    """What the API finds, not as the page asks it."""
    told = api.post("runs/search", experiment_ids=[experiment], filter=query, max_results=1_000)
    assert "next_page_token" not in told
    return sorted(one["info"]["run_id"] for one in told.get("runs", ()))


def test_ui_036_each_operator_by_text_finds_what_the_api_finds(
    page: Page, many: str, server: Api
) -> None:
    page.set_viewport_size({"width": 1440, "height": 4_000})
    opened(page, many)
    field = page.get_by_role("combobox", name="Query")
    for query in AMONG_HUNDRED:
        text = f"{query} AND attributes.run_name LIKE 'run-001%'"
        expected = found_ids(server, many, text)
        assert 0 < len(expected) < 100, query
        field.fill(text)
        field.press("Enter")

        settled_to(page, expected)


def test_ui_036_queries_by_text_find_what_the_api_finds_of_all(
    page: Page, many: str, server: Api
) -> None:
    opened(page, many)
    field = page.get_by_role("combobox", name="Query")
    for query in QUERIES:
        expected = table(server, many, filter=query, limit=0)["runs"]
        first = first_names(server, many, [], filter=query)
        field.fill(query)
        field.press("Enter")

        runs = f"{expected:,}".replace(",", " ")
        expect(page.get_by_test_id("count")).to_have_text(
            f"{runs} {'run' if expected == 1 else 'runs'}"
        )
        settled(page, first)


def test_ui_036_chips_and_text_are_one(page: Page, many: str, server: Api) -> None:
    page.set_viewport_size({"width": 1440, "height": 4_000})
    among = "attributes.run_name LIKE 'run-001%'"
    before, after = (f"params.layers >= {least} AND {among}" for least in (7, 3))
    opened(page, many)
    field = page.get_by_role("combobox", name="Query")
    field.fill(before)
    chips = page.get_by_role("group", name="Filters")
    settled_to(page, found_ids(server, many, before))

    # The chip marks its text; what is written there changes chip, rows and address, and back.
    chips.get_by_role("button", name="params.layers >= 7", exact=True).click()
    expect(field).to_be_focused()
    assert field.evaluate("(one) => one.value.slice(one.selectionStart, one.selectionEnd)") == (
        "params.layers >= 7"
    )
    page.keyboard.type("params.layers >= 3")
    page.keyboard.press("Enter")
    expect(field).to_have_value(after)
    expect(chips.get_by_role("button", name="params.layers >= 3", exact=True)).to_be_visible()
    settled_to(page, found_ids(server, many, after))
    chips.get_by_role("button", name="params.layers >= 3", exact=True).click()
    page.keyboard.type("params.layers >= 7")
    page.keyboard.press("Enter")
    expect(field).to_have_value(before)
    settled_to(page, found_ids(server, many, before))

    chips.get_by_role("button", name="Remove params.layers >= 7").click()
    expect(field).to_have_value(among)
    settled_to(page, found_ids(server, many, among))


def test_ui_036_plain_words_and_completion(page: Page, many: str) -> None:
    opened(page, many)
    field = page.get_by_role("combobox", name="Query")
    field.fill("run-00042")
    expect(page.get_by_test_id("count")).to_have_text("1 run")

    field.fill("")
    field.press_sequentially("params.opti")
    expect(page.get_by_role("option", name="optimizer")).to_be_visible()
    field.press("Enter")
    expect(field).to_have_value("params.optimizer ")
    field.press_sequentially("= ")
    expect(page.get_by_role("option", name="adam")).to_be_visible()


def test_ui_037_a_mistake_is_marked_and_nothing_is_asked(page: Page, many: str) -> None:
    opened(page, many)
    is_at_rest(page)
    before = names(page)
    field = page.get_by_role("combobox", name="Query")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.post_data or ""))

    field.fill("metrics.loss <")

    expect(page.get_by_role("alert")).to_contain_text("A value is missing after <")
    expect(page.locator("mark")).to_have_text("<")
    assert names(page)[:20] == before[:20]
    assert [body for body in asked if "metrics.loss" in body] == []


def test_ui_038_groups_hold_means_and_deviations(page: Page, many: str, server: Api) -> None:
    rows = table(
        server, many, columns=["params.optimizer", "params.seed", "metrics.`sys/metric_0003`"],
        limit=1000,
    )  # fmt: skip
    for offset in range(1000, RUNS, 1000):
        more = table(
            server, many, offset=offset, limit=1000, cursor=rows["cursor"],
            columns=["params.optimizer", "params.seed", "metrics.`sys/metric_0003`"],
        )  # fmt: skip
        for column, other in zip(rows["columns"], more["columns"], strict=True):
            column["values"] += other["values"]
    groups: dict[tuple[str, str], list[float]] = {}
    optimizers, seeds, values = (column["values"] for column in rows["columns"])
    for optimizer, seed, value in zip(optimizers, seeds, values, strict=True):
        groups.setdefault((optimizer, seed), []).append(float(value))

    opened(page, many)
    page.get_by_role("button", name="Group").click()
    page.get_by_role("radio", name="Params").click()
    for key in ("optimizer", "seed"):
        page.get_by_label("Find a key").fill(key)
        page.get_by_role("dialog").get_by_role("checkbox", name=key).check()
    page.keyboard.press("Escape")
    row = page.get_by_role("row").filter(has_text="optimizer = adam, seed = 3")
    expect(row).to_contain_text(f"{len(groups['adam', '3'])} runs")
    cell = row.locator("[data-column='metrics.`sys/metric_0003`'] span").first
    expect(cell).to_have_attribute("title", re.compile(r"\d"))
    told = cell.get_attribute("title") or ""

    mean, deviation = (float(number) for number in re.findall(r"(\d\.[\de-]+)", told)[:2])
    assert math.isclose(mean, statistics.fmean(groups["adam", "3"]), abs_tol=1e-9)
    assert math.isclose(deviation, statistics.stdev(groups["adam", "3"]), abs_tol=1e-9)


def test_ui_039_the_way_to_a_matching_grandchild_is_dimmed(page: Page, server: Api) -> None:
    experiment = server.experiment("nested")
    above: str | None = None
    for name in ("grandmother", "mother", "child"):
        tags = {"mlflow.parentRunId": above} if above else {}
        run = server.run(experiment, name, tags=tags, params={"deep": str(name == "child")})
        above = run["info"]["run_id"]
    opened(page, experiment, q="params.deep%20%3D%20'True'")

    grid(page).focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("row").filter(has_text="mother").nth(1)).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")

    settled(page, ["grandmother", "mother", "child"])
    expect(page.locator("[data-row]")).to_have_count(3)
    dim = page.locator("[data-row][data-dim] a")
    expect(dim).to_have_text(["grandmother", "mother"])
    expect(page.get_by_test_id("count")).to_have_text("1 run")


@contextlib.contextmanager
def held(place: Path) -> Iterator[None]:
    """Nobody else writes to the database there meanwhile; reading goes on."""
    with contextlib.closing(
        sqlite3.connect(place / "millrace.db", isolation_level=None)
    ) as database:
        database.execute("PRAGMA busy_timeout = 10000")
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("ROLLBACK")


def test_ui_040_all_that_match_are_tagged_by_one_task(
    page: Page, many: str, server: Api, many_place: Path, watch: Watch
) -> None:
    """The task goes on when its tab is closed, and a new tab shows how far it is."""
    of = opened(page, many)
    of.locator("[data-row]").first.click()
    of.press("Control+a")
    expect(page.get_by_test_id("selected")).to_have_text("10 000 selected")
    page.get_by_role("button", name="Tag", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Key").fill("looked-at")
    dialog.get_by_label("Value").fill("yes")
    with page.expect_response(
        lambda one: one.url.endswith("/tasks") and one.request.method == "POST"
    ):
        dialog.get_by_role("button", name="Tag").click()
    tab = page.context.new_page()
    watch.attach(tab)
    # However fast the machine is: the task does not end before the new tab has shown it.
    with held(many_place):
        page.close()
        tab.goto("/settings/appearance")
        tasks = tab.get_by_role("button", name="Tasks")
        expect(tasks).to_contain_text(re.compile(r"^\d{1,2} %$"))
        tasks.click()
        row = tab.get_by_role("listitem").filter(has_text="Tagging 10 000 runs looked-at")
        done = row.get_by_role("progressbar")
        expect(done).to_have_attribute("max", str(RUNS))
        stood = float(done.get_attribute("value") or 0)
        assert stood < RUNS
        expect(row).to_contain_text(" of 10 000")
    tab.wait_for_function(
        "(stood) => !(document.querySelector('progress')?.value <= stood)", arg=stood
    )
    expect(row).to_have_attribute("data-state", "done", timeout=120_000)

    tagged = table(server, many, limit=0, filter="tags.`looked-at` = 'yes'")
    assert tagged["runs"] == RUNS


def test_runs_that_are_deleted_come_back_by_undo(page: Page, server: Api) -> None:
    experiment = server.experiment("to and fro")
    for number in range(3):
        server.run(experiment, f"run-{number}")
    of = opened(page, experiment)
    of.locator("[data-row]").first.click()
    of.press("Control+a")
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete 3").click()
    expect(page.get_by_test_id("count")).to_have_text("0 runs")

    page.get_by_role("button", name="Undo").click()

    expect(page.get_by_test_id("count")).to_have_text("3 runs")


def test_runs_get_a_note_and_are_asked_to_stop_together(page: Page, server: Api) -> None:
    experiment = server.experiment("noted and stopped")
    for name in ("one", "two"):
        server.run(experiment, name, status=None)
    of = opened(page, experiment)
    of.locator("[data-row]").first.click()
    toasts = page.get_by_role("region", name="Notifications")

    of.press("Control+a")
    page.get_by_role("button", name="Note", exact=True).click()
    page.get_by_role("dialog").get_by_label("Note, in Markdown").fill("seen by *ada*")
    page.get_by_role("dialog").get_by_role("button", name="Write").click()
    expect(toasts).to_contain_text("2 runs noted")
    of.press("Control+a")
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Ask 2 to stop").click()
    expect(toasts).to_contain_text("2 runs asked to stop")

    columns = ["note", "tags.`millrace.stop`"]
    notes, stops = table(server, experiment, columns=columns)["columns"]
    assert notes["values"] == ["seen by *ada*"] * 2
    assert all("anonymous" in one for one in stops["values"])


def test_ui_041_a_range_selects_exactly_its_rows(page: Page, many: str) -> None:
    of = opened(page, many)
    of.locator("[data-row]").first.get_by_role("checkbox").click()
    of.evaluate("(grid, rows) => { grid.scrollTop = rows * 32 }", 2990)
    row = of.locator("[aria-rowindex='3001']")
    row.get_by_role("checkbox").click(modifiers=["Shift"])

    expect(page.get_by_test_id("selected")).to_have_text("3 000 selected")
    expect(row).to_have_attribute("aria-selected", "true")
    expect(of.locator("[aria-rowindex='3002']")).to_have_attribute("aria-selected", "false")


def test_ui_042_keys_lead_from_the_table_to_a_comparison(
    page: Page, many: str, server: Api
) -> None:
    opened(page, many)
    ids = table(server, many, limit=4, tree={})["run_ids"]
    grid(page).focus()

    page.keyboard.press("j")
    page.keyboard.press("Space")
    page.keyboard.press("j")
    page.keyboard.press("Space")
    expect(page.get_by_test_id("selected")).to_have_text("2 selected")
    page.keyboard.press("c")

    expect(page.get_by_role("heading", name="Compare 2 runs")).to_be_visible()
    expect(page).to_have_url(re.compile(f"runs={ids[1]},{ids[2]}"))


def test_ui_043_a_name_that_is_refused_is_as_it_was(page: Page, many: str, watch: Watch) -> None:
    watch.expect_failure("runs/update|500")
    opened(page, many)
    before = names(page)[0]
    page.route(
        "**/runs/update",
        lambda route: route.fulfill(
            status=500,
            headers={"x-request-id": "req-12345", "content-type": "application/json"},
            body=json.dumps({"error_code": "INTERNAL_ERROR", "message": "It broke."}),
        ),
    )
    grid(page).focus()
    page.keyboard.press("F2")
    page.get_by_label("Name", exact=True).fill("another")
    page.keyboard.press("Enter")

    toast = page.get_by_role("region", name="Notifications")
    expect(toast).to_contain_text("It broke.")
    expect(toast).to_contain_text("req-12345")
    settled(page, [before])


def test_ui_044_columns_without_a_difference_vanish(page: Page, server: Api) -> None:
    experiment = server.experiment("alike")
    for number in range(3):
        server.run(experiment, f"r{number}", params={"same": "1", "other": str(number)})
    opened(page, experiment)
    expect(page.get_by_role("columnheader", name="same")).to_be_visible()

    page.get_by_role("button", name="Differing only").click()

    expect(page.get_by_role("columnheader", name="same")).to_have_count(0)
    expect(page.get_by_role("columnheader", name="other")).to_be_visible()
    columns = ["params.same", "params.nobody"]
    page.goto(f"/experiments/{experiment}?s={packed_view(columns=columns)}")
    expect(page.get_by_role("columnheader", name="nobody")).to_be_visible()
    page.get_by_role("button", name="With values").click()
    expect(page.get_by_role("columnheader", name="nobody")).to_have_count(0)
    expect(page.get_by_role("columnheader", name="same")).to_be_visible()


def test_ui_045_a_base_gives_deltas(page: Page, server: Api) -> None:
    experiment = server.experiment("based")
    for name, loss, gain, none in (
        ("base", 2.0, -4.0, 0.0),
        ("better", 1.5, -1.0, 3.0),
        ("worse", 3.0, -6.0, -2.0),
        ("alike", 2.0, -4.0, 0.0),
    ):
        server.run(experiment, name, metrics={"loss": loss, "gain": gain, "none": none})
    opened(page, experiment, s=packed_view(maximize=["gain", "none"]))
    page.get_by_role("row").filter(has_text="base").click(position={"x": 400, "y": 10})
    grid(page).focus()
    page.keyboard.press("b")

    better = page.get_by_role("row").filter(has_text="better")
    loss = better.locator("[data-column='metrics.loss'] small")
    expect(loss).to_have_text("−0.5")
    expect(loss).to_have_attribute("title", "−0.5 (−25 %)")
    columns = [f"metrics.{key}" for key in ("loss", "gain", "none")]
    told = table(server, experiment, columns=["attributes.run_name", *columns])["columns"]
    by_name = dict(
        zip(told[0]["values"], zip(*(one["values"] for one in told[1:]), strict=True), strict=True)
    )
    for name, values in by_name.items():
        row = page.get_by_role("row").filter(has_text=name)
        for column, value, base in zip(columns, values, by_name["base"], strict=True):
            shown = row.locator(f"[data-column='{column}'] small")
            if value == base:
                expect(shown).to_have_count(0)
                continue
            delta, percent = deltas(shown)
            assert delta == pytest.approx(value - base)
            assert percent == (pytest.approx((value - base) / abs(base) * 100) if base else None)
            is_good = (value > base) is (column != "metrics.loss")
            expect(shown).to_have_attribute("data-good", str(is_good).lower())


def deltas(shown: Locator) -> tuple[float, float | None]:
    """A difference, and what it is in percent of the base, with the signs that are shown."""
    title = (shown.get_attribute("title") or "").replace("−", "-")
    told = re.fullmatch(r"([+-]\S+)(?: \(([+-]\S+) %\))?", title)
    assert told, title
    return float(told[1]), float(told[2]) if told[2] else None


def test_ui_046_new_runs_do_not_move_a_scrolled_list(page: Page, server: Api) -> None:
    experiment = server.experiment("growing")
    for number in range(60):
        server.run(experiment, f"old-{number:02d}", start_ms=1_700_000_000_000 + number)
    of = opened(page, experiment)
    of.evaluate("(grid) => { grid.scrollTop = 600 }")
    row = of.locator("[data-row]").filter(has_text="old-35")
    row.click(position={"x": 400, "y": 10})
    of.focus()
    expect(row).to_have_attribute("data-active", "")
    before = of.evaluate("(grid) => grid.scrollTop")

    for number in range(3):
        server.run(experiment, f"new-{number}", start_ms=1_700_000_100_000 + number)

    chip = page.get_by_role("button", name="3 new")
    expect(chip).to_be_visible()
    assert of.evaluate("(grid) => grid.scrollTop") == before
    expect(row).to_be_in_viewport()
    expect(row).to_have_attribute("data-active", "")
    expect(of).to_be_focused()
    chip.click()
    expect(page.get_by_test_id("count")).to_have_text("63 runs")


def test_ui_047_matches_are_exported(page: Page, many: str, server: Api) -> None:
    columns = ["attributes.status", "attributes.start_time", "metrics.`val/metric_0001`.max"]
    columns += ["params.layers"]
    query = "params.layers >= 8 AND params.seed = '3'"
    opened(page, many, s=packed_view(q=query, columns=columns, sort=["params.layers DESC"]))
    asked = {"filter": query, "order_by": ["params.layers DESC"], "limit": 1_000}
    told = table(server, many, columns=["run_name", *columns], **asked)
    headings = ["run_id", "run_name", "status", "start_time", "metrics.val/metric_0001.max"]
    headings += ["params.layers"]
    expected = [
        dict(zip(headings, row, strict=True))
        for row in zip(told["run_ids"], *(one["values"] for one in told["columns"]), strict=True)
    ]
    assert len(expected) > 100

    with_types = pq.read_table(exported(page, "Parquet"))
    assert with_types.to_pylist() == expected
    double, text = pa.float64(), pa.string()
    assert with_types.schema.types == [text, text, text, pa.int64(), double, text]
    with exported(page, "CSV").open(newline="") as file:
        rows = list(csv.DictReader(file))
    read = [
        {key: type(one[key])(text) for key, text in row.items()}
        for row, one in zip(rows, expected, strict=True)
    ]
    assert read == expected


def exported(page: Page, format_: str) -> Path:
    """The file of the runs that match."""
    page.get_by_role("button", name="More", exact=True).click()
    with page.expect_download() as caught:
        page.get_by_role("menuitem", name=f"Export as {format_}").click()
    return caught.value.path()


@pytest.fixture(scope="module")
def things(server: Api) -> Odd:
    """Data set D4."""
    return odd(server)


def test_ui_048_odd_names_and_values_are_text_and_copied_as_they_are(
    page: Page, server: Api, things: Odd
) -> None:
    opened(page, things.eid, s=packed_view(columns=[f"metrics.{key}" for key in SHOWN]))
    for name in (MARKUP, f"{RIGHT_TO_LEFT} {EMOJI}"):
        expect(grid(page).get_by_role("link", name=name, exact=True)).to_have_text(name)
    row = grid(page).locator("[data-row]").filter(has_text=MARKUP)
    for key, text in SHOWN.items():
        expect(row.locator(f"[data-column='metrics.{key}']")).to_contain_text(text)

    page.goto(f"/experiments/{things.eid}/runs/{things.rid}/overview")
    page.get_by_role("button", name="Copy all params").click()
    page.get_by_role("menuitem", name="As JSON").click()
    is_copied(page, "markup")
    held = json.loads(page.evaluate("navigator.clipboard.readText()"))
    told = server.get(f"runs/get?run_id={things.rid}")["run"]["data"]["params"]
    assert held == {one["key"]: one["value"] for one in told}
    assert (held["quotes"], held["long"], held["empty"]) == (QUOTES, LONG_VALUE, "")


def copied(page: Page, text: str, act: Callable[[], None]) -> None:
    """*act* puts exactly that on the clipboard."""
    page.evaluate("navigator.clipboard.writeText('something else')")
    act()
    page.wait_for_function(
        "(text) => navigator.clipboard.readText().then((held) => held === text)", arg=text
    )


def test_ui_048_the_table_copies_names_and_cells(page: Page, server: Api, things: Odd) -> None:
    columns = ["params.quotes", "params.markup", "params.long", "metrics.tiny", "metrics.nan"]
    opened(page, things.eid, s=packed_view(columns=columns))
    asked = ["attributes.run_name", *columns]
    told = table(server, things.eid, columns=asked)["columns"]
    runs = [
        dict(zip(asked, row, strict=True))
        for row in zip(*(one["values"] for one in told), strict=True)
    ]
    assert {MARKUP, LONG_NAME, f"{RIGHT_TO_LEFT} {EMOJI}"} == {run[asked[0]] for run in runs}

    def copy() -> None:
        page.keyboard.press("Control+c")

    grid(page).get_by_role("button", name="Open", exact=True).click()
    for run in runs:
        link = page.get_by_role("link", name=run[asked[0]], exact=True)
        row = grid(page).locator("[data-row]").filter(has=link)
        row.locator(f"[data-column='{columns[0]}']").click()
        grid(page).focus()
        copied(page, run[asked[0]], copy)
        for column in columns:
            if run[column] is None:
                continue
            cell = row.locator(f"[data-column='{column}'] span")
            cell.evaluate("(one) => getSelection().selectAllChildren(one)")
            value = run[column]
            copied(page, value if isinstance(value, str) else f"{value:g}", copy)
            page.evaluate("getSelection().removeAllRanges()")


def test_ui_048_the_page_of_a_run_copies_names_and_values(
    page: Page, server: Api, things: Odd
) -> None:
    run = server.get(f"runs/get?run_id={things.rid}")["run"]
    page.goto(f"/experiments/{things.eid}/runs/{things.rid}/overview")

    def copies(what: str, text: str) -> None:
        copied(page, text, page.get_by_role("button", name=f"Copy {what}", exact=True).click)

    copies("the name", run["info"]["run_name"])
    for one in run["data"]["params"]:
        copies(f"the name {one['key']}", one["key"])
        copies(f"the value of {one['key']}", one["value"])
    for one in run["data"]["metrics"]:
        copies(f"the name {one['key']}", one["key"])
        value = one["value"]
        copies(f"the last value of {one['key']}", value if isinstance(value, str) else f"{value:g}")
    own = [one for one in run["data"]["tags"] if not one["key"].startswith("mlflow.")]
    assert {RIGHT_TO_LEFT, "markup", "quotes"} <= {one["key"] for one in own}
    for one in own:
        copies(f"the name of the tag {one['key']}", one["key"])
        copies(f"the value of the tag {one['key']}", one["value"])


SHOWN = {"nan": "NaN", "infinite": "Infinity", "below": "Infinity", "tiny": "e-320"}
"""Metrics of the odd run, and how they are shown."""


def test_ui_049_many_columns_are_few_elements(page: Page, many: str) -> None:
    places = ("train", "val", "test", "sys")
    columns = [f"metrics.`{places[at % 4]}/metric_{at:04d}`" for at in range(50)]
    of = opened(page, many, s=packed_view(columns=columns))
    expect(of).to_have_attribute("aria-colcount", "51")
    scrolled_to(page, columns[-1])
    is_at_rest(page)

    assert page.evaluate("document.querySelectorAll('*').length") <= 5_000
    assert page.get_by_role("columnheader").count() < 20


def test_a_view_is_saved_under_a_name_and_taken_up(page: Page, server: Api) -> None:
    experiment = server.experiment("viewed")
    server.run(experiment, "seen", params={"lr": "0.1"})
    opened(page, experiment, q="params.lr%20%3D%200.1")
    page.keyboard.press("Control+s")
    page.get_by_label("Name", exact=True).fill("small rates")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved as small rates")).to_be_visible()

    page.goto(f"/experiments/{experiment}")
    page.get_by_role("button", name="Views").click()
    page.get_by_role("menuitem", name="small rates").first.click()

    expect(page.get_by_role("combobox", name="Query")).to_have_value("params.lr = 0.1")


def test_an_experiment_opens_with_the_view_that_was_chosen_for_it(page: Page, server: Api) -> None:
    experiment = server.experiment("opens with")
    for rate in ("0.1", "0.5"):
        server.run(experiment, f"rate {rate}", params={"lr": rate})
    server.post(
        "/api/3.0/millrace/views",
        experiment_id=experiment,
        name="small rates",
        document=json.dumps({"v": 1, "q": "params.lr < 0.3"}),
        format=1,
        is_shared=True,
        is_default=True,
    )
    opened(page, experiment)
    expect(page.get_by_test_id("count")).to_have_text("1 run")
    views = page.get_by_role("button", name="small rates")
    expect(views).not_to_have_attribute("data-changed", "true")

    page.get_by_role("button", name="Differing only").click()
    expect(views).to_have_attribute("data-changed", "true")
    views.click()
    page.get_by_role("menuitem", name="Back to small rates").click()
    expect(views).not_to_have_attribute("data-changed", "true")
    expect(page.get_by_test_id("count")).to_have_text("1 run")

    opened(page, experiment, q="params.lr%20%3E%200")
    expect(page.get_by_test_id("count")).to_have_text("2 runs")
