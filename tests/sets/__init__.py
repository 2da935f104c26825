"""Data sets that pages are tested and measured on, always the same: `python -m tests.sets D2 URI`.

Large ones go into a store through its protocols, many records in one commit, so that they are there
in a minute; those that are more than records go to a server through its API, in seconds. D0 is a
server with nothing on it, D1 what `millrace demo` writes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from millrace.stores.protocols import Stores
from tests.browser.seed import Api
from tests.sets.long_series import long_series
from tests.sets.many_experiments import many_experiments
from tests.sets.many_runs import many_runs
from tests.sets.odd import odd
from tests.sets.registry import registry
from tests.sets.viewers import viewers

Fill = Callable[..., str]
"""Fills a store, and returns the id of the experiment that it made."""

SETS: Final[Mapping[str, tuple[Fill, str]]] = {
    "D2": (many_runs, "10,000 runs, 60 params, 2,000 metric keys (each run has 200), 30 tags"),
    "experiments": (many_experiments, "5,000 experiments in 100 folders"),
    "D3": (long_series, "50 runs with 4 metrics of 100,000 points, one planted spike"),
}

SERVED: Final[Mapping[str, tuple[Callable[[Api], object], str]]] = {
    "D4": (odd, "odd names and values in every text, files of no bytes and of 2 GiB"),
    "D5": (viewers, "a file for each viewer, 100 steps of images under 4 keys"),
    "D6": (registry, "200 models, one of 500 versions, requests that wait and that are decided"),
}


def fill(name: str, stores: Stores, **sizes: Any) -> str:
    """Fill *stores* with the set *name*; *sizes* make it smaller than it is."""
    return SETS[name][0](stores, **sizes)
