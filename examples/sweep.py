"""Try some settings as nested runs of one sweep, in threads, and find the best.

python examples/sweep.py
"""

from __future__ import annotations

import itertools
import math
from concurrent.futures import ThreadPoolExecutor

import millrace


def accuracy(lr: float, depth: int) -> float:
    """What a training with these settings would give; best at 0.01 and 4."""
    return math.exp(-abs(math.log10(lr) + 2) - abs(depth - 4) / 4)


def main() -> None:
    """Run the sweep."""
    experiment = millrace.set_experiment("sweep")
    with millrace.start_run(run_name="sweep") as sweep:

        def trial(settings: tuple[float, int]) -> None:
            lr, depth = settings
            # A thread has active runs of its own, so the parent is named.
            with millrace.start_run(parent_run_id=sweep.info.run_id):
                millrace.log_params({"lr": lr, "depth": depth})
                millrace.log_metric("accuracy", accuracy(lr, depth))

        grid = itertools.product((0.1, 0.01, 0.001), (2, 4, 8))
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(trial, grid))

    [best] = millrace.search_runs(
        [experiment.experiment_id],
        f"tags.mlflow.parentRunId = '{sweep.info.run_id}'",
        order_by=["metrics.accuracy DESC"],
        max_results=1,
        output_format="list",
    )
    print(f"best: {best.data.params} with {best.data.metrics['accuracy']:.2f}")


if __name__ == "__main__":
    main()
