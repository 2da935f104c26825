"""What records can be read from: the protocol, and the neutral form that they are given in.

The form is that of our own entities, complete: records in the trash are given like all others, and
say so; the points of a series come in their order (step, time, value), values as the sortable
integers of `core.numbers`. Texts are as they were written, and so are ids, times in milliseconds,
and users.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from millrace.core.entities.logged_model import LoggedModel
from millrace.core.entities.run import Run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from millrace.core.entities.experiment import Experiment
    from millrace.core.entities.registry import HeldModel
    from millrace.core.series import Point


class HeldRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run without its metrics, which are asked for apart. `deleted_ms`: since when in the trash,
    where that is known."""

    run: Run
    deleted_ms: int | None = None


class HeldLoggedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A logged model with all its metrics; `is_deleted`: it is in the trash."""

    model: LoggedModel
    is_deleted: bool = False


def logged_model_in(source: str) -> str | None:
    """The logged model that a version's *source* names (`models:/m-...`), if it does."""
    key = source.removeprefix("models:/")
    return key if key != source and key.startswith("m-") and "/" not in key else None


class Source(Protocol):
    """Somewhere that records are kept. Reading changes nothing there."""

    @property
    def name(self) -> str:
        """Where it is, for people; without any password."""
        ...

    def experiments(self) -> Iterator[Experiment]:
        """All experiments, by id, those in the trash included."""
        ...

    def runs(self, experiment_id: str) -> Iterator[HeldRun]:
        """The runs of an experiment by start time then id, those in the trash included."""
        ...

    def counts(self, run_id: str) -> Mapping[str, int]:
        """How many points each series of a run has."""
        ...

    def points(self, run_id: str) -> Iterator[tuple[str, list[Point]]]:
        """The points of a run, series after series by key, each by (step, time, value) in pieces of
        some thousands. To be read to its end before anything else is asked."""
        ...

    def models(self, experiment_id: str) -> Iterator[HeldLoggedModel]:
        """The logged models of an experiment by id, those in the trash included."""
        ...

    def registered_models(self) -> Iterator[HeldModel]:
        """The registered models with their versions, by name; prompts among them."""
        ...

    def damaged(self) -> list[str]:
        """What could not be read, a sentence each, as far as was noticed until now."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...
