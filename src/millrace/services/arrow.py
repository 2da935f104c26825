"""Rows of Parquet and Feather files, by batches: what is not asked for is not read.

pyarrow is imported when such a file is opened.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

import msgspec

from millrace.core.errors import InvalidArgument
from millrace.core.lazy import require
from millrace.services.outlet import CHECKED_FIRST

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from millrace.services.outlet import Opened

FORMATS: Final = frozenset({".parquet", ".feather", ".arrow"})
MOST_GROUP: Final = 512 * 1024 * 1024
"""The largest row group that is read, in bytes without compression."""
_BATCH: Final = 1_024
_BUFFER: Final = 1024 * 1024


class Column(msgspec.Struct, frozen=True):
    """A column by its name, and what it holds."""

    name: str
    type: str
    is_number: bool


class ArrowRows:
    """Rows of a file that is read by pyarrow; see `services.tables.Rows`."""

    is_cut = False
    is_counted = True

    def __init__(self, opened: Opened, suffix: str) -> None:
        if not opened.is_right and opened.size <= CHECKED_FIRST:
            opened.compare()
        arrow = require("pyarrow", extra="parquet")
        file = require(
            "pyarrow.parquet" if suffix == ".parquet" else "pyarrow.ipc", extra="parquet"
        )
        source = io.BufferedReader(_Ranges(opened), _BUFFER)
        try:
            self._pieces: _Groups | _Batches = (
                _Groups(file.ParquetFile(source)) if suffix == ".parquet"
                else _Batches(file.open_file(source))
            )  # fmt: skip
        except (OSError, ValueError) as error:
            raise InvalidArgument(f"{opened.path!r} cannot be read as {suffix[1:]}.") from error
        types = arrow.types
        self.columns = tuple(
            Column(
                field.name,
                str(field.type),
                types.is_integer(field.type)
                or types.is_floating(field.type)
                or types.is_decimal(field.type),
            )
            for field in self._pieces.schema
        )
        self._starts = [0, *accumulate(self._pieces.counts)]
        self.count = self._starts[-1]

    def between(self, start: int, stop: int) -> Iterator[Sequence[object]]:
        """Neighbours, from the batches that hold them."""
        for piece in range(len(self._starts) - 1):
            first = self._starts[piece]
            if first >= stop or self._starts[piece + 1] <= start:
                continue
            for batch in self._pieces.read(piece, None):
                low, high = max(start, first), min(stop, first + batch.num_rows)
                if low < high:
                    yield from _rows(batch.slice(low - first, high - low))
                first += batch.num_rows
                if first >= stop:
                    return

    def picked(self, numbers: Sequence[int]) -> list[Sequence[object]]:
        """Rows from anywhere: each piece that holds some is read once."""
        by_piece: dict[int, list[int]] = {}
        for number in sorted(numbers):
            by_piece.setdefault(bisect_right(self._starts, number) - 1, []).append(number)
        found: dict[int, Sequence[object]] = {}
        for piece, wanted in by_piece.items():
            first = self._starts[piece]
            for batch in self._pieces.read(piece, None):
                inside = [n for n in wanted if first <= n < first + batch.num_rows]
                if inside:
                    rows = _rows(batch.take([number - first for number in inside]))
                    found.update(zip(inside, rows, strict=True))
                first += batch.num_rows
        return [found[number] for number in numbers]

    def scan(
        self, columns: Sequence[int], text: str | None
    ) -> Iterator[tuple[int, Sequence[object]]]:
        """All rows; only *columns* are read when nothing is sought."""
        only = list(dict.fromkeys(columns)) if text is None else None
        places = [only.index(at) for at in columns] if only is not None else list(columns)
        number = 0
        for piece in range(len(self._starts) - 1):
            for batch in self._pieces.read(piece, only):
                for row in _rows(batch):
                    if text is None or any(text in str(cell).casefold() for cell in row):
                        yield number, [row[at] for at in places]
                    number += 1


class _Groups:
    """A Parquet file by its row groups."""

    def __init__(self, file: Any) -> None:  # noqa: ANN401 - pyarrow may not be there
        self._file = file
        self.schema = file.schema_arrow
        about = file.metadata
        self._sizes = [about.row_group(n).total_byte_size for n in range(about.num_row_groups)]
        self.counts = [about.row_group(n).num_rows for n in range(about.num_row_groups)]

    def read(self, piece: int, columns: list[int] | None) -> Iterator[Any]:
        if self._sizes[piece] > MOST_GROUP:
            raise InvalidArgument(
                f"Row group {piece} of the file has {self._sizes[piece]} bytes; groups of up to "
                f"{MOST_GROUP} are read for a page. Download it, or write smaller groups."
            )
        names = None if columns is None else [self.schema.field(at).name for at in columns]
        found: Iterator[Any] = self._file.iter_batches(
            batch_size=_BATCH, row_groups=[piece], columns=names, use_threads=False
        )
        return found


class _Batches:
    """An Arrow file by its record batches."""

    def __init__(self, file: Any) -> None:  # noqa: ANN401 - as above
        self._file = file
        self.schema = file.schema
        self.counts = [file.get_batch(n).num_rows for n in range(file.num_record_batches)]

    def read(self, piece: int, columns: list[int] | None) -> Iterator[Any]:
        batch = self._file.get_batch(piece)
        yield batch if columns is None else batch.select(columns)


class _Ranges(io.RawIOBase):
    """A file of a store as one that can be read anywhere."""

    def __init__(self, opened: Opened) -> None:
        super().__init__()
        self._opened = opened
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._opened.size}[whence]
        self._at = max(0, origin + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any writable buffer
        end = min(self._opened.size, self._at + len(buffer))
        if end <= self._at:
            return 0
        body = b"".join(self._opened.chunks(self._at, end))
        buffer[: len(body)] = body
        self._at += len(body)
        return len(body)


def _rows(batch: Any) -> Iterator[Sequence[object]]:  # noqa: ANN401 - a record batch
    """The rows of a batch; what Python cannot hold is text."""
    columns = [_values(batch.column(at)) for at in range(batch.num_columns)]
    return zip(*columns, strict=True) if columns else iter([()] * batch.num_rows)


def _values(column: Any) -> list[Any]:  # noqa: ANN401 - an array
    try:
        found: list[Any] = column.to_pylist()
    except (ValueError, OverflowError):  # nanoseconds that are not whole microseconds, far years
        found = [None if one is None else str(one) for one in column.cast("string").to_pylist()]
    return found
