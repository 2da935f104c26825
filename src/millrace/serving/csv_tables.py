"""Tables in CSV, read by Arrow straight into what a signature asks for.

Most CSV bodies are plain: a header, then cells without quotes. Arrow reads those in several threads
and takes no type but the signature's; whatever it does not take, or might read otherwise than
pandas, is read again by pandas, in `payload`.
"""

# Frames are of a library that is imported late.
# ruff: noqa: ANN401

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from millrace.core.lazy import require
from millrace.models.types import DataType

if TYPE_CHECKING:
    from millrace.models.types import Schema

# Words that pandas takes for an absent value.
_ABSENT: Final = (
    "",
    *"#N/A #NA -1.#IND -1.#QNAN -NaN -nan 1.#IND 1.#QNAN <NA> N/A NA NULL NaN None n/a nan".split(),
    *("null", "#N/A N/A"),
)
_DOUBLE: Final = DataType.double
_BLANK: Final = re.compile(rb"\n[ \t]+(?:\r?\n|$)")
_BLOCK: Final = 512 * 1024
"""Bytes that one thread reads at a time; a line is no longer."""


class CsvTable:
    """Reads CSV of a schema whose columns are numbers, booleans and text.

    *as_array*: rows of doubles become an array instead of a frame.
    """

    def __init__(self, schema: Schema, *, as_array: bool = False) -> None:
        arrow = require("pyarrow", extra="parquet")
        csv = require("pyarrow.csv", extra="parquet")
        types = {
            _DOUBLE: arrow.float64(),
            DataType.long: arrow.int64(),
            DataType.boolean: arrow.bool_(),
            DataType.string: arrow.string(),
        }
        self._kinds = {str(one.name): DataType(str(one.type)) for one in schema.columns}
        self._as_array = as_array and set(self._kinds.values()) == {_DOUBLE}
        self._buffer = arrow.BufferReader
        self._failure = arrow.ArrowException
        self._read = csv.read_csv
        self._options = {
            "read_options": csv.ReadOptions(block_size=_BLOCK),
            "convert_options": csv.ConvertOptions(
                column_types={name: types[kind] for name, kind in self._kinds.items()},
                null_values=_ABSENT,
                true_values=["True", "TRUE", "true"],
                false_values=["False", "FALSE", "false"],
                strings_can_be_null=True,
            ),
        }

    def read(self, body: bytes) -> tuple[Any, int] | None:
        """Data that conforms to the schema, and the number of rows. None: the body is unusual, or
        wrong."""
        if _is_odd(body):
            return None
        try:
            table = self._read(self._buffer(body), **self._options)
            names = table.column_names
        except (self._failure, UnicodeDecodeError):
            return None
        if names != list(self._kinds) or not table.num_rows:
            return None
        columns = dict(zip(names, table.columns, strict=True))
        if any(columns[name].null_count for name, kind in self._kinds.items() if kind != _DOUBLE):
            return None
        if len(columns) == 1 and _BLANK.search(body):
            return None  # an empty line, or a text of spaces?
        return self._data(columns, table.num_rows), table.num_rows

    def _data(self, columns: dict[str, Any], rows: int) -> Any:
        if self._as_array:
            numpy = require("numpy", extra="models")
            block = numpy.empty((rows, len(columns)))
            for at, column in enumerate(columns.values()):
                block[:, at] = column.to_numpy()
            return block
        pandas = require("pandas", extra="models")
        texts = {name for name, kind in self._kinds.items() if kind == DataType.string}
        return pandas.DataFrame(
            {
                name: pandas.Series(column.to_pylist()) if name in texts else column.to_numpy()
                for name, column in columns.items()
            }
        )


def _is_odd(body: bytes) -> bool:
    """Whether there is anything in it that readers understand differently: what quotes may hold,
    what ends a text for C, hexadecimal numbers, and carriage returns that end no line."""
    # One byte is found in a hundredth of the time that two are.
    if b'"' in body or b"\0" in body:
        return True
    head = body.find(b"\n") + 1
    for digit in (b"x", b"X"):
        if body.find(digit, head) >= 0 and body.find(b"0" + digit, head) >= 0:
            return True
    return b"\r" in body and body.count(b"\r") != body.count(b"\r\n")


def is_installed() -> bool:
    """Whether Arrow is there to read with."""
    return find_spec("pyarrow") is not None
