"""`millrace demo`: an example of everything, for a first look.

Three experiments in folders, forty runs with curves, params, tags, data sets, nested runs, media
and files, logged models, and a registered model with a request that waits for approval. The same
each time, but that it has just happened: the last run goes on. What is there already is left alone,
so that an interrupted call may be repeated.
"""

from __future__ import annotations

import math
import random
import struct
import tempfile
import zlib
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from millrace.cli import options, records
from millrace.core import clock, tags
from millrace.core.entities.dataset import Dataset, DatasetInput
from millrace.core.entities.entity import KeyValue
from millrace.core.entities.metric import Metric
from millrace.core.entities.run import ModelOutput
from millrace.core.errors import AlreadyExists, MillraceError, MissingExtra

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from millrace.client.client import MillraceClient

NUMBER: Final = "millrace.demo"
"""Tag of a run of the demo: which one it is; set when all of it is there."""
MODEL: Final = "demo-digits"
_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 60 * _MINUTE_MS
_DAY_MS: Final = 24 * _HOUR_MS
_RUN_MS: Final = 90 * _MINUTE_MS
_RUNS_FOR_MS: Final = 50 * _MINUTE_MS
"""How long the run that goes on has done so."""
_AT_ONCE: Final = 1_000
_STEPS: Final = 300
_SIDE: Final = 64


class Plan(NamedTuple):
    """One experiment: its name, what its runs are about, how many there are, and how many days ago
    the last of them began."""

    name: str
    note: str
    data: tuple[str, str]
    runs: int
    days_ago: int


PLANS: Final = (
    Plan(
        "demo/vision/digits",
        "Digits, read from **32 x 32** pictures.",
        ("digits", "4f1c22"),
        18,
        23,
    ),
    Plan("demo/language/sentiment", "Is a review kind or not?", ("reviews", "9a0be1"), 12, 3),
    Plan("demo/tabular/churn", "Who leaves next month?", ("accounts", "77d310"), 10, 0),
)
_PARENTS: Final = {3: 2, 4: 2, 5: 2, 7: 6, 8: 6, 9: 6}
"""Which runs of the first experiment are below which."""
_FAILS, _RUNS_ON = 8, (2, 9)
"""Of each nine runs the one that fails; experiment and number of the one that has not ended."""
_OPTIMIZERS: Final = ("adam", "sgd", "lion")
_USERS: Final = ("ada", "grace", "alan")


@click.command()
@click.option(
    "--now",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"]),
    metavar="TIME",
    help="When it is to have just happened, such as 2026-01-31T12:00:00 (UTC); now by default.",
)
@options.tracking_uri
def demo(*, now: datetime | None, tracking_uri: str | None) -> None:
    """Fill a server or a store with example records."""
    client = records.client_at(tracking_uri)
    now_ms = clock.now_ms() if now is None else int(now.replace(tzinfo=UTC).timestamp()) * 1_000
    added = sum(_experiment(client, place, now_ms) for place in range(len(PLANS)))
    try:
        _registry(client)
    except MillraceError as error:
        click.echo(f"No registered model: {error.message}", err=True)
    total = sum(plan.runs for plan in PLANS)
    there = f"{total - added} were there"
    click.echo(f"{added} runs added, {there}; experiments demo/... in {client.tracking_uri}")


# --- runs --------------------------------------------------------------------------------------


def began_ms(place: int, number: int, now_ms: int) -> int:
    """When a run began: four in a sitting of some hours, a sitting every fifth day."""
    plan = PLANS[place]
    # The runs below another one are of its sitting, and the last run is the last of its sitting.
    sitting, at = divmod(number + 2, 4)
    sittings_ago = (plan.runs + 1) // 4 - sitting
    ended_ms = now_ms - _RUNS_FOR_MS - plan.days_ago * _DAY_MS
    return ended_ms - sittings_ago * 5 * _DAY_MS - (3 - at) * 2 * _HOUR_MS


def _experiment(client: MillraceClient, place: int, now_ms: int) -> int:
    """Have an experiment with its runs; how many were missing."""
    plan = PLANS[place]
    known = client.get_experiment_by_name(plan.name)
    if known is None:
        about = {tags.NOTE: plan.note, tags.PRIMARY_METRIC: "val/loss", NUMBER: place}
        home = client.create_experiment(plan.name, tags=about)
    else:
        home = known.experiment_id
    there = {
        run.data.tags[NUMBER]: run.info.run_id
        for run in client.search_runs([home], max_results=1_000)
        if NUMBER in run.data.tags
    }
    added = 0
    for number in range(plan.runs):
        if str(number) not in there:
            above = there.get(str(_PARENTS.get(number))) if place == 0 else None
            there[str(number)] = _run(client, home, (place, number), now_ms, above)
            added += 1
    return added


def _run(
    client: MillraceClient, home: str, which: tuple[int, int], now_ms: int, parent: str | None
) -> str:
    place, number = which
    plan, draw = PLANS[place], random.Random(1_000 * place + number)  # noqa: S311 - data that look real
    started = began_ms(place, number, now_ms)
    optimizer, rate = draw.choice(_OPTIMIZERS), 10 ** -draw.uniform(1.5, 4)
    given = {
        tags.USER: _USERS[number % 3],
        tags.SOURCE_NAME: f"train_{plan.data[0]}.py",
        tags.GIT_COMMIT: f"{draw.getrandbits(160):040x}",
        "team": ("vision", "language", "growth")[place],
    }
    if parent is not None:
        given[tags.PARENT_RUN_ID] = parent
    name = f"{optimizer}-{number:02d}"
    run_id = client.create_run(home, start_time=started, tags=given, run_name=name).info.run_id
    params = {
        "optimizer": optimizer,
        "lr": f"{rate:.3g}",
        "batch_size": str(draw.choice([32, 64, 128])),
        "model.layers": str(draw.randrange(2, 9)),
        "model.width": str(draw.choice([64, 128, 256])),
        "seed": str(number % 5),
    }
    client.log_batch(
        run_id, params=[KeyValue(key=key, value=value) for key, value in params.items()]
    )
    has_failed, runs_on = number % 9 == _FAILS, which == _RUNS_ON
    run_ms = _RUNS_FOR_MS if runs_on else _RUN_MS // 3 if has_failed else _RUN_MS
    points = list(_curves(draw, rate, started, _STEPS * run_ms // _RUN_MS))
    for begin in range(0, len(points), _AT_ONCE):
        client.log_batch(run_id, metrics=points[begin : begin + _AT_ONCE])
    source = Dataset(
        name=plan.data[0], digest=plan.data[1], source_type="local", source='{"uri": "data"}'
    )
    context = (KeyValue(key=tags.DATASET_CONTEXT, value="train"),)
    client.log_inputs(run_id, [DatasetInput(dataset=source, tag_list=context)])
    _files(client, run_id, name, draw, started)
    if not (has_failed or runs_on) and number % 3 == 0:
        _model(client, home, run_id, plan, points[-1])
    if not runs_on:
        status = "FAILED" if has_failed else "FINISHED"
        client.set_terminated(run_id, status, started + run_ms)
    client.set_tag(run_id, NUMBER, number)
    return run_id


def _curves(draw: random.Random, rate: float, started: int, steps: int) -> Iterator[Metric]:
    """Losses that fall as fast as the rate lets them, and what goes with them."""
    speed = 0.008 + 0.02 * math.exp(-((math.log10(rate) + 2.7) ** 2))
    floor, gap = draw.uniform(0.05, 0.3), draw.uniform(0.02, 0.12)
    jitter = 0.02 + min(0.2, rate * 2)
    for step in range(steps):
        at_ms = started + step * _RUN_MS // _STEPS
        fallen = floor + 2.2 * math.exp(-speed * step)
        loss = fallen * (1 + draw.gauss(0, jitter))

        def point(key: str, value: float, step: int = step, at_ms: int = at_ms) -> Metric:
            return Metric(key=key, value=value, timestamp=at_ms, step=step)

        yield point("train/loss", loss)
        yield point("train/accuracy", max(0.0, 1 - loss / 2.6))
        yield point("train/lr", rate * (0.5 + 0.5 * math.cos(math.pi * step / _STEPS)))
        if step % 5 == 0:
            held = fallen + gap * (step / _STEPS) ** 2 + draw.gauss(0, 0.015)
            yield point("system/cpu_utilization_percentage", 55 + 30 * draw.random())
            yield point("system/system_memory_usage_megabytes", 2_000 + step + 50 * draw.random())
            yield point("val/accuracy", max(0.0, 1 - held / 2.6))
            yield point("val/loss", held)


# --- files -------------------------------------------------------------------------------------


def _files(
    client: MillraceClient, run_id: str, name: str, draw: random.Random, started: int
) -> None:
    client.log_text(run_id, f"# {name}\n\nTrained on **one** machine.\n", "report.md")
    client.log_dict(run_id, {"classes": list("0123456789"), "size": _SIDE}, "config.json")
    rows = ["step,label,score"] + [
        f"{step},{draw.randrange(10)},{draw.random():.4f}" for step in range(200)
    ]
    client.log_text(run_id, "\n".join(rows) + "\n", "predictions.csv")
    client.log_stream(run_id, BytesIO(png(_picture(draw, 0))), "samples/first.png")
    try:
        from PIL import Image
    except ImportError:
        return
    for step in range(0, 50, 10):
        pixels = b"".join(
            bytes(each for pixel in row for each in pixel) for row in _picture(draw, step)
        )
        image = Image.frombytes("RGB", (_SIDE, _SIDE), pixels)
        try:
            at_ms = started + step * _RUN_MS // _STEPS
            client.log_image(run_id, image, key="samples", step=step, timestamp=at_ms)
        except MissingExtra:
            return


def _picture(draw: random.Random, step: int) -> list[list[tuple[int, int, int]]]:
    """A blot that becomes clearer with the steps."""
    x, y = draw.randrange(16, 48), draw.randrange(16, 48)
    blur = 400 - 6 * step

    def pixel(column: int, row: int) -> tuple[int, int, int]:
        light = math.exp(-((column - x) ** 2 + (row - y) ** 2) / blur)
        return int(40 + 200 * light), int(60 + 120 * light), int(120 + 60 * (1 - light))

    return [[pixel(column, row) for column in range(_SIDE)] for row in range(_SIDE)]


def png(rows: Sequence[Sequence[tuple[int, int, int]]]) -> bytes:
    """An RGB picture as PNG (RFC 2083), without any library."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 2, 0, 0, 0)
    lines = b"".join(b"\0" + bytes(each for pixel in row for each in pixel) for row in rows)
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


_MLMODEL = """\
flavors:
  python_function:
    loader_module: digits
    python_version: 3.11.9
model_uuid: {model_id}
run_id: {run_id}
signature:
  inputs: '[{{"type": "double", "name": "x", "required": true}}]'
  outputs: '[{{"type": "long", "name": "label", "required": true}}]'
utc_time_created: '{created}'
"""


def _model(client: MillraceClient, home: str, run_id: str, plan: Plan, last: Metric) -> None:
    """Log a model of the run, with its files and a metric."""
    name = plan.data[0]
    made = client.create_logged_model(home, name, run_id, params={"family": "mlp"})
    model_id = made.info.model_id
    with tempfile.TemporaryDirectory() as folder:
        created = datetime.fromtimestamp(last.timestamp / 1_000, UTC)
        text = _MLMODEL.format(
            model_id=model_id, run_id=run_id, created=f"{created:%Y-%m-%d %H:%M:%S.%f}"
        )
        Path(folder, "MLmodel").write_text(text, encoding="utf-8")
        Path(folder, "requirements.txt").write_text("numpy>=2\n", encoding="utf-8")
        Path(folder, "weights.bin").write_bytes(struct.pack("<64f", *[last.value] * 64))
        client.log_model_artifacts(model_id, folder)
    client.finalize_logged_model(model_id, "READY")
    client.log_outputs(run_id, [ModelOutput(model_id=model_id, step=_STEPS)])


# --- the registry ------------------------------------------------------------------------------


def _registry(client: MillraceClient) -> None:
    """A model with three versions, the last of which waits for approval to be in production."""
    home = client.get_experiment_by_name(PLANS[0].name)
    found = client.search_logged_models([home.experiment_id] if home else [], max_results=3)
    try:
        client.create_registered_model(MODEL, description="Reads digits. *Example data.*")
    except AlreadyExists:
        return
    for model in found:
        client.create_model_version(
            MODEL,
            f"models:/{model.info.model_id}",
            run_id=model.info.source_run_id,
            model_id=model.info.model_id,
        )
    client.transition_model_version_stage(MODEL, 1, "Production")
    client.set_registered_model_alias(MODEL, "champion", 1)
    client.set_registered_model_alias(MODEL, "challenger", 2)
    client.set_approval_policy(
        {"models": MODEL, "guards": [{"stage": "Production"}], "approvals": 1}
    )
    client.create_transition_request(
        MODEL, 3, "Production", comment="Two points better on the held-out set."
    )
