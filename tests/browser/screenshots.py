"""The pictures of the documentation, taken anew: `python -m tests.browser.screenshots docs/images`.

A server of its own is filled with what the pictures show, so that they can be made again whenever
the pages have changed.
"""

from __future__ import annotations

import math
import random
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import CHROMIUM, FLAGS, is_at_rest
from tests.browser.seed import Api
from tests.services import private_millrace

WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


def main() -> None:
    """Write the pictures into the folder that is named."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, private_millrace(Path(scratch)) as url:
        shown = demo(Api(url))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            for scheme in ("light", "dark"):
                for name, size in (("wide", WIDE), ("narrow", NARROW)):
                    context = browser.new_context(
                        base_url=url, viewport=size, color_scheme=scheme,
                        reduced_motion="reduce", timezone_id="UTC",
                    )  # fmt: skip
                    page = context.new_page()
                    for title, path in shown.items():
                        picture(page, path, folder / f"{title}-{scheme}-{name}.png")
                    context.close()
            browser.close()


def picture(page: Page, path: str, to: Path) -> None:
    page.goto(path)
    is_at_rest(page)
    page.evaluate("document.fonts.ready")
    page.screenshot(path=to)
    # 256 colours are enough for pages, at a third of the size.
    Image.open(to).convert("RGB").quantize(256).save(to, optimize=True)


def demo(api: Api) -> dict[str, str]:
    """Fill the server; addresses to be shown, by title."""
    draw = random.Random(7)
    ids = {
        name: api.experiment(name, team=name.split("/", maxsplit=1)[0])
        for name in ("vision/resnet/sweep", "vision/segmentation", "speech/wav2vec", "fraud")
    }
    now = time.time_ns() // 1_000_000
    runs = []
    for number in range(30):
        rate = draw.choice([0.1, 0.03, 0.01, 0.003])
        end = draw.uniform(0.05, 0.4)
        loss = [
            end + 1.6 * math.exp(-step / (8 + 40 * rate)) + draw.gauss(0, 0.01)
            for step in range(80)
        ]
        word, beast = draw.choice(["amber", "brisk", "keen"]), draw.choice(["heron", "otter"])
        run = api.run(
            ids["vision/resnet/sweep"],
            f"{word}-{beast}-{number}",
            params={
                "lr": str(rate),
                "optimizer": draw.choice(["adam", "sgd", "lamb"]),
                "batch_size": str(draw.choice([32, 64, 128])),
                "depth": str(draw.choice([18, 34, 50])),
            },
            metrics={
                "train/loss": loss,
                "val/loss": [one * 1.1 for one in loss[::4]],
                "val/accuracy": [1 - one / 2 for one in loss[::4]],
            },
            tags={
                "mlflow.source.name": "train.py",
                "mlflow.source.git.commit": "3f2a9c1be07d5a1c9f64",
                "mlflow.note.content": "Five epochs of warm-up; see `plots/`, and **sweep 3**.",
                "stage": "tried",
            },
            status="FINISHED" if number % 6 else draw.choice(["FAILED", None]),
            start_ms=now - 2_400_000 * (number + 1),
            user=draw.choice(["ada", "grace", "alan"]),
        )
        runs.append(run)
    first = runs[1]
    api.put(
        first,
        "config.json",
        b'{"lr": 0.03, "layers": [{"size": 64}, {"size": 128}], "augment": true}',
    )
    api.put(
        first,
        "metrics.csv",
        b"epoch,loss,accuracy\n"
        + b"".join(b"%d,%.4f,%.4f\n" % (n, 2 / (n + 1), 1 - 1 / (n + 2)) for n in range(200)),
    )
    api.put(
        first, "train.log", b"".join(b"epoch %d loss %.4f\n" % (n, 2 / (n + 1)) for n in range(300))
    )
    api.post("experiments/delete", experiment_id=api.experiment("old/ideas"))
    eid, rid = ids["vision/resnet/sweep"], first["info"]["run_id"]
    several = ",".join(run["info"]["run_id"] for run in runs[:6])
    return {
        "home": "/",
        "experiments": "/experiments",
        "workspace": f"/experiments/{eid}",
        "run": f"/experiments/{eid}/runs/{rid}/overview",
        "artifacts": f"/experiments/{eid}/runs/{rid}/artifacts?path=metrics.csv",
        "compare": f"/compare?runs={several}&experiments={eid}",
        "trash": "/trash",
        "settings": "/settings/appearance",
    }


if __name__ == "__main__":
    main()
