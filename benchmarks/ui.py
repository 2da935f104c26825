"""The web pages against their budgets, and beside MLflow's own on the same data, in Chromium.

python -m benchmarks.ui prepare FOLDER     # the data sets D2 and D3 for both, some minutes
python -m benchmarks.ui measure FOLDER     # medians of three, each in a fresh browser context
python -m benchmarks.ui follow FOLDER      # ten minutes of fifty runs that go on, in an open page
python -m benchmarks.ui files FOLDER       # a log of a million lines, a table of 50 MB

MLflow gets D2 as it is, and of D3 one metric of four: 20 million rows would take it an hour.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, NamedTuple

from playwright.sync_api import Browser, Page, Response, sync_playwright

from benchmarks.machine import facts
from benchmarks.results import FOLDER as RESULTS
from benchmarks.ui_sets import MlflowSink
from millrace.stores.open import open_stores
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.seed import Api
from tests.browser.test_large_files import many_rows
from tests.browser.test_logs import many_lines
from tests.services import private_millrace, private_mlflow
from tests.sets import fill

ROUNDS: Final = 3
MANY, LONG = "D2 many runs", "D3 long series"
PEER_POINTS: Final = ("train/loss",)
WAIT_MS: Final = 30_000
POINTS_SEEN: Final = 20
WARM_S: Final = 20
_IS_ROW: Final = "[role=treegrid] [data-row] a"
_READY: Final = '[data-chart][data-state=ready][data-series="50"]'


class Budget(NamedTuple):
    """One line of the specification's section 3."""

    title: str
    most: float
    unit: str


BUDGETS: Final = {
    "script_kib": Budget("JavaScript before the first page is usable, gzip or brotli", 300, "KiB"),
    "paint_s": Budget("first contentful paint", 1.0, "s"),
    "rows_s": Budget("first rows of 10,000 runs with 2,000 keys", 1.5, "s"),
    "chart_s": Budget("50 runs of 100,000 points drawn, from the navigation on", 2.0, "s"),
    "charts_s": Budget("four such panels drawn", 4.0, "s"),
    "payload_mb": Budget("payload of such a panel", 1.5, "MB"),
    "zoom_ms": Budget("zoom asked for and drawn", 700, "ms"),
    "hover_ms": Budget("script of one move of the pointer", 8, "ms"),
    "scroll_ms": Budget("longest task while the table scrolls", 150, "ms"),
    "elements": Budget("elements of the experiment page", 5_000, ""),
}
LIVE_BUDGETS: Final = {
    "point_s": Budget("a logged point visible in an open chart", 2.0, "s"),
    "slowest_point_s": Budget("the slowest of twenty", 2.0, "s"),
    "heap_mb": Budget("growth of the heap over ten minutes of 50 points a second", 30, "MB"),
}
FILE_BUDGETS: Final = {
    "log_s": Budget("first lines of a log of 1,000,000 that was never read", 1.5, "s"),
    "hit_s": Budget("a text found and shown 777,777 lines below", 1.5, "s"),
    "table_s": Budget("first rows of a CSV file of 50 MB that was never read", 1.0, "s"),
}


def prepare(folder: Path) -> None:
    """Fill a place of ours, and MLflow's database."""
    folder.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    stores = open_stores(f"sqlite:///{folder / 'millrace.db'}")
    try:
        for name in ("D2", "D3"):
            fill(name, stores)
            print(f"Millrace has {name} after {time.perf_counter() - began:.0f} s", flush=True)
    finally:
        stores.close()
    began = time.perf_counter()
    with private_mlflow(folder / "mlflow") as url:
        homes = {name: created(url, name) for name in (MANY, LONG)}
    for name, home, sizes in (("D2", homes[MANY], {}), ("D3", homes[LONG], {"keys": PEER_POINTS})):
        sink = MlflowSink(str(folder / "mlflow" / "mlflow.db"), home)
        fill(name, sink, **sizes)  # type: ignore[arg-type]  # the part of a place that sets use
        sink.close()
        print(f"MLflow has {name} after {time.perf_counter() - began:.0f} s", flush=True)


def measure(folder: Path) -> dict[str, Any]:
    """All figures: of each budget the median, and the peer's rows and chart."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with private_millrace(folder) as url:
            ours = medians(lambda: our_round(browser, url))
        with private_mlflow(folder / "mlflow") as url:
            theirs = medians(lambda: peer_round(browser, url))
        browser.close()
    return {"machine": asdict(facts(folder)), "millrace": ours, "mlflow": theirs}


def medians(once: Callable[[], dict[str, float]]) -> dict[str, float]:
    """The median of each figure over some rounds, after one that warms the server up."""
    once()
    rounds = [once() for _ in range(ROUNDS)]
    return {key: round(statistics.median(one[key] for one in rounds), 3) for key in rounds[0]}


def our_round(browser: Browser, url: str) -> dict[str, float]:
    """Every budget once."""
    with opened(browser, url) as page:
        scripts: list[int] = []
        page.on("response", lambda one: scripts.append(size_sent(one)) if is_script(one) else None)
        began = time.perf_counter()
        page.goto(f"{url}/experiments/{found(url, MANY)}")
        page.locator(_IS_ROW).first.wait_for()
        rows_s = time.perf_counter() - began
        settle(page)
        figures = {
            "rows_s": rows_s,
            "script_kib": sum(scripts) / 1024,
            "paint_s": paint_s(page),
            "elements": float(page.locator("*").count()),
            "scroll_ms": longest_while_scrolling(page),
        }
    with opened(browser, url) as page:
        address = panels_of(page, url, found(url, LONG))
    with opened(browser, url) as page:
        payloads: list[int] = []
        page.on(
            "response", lambda one: payloads.append(len(one.body())) if is_series(one) else None
        )
        began = time.perf_counter()
        page.goto(address)
        page.locator(_READY).first.wait_for()
        figures["chart_s"] = time.perf_counter() - began
        page.locator(_READY).nth(3).wait_for()
        figures["charts_s"] = time.perf_counter() - began
        settle(page)
        figures["payload_mb"] = max(payloads) / 1e6
        figures["hover_ms"] = hover_ms(page)
        figures["zoom_ms"] = zoom_ms(page)
    return figures


def peer_round(browser: Browser, url: str) -> dict[str, float]:
    """MLflow's first rows, and its chart of one metric of the runs that it draws."""
    with opened(browser, url) as page:
        began = time.perf_counter()
        page.goto(f"{url}/#/experiments/{found(url, MANY)}/runs")
        page.get_by_text("run-0", exact=False).first.wait_for()
        rows_s = time.perf_counter() - began
    with opened(browser, url) as page:
        began = time.perf_counter()
        page.goto(f"{url}/#/experiments/{found(url, LONG)}/runs?compareRunsMode=CHART")
        page.locator(".js-plotly-plot .xtick text").first.wait_for(state="attached")
        chart_s = time.perf_counter() - began
    return {"rows_s": rows_s, "chart_s": chart_s}


def follow(folder: Path, minutes: float) -> dict[str, float]:
    """What it costs to watch: fifty runs that go on, in a page that stays open. The server is one
    of its own, below *folder*."""
    place = folder / "follow"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    with sync_playwright() as playwright, private_millrace(place) as url:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        runs = Growing(url)
        with opened(browser, url) as page:
            panels_of(page, url, runs.experiment)
            page.locator("[data-live=live]").wait_for()
            settle(page)
            took = sorted(seen_after_s(page, runs) for _ in range(POINTS_SEEN))
            runs.grow(WARM_S)
            before = heap_mb(page)
            runs.grow(minutes * 60)
            wait_for_points(page, runs.points)
            grown = heap_mb(page) - before
        browser.close()
    return {
        "point_s": round(statistics.median(took), 3),
        "slowest_point_s": round(took[-1], 3),
        "heap_mb": round(grown, 2),
    }


def files(folder: Path) -> dict[str, float]:
    """How long large files take to show; each round has files that the server has not seen."""
    place = folder / "files"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    log, table = many_lines(), many_rows()
    with sync_playwright() as playwright, private_millrace(place) as url:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        api = Api(url)
        experiment = api.experiment("files")

        def once() -> dict[str, float]:
            run = api.run(experiment, "large")
            api.put(run, "train.log", log)
            api.put(run, "rows.csv", table)
            with opened(browser, url) as page:
                return shown_after_s(
                    page, f"/experiments/{experiment}/runs/{run['info']['run_id']}"
                )

        figures = medians(once)
        browser.close()
    return figures


def shown_after_s(page: Page, run: str) -> dict[str, float]:
    """The figures of `FILE_BUDGETS`, from the navigation or the key on."""
    began = time.perf_counter()
    page.goto(f"{run}/logs")
    page.locator("[data-line='1']").wait_for()
    log_s = time.perf_counter() - began
    page.get_by_label("Find in the log").fill("step 0777777")
    began = time.perf_counter()
    page.get_by_label("Find in the log").press("Enter")
    page.locator("[data-line='777778'] mark").wait_for()
    hit_s = time.perf_counter() - began
    began = time.perf_counter()
    page.goto(f"{run}/artifacts?path=rows.csv")
    page.locator("[role=treegrid] [data-row]").first.wait_for()
    return {"log_s": log_s, "hit_s": hit_s, "table_s": time.perf_counter() - began}


class Growing:
    """Fifty runs of one metric."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.experiment = created(url, "growing")
        home = {"experiment_id": self.experiment}
        made = [post(url, "runs/create", run_name=f"run-{n:02d}", **home) for n in range(50)]
        self._ids = [str(one["run"]["info"]["run_id"]) for one in made]
        self._steps = 0
        self.points = 0
        """How many there are, of all runs."""
        for _ in range(3):
            self.step()

    def step(self, runs: int | None = None) -> None:
        """A point more in each run, or in so many of them."""
        for run in self._ids[:runs]:
            self.one(run, self._steps)
        self._steps += 1

    def one(self, run: str, step: int) -> None:
        """One point."""
        point = {"key": "loss", "value": 1 / (1 + step), "step": step}
        post(self._url, "runs/log-metric", run_id=run, timestamp=int(time.time() * 1000), **point)
        self.points += 1

    def grow(self, seconds: float) -> None:
        """A point a second in each run."""
        began = time.perf_counter()
        for number in range(int(seconds)):
            self.step()
            time.sleep(max(0.0, began + number + 1 - time.perf_counter()))


def seen_after_s(page: Page, runs: Growing) -> float:
    """Seconds from a point on its way to the server until the chart says that it has drawn it."""
    began = time.perf_counter()
    runs.step(1)
    wait_for_points(page, runs.points)
    return time.perf_counter() - began


def wait_for_points(page: Page, points: int) -> None:
    page.locator(f"[data-chart][data-points='{points}']").wait_for()


def heap_mb(page: Page) -> float:
    """What the page holds once the garbage is gone."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.enable")
    for _ in range(3):
        session.send("HeapProfiler.collectGarbage")
    held = session.send("Runtime.getHeapUsage")["usedSize"]
    session.detach()
    return float(held) / 1e6


# --- what is measured -----------------------------------------------------------------------------


@contextmanager
def opened(browser: Browser, url: str) -> Iterator[Page]:
    """A page of a browser that knows nothing yet."""
    context = browser.new_context(
        base_url=url, viewport={"width": 1440, "height": 900}, reduced_motion="reduce"
    )
    context.set_default_timeout(WAIT_MS)
    yield context.new_page()
    context.close()


def settle(page: Page) -> None:
    """Wait until the page asks for nothing."""
    page.locator("html[data-requests='0']").wait_for()


def panels_of(page: Page, url: str, experiment: str) -> str:
    """The address that shows the panels of an experiment alone."""
    page.goto(f"{url}/experiments/{experiment}")
    page.locator(_IS_ROW).first.wait_for()
    page.keyboard.press("3")
    page.wait_for_url("**s=*")
    page.locator(_READY).first.wait_for()
    return page.url


def paint_s(page: Page) -> float:
    entry = "performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000"
    return float(page.evaluate(entry))


def longest_while_scrolling(page: Page) -> float:
    """Milliseconds of the longest task while the table goes to its end and back in steps."""
    return float(
        page.evaluate(
            """async () => {
              let longest = 0
              const watch = new PerformanceObserver((list) => {
                for (const entry of list.getEntries()) longest = Math.max(longest, entry.duration)
              })
              watch.observe({ type: "longtask" })
              const grid = document.querySelector("[role=treegrid]")
              const frame = () => new Promise((resolve) => requestAnimationFrame(resolve))
              for (const share of [0.02, 0.05, 0.2, 0.5, 0.8, 1, 0.4, 0]) {
                grid.scrollTop = grid.scrollHeight * share
                for (let wait = 0; wait < 12; wait++) await frame()
              }
              watch.disconnect()
              return longest
            }"""
        )
    )


def hover_ms(page: Page) -> float:
    """Milliseconds of script for each of thirty moves over a chart."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    box = page.locator(_READY).first.locator(".u-over").bounding_box()
    if box is None:
        raise RuntimeError("The chart has no plotting area.")

    def script_s() -> float:
        told = session.send("Performance.getMetrics")["metrics"]
        return float(next(one["value"] for one in told if one["name"] == "ScriptDuration"))

    page.mouse.move(box["x"] + 40, box["y"] + 40)
    page.wait_for_timeout(200)
    before, moves = script_s(), 30
    for number in range(moves):
        page.mouse.move(box["x"] + 50 + number * box["width"] / 40, box["y"] + 30 + number)
    page.wait_for_timeout(200)
    return (script_s() - before) * 1000 / moves


def zoom_ms(page: Page) -> float:
    """Milliseconds from the end of a drag until the range that it chose is drawn anew."""
    panel = page.locator(_READY).first
    box = panel.locator(".u-over").bounding_box()
    if box is None:
        raise RuntimeError("The chart has no plotting area.")
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.4, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.45, middle)
    page.mouse.move(box["x"] + box["width"] * 0.5, middle)
    with page.expect_response(is_series):
        began = time.perf_counter()
        page.mouse.up()
    settle(page)
    page.locator("[data-chart][data-state=ready]").first.wait_for()
    page.evaluate("() => new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))")
    return (time.perf_counter() - began) * 1000


def is_script(response: Response) -> bool:
    return response.url.endswith(".js")


def is_series(response: Response) -> bool:
    return response.url.endswith("/series/query") and response.status == 200


def size_sent(response: Response) -> int:
    return int(response.headers.get("content-length", "0"))


# --- both servers ---------------------------------------------------------------------------------


def created(url: str, name: str) -> str:
    """A new experiment."""
    return str(post(url, "experiments/create", name=name)["experiment_id"])


def found(url: str, name: str) -> str:
    """The experiment of that name."""
    listed = post(url, "experiments/search", max_results=100)["experiments"]
    return next(str(one["experiment_id"]) for one in listed if one["name"] == name)


def post(url: str, path: str, **body: Any) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{url}/api/2.0/mlflow/{path}",
        data=json.dumps(body).encode(),
        headers={"content-type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as reply:
        return dict(json.load(reply))


def report(figures: dict[str, Any]) -> str:
    """The figures as tables."""
    ours, theirs = figures["millrace"], figures["mlflow"]
    lines = against(BUDGETS, ours)
    lines += ["", "| | Millrace | MLflow | times |", "|---|---|---|---|"]
    for key, title in (("rows_s", "first rows"), ("chart_s", "chart of one metric drawn")):
        ratio = theirs[key] / ours[key]
        lines.append(f"| {title} | {ours[key]:.2f} s | {theirs[key]:.2f} s | {ratio:.1f} |")
    return "\n".join(lines)


def against(budgets: dict[str, Budget], figures: dict[str, float]) -> list[str]:
    """Lines of a table: each figure beside its limit."""
    lines = ["| what | limit | median |", "|---|---|---|"]
    for key, (title, most, unit) in budgets.items():
        mark = "" if figures[key] <= most else " (missed)"
        lines.append(f"| {title} | {most:g} {unit} | {figures[key]:.3g} {unit}{mark} |")
    return lines


def main() -> None:
    """Parse the command line and do as it says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ui", description=__doc__)
    parser.add_argument("verb", choices=("prepare", "measure", "follow", "files"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long to follow")
    parser.add_argument("--label", help="also write the figures to benchmarks/results/LABEL.json")
    options = parser.parse_args()
    if options.verb == "prepare":
        prepare(options.folder)
        return
    if options.verb == "follow":
        print("\n".join(against(LIVE_BUDGETS, follow(options.folder, options.minutes))))
        return
    if options.verb == "files":
        print("\n".join(against(FILE_BUDGETS, files(options.folder))))
        return
    figures = measure(options.folder)
    print(report(figures))
    if options.label:
        (RESULTS / f"{options.label}.json").write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
