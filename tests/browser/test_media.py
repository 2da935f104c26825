"""What a run has to look at: images by key and step, and a viewer for each kind of file."""

from __future__ import annotations

import io
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import WAIT_MS, Watch, is_at_rest
from tests.browser.seed import Api
from tests.browser.test_access import serious
from tests.browser.test_charts import all_numbers
from tests.browser.test_runs import artifact
from tests.services import LOOPBACK, private_millrace
from tests.sets.attack import ATTEMPTS
from tests.sets.documents import SIDE
from tests.sets.viewers import KEYS, Viewed, viewers

# How light a film is at a time.
GREY = """
(film, at) => new Promise((resolve) => {
  film.onseeked = () => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d")
    canvas.drawImage(film, 0, 0, 1, 1)
    resolve(canvas.getImageData(0, 0, 1, 1).data[0])
  }
  film.currentTime = at
})
"""
REFUSED = "Content Security Policy|violates|Refused|sandboxed|Blocked"
NOTHING = {"refused", "SecurityError", "TypeError", "NetworkError", "NotAllowedError"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with private_millrace(tmp_path_factory.mktemp("media")) as url:
        yield Api(url)


class Probe(NamedTuple):
    """Who would hear of a page that gets out: `host:port`, and what came, by TCP and by UDP."""

    address: str
    heard: list[bytes]


@pytest.fixture(scope="module")
def probe() -> Iterator[Probe]:
    with socket.create_server((LOOPBACK, 0)) as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.bind(tcp.getsockname())
        probe = Probe("{}:{}".format(*tcp.getsockname()), [])

        def accept() -> None:
            while True:
                with tcp.accept()[0] as caller:
                    probe.heard.append(caller.recv(1_000))

        def receive() -> None:
            while True:
                probe.heard.append(udp.recv(1_000))

        for listen in (accept, receive):
            threading.Thread(target=listen, daemon=True).start()
        yield probe


@pytest.fixture(scope="module")
def viewed(server: Api, probe: Probe) -> Viewed:
    """Data set D5, with fewer steps."""
    return viewers(server, steps=20, probe=probe.address)


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


def test_ui_077_images_are_walked_through_by_their_steps(
    page: Page, server: Api, experiment: str, filmed: str
) -> None:
    told = server.get(f"/api/3.0/millrace/artifacts/media?run_id={filmed}")["images"]
    page.goto(f"/experiments/{experiment}/runs/{filmed}/media")
    images = page.locator("[data-chart=Images]")
    said, grid = images.locator("[aria-live=polite]"), images.get_by_role("application")
    expect(images).to_have_attribute("data-series", str(len(told)))
    expect(images).to_have_attribute("data-points", str(sum(len(one["steps"]) for one in told)))
    tile = page.get_by_role("listitem").filter(has_text="a/mask").locator("img")
    grid.focus()

    for key, step in (("ArrowLeft", 180), ("Shift+ArrowLeft", 80), ("ArrowRight", 90)):
        page.keyboard.press(key)
        there = sum(step in one["steps"] for one in told)
        expect(said).to_have_text(f"step {step}: {there} of {len(told)} images")
        expect(page.get_by_test_id("step")).to_have_text(str(step))
        expect(tile).to_have_js_property("naturalWidth", 16 + step)

    page.keyboard.press("a")
    rows = all_numbers(images)
    assert [rows[at] for at in range(len(rows))] == [
        [one["key"], str(step), str(time_ms), path]
        for one in told
        for step, time_ms, path in zip(one["steps"], one["timestamps"], one["paths"], strict=True)
    ]
    page.keyboard.press("a")
    expect(images.get_by_role("table")).to_have_count(0)


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


def test_ui_107_a_film_plays_and_is_stepped_through(
    page: Page, experiment: str, filed: str
) -> None:
    artifact(page, experiment, filed, "light.mp4")
    film = page.get_by_label("light.mp4")
    expect(film).to_have_js_property("readyState", 4)
    expect(film).to_have_js_property("videoWidth", 16 * SIDE)
    expect(film).to_have_js_property("duration", 2)

    page.keyboard.press(".")
    page.keyboard.press(".")
    expect(film).to_have_js_property("currentTime", 0.08)
    page.keyboard.press(",")
    expect(film).to_have_js_property("currentTime", 0.04)
    greys = [film.evaluate(GREY, at) for at in (0, 1, 1.9)]

    assert greys == sorted(greys)
    assert greys[2] - greys[0] > 100


def test_ui_107_a_pdf_is_shown_by_the_browser(page: Page, experiment: str, filed: str) -> None:
    artifact(page, experiment, filed, "red.pdf")
    frame = page.locator("iframe[title='red.pdf']")
    expect(frame).to_be_visible()

    # What the viewer draws is nowhere to be asked for but on the screen.
    until = time.monotonic() + WAIT_MS / 1000
    while (seen := red_share(frame.screenshot())) < 0.03 and time.monotonic() < until:
        pass

    assert seen >= 0.03


def red_share(picture: bytes) -> float:
    r, g, b = np.moveaxis(np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")), 2, 0)
    return float(((r > 180) & (g < 60) & (b < 60)).mean())


def test_ui_109_a_page_that_takes_what_it_can_gets_nothing(
    page: Page, server: Api, experiment: str, filed: str, probe: Probe, watch: Watch
) -> None:
    """S35. WebRTC, too, which asks by UDP and which content policies know nothing of."""
    watch.expect_failure(REFUSED)
    page.context.add_cookies([{"name": "mine", "value": "1", "url": server.url}])
    is_heard(probe)
    artifact(page, experiment, filed, "attack.html")
    told = page.frame_locator("iframe").locator("#told")
    expect(told).to_be_attached()

    tried = json.loads(told.inner_text())

    asked = {"beacon", "frame"}  # of these a page does not hear what became of them
    got = {name: outcome for name, outcome in tried.items() if outcome not in NOTHING}
    assert tried.keys() == set(ATTEMPTS)
    assert got == dict.fromkeys(asked, "asked")
    assert probe.heard == []
    assert page.context.pages == [page]
    expect(page).to_have_url(re.compile(r"path=attack\.html$"))
    names = [
        one["name"] for one in server.post("experiments/search", max_results=99)["experiments"]
    ]
    assert names == ["media", "Default"]


def test_ui_109_a_page_cannot_take_its_frame_elsewhere(
    page: Page, experiment: str, filed: str, probe: Probe, watch: Watch
) -> None:
    watch.expect_failure(REFUSED)
    is_heard(probe)
    with page.expect_console_message(lambda message: "frame-src" in message.text):
        artifact(page, experiment, filed, "leaving.html")

    is_at_rest(page)
    assert probe.heard == []


def is_heard(probe: Probe) -> None:
    """The probe hears who does get out, and has heard nobody since."""
    host, port = probe.address.split(":")
    probe.heard.clear()
    with socket.create_connection((host, int(port))) as tcp:
        tcp.sendall(b"tcp")
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.sendto(b"udp", (host, int(port)))
    until = time.monotonic() + WAIT_MS / 1000
    while len(probe.heard) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    assert sorted(probe.heard) == [b"tcp", b"udp"]
    probe.heard.clear()


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
