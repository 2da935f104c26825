"""What a run has to look at: images by key and step, and a viewer for each kind of file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import is_at_rest
from tests.browser.seed import Api
from tests.browser.test_access import serious
from tests.browser.test_runs import artifact
from tests.services import private_millrace
from tests.sets.viewers import KEYS, Viewed, viewers


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with private_millrace(tmp_path_factory.mktemp("media")) as url:
        yield Api(url)


@pytest.fixture(scope="module")
def viewed(server: Api) -> Viewed:
    """Data set D5, with fewer steps."""
    return viewers(server, steps=20)


@pytest.fixture(scope="module")
def experiment(viewed: Viewed) -> str:
    return viewed.experiment


@pytest.fixture(scope="module")
def filmed(viewed: Viewed) -> str:
    return viewed.filmed


@pytest.fixture(scope="module")
def filed(viewed: Viewed) -> str:
    return viewed.filed


def test_ui_074_one_slider_moves_all_images(page: Page, experiment: str, filmed: str) -> None:
    page.goto(f"/experiments/{experiment}/runs/{filmed}/media")
    tile = page.get_by_role("listitem").filter(has_text="a/mask")
    expect(tile.locator("img")).to_have_js_property("naturalWidth", 16 + 190)
    slider = page.get_by_role("slider", name="Step")

    slider.press("ArrowLeft")

    expect(page.get_by_test_id("step")).to_have_text("180")
    for key in KEYS[:3]:
        picture = page.get_by_role("listitem").filter(has_text=key).locator("img")
        expect(picture).to_have_js_property("naturalWidth", 16 + 180)
    early = page.get_by_role("listitem").filter(has_text="b/mask")
    expect(early).to_contain_text("step 40 (the nearest before)")
    expect(page).to_have_url(re.compile(r"step=180"))
    page.reload()
    expect(page.get_by_test_id("step")).to_have_text("180")


def test_ui_074_only_images_in_sight_are_fetched(page: Page, experiment: str, filmed: str) -> None:
    page.set_viewport_size({"width": 900, "height": 500})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"/experiments/{experiment}/runs/{filmed}/media")
    expect(page.locator("li img").first).to_be_visible()
    is_at_rest(page)
    last = page.get_by_role("listitem").filter(has_text="z/39")

    assert not [url for url in asked if "z%7E39" in url]
    last.scroll_into_view_if_needed()
    expect(last.locator("img")).to_have_js_property("naturalWidth", 16)
    assert len([url for url in asked if "get-artifact" in url and "z%7E39" in url]) == 1


def test_ui_074_arrows_lead_to_other_steps_and_keys(
    page: Page, experiment: str, filmed: str
) -> None:
    page.goto(f"/experiments/{experiment}/runs/{filmed}/media")
    page.get_by_role("button", name="a/input, step 190: larger").click()
    large = page.get_by_role("dialog").get_by_role("img")
    expect(large).to_have_attribute("alt", "a/input, step 190")
    stage = page.get_by_role("group", name="Image")
    stage.focus()

    stage.press("ArrowLeft")
    expect(large).to_have_attribute("alt", "a/input, step 180")
    stage.press("ArrowDown")
    expect(large).to_have_attribute("alt", "a/mask, step 180")
    page.keyboard.press("Escape")

    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_test_id("step")).to_have_text("180")
    expect(page.get_by_label("said.wav")).to_be_visible()


def test_ui_100_a_run_without_media_says_how_to_log_some(
    page: Page, server: Api, experiment: str
) -> None:
    run = server.run(experiment, "bare")["info"]["run_id"]
    page.goto(f"/experiments/{experiment}/runs/{run}/media")

    expect(page.get_by_role("heading", name="No media")).to_be_visible()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_ui_107_tables_come_in_pages_from_the_server(
    page: Page, experiment: str, filed: str, suffix: str
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    artifact(page, experiment, filed, f"data/rows.{suffix}")
    expect(page.get_by_text("5 000 rows, 2 columns")).to_be_visible()
    rows = page.locator("[role=treegrid] [data-row]")
    expect(rows.first).to_contain_text("w0")
    sort = page.get_by_role("button", name="n", exact=True)
    head = page.get_by_role("columnheader").filter(has=sort)
    sort.click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    sort.click()
    expect(rows.first).to_contain_text("w4999")

    rows.first.click()
    page.keyboard.press("End")
    expect(rows.last).to_contain_text("w0")
    page.get_by_label("Find in the table").fill("w4321")

    expect(page.get_by_role("status").filter(has_text="1 of 5 000 rows")).to_be_visible()
    expect(rows.first).to_contain_text("w4321")
    assert not [url for url in asked if "get-artifact" in url]


def test_ui_107_columns_tell_their_figures_and_narrow_the_table(
    page: Page, experiment: str, filed: str
) -> None:
    artifact(page, experiment, filed, "data/rows.parquet")
    told = page.get_by_role("status").filter(has_text="rows")
    expect(told).to_have_text("5 000 rows, 2 columns")
    page.get_by_role("button", name="n: column menu").click()
    page.get_by_role("menuitem", name="Figures and filter").click()
    dialog = page.get_by_role("dialog", name="n")
    expect(dialog.get_by_label("Figures", exact=True)).to_contain_text("2499.5")
    expect(
        dialog.get_by_role("img", name=re.compile("^How the values spread from 0"))
    ).to_be_visible()
    dialog.get_by_label("At least").fill("4990")
    dialog.get_by_role("button", name="Narrow").click()
    expect(told).to_have_text("10 of 5 000 rows, 2 columns")

    page.get_by_role("button", name="word: column menu").click()
    page.get_by_role("menuitem", name="Figures and filter").click()
    frequent = page.get_by_role("table", name="Frequent values").locator("tbody").get_by_role("row")
    expect(frequent).to_have_count(10)
    frequent.filter(has_text="w4997").get_by_role("button", name="Only these").click()
    expect(told).to_have_text("1 of 5 000 rows, 2 columns")
    expect(page.locator("[role=treegrid] [data-row]")).to_contain_text("w4997")
    page.get_by_role("button", name="Remove word = w4997").click()
    expect(told).to_have_text("10 of 5 000 rows, 2 columns")


def test_ui_107_arrays_and_archives_say_what_is_in_them(
    page: Page, experiment: str, filed: str
) -> None:
    for path, name, told in (
        ("x.npy", "shape", "2 × 2"),
        ("x.npz", "weights.npy", "<f4 (30, 4)"),
        ("x.tar", "inner/a.txt", "3 bytes"),
        ("all.zip", "notes/one.txt", "1 B"),
        ("tiny.onnx", "x", "input, float32 (batch, 3)"),
    ):
        artifact(page, experiment, filed, path)
        row = page.get_by_role("row").filter(has=page.get_by_text(name, exact=True))
        expect(row).to_contain_text(told)
        if path == "x.npy":
            expect(page.get_by_label("The first values")).to_have_text("1.5 2.5 3.5 4.5")


def test_ui_107_notebooks_maps_logs_and_logged_tables(
    page: Page, experiment: str, filed: str
) -> None:
    artifact(page, experiment, filed, "steps.ipynb")
    expect(page.get_by_role("heading", name="Steps")).to_be_visible()
    expect(page.get_by_text("ZeroDivisionError: by zero")).to_be_visible()
    expect(page.get_by_text("so far good")).to_be_visible()
    assert page.evaluate("window.hit") is None

    artifact(page, experiment, filed, "map.geojson")
    expect(page.get_by_role("img", name="map.geojson: 2 shapes")).to_be_visible()
    page.get_by_role("button", name="Document").click()
    expect(page.get_by_role("button", name="features")).to_be_visible()

    artifact(page, experiment, filed, "train.log.gz")
    expect(page.get_by_text("second line")).to_be_visible()

    artifact(page, experiment, filed, "losses.json")
    expect(page.get_by_text("2 rows, 1 column")).to_be_visible()


def test_ui_107_settings_are_a_tree_that_is_searched(
    page: Page, experiment: str, filed: str
) -> None:
    artifact(page, experiment, filed, "pyproject.toml")
    expect(page.get_by_role("region", name="Document")).to_contain_text('name: "trainer"')
    artifact(page, experiment, filed, "conf.yaml")
    document = page.get_by_role("region", name="Document")
    expect(document.get_by_role("button", name="seed")).to_be_visible()

    page.get_by_role("searchbox", name="Find in the document").fill("rate")
    expect(document.get_by_role("button", name="seed")).to_have_count(0)
    expect(document).to_contain_text("0.01")
    document.get_by_role("button", name="rates").click()
    expect(page.get_by_text("Copied optimizer.rates")).to_be_visible()
    page.get_by_role("searchbox", name="Find in the document").fill("nowhere")
    expect(page.get_by_text("No key and no value holds that")).to_be_visible()
    page.get_by_role("button", name="Raw").click()
    expect(page.get_by_text("rates: [0.1, 0.01]")).to_be_visible()


def test_ui_107_figures_are_drawn_apart(page: Page, experiment: str, filed: str) -> None:
    frame = page.frame_locator("iframe")
    artifact(page, experiment, filed, "figure.json")
    expect(frame.get_by_text("Counted")).to_be_visible()

    artifact(page, experiment, filed, "figure.html")
    expect(frame.get_by_text("From a page")).to_be_visible()

    artifact(page, experiment, filed, "chart.json")
    expect(frame.locator("canvas, svg").first).to_be_visible()


def test_ui_111_a_model_shows_what_it_takes_needs_and_holds(
    page: Page, experiment: str, filed: str
) -> None:
    artifact(page, experiment, filed, "model/MLmodel")

    row = page.get_by_role("row").filter(has_text="age")
    expect(row).to_contain_text("double")
    expect(page.get_by_role("row").filter(has_text="model.pkl")).to_contain_text("os.system")
    expect(page.get_by_text("scikit-learn==1.7")).to_be_visible()
    expect(page.get_by_text(f"runs:/{filed}/model").first).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_ui_180_viewers_are_sound(
    new_context: Callable[..., BrowserContext],
    server: Api,
    experiment: str,
    filmed: str,
    filed: str,
    scheme: str,
) -> None:
    page = new_context(base_url=server.url, color_scheme=scheme).new_page()
    page.goto(f"/experiments/{experiment}/runs/{filmed}/media")
    is_at_rest(page)
    assert serious(page) == []
    for path in ("data/rows.csv", "model/MLmodel"):
        artifact(page, experiment, filed, path)
        is_at_rest(page)
        assert serious(page) == [], path
