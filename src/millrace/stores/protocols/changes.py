"""What was logged a moment ago, so that those who look at it can be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence


class RunRevision(msgspec.Struct, frozen=True):
    """A run, and a number that whatever is logged to it changes."""

    run_id: str
    experiment_id: str
    revision: int


class ChangeFeed(Protocol):
    """Which runs were written to, whoever wrote: other processes of the place, too."""

    def revisions(self, run_ids: Sequence[str]) -> list[RunRevision]:
        """Those of runs that were written to a moment ago, some hundred at most, and of *run_ids*.
        Cheap: it is asked twice a second."""
        ...
