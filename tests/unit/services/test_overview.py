"""Figures about everything cost a place no more than it can spare."""

from __future__ import annotations

from typing import NamedTuple

from millrace.api.overview import GetOverview
from millrace.services.context import Context
from millrace.services.overview import Overviews
from millrace.services.places import Places
from millrace.services.platform import open_store
from millrace.stores.memory import MemoryStores
from tests.contract.build import add_run


class Clock:
    """Goes on by *step* with each look, as if what happens in between took so long."""

    def __init__(self, step: float) -> None:
        self.now = 0.0
        self.step = step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


class Scene(NamedTuple):
    stores: MemoryStores
    clock: Clock
    overviews: Overviews

    def running(self) -> int:
        """How many runs are told to go on."""
        return self.overviews.get(Context(at_ms=1_000), GetOverview(days=1)).runs.get("RUNNING", 0)


def scene(step: float) -> Scene:
    stores, clock = MemoryStores(), Clock(step)
    return Scene(stores, clock, Overviews(stores, Places(open_store), clock=clock))


def test_a_place_that_counts_slowly_is_asked_seldom() -> None:
    stores, clock, _ = slow = scene(1.0)
    assert slow.running() == 0
    add_run(stores.tracking)

    clock.step = 0.0
    assert slow.running() == 0
    clock.now += 21
    assert slow.running() == 1


def test_a_place_that_counts_fast_is_asked_each_time() -> None:
    quick = scene(0.01)
    assert quick.running() == 0
    add_run(quick.stores.tracking)

    assert quick.running() == 1
