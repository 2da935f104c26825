"""D4: what nobody expects, in every text that people and programs can write."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from tests.browser.seed import Api, entries

# Calls `ran`, if it ever runs: a page that shows it has one that tells.
MARKUP: Final = "<img src=x onerror=ran()><script>ran()</script>"
QUOTES: Final = "\"double\" 'single' `back`"
EMOJI: Final = "🎈👩‍🔬🏳️‍🌈"
RIGHT_TO_LEFT: Final = "تجربة ניסוי"
LONG_NAME: Final = "long-name-" * 30
LONG_VALUE: Final = "0123456789" * 600
NOTE: Final = f"# {EMOJI}\n\n{MARKUP}\n\n[x](javascript:ran()) {QUOTES} {RIGHT_TO_LEFT}"
TINY: Final = 1e-320
HUGE_BYTES: Final = 2 * 1024**3
VALUES: Final[dict[str, float | list[float]]] = {
    "nan": math.nan,
    "infinite": math.inf,
    "below": -math.inf,
    "tiny": TINY,
    "loss/gaps": [3.0, math.nan, 2.0, math.inf, 1.0, -math.inf, 0.5],
    "метрика": [1.0, 2.0],
}


class Odd(NamedTuple):
    """What there is, by its ids and names."""

    eid: str
    rid: str
    other: str
    mid: str
    """A logged model."""
    model: str
    request: str

    @property
    def in_addresses(self) -> dict[str, str]:
        """The same as parts of addresses."""
        return {key: quote(value, safe="") for key, value in self._asdict().items()}


def odd(api: Api, artifacts: Path | None = None) -> Odd:
    """Fill a server. With the folder of its artifacts, one of them is a sparse file of 2 GiB."""
    eid = api.experiment(
        f"odd/{MARKUP} {EMOJI} {QUOTES}", **{"team": MARKUP, RIGHT_TO_LEFT: QUOTES}
    )
    tags = {
        "mlflow.note.content": NOTE,
        "mlflow.source.name": f"{MARKUP}.py",
        "mlflow.source.git.commit": EMOJI,
        "quotes": QUOTES,
        "markup": MARKUP,
        "long": LONG_VALUE[:5_000],
        RIGHT_TO_LEFT: EMOJI,
    }
    params = {"markup": MARKUP, "quotes": QUOTES, "long": LONG_VALUE, "empty": "", "a.b/c d": EMOJI}
    run = api.run(eid, MARKUP, params=params, metrics=VALUES, tags=tags, user=RIGHT_TO_LEFT)
    rid = str(run["info"]["run_id"])
    above = {"mlflow.parentRunId": rid, "millrace.end.cause": MARKUP}
    other = api.run(eid, LONG_NAME, params={"markup": QUOTES}, tags=above, status="FAILED")
    api.run(eid, f"{RIGHT_TO_LEFT} {EMOJI}", metrics={"nan": 1.0}, status=None, user=MARKUP)
    for path, content in _files().items():
        api.put(run, quote(path), content)
    if artifacts is not None:
        _sparse(artifacts / eid / rid / "artifacts" / "huge.bin")
    mid = _logged_model(api, eid, rid)
    model, request = _registered(api, rid)
    _beside(api, eid)
    return Odd(eid, rid, str(other["info"]["run_id"]), mid, model, request)


def _files() -> dict[str, bytes]:
    return {
        "empty.bin": b"",
        "readme.md": NOTE.encode(),
        f"{EMOJI}/{RIGHT_TO_LEFT}.txt": RIGHT_TO_LEFT.encode(),
        "quotes 'and' [marks] &.json": json.dumps({MARKUP: QUOTES}).encode(),
        "train.log": f"begun\n{MARKUP}\n\x1b[31m{QUOTES}\x1b[0m\n{LONG_VALUE}\n".encode(),
        "rows.csv": f"id,{MARKUP}\n1,{EMOJI}\n".encode(),
        "no text.txt": bytes(range(256)),
        "code/train.py": MARKUP.encode(),
        "model/MLmodel": f"flavors:\n  python_function:\n    loader_module: '{EMOJI}'\n".encode(),
        "model/requirements.txt": f"{MARKUP}\n".encode(),
    }


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        os.truncate(file.fileno(), HUGE_BYTES)


def _logged_model(api: Api, eid: str, rid: str) -> str:
    asked = {"experiment_id": eid, "source_run_id": rid, "name": f"<i> {EMOJI}"}
    tags = entries({"markup": MARKUP})
    made = api.post("logged-models", params=entries({"markup": MARKUP}), tags=tags, **asked)[
        "model"
    ]
    mid = str(made["info"]["model_id"])
    api.post("runs/outputs", run_id=rid, models=[{"model_id": mid, "step": 0}])
    return mid


def _registered(api: Api, rid: str) -> tuple[str, str]:
    name = f"<b> {EMOJI} {RIGHT_TO_LEFT}"
    tags = entries({"markup": MARKUP, "quotes": QUOTES})
    api.post("registered-models/create", name=name, description=NOTE, tags=tags)
    api.post("registered-models/create", name=LONG_NAME[:250], description=LONG_VALUE)
    for _ in range(2):
        api.post(
            "model-versions/create", name=name, source=f"runs:/{rid}/model", run_id=rid,
            description=NOTE, tags=tags,
        )  # fmt: skip
    api.post("registered-models/alias", name=name, alias="champion", version="1")
    policy: dict[str, Any] = {"models": "*", "guards": [{"stage": "Production"}], "approvals": 1}
    api.post("approval-policies/set", policy=policy)
    asked = {"name": name, "version": "1", "stage": "Production", "comment": MARKUP}
    return name, str(api.post("transition-requests/create", **asked)["request"]["id"])


def _beside(api: Api, eid: str) -> None:
    """What is listed elsewhere: the trash, saved views."""
    api.post("experiments/delete", experiment_id=api.experiment(f"gone {MARKUP}"))
    document = json.dumps({"v": 1, "q": "metrics.nan > 0"})
    view = {"experiment_id": eid, "format": 1, "document": document, "is_shared": True}
    api.post("/api/3.0/millrace/views", name=MARKUP, description=QUOTES, **view)
