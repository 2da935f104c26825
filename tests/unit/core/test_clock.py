"""The time of day, and how it is made to stand still."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from millrace.core.clock import fixed, now_ms


def test_it_is_the_time_of_day_in_milliseconds() -> None:
    before = time.time_ns() // 1_000_000
    now = now_ms()

    assert before <= now <= time.time_ns() // 1_000_000


def test_it_stands_still_and_goes_on() -> None:
    with fixed(5):
        outer = now_ms()
        with fixed(7):
            inner = now_ms()
        again = now_ms()

    assert (outer, inner, again) == (5, 7, 5)
    assert now_ms() > 7


def test_it_stands_still_for_whoever_asked_only() -> None:
    with fixed(5), ThreadPoolExecutor(1) as pool:
        assert pool.submit(now_ms).result() > 5
