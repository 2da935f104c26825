"""Every page by its address, with what nobody expects on it (data set D4): it opens, below a prefix
too, is sound in both themes, moves nothing, and runs nothing of what it shows."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import Watch, alike, is_at_rest
from tests.browser.seed import Api
from tests.browser.test_access import serious
from tests.services import http_server, private_millrace
from tests.sets.odd import Odd, odd

PAGES = Path(__file__).resolve().parents[2] / "ui" / "src"
# The rules that see a difference between themes.
OF_COLOURS = ("color-contrast", "link-in-text-block")
RUN = "/experiments/{eid}/runs/{rid}"
TAB = re.compile(rf"{re.escape(RUN)}/(?!overview)\w+$")
ADDRESSES = (
    "/",
    "/experiments",
    "/experiments?folder={folder}",
    "/experiments/{eid}",
    "/experiments/{eid},0",
    "/experiments/{eid}/models",
    "/experiments/{eid}/logged-models/{mid}",
    RUN,
    f"{RUN}/overview",
    f"{RUN}/charts",
    f"{RUN}/system",
    f"{RUN}/media",
    f"{RUN}/artifacts",
    f"{RUN}/artifacts?path=readme.md",
    f"{RUN}/artifacts?path=huge.bin",
    f"{RUN}/models",
    f"{RUN}/traces",
    f"{RUN}/logs",
    f"{RUN}/code",
    f"{RUN}/lineage",
    "/experiments/{eid}/artifacts/{rid}/readme.md",
    "/runs/{rid}",
    "/compare?runs={rid},{other}&experiments={eid}",
    "/compare?runs={rid},{other}&tab=charts",
    "/compare?runs={rid},{other}&tab=code",
    "/compare?runs={rid},{other}&tab=environment",
    "/compare?runs={rid},{other}&tab=artifacts",
    "/compare?runs={rid},{other}&tab=media",
    "/models",
    "/models/{model}",
    "/models/{model}/versions/1",
    "/models/{model}/compare?v=1,2",
    "/approvals",
    "/approvals/{request}?model={model}",
    "/audit",
    "/trash",
    "/search?q=script",
    "/admin",
    "/admin/server",
    "/admin/storage",
    "/admin/tasks",
    "/admin/webhooks",
    "/admin/storage",
    "/admin/tasks",
    "/admin/server",
    "/settings",
    "/settings/profile",
    "/settings/appearance",
    "/settings/shortcuts",
    "/settings/server",
    "/no/such/place",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tour")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Api]:
    with private_millrace(folder) as url:
        yield Api(url)


@pytest.fixture(scope="module")
def things(server: Api, folder: Path) -> Odd:
    """What there is on the server."""
    return odd(server, folder / "mlartifacts")


@pytest.fixture(scope="module")
def prefixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A server below a prefix, as behind a proxy."""

    def command(port: int) -> list[str]:
        options = ["--port", str(port), "--static-prefix", "/ml/track"]
        return [sys.executable, "-m", "millrace", "server", *options]

    folder = tmp_path_factory.mktemp("prefixed")
    with http_server(command, folder, health="/ml/track/health") as url:
        yield Api(f"{url}/ml/track")


@pytest.fixture(scope="module")
def tourist(browser: Browser) -> Iterator[BrowserContext]:
    """One for all tests, so that scripts are fetched once."""
    context = alike(browser)
    yield context
    context.close()


@pytest.fixture
def page(tourist: BrowserContext, watch: Watch) -> Iterator[Page]:
    page = tourist.new_page()
    watch.attach(page)
    yield page
    page.close()


def opened(page: Page, url: str, things: Odd, address: str) -> None:
    """The page at an address is there, and nothing on it has failed."""
    page.goto(url + address.format(folder="odd", **things.in_addresses))
    is_at_rest(page)
    expect(page.locator("[data-state=error]")).to_have_count(0)
    expect(page).to_have_title(re.compile(r". · Millrace$"))


def test_every_route_is_on_the_way() -> None:
    """Also each tab of a run, and what is below it."""
    routes = re.findall(r'(?:at|moved)\("([^"]+)"', (PAGES / "routes.tsx").read_text())
    tabs = re.search(r"RUN_TABS = \[(.*?)\]", (PAGES / "paths.ts").read_text(), re.DOTALL)
    assert tabs is not None
    wanted = {
        tuple("*" if part.startswith("$") else part for part in route.split("/"))
        for route in routes
        if route != "/experiments/$eid/runs/$rid/$tab"
    } | {("", "experiments", "*", "runs", "*", tab) for tab in re.findall(r'"(\w+)"', tabs[1])}
    visited = {
        tuple(re.sub(r"\{.*\}|readme\.md", "*", part) for part in urlsplit(address).path.split("/"))
        for address in ADDRESSES
    }

    # One version and one section stand for all.
    assert {route for route in wanted if route not in visited} <= {
        ("", "models", "*", "versions", "*"),
        ("", "admin", "*"),
        ("", "settings", "*"),
    }


def test_ui_005_a_prefix_changes_nothing(browser: Browser, prefixed: Api, full_size: bool) -> None:
    """In short runs one tab stands for all."""
    things, watch = odd(prefixed), Watch(prefixed.url)
    page = alike(browser).new_page()
    watch.attach(page)
    one_a_route = [one for one in ADDRESSES if "tab=" not in one and not TAB.match(one)]
    for address in ADDRESSES if full_size else one_a_route:
        opened(page, prefixed.url, things, address)

    page.get_by_role("link", name="Experiments", exact=True).first.click()
    expect(page.get_by_role("heading", name="Experiments")).to_be_visible()
    expect(page).to_have_url(f"{prefixed.url}/experiments")
    is_at_rest(page)
    watch.settle()
    page.context.close()


# Makes the texts of what is pressed two fifths longer, and tells whose text is cut off then.
CLIPPED = """() => {
  const pressed = [...document.querySelectorAll("button, [role=button], [role=tab], [role=radio]")]
    .filter((one) => one.checkVisibility({ checkVisibilityCSS: true }) && one.textContent.trim())
  for (const one of pressed) {
    const texts = document.createTreeWalker(one, NodeFilter.SHOW_TEXT)
    for (let text = texts.nextNode(); text; text = texts.nextNode()) {
      const { length } = text.data.trim()
      if (length > 0) text.data = `⟦${text.data.trim()}${"ö".repeat(Math.ceil(length * 0.4))}⟧`
    }
  }
  const isCut = (one) => {
    if (one.scrollWidth > one.clientWidth + 1) return true
    const { left, right } = one.getBoundingClientRect()
    for (let at = one.parentElement; at; at = at.parentElement) {
      const { overflowX } = getComputedStyle(at)
      if (overflowX === "auto" || overflowX === "scroll") return false
      const frame = at.getBoundingClientRect()
      if (overflowX !== "visible" && (left < frame.left - 1 || right > frame.right + 1)) return true
    }
    return right > innerWidth + 1
  }
  return [pressed.length, pressed.filter(isCut).map((one) => one.textContent)]
}"""


# The longest transition, or wait before one, of elements and what is set beside them, in seconds.
LONGEST_S = """() => Math.max(...[...document.querySelectorAll("*")].flatMap((one) =>
  [undefined, "::before", "::after"].flatMap((beside) => {
    const { transitionDuration, transitionDelay } = getComputedStyle(one, beside)
    return `${transitionDuration},${transitionDelay}`.split(",").map(parseFloat)
  })))"""


@pytest.mark.parametrize("address", ADDRESSES)
def test_ui_003_112_180_182_184_185_every_address_opens_and_is_sound(
    page: Page, server: Api, things: Odd, address: str
) -> None:
    """By all rules of axe in the light, and by those about colours in the dark; for who wants no
    motion there is none; and longer words are not cut off."""
    ran: list[str] = []
    page.expose_function("ran", lambda: ran.append(page.url))

    opened(page, server.url, things, address)

    assert serious(page) == []
    page.emulate_media(color_scheme="dark")
    is_at_rest(page)
    assert serious(page, *OF_COLOURS) == []
    assert ran == []
    assert page.evaluate(LONGEST_S) <= 0.01
    page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate(LONGEST_S) >= 0.08
    page.emulate_media(reduced_motion="reduce")
    pressed, clipped = page.evaluate(CLIPPED)
    assert pressed > 3
    assert clipped == []
