"""The pictures of the documentation, taken anew: `python -m tests.browser.screenshots docs/images`.

A server of its own is filled by `millrace demo`, so that they can be made again whenever the pages
have changed; every page, in both themes, wide and narrow.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.conftest import CHROMIUM, FLAGS, is_at_rest
from tests.browser.seed import Api, packed_view
from tests.services import clean_environment, private_millrace

WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
# Text stays sharp at a third of the pixels; narrow pages are small anyway.
SCALE = {"wide": 0.62, "narrow": 0.7}
QUALITY = 55
PATIENCE_MS = 30_000


def main() -> None:
    """Write the pictures into the folder that is named; more words name the pages to be taken."""
    folder, only = Path(sys.argv[1]), frozenset(sys.argv[2:])
    folder.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=PATIENCE_MS)
    with tempfile.TemporaryDirectory() as scratch, private_millrace(Path(scratch)) as url:
        command = [sys.executable, "-m", "millrace", "demo", "--tracking-uri", url]
        subprocess.run(command, check=True, env=clean_environment())
        shown = {
            title: path for title, path in pages(Api(url)).items() if not only or title in only
        }
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            for scheme in ("light", "dark"):
                for name, size in (("wide", WIDE), ("narrow", NARROW)):
                    context = browser.new_context(
                        base_url=url, viewport=size, color_scheme=scheme,
                        reduced_motion="reduce", timezone_id="UTC",
                    )  # fmt: skip
                    context.set_default_timeout(PATIENCE_MS)
                    page = context.new_page()
                    for title, path in shown.items():
                        to = folder / f"{title}-{scheme}-{name}.webp"
                        picture(page, path, to, SCALE[name])
                    context.close()
            browser.close()


def picture(page: Page, path: str, to: Path, scale: float) -> None:
    page.goto(path)
    is_at_rest(page)
    page.evaluate("document.fonts.ready")
    is_at_rest(page)
    whole = to.with_suffix(".png")
    page.screenshot(path=whole)
    image = Image.open(whole).convert("RGB")
    size = (round(image.width * scale), round(image.height * scale))
    image.resize(size, Image.Resampling.LANCZOS).save(to, quality=QUALITY, method=6)
    whole.unlink()


def log_of(api: Api, run_id: str) -> str:
    """What a program would have printed that logged the curve of a run."""
    curve = api.get(f"metrics/get-history?run_id={run_id}&metric_key=train%2Floss")["metrics"]
    lines = ["INFO reading data/digits.npz", "WARNING 2 pictures are empty, and left out"]
    lines += [f"INFO step {one['step']}: train/loss {one['value']:.4f}" for one in curve]
    return "\n".join([*lines, "INFO done", ""])


def pages(api: Api) -> dict[str, str]:
    """Every page and what it is shown with, by title."""
    found = api.post("experiments/search", max_results=100)["experiments"]
    eid = next(one["experiment_id"] for one in found if one["name"] == "demo/vision/digits")
    runs = api.post("runs/search", experiment_ids=[eid], max_results=50)["runs"]
    done = [run["info"]["run_id"] for run in runs if run["info"]["status"] == "FINISHED"]
    run = f"/experiments/{eid}/runs/{done[0]}"
    printed = next(one for one in runs if one["info"]["run_id"] == done[0])
    api.put(printed, "logs/train.log", log_of(api, done[0]).encode())
    several = ",".join(done[:5])
    requests = api.get("transition-requests/search").get("requests", [])
    logged = api.post("logged-models/search", experiment_ids=[eid])["models"]
    model = "/models/demo-digits"
    return {
        "home": "/",
        "experiments": "/experiments",
        "workspace": f"/experiments/{eid}",
        "panels": f"/experiments/{eid}?s={packed_view(arrangement='panels')}",
        "run": f"{run}/overview",
        "run-charts": f"{run}/charts",
        "run-media": f"{run}/media",
        "run-artifacts": f"{run}/artifacts?path=predictions.csv",
        "run-logs": f"{run}/logs",
        "run-lineage": f"{run}/lineage",
        "compare": f"/compare?runs={several}&experiments={eid}",
        "compare-charts": f"/compare?runs={several}&experiments={eid}&tab=charts",
        "logged-models": f"/experiments/{eid}/models",
        "logged-model": f"/experiments/{eid}/logged-models/{logged[0]['info']['model_id']}",
        "models": "/models",
        "model": model,
        "version": f"{model}/versions/1",
        "versions": f"{model}/compare?v=1,2",
        "approvals": "/approvals",
        "approval": f"/approvals/{requests[0]['id']}" if requests else "/approvals",
        "audit": "/audit",
        "storage": "/admin/storage",
        "webhooks": "/admin/webhooks",
        "search": "/search?q=digits",
        "trash": "/trash",
        "settings": "/settings/appearance",
        "profile": "/settings/profile",
        "server": "/admin/server",
    }


if __name__ == "__main__":
    main()
