"""D2: many runs, each with some of very many metrics."""

from __future__ import annotations

import random
from collections import deque
from concurrent.futures import Future
from typing import Any, Final

from millrace.core.entities.entity import pairs
from millrace.core.entities.metric import Metric
from millrace.core.entities.run import Batch, Run, RunData, RunInfo
from millrace.stores.protocols import NewExperiment, Stores

BEGAN_MS: Final = 1_750_000_000_000
_AT_ONCE: Final = 200


def many_runs(
    stores: Stores, *, runs: int = 10_000, keys: int = 2_000, keys_a_run: int = 200
) -> str:
    """Fill the store. Run n is named `run-00042` and has id `...002a`, so that any can be told."""
    draw = random.Random(2)
    experiment = NewExperiment(
        name="D2 many runs", artifact_location=None, artifact_root="mlflow-artifacts:/",
        creation_time=BEGAN_MS,
    )  # fmt: skip
    home = stores.tracking.add_experiment(experiment).result().experiment_id
    names = [f"{('train', 'val', 'test', 'sys')[key % 4]}/metric_{key:04d}" for key in range(keys)]
    waiting: deque[Future[Any]] = deque()
    for number in range(runs):
        run = _run(home, number, draw)
        waiting.append(stores.tracking.add_run(run))
        waiting.append(
            stores.tracking.append(run.info.run_id, _batch(number, names, keys_a_run, draw))
        )
        while len(waiting) > _AT_ONCE:
            waiting.popleft().result()
    for future in waiting:
        future.result()
    return home


def run_id(number: int) -> str:
    """The id of run *number*."""
    return f"d2{number:030x}"


def _run(home: str, number: int, draw: random.Random) -> Run:
    started = BEGAN_MS + number * 60_000
    name = f"run-{number:05d}"
    tags = {f"tag_{place:02d}": draw.choice("abcdefgh") for place in range(28)}
    tags |= {"mlflow.runName": name, "mlflow.source.name": f"train_{number % 7}.py"}
    info = RunInfo(
        run_uuid=run_id(number), run_id=run_id(number), experiment_id=home, run_name=name,
        user_id=("ada", "grace", "alan")[number % 3],
        status=("FINISHED", "FINISHED", "FAILED", "RUNNING")[number % 4],
        start_time=started, end_time=None if number % 4 == 3 else started + draw.randrange(10**7),
        artifact_uri="", lifecycle_stage="active",
    )  # fmt: skip
    return Run(info=info, data=RunData(tag_list=pairs(tags)))


def _batch(number: int, names: list[str], keys_a_run: int, draw: random.Random) -> Batch:
    # The first ten are everybody's; the others take turns.
    chosen = names[:10] + [
        names[10 + (number * 37 + place) % (len(names) - 10)] for place in range(keys_a_run - 10)
    ]
    metrics = tuple(
        Metric(key=key, value=draw.random(), timestamp=BEGAN_MS + number, step=0) for key in chosen
    )
    params = {f"param_{place:02d}": str(draw.randrange(1000)) for place in range(56)}
    params |= {
        "lr": repr(10 ** -draw.uniform(1, 5)),
        "optimizer": draw.choice(["sgd", "adam", "lion"]),
        "layers": str(draw.randrange(1, 9)),
        "seed": str(number % 5),
    }
    return Batch(metrics=metrics, params=pairs(params))
