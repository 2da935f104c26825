"""Fit a line by gradient descent and track it: params, a loss curve, the data, the verdict.

    python examples/train.py [--epochs 200] [--lr 0.05]

Records go to MLFLOW_TRACKING_URI, or to millrace.db here.
"""

from __future__ import annotations

import argparse
import random
import statistics

import millrace


def main() -> None:
    """Train once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--lr", type=float, default=0.05)
    options = parser.parse_args()

    noise = random.Random(7)
    xs = [n / 50 for n in range(100)]
    ys = [3 * x + 1 + noise.gauss(0, 0.1) for x in xs]

    millrace.set_experiment("line")
    with millrace.start_run(run_name=f"lr {options.lr}") as run:
        millrace.log_params({"epochs": options.epochs, "lr": options.lr})
        millrace.log_input(millrace.data.meta("line", "seed-7"), context="training")
        slope = offset = 0.0
        for epoch in range(options.epochs):
            errors = [slope * x + offset - y for x, y in zip(xs, ys, strict=True)]
            slope -= (
                options.lr * 2 * statistics.fmean(e * x for e, x in zip(errors, xs, strict=True))
            )
            offset -= options.lr * 2 * statistics.fmean(errors)
            loss = statistics.fmean(e * e for e in errors)
            millrace.log_metric("loss", loss, step=epoch, synchronous=False)
        millrace.log_metrics({"slope": slope, "offset": offset})
        millrace.set_tag("verdict", "good" if loss < 0.05 else "try again")  # noqa: PLR2004

    found = millrace.get_run(run.info.run_id)
    print(f"{found.info.run_name}: {found.data.metrics}, {found.data.tags['verdict']}")


if __name__ == "__main__":
    main()
