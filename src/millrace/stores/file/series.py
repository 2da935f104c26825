"""Series of points in files: read when somebody asks, and then only what has been appended."""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict
from collections.abc import Iterable, Iterator, MutableMapping
from typing import TYPE_CHECKING, Final

from msgspec import Raw, Struct, msgpack

from millrace.core import series
from millrace.core.numbers import key_of
from millrace.core.series import Point
from millrace.stores.file import layout
from millrace.stores.file.layout import Damaged
from millrace.stores.memory.series import Series, metric_at

if TYPE_CHECKING:
    from millrace.core.entities.metric import Metric
    from millrace.stores.file.damage import Damages

_POINTS_KEPT: Final = 1_000_000


class Loaded:
    """Which series have their points in memory: those used last, up to a number of points."""

    def __init__(self, limit: int = _POINTS_KEPT) -> None:
        self._limit = limit
        self.learned = 0
        """How many series were read for the first time."""
        self._series: OrderedDict[FileSeries, int] = OrderedDict()
        self._count = 0

    def use(self, one: FileSeries, count: int) -> None:
        """Note that *one* is in use with so many points; others may have to go."""
        self._count += count - self._series.pop(one, 0)
        self._series[one] = count
        while self._count > self._limit and len(self._series) > 1:
            oldest, held = self._series.popitem(last=False)
            self._count -= held
            oldest.unload()


class FileSeries(Series):
    """The points of one metric file. What is known of it outlives the points in memory."""

    def __init__(self, path: str, loaded: Loaded, damages: Damages) -> None:
        super().__init__()
        self.path = path
        self.pending: list[bytes] = []
        """Lines that are not in the file yet."""
        self._loaded = loaded
        self._damages = damages
        self._held: set[Point] | None = None
        self._last: Point | None = None
        self._size = self._inode = -1
        self._read_to = 0
        self._is_stale = True
        self._has_bad_lines = False

    def saw(self, inode: int, size: int) -> None:
        """The file is like this now."""
        if (inode, size) != (self._inode, self._size):
            if inode != self._inode or size < self._read_to:
                self.forget()
            self._inode, self._size, self._is_stale = inode, size, True

    def known(self) -> tuple[int, int, Point | None]:
        """Size and inode of the file as it was last seen, and the latest point if it was read."""
        return self._size, self._inode, None if self._is_stale else self._last

    def recall(self, path: str, size: int, inode: int, last: Point | None) -> None:
        """Be as `known` said it was."""
        self.path, self._size, self._inode, self._last = path, size, inode, last
        self._is_stale = last is None

    def forget(self) -> None:
        """Read the file anew when it is asked for."""
        self.pending.clear()
        self.unload()
        self._last = None
        self._aggregates = None
        self._is_stale = True

    def unload(self) -> None:
        """Let go of the points, not of what is known of them."""
        if not self.pending:
            self._held = self._ordered = None
            self._read_to = 0

    def is_empty(self) -> bool:
        """Whether the file holds no point."""
        return self._known_last() is None

    @property
    def last(self) -> Point:
        """The latest point."""
        last = self._known_last()
        assert last is not None, self.path  # noqa: S101 - empty series are not shown
        return last

    @property
    def points(self) -> tuple[Point, ...]:
        """All points in the order of series."""
        held = self._read()
        if self._ordered is None:
            self._ordered = tuple(sorted(held))
        return self._ordered

    @property
    def aggregates(self) -> series.Aggregates:
        """Aggregates of all points."""
        if self._is_stale or self._aggregates is None:
            self._read()
        if self._aggregates is None:
            self._aggregates = series.aggregates(self.points)
        return self._aggregates

    def add(self, metric: Metric) -> bool:
        """Take in a point, which waits to be written; whether it was new."""
        point = (metric.step, metric.timestamp, key_of(metric.value))
        return self._take(point)

    def extend(self, points: Iterable[Point]) -> int:
        """Take in many points, which wait to be written; how many were new."""
        return sum([self._take(point) for point in points])

    def _take(self, point: Point) -> bool:
        held = self._read()
        if point in held:
            return False
        held.add(point)
        self._note(point)
        # Without its data set, which MLflow 3 notes here, too: MLflow 2 reads three numbers only.
        self.pending.append(layout.metric_line(point))
        return True

    def end(self) -> tuple[int, bytes]:
        """Where its whole lines end, and what stands behind them."""
        self._read()
        with contextlib.suppress(FileNotFoundError), open(self.path, "rb") as file:
            file.seek(self._read_to)
            return self._read_to, file.read()
        return 0, b""

    def written(self) -> None:
        """What was pending is in the file now."""
        if not self.pending:
            return
        grown = sum(map(len, self.pending))
        self.pending.clear()
        size, self._size = self._size, -1
        with contextlib.suppress(FileNotFoundError):
            # Another size, and others have written, too: they will be read with the next look.
            is_known = not self._is_stale and self._read_to == size
            if is_known and os.stat(self.path).st_size == size + grown:
                self._size = self._read_to = size + grown

    def _known_last(self) -> Point | None:
        if self._is_stale:
            self._read()
        return self._last

    def _note(self, point: Point) -> None:
        if self._last is None or point > self._last:
            self._last = point
        self._ordered = self._aggregates = None

    def _read(self) -> set[Point]:
        """All points, with what has been appended since they were read."""
        if self._held is None:
            self._held, self._read_to, self._is_stale = set(), 0, True
            self._has_bad_lines = False
        if self._is_stale:
            self._is_stale = False
            self._loaded.learned += self._last is None
            self._take_in(self._tail())
        self._loaded.use(self, len(self._held))
        return self._held

    def _tail(self) -> bytes:
        try:
            with open(
                self.path, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NOFOLLOW)
            ) as file:
                file.seek(self._read_to)
                return file.read()
        except FileNotFoundError:
            return b""
        except OSError as error:
            self._damages.report(self.path, error.strerror or error)
            return b""

    def _take_in(self, data: bytes) -> None:
        lines = data.split(b"\n")
        rest = lines.pop()
        self._read_to += len(data) - len(rest)
        reason: object = None
        if rest and layout.is_whole(rest):
            lines.append(rest)  # not read past: the next one reads it again
        elif rest:
            reason = f"the last line was not written to its end: {rest[:60]!r}"
        held = self._held if self._held is not None else set()
        for line in lines:
            try:
                point, _ = layout.point_in(line)
            except Damaged as error:
                if line.strip():
                    reason, self._has_bad_lines = error, True
                continue
            if point not in held:
                held.add(point)
                self._note(point)
        if reason is not None:
            self._damages.report(self.path, reason)
        elif not self._has_bad_lines:
            self._damages.mended(self.path)


class _Kept(Struct, frozen=True, array_like=True, gc=False):
    """A series as it is kept for the next process."""

    name: str
    size: int
    inode: int
    last: Point | None
    """If the file was read."""


_encode = msgpack.Encoder().encode
_decode = msgpack.Decoder(dict[str, _Kept]).decode


class SeriesByKey(MutableMapping[str, Series]):
    """The series of a run. Files without any point are none, and are not read to find out before
    somebody asks."""

    def __init__(self, loaded: Loaded, damages: Damages) -> None:
        self._files: dict[str, FileSeries] = {}
        self._packed: tuple[str, Raw] | None = None
        """The folder of the run, and what was kept of its series."""
        self._kept: dict[str, _Kept] = {}
        """Series that nobody has asked for yet."""
        self._folder = ""
        self._loaded = loaded
        self._damages = damages

    @property
    def files(self) -> dict[str, FileSeries]:
        """A series for each file."""
        self._unpack()
        for key in list(self._kept):
            self._found(key)
        return self._files

    @files.setter
    def files(self, files: dict[str, FileSeries]) -> None:
        self._files, self._packed, self._kept = files, None, {}

    def _unpack(self) -> None:
        if self._packed is not None:
            (self._folder, packed), self._packed = self._packed, None
            self._kept = _decode(packed)

    def _found(self, key: str) -> FileSeries | None:
        """The series of *key*, when there is one; few are asked for in most of many runs."""
        self._unpack()
        kept = self._kept.pop(key, None)
        if kept is None:
            return self._files.get(key)
        found = self._files[key] = FileSeries("", self._loaded, self._damages)
        found.recall(f"{self._folder}/{kept.name}", kept.size, kept.inode, kept.last)
        return found

    def remembered(self, folder: str) -> Raw:
        """What may be kept of the series of the run in *folder*."""
        if self._packed is not None:
            return self._packed[1]
        start = len(folder) + 1
        found = {key: _Kept(one.path[start:], *one.known()) for key, one in self._files.items()}
        return Raw(_encode(self._kept | found))

    def recall(self, folder: str, kept: Raw) -> None:
        """Be as `remembered` said it was, once somebody asks."""
        self._packed = folder, kept

    def last(self, key: str) -> Point | None:
        """The latest point of a series, which is made only when that is not known."""
        self._unpack()
        kept = self._kept.get(key)
        if kept is not None and kept.last is not None:
            return kept.last
        found = self.get(key)
        return None if found is None else found.last

    def latest(self) -> list[Metric]:
        """The latest point of each series, by key; of what was kept only what is not known yet is
        made a series of."""
        self._unpack()
        unread = [key for key, kept in self._kept.items() if kept.last is None]
        for key in unread:
            self._found(key)
        known = {key: kept.last for key, kept in self._kept.items() if kept.last is not None}
        known |= {key: one.last for key, one in self._files.items() if not one.is_empty()}
        return [metric_at(key, point) for key, point in sorted(known.items())]

    def made(self, key: str) -> FileSeries:
        """The series of *key*, which is made when there is none."""
        found = self._found(key)
        if found is None:
            found = self._files[key] = FileSeries("", self._loaded, self._damages)
        return found

    def setdefault(self, key: str, default: Series | None = None) -> Series:
        """The series of *key*, which is made when there is none; *default* must be empty."""
        del default
        return self.made(key)

    def __getitem__(self, key: str) -> Series:
        found = self._found(key)
        if found is None:
            raise KeyError(key)
        if found.path and found.is_empty():
            raise KeyError(key)
        return found

    def __setitem__(self, key: str, value: Series) -> None:
        self.made(key).extend(value.points)

    def __delitem__(self, key: str) -> None:
        del self.files[key]

    def __iter__(self) -> Iterator[str]:
        return (key for key, found in self.files.items() if not found.is_empty())

    def __len__(self) -> int:
        return sum(1 for _ in self)
