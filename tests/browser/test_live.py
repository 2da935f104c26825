"""Pages follow what is recorded, and nothing moves under who looks at them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Watch, is_at_rest
from tests.browser.seed import Api
from tests.browser.test_charts import chart, drag, show
from tests.services import LOOPBACK, Process, answers, clean_environment, free_port

EXPERIMENT = "1"


class Going:
    """A run that goes on: points of `m`, one after the other."""

    def __init__(self, api: Api) -> None:
        self._api = api
        made = api.run(EXPERIMENT, "going", metrics={"m": [0.0] * 40}, status=None)
        self.id = made["info"]["run_id"]
        self.points = 40

    def on(self, points: int) -> None:
        entries = [
            {"key": "m", "value": float(step), "step": step, "timestamp": 1_760_000_000_000 + step}
            for step in range(self.points, self.points + points)
        ]
        self._api.post("runs/log-batch", run_id=self.id, metrics=entries)
        self.points += points


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restarting]:
    with_server = Restarting(tmp_path_factory.mktemp("live"))
    Api(with_server.url).experiment("live")
    yield with_server
    with_server.process.stop()


@pytest.fixture(scope="module")
def server(place: Restarting) -> Api:
    return Api(place.url)


class Restarting:
    """A server that comes back at the same address."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.url = f"http://{LOOPBACK}:{self._port}"
        self.start()

    def start(self) -> None:
        options = ["--backend-store-uri", f"sqlite:///{self._folder / 'millrace.db'}"]
        self.process = Process(
            [sys.executable, "-m", "millrace", "server", "--host", LOOPBACK,
             "--port", str(self._port), *options],
            self._folder / "server.log",
            lambda: answers(f"{self.url}/health"),
            cwd=self._folder,
            env=clean_environment(),
        )  # fmt: skip


@pytest.fixture
def going(server: Api) -> Iterator[Going]:
    """Tests name it before their page: it ends after that, and no page asks for what is gone."""
    run = Going(server)
    yield run
    server.post("runs/update", run_id=run.id, status="FINISHED")
    server.post("runs/delete", run_id=run.id)


def is_live(page: Page) -> None:
    expect(page.locator("[data-live]")).to_have_attribute("data-live", "live")


def test_ui_091_points_move_neither_zoom_nor_menu(
    going: Going, page: Page, full_size: bool
) -> None:
    """In full, for a minute: the page asks at most once a second."""
    rounds = 60 if full_size else 3
    show(page, EXPERIMENT)
    panel = chart(page, "m")
    expect(panel).to_have_attribute("data-points", "40")
    is_live(page)
    drag(page, panel, 0.25, 0.5)
    expect(page.get_by_role("button", name="Show all")).to_be_visible()
    expect(panel).to_have_attribute("data-state", "ready")
    is_at_rest(page)
    zoom = panel.get_attribute("data-xmin"), panel.get_attribute("data-xmax")
    panel.locator("[data-chart-menu]").click()
    menu = page.get_by_role("menu")
    expect(menu).to_be_visible()

    for _ in range(rounds):
        with page.expect_request(lambda request: request.url.endswith("/series/query")):
            going.on(10)
        is_at_rest(page)

    expect(menu).to_be_visible()
    assert (panel.get_attribute("data-xmin"), panel.get_attribute("data-xmax")) == zoom
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Show all").click()
    expect(panel).to_have_attribute("data-points", str(40 + 10 * rounds))


def test_ui_092_after_a_restart_no_point_is_missing_and_none_is_twice(
    going: Going, page: Page, place: Restarting, watch: Watch
) -> None:
    watch.expect_failure("net::ERR_|50[234]")
    show(page, EXPERIMENT)
    panel = chart(page, "m")
    expect(panel).to_have_attribute("data-points", "40")
    is_live(page)

    place.process.stop()
    expect(page.locator("[data-live]")).to_have_attribute("data-live", "reconnecting")
    place.start()
    going.on(5)

    expect(page.locator("[data-live]")).to_have_attribute("data-live", "live", timeout=90_000)
    expect(panel).to_have_attribute("data-points", "45")


def test_ui_093_a_hidden_tab_is_quiet_and_current_when_it_is_seen(going: Going, page: Page) -> None:
    show(page, EXPERIMENT)
    panel = chart(page, "m")
    expect(panel).to_have_attribute("data-points", "40")
    is_live(page)
    is_at_rest(page)
    page.clock.install()

    with page.expect_event("requestfailed", lambda request: "/events" in request.url):
        hide(page, is_hidden=True)
        page.clock.run_for(6_000)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    going.on(5)
    page.clock.run_for(60_000)
    assert len(asked) <= 1

    hide(page, is_hidden=False)
    page.clock.run_for(2_000)
    page.clock.resume()
    expect(panel).to_have_attribute("data-points", "45")


@pytest.mark.timeout(1_200)
def test_ui_094_updates_leave_nothing_behind(page: Page, server: Api, full_size: bool) -> None:
    """In full, ten minutes of a point a second of each of fifty runs; else a few seconds."""
    runs, rounds, most_bytes = (50, 600, 30e6) if full_size else (8, 3, 4e6)
    experiment = server.experiment("heap")
    made = [
        server.run(experiment, f"run-{at}", metrics={"m": 0.0}, status=None) for at in range(runs)
    ]
    show(page, experiment)
    panel = chart(page, "m")
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def log(step: int) -> None:
        point = {"key": "m", "value": 1.0, "step": step, "timestamp": 1_760_000_000_000 + step}
        for run in made:
            server.post("runs/log-batch", run_id=run["info"]["run_id"], metrics=[point])
        expect(panel).to_have_attribute("data-points", str(runs * (step + 1)))

    def heap() -> float:
        is_at_rest(page)
        session.send("HeapProfiler.collectGarbage")
        told = session.send("Performance.getMetrics")["metrics"]
        return float(next(one["value"] for one in told if one["name"] == "JSHeapUsedSize"))

    is_live(page)
    log(1)
    before = heap()
    for step in range(2, 2 + rounds):
        log(step)
    grown = heap() - before

    for run in made:
        server.post("runs/update", run_id=run["info"]["run_id"], status="FINISHED")
    assert grown < most_bytes


def hide(page: Page, *, is_hidden: bool) -> None:
    """What a browser does when another tab is chosen; a headless one has no tabs to choose."""
    page.evaluate(
        """(isHidden) => {
          Object.defineProperty(document, "hidden", { value: isHidden, configurable: true })
          Object.defineProperty(document, "visibilityState",
            { value: isHidden ? "hidden" : "visible", configurable: true })
          document.dispatchEvent(new Event("visibilitychange"))
        }""",
        is_hidden,
    )


def test_without_a_stream_pages_ask_from_time_to_time(
    going: Going, page: Page, watch: Watch
) -> None:
    watch.expect_failure("/events|503")
    page.route("**/millrace/events*", lambda route: route.fulfill(status=503, body="{}"))
    show(page, EXPERIMENT)
    panel = chart(page, "m")
    expect(panel).to_have_attribute("data-points", "40")
    expect(page.locator("[data-live]")).to_have_attribute("data-live", "reconnecting")

    going.on(5)

    expect(panel).to_have_attribute("data-points", "45", timeout=90_000)


def test_the_badge_pauses_and_follows_again(going: Going, page: Page) -> None:
    show(page, EXPERIMENT)
    panel = chart(page, "m")
    expect(panel).to_have_attribute("data-points", "40")
    is_live(page)
    page.get_by_role("button", name="Live", exact=True).click()
    expect(page.locator("[data-live]")).to_have_attribute("data-live", "paused")

    going.on(5)
    page.get_by_role("button", name="Paused", exact=True).click()

    expect(panel).to_have_attribute("data-points", "45")
    is_live(page)
