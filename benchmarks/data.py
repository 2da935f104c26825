"""What the benchmarks write, computed from its position so that every reader knows what to expect.

Values come from a table of full-length decimals: short ones would flatter parsers. Also run inside
other programs' environments, so it needs the standard library only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

START_MS = 1_700_000_000_000
LOG_PERIOD_MS = 1_000

_PRIME = 10_007
_NUMBERS = tuple(i / _PRIME for i in range(_PRIME))
_TEXTS = tuple(repr(number) for number in _NUMBERS)
# Above the largest number of runs seeded, so that no two runs share a loss and order is certain.
_LOSS_PRIME = 100_003


class Point(NamedTuple):
    """One metric point as it is read back."""

    timestamp: int
    step: int
    value: float


class Series(NamedTuple):
    """The metrics of one run, sent in batches of `keys` x `steps` points."""

    run_id: str
    keys: int
    steps: int

    def key(self, index: int) -> str:
        """Name of metric number *index*."""
        return f"train/metric_{index}"

    def point(self, index: int, step: int) -> Point:
        """What metric number *index* is at *step*."""
        value = _NUMBERS[(step * 7919 + index * 31) % _PRIME]
        return Point(START_MS + step * LOG_PERIOD_MS, step, value)

    def points(self, index: int, batch: int) -> Iterator[Point]:
        """What batch number *batch* holds of metric number *index*."""
        for step in range(batch * self.steps, (batch + 1) * self.steps):
            yield self.point(index, step)

    def body(self, batch: int) -> bytes:
        """Batch number *batch* as a log-batch body, step by step as a training loop logs."""
        names = [self.key(index) for index in range(self.keys)]
        points = ",".join(
            f'{{"key":"{names[index]}","value":{_TEXTS[(step * 7919 + index * 31) % _PRIME]},'
            f'"timestamp":{START_MS + step * LOG_PERIOD_MS},"step":{step}}}'
            for step in range(batch * self.steps, (batch + 1) * self.steps)
            for index in range(self.keys)
        )
        return f'{{"run_id":"{self.run_id}","metrics":[{points}]}}'.encode()

    def single(self, step: int) -> bytes:
        """The first metric at *step* as a log-metric body."""
        return (
            f'{{"run_id":"{self.run_id}","key":"{self.key(0)}",'
            f'"value":{_TEXTS[step * 7919 % _PRIME]},'
            f'"timestamp":{START_MS + step * LOG_PERIOD_MS},"step":{step}}}'
        ).encode()


class RunRecord(NamedTuple):
    """One seeded run: 10 params, 6 tags, 10 metrics."""

    name: str
    start_ms: int
    params: dict[str, str]
    tags: dict[str, str]
    metrics: dict[str, float]


_OPTIMIZERS = ("adam", "sgd", "rmsprop", "lamb")
_TEAMS = ("vision", "speech", "ranking", "forecast", "fraud")


def run_record(i: int) -> RunRecord:
    """Seeded run number *i*; later numbers start later."""
    loss = i * 7919 % _LOSS_PRIME / _LOSS_PRIME
    params = {
        "lr": f"{0.0001 * (1 + i % 50):.4f}",
        "optimizer": _OPTIMIZERS[i % 4],
        "batch_size": str(2 ** (4 + i % 6)),
        "layers": str(2 + i % 24),
        "dropout": f"{0.05 * (i % 10):.2f}",
        "width": str(64 * (1 + i % 16)),
        "schedule": ("cosine", "linear", "constant")[i % 3],
        "warmup_steps": str(100 * (i % 20)),
        "dataset": f"s3://datasets/images-v{i % 7}",
        "seed": str(i),
    }
    tags = {
        "team": _TEAMS[i % 5],
        "stage": ("dev", "staging", "prod")[i % 3],
        "note": f"sweep {i // 100} on host-{i % 10}-west",
        "mlflow.user": f"user{i % 25}",
        "mlflow.source.name": "train.py",
        "mlflow.source.type": "LOCAL",
    }
    metrics = {"loss": loss, "accuracy": 1.0 - loss / 2}
    metrics |= {f"val/metric_{j}": _NUMBERS[(i * 31 + j * 577) % _PRIME] for j in range(8)}
    return RunRecord(f"run-{i:06d}", START_MS + i * 60_000, params, tags, metrics)


def sampled_steps(length: int, wanted: int) -> list[int]:
    """Steps that get-history-bulk-interval returns of a series with steps 0 to *length* - 1.

    First of each of *wanted* equal buckets, the earlier buckets taking the remainder, and the last
    row of all in the last place.
    """
    if length <= wanted:
        return list(range(length))
    size, longer = divmod(length, wanted)
    starts = [bucket * size + min(bucket, longer) for bucket in range(wanted)]
    return [*starts[:-1], length - 1]
