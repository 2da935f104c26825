"""Data sets that pages are tested and measured on, always the same: `python -m tests.sets D2 URI`.

Records go into a store through its protocols, many of them in one commit, so that large sets are
there in a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from millrace.stores.protocols import Stores
from tests.sets.long_series import long_series
from tests.sets.many_experiments import many_experiments
from tests.sets.many_runs import many_runs

Fill = Callable[..., str]
"""Fills a store, and returns the id of the experiment that it made."""

SETS: Final[Mapping[str, tuple[Fill, str]]] = {
    "D2": (many_runs, "10,000 runs, 60 params, 2,000 metric keys (each run has 200), 30 tags"),
    "experiments": (many_experiments, "5,000 experiments in 100 folders"),
    "D3": (long_series, "50 runs with 4 metrics of 100,000 points, one planted spike"),
}


def fill(name: str, stores: Stores, **sizes: Any) -> str:
    """Fill *stores* with the set *name*; *sizes* make it smaller than it is."""
    return SETS[name][0](stores, **sizes)
