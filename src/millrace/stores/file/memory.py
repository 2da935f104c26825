"""What a process knew of the runs of a folder, kept for the next one.

It saves reading, never looking: a run that is recalled is compared with its files before anybody
sees it. A memory that is missing, damaged or old costs time and nothing else.
"""

from __future__ import annotations

import contextlib
import gc
import os
import zlib
from typing import TYPE_CHECKING, Final

import msgspec

from millrace.files import atomic
from millrace.stores.file import layout
from millrace.stores.file.reading import Shape, shape
from millrace.stores.file.records import Remembered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from millrace.stores.file.records import FileRun

_FORMAT: Final = 2
_WORTH_RUNS: Final = 200
_WORTH_PART: Final = 0.1
_SUM_BYTES: Final = 4
_encode = msgspec.msgpack.Encoder().encode


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    """The runs of one experiment by id; each is decoded when it is asked for."""

    format: int
    shapes: list[Shape]
    runs: dict[str, msgspec.Raw]


_read = msgspec.msgpack.Decoder(_Kept).decode
_read_run = msgspec.msgpack.Decoder(Remembered).decode


def _sum(data: bytes) -> bytes:
    """What shows damage: parts of a memory are decoded late, where nothing could be done."""
    return zlib.crc32(data).to_bytes(_SUM_BYTES, "big")


class Memory:
    """What is kept of the runs of each experiment, in hidden files beside the experiments."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._kept: dict[str, dict[str, msgspec.Raw]] = {}
        self._shapes: dict[str, list[Shape]] = {}
        self._misses: dict[str, int] = {}
        self._searched: set[str] = set()

    def _path(self, experiment_id: str) -> str:
        return f"{self._root}/{layout.MEMORY}.{experiment_id}"

    def recall(self, experiment_id: str, run: FileRun) -> None:
        """Let a run that is met for the first time be as it was, if that is known."""
        kept = self._of(experiment_id).pop(run.base.run_id, None)
        if kept is None:
            self._misses[experiment_id] = self._misses.get(experiment_id, 0) + 1
            return
        with contextlib.suppress(msgspec.MsgspecError, IndexError, ValueError):
            known = _read_run(kept)
            run.recall(known, self._shapes[experiment_id][known.shape])

    @contextlib.contextmanager
    def recalling(self, experiment_ids: Iterable[str]) -> Iterator[None]:
        """While runs of experiments are recalled, garbage is left for later.

        What is made of a memory stays; collections meanwhile would go over it again and again, and
        find nothing, for half of the time that all takes.
        """
        waits = gc.isenabled() and any(map(self._of, experiment_ids))
        if waits:
            gc.disable()
        try:
            yield
        finally:
            if waits:
                gc.enable()

    def _of(self, experiment_id: str) -> dict[str, msgspec.Raw]:
        if experiment_id not in self._kept:
            self._shapes[experiment_id], self._kept[experiment_id] = self._load(experiment_id)
        return self._kept[experiment_id]

    def _load(self, experiment_id: str) -> tuple[list[Shape], dict[str, msgspec.Raw]]:
        try:
            with open(self._path(experiment_id), "rb") as file:
                data = file.read()
        except OSError:
            return [], {}
        if data[:_SUM_BYTES] != _sum(data[_SUM_BYTES:]):
            return [], {}
        try:
            kept = _read(data[_SUM_BYTES:])
        except (msgspec.MsgspecError, ValueError):  # of another release
            return [], {}
        if kept.format != _FORMAT:
            return [], {}
        return [shape(one.folders, one.files, one.rare) for one in kept.shapes], kept.runs

    def saw(self, experiment_id: str) -> None:
        """All runs of an experiment were looked at; those left in the memory are gone."""
        self._searched.add(experiment_id)
        self._kept[experiment_id] = {}

    def searched(self, learned: int) -> list[str]:
        """Experiments of which enough was read anew to be worth keeping; *learned* of any."""
        return [
            one for one in self._searched if max(learned, self._misses.get(one, 0)) >= _WORTH_RUNS
        ]

    def keep(self, experiment_id: str, runs: Iterable[FileRun]) -> None:
        """Keep what is known of *runs*; an `OSError` only means that nothing is kept."""
        numbers: dict[Shape, int] = {}
        kept = {
            run.base.run_id: run.remembered(lambda one: numbers.setdefault(one, len(numbers)))
            for run in runs
        }
        known = {run_id: one for run_id, one in kept.items() if one is not None}
        data = _encode((_FORMAT, list(numbers), known))
        path = self._path(experiment_id)
        spare = f"{path}.{os.getpid()}"
        with contextlib.suppress(OSError):
            atomic.stage(spare, _sum(data) + data, durable=False)
            os.replace(spare, path)
        self._misses[experiment_id] = 0
