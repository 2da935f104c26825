"""Files and tables scored in chunks, however large they are (`millrace models predict`).

A chunk is read, scored and written before the next one is read, so memory depends on the chunk and
on the model, not on the file. What is written appears under its name when it is whole.
"""

# Models and data are of any library.

from __future__ import annotations

import contextlib
import functools
import json
import os
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Literal, Self

from millrace.core.errors import InvalidArgument, MalformedRequest
from millrace.core.lazy import require
from millrace.models.example import plain
from millrace.models.pyfunc import load_model
from millrace.models.types import DataType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from millrace.models.pyfunc import PyFuncModel
    from millrace.models.types import Schema

Format = Literal["csv", "json", "jsonl", "parquet"]

CHUNK_ROWS: Final = 50_000
_BY_SUFFIX: Final[dict[str, Format]] = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_AS_TEXT: Final = frozenset({DataType.string, DataType.binary, DataType.datetime})
_PIECE: Final = 1024 * 1024
_LONGEST_RECORD: Final = 64 * 1024 * 1024


class Scores:
    """Scores frames with one model: a function that Dask, Ray and Spark can send to their workers.

        dask_frame.map_partitions(Scores("models:/risk@champion"), meta={"prediction": "float64"})
        ray_data.map_batches(Scores("models:/risk@champion"), batch_format="pandas")

    Each process loads the model once, when it first scores.
    """

    def __init__(
        self,
        model_uri: str,
        *,
        params: Mapping[str, Any] | None = None,
        trusted: bool | None = None,
    ) -> None:
        self.model_uri = model_uri
        self.params = params
        self.trusted = trusted

    def __call__(self, frame: Any) -> Any:
        """Predictions for the rows of *frame*, as a frame with its index."""
        model = _loaded(self.model_uri, self.trusted)
        return as_frame(model.predict(frame, self.params), index=frame.index)


@functools.lru_cache(maxsize=4)
def _loaded(model_uri: str, trusted: bool | None) -> PyFuncModel:  # noqa: FBT001 - a key
    return load_model(model_uri, trusted=trusted)


def score(
    model: PyFuncModel,
    chunks: Iterable[Any],
    *,
    params: Mapping[str, Any] | None = None,
    keep_input: bool = False,
) -> Iterator[Any]:
    """Frames of predictions for *chunks* of rows, one by one; with *keep_input* beside the rows.

    A chunk that does not fit the signature ends it with an error that names the chunk.
    """
    pandas = require("pandas", extra="models")
    for number, chunk in enumerate(chunks, 1):
        try:
            predictions = model.predict(chunk, params)
        except InvalidArgument as error:
            raise InvalidArgument(f"Chunk {number}: {error.message}") from error
        found = as_frame(predictions, index=getattr(chunk, "index", None))
        if not keep_input:
            yield found
        elif len(found) == len(chunk):
            yield pandas.concat([chunk, found], axis=1)
        else:
            raise InvalidArgument(
                f"Chunk {number}: {len(found)} predictions for {len(chunk)} rows; they cannot "
                "stand beside their input."
            )


def as_frame(predictions: Any, *, index: Any = None) -> Any:
    """Predictions as a frame: their own columns, or `prediction`, or `prediction_0` and so on."""
    pandas = require("pandas", extra="models")
    if hasattr(predictions, "columns") and hasattr(predictions, "iloc"):
        return predictions
    if hasattr(predictions, "toarray"):
        predictions = predictions.toarray()
    if isinstance(predictions, dict) or (
        isinstance(predictions, list) and predictions and isinstance(predictions[0], dict)
    ):
        frame = pandas.DataFrame(predictions)
    elif getattr(predictions, "ndim", 1) > 1:
        wide = predictions.reshape(len(predictions), -1)
        frame = pandas.DataFrame(wide, columns=[f"prediction_{at}" for at in range(wide.shape[1])])
    else:
        cells = predictions if hasattr(predictions, "__len__") else [predictions]
        values = getattr(cells, "array", cells)  # a series has an index of its own
        frame = pandas.DataFrame({"prediction": values})
    if index is not None and len(index) == len(frame):
        frame.index = index
    return frame


def score_file(  # noqa: PLR0913 - a file to read, one to write, and how
    model: PyFuncModel,
    source: str,
    target: str,
    *,
    read_as: Format | None = None,
    write_as: Format | None = None,
    rows: int = CHUNK_ROWS,
    params: Mapping[str, Any] | None = None,
    keep_input: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Score the rows of *source* into *target*; `-` is the standard input, or output.

    Returns how many rows there were. Formats go by the names of the files unless they are given;
    *progress* hears the number of rows that are done.
    """
    schema = model.input_schema
    chunks = read(source, read_as or format_of(source, "json"), rows=rows, schema=schema)
    done = 0
    with writer(target, write_as or format_of(target, "json")) as write:
        for found in score(model, chunks, params=params, keep_input=keep_input):
            write(found)
            done += len(found)
            progress(done)
    return done


def format_of(name: str, otherwise: Format) -> Format:
    """The format of a file by its name; *otherwise* for the standard streams."""
    if name == "-":
        return otherwise
    found = _BY_SUFFIX.get(Path(name).suffix.lower())
    if found is None:
        raise InvalidArgument(
            f"The format of {name!r} is not known by its name; give it, or name the file "
            f"{', '.join(_BY_SUFFIX)}."
        )
    return found


# --- reading -------------------------------------------------------------------------------------


def read(source: str, kind: Format, *, rows: int, schema: Schema | None = None) -> Iterator[Any]:
    """Frames of at most *rows* rows. Columns that *schema* has as text stay text."""
    if kind == "parquet":
        if source == "-":
            raise InvalidArgument("Parquet is read from a file, not from the standard input.")
        parquet = require("pyarrow.parquet", extra="parquet")
        with parquet.ParquetFile(source) as file:
            for batch in file.iter_batches(batch_size=rows):
                yield batch.to_pandas()
        return
    with _opened(source) as file:
        if kind == "csv":
            yield from _csv(file, rows, schema)
        else:
            records = _lines(file) if kind == "jsonl" else _elements(file)
            yield from _gathered(records, rows)


@contextlib.contextmanager
def _opened(source: str) -> Iterator[IO[str]]:
    if source == "-":
        yield sys.stdin
        return
    try:
        with Path(source).open(encoding="utf-8", newline="") as file:
            yield file
    except UnicodeDecodeError as error:
        raise MalformedRequest(f"{source} is not UTF-8: {error}.") from None


def _csv(file: IO[str], rows: int, schema: Schema | None) -> Iterator[Any]:
    pandas = require("pandas", extra="models")
    texts = {one.name: str for one in (schema.columns if schema else ()) if one.type in _AS_TEXT}
    try:
        with pandas.read_csv(
            file, chunksize=rows, dtype=texts, index_col=False, low_memory=False
        ) as reader:
            yield from reader
    except pandas.errors.EmptyDataError:
        return
    except pandas.errors.ParserError as error:
        raise MalformedRequest(f"The CSV cannot be read: {error}.") from None


def _lines(file: IO[str]) -> Iterator[Any]:
    for number, line in enumerate(file, 1):
        if line.strip():
            try:
                yield json.loads(line)
            except ValueError as error:
                raise MalformedRequest(f"Line {number} is no JSON: {error}.") from None


def _elements(file: IO[str]) -> Iterator[Any]:
    """Elements of one JSON array, read piece by piece; or all of a document that is an object."""
    decoder = json.JSONDecoder()
    text = file.read(_PIECE).lstrip()
    if not text.startswith("["):
        yield from _document(text + file.read())
        return
    text = text[1:]
    while True:
        text = text.lstrip(", \t\r\n")
        if text.startswith("]"):
            return
        try:
            element, end = decoder.raw_decode(text)
            # A number may go on in the next piece.
            is_whole = end < len(text)
        except ValueError as error:
            element, end, is_whole, first = None, 0, False, error
        if is_whole:
            yield element
            text = text[end:]
            continue
        more = file.read(_PIECE)
        if not more or len(text) > _LONGEST_RECORD:
            why = first if not end else "it does not end with a bracket"
            raise MalformedRequest(f"The JSON array cannot be read: {why}.")
        text += more


def _document(text: str) -> Iterator[Any]:
    """The records of a body that a model server would take."""
    try:
        said = json.loads(text)
    except ValueError as error:
        raise MalformedRequest(f"The file is no JSON: {error}.") from None
    if isinstance(said, dict):
        for form in ("dataframe_records", "instances", "inputs", "dataframe_split"):
            said = said.get(form, said) if isinstance(said, dict) else said
    if isinstance(said, dict) and {"columns", "data"} <= said.keys():
        names = said["columns"]
        yield from (dict(zip(names, row, strict=False)) for row in said["data"])
    elif isinstance(said, dict) and all(isinstance(one, list) for one in said.values()):
        yield from (dict(zip(said, row, strict=False)) for row in zip(*said.values(), strict=False))
    elif isinstance(said, list):
        yield from said
    else:
        raise MalformedRequest(
            "The file must hold a list of records, or an object with dataframe_split, "
            "dataframe_records, instances or inputs."
        )


def _gathered(records: Iterable[Any], rows: int) -> Iterator[Any]:
    pandas = require("pandas", extra="models")
    chunk: list[Any] = []
    start = 0
    for record in records:
        chunk.append(record)
        if len(chunk) == rows:
            yield pandas.DataFrame(chunk, index=range(start, start + rows))
            start += rows
            chunk = []
    if chunk:
        yield pandas.DataFrame(chunk, index=range(start, start + len(chunk)))


# --- writing -------------------------------------------------------------------------------------


@contextlib.contextmanager
def writer(target: str, kind: Format) -> Iterator[Callable[[Any], None]]:
    """A function that writes frames one after the other; the file is there when all are written."""
    if target == "-":
        if kind == "parquet":
            raise InvalidArgument("Parquet is written to a file, not to the standard output.")
        with _writing(sys.stdout, kind) as write:
            yield write
        sys.stdout.flush()
        return
    path = Path(target)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        if kind == "parquet":
            with _Parquet(partial) as parquet:
                yield parquet.write
        else:
            with partial.open("w", encoding="utf-8", newline="") as file:
                with _writing(file, kind) as write:
                    yield write
                file.flush()
                os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def _writing(file: IO[str], kind: Format) -> Iterator[Callable[[Any], None]]:
    has_begun = False

    def write(frame: Any) -> None:
        nonlocal has_begun
        if kind == "csv":
            frame.to_csv(file, index=False, header=not has_begun)
        else:
            between = "\n" if kind == "jsonl" else ","
            texts = map(json.dumps, _values(frame, bare=kind == "json"))
            text = between.join(texts)
            file.write(between + text if has_begun and text else text)
        has_begun = has_begun or len(frame) > 0

    if kind == "json":
        file.write('{"predictions": [')
    yield write
    if kind == "json":
        file.write("]}\n")
    elif kind == "jsonl" and has_begun:
        file.write("\n")


def _values(frame: Any, *, bare: bool) -> Iterator[Any]:
    """Rows as JSON has them; predictions alone without a name, as a model server writes them."""
    names = [str(name) for name in frame.columns]
    columns = [plain(frame.iloc[:, at].tolist()) for at in range(len(names))]
    if bare and names == ["prediction"]:
        yield from columns[0]
    else:
        yield from (dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True))


class _Parquet:
    """A Parquet file that grows by frames; the first one says what its columns are."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: Any = None

    def __enter__(self) -> Self:
        return self

    def write(self, frame: Any) -> None:
        arrow = require("pyarrow", extra="parquet")
        parquet = require("pyarrow.parquet", extra="parquet")
        if self._file is None:
            table = arrow.Table.from_pandas(frame, preserve_index=False)
            self._file = parquet.ParquetWriter(self._path, table.schema)
        else:
            table = arrow.Table.from_pandas(frame, self._file.schema, preserve_index=False)
        self._file.write_table(table)

    def __exit__(self, *_: object) -> None:
        if self._file is None:
            self.write(require("pandas", extra="models").DataFrame({"prediction": []}))
        self._file.close()
