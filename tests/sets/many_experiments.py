"""Experiments in folders, as many as a large team has after some years."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from typing import Any, Final

from millrace.stores.protocols import NewExperiment, Stores

BEGAN_MS: Final = 1_740_000_000_000
_AT_ONCE: Final = 200


def many_experiments(stores: Stores, *, experiments: int = 5_000) -> str:
    """Fill the store: `team-07/project-17/experiment-00117` and so on; the id of the last one."""
    waiting: deque[Future[Any]] = deque()
    last = ""
    for number in range(experiments):
        experiment = NewExperiment(
            name=f"team-{number % 10:02d}/project-{number % 100:02d}/experiment-{number:05d}",
            artifact_location=None, artifact_root="mlflow-artifacts:/",
            creation_time=BEGAN_MS + number * 60_000,
        )  # fmt: skip
        waiting.append(stores.tracking.add_experiment(experiment))
        while len(waiting) > _AT_ONCE:
            last = waiting.popleft().result().experiment_id
    for future in waiting:
        last = future.result().experiment_id
    return last
