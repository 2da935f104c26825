"""Servers that fail, are silent, or are away: what a page says then, and what it keeps."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import Watch, is_at_rest
from tests.browser.seed import Api, packed_view
from tests.services import private_millrace

EXPERIMENT = "1"
RUN = "first"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An experiment with two runs, and a model without versions."""
    with private_millrace(tmp_path_factory.mktemp("trouble")) as url:
        api = Api(url)
        assert api.experiment("in trouble") == EXPERIMENT
        for name in (RUN, "second"):
            api.run(EXPERIMENT, name, params={"lr": "0.1"}, metrics={"loss": [3.0, 2.0, 1.0]})
        api.post("registered-models/create", name="classifier")
        yield api


@dataclass
class Region:
    """A part of a page that is asked for by one call, and what works beside it."""

    call: str
    path: str
    part: Callable[[Page], Locator]
    there: Callable[[Page], Locator]
    beside: Callable[[Page], Locator]


REGIONS = {
    "a chart": Region(
        "**/series/query",
        f"/experiments/{EXPERIMENT}?s={packed_view(arrangement='panels')}",
        lambda page: page.locator('[data-chart="loss"]'),
        lambda page: page.locator('[data-chart="loss"][data-state=ready]'),
        lambda page: page.get_by_role("searchbox", name="Find panels (regular expression)"),
    ),
    "the table of runs": Region(
        "**/runs/table",
        f"/experiments/{EXPERIMENT}?s={packed_view(arrangement='table')}",
        lambda page: page.locator("#main"),
        lambda page: page.get_by_role("treegrid", name="Runs"),
        lambda page: page.get_by_role("combobox", name="Query"),
    ),
    "the list of experiments": Region(
        "**/experiments/search*",
        "/experiments",
        lambda page: page.locator("#main"),
        lambda page: page.get_by_role("treegrid", name="Experiments"),
        lambda page: page.get_by_role("link", name="Settings"),
    ),
    "the versions of a model": Region(
        "**/model-versions/search*",
        "/models/classifier",
        lambda page: page.get_by_role("region", name="Versions"),
        lambda page: page.get_by_role("region", name="Versions").get_by_text("No version yet"),
        lambda page: page.get_by_role("heading", name="classifier"),
    ),
}


@pytest.mark.parametrize("how", ["fails", "hangs"])
@pytest.mark.parametrize("name", REGIONS)
def test_ui_190_a_region_whose_call_fails_or_hangs_says_so_and_is_tried_again(
    page: Page, watch: Watch, name: str, how: str
) -> None:
    watch.expect_failure("500")
    region = REGIONS[name]
    asked: list[Route] = []

    def answer(route: Route) -> None:
        asked.append(route)
        if how == "fails":
            route.fulfill(status=500, body="{}")

    page.clock.install()
    page.route(region.call, answer)
    page.goto(region.path)
    part = region.part(page)
    if how == "hangs":
        expect(part.locator("[data-state=loading]").or_(part).first).to_be_visible()
        page.wait_for_function("document.documentElement.dataset.requests > 0")
        page.clock.run_for(6_000)
        expect(part).to_contain_text("The server takes long to answer.")
        expect(region.beside(page)).to_be_enabled()
        page.clock.run_for(25_000)
        expect(part).to_contain_text("The server did not answer within 30 seconds.")
    failed = part.get_by_role("alert")
    expect(failed).to_be_visible()
    expect(region.beside(page)).to_be_enabled()
    expect(page.get_by_text("The server cannot be reached")).to_have_count(0)
    # Who was silent for half a minute is not asked again unbidden.
    assert len(asked) == 1 or how == "fails"

    is_at_rest(page)
    again = failed.get_by_role("button", name="Try again")
    expect(again).to_be_enabled()
    page.unroute(region.call)
    # At once: what comes in from elsewhere may have the page ask again by itself meanwhile.
    again.evaluate("(one) => one.click()")

    expect(region.there(page)).to_be_visible()
    expect(failed).to_have_count(0)


def cut_off(page: Page) -> None:
    """The way to the server is gone: what was on it breaks off, too."""
    page.context.set_offline(True)


CUT = "ERR_INTERNET_DISCONNECTED|Failed to (load|fetch)"


def test_ui_192_what_is_seen_says_how_old_it_is(page: Page, watch: Watch) -> None:
    watch.expect_failure(CUT)
    page.goto(f"/experiments/{EXPERIMENT}?s={packed_view(arrangement='split')}")
    rows = page.get_by_role("treegrid", name="Runs")
    panel = page.locator('[data-chart="loss"]')
    expect(panel).to_have_attribute("data-state", "ready")
    is_at_rest(page)
    seen_ms = page.evaluate("Date.now()")

    cut_off(page)
    page.keyboard.press("r")

    bar = page.get_by_role("status").filter(has_text="The server cannot be reached")
    expect(bar).to_be_visible()
    expect(bar.locator("time")).to_have_text(re.compile(r"as of \d\d:\d\d:\d\d"))
    for stamp in (bar, panel):
        expect(stamp.locator("[data-as-of]")).to_be_visible()
        told = stamp.locator("[data-as-of]").get_attribute("datetime")
        then_ms = page.evaluate("(told) => Date.parse(told)", told)
        assert seen_ms - 60_000 < then_ms <= seen_ms
    # All that was seen stays.
    expect(panel).to_have_attribute("data-state", "ready")
    expect(panel).to_have_attribute("data-points", "6")
    expect(rows).to_contain_text(RUN)

    page.context.set_offline(False)
    expect(bar).to_have_count(0)
    expect(page.locator("[data-as-of]")).to_have_count(0)


@dataclass
class Editor:
    """Where something is written, and how it is sent."""

    path: str
    open: Callable[[Page, str], object]
    field: Callable[[Page], Locator]
    text: str
    send: Callable[[Page], None]
    is_saved: Callable[[Api, str], bool]


def press_in_dialog(name: str) -> Callable[[Page], None]:
    def press(page: Page) -> None:
        page.get_by_role("dialog").get_by_role("button", name=name, exact=True).click()

    return press


def in_dialog(label: str) -> Callable[[Page], Locator]:
    return lambda page: page.get_by_role("dialog").get_by_label(label, exact=True)


def for_chosen(action: str) -> Callable[[Page, str], None]:
    def choose(page: Page, run: str) -> None:
        page.get_by_role("checkbox", name=f"Select {run}", exact=True).click()
        bar = page.get_by_role("toolbar", name="Selected runs")
        bar.get_by_role("button", name=action, exact=True).click()

    return choose


def tags(server: Api, run: str) -> dict[str, str]:
    found = server.get(f"runs/get?run_id={run}")["run"]["data"].get("tags", [])
    return {tag["key"]: tag["value"] for tag in found}


EDITORS = {
    "the note of a run": Editor(
        "/experiments/1/runs/{run}",
        lambda page, _: page.get_by_role("button", name="Write").click(),
        lambda page: page.get_by_role("textbox", name="Note"),
        "It diverges from step 2 on.",
        lambda page: page.get_by_role("button", name="Save").click(),
        lambda server, run: (
            tags(server, run).get("mlflow.note.content") == "It diverges from step 2 on."
        ),
    ),
    "a tag of a run": Editor(
        "/experiments/1/runs/{run}",
        lambda page, _: None,
        lambda page: page.get_by_label("New tag"),
        "stage: tried",
        lambda page: page.get_by_label("New tag").press("Enter"),
        lambda server, run: tags(server, run).get("stage") == "tried",
    ),
    "the name of a run": Editor(
        "/experiments/1/runs/{run}",
        lambda page, _: page.get_by_role("button", name="Rename", exact=True).click(),
        in_dialog("Name"),
        "second, again",
        press_in_dialog("Rename"),
        lambda server, run: (
            server.get(f"runs/get?run_id={run}")["run"]["info"]["run_name"] == "second, again"
        ),
    ),
    "the note of many runs": Editor(
        "/experiments/1",
        for_chosen("Note"),
        in_dialog("Note, in Markdown"),
        "All of these are good.",
        press_in_dialog("Write"),
        lambda server, run: (
            tags(server, run).get("mlflow.note.content") == "All of these are good."
        ),
    ),
    "the name of a view": Editor(
        "/experiments/1",
        lambda page, _: page.keyboard.press("Control+s"),
        in_dialog("Name"),
        "mine",
        press_in_dialog("Save"),
        lambda server, run: "mine" in str(server.get("/api/3.0/millrace/views?experiment_id=1")),
    ),
    "a new experiment": Editor(
        "/experiments",
        lambda page, _: page.get_by_role("button", name="New experiment").click(),
        in_dialog("Name"),
        "team/new",
        press_in_dialog("Create"),
        lambda server, run: "team/new" in str(server.post("experiments/search", max_results=100)),
    ),
}


@pytest.mark.parametrize("name", EDITORS)
def test_ui_192_what_is_being_written_outlives_the_way_to_the_server(
    page: Page, server: Api, watch: Watch, name: str
) -> None:
    watch.expect_failure(CUT)
    run = str(server.run(EXPERIMENT, name)["info"]["run_id"])
    editor = EDITORS[name]
    page.goto(editor.path.format(run=run))
    is_at_rest(page)
    editor.open(page, name)
    field = editor.field(page)
    field.fill(editor.text)

    cut_off(page)
    editor.send(page)

    failed = page.get_by_role("region", name="Notifications").get_by_role("alert")
    expect(failed.first).to_contain_text("The server cannot be reached.")
    offline = page.get_by_text("The server cannot be reached; what you see is")
    expect(offline).to_be_attached()
    is_at_rest(page)
    expect(field).to_have_value(editor.text)

    # All of the page is asked for again, and is there as it was seen, with what is being written.
    page.context.set_offline(False)
    expect(offline).to_have_count(0)
    is_at_rest(page)
    expect(field).to_have_value(editor.text)
    editor.send(page)

    is_at_rest(page)
    assert field.count() == 0 or field.input_value() == ""
    assert editor.is_saved(server, run)
