"""Bodies of `/invocations`: what clients send, as data for a model.

What `tables` does not take is read here as plain JSON, and then the signature says what is wrong
with it, if anything is.
"""

# Data is of any library, and so is what models make of it.
# ruff: noqa: ANN401

from __future__ import annotations

import io
import json
import re
import warnings
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from millrace.core.errors import (
    MalformedRequest,
    TooLarge,
    UnsupportedMediaType,
)
from millrace.core.lazy import require
from millrace.models.types import ColSpec, DataType, Schema
from millrace.serving import csv_tables
from millrace.serving.tables import FORMS, Table, is_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from millrace.models.signature import ModelSignature

JSON: Final = "application/json"
CSV: Final = "text/csv"
PARQUET: Final = "application/vnd.apache.parquet"
MEDIA_TYPES: Final = (JSON, CSV, PARQUET)

MAX_DEPTH: Final = 64
EXPANDS: Final = 16
"""How many times its own size a Parquet file may be when it is unpacked."""

_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_NO_BRACKET: Final = bytes(set(range(256)) - set(b"[]{}"))
_ONE_KIND: Final = bytes.maketrans(b"{}", b"[]")


class Given(NamedTuple):
    """What a request asks: data, params, how many rows that is, and whether the data is in the form
    of the signature already."""

    data: Any
    params: dict[str, Any] | None = None
    rows: int = 1
    is_exact: bool = False


class Bodies:
    """Reads the bodies of one model's requests."""

    def __init__(
        self, signature: ModelSignature | None, *, max_rows: int, as_array: bool = False
    ) -> None:
        schema = signature.inputs if signature else None
        self._schema = schema
        self._max_rows = max_rows
        self._takes_objects = schema is not None and _takes_objects(
            schema, by_row=bool(signature and signature.is_from_type_hint)
        )
        self._table = None
        self._csv_table = None
        if schema is not None and is_table(schema):
            self._table = Table(schema, as_array=as_array)
            if csv_tables.is_installed():
                self._csv_table = csv_tables.CsvTable(schema, as_array=as_array)

    def read(self, content_type: str | None, body: bytes) -> Given:
        """Decode *body*; errors are 400, 413 and 415, and name what is wrong."""
        kind = media_type(content_type)
        if kind == CSV:
            given = self._csv(body)
        elif kind == PARQUET:
            given = self._parquet(body)
        else:
            plain = self._table.read(body) if self._table is not None else None
            given = self._json(body) if plain is None else Given(*plain, is_exact=True)
        if given.rows > self._max_rows:
            raise _too_many(given.rows, self._max_rows)
        return given

    def _json(self, body: bytes) -> Given:
        said = parse(body)
        if not isinstance(said, dict):
            raise MalformedRequest(
                f"The body must be a JSON object with one of the keys {', '.join(FORMS)}; it is "
                f"{_kind(said)}."
            )
        params = said.get("params")
        if params is not None and not isinstance(params, dict):
            raise MalformedRequest(f"'params' must be a JSON object; it is {_kind(params)}.")
        there = [form for form in FORMS if form in said]
        if not there and self._takes_objects:
            record = {name: value for name, value in said.items() if name != "params"}
            return Given(record, params)
        if len(there) != 1:
            seen = f"it has {' and '.join(there)}" if there else f"it has only {sorted(said)[:20]}"
            raise MalformedRequest(
                f"The body must have exactly one of the keys {', '.join(FORMS)}; {seen}."
            )
        [form] = there
        value = said[form]
        if form == "dataframe_split":
            data, rows = _split(value)
        elif form == "dataframe_records":
            data, rows = _records(value)
        elif form == "instances":
            data, rows = self._instances(value)
        else:
            data, rows = self._inputs(value)
        return Given(data, params, rows)

    # --- the row format and the column format of TF serving ---------------------------------------

    def _instances(self, value: Any) -> tuple[Any, int]:
        if not isinstance(value, list):
            raise MalformedRequest(f"'instances' must be a list of rows; it is {_kind(value)}.")
        rows = len(value)
        if self._takes_objects or not value:
            return value, rows
        objects = sum(isinstance(one, dict) for one in value)
        if objects and objects < rows:
            raise MalformedRequest("'instances' must be all objects, or none.")
        if objects and (self._schema is None or self._schema.is_tensor_spec()):
            names = list(value[0])
            for at, one in enumerate(value):
                if one.keys() != value[0].keys():
                    raise MalformedRequest(
                        f"instances[{at}] has the keys {sorted(one)}; instances[0] has "
                        f"{sorted(names)}."
                    )
            columns = {name: [one[name] for one in value] for name in names}
            return {
                name: _array(column, f"instances[*].{name}") for name, column in columns.items()
            }, rows
        if self._schema is None:
            return _array(value, "instances"), rows
        return value, rows

    def _inputs(self, value: Any) -> tuple[Any, int]:
        if isinstance(value, dict):
            lengths = {len(one) for one in value.values() if isinstance(one, list)}
            if self._schema is None or self._schema.is_tensor_spec():
                data: Any = {name: _array(one, f"inputs.{name}") for name, one in value.items()}
                return data, max(lengths, default=1)
            if len(lengths) > 1 and not self._takes_objects and _all_scalar(self._schema):
                raise MalformedRequest(
                    f"The columns of 'inputs' have different lengths: "
                    f"{ {name: len(one) for name, one in value.items() if isinstance(one, list)} }."
                )
            return value, max(lengths, default=1)
        rows = len(value) if isinstance(value, list) else 1
        if self._schema is None and isinstance(value, list):
            if any(isinstance(one, dict) for one in value):
                return value, rows
            return _array(value, "inputs"), rows
        return value, rows

    # --- tables in other formats ------------------------------------------------------------------

    def _csv(self, body: bytes) -> Given:
        if self._csv_table is not None and (plain := self._csv_table.read(body)) is not None:
            data, rows = plain
            return Given(data, rows=rows, is_exact=True)
        pandas = require("pandas", extra="models")
        if not body.strip():
            raise MalformedRequest("The body is empty; CSV needs a header row with column names.")
        columns = self._schema.columns if self._schema else ()
        texts = {one.name: str for one in columns if one.type in _AS_TEXT}
        numbers = {one.name: "float64" for one in columns if one.type == DataType.double}
        for dtype in (texts | numbers, texts):
            try:
                with warnings.catch_warnings():
                    # Of rows that are longer than the header it only warns.
                    warnings.simplefilter("error", pandas.errors.ParserWarning)
                    frame = pandas.read_csv(
                        io.BytesIO(body), dtype=dtype, index_col=False, low_memory=False
                    )
            except UnicodeDecodeError:
                raise MalformedRequest("The CSV is not valid UTF-8.") from None
            except (pandas.errors.ParserError, pandas.errors.ParserWarning) as error:
                raise MalformedRequest(f"The CSV cannot be read: {_first_line(error)}.") from None
            except (ValueError, OverflowError) as error:
                # A cell that is no number: read as it is, the signature names column and row.
                if dtype == texts:
                    raise MalformedRequest(
                        f"The CSV cannot be read: {_first_line(error)}."
                    ) from None
            else:
                break
        return Given(frame, rows=len(frame))

    def _parquet(self, body: bytes) -> Given:
        pyarrow = require("pyarrow", extra="parquet")
        parquet = require("pyarrow.parquet", extra="parquet")
        try:
            file = parquet.ParquetFile(pyarrow.BufferReader(body))
            about = file.metadata
            if about.num_rows > self._max_rows:
                raise _too_many(about.num_rows, self._max_rows)
            groups = range(about.num_row_groups)
            unpacked = sum(about.row_group(at).total_byte_size for at in groups)
            if unpacked > EXPANDS * max(len(body), 1024 * 1024):
                raise TooLarge(
                    f"The Parquet file has {len(body)} bytes and {unpacked} when it is unpacked; "
                    f"more than {EXPANDS} times its size is not read."
                )
            frame = file.read().to_pandas()
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            raise MalformedRequest(
                f"The body is no Parquet file that can be read: {_first_line(error)}."
            ) from None
        return Given(frame, rows=len(frame))


_AS_TEXT: Final = frozenset({DataType.string, DataType.binary, DataType.datetime})


def media_type(given: str | None) -> str:
    """The media type of a `Content-Type` header that is read here; `UnsupportedMediaType`."""
    if given is None:
        raise UnsupportedMediaType(
            f"The Content-Type header is missing; send one of {', '.join(MEDIA_TYPES)}."
        )
    kind, *parameters = (part.strip() for part in given.split(";"))
    kind = kind.lower()
    if kind not in MEDIA_TYPES:
        raise UnsupportedMediaType(
            f"Content-Type {kind[:100]!r} is not read here; send one of {', '.join(MEDIA_TYPES)}."
        )
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        charset = value.strip().strip('"').lower()
        if parameter and (name.strip().lower() != "charset" or charset not in {"utf-8", "utf8"}):
            raise UnsupportedMediaType(
                f"Content-Type parameter {parameter[:100]!r} is not understood; only "
                "'charset=utf-8' is."
            )
    return kind


# --- JSON ----------------------------------------------------------------------------------------


def parse(body: bytes) -> Any:
    """The JSON in *body*; `NaN` and infinities may stand for numbers, as many clients write them.

    `MalformedRequest` for anything else, and beyond `MAX_DEPTH` levels.
    """
    try:
        said = msgspec.json.decode(body)
    except RecursionError:
        raise _too_deep() from None
    except UnicodeDecodeError:
        raise MalformedRequest("The body is not valid UTF-8.") from None
    except msgspec.DecodeError as error:
        said = _lenient(body, error)
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH:
        _check_depth(body)
    return said


def _lenient(body: bytes, first: Exception) -> Any:
    if b"NaN" not in body and b"Infinity" not in body:
        raise MalformedRequest(f"The body is not valid JSON: {first}.") from None
    try:
        return json.loads(body)
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        raise MalformedRequest(f"The body is not valid JSON: {first}.") from None


def _check_depth(body: bytes) -> None:
    """Refuse nesting beyond the limit: take out innermost pairs of brackets, level by level."""
    brackets = _STRING.sub(b"", body).translate(_ONE_KIND, _NO_BRACKET)
    for _ in range(MAX_DEPTH):
        if not brackets:
            return
        brackets = brackets.replace(b"[]", b"")
    if brackets:
        raise _too_deep()


def _too_deep() -> MalformedRequest:
    return MalformedRequest(f"The body is nested deeper than {MAX_DEPTH} levels.")


def _too_many(rows: int, limit: int) -> TooLarge:
    return TooLarge(f"The request has {rows} rows; at most {limit} are scored at a time.")


def _takes_objects(schema: Schema, *, by_row: bool) -> bool:
    """Whether a row of the schema is no row of a table."""
    columns = schema.columns
    return by_row or any(not isinstance(one.type, DataType) for one in columns)


def _all_scalar(schema: Schema) -> bool:
    return all(isinstance(one, ColSpec) and isinstance(one.type, DataType) for one in schema)


def _split(value: Any) -> tuple[Any, int]:
    if not isinstance(value, dict):
        raise MalformedRequest(
            f"'dataframe_split' must be an object with 'columns' and 'data'; it is {_kind(value)}."
        )
    unknown = sorted(set(value) - {"columns", "data", "index"})
    if unknown:
        raise MalformedRequest(
            f"'dataframe_split' has the unknown keys {unknown}; it takes columns, data and index."
        )
    parts = {name: value.get(name) for name in ("columns", "data", "index")}
    for name, part in parts.items():
        if not isinstance(part, list) and not (name != "data" and part is None):
            raise MalformedRequest(f"'dataframe_split.{name}' must be a list; it is {_kind(part)}.")
    columns, data, index = parts.values()
    assert data is not None  # noqa: S101 - checked above
    _check_width(data, columns)
    if index is not None and len(index) != len(data):
        raise MalformedRequest(
            f"'dataframe_split.index' has {len(index)} entries for {len(data)} rows."
        )
    pandas = require("pandas", extra="models")
    try:
        return pandas.DataFrame(data, columns=columns, index=index), len(data)
    except (ValueError, TypeError, OverflowError) as error:
        raise MalformedRequest(f"'dataframe_split' is no table: {_first_line(error)}.") from None


def _check_width(data: list[Any], columns: list[Any] | None) -> None:
    """Refuse rows of different lengths, which a frame would fill up without a word."""
    if columns is not None:
        if not all(isinstance(name, (str, int)) for name in columns):
            raise MalformedRequest("'dataframe_split.columns' must hold names.")
        if len(set(columns)) < len(columns):
            raise MalformedRequest(f"'dataframe_split.columns' has a name twice: {columns[:100]}.")
    width = None if columns is None else len(columns)
    for at, row in enumerate(data):
        cells = row if isinstance(row, list) else [row]
        width = len(cells) if width is None else width
        if len(cells) != width:
            raise MalformedRequest(
                f"'dataframe_split.data[{at}]' has {len(cells)} values; there are {width} columns."
            )


def _records(value: Any) -> tuple[Any, int]:
    if not isinstance(value, list):
        raise MalformedRequest(
            f"'dataframe_records' must be a list of objects; it is {_kind(value)}."
        )
    for at, row in enumerate(value):
        if not isinstance(row, dict):
            raise MalformedRequest(
                f"'dataframe_records[{at}]' must be an object of columns; it is {_kind(row)}."
            )
    pandas = require("pandas", extra="models")
    try:
        return pandas.DataFrame(value), len(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise MalformedRequest(f"'dataframe_records' is no table: {_first_line(error)}.") from None


def _array(value: Any, where: str) -> Any:
    numpy = require("numpy", extra="models")
    try:
        array = numpy.asarray(value)
    except (ValueError, OverflowError):
        raise MalformedRequest(f"'{where}' has rows of different lengths or kinds.") from None
    if (
        array.dtype == object
        and array.size
        and all(one is None or isinstance(one, (int, float)) for one in array.flat)
    ):
        array = array.astype("float64")  # null among numbers
    return array


def _kind(value: Any) -> str:
    names: Mapping[type, str] = {
        dict: "an object",
        list: "a list",
        str: "a string",
        bool: "a boolean",
    }
    return "null" if value is None else names.get(type(value), "a number")


def _first_line(error: Exception) -> str:
    text = str(error).strip().partition("\n")[0]
    return text.removesuffix(".")[:500]
