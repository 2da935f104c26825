"""A look into artifacts, wherever they lie: pages of tables, and the media of a run."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from millrace.artifacts.protocols import ArtifactStore
from millrace.core.errors import InvalidArgument
from millrace.services.places import Places
from millrace.services.platform import Platform
from millrace.stores.memory import MemoryStores
from tests.contract_artifacts.places import Place
from tests.unit.services.conftest import Call, calling

ROWS = 3_000


class Shelf:
    """A run whose artifacts lie at the place under test."""

    def __init__(self, call: Call, run: str, keep: Callable[[str, bytes], object]) -> None:
        self.call, self.run, self.keep = call, run, keep

    def table(self, path: str, **asked: Any) -> tuple[int, dict[str, list[Any]]]:
        """How many rows match, and the cells by column."""
        found = self.call("readTable", run_id=self.run, path=path, **asked)
        return found.total, {column.name: list(column.values) for column in found.columns}


@pytest.fixture
def shelf(place: Place) -> Iterator[Shelf]:
    opened: list[ArtifactStore] = []

    def open_store(_uri: str) -> ArtifactStore:
        opened.append(place.open())
        return opened[-1]

    places = Places(open_store, destination=place.uri)
    platform = Platform(MemoryStores(), places=places)
    call = calling(platform)
    experiment = call("createExperiment", name="shelf").experiment_id
    info = call("createRun", experiment_id=experiment).run.info

    def keep(path: str, body: bytes) -> object:
        spot = places.at(info.artifact_uri).at(path)
        return spot.store.put(spot.path, [body])

    yield Shelf(call, info.run_id, keep)
    platform.close()
    places.close()


def test_tables_are_paged_sorted_and_searched(shelf: Shelf) -> None:
    lines = "".join(f'{n},"name {n}, {n % 7}",{(n * 7919) % ROWS}\n' for n in range(ROWS))
    shelf.keep("t/a.csv", f"id,name,score\n{lines}".encode())
    frame = {"id": list(range(ROWS)), "score": [(n * 7919) % ROWS / 2 for n in range(ROWS)]}
    parquet = io.BytesIO()
    pq.write_table(pa.table(frame), parquet, row_group_size=1_000)
    shelf.keep("t/a.parquet", parquet.getvalue())

    assert shelf.table("t/a.csv", offset=2_998, limit=10)[1]["id"] == ["2998", "2999"]
    total, best = shelf.table("t/a.csv", sort_by="score", descending=True, limit=2)
    assert (total, best["score"]) == (ROWS, ["2999", "2998"])
    total, found = shelf.table("t/a.csv", text="NAME 29, 1")
    assert (total, found["id"]) == (1, ["29"])
    assert shelf.table("t/a.parquet", offset=999, limit=2)[1]["id"] == [999, 1_000]
    total, least = shelf.table("t/a.parquet", sort_by="score", offset=10, limit=3)
    assert (total, least["score"]) == (ROWS, [5.0, 5.5, 6.0])


def wide_rows() -> bytes:
    """More than is read at once."""
    return b"id,text\n" + b"".join(b"%d,%s\n" % (n, b"x" * 500) for n in range(ROWS))


def test_first_rows_come_before_the_others_are_counted(shelf: Shelf) -> None:
    """Of delimited text; other formats say how many rows they have."""
    shelf.keep("t/a.csv", wide_rows())

    def page(**asked: Any) -> tuple[int, int, bool, list[str]]:
        found = shelf.call(
            "readTable", run_id=shelf.run, path="t/a.csv", count=False, limit=2, **asked
        )
        ids = list(found.columns[0].values)
        return found.total, found.rows, bool(found.is_uncounted), ids

    assert page() == (2, 2, True, ["0", "1"])
    assert page(offset=5) == (7, 7, True, ["5", "6"])
    assert page(offset=ROWS - 2) == (ROWS, ROWS, False, ["2998", "2999"])
    # By now it is known.
    assert page() == (ROWS, ROWS, False, ["0", "1"])


def test_what_has_to_be_read_is_counted(shelf: Shelf) -> None:
    shelf.keep("t/a.csv", wide_rows())

    found = shelf.call(
        "readTable", run_id=shelf.run, path="t/a.csv", count=False, sort_by="id", limit=1
    )

    assert (found.total, found.rows, found.is_uncounted) == (ROWS, ROWS, None)


@pytest.mark.parametrize("suffix", ["csv", "parquet", "json"])
def test_tables_are_narrowed_by_what_cells_are(shelf: Shelf, suffix: str) -> None:
    names = [None if n % 10 == 9 else f"Name {n % 4}" for n in range(40)]
    shelf.keep(f"t.{suffix}", written(suffix, {"n <": list(range(40)), "of a": names}))

    def found(*where: str, **more: Any) -> list[int]:
        total, columns = shelf.table(f"t.{suffix}", where=where, limit=50, **more)
        assert total == len(columns["n <"])
        return [int(cell) for cell in columns["n <"]]

    assert found("n < >= 36") == [36, 37, 38, 39]
    assert found("n < > 30", "of a = Name 2", sort_by="n <", descending=True) == [38, 34]
    assert found("n < <= 8", "of a ~ NAME 3") == [3, 7]
    assert found("of a =") == [9, 19, 29, 39]
    assert found("of a != ", "n < < 3", text="name 1") == [1]
    with pytest.raises(InvalidArgument, match="holds numbers"):
        found("n < > many")
    with pytest.raises(InvalidArgument, match="is no condition"):
        found("nothing = 1")


@pytest.mark.parametrize("suffix", ["csv", "parquet", "json"])
def test_a_column_tells_its_figures(shelf: Shelf, suffix: str) -> None:
    scores = [float(n) if n else None for n in range(101)]
    words = ["even" if n % 2 == 0 else "odd" for n in range(101)]
    shelf.keep(f"t.{suffix}", written(suffix, {"score": scores, "word": words}))

    def figures(column: str, **asked: Any) -> Any:
        return shelf.call(
            "readTableColumn", run_id=shelf.run, path=f"t.{suffix}", column=column, **asked
        )

    score = figures("score")
    assert (score.rows, score.missing, score.distinct) == (101, 1, 100)
    assert (score.least, score.greatest, score.mean) == (1.0, 100.0, 50.5)
    assert score.quartiles == (25.75, 50.5, 75.25)
    assert score.deviation == pytest.approx(29.0115, abs=1e-4)
    assert sum(score.bins) == 100
    assert figures("score", where=("word = odd",)).mean == 50.0
    word = figures("word")
    assert [(one.value, one.rows) for one in word.frequent] == [("even", 51), ("odd", 50)]
    assert (word.distinct, word.mean, word.bins) == (2, None, ())
    with pytest.raises(InvalidArgument, match="no column 'none'"):
        figures("none")


def written(suffix: str, columns: dict[str, list[Any]]) -> bytes:
    """A table as a file."""
    rows = list(zip(*columns.values(), strict=True))
    if suffix == "json":
        return json.dumps({"columns": list(columns), "data": rows}).encode()
    if suffix == "csv":
        lines = [",".join("" if cell is None else str(cell) for cell in row) for row in rows]
        return "\n".join([",".join(columns), *lines]).encode()
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, row_group_size=30)
    return sink.getvalue()


def test_images_are_listed_by_key_and_step(shelf: Shelf) -> None:
    for step in (10, 2):
        stem = f"images/val~masks+step+{step}+timestamp+{step}00+ab-{step}"
        shelf.keep(f"{stem}.png", b"png")
        shelf.keep(f"{stem}+compressed.webp", b"webp")
    shelf.keep("audio/said.wav", b"wav")

    found = shelf.call("listMedia", run_id=shelf.run)

    (masks,) = found.images
    assert (masks.key, masks.steps, masks.timestamps) == ("val/masks", (2, 10), (200, 1000))
    assert masks.paths[0] == "images/val~masks+step+2+timestamp+200+ab-2.png"
    assert masks.thumbnails[0] == "images/val~masks+step+2+timestamp+200+ab-2+compressed.webp"
    assert [(one.path, one.kind, one.file_size) for one in found.files] == [
        ("audio/said.wav", "audio", 3)
    ]


LINES = [
    f"{n:05d} {'ERROR' if n % 1_000 == 999 else 'INFO'} Step {n * 7919 % 30_000} " + "x" * 40
    for n in range(30_000)
]


@pytest.mark.parametrize("kept", ["file", "pieces"])
def test_logs_are_paged_searched_and_narrowed(shelf: Shelf, kept: str) -> None:
    path = "logs/train.log"
    if kept == "file":
        shelf.keep(path, "".join(f"{line}\n" for line in LINES).encode())
    else:
        for at in range(0, 30_000, 7_000):
            part = "".join(f"{line}\n" for line in LINES[at : at + 7_000])
            shelf.keep(f"{path}/{at:06d}.log", part.encode())

    def page(**asked: Any) -> tuple[int, list[int], list[str]]:
        found = shelf.call("readLog", run_id=shelf.run, path=path, **asked)
        assert found.lines == 30_000
        return found.total, [row.line for row in found.rows], [row.text for row in found.rows]

    def hit(text: str, line: int, **asked: Any) -> tuple[int | None, int | None]:
        found = shelf.call("searchLog", run_id=shelf.run, path=path, text=text, line=line, **asked)
        return found.line, found.row

    assert page(offset=13_998, limit=4) == (30_000, [*range(13_998, 14_002)], LINES[13_998:14_002])
    assert page(offset=-2, limit=10)[2] == LINES[-2:]
    assert page(offset=30_000)[1] == []
    total, numbers, texts = page(level="warning", offset=6, limit=2)
    assert (total, numbers, texts) == (30, [6_999, 7_999], [LINES[6_999], LINES[7_999]])
    assert len(page(level="error", limit=1_000)[1]) == 30

    text = LINES[20_123][6:24].upper()
    (at,) = [n for n, line in enumerate(LINES) if text in line.upper()]
    assert hit(text, 0) == hit(text, 29_999, backward=True) == (at, at)
    assert hit(text, at) == (at, at)
    assert hit(text, at + 1) == hit(text, at - 1, backward=True) == (None, None)
    assert hit("step", 12_345, backward=True) == (12_345, 12_345)
    assert hit("step", 5_000, level="error") == (5_999, 5)
    assert hit("step", 5_000, level="error", backward=True) == (4_999, 4)
    assert hit("anything", 10**9, backward=True) == (None, None)


def test_a_log_that_grows_is_read_on(shelf: Shelf) -> None:
    def tail() -> tuple[int, list[str]]:
        found = shelf.call("readLog", run_id=shelf.run, path="logs/o.log", offset=-1)
        return found.total, [row.text for row in found.rows]

    shelf.keep("logs/o.log/1.log", b"2025-11-29T03:05:12.007Z err one\n")
    assert tail() == (1, ["one"])
    shelf.keep("logs/o.log/2.log", b"two\nthr\xc3\xa9e")

    assert tail() == (3, ["three".replace("ee", "ée")])
    found = shelf.call("readLog", run_id=shelf.run, path="logs/o.log").rows
    assert [(row.stream, row.time_ms) for row in found[:2]] == [
        ("err", 1_764_385_512_007),
        (None, None),
    ]
    assert shelf.call("searchLog", run_id=shelf.run, path="logs/o.log", text="RÉE").line == 2
