"""Samples the readers on a steady schedule and hands over averages. One daemon thread."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from millrace.telemetry.readers import Reader

logger = logging.getLogger(__name__)

PREFIX = "system/"


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """How often to sample, how many samples make one point, whose name stands in the keys."""

    interval_s: float = 10.0
    samples: int = 1
    node: str | None = None


class Sampler:
    """Calls `log(figures, number)` with averages; *number* counts up from `first`."""

    def __init__(
        self,
        readers: Sequence[Reader],
        log: Callable[[dict[str, float], int], None],
        schedule: Schedule = Schedule(),  # noqa: B008 - frozen
        *,
        first: int = 0,
    ) -> None:
        self._readers = readers
        self._log = log
        self._schedule = schedule
        self._number = first
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="millrace-telemetry", daemon=True)

    def start(self) -> None:
        """Begin; the first point comes after the first interval."""
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End, after the sample that is being taken."""
        self._stop.set()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        due = time.monotonic() + self._schedule.interval_s
        gathered: list[dict[str, float]] = []
        while not self._stop.wait(max(due - time.monotonic(), 0.0)):
            # A late sample shifts none of the following; missed ones are not made up for.
            interval_s = max(self._schedule.interval_s, 1e-3)
            due += interval_s * max(1, -(-(time.monotonic() - due) // interval_s))
            gathered.append(self._sample())
            if len(gathered) < self._schedule.samples:
                continue
            try:
                self._log(self._named(average(gathered)), self._number)
            except Exception:
                logger.exception("system metrics could not be logged")
            self._number += 1
            gathered.clear()

    def _sample(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for reader in self._readers:
            try:
                found |= reader.read()
            except (OSError, ValueError, KeyError) as error:
                logger.debug("%s: %s", type(reader).__name__, error)
        return found

    def _named(self, figures: dict[str, float]) -> dict[str, float]:
        prefix = f"{PREFIX}{self._schedule.node}/" if self._schedule.node else PREFIX
        return {prefix + key: value for key, value in figures.items()}


def average(samples: Sequence[dict[str, float]]) -> dict[str, float]:
    """The mean of each figure over the samples that have it."""
    keys = dict.fromkeys(key for sample in samples for key in sample)
    held = {key: [sample[key] for sample in samples if key in sample] for key in keys}
    return {key: sum(values) / len(values) for key, values in held.items()}
