"""Each tab of a run, on the example (data set D1) and on a run of which nothing was logged."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.seed import Api
from tests.browser.test_charts import chart
from tests.services import clean_environment, private_millrace

CURVES = ("train/accuracy", "train/loss", "train/lr", "val/accuracy", "val/loss")
MACHINE = ("system/cpu_utilization_percentage", "system/system_memory_usage_megabytes")
EMPTY = {
    "overview": ("No metrics", "Logged metrics show here"),
    "charts": ("No metric yet", ""),
    "system": ("No system metrics", "enable_system_metrics_logging()"),
    "media": ("No media", "log_image"),
    "artifacts": ("No artifacts", "log_artifact(path)"),
    "models": ("No models", "Models that this run logs"),
    "logs": ("No logs", "log_output=True"),
    "code": ("Nothing is recorded of the code", "inside of a git repository"),
    "lineage": ("Nothing yet", ""),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """D1."""
    with private_millrace(tmp_path_factory.mktemp("demo")) as url:
        demo = [sys.executable, "-m", "millrace", "demo", "--tracking-uri", url]
        subprocess.run(demo, check=True, capture_output=True, env=clean_environment())
        yield Api(url)


@pytest.fixture(scope="module")
def experiment(server: Api) -> str:
    found = server.get("experiments/get-by-name?experiment_name=demo/vision/digits")
    return str(found["experiment"]["experiment_id"])


@pytest.fixture(scope="module")
def run(server: Api, experiment: str) -> dict[str, Any]:
    """A run that has a parent, a model, and a version in the registry."""
    wanted = "tags.millrace.demo = '9'"
    found = server.post("runs/search", experiment_ids=[experiment], filter=wanted)["runs"]
    return dict(found[0])


def opened(page: Page, experiment: str, run: dict[str, Any], tab: str) -> Locator:
    page.goto(f"/experiments/{experiment}/runs/{run['info']['run_id']}/{tab}")
    return page.get_by_role("main")


def row(within: Locator, table: str, name: str) -> Locator:
    """The cells of the row of *table* that begins with *name*."""
    listed = within.get_by_role("table", name=table, exact=True).get_by_role("row")
    first = within.page.get_by_role("cell").get_by_text(name, exact=True)
    return listed.filter(has=first).get_by_role("cell")


def test_ui_100_the_overview_has_what_was_logged(
    page: Page, experiment: str, run: dict[str, Any]
) -> None:
    main = opened(page, experiment, run, "overview")
    data = run["data"]

    for key in CURVES:
        points = "60" if key.startswith("val/") else "300"
        expect(row(main, "Metrics", key).last).to_have_text(points)
    for param in data["params"]:
        named = main.get_by_role("row").filter(has_text=param["value"])
        expect(named.filter(has_text=param["key"].rpartition(".")[2]).first).to_be_visible()
    expect(main.get_by_role("row").filter(has_text="digits").first).to_be_visible()
    expect(main.get_by_text("demo-digits").first).to_be_visible()


def test_ui_100_charts_and_machine_draw_their_metrics(
    page: Page, experiment: str, run: dict[str, Any]
) -> None:
    opened(page, experiment, run, "charts")
    for key in CURVES:
        panel = chart(page, key)
        panel.scroll_into_view_if_needed()
        points = "60" if key.startswith("val/") else "300"
        expect(panel).to_have_attribute("data-points", points)

    opened(page, experiment, run, "system")
    for key in MACHINE:
        expect(chart(page, key)).to_have_attribute("data-points", "60")
    expect(chart(page, "val/loss")).to_have_count(0)


def test_ui_100_media_and_artifacts_have_their_files(
    page: Page, experiment: str, run: dict[str, Any]
) -> None:
    main = opened(page, experiment, run, "media")
    images = main.get_by_role("region", name="Images").get_by_role("listitem")
    expect(images).to_contain_text(["samples"])
    expect(images.locator("img")).to_have_js_property("naturalWidth", 64)
    expect(page.get_by_test_id("step")).to_have_text("40")

    main = opened(page, experiment, run, "artifacts")
    names = main.get_by_role("treeitem").locator("span:not([data-box])")
    expect(names).to_have_text(["images", "samples", "config.json", "predictions.csv", "report.md"])


def test_ui_100_models_code_and_lineage_lead_on(
    page: Page, server: Api, experiment: str, run: dict[str, Any]
) -> None:
    tags = {one["key"]: one["value"] for one in run["data"]["tags"]}
    parent = server.get(f"runs/get?run_id={tags['mlflow.parentRunId']}")["run"]["info"]
    [version] = server.get(f"model-versions/search?filter=run_id%3D'{run['info']['run_id']}'")[
        "model_versions"
    ]

    main = opened(page, experiment, run, "models")
    expect(main.get_by_role("table", name="Logged models").get_by_role("link")).to_have_text(
        ["digits"]
    )
    expect(row(main, "Registered versions", "demo-digits")).to_have_text(
        ["demo-digits", version["version"], version["current_stage"]]
    )

    main = opened(page, experiment, run, "code")
    expect(row(main, "Source", "Source").last).to_have_text("train_digits.py")
    expect(row(main, "Source", "Commit").last).to_have_text(tags["mlflow.source.git.commit"])

    main = opened(page, experiment, run, "lineage")
    source = main.get_by_role("table", name="From").get_by_role("cell")
    expect(source).to_have_text([parent["run_name"], "parent run", "digits", "data set"])
    result = main.get_by_role("table", name="To").get_by_role("cell")
    expect(result).to_have_text(
        ["digits", "model", f"demo-digits {version['version']}", "model version"]
    )

    # Nothing that it printed was kept: that is said, and not another thing.
    main = opened(page, experiment, run, "logs")
    expect(main.get_by_role("heading", name=EMPTY["logs"][0], exact=True)).to_be_visible()


def test_ui_100_an_empty_run_says_what_would_be_there_and_how(
    page: Page, server: Api, experiment: str
) -> None:
    run = server.run(server.experiment("empty"), "bare")
    for tab, (title, hint) in EMPTY.items():
        main = opened(page, run["info"]["experiment_id"], run, tab)
        expect(main.get_by_role("heading", name=title, exact=True)).to_be_visible()
        expect(main).to_contain_text(hint)
        expect(main.get_by_role("treeitem")).to_have_count(0)
        expect(main.locator("[data-points]")).to_have_count(0)
