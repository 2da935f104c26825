"""For everybody: axe on every page in both themes, narrow screens, zoom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import is_at_rest
from tests.browser.seed import Api
from tests.services import private_millrace

AXE = Path(__file__).resolve().parents[2] / "ui" / "node_modules" / "axe-core" / "axe.min.js"
PAGES = [
    "/",
    "/experiments",
    "/experiments/{eid}",
    "/experiments/{eid}/runs/{rid}/overview",
    "/experiments/{eid}/runs/{rid}/artifacts?path=notes.txt",
    "/experiments/{eid}/runs/{rid}/code",
    "/experiments/{eid}/runs/{rid}/lineage",
    "/compare?runs={rid},{other}&experiments={eid}",
    "/search?q=first",
    "/trash",
    "/settings/appearance",
    "/no/such/place",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with private_millrace(tmp_path_factory.mktemp("access")) as url:
        yield Api(url)


@pytest.fixture(scope="module")
def ids(server: Api) -> dict[str, str]:
    eid = server.experiment("vision/first", team="vision")
    runs = [
        server.run(
            eid,
            name,
            params={"lr": "0.1", "optimizer": name},
            metrics={"loss": [3.0, 2.0]},
            tags={"mlflow.source.name": "train.py", "mlflow.note.content": "A note"},
            status=status,
        )
        for name, status in (("first", "FINISHED"), ("second", "FAILED"), ("third", None))
    ]
    server.put(runs[0], "notes.txt", b"one\ntwo\n")
    server.post("experiments/delete", experiment_id=server.experiment("gone"))
    return {"eid": eid, "rid": runs[0]["info"]["run_id"], "other": runs[1]["info"]["run_id"]}


def serious(page: Page) -> list[str]:
    """What axe finds that is serious or critical."""
    page.evaluate(AXE.read_text())
    found: list[dict[str, Any]] = page.evaluate(
        "axe.run(document, {resultTypes: ['violations']}).then((result) => result.violations)"
    )
    return [
        f"{one['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
        for one in found
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_ui_180_axe_finds_nothing_serious(
    new_context: Callable[..., BrowserContext],
    server: Api,
    ids: dict[str, str],
    path: str,
    scheme: str,
) -> None:
    page = new_context(base_url=server.url, color_scheme=scheme).new_page()
    page.goto(path.format(**ids))
    is_at_rest(page)

    assert serious(page) == []


def test_ui_180_open_overlays_are_sound(page: Page, ids: dict[str, str]) -> None:
    page.goto(f"/experiments/{ids['eid']}")
    is_at_rest(page)
    for keys, name in (("?", "Keyboard shortcuts"), ("Control+k", "Search or go to")):
        page.keyboard.press(keys)
        expect(page.get_by_role("dialog", name=name)).to_be_visible()
        is_at_rest(page)
        assert serious(page) == []
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Columns").click()
    expect(page.get_by_label("Find a key")).to_be_visible()
    is_at_rest(page)
    assert serious(page) == []


@pytest.mark.parametrize(
    "path", ["/", "/experiments", "/experiments/{eid}/runs/{rid}/overview", "/trash"]
)
def test_ui_183_narrow_pages_do_not_scroll_sideways(
    new_context: Callable[..., BrowserContext], server: Api, ids: dict[str, str], path: str
) -> None:
    context = new_context(base_url=server.url, viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.goto(path.format(**ids))
    is_at_rest(page)

    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    main = page.locator("#main")
    assert main.evaluate("(one) => one.scrollWidth - one.clientWidth") <= 1
    page.get_by_role("button", name="Menu").click()
    rail = page.get_by_role("navigation", name="Main")
    expect(rail.get_by_role("link", name="Experiments", exact=True)).to_be_visible()


def test_ui_181_a_run_is_found_and_compared_by_keys_alone(
    page: Page, server: Api, ids: dict[str, str]
) -> None:
    page.goto("/")
    is_at_rest(page)
    page.keyboard.press("g")
    page.keyboard.press("e")
    experiments = page.get_by_role("treegrid", name="Experiments")
    expect(experiments.get_by_role("link").first).to_be_visible()
    is_at_rest(page)
    tab_to(page, experiments)
    page.keyboard.press("Enter")
    runs = page.get_by_role("treegrid", name="Runs")
    expect(runs.get_by_role("link", name="first")).to_be_visible()
    is_at_rest(page)
    tab_to(page, runs)
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(page.get_by_test_id("selected")).to_have_text("2 selected")
    page.keyboard.press("c")
    expect(page.get_by_role("heading", name="Compare 2 runs")).to_be_visible()


def tab_to(page: Page, target: Any) -> None:
    """Presses Tab until *target* has the focus."""
    for _ in range(60):
        if target.evaluate("(one) => one === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError("Tab does not lead there")
