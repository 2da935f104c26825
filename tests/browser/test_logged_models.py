"""Logged models, and what is done to a run on its page: registered, ended, noted."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import is_at_rest
from tests.browser.seed import Api
from tests.browser.test_access import serious
from tests.services import clean_environment, private_millrace
from tests.sets.viewers import MODEL

LOST = """
import millrace, sys, time
millrace.set_tracking_uri(sys.argv[1])
millrace.set_experiment(experiment_id=sys.argv[2])
run = millrace.start_run()
print(run.info.run_id, flush=True)
time.sleep(600)
"""


MADE = """
import millrace, pandas, sys
from sklearn.linear_model import LinearRegression
millrace.set_tracking_uri(sys.argv[1])
millrace.set_experiment(experiment_id=sys.argv[2])
rows = pandas.DataFrame({"age": [20.0, 40.0, 60.0]})
with millrace.start_run():
    model = LinearRegression().fit(rows, [1.0, 2.0, 3.0])
    example = pandas.DataFrame({"age": [30.0]})
    made = millrace.sklearn.log_model(
        model, name="risk", input_example=example, pip_requirements=["scikit-learn"]
    )
print(made.model_id)
"""
PREDICTED = """
import pandas
print([round(float(one), 6) for one in model.predict(pandas.DataFrame({"age": [40.0, 60.0]}))])
"""


TRAINING = """
import millrace, sys, time
millrace.set_tracking_uri(sys.argv[1])
millrace.set_experiment(experiment_id=sys.argv[2])
with millrace.start_run() as run:
    print(run.info.run_id, flush=True)
    while True:
        millrace.log_metric("loss", 1.0)
        time.sleep(0.05)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with private_millrace(tmp_path_factory.mktemp("logged")) as url:
        yield Api(url)


@pytest.fixture
def experiment(server: Api, request: pytest.FixtureRequest) -> str:
    return server.experiment(request.node.name)


def log_model(server: Api, experiment: str, name: str, run: dict[str, Any]) -> str:
    """A ready model of *run* with an MLmodel file, a param and a metric."""
    run_id = run["info"]["run_id"]
    made = server.post(
        "logged-models",
        experiment_id=experiment,
        name=name,
        source_run_id=run_id,
        params=[{"key": "depth", "value": "18"}],
    )["model"]
    server.put({"info": made["info"]}, "MLmodel", MODEL.encode())
    model_id = str(made["info"]["model_id"])
    server.post("runs/outputs", run_id=run_id, models=[{"model_id": model_id, "step": 0}])
    metric = {"key": "accuracy", "value": 0.93, "step": 4, "timestamp": 1_760_000_000_000}
    server.post("runs/log-batch", run_id=run_id, metrics=[metric | {"model_id": model_id}])
    server.patch(f"logged-models/{model_id}", status="LOGGED_MODEL_READY")
    return model_id


def test_models_of_an_experiment_are_found_and_opened(
    page: Page, server: Api, experiment: str
) -> None:
    run = server.run(experiment, "maker")
    for name in ("forest", "net"):
        log_model(server, experiment, name, run)
    page.goto(f"/experiments/{experiment}")
    page.get_by_role("navigation", name="Experiment").get_by_text("Logged models").click()
    rows = page.get_by_role("table", name="Logged models").get_by_role("row")
    expect(rows).to_have_count(3)
    page.get_by_label("Find a model").fill("ores")
    expect(rows).to_have_count(2)
    expect(rows.last).to_contain_text("accuracy 0.93")

    rows.last.get_by_role("link", name="forest").click()

    expect(page.get_by_role("heading", name="forest", level=1)).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="accuracy")).to_contain_text("0.93")
    expect(page.get_by_role("row").filter(has_text="depth")).to_contain_text("18")
    expect(page.get_by_role("row").filter(has_text="age")).to_contain_text("double")


@pytest.mark.timeout(300)  # three programs begin, each of which imports half of Python's sciences
def test_ui_111_the_snippets_of_a_model_run(
    page: Page, server: Api, experiment: str, tmp_path: Path
) -> None:
    made = run_python(MADE, server.url, experiment, folder=tmp_path)
    page.goto(f"/experiments/{experiment}/logged-models/{made.strip()}")
    model = page.get_by_role("region", name="Model", exact=True)
    cells = model.get_by_role("row").get_by_role("cell")
    expect(cells.filter(has_text="age")).to_be_visible()
    expect(model.get_by_role("row").filter(has_text="age")).to_contain_text("double")
    expect(model.get_by_role("heading", name="Example")).to_be_visible()
    expect(model.locator("pre").filter(has_text='"age"')).to_contain_text("30.0")

    python, score = (
        model.get_by_label(name, exact=True).inner_text() for name in ("Python", "score a file")
    )
    told = run_python(f"{python}\n{PREDICTED}", folder=tmp_path)
    (tmp_path / "rows.csv").write_text("age\n20\n60\n")
    scored = subprocess.run(
        score,
        shell=True,
        cwd=tmp_path,
        env=on_the_path(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert told == "[2.0, 3.0]\n"
    assert scored.returncode == 0, scored.stderr
    assert "3.0" in (tmp_path / "scored.csv").read_text()


def on_the_path() -> dict[str, str]:
    """An environment in which `millrace` is this one."""
    return clean_environment(PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}")


def run_python(script: str, *arguments: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=folder, env=on_the_path(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_ui_111_a_model_is_registered_from_its_run(
    page: Page, server: Api, experiment: str
) -> None:
    run = server.run(experiment, "maker")
    model = log_model(server, experiment, "forest", run)
    page.goto(f"/experiments/{experiment}/runs/{run['info']['run_id']}/models")
    page.get_by_role("button", name="Register model").click()
    page.get_by_label("Name of the model").fill("churn")

    page.get_by_role("dialog").get_by_role("button", name="Register", exact=True).click()

    expect(page.get_by_role("heading", name="churn · Version 1")).to_be_visible()
    expect(page.get_by_text(f"models:/{model}")).to_be_visible()
    page.goto(f"/experiments/{experiment}/logged-models/{model}")
    expect(page.get_by_role("link", name="churn v1")).to_be_visible()


def test_a_run_without_a_model_says_that_there_is_none_to_register(
    page: Page, server: Api, experiment: str
) -> None:
    run = server.run(experiment, "bare")["info"]["run_id"]
    page.goto(f"/experiments/{experiment}/runs/{run}")
    page.get_by_role("button", name="Register model").click()

    expect(page.get_by_role("dialog")).to_contain_text("has logged no model")


def test_a_run_is_ended_and_says_by_whom(page: Page, server: Api, experiment: str) -> None:
    run = server.run(experiment, "going on", status=None)["info"]["run_id"]
    page.add_init_script("localStorage.setItem('millrace.user', JSON.stringify('grace'))")
    page.goto(f"/experiments/{experiment}/runs/{run}")
    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_role("menuitem", name="Mark as killed").click()
    expect(page.get_by_role("dialog")).to_contain_text("is not stopped")
    page.get_by_role("button", name="Mark as killed").click()

    expect(page.get_by_text("Killed", exact=True)).to_be_visible()
    expect(page.get_by_text("ended in the web UI by grace")).to_be_visible()
    expect(page.get_by_role("button", name="Stop", exact=True)).to_have_count(0)


def test_ui_102_a_killed_client_is_lost_and_the_page_says_why(
    page: Page, server: Api, experiment: str
) -> None:
    script = [sys.executable, "-c", LOST, server.url, experiment]
    # Long enough for a busy machine to renew it in time.
    settings = {**os.environ, "MILLRACE_LEASE_SECONDS": "3"}
    with subprocess.Popen(script, stdout=subprocess.PIPE, text=True, env=settings) as client:
        assert client.stdout is not None
        run = client.stdout.readline().strip()
        page.goto(f"/experiments/{experiment}/runs/{run}")
        expect(page.get_by_text("Running", exact=True)).to_be_visible()

        client.send_signal(signal.SIGKILL)

    # Its lease ends, and then the page asks again.
    expect(page.get_by_text("Lost", exact=True)).to_be_visible(timeout=60_000)
    expect(page.get_by_text("lease expired")).to_be_visible()


def test_ui_103_a_run_is_asked_to_stop_and_its_client_ends_it(
    page: Page, server: Api, experiment: str
) -> None:
    page.add_init_script("localStorage.setItem('millrace.user', JSON.stringify('grace'))")
    script = [sys.executable, "-c", TRAINING, server.url, experiment]
    settings = {**os.environ, "MILLRACE_LEASE_SECONDS": "3"}
    with subprocess.Popen(
        script, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=settings
    ) as client:
        assert client.stdout is not None
        run = client.stdout.readline().strip()
        page.goto(f"/experiments/{experiment}/runs/{run}")
        page.get_by_role("button", name="Stop", exact=True).click()
        page.get_by_role("button", name="Ask to stop").click()

        expect(page.get_by_text("Killed", exact=True)).to_be_visible(timeout=30_000)
        _, errors = client.communicate(timeout=30)

    assert "RunStopped: grace has asked" in errors
    expect(page.get_by_text("stopped by: grace")).to_be_visible()
    expect(page.locator("dl")).to_contain_text(re.compile(r"by grace, (just now|\d+ min ago)"))


def test_a_run_that_was_asked_to_stop_says_so_until_it_hears(
    page: Page, server: Api, experiment: str
) -> None:
    """A run whose client says nothing: the wish stands there with who and when."""
    run = server.run(experiment, "deaf", status=None)["info"]["run_id"]
    server.post("/api/3.0/millrace/runs/stop", run_id=run)
    page.goto(f"/experiments/{experiment}/runs/{run}")

    asked = page.get_by_role("button", name="Asked to stop")
    expect(asked).to_have_attribute("aria-disabled", "true")
    expect(page.get_by_text("Running", exact=True)).to_be_visible()
    expect(page.locator("dl")).to_contain_text(re.compile(r"by anonymous, (just now|\d+ min ago)"))


def test_buttons_say_before_the_click_what_a_run_in_the_trash_does_not_take(
    page: Page, server: Api, experiment: str
) -> None:
    run = server.run(experiment, "away", status=None)["info"]["run_id"]
    page.goto(f"/experiments/{experiment}/runs/{run}")
    stop = page.get_by_role("button", name="Stop", exact=True)
    expect(stop).not_to_have_attribute("aria-disabled", "true")

    server.post("runs/delete", run_id=run)

    expect(page.get_by_text("This run is in the trash.")).to_be_visible()
    expect(stop).to_have_attribute("aria-disabled", "true")
    stop.hover()
    expect(page.get_by_role("tooltip")).to_contain_text("Restore it first.")


def test_ui_193_the_second_of_two_who_write_a_note_sees_both(
    page: Page, server: Api, experiment: str
) -> None:
    run = server.run(experiment, "noted", tags={"mlflow.note.content": "first"})["info"]["run_id"]
    page.goto(f"/experiments/{experiment}/runs/{run}")
    card = page.get_by_role("region", name="Note", exact=True)
    card.get_by_role("button", name="Edit").click()
    page.get_by_role("textbox", name="Note").fill("mine")
    server.post("runs/set-tag", run_id=run, key="mlflow.note.content", value="theirs")

    card.get_by_role("button", name="Save").click()
    expect(card.get_by_role("alert")).to_contain_text("theirs")
    expect(page.get_by_role("textbox", name="Note")).to_have_value("mine")
    card.get_by_role("button", name="Keep mine").click()

    expect(card.get_by_text("mine", exact=True)).to_be_visible()
    expect(page.get_by_role("textbox", name="Note")).to_have_count(0)
    expect(card.get_by_role("alert")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_ui_180_pages_of_models_are_sound(
    new_context: Callable[..., BrowserContext], server: Api, experiment: str, scheme: str
) -> None:
    model = log_model(server, experiment, "forest", server.run(experiment, "maker"))
    page = new_context(base_url=server.url, color_scheme=scheme).new_page()
    for path in ("models", f"logged-models/{model}"):
        page.goto(f"/experiments/{experiment}/{path}")
        is_at_rest(page)
        assert serious(page) == [], path
