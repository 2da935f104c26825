"""Tables as files: columns and rows, as JSON or Parquet, appended to what is there.

JSON is what viewers of the field read, `{"columns": [...], "data": [[...], ...]}`, and needs no
library; Parquet needs pyarrow. pandas is needed for frames alone.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import msgspec

from millrace.client import documents, frames
from millrace.core.errors import InvalidArgument
from millrace.core.lazy import require

if TYPE_CHECKING:
    from collections.abc import Callable

    from millrace.core.entities.run import Run

FORMATS: Final = (".json", ".parquet")


class Table(msgspec.Struct, frozen=True):
    """Rows of plain values under the names of their columns."""

    columns: tuple[str, ...]
    data: list[list[Any]]

    def joined(self, other: Table) -> Table:
        """These rows and then those of *other*; a column that one of them lacks is null there."""
        columns = tuple(dict.fromkeys(self.columns + other.columns))
        return Table(columns, _under(columns, self) + _under(columns, other))

    def column(self, name: str) -> list[Any]:
        """The values of one column."""
        place = self.columns.index(name)
        return [row[place] for row in self.data]


def suffix(artifact_file: str) -> str:
    """The format that the name says; `InvalidArgument` for one that is none of a table."""
    found = PurePosixPath(artifact_file).suffix.lower()
    if found not in FORMATS:
        raise InvalidArgument(
            f"{artifact_file!r}: a table is kept as {' or '.join(FORMATS)}, not as {found!r}."
        )
    return found


def of(data: Any, keep: Callable[[object], object]) -> Table:  # noqa: ANN401 - a frame perhaps
    """A table of *data*: a pandas frame, or a mapping of columns.

    Scalars, or columns that are not equally long, make one row of what is there. Cells pass
    through *keep*, which may put something else in the place of what no table holds (images).
    """
    if isinstance(data, Mapping):
        columns = tuple(str(name) for name in data)
        values = [_values(each) for each in data.values()]
        lengths = {len(each) for each in values if each is not None}
        if values and None not in values and len(lengths) == 1:
            rows = [list(row) for row in zip(*(each or () for each in values), strict=True)]
        else:
            rows = [list(data.values())] if data else []
    elif hasattr(data, "to_dict") and hasattr(data, "columns"):
        columns = tuple(str(name) for name in data.columns)
        series = [data.iloc[:, place].tolist() for place in range(len(columns))]
        rows = [list(row) for row in zip(*series, strict=True)]
    else:
        raise InvalidArgument(
            f"{type(data).__name__!r} is no table: give a pandas DataFrame or a dict of columns."
        )
    if len(set(columns)) < len(columns):
        raise InvalidArgument("Two columns of the table have the same name.")
    return Table(columns, [[keep(cell) for cell in row] for row in rows])


def read(body: bytes, artifact_file: str) -> Table:
    """The table in a file; `InvalidArgument` when it holds none."""
    if suffix(artifact_file) == ".parquet":
        parquet = require("pyarrow.parquet", extra="parquet")
        try:
            found = parquet.read_table(io.BytesIO(body))
        except (OSError, ValueError) as error:
            raise InvalidArgument(f"{artifact_file!r} is no Parquet file: {error}.") from error
        series = [found.column(place).to_pylist() for place in range(found.num_columns)]
        return Table(tuple(found.column_names), [list(row) for row in zip(*series, strict=True)])
    try:
        found = _FILE.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidArgument(
            f"{artifact_file!r} holds no table of columns and data: {error}."
        ) from error
    if any(len(row) != len(found.columns) for row in found.data):
        raise InvalidArgument(f"{artifact_file!r}: a row is not as long as there are columns.")
    return Table(tuple(map(str, found.columns)), found.data)


def written(table: Table, artifact_file: str) -> bytes:
    """The file of a table."""
    if suffix(artifact_file) == ".json":
        rows = [[documents.plain(cell) for cell in row] for row in table.data]
        return msgspec.json.encode(_File(list(table.columns), rows))
    arrow, parquet = (require(f"pyarrow{part}", extra="parquet") for part in ("", ".parquet"))
    buffer = io.BytesIO()
    try:
        made = arrow.table({name: table.column(name) for name in table.columns})
        parquet.write_table(made, buffer)
    except (TypeError, ValueError, NotImplementedError) as error:  # Arrow's own are ValueErrors
        raise InvalidArgument(
            f"{artifact_file!r} cannot be kept as Parquet: {error}. JSON takes mixed columns."
        ) from error
    return buffer.getvalue()


def frame(tables: Sequence[tuple[Run, Table]], extra_columns: Sequence[str]) -> Any:  # noqa: ANN401
    """The tables of some runs, one below the other, as a pandas frame.

    *extra_columns* of the frame of the runs are repeated beside the rows of each.
    """
    pandas = require("pandas", extra="pandas")
    about = frames.runs_frame([run for run, _ in tables]) if extra_columns else None
    found = []
    for place, (_, table) in enumerate(tables):
        rows = pandas.DataFrame(table.data, columns=list(table.columns))
        for name in extra_columns:
            if about is None or name not in about.columns:
                raise InvalidArgument(f"Runs have no column {name!r} to add.")
            rows[name] = about[name].iloc[place]
        found.append(rows)
    return found[0] if len(found) == 1 else pandas.concat(found, ignore_index=True)


class _File(msgspec.Struct):
    """A table as JSON; whatever else the object holds is not looked at."""

    columns: list[Any]
    data: list[list[Any]]


_FILE: Final = msgspec.json.Decoder(_File)


def _values(column: object) -> list[Any] | None:
    """The cells of a column; None for a scalar."""
    if hasattr(column, "tolist") and getattr(column, "shape", None):
        found: list[Any] = column.tolist()
        return found
    if isinstance(column, Sequence) and not isinstance(column, (str, bytes)):
        return list(column)
    return None


def _under(columns: tuple[str, ...], table: Table) -> list[list[Any]]:
    if columns == table.columns:
        return table.data
    places = {name: place for place, name in enumerate(table.columns)}
    where = [places.get(name) for name in columns]
    return [[None if place is None else row[place] for place in where] for row in table.data]
