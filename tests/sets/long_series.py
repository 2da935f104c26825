"""D3: long series, with one spike that no chart may lose."""

from __future__ import annotations

import math
import random
from collections import deque
from concurrent.futures import Future
from typing import Any, Final

from millrace.core.entities.run import Run, RunInfo
from millrace.core.numbers import keys_of
from millrace.stores.protocols import NewExperiment, Stores

BEGAN_MS: Final = 1_750_000_000_000
KEYS: Final = ("train/loss", "train/acc", "val/loss", "lr")
SPIKE_RUN: Final = 17
SPIKE_STEP: Final = 61_803
SPIKE: Final = 42.0
"""The value of `train/loss` there; every other one is below 4."""
_PIECE: Final = 10_000
_AT_ONCE: Final = 20


def long_series(
    stores: Stores, *, runs: int = 50, points: int = 100_000, keys: tuple[str, ...] = KEYS
) -> str:
    """Fill the store. One point a step and a second, wall times a little uneven."""
    draw = random.Random(3)
    experiment = NewExperiment(
        name="D3 long series", artifact_location=None, artifact_root="mlflow-artifacts:/",
        creation_time=BEGAN_MS,
    )  # fmt: skip
    home = stores.tracking.add_experiment(experiment).result().experiment_id
    noise = [draw.gauss(0, 0.05) for _ in range(points)]
    pauses = [draw.randrange(900, 1_100) for _ in range(points)]
    waiting: deque[Future[Any]] = deque()
    for number in range(runs):
        info = RunInfo(
            run_uuid=run_id(number), run_id=run_id(number), experiment_id=home,
            run_name=f"long-{number:02d}", user_id="ada", status="FINISHED",
            start_time=BEGAN_MS + number, end_time=BEGAN_MS + points * 1_000, artifact_uri="",
            lifecycle_stage="active",
        )  # fmt: skip
        stores.tracking.add_run(Run(info=info)).result()
        for place, key in enumerate(keys):
            values = _curve(number, place, noise)
            if number == SPIKE_RUN and key == "train/loss" and points > SPIKE_STEP:
                values[SPIKE_STEP] = SPIKE
            held, at_ms = keys_of(values), BEGAN_MS + number
            for begin in range(0, points, _PIECE):
                piece = []
                for step in range(begin, min(begin + _PIECE, points)):
                    at_ms += pauses[step]
                    piece.append((step, at_ms, held[step]))
                waiting.append(stores.transfer.adopt_points(run_id(number), key, piece))
                while len(waiting) > _AT_ONCE:
                    waiting.popleft().result()
    for future in waiting:
        future.result()
    return home


def run_id(number: int) -> str:
    """The id of run *number*."""
    return f"d3{number:030x}"


def _curve(number: int, place: int, noise: list[float]) -> list[float]:
    scale, shift = 0.5 + number / 50, (number * 7919 + place * 104_729) % len(noise)
    jitter = noise[shift:] + noise[:shift]
    speed = 8 / len(noise)
    return [scale * math.exp(-speed * step) + wobble for step, wobble in enumerate(jitter)]
