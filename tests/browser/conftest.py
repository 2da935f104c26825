"""A real server, the built pages, and Debian's Chromium; each page is watched.

At the end of each test: no error in the console, no request to another origin, and no request that
failed, except those that the test has announced by `watch.expect_failure`.

`MILLRACE_TEST_SLOW_BROWSER=6` makes the pages' processor six times slower and the way to the server
longer: what only holds on a fast machine fails then.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

from millrace.stores.open import open_stores
from tests.browser.seed import Api
from tests.services import IS_CI, private_millrace, unavailable
from tests.sets import fill

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "src" / "millrace" / "server" / "ui" / "index.html"
CHROMIUM = os.environ.get("MILLRACE_TEST_CHROMIUM", "/usr/bin/chromium")
# Without them Chromium calls home.
FLAGS = [
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
]
# Its own viewer of PDFs asks for these.
OF_THE_BROWSER = ("chrome-extension://mhjfbmdgcfjbbpaeojofohoefgiehjai/", "chrome://resources/")
SLOWER = float(os.environ.get("MILLRACE_TEST_SLOW_BROWSER", "1"))
SLOW_WAY_MS = 60
# How long to wait for what must come. Where nobody looks on, a machine may be many times slower.
WAIT_MS = 30_000 if IS_CI or SLOWER > 1 else 10_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In CI a test gets a second try (docs/decisions/0016-second-try.md); it is told as RERUN."""
    if IS_CI:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        unavailable("chromium", f"{CHROMIUM} is not there; MILLRACE_TEST_CHROMIUM names another")
    if not BUILT.exists():
        unavailable("web UI", "it is not built; make ui builds it")
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Watch:
    """What a page did that it should not have."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.requests: list[str] = []
        self._wrong: list[str] = []
        self._expected: list[re.Pattern[str]] = []

    def expect_failure(self, pattern: str) -> None:
        """Failures whose address or text matches *pattern* are part of the test."""
        self._expected.append(re.compile(pattern))

    def attach(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self._wrong.append(f"error: {error}"))
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("requestfailed", self._failed)
        page.on("response", self._response)

    def settle(self) -> None:
        own = (self.origin, "data:", f"blob:{self.origin}", "about:", *OF_THE_BROWSER)
        foreign = [url for url in self.requests if not url.startswith(own)]
        assert foreign == []
        unexpected = [
            what
            for what in self._wrong
            if not any(pattern.search(what) for pattern in self._expected)
        ]
        assert unexpected == []

    def _failed(self, request: Request) -> None:
        if request.failure == "csp":  # the browser did not let it out
            self.requests.remove(request.url)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            where = message.location.get("url", "")
            self._wrong.append(f"console: {message.text} {where}")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self._wrong.append(f"{response.status}: {response.url}")


# For some frames on end: what is drawn may be what asks next.
_REST = """
async (limit) => {
  const frame = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))
  const busy = () => {
    const main = document.querySelector("#main")
    if (!main || main.childElementCount === 0) return "The page is empty."
    const one = document.querySelector("[data-state=loading]")
    if (one) return `On its way: ${one.outerHTML.slice(0, 200)}`
    const { requests } = document.documentElement.dataset
    return requests === "0" ? "" : `${requests} requests are on their way.`
  }
  const began = performance.now()
  for (let quiet = 0; quiet < 4; ) {
    await frame()
    const what = busy()
    quiet = what ? 0 : quiet + 1
    if (what && performance.now() - began > limit) return what
  }
  return ""
}
"""


def is_at_rest(page: Page) -> None:
    """The page is there, asks for nothing, and shows nothing as on its way.

    Not Playwright's "networkidle": the stream of events never ends."""
    expect(page.locator("#main")).to_be_attached()
    assert page.evaluate(_REST, WAIT_MS) == ""


def slow_down(page: Page) -> None:
    """As on a machine that is `SLOWER` times slower and has a server elsewhere."""
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    session.send("Network.enable")
    session.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": SLOW_WAY_MS,
            "downloadThroughput": -1,
            "uploadThroughput": -1,
        },
    )


def is_copied(page: Page, part: str) -> None:
    """The clipboard comes to hold a text with *part*, some time after the click."""
    held = page.evaluate(
        """async ([part, limit]) => {
          const began = performance.now()
          for (;;) {
            const held = await navigator.clipboard.readText()
            if (held.includes(part) || performance.now() - began > limit) return held
            await new Promise((resolve) => setTimeout(resolve, 20))
          }
        }""",
        [part, WAIT_MS],
    )
    assert part in held


def tab_to(target: Locator) -> None:
    """Presses Tab until *target* has the focus."""
    expect(target).to_be_visible()
    for _ in range(60):
        if target.evaluate("(one) => one === document.activeElement"):
            return
        target.page.keyboard.press("Tab")
    raise AssertionError("Tab does not lead there")


def alike(browser: Browser, **options: object) -> BrowserContext:
    """A context that looks alike everywhere: UTC, one language, no animations."""
    settings: dict[str, object] = {
        "timezone_id": "UTC",
        "locale": "en-GB",
        "reduced_motion": "reduce",
        "viewport": {"width": 1440, "height": 900},
    }
    context = browser.new_context(**(settings | options))  # type: ignore[arg-type]
    context.set_default_timeout(WAIT_MS)
    if SLOWER > 1:
        context.on("page", slow_down)
    return context


@pytest.fixture
def new_context(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Makes contexts; see `alike`."""
    made: list[BrowserContext] = []

    def make(**options: object) -> BrowserContext:
        made.append(alike(browser, **options))
        return made[-1]

    yield make
    for context in made:
        context.close()


@pytest.fixture
def watch(server: Api) -> Iterator[Watch]:
    watch = Watch(server.url)
    yield watch
    watch.settle()


@pytest.fixture
def page(new_context: Callable[..., BrowserContext], watch: Watch, server: Api) -> Page:
    """A page of the test's *server*; addresses are relative to it."""
    context = new_context(base_url=server.url)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    watch.attach(page)
    return page


@pytest.fixture(scope="session")
def many_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `many_runs` has its database, `millrace.db`."""
    return tmp_path_factory.mktemp("many") / "records"


@pytest.fixture(scope="session")
def many_runs(
    tmp_path_factory: pytest.TempPathFactory, many_place: Path, full_size: bool
) -> Iterator[Api]:
    """A server with data set D2 as experiment 1, in short runs with fewer metrics in each run, and
    with 5,000 other experiments."""
    # Workers that test at the same time have one folder, and fill a store once.
    base = tmp_path_factory.getbasetemp()
    filled = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "D2"
    with filled.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not filled.exists():
            unfinished = tmp_path_factory.mktemp("unfinished")
            stores = open_stores(f"sqlite:///{unfinished / 'millrace.db'}")
            try:
                fill("D2", stores, keys_a_run=200 if full_size else 14)
                fill("experiments", stores)
            finally:
                stores.close()
            unfinished.rename(filled)
    shutil.copytree(filled, many_place)
    with private_millrace(many_place) as url:
        yield Api(url)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A server with nothing on it; modules that need data have a `server` of their own."""
    with private_millrace(tmp_path_factory.mktemp("millrace")) as url:
        yield Api(url)
