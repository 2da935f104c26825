"""Tables in files, a page at a time, however large the file is and wherever it lies.

What is held does not grow with the file: of delimited text, marks to find rows by; of Parquet and
Feather, the batch that is being read. Sorting and narrowing hold a key and a place for each row,
so they end at a number of rows, and one of them is made at a time.
"""

from __future__ import annotations

import threading
from array import array
from collections import OrderedDict
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from millrace.api.previews import FileColumn, FileTable
from millrace.core import delimited
from millrace.core.errors import InvalidArgument, NotSupported
from millrace.core.uris import safe_path
from millrace.services import cells
from millrace.services.arrow import FORMATS as ARROW
from millrace.services.arrow import ArrowRows, Column
from millrace.services.outlet import PIECE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from millrace.api.previews import (
        ColumnFigures,
        ReadColumn,
        ReadModelColumn,
        ReadModelTable,
        ReadTable,
        RowsOfTable,
        TablePage,
    )
    from millrace.services.artifacts import Artifacts
    from millrace.services.context import Context
    from millrace.services.outlet import Opened
    from millrace.services.places import Spot

T = TypeVar("T")

MOST_READ: Final = 256 * 1024 * 1024
"""Of delimited text, what is looked at."""
MOST_PARSED: Final = 32 * 1024 * 1024
"""The largest JSON that is read, for it is read whole."""
MOST_ORDERED: Final = 1_000_000
"""Rows that are sorted or searched through."""
_SAMPLE: Final = 500  # rows that tell what a column holds
_REMEMBERED: Final = 64
_ORDERS: Final = 4
_PIECES: Final = 64
_GAP: Final = 64 * 1024


class Rows(Protocol):
    """The rows of a table, by their numbers from 0 on."""

    columns: tuple[Column, ...]
    is_cut: bool

    @property
    def count(self) -> int:
        """How many there are."""
        ...

    @property
    def is_counted(self) -> bool:
        """Whether `count` is known without a reading of the whole file."""
        ...

    def between(self, start: int, stop: int) -> Iterable[Sequence[object]]:
        """The cells of neighbours."""
        ...

    def picked(self, numbers: Sequence[int]) -> Iterable[Sequence[object]]:
        """The cells of rows in the order that they are asked for."""
        ...

    def scan(
        self, columns: Sequence[int], text: str | None
    ) -> Iterator[tuple[int, Sequence[object]]]:
        """Rows in which a cell holds *text* (casefolded), and what each has in *columns*."""
        ...


class _Page(NamedTuple):
    """The cells of rows, and what `FileTable` says of the rest."""

    found: Iterable[Sequence[object]]
    total: int
    rows: int
    is_uncounted: bool = False


class Tables:
    """Reads tables out of artifacts, and remembers what it found out about each."""

    def __init__(self, artifacts: Artifacts) -> None:
        self._artifacts = artifacts
        self._surveys = _Memory[delimited.Survey](_REMEMBERED)
        self._orders = _Memory["array[int]"](_ORDERS)
        self._ordering = threading.Lock()

    def of_run(self, _ctx: Context, request: ReadTable) -> FileTable:
        """A page of a table of a run."""
        return self._page(self._artifacts.spot_of_run(request.run_id), request.path, request)

    def of_model(self, _ctx: Context, request: ReadModelTable) -> FileTable:
        """A page of a table of a logged model."""
        return self._page(self._artifacts.spot_of_model(request.model_id), request.path, request)

    def column_of_run(self, _ctx: Context, request: ReadColumn) -> ColumnFigures:
        """The figures of a column of a table of a run."""
        return self._figures(self._artifacts.spot_of_run(request.run_id), request)

    def column_of_model(self, _ctx: Context, request: ReadModelColumn) -> ColumnFigures:
        """The figures of a column of a table of a logged model."""
        return self._figures(self._artifacts.spot_of_model(request.model_id), request)

    def _figures(self, root: Spot, asked: ReadColumn | ReadModelColumn) -> ColumnFigures:
        with self._opened(root, asked.path) as (rows, _):
            _bounded(rows)
            place = cells.place_of(rows.columns, asked.column)
            with self._ordering:
                found = _narrowed(rows, (place,), asked)
                return cells.figures(rows.columns[place], (held[0] for _, held in found))

    @contextmanager
    def _opened(self, root: Spot, path: str) -> Iterator[tuple[Rows, tuple[str, ...]]]:
        """The rows of the file at *path*, and the state that they are of."""
        safe_path(path)
        with closing(self._artifacts.open_at(root.at(path))) as opened:
            state = (opened.spot.uri, opened.etag or f"{opened.size}-{opened.modified_ms}")
            yield self._rows(opened, state), state

    def _page(self, root: Spot, path: str, asked: TablePage) -> FileTable:
        with self._opened(root, path) as (rows, state):
            page = self._cut(rows, asked, state)
            shown = [[cells.plain(cell) for cell in row] for row in page.found]
        return FileTable(
            total=page.total,
            rows=page.rows,
            offset=asked.offset,
            is_cut=rows.is_cut or None,
            is_uncounted=page.is_uncounted or None,
            columns=tuple(
                FileColumn(
                    name=column.name,
                    type=column.type,
                    is_number=column.is_number,
                    values=tuple(row[at] for row in shown),
                )
                for at, column in enumerate(rows.columns)
            ),
        )

    def _cut(self, rows: Rows, asked: TablePage, state: tuple[str, ...]) -> _Page:
        start, stop = asked.offset, asked.offset + asked.limit
        if asked.sort_by is not None or asked.text or asked.where:
            order = self._order(rows, asked, state)
            return _Page(rows.picked(order[start:stop]), len(order), rows.count)
        if not asked.count and not rows.is_counted:
            found = list(rows.between(start, stop + 1))
            if len(found) > asked.limit:
                return _Page(found[:-1], stop, stop, is_uncounted=True)
        total = rows.count
        return _Page(rows.between(start, min(stop, total)) if start < total else (), total, total)

    def _rows(self, opened: Opened, state: tuple[str, ...]) -> Rows:
        suffix = PurePosixPath(opened.path).suffix.lower()
        if suffix in {".csv", ".tsv"}:

            def look() -> delimited.Survey:
                return delimited.survey(opened.chunks(0, min(opened.size, MOST_READ)))

            return DelimitedRows(
                opened, suffix, self._surveys.known(state), lambda: self._surveys.get(state, look)
            )
        if suffix == ".json":
            return JsonRows(opened)
        if suffix in ARROW:
            return ArrowRows(opened, suffix)
        raise NotSupported(
            f"{opened.path!r} is shown as a table when its name ends in .csv, .tsv, .json, "
            f"{', '.join(sorted(ARROW))}. Download it."
        )

    def _order(self, rows: Rows, asked: TablePage, state: tuple[str, ...]) -> array[int]:
        _bounded(rows)

        def make() -> array[int]:
            with self._ordering:
                return _ordered(rows, asked)

        same = msgspec.structs.replace(asked, offset=0, limit=0)
        return self._orders.get((*state, msgspec.json.encode(same).decode()), make)


def _bounded(rows: Rows) -> None:
    if rows.count > MOST_ORDERED:
        raise InvalidArgument(
            f"The table has {rows.count:,} rows; tables of up to {MOST_ORDERED:,} are sorted "
            "and searched. Download it."
        )


def _narrowed(
    rows: Rows, columns: tuple[int, ...], asked: RowsOfTable
) -> Iterator[tuple[int, Sequence[object]]]:
    """The rows that are asked for, with what each has in *columns*."""
    conditions = [cells.condition(rows.columns, text) for text in asked.where]
    wanted = (*columns, *(one.place for one in conditions))
    after = len(columns)
    for number, held in rows.scan(wanted, (asked.text or "").casefold() or None):
        if all(one.holds(held[after + at]) for at, one in enumerate(conditions)):
            yield number, held[:after]


def _ordered(rows: Rows, asked: TablePage) -> array[int]:
    if asked.sort_by is None:
        return array("L", (number for number, _ in _narrowed(rows, (), asked)))
    place = cells.place_of(rows.columns, asked.sort_by)
    make = cells.number if rows.columns[place].is_number else cells.text
    numbers, missing = array("L"), array("L")
    keys: list[Any] = []
    for number, (cell,) in _narrowed(rows, (place,), asked):
        key = make(cell)
        if key is None:
            missing.append(number)
        else:
            numbers.append(number)
            keys.append(key)
    places = sorted(range(len(keys)), key=keys.__getitem__, reverse=asked.descending)
    return array("L", (numbers[at] for at in places)) + missing


class DelimitedRows:
    """Rows of CSV and TSV: found by the marks of a survey, which *look* makes when it is needed."""

    def __init__(
        self,
        opened: Opened,
        suffix: str,
        survey: delimited.Survey | None,
        look: Callable[[], delimited.Survey],
    ) -> None:
        self._opened = opened
        self._survey = survey
        self._look = look
        self._end = min(opened.size, MOST_READ)
        self.is_cut = self._end < opened.size
        sample = [body for _, body in islice(self._records(0), _SAMPLE + 1)]
        header = sample[0] if sample else b""
        self._delimiter = "\t" if suffix == ".tsv" else delimited.delimiter(header)
        names = delimited.cells(header, self._delimiter)
        seen = [delimited.cells(body, self._delimiter) for body in sample[1:]]
        names += [f"column {at + 1}" for at in range(len(names), max(map(len, seen), default=0))]
        self.columns = tuple(_column(name, at, seen) for at, name in enumerate(names))

    @property
    def is_counted(self) -> bool:
        """See `Rows`."""
        return self._survey is not None or self._end <= PIECE

    @property
    def count(self) -> int:
        """See `Rows`."""
        # The last one may be half.
        return max(0, self._surveyed().records - 1 - self.is_cut)

    def between(self, start: int, stop: int) -> Iterator[list[str | None]]:
        """See `Rows`."""
        for _, body in islice(self._records(start + 1), stop - start):
            yield self._cells(body)

    def picked(self, numbers: Sequence[int]) -> list[list[str | None]]:
        """See `Rows`."""
        found: dict[int, list[str | None]] = {}
        for group in _near(sorted(numbers), self._surveyed()):
            wanted = set(group)
            rows = enumerate(self._records(group[0] + 1), start=group[0])
            for number, (_, body) in islice(rows, group[-1] - group[0] + 1):
                if number in wanted:
                    found[number] = self._cells(body)
        return [found[number] for number in numbers]

    def scan(
        self, columns: Sequence[int], text: str | None
    ) -> Iterator[tuple[int, Sequence[object]]]:
        """See `Rows`."""
        for number, (_, body) in enumerate(islice(self._records(1), self.count)):
            if text is not None and text not in body.decode("utf-8", "replace").casefold():
                continue
            held = self._cells(body)
            if text is not None and not any(cell and text in cell.casefold() for cell in held):
                continue  # it spans two cells
            yield number, [held[at] for at in columns]

    def _records(self, record: int) -> Iterator[delimited.Found]:
        """Records from this one on."""
        mark = self._survey.before(record) if self._survey else delimited.BEGINNING
        chunks = self._opened.chunks(mark.offset, self._end)
        found = delimited.records(chunks, mark)
        return islice(found, record - mark.ended, None)

    def _surveyed(self) -> delimited.Survey:
        if self._survey is None:
            self._survey = self._look()
        return self._survey

    def _cells(self, body: bytes) -> list[str | None]:
        held = delimited.cells(body, self._delimiter)[: len(self.columns)]
        return [cell or None for cell in held] + [None] * (len(self.columns) - len(held))


def _column(name: str, at: int, rows: Iterable[Sequence[str]]) -> Column:
    held = [row[at] for row in rows if at < len(row) and row[at]]
    is_number = bool(held) and all(delimited.number(cell) is not None for cell in held)
    return Column(name, "number" if is_number else "text", is_number)


class JsonRows:
    """Rows of what `log_table` writes: `{"columns": [...], "data": [[...], ...]}`."""

    is_cut = False
    is_counted = True

    def __init__(self, opened: Opened) -> None:
        if opened.size > MOST_PARSED:
            raise InvalidArgument(
                f"{opened.path!r} has {opened.size} bytes; tables in JSON are shown up to "
                f"{MOST_PARSED}. Log larger ones as Parquet, or download it."
            )
        try:
            found = _TABLE.decode(b"".join(opened.chunks()))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidArgument(
                f"{opened.path!r} holds no table of 'columns' and 'data': {error}."
            ) from error
        self._data = found.data
        self.count = len(found.data)
        self.columns = tuple(
            _json_column(str(name), [row[at] for row in self._data[:_SAMPLE] if at < len(row)])
            for at, name in enumerate(found.columns)
        )

    def between(self, start: int, stop: int) -> list[list[object]]:
        """See `Rows`."""
        return self.picked(range(start, stop))

    def picked(self, numbers: Sequence[int]) -> list[list[object]]:
        """See `Rows`."""
        width = len(self.columns)
        return [(self._data[number] + [None] * width)[:width] for number in numbers]

    def scan(
        self, columns: Sequence[int], text: str | None
    ) -> Iterator[tuple[int, Sequence[object]]]:
        """See `Rows`."""
        for number, row in enumerate(self._data):
            if text is None or any(text in str(cells.plain(cell)).casefold() for cell in row):
                yield number, [row[at] if at < len(row) else None for at in columns]


def _json_column(name: str, sample: Sequence[object]) -> Column:
    held = [cell for cell in sample if cell is not None]
    kinds = {type(cell) for cell in held}
    if held and kinds <= {int, float}:
        return Column(name, "number", is_number=True)
    if kinds == {bool}:
        return Column(name, "boolean", is_number=False)
    return Column(name, "text" if kinds <= {str} else "mixed", is_number=False)


class _File(msgspec.Struct):
    columns: list[Any]
    data: list[list[Any]]


_TABLE: Final = msgspec.json.Decoder(_File)


def _near(numbers: Sequence[int], survey: delimited.Survey) -> Iterator[list[int]]:
    """Groups of ascending row *numbers*, each to be read in one go.

    Many short readings cost more than one long one, at places where each is a request.
    """
    groups: list[list[int]] = []
    last = None
    for number in numbers:
        offset = survey.before(number + 1).offset
        if last is not None and offset - last <= _GAP:
            groups[-1].append(number)
        else:
            groups.append([number])
        last = offset
    if len(groups) > _PIECES:
        groups = [list(numbers)]
    yield from groups


class _Memory(Generic[T]):
    """What was found out about the files that were looked at last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: OrderedDict[tuple[str, ...], T] = OrderedDict()
        self._lock = threading.Lock()

    def known(self, key: tuple[str, ...]) -> T | None:
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
            return self._held.get(key)

    def get(self, key: tuple[str, ...], make: Callable[[], T]) -> T:
        held = self.known(key)
        if held is not None:
            return held
        made = make()
        with self._lock:
            self._held[key] = made
            while len(self._held) > self._most:
                self._held.popitem(last=False)
        return made
