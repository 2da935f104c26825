"""The frame of every page: addresses, palette, shortcuts, themes, what is asked for."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import Watch, is_at_rest, is_copied
from tests.browser.seed import Api, packed_view
from tests.services import clean_environment, private_millrace


def something(api: Api) -> dict[str, str]:
    """An experiment and a run with a file; their ids."""
    found = api.post("experiments/search", max_results=100).get("experiments", [])
    eid = next((one["experiment_id"] for one in found if one["name"] == "vision/first"), None)
    eid = eid or api.experiment("vision/first")
    run = api.run(eid, "first-run", params={"lr": "0.1"}, metrics={"loss": [3.0, 2.0, 1.0]})
    api.put(run, "notes.txt", b"one\ntwo\n")
    return {"eid": eid, "rid": run["info"]["run_id"]}


def is_settled(page: Page) -> None:
    """Nothing is on its way any more, and nothing has failed."""
    is_at_rest(page)
    expect(page.locator("[data-state=error]")).to_have_count(0)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Api]:
    with private_millrace(tmp_path) as url:
        yield Api(url)


def test_ui_001_the_first_page_says_how_to_record_here(
    empty: Api, new_context: Callable[..., BrowserContext]
) -> None:
    context = new_context(base_url=empty.url)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto("/")

    expect(page.get_by_role("heading", name="Record the first run")).to_be_visible()
    shown = page.locator("pre")
    for at in range(3):
        expect(shown.nth(at)).to_contain_text(empty.url)
    page.get_by_role("button", name="Copy Python").click()
    is_copied(page, shown.first.inner_text())


def test_ui_002_a_run_of_the_snippet_shows_by_itself(
    empty: Api, new_context: Callable[..., BrowserContext]
) -> None:
    page = new_context(base_url=empty.url).new_page()
    page.goto("/")
    text = page.locator("pre").first.inner_text()
    done = subprocess.run(
        [sys.executable, "-c", text], env=clean_environment(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr

    expect(page.get_by_role("heading", name="Latest runs")).to_be_visible()
    expect(page.get_by_text("Finished")).to_be_visible()


def links(eid: str, rid: str) -> dict[str, tuple[str, str]]:
    """Addresses that clients print, what they lead to, and what is to be seen there."""
    order = quote("metrics.`loss`")
    searched = f"searchFilter={quote('metrics.loss < 5')}&orderByKey={order}&orderByAsc=true"
    return {
        f"#/experiments/{eid}": (f"/experiments/{eid}", "first-run"),
        f"#/experiments/{eid}?{searched}": (f"/experiments/{eid}", "metrics.loss < 5"),
        f"#/experiments/{eid}/runs/{rid}": (f"/experiments/{eid}/runs/{rid}/overview", "loss"),
        f"#/experiments/{eid}/runs/{rid}/artifactPath/notes.txt": (
            f"/experiments/{eid}/runs/{rid}/artifacts",
            "notes.txt",
        ),
        f"#/runs/{rid}": (f"/experiments/{eid}/runs/{rid}/overview", "loss"),
        f'#/compare-runs?runs=["{rid}"]&experiments=["{eid}"]': ("/compare", "first-run"),
        f'#/compare-experiments/s?experiments=["{eid}","0"]': (
            f"/experiments/{eid},0",
            "first-run",
        ),
        f'#/metric/loss?runs=["{rid}"]&plot_metric_keys=["loss"]': ("/compare", "Compare 1 run"),
        "#/models": ("/models", "Models"),
    }


@pytest.mark.parametrize("number", range(9))
def test_ui_004_printed_addresses_lead_to_the_right_page(
    page: Page, server: Api, number: int
) -> None:
    address, (path, seen) = list(links(**something(server)).items())[number]

    page.goto(f"/{address}")

    expect(page).to_have_url(re.compile(re.escape(server.url + path) + r"(\?|$)"))
    expect(page.locator("#main").get_by_text(seen).first).to_be_visible()


def test_ui_004_filter_and_order_are_applied(page: Page, server: Api) -> None:
    ids = something(server)
    asked = quote("metrics.loss < 5")
    with page.expect_request(
        lambda request: (
            "runs/table" in request.url and "metrics.loss < 5" in (request.post_data or "")
        )
    ) as caught:
        page.goto(
            f"/#/experiments/{ids['eid']}?searchFilter={asked}&orderByKey=attributes.start_time&orderByAsc=true"
        )

    assert '"attributes.start_time ASC"' in (caught.value.post_data or "")


def test_ui_006_the_palette_finds_runs_and_remembers(page: Page, server: Api) -> None:
    ids = something(server)
    server.run(ids["eid"], "zanzibar-otter")
    page.goto("/experiments")
    is_settled(page)
    page.keyboard.press("Control+k")
    page.get_by_placeholder("Experiments, runs").fill("zan")
    expect(page.get_by_role("option", name="zanzibar-otter")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="zanzibar-otter")).to_be_visible()

    page.keyboard.press("Control+k")
    page.get_by_placeholder("Experiments, runs").fill(ids["rid"])
    first = page.get_by_role("option").first
    expect(first).to_contain_text("first-run")
    page.keyboard.press("Escape")
    page.reload()
    is_settled(page)
    page.keyboard.press("Control+k")
    expect(page.get_by_role("option", name="zanzibar-otter")).to_be_visible()


def test_ui_007_shortcuts_are_listed_and_letters_can_be_switched_off(
    page: Page, server: Api
) -> None:
    page.goto(f"/experiments/{something(server)['eid']}")
    runs = page.get_by_role("treegrid", name="Runs")
    expect(runs.get_by_role("link", name="first-run").first).to_be_visible()
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(sheet.get_by_text("Compare", exact=True)).to_be_visible()
    sheet.get_by_label("Single letters act").uncheck()
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)

    runs.focus()
    page.keyboard.press("Space")
    expect(page.get_by_test_id("selected")).to_have_text("1 selected")
    page.keyboard.press("c")
    page.keyboard.press("Space")

    expect(page.get_by_test_id("selected")).to_have_count(0)
    expect(runs).to_be_visible()
    page.goto("/settings/shortcuts")
    page.get_by_label("Single letters act outside of fields").check()


def test_ui_008_the_first_script_is_small(page: Page, server: Api) -> None:
    """As transferred: the server sends what the build has compressed."""
    sizes: dict[str, int] = {}
    page.on(
        "response",
        lambda response: (
            sizes.__setitem__(response.url, int(response.headers.get("content-length", "0")))
            if response.url.endswith(".js")
            else None
        ),
    )
    page.goto(f"/experiments/{something(server)['eid']}")
    is_settled(page)

    assert 0 < sum(sizes.values()) < 300 * 1024
    for path in ("/", "/experiments"):
        page.goto(path)
        is_settled(page)
    lazily = ("MarkdownView", "JsonView", "FrameView", "CommandPalette", "TextView")
    assert [url for url in sizes if any(name in url for name in lazily)] == []


def test_ui_009_a_tour_stays_on_the_server(page: Page, server: Api, watch: Watch) -> None:
    page.goto("/")
    is_settled(page)
    rail = page.get_by_role("navigation", name="Main")
    for name in ("Experiments", "Models", "Approvals", "Audit", "Trash", "Admin", "Settings"):
        before = len(watch.requests)
        rail.get_by_role("link", name=name, exact=True).click()
        expect(page).to_have_title(re.compile(f"^({name}|Webhooks|Appearance)"))
        is_settled(page)
        assert len(watch.requests) > before

    assert {urlsplit(url).netloc for url in watch.requests} == {urlsplit(server.url).netloc}


def test_ui_010_an_unknown_path_has_a_page_and_an_unknown_call_an_error(
    page: Page, server: Api, watch: Watch
) -> None:
    watch.expect_failure("/api/2.0/mlflow/nothing")
    page.goto("/no/such/place")
    expect(page.get_by_role("heading", name="There is nothing at this address")).to_be_visible()
    page.get_by_role("searchbox", name="Name or id").fill("sought")
    page.get_by_role("search").get_by_role("button", name="Search").click()
    expect(page).to_have_url(re.compile(r"/search\?q=sought"))
    is_settled(page)

    reply = page.goto("/api/2.0/mlflow/nothing")

    assert reply is not None
    assert reply.status == 404
    assert reply.headers["content-type"] == "application/json"


def test_ui_182_the_theme_is_there_before_the_first_paint(page: Page) -> None:
    page.goto("/settings/appearance")
    page.get_by_role("radio", name="Dark").click()
    expect(page.locator("body")).to_have_css("background-color", "rgb(15, 20, 19)")

    reply = page.reload()

    assert reply is not None
    assert '<html data-theme="dark"' in reply.text()


def test_colours_and_digits_are_those_that_this_browser_has_chosen(page: Page, server: Api) -> None:
    experiment = server.experiment("vision/digits of pi")
    run = server.run(experiment, "exact", metrics={"pi": [3.141592653589793]})["info"]["run_id"]
    overview = f"/experiments/{experiment}/runs/{run}/overview"
    page.goto(overview)
    expect(page.get_by_text("3.1416", exact=True).first).to_be_visible()

    page.goto("/settings/appearance")
    shown = page.get_by_test_id("colours").locator("svg")
    expect(shown).to_have_count(24)
    page.get_by_role("radio", name="Few, far apart").click()
    page.get_by_role("radio", name="All digits").click()
    page.reload()

    expect(shown).to_have_count(8)
    expect(page.get_by_test_id("numbers")).to_contain_text("0.123456789")
    page.goto(overview)
    expect(page.get_by_text("3.141592653589793", exact=True).first).to_be_visible()


def test_ui_192_without_a_server_what_was_seen_stays(page: Page, server: Api, watch: Watch) -> None:
    watch.expect_failure("ERR_FAILED|Failed to load")
    page.goto(f"/experiments/{something(server)['eid']}")
    expect(page.get_by_role("treegrid", name="Runs")).to_be_visible()

    page.route("**/api/**", lambda route: route.abort())
    page.keyboard.press("r")

    expect(page.get_by_text("The server cannot be reached").first).to_be_visible()
    expect(page.get_by_text("first-run").first).to_be_visible()
    with page.expect_request("**/api/**"):
        page.get_by_role("button", name="Try again").click()
    # Whatever asks next finds the way back, the page by itself too: the button may be gone then.
    page.unroute("**/api/**")
    page.keyboard.press("r")
    expect(page.get_by_text("The server cannot be reached")).to_have_count(0)


def test_ui_195_a_view_of_another_version_is_the_usual_one(page: Page, server: Api) -> None:
    page.goto(f"/experiments/{something(server)['eid']}?s=nonsense")

    expect(page.get_by_text("a view of another version")).to_be_visible()
    expect(page.get_by_role("treegrid", name="Runs")).to_be_visible()


def test_an_address_that_grew_too_long_is_kept_by_the_server(
    page: Page, server: Api, new_context: Callable[..., BrowserContext], watch: Watch
) -> None:
    watch.expect_failure("/views/v-0|status of 404")
    experiment = server.experiment("vision/long address")
    run = server.run(experiment, "kept", params={"lr": "0.1"})["info"]["run_id"]
    server.run(experiment, "other", params={"lr": "0.2"})
    # What cannot be packed: a thousand times 16 random bytes.
    hidden = [random.Random(seed).randbytes(16).hex() for seed in range(300)]
    view = {"q": "params.lr = '0.1'", "hidden": hidden, "selected": [run]}
    page.goto(f"/experiments/{experiment}?s={packed_view(**view)}")
    expect(page.get_by_test_id("selected")).to_have_text("1 selected")

    page.get_by_role("radio", name="Split").click()

    expect(page).to_have_url(re.compile(r"\?view=v-[0-9a-f]{32}$"))
    elsewhere = new_context(base_url=server.url).new_page()
    elsewhere.goto(page.url)
    expect(elsewhere.get_by_role("combobox", name="Query")).to_have_value("params.lr = '0.1'")
    expect(elsewhere.get_by_role("radio", name="Split")).to_be_checked()
    expect(elsewhere.get_by_test_id("selected")).to_have_text("1 selected")
    is_settled(elsewhere)
    assert elsewhere.url == page.url
    page.goto(f"/experiments/{experiment}?view=v-{'0' * 32}")
    expect(page.get_by_text("The view of this address is not there")).to_be_visible()
    expect(page.get_by_role("treegrid", name="Runs")).to_be_visible()


def test_the_policy_forbids_inline_scripts(browser: Browser, server: Api) -> None:
    page = browser.new_page(base_url=server.url)
    reply = page.goto("/")
    assert reply is not None
    policy = reply.headers["content-security-policy"]
    page.evaluate(
        """document.body.append(
          Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))"""
    )

    assert "script-src 'self';" in policy
    assert page.evaluate("window.ran") is None
    page.close()
