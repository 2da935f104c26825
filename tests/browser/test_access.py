"""For everybody: axe on every page in both themes, narrow screens, zoom."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import is_at_rest
from tests.browser.seed import Api
from tests.services import private_millrace

AXE = Path(__file__).resolve().parents[2] / "ui" / "node_modules" / "axe-core" / "axe.min.js"


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
    rid, other = (run["info"]["run_id"] for run in runs[:2])
    server.post("registered-models/create", name="guarded")
    server.post("model-versions/create", name="guarded", source=f"runs:/{rid}/model", run_id=rid)
    policy = {"models": "guarded", "guards": [{"stage": "Production"}], "approvals": 1}
    server.post("approval-policies/set", policy=policy)
    asked = {"name": "guarded", "version": "1", "stage": "Production"}
    request = server.post("transition-requests/create", **asked)["request"]["id"]
    return {"eid": eid, "rid": rid, "other": other, "request": request}


def serious(page: Page, *rules: str) -> list[str]:
    """What axe finds that is serious or critical; by these *rules* only, if there are any."""
    page.evaluate(AXE.read_text())
    asked: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules:
        asked["runOnly"] = {"type": "rule", "values": rules}
    found: list[dict[str, Any]] = page.evaluate(
        "(asked) => axe.run(document, asked).then((result) => result.violations)", asked
    )
    return [
        f"{one['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
        for one in found
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"]
    ]


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
    "path",
    [
        "/",
        "/experiments",
        "/experiments/{eid}/runs/{rid}/overview",
        "/approvals/{request}?model=guarded",
        "/trash",
    ],
)
def test_ui_183_narrow_pages_do_not_scroll_sideways(
    new_context: Callable[..., BrowserContext], server: Api, ids: dict[str, str], path: str
) -> None:
    context = new_context(base_url=server.url, viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.goto(path.format(**ids))
    is_at_rest(page)

    main = page.locator("#main")
    # The second is a screen of 1440 by 900 at 200 %.
    for width, height in ((360, 740), (720, 450), (360, 740)):
        page.set_viewport_size({"width": width, "height": height})
        is_at_rest(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert main.evaluate("(one) => one.scrollWidth - one.clientWidth") <= 1
    page.get_by_role("button", name="Menu").click()
    rail = page.get_by_role("navigation", name="Main")
    expect(rail.get_by_role("link", name="Experiments", exact=True)).to_be_visible()


ATTACK = "<img src=x onerror=ran()><script>ran()</script>"
SEEN = [
    "/",
    "/experiments",
    "/experiments/{eid}",
    "/experiments/{eid}/runs/{rid}/overview",
    "/experiments/{eid}/runs/{rid}/artifacts?path=readme.md",
    "/experiments/{eid}/runs/{rid}/artifacts?path=train.log",
    "/compare?runs={rid},{other}",
    "/search?q=script",
]


def test_ui_112_scripts_in_texts_never_run(page: Page, server: Api) -> None:
    eid = server.experiment(f"attacked {ATTACK}")
    rid, other = (
        server.run(
            eid,
            f"{name} {ATTACK}",
            params={f"p {name}": ATTACK, "same": ATTACK},
            tags={"mlflow.note.content": f"# note\n{ATTACK}\n[x](javascript:ran())", "t": ATTACK},
            metrics={"loss": 1.0},
        )
        for name in ("one", "two")
    )
    server.put(rid, "readme.md", f"# read\n{ATTACK}\n".encode())
    server.put(rid, "train.log", f"begun\n{ATTACK}\n".encode())
    ran: list[str] = []
    page.expose_function("ran", lambda: ran.append(page.url))

    ids = {"eid": eid, "rid": rid["info"]["run_id"], "other": other["info"]["run_id"]}
    for path in SEEN:
        page.goto(path.format(**ids))
        is_at_rest(page)
        expect(page.locator("#main")).to_contain_text(re.compile("<script>|attacked|read"))

    assert ran == []
