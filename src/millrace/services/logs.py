"""Logs of runs, a page at a time, however long they are and wherever they lie.

A log is a file, or a folder whose name ends in `.log`: its files one after the other, by name. What
is held does not grow with the bytes: marks to find lines by and, once somebody asks only for grave
ones, a byte for each line.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict
from contextlib import closing
from itertools import accumulate, groupby, islice
from typing import TYPE_CHECKING, Final, NamedTuple

from millrace.api.logs import LogHit, LogLine, LogPage
from millrace.core import loglines
from millrace.core.errors import InvalidArgument, NotSupported
from millrace.core.uris import safe_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from millrace.api.logs import LogOfRun, ReadLog, SearchLog
    from millrace.core.loglines import Level, Survey
    from millrace.services.artifacts import Artifacts
    from millrace.services.context import Context
    from millrace.services.places import Spot

PIECES: Final = ".log"
"""How the name of a folder ends whose files are one log."""
MOST_JUDGED: Final = 10_000_000
"""Lines of a log that can be narrowed to grave ones."""
MOST_PIECES: Final = 20_000
_LOOKED_THROUGH: Final = 4 * 1024 * 1024
"""Bytes that a search holds at a time."""
_REMEMBERED: Final = 16


class Piece:
    """A file of a log, as it was when it was looked through."""

    def __init__(self, spot: Spot, survey: Survey) -> None:
        self.spot = spot
        self.survey = survey
        self.levels: bytes | None = None


class Span(NamedTuple):
    """Whole lines that lie beside each other: their numbers, and the bytes."""

    piece: Piece
    first: int
    start: int
    end: int


class Logs:
    """Reads logs of runs, and remembers where lines are in those that were read last."""

    def __init__(self, artifacts: Artifacts) -> None:
        self._artifacts = artifacts
        self._known: OrderedDict[str, dict[tuple[str, str], Piece]] = OrderedDict()
        self._lock = threading.Lock()
        self._judging = threading.Lock()

    def read(self, _ctx: Context, request: ReadLog) -> LogPage:
        """A page of lines."""
        log = self._log(request)
        total = len(log.grave) if log.grave is not None else log.lines
        start = request.offset if request.offset >= 0 else max(0, total + request.offset)
        stop = min(start + request.limit, total)
        numbers: Sequence[int] = range(start, stop)
        if log.grave is not None:
            numbers = log.grave.lines(start, stop)
        return LogPage(
            total=total,
            lines=log.lines,
            size=log.size,
            offset=start,
            rows=tuple(self._shown(log, numbers)),
        )

    def search(self, _ctx: Context, request: SearchLog) -> LogHit:
        """The next line that holds a text."""
        log = self._log(request)
        found = self._next(log, request)
        if found is None:
            return LogHit()
        return LogHit(line=found, row=log.grave.place(found) if log.grave is not None else found)

    def _next(self, log: Log, asked: SearchLog) -> int | None:
        sought, as_text = loglines.finds(asked.text)
        at = min(asked.line, log.lines - 1) if asked.backward else asked.line
        for span in log.spans(at, backward=asked.backward):
            body = loglines.lowered(self._body(span), as_text=as_text)
            hits = _hits(body, sought, span.first)
            if asked.backward:
                hits = iter([hit for hit in hits if hit <= asked.line][::-1])
            for hit in hits:
                if (asked.backward or hit >= asked.line) and log.has(hit):
                    return hit
        return None

    def _body(self, span: Span) -> bytes:
        end = min(span.end, span.start + _LOOKED_THROUGH)
        with closing(self._artifacts.open_at(span.piece.spot)) as opened:
            return b"".join(opened.chunks(span.start, end))

    def _shown(self, log: Log, numbers: Sequence[int]) -> Iterator[LogLine]:
        for at, group in groupby(numbers, key=log.piece_of):
            wanted = list(group)
            piece, before = log.pieces[at], log.before[at]
            with closing(self._artifacts.open_at(piece.spot)) as opened:
                for run in _near([number - before for number in wanted], piece.survey):
                    marks, first, last = piece.survey.marks, run[0], run[-1]
                    mark = marks[piece.survey.at(first)]
                    end = piece.survey.end(piece.survey.at(last))
                    chunks = opened.chunks(mark.offset, end)
                    lines = enumerate(loglines.cut(chunks), start=mark.line)
                    asked = set(run)
                    found = [
                        (number, *line)
                        for number, line in islice(lines, last - mark.line + 1)
                        if number in asked
                    ]
                    codes = _codes(piece, found)
                    for code, (number, line, is_cut) in zip(codes, found, strict=True):
                        yield _line(before + number, line, code, is_cut=is_cut)

    # --- what is known of a log ----------------------------------------------------------------

    def _log(self, asked: LogOfRun) -> Log:
        spot = self._artifacts.spot_of_run(asked.run_id).at(safe_path(asked.path))
        with self._lock:
            known = self._known.get(spot.uri, {})
        found = dict(self._pieces(spot, known))
        with self._lock:
            self._known[spot.uri] = found
            self._known.move_to_end(spot.uri)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        log = Log(tuple(found.values()))
        if asked.level is not None:
            log.grave = self._grave(log, asked.level)
        return log

    def _pieces(
        self, spot: Spot, known: dict[tuple[str, str], Piece]
    ) -> Iterator[tuple[tuple[str, str], Piece]]:
        if spot.path.endswith(".gz"):
            raise NotSupported(f"{spot.path!r} is packed; only plain logs are read in pages.")
        if spot.path.endswith(PIECES):
            names = [
                (one.path.rpartition("/")[2], str(one.file_size or 0))
                for one in spot.store.list(spot.path)
                if not one.is_dir
            ]
            if names:
                if len(names) > MOST_PIECES:
                    raise InvalidArgument(
                        f"The log {spot.path!r} is in {len(names):,} pieces; up to "
                        f"{MOST_PIECES:,} are read in pages. Download it."
                    )
                # Pieces do not change: their sizes say enough, and not each has to be opened.
                for name, size in sorted(names):
                    at = spot.at(name)
                    yield (at.uri, size), known.get((at.uri, size)) or self._surveyed(at)
                return
        with closing(self._artifacts.open_at(spot)) as opened:
            state = (spot.uri, opened.etag or f"{opened.size}-{opened.modified_ms}")
            held = known.get(state)
            yield state, held or Piece(spot, loglines.survey(opened.chunks()))

    def _surveyed(self, spot: Spot) -> Piece:
        with closing(self._artifacts.open_at(spot)) as opened:
            return Piece(spot, loglines.survey(opened.chunks()))

    def _grave(self, log: Log, level: Level) -> loglines.Grave:
        if log.lines > MOST_JUDGED:
            raise InvalidArgument(
                f"The log has {log.lines:,} lines; logs of up to {MOST_JUDGED:,} are narrowed by "
                "level. Search it, or download it."
            )
        with self._judging:
            for piece in log.pieces:
                if piece.levels is None:
                    with closing(self._artifacts.open_at(piece.spot)) as opened:
                        chunks = opened.chunks(0, piece.survey.size)
                        piece.levels = loglines.levels(chunks)
        return loglines.Grave(b"".join(piece.levels or b"" for piece in log.pieces), level)


class Log:
    """The pieces of a log, with their lines numbered through."""

    def __init__(self, pieces: tuple[Piece, ...]) -> None:
        self.pieces = pieces
        self.before = [0, *accumulate(piece.survey.lines for piece in pieces)]
        self.lines = self.before[-1]
        self.size = sum(piece.survey.size for piece in pieces)
        self.grave: loglines.Grave | None = None

    def piece_of(self, line: int) -> int:
        """In which piece a line is."""
        return bisect_right(self.before, line) - 1

    def has(self, line: int) -> bool:
        """Whether the line is one of those that are asked for."""
        return self.grave is None or self.grave.has(line)

    def spans(self, line: int, *, backward: bool) -> Iterator[Span]:
        """All lines from the one with *line* on, or back from it, in stretches to be read whole."""
        if not 0 <= line < self.lines:
            return
        at = self.piece_of(line)
        places = range(at, -1, -1) if backward else range(at, len(self.pieces))
        for place in places:
            piece = self.pieces[place]
            marks = piece.survey.marks
            here = piece.survey.at(line - self.before[place]) if place == at else None
            for first, last in _stretches(piece.survey, here, backward=backward):
                mark = marks[first]
                yield Span(
                    piece, self.before[place] + mark.line, mark.offset, piece.survey.end(last)
                )


def _stretches(survey: Survey, here: int | None, *, backward: bool) -> Iterable[tuple[int, int]]:
    """Marks in groups that are read together, from the one *here* on."""
    count = len(survey.marks)
    ordered = range(count if here is None else here + 1) if backward else range(here or 0, count)
    groups: list[tuple[int, int]] = []
    for mark in ordered:
        first = groups[-1][0] if groups else None
        if first is not None and survey.end(mark) - survey.marks[first].offset <= _LOOKED_THROUGH:
            groups[-1] = first, mark
        else:
            groups.append((mark, mark))
    return reversed(groups) if backward else groups


def _near(numbers: Sequence[int], survey: Survey) -> Iterator[list[int]]:
    """Ascending *numbers* of lines in groups, each to be read in one go: many short readings cost
    more than one long one, at places where each is a request."""
    groups: list[list[int]] = []
    last = None
    for number in numbers:
        mark = survey.at(number)
        if last is not None and mark - last <= 1:
            groups[-1].append(number)
        else:
            groups.append([number])
        last = mark
    yield from groups if len(groups) <= _MOST_READINGS else [list(numbers)]


_MOST_READINGS: Final = 64


def _hits(body: bytes, sought: bytes, first: int) -> Iterator[int]:
    """The numbers of the lines of *body* that hold *sought*; *first*: of the first line."""
    line, since = first, 0
    at = body.find(sought)
    while at >= 0:
        line += body.count(b"\n", since, at)
        yield line
        since = body.find(b"\n", at)
        if since < 0:
            return
        at = body.find(sought, since)


def _codes(piece: Piece, found: Sequence[tuple[int, bytes, bool]]) -> bytes:
    if piece.levels is not None:
        levels = piece.levels
        return bytes(levels[number] for number, _, _ in found)
    return loglines.levels(line + b"\n" for _, line, _ in found)


def _line(number: int, body: bytes, code: int, *, is_cut: bool) -> LogLine:
    read = loglines.read(body, is_cut=is_cut)
    return LogLine(
        line=number,
        text=read.text,
        time_ms=read.time_ms,
        stream=read.stream,
        level=loglines.LEVELS[code - 1] if code else None,
        is_cut=read.is_cut or None,
    )
