"""A run, its files, and runs side by side."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import is_at_rest, is_copied
from tests.browser.seed import Api
from tests.services import private_millrace
from tests.sets.viewers import png

FILES = {
    "readme.md": b"# Title\n\n![plot](plots/loss.png)\n\n![far](https://example.com/x.png)\n",
    "plots/loss.png": png(64, 48),
    "plots/more.png": png(32, 24),
    "data/table.csv": b"id,name,score\n"
    + b"".join(b"%d,name %d,%d\n" % (n, n, 99 - n) for n in range(100)),
    "config.json": json.dumps({"lr": 0.1, "layers": [{"size": 3}]}).encode(),
    "train.log": b"".join(b"line %d\n" % number for number in range(20_000)),
    "weights.bin": bytes(range(256)) * 32,
    "empty.txt": b"",
    "large.log": b"x" * (6 * 1024 * 1024),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with private_millrace(tmp_path_factory.mktemp("runs")) as url:
        yield Api(url)


@pytest.fixture(scope="module")
def experiment(server: Api) -> str:
    return server.experiment("runs")


@pytest.fixture(scope="module")
def filed(server: Api, experiment: str) -> str:
    """A run with files."""
    run = server.run(experiment, "with files")
    for path, content in FILES.items():
        server.put(run, path, content)
    return str(run["info"]["run_id"])


def artifact(page: Page, experiment: str, run: str, path: str) -> None:
    page.goto(f"/experiments/{experiment}/runs/{run}/artifacts?path={path}")


def test_ui_100_the_overview_tells_what_was_logged(
    page: Page, server: Api, experiment: str
) -> None:
    run = server.run(
        experiment,
        "told",
        params={"lr": "0.1", "model.depth": "18"},
        metrics={"loss": [3.0, 1.0, 2.0]},
        tags={"team": "vision", "mlflow.note.content": "A **note**"},
    )["info"]["run_id"]
    server.run(experiment, "a child", tags={"mlflow.parentRunId": run})
    page.goto(f"/experiments/{experiment}/runs/{run}/overview")

    row = page.get_by_role("row").filter(has_text="loss")
    expect(row.get_by_role("cell")).to_have_text(["loss", "2", "1", "3", "2", "3"])
    expect(page.get_by_role("row").filter(has_text="model.depth")).to_contain_text("18")
    expect(page.get_by_role("link", name="a child")).to_be_visible()
    expect(page.get_by_text("team: vision")).to_be_visible()
    expect(page.locator("strong", has_text="note")).to_be_visible()


def test_a_note_and_tags_are_written(page: Page, server: Api, experiment: str) -> None:
    run = server.run(experiment, "noted")["info"]["run_id"]
    page.goto(f"/experiments/{experiment}/runs/{run}")
    page.get_by_role("button", name="Write").click()
    page.get_by_role("textbox", name="Note").fill("Remember *this*")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("em", has_text="this")).to_be_visible()
    page.get_by_label("New tag").fill("stage: tried")
    page.get_by_label("New tag").press("Enter")

    expect(page.get_by_text("stage: tried")).to_be_visible()


def test_ui_104_differences_are_counted_and_walked(
    page: Page, server: Api, experiment: str
) -> None:
    ids = [
        server.run(
            experiment,
            f"c{number}",
            params={"same": "1", "lr": str(number), **({"only": "x"} if number == 0 else {})},
            metrics={"loss": 3.0 - number, "flat": 1.0},
        )["info"]["run_id"]
        for number in range(3)
    ]
    page.goto(f"/compare?runs={','.join(ids)}")
    expect(page.get_by_test_id("differences")).to_have_text("3 differences")

    page.get_by_role("button", name="Differences only").click()

    keys = page.locator("[role=treegrid] [data-row]:not([data-group]) [data-column=key]")
    expect(keys).to_have_text(["lr", "only", "loss"])
    page.reload()
    expect(keys).to_have_text(["lr", "only", "loss"])
    best = page.locator("[data-best]")
    expect(best).to_have_text("1")
    page.keyboard.press("n")
    expect(page.locator("[data-row][data-active] [data-column=key]")).to_have_text("only")
    page.keyboard.press("N")
    expect(page.locator("[data-row][data-active] [data-column=key]")).to_have_text("lr")


def test_ui_105_many_runs_are_compared(page: Page, server: Api) -> None:
    experiment = server.experiment("wide")
    ids = [
        server.run(experiment, f"w{number}", params={"n": str(number)}, status=None)["info"][
            "run_id"
        ]
        for number in range(200)
    ]
    began = time.monotonic()
    page.goto(f"/compare?runs={','.join(ids)}&experiments={experiment}")

    expect(page.get_by_role("heading", name="Compare 200 runs")).to_be_visible()
    expect(page.get_by_role("columnheader", name="w0", exact=False).first).to_be_visible()
    is_at_rest(page)
    assert time.monotonic() - began < 20  # 3 s
    assert page.get_by_role("columnheader").count() < 20


def test_ui_107_pictures_tables_documents_and_text(page: Page, experiment: str, filed: str) -> None:
    artifact(page, experiment, filed, "plots/loss.png")
    expect(page.get_by_text("64 × 48")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text("32 × 24")).to_be_visible()

    artifact(page, experiment, filed, "data/table.csv")
    expect(page.get_by_text("100 rows, 3 columns")).to_be_visible()
    page.get_by_role("button", name="score", exact=True).click()
    expect(page.locator("[role=treegrid] [data-row]").first).to_contain_text("name 99")

    artifact(page, experiment, filed, "config.json")
    page.get_by_role("button", name="lr").click()
    is_copied(page, "lr")

    artifact(page, experiment, filed, "readme.md")
    expect(page.get_by_role("heading", name="Title")).to_be_visible()
    expect(page.get_by_role("img", name="plot")).to_have_js_property("naturalWidth", 64)
    expect(page.get_by_text("far")).to_be_visible()

    artifact(page, experiment, filed, "weights.bin")
    expect(page.get_by_text("000000  00 01 02 03")).to_be_visible()

    artifact(page, experiment, filed, "empty.txt")
    expect(page.get_by_text("This file is empty")).to_be_visible()


def test_ui_101_long_text_is_searched(page: Page, experiment: str, filed: str) -> None:
    artifact(page, experiment, filed, "train.log")
    expect(page.get_by_text("20 000 lines")).to_be_visible()
    page.get_by_label("Find in the text").fill("line 19876")
    expect(page.get_by_text("1 of 1 line")).to_be_visible()
    page.get_by_label("Find in the text").press("Enter")

    expect(page.get_by_text("19877", exact=True)).to_be_visible()
    is_at_rest(page)
    assert page.locator("[data-index]").count() < 120


def test_ui_108_of_a_large_file_nothing_is_fetched(page: Page, experiment: str, filed: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    artifact(page, experiment, filed, "large.log")

    expect(page.get_by_text("6 MiB are a lot to look at")).to_be_visible()
    assert [url for url in asked if "get-artifact" in url] == []
    page.get_by_role("button", name="Load it here").click()
    expect(page.get_by_text("1 line")).to_be_visible()


def test_ui_110_all_files_come_as_one(page: Page, experiment: str, filed: str) -> None:
    page.goto(f"/experiments/{experiment}/runs/{filed}")
    with page.expect_download() as caught:
        page.get_by_role("link", name="Download all").click()
    content = caught.value.path().read_bytes()

    archive = zipfile.ZipFile(io.BytesIO(content))
    held = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    assert held == FILES


def test_ui_110_files_that_were_chosen_come_as_one(page: Page, experiment: str, filed: str) -> None:
    page.goto(f"/experiments/{experiment}/runs/{filed}/artifacts")
    tree = page.get_by_role("tree", name="Artifacts")
    tree.get_by_role("treeitem", name="config.json").click(modifiers=["Control"])
    tree.get_by_role("treeitem", name="plots").press("Space")
    tree.get_by_role("treeitem", name="readme.md").locator("[data-box]").click()
    expect(tree.locator("[aria-checked=true]")).to_have_count(3)
    expect(page.get_by_text("Choose a file", exact=True)).to_be_visible()

    with page.expect_download() as caught:
        page.get_by_role("link", name="Download 3 as zip").click()

    archive = zipfile.ZipFile(io.BytesIO(caught.value.path().read_bytes()))
    names = ("config.json", "plots/loss.png", "plots/more.png", "readme.md")
    assert {name: archive.read(name) for name in archive.namelist()} == {
        name: FILES[name] for name in names
    }


def test_ui_080_a_run_has_one_colour(page: Page, server: Api) -> None:
    experiment = server.experiment("coloured")
    run, other = (
        server.run(experiment, name, metrics={"loss": [2.0, 1.0]})["info"]["run_id"]
        for name in ("painted", "other")
    )
    page.goto(f"/experiments/{experiment}")
    swatch = page.get_by_role("row").filter(has_text="painted").locator("i").first
    expect(swatch).to_be_visible()
    in_table = swatch.evaluate("(one) => getComputedStyle(one).backgroundColor")
    line = page.get_by_role("list", name="Legend").locator("li", has_text="painted").locator("line")
    page.keyboard.press("3")
    expect(line).to_have_css("stroke", in_table)

    page.goto(f"/experiments/{experiment}/runs/{run}")
    heading = page.get_by_role("heading", name="painted").locator("i")
    expect(heading).to_have_css("background-color", in_table)
    page.goto(f"/compare?runs={run},{other}&experiments={experiment}&tab=charts")
    expect(line).to_have_css("stroke", in_table)


def test_logs_of_a_run_are_read_line_by_line(page: Page, server: Api, experiment: str) -> None:
    run = server.run(experiment, "told much")
    server.put(run, "train.log", b"".join(b"line %d\n" % number for number in range(2_000)))
    server.put(run, "logs/worker-1.log", b"the worker began\n")
    page.goto(f"/experiments/{experiment}/runs/{run['info']['run_id']}/logs")
    expect(page.get_by_text("line 3", exact=True)).to_be_visible()

    page.get_by_label("Log file").select_option("logs/worker-1.log")

    expect(page.get_by_text("the worker began")).to_be_visible()
