"""From data, and from type hints, to a schema.

Nobody's library is imported here that has not made the data already: what something is, is asked of
its class.
"""

from __future__ import annotations

import datetime as dt
import logging
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from millrace.core.errors import InvalidArgument
from millrace.core.lazy import require
from millrace.models.types import (
    AnyType,
    Array,
    ColSpec,
    DataType,
    Map,
    Object,
    ParamSchema,
    ParamSpec,
    Property,
    Schema,
    TensorSpec,
    Type,
    shown,
)

logger = logging.getLogger(__name__)

Frame: TypeAlias = Any
"""A frame of pandas, which ships no types."""

_PYTHON: Final[tuple[tuple[type, DataType], ...]] = (
    (bool, DataType.boolean),
    (int, DataType.long),
    (float, DataType.double),
    (str, DataType.string),
    (bytes, DataType.binary),
    (bytearray, DataType.binary),
    (dt.datetime, DataType.datetime),
    (dt.date, DataType.datetime),
)
_NUMPY: Final = {
    "bool": DataType.boolean,
    "boolean": DataType.boolean,
    "int8": DataType.integer,
    "int16": DataType.integer,
    "int32": DataType.integer,
    "uint8": DataType.integer,
    "uint16": DataType.integer,
    "int64": DataType.long,
    "uint32": DataType.long,
    "float16": DataType.float,
    "float32": DataType.float,
    "float64": DataType.double,
}
_WIDER: Final = (DataType.integer, DataType.long, DataType.float, DataType.double)


class Undecided(InvalidArgument):
    """No type can be told from the data; the message says of what and why."""


def is_a(data: object, library: str, *names: str) -> bool:
    """Whether *data* is an instance of a class of *library*, by name, without importing it."""
    return any(
        one.__module__.partition(".")[0] == library and one.__name__ in names
        for one in type(data).__mro__
    )


# --- schemas -----------------------------------------------------------------------------------


def schema_of(data: object) -> Schema:
    """The schema of *data*: a frame (pandas, Polars, Arrow), a series, an array, a sparse matrix,
    tensors (PyTorch, TensorFlow), a mapping of those, a mapping, a list, or one value.

    Raises `Undecided` when the data says nothing, or says two things.
    """
    if is_a(data, "pandas", "DataFrame"):
        return _schema_of_frame(data)
    if is_a(data, "pandas", "Series"):
        series: Any = data
        name = series.name if isinstance(series.name, (str, int)) else None
        return Schema((_column(series, name, "the series"),))
    if is_a(data, "polars", "DataFrame", "LazyFrame") or is_a(data, "pyarrow", "Table"):
        return _schema_of_frame(to_pandas(data))
    tensor = _tensor(data, None)
    if tensor is not None:
        return Schema((tensor,))
    if isinstance(data, Mapping):
        return _schema_of_mapping(data)
    if isinstance(data, list):
        return _schema_of_list(data)
    kind, required = _of_value(data, "the data")
    return Schema((ColSpec(kind, None, required),))


def to_pandas(data: Any) -> Frame:
    """A Polars or Arrow frame as one of pandas, column by column, absent values kept."""
    pandas = require("pandas", extra="models")
    if is_a(data, "polars", "LazyFrame"):
        data = data.collect()
    if is_a(data, "polars", "DataFrame"):
        # to_dict, not to_pandas: that one needs pyarrow.
        columns = {one.name: _polars_column(pandas, one) for one in data.get_columns()}
        return pandas.DataFrame(columns)
    frame = data.to_pandas(integer_object_nulls=True)
    return frame.infer_objects() if hasattr(frame, "infer_objects") else frame


def _polars_column(pandas: Any, column: Any) -> Any:
    nested = str(column.dtype).startswith(("List", "Struct", "Array"))
    if nested or column.null_count():
        return pandas.Series(column.to_list(), dtype=None if not nested else object)
    if str(column.dtype) in {"String", "Categorical", "Enum"}:
        return pandas.Series(column.to_list())
    return pandas.Series(column.to_numpy())


def _schema_of_frame(frame: Frame) -> Schema:
    if not len(frame.columns):
        raise Undecided("A frame without columns has no schema.")
    columns = []
    for at, name in enumerate(frame.columns):
        if not isinstance(name, (str, int)):
            name = str(name)  # noqa: PLW2901 - tuples of a multi-index
        columns.append(_column(frame.iloc[:, at], name, f"column {name!r}"))
    return Schema(tuple(columns))


def _column(series: Any, name: str | int | None, where: str) -> ColSpec:
    dtype = str(series.dtype)
    if dtype == "category":
        values = series.cat.categories
        spec = _column(values.to_series(), name, where)
        return ColSpec(spec.type, name, required=not bool(series.isna().any()))
    kind: Type | None = _NUMPY.get(dtype.lower())
    if kind is None and dtype.startswith("datetime64"):
        kind = DataType.datetime
    if kind is None and dtype in {"str", "string"}:
        kind = DataType.string
    if kind is not None:
        return ColSpec(kind, name, required=not bool(series.isna().any()))
    if dtype != "object":
        return ColSpec(AnyType(), name, required=not bool(series.isna().any()))
    found, required = _decided(series.tolist(), where)
    return ColSpec(found, name, required)


def _decided(values: list[object], where: str) -> tuple[Type, bool]:
    """The one type of the cells of a column; `any` when they are of several."""
    try:
        return _of_values(values, where)
    except Undecided as error:
        logger.warning("%s So its type is `any`, and is not checked.", error.message)
        return AnyType(), True


def _schema_of_mapping(data: Mapping[Any, Any]) -> Schema:
    if not data:
        raise Undecided("An empty mapping has no schema.")
    if not all(isinstance(key, str) for key in data):
        raise Undecided("The keys of a mapping must be text.")
    tensors = {key: _tensor(value, key) for key, value in data.items()}
    if all(one is not None for one in tensors.values()):
        return Schema(tuple(one for one in tensors.values() if one is not None))
    columns = []
    for key, value in data.items():
        if isinstance(value, Mapping) and not value:
            raise Undecided(f"{key!r} is an empty mapping.")
        kind, required = _decided([value], repr(key))
        columns.append(ColSpec(kind, key, required))
    return Schema(tuple(columns))


def _schema_of_list(data: list[Any]) -> Schema:
    if not data:
        return Schema((ColSpec(DataType.string),))
    if all(isinstance(one, Mapping) for one in data):
        kind, _ = _of_values(data, "the list")
        if isinstance(kind, Object):
            names = dict.fromkeys(key for one in data for key in one)
            parts = {one.name: one for one in kind.properties}
            return Schema(
                tuple(ColSpec(parts[name].type, name, parts[name].required) for name in names)
            )
    kind, _ = _of_values(data, "the list")
    return Schema((ColSpec(kind),))


def _tensor(data: object, name: str | None) -> TensorSpec | None:
    """The spec of an array, a sparse matrix or a tensor; None when it is none of them."""
    of_numpy = is_a(data, "numpy", "ndarray")
    sparse = is_a(data, "scipy", "spmatrix", "sparray", "_spbase")
    if not (
        of_numpy or sparse or is_a(data, "torch", "Tensor") or is_a(data, "tensorflow", "Tensor")
    ):
        return None
    array: Any = data
    shape = tuple(int(length) for length in array.shape)
    if not shape:
        raise Undecided("An array without dimensions has no schema; give it one for the batch.")
    dtype: Any = (
        str(array.dtype).removeprefix("torch.") if not of_numpy and not sparse else array.dtype
    )
    dtype = getattr(array.dtype, "name", dtype) if is_a(data, "tensorflow", "Tensor") else dtype
    return TensorSpec(dtype, (-1, *shape[1:]), name)


# --- values ------------------------------------------------------------------------------------


def _of_value(value: object, where: str) -> tuple[Type, bool]:  # noqa: C901 - one arm a kind
    """The type of a value, and whether it is there."""
    if value is None or _is_absent(value):
        return AnyType(), False
    for kind, said in _PYTHON:
        if isinstance(value, kind):
            return said, True
    if is_a(value, "numpy", "generic"):
        return _of_numpy(value, where), True
    if is_a(value, "numpy", "ndarray"):
        array: Any = value
        return _of_value(array.tolist(), where)
    if isinstance(value, (list, tuple)):
        if isinstance(value, tuple):
            raise Undecided(f"{where}: a tuple is no list.")
        if not value:
            return Array(AnyType()), True
        items, _ = _of_values(value, where)
        return Array(items), True
    if isinstance(value, Mapping):
        return _of_mapping(value, where), True
    if hasattr(value, "model_dump"):  # pydantic
        return _of_value(value.model_dump(), where)
    raise Undecided(f"{where}: {type(value).__name__} is no type that a signature has.")


def _of_mapping(value: Mapping[Any, Any], where: str) -> Type:
    if not value:
        return Map(AnyType())
    if not all(isinstance(key, str) for key in value):
        raise Undecided(f"{where}: the keys of a mapping must be text.")
    parts = []
    for key, each in value.items():
        kind, required = _of_value(each, f"{where}.{key}")
        parts.append(Property(key, kind, required))
    return Object(tuple(parts))


def _of_numpy(value: Any, where: str) -> DataType:
    name = value.dtype.name
    if name in _NUMPY:
        return _NUMPY[name]
    for start, kind in (
        ("str", DataType.string),
        ("bytes", DataType.binary),
        ("datetime64", DataType.datetime),
    ):
        if name.startswith(start):
            return kind
    raise Undecided(f"{where}: {name} is no type that a signature has.")


def _of_values(values: Iterable[object], where: str) -> tuple[Type, bool]:
    """The one type of many values, and whether all are there."""
    found: Type | None = None
    required = True
    for value in values:
        kind, is_there = _of_value(value, where)
        if not is_there:
            required = False
            continue
        found = kind if found is None else _joined(found, kind, where)
    if found is None:
        return AnyType(), False
    return found, required


def _joined(one: Type, other: Type, where: str) -> Type:
    """The type that holds what is of either."""
    if one == other or isinstance(other, AnyType):
        return one
    match one, other:
        case AnyType(), _:
            return other
        case DataType(), DataType() if one in _WIDER and other in _WIDER:
            if DataType.float in {one, other} and DataType.long in {one, other}:
                return DataType.double
            return max(one, other, key=_WIDER.index)
        case Array(), Array():
            return Array(_joined(one.items, other.items, where))
        case Map(), Map():
            return Map(_joined(one.values, other.values, where))
        case Object(), Object():
            return _joined_objects(one, other, where)
        case (Map(values=AnyType()), Object()):
            return Object(tuple(Property(each.name, each.type, False) for each in other.properties))
        case (Object(), Map(values=AnyType())):
            return _joined(other, one, where)
    raise Undecided(f"{where.capitalize()} holds {shown(one)} and {shown(other)}.")


def _joined_objects(one: Object, other: Object, where: str) -> Object:
    left = {part.name: part for part in one.properties}
    right = {part.name: part for part in other.properties}
    parts = []
    for name in left.keys() | right.keys():
        first, second = left.get(name), right.get(name)
        if first is None or second is None:
            alone = first or second
            assert alone is not None  # noqa: S101 - one of them named it
            parts.append(Property(name, alone.type, False))
            continue
        kind = _joined(first.type, second.type, f"{where}.{name}")
        parts.append(Property(name, kind, first.required and second.required))
    return Object(tuple(parts))


def _is_absent(value: object) -> bool:
    """Whether a cell holds nothing: NaN among text, `pandas.NA`, `NaT`."""
    if isinstance(value, float):
        return value != value  # noqa: PLR0124 - NaN
    return is_a(value, "pandas", "NAType", "NaTType")


# --- params ------------------------------------------------------------------------------------


def params_of(params: Mapping[str, object]) -> ParamSchema:
    """The schema of params; what each has here is what it has unless it is given."""
    specs = []
    for name, value in params.items():
        default: Any = value
        if is_a(value, "numpy", "ndarray", "generic"):
            default = typing.cast("Any", value).tolist()
        if value is None:
            raise InvalidArgument(f"Param {name!r} is None, which says nothing of its type.")
        if isinstance(default, (list, tuple)):
            listed = list(default)
            kind, _ = _of_values(listed, f"param {name!r}")
            if is_a(value, "numpy", "ndarray"):
                kind = _of_numpy(typing.cast("Any", value), f"param {name!r}")
            kind = DataType.string if isinstance(kind, AnyType) else kind
            if not isinstance(kind, DataType):
                raise InvalidArgument(f"Param {name!r} must be a list of single values.")
            specs.append(ParamSpec(name, kind, listed, (-1,)))
            continue
        kind, _ = _of_value(value, f"param {name!r}")
        specs.append(ParamSpec(name, kind, default))
    return ParamSchema(tuple(specs))


# --- type hints --------------------------------------------------------------------------------


def schema_of_hint(hint: object) -> Schema:
    """The schema of what a function takes whose first parameter has the hint `list[...]`.

    Items may be scalars, lists, `dict[str, ...]`, dataclasses, typed dicts and pydantic models; a
    field that may be None, or has a default, is optional. Raises `Undecided` for other hints.
    """
    if typing.get_origin(hint) is not list:
        raise Undecided(f"{hint!r} is no list[...], so it says nothing of one row.")
    (item,) = typing.get_args(hint)
    return Schema((ColSpec(_of_hint(item, 0)[0]),))


def _of_hint(hint: Any, depth: int) -> tuple[Type, bool]:  # noqa: C901 - one arm for each kind
    """The type of a hint, and whether None is excluded."""
    if depth > 32:  # noqa: PLR2004 - classes may name themselves
        raise Undecided("The type hint is nested too deeply, or names itself.")
    if hint is Any or hint is None:
        return AnyType(), True
    for scalar, said in _PYTHON:
        if hint is scalar:
            return said, True
    origin, given = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _of_hint(given[0], depth + 1)
    if origin in {typing.Union, types.UnionType}:
        some = [one for one in given if one is not type(None)]
        kinds = [_of_hint(one, depth + 1)[0] for one in some]
        kind = kinds[0] if all(one == kinds[0] for one in kinds) else AnyType()
        return kind, len(some) == len(given)
    if origin is typing.Literal:
        return _of_hint(type(given[0]), depth + 1)
    if origin in {list, Sequence} and given:
        return Array(_of_hint(given[0], depth + 1)[0]), True
    if origin in {dict, Mapping} and len(given) == 2:  # noqa: PLR2004 - key and value
        if given[0] is not str:
            raise Undecided(f"{hint!r}: keys must be text.")
        return Map(_of_hint(given[1], depth + 1)[0]), True
    fields = _fields(hint)
    if fields:
        parts = []
        for name, (inner, has_default) in fields.items():
            kind, is_sure = _of_hint(inner, depth + 1)
            parts.append(Property(name, kind, is_sure and not has_default))
        return Object(tuple(parts)), True
    raise Undecided(f"{hint!r} is no type that a signature has.")


def _fields(hint: Any) -> dict[str, tuple[Any, bool]]:
    """Fields of a record class: their hints, and whether they may be left out."""
    if not isinstance(hint, type):
        return {}
    if hasattr(hint, "model_fields"):  # pydantic
        return {
            name: (field.annotation, not field.is_required())
            for name, field in hint.model_fields.items()
        }
    hints = typing.get_type_hints(hint)
    if hasattr(hint, "__dataclass_fields__"):
        import dataclasses  # noqa: PLC0415 - it is loaded when there is one

        return {
            one.name: (
                hints[one.name],
                one.default is not dataclasses.MISSING
                or one.default_factory is not dataclasses.MISSING,
            )
            for one in dataclasses.fields(hint)
        }
    if typing.is_typeddict(hint):
        optional: frozenset[str] = getattr(hint, "__optional_keys__", frozenset())
        return {name: (inner, name in optional) for name, inner in hints.items()}
    return {}
