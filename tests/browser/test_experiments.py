"""Experiments in folders, their trash, and several together."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import is_at_rest
from tests.browser.seed import Api
from tests.services import private_millrace


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with private_millrace(tmp_path_factory.mktemp("experiments")) as url:
        api = Api(url)
        for name in ("vision/resnet/sweeps", "vision/resnet/baseline", "vision/masks", "speech"):
            api.experiment(name)
        yield api


def make(api: Api, name: str, runs: int = 0) -> str:
    """A new experiment with runs."""
    experiment = api.experiment(name)
    for number in range(runs):
        api.run(experiment, f"run-{number:02d}", metrics={"loss": float(number)})
    return experiment


def test_ui_020_folders_open_and_stay_in_the_address(page: Page) -> None:
    page.goto("/experiments")
    folders = page.get_by_role("navigation", name="Folders")
    vision = folders.get_by_role("listitem").filter(has_text="vision").last
    expect(vision).to_contain_text("3")

    folders.get_by_role("button", name="Open vision").click()
    folders.get_by_role("link", name="resnet").click()

    expect(page).to_have_url(re.compile("folder=vision(/|%2F)resnet"))
    expect(page.get_by_role("heading", name="resnet")).to_be_visible()
    page.get_by_role("link", name="baseline").click()
    expect(page.get_by_text("No runs yet")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="resnet")).to_be_visible()


def test_ui_020_back_leads_to_the_rows_that_were_in_sight(page: Page, server: Api) -> None:
    for number in range(45):
        server.experiment(f"attic/{number:02d}")
    page.goto("/experiments?folder=attic")
    grid = page.get_by_role("treegrid", name="Experiments")
    expect(grid.locator("[data-row] a").first).to_be_visible()
    grid.evaluate("(one) => { one.scrollTop = 400 }")
    link = grid.get_by_role("link", name="20", exact=True)
    link.click()
    expect(page.get_by_text("No runs yet")).to_be_visible()

    page.go_back()

    expect(grid).to_have_js_property("scrollTop", 400)
    expect(link).to_be_in_viewport()


def test_ui_021_an_experiment_is_moved_by_menu_and_by_drag(page: Page, server: Api) -> None:
    experiment = make(server, "wandering")
    page.goto("/experiments")
    page.get_by_role("button", name="Actions of wandering").click()
    page.get_by_role("menuitem", name="Rename or move").click()
    page.get_by_label("Name", exact=True).fill("vision/wandering")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("button", name="Actions of vision/wandering")).to_be_visible()
    tree = page.get_by_role("navigation", name="Folders").get_by_role("listitem")
    expect(tree.filter(has_text="vision").last).to_contain_text("4")

    is_at_rest(page)
    row = page.get_by_role("row").filter(has_text="vision/wandering")
    folders = page.get_by_role("navigation", name="Folders")
    row.get_by_role("link").drag_to(folders.get_by_role("link", name="All experiments"))

    expect(page.get_by_role("button", name="Actions of wandering", exact=True)).to_be_visible()
    expect(tree.filter(has_text="vision").last).to_contain_text("3")
    page.goto(f"/experiments/{experiment}")
    expect(page.get_by_role("navigation", name="Breadcrumbs")).to_contain_text("wandering")


def test_ui_022_deleting_says_how_much_and_can_be_undone(
    page: Page, server: Api, full_size: bool
) -> None:
    runs = 40 if full_size else 4
    experiment = make(server, "short-lived", runs=runs)
    page.goto("/experiments")
    page.get_by_role("button", name="Actions of short-lived").click()
    page.get_by_role("menuitem", name="Delete").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"{runs} runs")
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("row").filter(has_text="short-lived")).to_have_count(0)
    deleted = server.post("experiments/search", view_type="DELETED_ONLY", max_results=100)
    assert experiment in [one["experiment_id"] for one in deleted["experiments"]]

    page.get_by_role("button", name="Undo").click()

    expect(page.get_by_role("row").filter(has_text="short-lived")).to_be_visible()
    found = server.post("runs/search", experiment_ids=[experiment])
    assert len(found["runs"]) == runs


def test_ui_023_two_experiments_open_together(page: Page, server: Api) -> None:
    make(server, "left", runs=1)
    make(server, "right", runs=2)
    page.goto("/experiments")
    page.get_by_label("Select left").check()
    page.get_by_label("Select right").check()

    page.get_by_role("button", name="Open 2 together").click()

    expect(page.get_by_test_id("count")).to_have_text("3 runs")
    cells = page.locator("[data-column='attributes.experiment_id']")
    expect(cells.filter(has_text="left")).to_have_count(1)
    expect(cells.filter(has_text="right")).to_have_count(2)


def test_the_list_tells_the_best_the_owner_and_the_size(page: Page, server: Api) -> None:
    plain, judged = (server.experiment(f"judged/{name}") for name in ("plain", "judged"))
    for name, user, accuracy in [("a", "bob", [0.25, 0.5]), ("b", "eve", [0.75, 0.5, 0.25])]:
        run = server.run(judged, name, metrics={"acc": accuracy}, user=user)
    server.put(run, "weights.bin", b"\0" * 2_048)
    server.run(judged, "c", user="bob")
    server.run(plain, "d", user="ada")
    page.goto("/experiments?folder=judged")
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="judged", exact=True))
    expect(row.get_by_text("bob +1")).to_be_visible()
    expect(row.get_by_text("2 KiB")).to_be_visible()

    row.get_by_role("button", name="Actions of judged/judged").click()
    page.get_by_role("menuitem", name="Primary metric").click()
    dialog = page.get_by_role("dialog", name="Primary metric")
    dialog.get_by_label("Metric").fill("acc")
    dialog.get_by_role("radio", name="Higher is better").click()
    dialog.get_by_role("button", name="Save").click()

    best = row.get_by_role("link", name="0.75")
    expect(best).to_have_attribute("title", "acc: 0.75")
    expect(best.locator("svg")).to_be_visible()
    expect(best).to_have_attribute("href", re.compile(run["info"]["run_id"]))
    size = page.get_by_role("columnheader", name="Size")
    size.get_by_role("button").click()
    expect(size).to_have_attribute("aria-sort", "descending")
    names = page.get_by_role("treegrid", name="Experiments").locator("[data-row] a[title^=judged]")
    expect(names).to_have_text(["judged", "plain"])
    owner = page.get_by_role("columnheader", name="Owner")
    for way in ("descending", "ascending"):
        owner.get_by_role("button").click()
        expect(owner).to_have_attribute("aria-sort", way)
    expect(names).to_have_text(["plain", "judged"])


def test_the_trash_is_emptied_of_what_is_old_enough(page: Page, server: Api) -> None:
    run = server.run(server.experiment("gone/soon"), "too-late", metrics={"loss": 1.0})
    server.post("runs/delete", run_id=run["info"]["run_id"])
    page.goto("/trash?kind=run")
    row = page.get_by_role("row", name=re.compile("too-late"))
    expect(row).to_be_visible()

    page.get_by_role("button", name="Empty the trash").click()
    days = page.get_by_role("textbox", name="Deleted at least so many days ago")
    expect(days).to_have_value("30")
    days.press("Enter")
    expect(page.get_by_text("Nothing in the trash is that old.")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()

    page.get_by_role("button", name="Empty the trash").click()
    days.fill("0")
    days.press("Enter")
    dialog = page.get_by_role("dialog", name="Delete everything in the trash for good?")
    expect(dialog.get_by_text(re.compile(r"This removes \d+ runs?, \d+ points?"))).to_be_visible()
    dialog.get_by_role("textbox").fill("delete for good")
    dialog.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_text("everything in the trash is gone")).to_be_visible()
    expect(row).to_have_count(0)


def test_the_trash_says_which_version_needs_a_run(page: Page, server: Api) -> None:
    """Though the version was registered by the bare place of its files."""
    made = server.post("experiments/create", name="kept", artifact_location="s3://bucket/kept")
    info = server.run(made["experiment_id"], "backing")["info"]
    server.post("registered-models/create", name="by-place")
    source = f"{info['artifact_uri']}/model"
    server.post("model-versions/create", name="by-place", source=source)
    server.post("runs/delete", run_id=info["run_id"])

    page.goto("/trash?kind=run")

    row = page.get_by_role("row", name=re.compile("backing"))
    button = row.get_by_role("button", name="Delete for good")
    expect(button).to_have_attribute("aria-disabled", "true")
    button.hover()
    expect(page.get_by_role("tooltip")).to_contain_text("Model version by-place/1 needs it.")
    page.get_by_role("button", name="Empty the trash").click()
    page.get_by_role("textbox", name="Deleted at least so many days ago").fill("0")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("needed by model version by-place/1")
    page.get_by_role("button", name="Cancel").click()

    row.get_by_role("link", name="by-place/1").click()
    expect(page).to_have_url(re.compile("/models/by-place/versions/1"))

    server.post("experiments/delete", experiment_id=made["experiment_id"])
    page.goto("/trash")
    page.get_by_role("row", name=re.compile("kept")).get_by_role(
        "button", name="Delete for good"
    ).click()
    expect(page.get_by_role("dialog")).to_contain_text("Nothing would go.")
    page.get_by_role("button", name="Cancel").click()
    server.post("experiments/restore", experiment_id=made["experiment_id"])


def test_what_is_in_the_trash_comes_back_or_goes_for_good(page: Page, server: Api) -> None:
    for name in ("spared", "doomed"):
        server.post("experiments/delete", experiment_id=make(server, name, runs=2))
    page.goto("/trash")
    page.get_by_role("row").filter(has_text="spared").get_by_role("button", name="Restore").click()
    expect(page.get_by_role("row").filter(has_text="spared")).to_have_count(0)

    page.get_by_role("row").filter(has_text="doomed").get_by_role(
        "button", name="Delete for good"
    ).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("2 runs")
    dialog.get_by_role("textbox").fill("delete for good")
    dialog.get_by_role("button", name="Delete for good").click()

    expect(page.get_by_text("doomed is gone")).to_be_visible()
    names = [
        one["name"]
        for one in server.post("experiments/search", view_type="ALL", max_results=100)[
            "experiments"
        ]
    ]
    assert "spared" in names
    assert "doomed" not in names
