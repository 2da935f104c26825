"""Two runs side by side: their code, their packages, their files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import is_at_rest
from tests.browser.seed import Api
from tests.browser.test_access import serious
from tests.services import private_millrace
from tests.sets.viewers import png

SCRIPT = [f"line_{number} = {number}" for number in range(40)]


def images(*steps: int) -> dict[str, bytes]:
    """Under the key `mask`, as wide as their steps say."""
    stem = "images/mask+step+{0}+timestamp+{0}+{0:032x}.png"
    return {stem.format(step): png(16 + step, 12) for step in steps}


FILES = [
    {
        "code/train.py": "\n".join(SCRIPT).encode(),
        "model/requirements.txt": b"numpy==2.0\npandas==2.2\nscipy==1.14\n",
        "plot.png": png(32, 24),
        "only-here.txt": b"one\n",
        **images(0, 10, 20),
    },
    {
        "code/train.py": "\n".join([*SCRIPT[:20], "changed = True", *SCRIPT[21:]]).encode(),
        "model/requirements.txt": b"numpy==2.1\npandas==2.2\ntorch==2.9\n",
        "plot.png": png(32, 30),
        **images(0, 10),
    },
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with private_millrace(tmp_path_factory.mktemp("compare")) as url:
        api = Api(url)
        api.experiment("compared")
        for number, files in enumerate(FILES):
            tags = {"mlflow.source.name": "train.py", "mlflow.source.git.commit": f"{number}abc"}
            run = api.run("1", f"run-{number}", tags=tags)
            for path, content in files.items():
                api.put(run, path, content)
        yield api


@pytest.fixture
def address(server: Api) -> str:
    runs = server.post("runs/search", experiment_ids=["1"])["runs"]
    named = {run["info"]["run_name"]: run["info"]["run_id"] for run in runs}
    return f"/compare?runs={named['run-0']},{named['run-1']}"


def test_ui_106_code_shows_changed_lines_only(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_role("radio", name="Code").click()

    lines = page.get_by_role("list", name="Changed lines").get_by_role("listitem")
    expect(lines.locator("css=:scope[data-kind=removed]")).to_have_count(1)
    expect(lines.filter(has_text="removed:")).to_contain_text("line_20 = 20")
    expect(lines.filter(has_text="added:")).to_contain_text("changed = True")
    expect(lines).to_have_count(8)
    source = page.get_by_role("table", name="Source").locator("tbody").get_by_role("row")
    expect(source).to_have_count(1)
    expect(source).to_contain_text("1abc")


def test_ui_106_the_environment_shows_changed_packages_only(page: Page, address: str) -> None:
    page.goto(f"{address}&tab=environment")

    rows = page.get_by_role("table", name="model/requirements.txt").locator("tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.filter(has_text="numpy")).to_contain_text("==2.1")
    expect(rows.filter(has_text="torch")).to_have_attribute("data-change", "added")
    expect(rows.filter(has_text="scipy")).to_have_attribute("data-change", "removed")


def test_artifacts_are_side_by_side(page: Page, address: str) -> None:
    page.goto(f"{address}&tab=artifacts")
    page.get_by_role("combobox", name="File").select_option("plot.png")

    slider = page.get_by_role("slider", name="Where the second picture begins")
    slider.focus()
    page.keyboard.press("Home")
    expect(slider).to_have_value("0")
    expect(page.get_by_role("img", name="plot.png of run-1")).to_be_visible()
    page.get_by_role("combobox", name="File").select_option("only-here.txt")
    expect(page.get_by_text("Not in this run")).to_be_visible()
    is_at_rest(page)


def test_media_are_side_by_side_at_one_step(page: Page, address: str) -> None:
    page.goto(f"{address}&tab=media")
    pictures = page.get_by_role("region", name="mask").locator("li img")
    expect(pictures.first).to_have_js_property("naturalWidth", 16 + 20)
    expect(pictures.last).to_have_js_property("naturalWidth", 16 + 10)
    expect(page.get_by_text("step 10 (the nearest before)")).to_be_visible()

    slider = page.get_by_role("slider", name="Step")
    slider.focus()
    slider.press("Home")

    for at in range(2):
        expect(pictures.nth(at)).to_have_js_property("naturalWidth", 16)
    expect(page).to_have_url(re.compile("step=0"))
    page.get_by_role("button", name="mask, step 0: larger").last.click()
    expect(page.get_by_role("dialog", name="mask of run-1")).to_be_visible()


TABS = ("charts", "code", "environment", "artifacts", "media")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_ui_180_tabs_and_tasks_are_sound(
    new_context: Callable[..., BrowserContext], server: Api, address: str, scheme: str
) -> None:
    task = {"kind": "tag_runs", "experiment_ids": ["1"], "key": "seen", "value": "yes"}
    server.post("/api/3.0/millrace/tasks", **task)
    page = new_context(base_url=server.url, color_scheme=scheme).new_page()
    for tab in TABS:
        page.goto(f"{address}&tab={tab}")
        is_at_rest(page)
        assert serious(page) == [], tab
    page.get_by_role("button", name="Tasks").click()
    expect(page.get_by_role("listitem").filter(has_text="Done").first).to_be_visible()
    assert serious(page) == []
