from __future__ import annotations

import threading

import pytest

from millrace.telemetry.sampler import Sampler, Schedule, average


class Counter:
    """Counts its readings."""

    def __init__(self) -> None:
        self.count = 0

    def read(self) -> dict[str, float]:
        self.count += 1
        return {"n": float(self.count)}


class Broken:
    def read(self) -> dict[str, float]:
        raise OSError("gone")


class Log:
    """Keeps what was logged; `full` is set once *wanted* points are there."""

    def __init__(self, wanted: int) -> None:
        self.points: list[tuple[dict[str, float], int]] = []
        self.full = threading.Event()
        self._wanted = wanted

    def __call__(self, figures: dict[str, float], number: int) -> None:
        self.points.append((figures, number))
        if len(self.points) == self._wanted:
            self.full.set()


def sample(log: Log, *readers: object, first: int = 0, **schedule: object) -> None:
    sampler = Sampler(readers, log, Schedule(interval_s=0.001, **schedule), first=first)
    sampler.start()
    try:
        assert log.full.wait(10)
    finally:
        sampler.stop()


def test_points_are_numbered_on():
    log = Log(3)
    sample(log, Counter(), first=7)

    assert log.points[:3] == [({"system/n": float(i + 1)}, i + 7) for i in range(3)]


def test_samples_are_averaged():
    log = Log(2)
    sample(log, Counter(), samples=4)

    assert [figures["system/n"] for figures, _ in log.points[:2]] == [2.5, 6.5]


def test_a_node_stands_in_the_keys():
    log = Log(1)
    sample(log, Counter(), node="gpu-3")

    assert list(log.points[0][0]) == ["system/gpu-3/n"]


def test_a_broken_reader_stops_nobody():
    log = Log(2)
    sample(log, Broken(), Counter())

    assert list(log.points[0][0]) == ["system/n"]


def test_a_point_that_cannot_be_logged_stops_nothing(caplog: pytest.LogCaptureFixture):
    log = Log(2)

    class Once(Log):
        def __call__(self, figures: dict[str, float], number: int) -> None:
            if not number:
                raise ZeroDivisionError
            log(figures, number)

    sampler = Sampler([Counter()], Once(1), Schedule(interval_s=0.001))
    sampler.start()
    assert log.full.wait(10)
    sampler.stop()

    assert [number for _, number in log.points[:2]] == [1, 2]
    assert "could not be logged" in caplog.text


def test_stopping_does_not_wait_for_the_next_sample():
    sampler = Sampler([Counter()], Log(1), Schedule(interval_s=3600.0))
    sampler.start()

    sampler.stop(5.0)

    assert not sampler._thread.is_alive()


def test_the_mean_is_over_what_is_there():
    assert average([{"a": 1.0}, {"a": 3.0, "b": 5.0}]) == {"a": 2.0, "b": 5.0}
