"""What a process knew of the runs of a folder, kept for the next one.

It saves reading, never looking: a run that is recalled is compared with its files before anybody
sees it. A memory that is missing, damaged or old costs time and nothing else.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

import msgspec

from millrace.files import atomic
from millrace.stores.file import layout
from millrace.stores.file.records import Remembered

if TYPE_CHECKING:
    from collections.abc import Iterable

    from millrace.stores.file.records import FileRun

_FORMAT: Final = 1
_WORTH_RUNS: Final = 200
_WORTH_PART: Final = 0.1
_encode = msgspec.msgpack.Encoder().encode


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    """The runs of one experiment by id; each is decoded when it is asked for."""

    format: int
    runs: dict[str, msgspec.Raw]


_read = msgspec.msgpack.Decoder(_Kept).decode
_read_run = msgspec.msgpack.Decoder(Remembered).decode


class Memory:
    """What is kept of the runs of each experiment, in hidden files beside the experiments."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._kept: dict[str, dict[str, msgspec.Raw]] = {}
        self._misses: dict[str, int] = {}
        self._searched: set[str] = set()

    def _path(self, experiment_id: str) -> str:
        return f"{self._root}/{layout.MEMORY}.{experiment_id}"

    def recall(self, experiment_id: str, run: FileRun) -> None:
        """Let a run that is met for the first time be as it was, if that is known."""
        if experiment_id not in self._kept:
            self._kept[experiment_id] = self._load(experiment_id)
        kept = self._kept[experiment_id].pop(run.base.run_id, None)
        if kept is None:
            self._misses[experiment_id] = self._misses.get(experiment_id, 0) + 1
            return
        with contextlib.suppress(msgspec.MsgspecError):
            run.recall(_read_run(kept))

    def _load(self, experiment_id: str) -> dict[str, msgspec.Raw]:
        try:
            with open(self._path(experiment_id), "rb") as file:
                kept = _read(file.read())
        except (OSError, msgspec.MsgspecError):
            return {}
        return kept.runs if kept.format == _FORMAT else {}

    def saw(self, experiment_id: str) -> None:
        """All runs of an experiment were looked at; those left in the memory are gone."""
        self._searched.add(experiment_id)
        self._kept[experiment_id] = {}

    def searched(self) -> list[str]:
        """Experiments of which enough was read anew to be worth keeping."""
        return [one for one in self._searched if self._misses.get(one, 0) >= _WORTH_RUNS]

    def keep(self, experiment_id: str, runs: Iterable[FileRun]) -> None:
        """Keep what is known of *runs*; an `OSError` only means that nothing is kept."""
        kept = {run.base.run_id: run.remembered() for run in runs}
        data = _encode((_FORMAT, {run_id: one for run_id, one in kept.items() if one is not None}))
        path = self._path(experiment_id)
        spare = f"{path}.{os.getpid()}"
        with contextlib.suppress(OSError):
            atomic.stage(spare, data, durable=False)
            os.replace(spare, path)
        self._misses[experiment_id] = 0
