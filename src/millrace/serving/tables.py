"""Tables of numbers in JSON, decoded straight into what a signature asks for.

Most requests are such tables. Their decoder is made from the signature, so that what it takes needs
no second look; whatever it does not take is read again with care, by `payload`.
"""

# Frames, rows and the structs that are made here have no types of their own.
# ruff: noqa: ANN401

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

import msgspec

from millrace.core.lazy import require
from millrace.models.types import DataType

if TYPE_CHECKING:
    from millrace.models.types import Schema

FORMS: Final = ("dataframe_split", "dataframe_records", "instances", "inputs")
"""Keys of a JSON body; exactly one is there."""
_PEEK: Final = 256
_MSGSPEC: Final[dict[DataType, Any]] = {
    DataType.double: float,
    DataType.long: int,
    DataType.boolean: bool,
    DataType.string: str,
}


class Table:
    """Reads tables of a schema whose columns are numbers, booleans and text, in one pass.

    *as_array*: rows of doubles become an array instead of a frame.
    """

    def __init__(self, schema: Schema, *, as_array: bool = False) -> None:
        columns = schema.columns
        self._as_array = as_array
        self._names = [str(one.name) for one in columns]
        self._types = [one.type for one in columns]
        self._is_of_doubles = set(self._types) == {DataType.double}
        # Numbers may be absent from columns of doubles; elsewhere the careful way decides.
        cells: list[Any] = [
            float | None if one.type == DataType.double else _MSGSPEC[DataType(str(one.type))]
            for one in columns
        ]
        row: Any = tuple.__class_getitem__(tuple(cells))
        split: Any = msgspec.defstruct(
            "_Split", [("columns", list[str]), ("data", list[row])], forbid_unknown_fields=True
        )
        # Fields by position: a column may be named like anything.
        fields = [(f"c{at}", cell) for at, cell in enumerate(cells)]
        rename = {f"c{at}": name for at, name in enumerate(self._names)}
        record: Any = msgspec.defstruct("_Record", fields, rename=rename, gc=False)
        unset = msgspec.UNSET
        body = msgspec.defstruct(
            "_Body",
            [
                ("dataframe_split", split | msgspec.UnsetType, unset),
                ("dataframe_records", list[record] | msgspec.UnsetType, unset),
                ("instances", msgspec.Raw | msgspec.UnsetType, unset),
                ("inputs", msgspec.Raw | msgspec.UnsetType, unset),
                ("params", dict[str, Any] | msgspec.UnsetType | None, unset),
            ],
        )
        self._decode = msgspec.json.Decoder(body).decode
        self._rows = msgspec.json.Decoder(list[row]).decode
        self._records = msgspec.json.Decoder(list[record]).decode
        self._index: Any = None

    def read(self, body: bytes) -> tuple[Any, dict[str, Any] | None, int] | None:
        """Data that conforms to the schema, params, and the number of rows. None: the body is
        something else, or wrong."""
        try:
            said: Any = self._decode(body)
            if sum(getattr(said, form) is not msgspec.UNSET for form in FORMS) != 1:
                return None
            rows = self._rows_of(said)
            if not rows:
                return None
            data = self._data(rows)
        except (ValueError, OverflowError, RecursionError):
            return None
        params = said.params or None
        return data, params, len(rows)

    def _rows_of(self, said: Any) -> list[tuple[Any, ...]] | None:
        if (split := said.dataframe_split) is not msgspec.UNSET:
            return split.data if split.columns == self._names else None
        if (records := said.dataframe_records) is not msgspec.UNSET:
            return list(map(msgspec.structs.astuple, records))
        if (raw := said.instances) is not msgspec.UNSET:
            if bytes(memoryview(raw)[:_PEEK]).lstrip(b" \t\r\n[")[:1] == b"{":
                return list(map(msgspec.structs.astuple, self._records(raw)))
            return self._rows(raw)
        return None

    def _data(self, rows: list[tuple[Any, ...]]) -> Any:
        pandas = require("pandas", extra="models")
        numpy = require("numpy", extra="models")
        if self._index is None:
            self._index = pandas.Index(self._names)
        width = len(self._names)
        if self._is_of_doubles:
            flat = itertools.chain.from_iterable(rows)
            try:
                block = numpy.fromiter(flat, dtype="float64", count=len(rows) * width)
            except TypeError:  # a null
                block = numpy.array(rows, dtype="float64")
            block = block.reshape(len(rows), width)
            return block if self._as_array else pandas.DataFrame(block, columns=self._index)
        columns = {}
        for name, kind, cells in zip(
            self._names, self._types, zip(*rows, strict=True), strict=True
        ):
            dtype = None if kind == DataType.string else kind.to_numpy()  # type: ignore[union-attr]  # is_table
            columns[name] = pandas.Series(cells, dtype=dtype)
        return pandas.DataFrame(columns)


def is_table(schema: Schema) -> bool:
    """Whether `Table` knows the types of all columns."""
    columns = schema.columns
    names = [one.name for one in columns]
    return (
        bool(columns)
        and all(isinstance(name, str) for name in names)
        and all(isinstance(one.type, DataType) and one.type in _MSGSPEC for one in columns)
        # A column that may be left out, or text that may be null, is a matter for the careful way.
        and all(one.required for one in columns)
    )
