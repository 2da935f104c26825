"""Data held against a schema: put into its form where that loses nothing, refused where it would.

A number takes any other numeric type that holds it exactly. Kinds never mix: text is no number, a
boolean is none either. Every message names the column, what was expected, and what was there.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from millrace.core.errors import InvalidArgument
from millrace.core.lazy import require
from millrace.models.inference import Frame, is_a, to_pandas
from millrace.models.types import (
    AnyType,
    Array,
    ColSpec,
    DataType,
    Map,
    Object,
    ParamSchema,
    ParamSpec,
    Schema,
    TensorSpec,
    Type,
    shown,
)

if TYPE_CHECKING:
    import numpy as np

_NUMBERS: Final = (DataType.integer, DataType.long, DataType.float, DataType.double)
_WHOLE: Final = {DataType.integer: 2**31, DataType.long: 2**63}
_SHOWN: Final = 60


class SchemaMismatch(InvalidArgument):
    """Data does not fit the signature; the message names the column or tensor and the types."""


def enforce(data: Any, schema: Schema, *, by_row: bool = False) -> Any:
    """*data* in the form of *schema*: a pandas frame for columns, arrays for tensors.

    Columns come in the schema's order; others are left out. *by_row*, and where rows are no row of
    a table (one unnamed array, object or map), it is a list of rows. Raises `SchemaMismatch`.
    """
    if schema.is_tensor_spec():
        return _tensors(data, schema)
    (first, *more) = schema.columns
    if not more and first.name is None and (by_row or not isinstance(first.type, DataType)):
        return _rows(data, first)
    return _frame(data, schema)


def _rows(data: Any, spec: ColSpec) -> Any:
    if is_a(data, "pandas", "DataFrame"):
        is_record = isinstance(spec.type, (Object, Map))
        data = data.to_dict("records") if is_record else data.iloc[:, 0].tolist()
    elif is_a(data, "pandas", "Series") or is_a(data, "numpy", "ndarray"):
        data = data.tolist()
    if isinstance(spec.type, AnyType):
        return data
    rows = data if isinstance(data, (list, tuple)) else [data]
    return [conform(one, spec.type, f"Row {at}") for at, one in enumerate(rows)]


# --- frames ------------------------------------------------------------------------------------


def _frame(data: Any, schema: Schema) -> Frame:
    frame = _as_frame(data, schema)
    specs = schema.columns
    if not schema.has_input_names():
        if len(frame.columns) < len(specs):
            raise SchemaMismatch(
                f"The input has {len(frame.columns)} columns; the signature has {len(specs)}: "
                f"{schema}."
            )
        frame = frame.iloc[:, : len(specs)]
        pairs = [(frame.columns[at], spec) for at, spec in enumerate(specs)]
    else:
        pairs = _by_name(frame, schema)
    chosen: dict[str | int, Any] = {}
    is_same = True
    for name, spec in pairs:
        series = frame[name] if schema.has_input_names() else frame.iloc[:, len(chosen)]
        if getattr(series, "ndim", 1) > 1:
            raise SchemaMismatch(f"The input has the column {name!r} twice.")
        chosen[name] = _column(series, spec, f"Column {name!r}")
        is_same = is_same and chosen[name] is series
    if is_same and list(chosen) == list(frame.columns):
        return frame
    pandas = require("pandas", extra="models")
    return pandas.DataFrame(chosen, index=frame.index, copy=False)


def _by_name(frame: Frame, schema: Schema) -> list[tuple[str | int, ColSpec]]:
    there = set(frame.columns)
    pairs: list[tuple[str | int, ColSpec]] = []
    missing = []
    for name, spec in zip(schema.input_names(), schema.columns, strict=True):
        found = next((one for one in (name, str(name)) if one in there), None)
        if found is None and isinstance(name, str) and name.isdecimal() and int(name) in there:
            found = int(name)
        if found is not None:
            pairs.append((found, spec))
        elif spec.required:
            missing.append(spec)
    if missing:
        extra = [name for name in frame.columns if name not in set(schema.input_names())]
        told = ", ".join(f"{spec.name!r} ({shown(spec.type)})" for spec in missing[:_SHOWN])
        beside = f" It has others instead: {extra[:_SHOWN]}." if extra else ""
        raise SchemaMismatch(f"The input lacks the required columns {told}.{beside}")
    return pairs


def _as_frame(data: Any, schema: Schema) -> Frame:  # noqa: C901, PLR0912 - one arm a kind
    if is_a(data, "pandas", "DataFrame"):
        return data
    if is_a(data, "polars", "DataFrame", "LazyFrame") or is_a(data, "pyarrow", "Table"):
        return to_pandas(data)
    pandas = require("pandas", extra="models")
    if is_a(data, "pandas", "Series"):
        return data.to_frame(_only_name(schema, data.name))
    if is_a(data, "scipy", "spmatrix", "sparray", "_spbase"):
        data = data.toarray()
    if is_a(data, "torch", "Tensor"):
        data = data.detach().cpu().numpy()
    if is_a(data, "numpy", "ndarray"):
        return _frame_of_array(pandas, data, schema)
    if isinstance(data, Mapping):
        return _frame_of_mapping(pandas, data, schema)
    if isinstance(data, (str, bytes, int, float, bool, dt.date)):
        data = [data]
    if isinstance(data, Sequence):
        if data and all(isinstance(one, Mapping) for one in data) and schema.has_input_names():
            return pandas.DataFrame(list(data), dtype=None)
        if data and all(isinstance(one, (list, tuple)) for one in data) and len(schema) > 1:
            names = schema.input_names()
            wrong = next((at for at, one in enumerate(data) if len(one) != len(names)), None)
            if wrong is not None:
                raise SchemaMismatch(
                    f"Row {wrong} has {len(data[wrong])} values; the signature has {len(names)} "
                    "columns."
                )
            return pandas.DataFrame(list(data), columns=names)
        if len(schema) == 1:
            series = pandas.Series(list(data), dtype=None if data else object)
            return series.to_frame(_only_name(schema, 0))
    raise SchemaMismatch(
        f"The input is a {type(data).__name__}; the signature asks for columns: {schema}. Give a "
        "frame, a mapping of columns, or a list of mappings."
    )


def _only_name(schema: Schema, otherwise: object) -> object:
    (first, *more) = schema.input_names()
    return otherwise if more or not schema.has_input_names() else first


def _frame_of_array(pandas: Any, array: np.ndarray[Any, Any], schema: Schema) -> Frame:
    width = 1 if array.ndim == 1 else array.shape[-1]
    if array.ndim > 2 or array.ndim == 0:  # noqa: PLR2004 - rows and columns
        raise SchemaMismatch(
            f"The input is an array of {array.ndim} dimensions; the signature asks for columns: "
            f"{schema}."
        )
    if width != len(schema):
        raise SchemaMismatch(
            f"The input is an array with {width} columns; the signature has {len(schema)}: "
            f"{schema}."
        )
    columns = schema.input_names() if schema.has_input_names() else None
    return pandas.DataFrame(array.reshape(len(array), width), columns=columns)


def _frame_of_mapping(pandas: Any, data: Mapping[Any, Any], schema: Schema) -> Frame:
    """A mapping of columns; or, where a column's values are no lists, one row."""
    specs = schema.input_dict()
    is_row = any(
        not _is_column(data[name], spec.type) for name, spec in specs.items() if name in data
    )
    if is_row or not any(name in data for name in specs):
        return pandas.DataFrame([dict(data)])
    try:
        return pandas.DataFrame(dict(data))
    except ValueError as error:
        raise SchemaMismatch(f"The columns of the input do not fit together: {error}.") from error


def _is_column(value: object, kind: object) -> bool:
    """Whether a value of a mapping is a whole column of type *kind*, not one cell."""
    listed = isinstance(value, (list, tuple)) or is_a(value, "numpy", "ndarray")
    if not listed and not is_a(value, "pandas", "Series"):
        return False
    if isinstance(kind, Array):
        first: Any = value
        return len(first) > 0 and (
            isinstance(first[0], (list, tuple)) or is_a(first[0], "numpy", "ndarray")
        )
    return True


# --- columns -----------------------------------------------------------------------------------


def _column(series: Any, spec: ColSpec, where: str) -> Any:
    match spec.type:
        case AnyType():
            return series
        case DataType() as kind:
            if series.dtype.name == "category":
                return _column(series.astype(series.cat.categories.dtype), spec, where)
            if kind in _NUMBERS:
                return _numbers(series, kind, where)
            return _READERS[kind](series, where)
        case kind:
            return _cells(series, kind, where, is_required=spec.required)


def _cells(series: Any, kind: Type, where: str, *, is_required: bool) -> Any:
    pandas = require("pandas", extra="models")
    cells: list[Any] = []
    for at, cell in enumerate(series.tolist()):
        if not is_required and (cell is None or (isinstance(cell, float) and math.isnan(cell))):
            cells.append(None)
        else:
            cells.append(conform(cell, kind, f"{where}, row {at}"))
    return pandas.Series(cells, index=series.index, dtype=object, name=series.name)


def _numbers(series: Any, kind: DataType, where: str) -> Any:
    numpy = require("numpy", extra="models")
    wanted = kind.to_numpy()
    dtype = series.dtype
    if dtype == wanted:
        return series
    if dtype.name == "object":
        series = _loose_numbers(series, kind, where)
        dtype = series.dtype
        if dtype == wanted:
            return series
    if dtype.name.lower().startswith("bool") or not _is_numeric(dtype):
        raise _unfit(where, kind, _kind_of(series))
    if kind in _WHOLE:
        return _whole_numbers(series, kind, where)
    values = series.to_numpy(dtype="float64", na_value=math.nan)
    if dtype.kind in "iu" and abs(values).max(initial=0) >= 2**53:
        exact = series.astype("object")
        _refuse_first(exact != values.astype("object"), series, where, kind, "it would be rounded")
    if wanted.itemsize < values.dtype.itemsize:
        with numpy.errstate(over="ignore"):
            narrow = values.astype(wanted)
        wrong = (narrow.astype("float64") != values) & ~numpy.isnan(values)
        if wrong.any():
            at = int(wrong.argmax())
            raise SchemaMismatch(
                f"{where}: expected {kind} (32 bits), got {dtype.name}; {values[at]!r} in row {at} "
                "would be rounded. Convert the column to float32 first, if that is meant."
            )
        values = narrow
    return type(series)(values, index=series.index, name=series.name)


def _whole_numbers(series: Any, kind: DataType, where: str) -> Any:
    limit = _WHOLE[kind]
    if series.isna().any():
        if series.dtype.kind in "iu":
            return series  # a nullable type of pandas says what is absent
        raise SchemaMismatch(
            f"{where}: expected {kind}, got {series.dtype.name} with missing values in row "
            f"{int(series.isna().to_numpy().argmax())}. Whole numbers have no missing value: fill "
            "them, or train with a double column."
        )
    values = series.to_numpy()
    if series.dtype.kind == "f":
        _refuse_first(values != values.round(), series, where, kind, "it is no whole number")
    low, high = int(values.min()) if len(values) else 0, int(values.max()) if len(values) else 0
    if low < -limit or high >= limit:
        _refuse_first((values < -limit) | (values >= limit), series, where, kind, "it is too large")
    return type(series)(values.astype(kind.to_numpy()), index=series.index, name=series.name)


def _loose_numbers(series: Any, kind: DataType, where: str) -> Any:
    """A column of Python objects as one of numbers."""
    numpy = require("numpy", extra="models")
    has_gaps = False
    for at, cell in enumerate(series.tolist()):
        if cell is None or is_a(cell, "pandas", "NAType"):
            has_gaps = True
        elif isinstance(cell, (bool, str)) or not (
            isinstance(cell, (int, float))
            or is_a(cell, "numpy", "number")
            or is_a(cell, "decimal", "Decimal")
        ):
            raise _unfit(f"{where}, row {at}", kind, f"{_named(cell)} {_short(cell)}")
    if has_gaps:
        return series.astype("float64")
    try:
        values = numpy.asarray(series.tolist())
        values = values.astype("float64") if values.dtype == object else values
    except (OverflowError, ValueError) as error:
        raise SchemaMismatch(f"{where}: {error}.") from error
    return type(series)(values, index=series.index, name=series.name)


def _booleans(series: Any, where: str) -> Any:
    if series.dtype.name.lower() in {"bool", "boolean"}:
        return series
    if series.dtype.name == "object":
        cells = series.tolist()
        for at, cell in enumerate(cells):
            if not (isinstance(cell, bool) or cell is None or is_a(cell, "numpy", "bool", "bool_")):
                raise _unfit(
                    f"{where}, row {at}", DataType.boolean, f"{_named(cell)} {_short(cell)}"
                )
        return series.astype("bool") if None not in cells else series
    raise _unfit(where, DataType.boolean, _kind_of(series))


def _strings(series: Any, where: str) -> Any:
    if series.dtype.name in {"str", "string"}:
        return series
    if series.dtype.name == "object":
        for at, cell in enumerate(series.tolist()):
            if not (isinstance(cell, str) or cell is None or cell != cell):  # noqa: PLR0124 - NaN
                raise _unfit(
                    f"{where}, row {at}", DataType.string, f"{_named(cell)} {_short(cell)}"
                )
        return series
    raise _unfit(where, DataType.string, _kind_of(series))


def _binary(series: Any, where: str) -> Any:
    """Bytes; text stands for them in base64, as in JSON."""
    if series.dtype.name not in {"object", "str", "string"}:
        raise _unfit(where, DataType.binary, _kind_of(series))
    cells = [_bytes(cell, f"{where}, row {at}") for at, cell in enumerate(series.tolist())]
    return type(series)(cells, index=series.index, name=series.name, dtype="object")


def _times(series: Any, where: str) -> Any:
    pandas = require("pandas", extra="models")
    if series.dtype.kind != "M" and series.dtype.name not in {"object", "str", "string"}:
        raise _unfit(where, DataType.datetime, _kind_of(series))
    for at, cell in enumerate(series.tolist() if series.dtype.name == "object" else ()):
        if not isinstance(cell, (str, dt.date)) and not pandas.isna(cell):
            raise _unfit(f"{where}, row {at}", DataType.datetime, f"{_named(cell)} {_short(cell)}")
    form = "ISO8601" if series.dtype.kind != "M" else None
    try:
        times = pandas.to_datetime(series, format=form)
        if getattr(times.dtype, "tz", None) is not None:
            times = times.dt.tz_convert("UTC").dt.tz_localize(None)
        return times.astype("datetime64[ns]")
    except (ValueError, TypeError, OverflowError) as error:
        read = pandas.to_datetime(series, format=form, errors="coerce", utc=True)
        wrong = (read.isna() & ~series.isna()).to_numpy()
        at = int(wrong.argmax())
        got = f"{_named(series.iloc[at])} {_short(series.iloc[at])}" if wrong.any() else str(error)
        raise _unfit(f"{where}, row {at}", DataType.datetime, got) from error


_READERS: Final = {
    DataType.boolean: _booleans,
    DataType.string: _strings,
    DataType.binary: _binary,
    DataType.datetime: _times,
}


def _is_numeric(dtype: Any) -> bool:
    return getattr(dtype, "kind", "O") in "iuf"


def _refuse_first(wrong: Any, series: Any, where: str, kind: DataType, why: str) -> None:
    mask = require("numpy", extra="models").asarray(wrong, dtype=bool)
    if mask.any():
        at = int(mask.argmax())
        value = _short(
            series.iloc[at].item() if hasattr(series.iloc[at], "item") else series.iloc[at]
        )
        raise SchemaMismatch(
            f"{where}: expected {kind}, got {series.dtype.name}; {value} in row {at}: {why}."
        )


def _unfit(where: str, kind: Type, got: str) -> SchemaMismatch:
    return SchemaMismatch(f"{where}: expected {shown(kind)}, got {got}.")


def _kind_of(series: Any) -> str:
    name = str(series.dtype.name)
    first = f" ({_short(series.iloc[0])} in row 0)" if len(series) else ""
    return ("string" if name == "str" else name) + first


def _named(cell: object) -> str:
    names = {"str": "string", "bool": "boolean", "NoneType": "nothing", "dict": "object"}
    return names.get(type(cell).__name__, type(cell).__name__)


def _short(cell: object) -> str:
    text = repr(cell)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


# --- values ------------------------------------------------------------------------------------


def conform(value: Any, kind: Type, where: str) -> Any:
    """*value* as one of type *kind*; raises `SchemaMismatch`, which says *where* it is."""
    match kind:
        case AnyType():
            return value
        case Array():
            if is_a(value, "numpy", "ndarray"):
                value = value.tolist()
            if not isinstance(value, (list, tuple)):
                raise _unfit(where, kind, f"{_named(value)} {_short(value)}")
            return [conform(one, kind.items, f"{where}[{at}]") for at, one in enumerate(value)]
        case Map():
            found = _as_mapping(value, kind, where)
            return {
                key: conform(one, kind.values, f"{where}[{key!r}]") for key, one in found.items()
            }
        case Object():
            return _object(value, kind, where)
        case DataType.binary:
            return _bytes(value, where)
        case DataType.datetime:
            return _time(value, where)
        case DataType():
            return _scalar(value, kind, where)


def _object(value: Any, kind: Object, where: str) -> Any:
    found = _as_mapping(value, kind, where)
    known = {one.name: one for one in kind.properties}
    unknown = [key for key in found if key not in known]
    if unknown:
        raise SchemaMismatch(
            f"{where}: the object has no property {unknown[0]!r}; it has {sorted(known)}."
        )
    read: dict[str, Any] = {}
    for key, part in known.items():
        inner = found.get(key)
        if inner is None:
            if part.required:
                raise SchemaMismatch(
                    f"{where}: the required property {key!r} ({shown(part.type)}) is missing."
                )
            if key in found:
                read[key] = None
            continue
        read[key] = conform(inner, part.type, f"{where}.{key}")
    return value if hasattr(value, "model_dump") else read


def _as_mapping(value: Any, kind: Type, where: str) -> Mapping[str, Any]:
    if hasattr(value, "model_dump"):  # pydantic
        value = value.model_dump()
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise _unfit(where, kind, f"{_named(value)} {_short(value)}")
    return value


def _scalar(value: Any, kind: DataType, where: str) -> Any:
    if is_a(value, "numpy", "generic"):
        value = value.item()
    wanted = {DataType.boolean: bool, DataType.string: str}.get(kind)
    if wanted is not None:
        if not isinstance(value, wanted):
            raise _unfit(where, kind, f"{_named(value)} {_short(value)}")
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _unfit(where, kind, f"{_named(value)} {_short(value)}")
    if kind in _WHOLE:
        if value != value or value in {math.inf, -math.inf} or value != int(value):  # noqa: PLR0124 - NaN
            raise _unfit(where, kind, f"double {value!r}")
        if not -_WHOLE[kind] <= value < _WHOLE[kind]:
            raise SchemaMismatch(f"{where}: {value!r} is too large for {kind}.")
        return int(value)
    try:
        return float(value)
    except OverflowError:
        raise SchemaMismatch(f"{where}: {_short(value)} is too large for {kind}.") from None


def _bytes(value: Any, where: str) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, bytearray):
        return bytes(value)
    if isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise _unfit(
                where, DataType.binary, f"string {_short(value)}, which is no base64"
            ) from None
    raise _unfit(where, DataType.binary, f"{_named(value)} {_short(value)}")


def _time(value: Any, where: str) -> Any:
    if is_a(value, "numpy", "datetime64"):
        value = value.item()
    if isinstance(value, str):
        try:
            return dt.datetime.fromisoformat(value)
        except ValueError:
            raise _unfit(where, DataType.datetime, f"string {_short(value)}") from None
    if isinstance(value, dt.date):
        return value
    raise _unfit(where, DataType.datetime, f"{_named(value)} {_short(value)}")


# --- tensors -----------------------------------------------------------------------------------


def _tensors(data: Any, schema: Schema) -> Any:
    if not schema.has_input_names():
        return _tensor(data, schema.tensors[0], "The input")
    if is_a(data, "pandas", "DataFrame"):
        data = {name: data[name].to_numpy() for name in data.columns}
    if not isinstance(data, Mapping):
        raise SchemaMismatch(
            f"The input is a {type(data).__name__}; the signature asks for a mapping of tensors: "
            f"{schema}."
        )
    missing = [spec for spec in schema.tensors if spec.name not in data]
    if missing:
        told = ", ".join(map(str, missing))
        raise SchemaMismatch(f"The input lacks {told}; it has {sorted(map(str, data))}.")
    return {
        spec.name: _tensor(data[spec.name], spec, f"Tensor {spec.name!r}")
        for spec in schema.tensors
    }


def _tensor(data: Any, spec: TensorSpec, where: str) -> Any:
    numpy = require("numpy", extra="models")
    if any(is_a(data, of, "DataFrame", "Series") for of in ("pandas", "polars")):
        data = data.to_numpy()
    elif is_a(data, "torch", "Tensor"):
        data = data.detach().cpu().numpy()
    elif isinstance(data, (list, tuple, int, float)):
        data = _array_of_list(numpy, data, spec, where)
    sparse = is_a(data, "scipy", "spmatrix", "sparray", "_spbase")
    if not sparse and not is_a(data, "numpy", "ndarray"):
        raise SchemaMismatch(f"{where}: expected a tensor, got {type(data).__name__}.")
    _check_shape(tuple(data.shape), spec, where)
    wanted = spec.type
    if data.dtype == wanted or (wanted.kind in "US" and data.dtype.kind in "USO"):
        return data
    if data.dtype == object and wanted.kind in "iufb":
        data = _array_of_list(numpy, data.tolist(), spec, where)
    if not numpy.can_cast(data.dtype, wanted, casting="safe") or data.dtype.kind == "b":
        raise SchemaMismatch(
            f"{where}: expected the type {spec.dtype}, got {data.dtype.name}, which would be "
            f"rounded or cut. Convert it with .astype({spec.dtype!r}) first, if that is meant."
        )
    return data.astype(wanted)


def _array_of_list(numpy: Any, data: Any, spec: TensorSpec, where: str) -> Any:
    """Plain numbers have no width of their own: they take the tensor's."""
    try:
        array = numpy.asarray(data)
        numeric = array.dtype.kind in "iuf" and spec.type.kind in "iuf"
        if array.dtype.kind == "f" and spec.type.kind in "iu":
            numeric = bool((array == array.round()).all())
        return array.astype(spec.type) if numeric else array
    except (ValueError, TypeError, OverflowError) as error:
        raise SchemaMismatch(f"{where}: no tensor of {spec.dtype}: {error}.") from error


def _check_shape(shape: tuple[int, ...], spec: TensorSpec, where: str) -> None:
    fits = len(shape) == len(spec.shape) and all(
        wanted in {-1, got} for wanted, got in zip(spec.shape, shape, strict=True)
    )
    if not fits:
        raise SchemaMismatch(f"{where}: expected the shape {spec.shape}, got {shape}.")


# --- params ------------------------------------------------------------------------------------


def enforce_params(params: Mapping[str, Any] | None, schema: ParamSchema) -> dict[str, Any]:
    """*params* with defaults for those that are not given. Names that are not declared are left
    out, as servers of the field do."""
    given = dict(params or {})
    return {
        spec.name: _param(given[spec.name], spec) if spec.name in given else spec.default
        for spec in schema
    }


def _param(value: Any, spec: ParamSpec) -> Any:
    where = f"Param {spec.name!r}"
    if value is None:
        return None
    if spec.shape is None:
        return conform(value, spec.dtype, where)
    return conform(value, Array(spec.dtype), where)
