"""What goes into a model and comes out of it: types, columns, tensors, params, and their JSON.

The JSON is the field's (`MLmodel`, key `signature`). Pure: numpy is needed only by whoever asks a
tensor for its numpy type.
"""

from __future__ import annotations

import datetime as dt
import json
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from msgspec import Struct
from msgspec.structs import force_setattr

from millrace.core.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np

_DEEPEST: Final = 64
"""Levels of arrays, objects and maps that are read. Nobody means more."""


class DataType(StrEnum):
    """A scalar type."""

    boolean = "boolean"
    integer = "integer"
    """32 bits."""
    long = "long"
    """64 bits."""
    float = "float"
    """32 bits."""
    double = "double"
    """64 bits."""
    string = "string"
    binary = "binary"
    datetime = "datetime"

    def to_numpy(self) -> np.dtype[Any]:
        """The numpy type that a column of it has; `object` for string and binary."""
        import numpy as np  # noqa: PLC0415 - 100 ms that reading a signature need not pay

        return np.dtype(_NUMPY.get(self.value, "object"))

    def to_dict(self) -> dict[str, Any]:
        """Its JSON."""
        return {"type": self.value}


_NUMPY: Final = {
    "boolean": "bool",
    "integer": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
    "datetime": "datetime64[ns]",
}


class AnyType(Struct, frozen=True):
    """Whatever there is, nothing included."""

    def to_dict(self) -> dict[str, Any]:
        """Its JSON."""
        return {"type": "any"}


class Array(Struct, frozen=True):
    """A list of values of one type, of any length."""

    items: Type

    def __post_init__(self) -> None:
        force_setattr(self, "items", type_of(self.items))

    @property
    def dtype(self) -> Type:
        """The type of its items, as the field calls it."""
        return self.items

    def to_dict(self) -> dict[str, Any]:
        """Its JSON."""
        return {"type": "array", "items": self.items.to_dict()}


class Property(Struct, frozen=True):
    """A named part of an object, which may be left out unless it is required."""

    name: str
    type: Type
    required: bool = True

    def __post_init__(self) -> None:
        force_setattr(self, "type", type_of(self.type))

    @property
    def dtype(self) -> Type:
        """Its type, as the field calls it."""
        return self.type

    def to_dict(self) -> dict[str, Any]:
        """Its JSON, under its name."""
        return {self.name: {**self.type.to_dict(), "required": self.required}}


class Object(Struct, frozen=True):
    """A mapping with known keys, each with a type of its own. Sorted by name."""

    properties: tuple[Property, ...]

    def __post_init__(self) -> None:
        if not self.properties:
            raise InvalidArgument("An object type needs at least one property.")
        names = [one.name for one in self.properties]
        if len(set(names)) < len(names):
            raise InvalidArgument(f"An object type names a property twice: {sorted(names)}.")
        in_order = tuple(sorted(self.properties, key=lambda one: one.name))
        force_setattr(self, "properties", in_order)

    def to_dict(self) -> dict[str, Any]:
        """Its JSON."""
        parts = {name: said for one in self.properties for name, said in one.to_dict().items()}
        return {"type": "object", "properties": parts}


class Map(Struct, frozen=True):
    """A mapping from any text to values of one type."""

    values: Type

    def __post_init__(self) -> None:
        force_setattr(self, "values", type_of(self.values))

    @property
    def value_type(self) -> Type:
        """The type of its values, as the field calls it."""
        return self.values

    def to_dict(self) -> dict[str, Any]:
        """Its JSON."""
        return {"type": "map", "values": self.values.to_dict()}


Type: TypeAlias = DataType | Array | Object | Map | AnyType


def type_of(said: object) -> Type:
    """The type that *said* is, or is the name of."""
    if isinstance(said, (DataType, Array, Object, Map, AnyType)):
        return said
    if said == "any":
        return AnyType()
    if isinstance(said, str) and said in DataType.__members__:
        return DataType(said)
    raise InvalidArgument(f"{said!r} is no type. Scalar types: {', '.join(DataType)}, any.")


def shown(kind: Type) -> str:
    """*kind* as a reader writes it: `double`, `array<string>`, `map<long>`, `object<a, b?>`."""
    match kind:
        case DataType():
            return kind.value
        case AnyType():
            return "any"
        case Array():
            return f"array<{shown(kind.items)}>"
        case Map():
            return f"map<{shown(kind.values)}>"
        case Object():
            parts = (f"{one.name}{'' if one.required else '?'}" for one in kind.properties)
            return f"object<{', '.join(parts)}>"


# --- columns and tensors -----------------------------------------------------------------------


class ColSpec(Struct, frozen=True):
    """A column: a type, perhaps a name, and whether it must be there."""

    type: Type
    name: str | int | None = None
    required: bool = True

    def __post_init__(self) -> None:
        force_setattr(self, "type", type_of(self.type))

    def to_dict(self) -> dict[str, Any]:
        """Its JSON."""
        name = {} if self.name is None else {"name": self.name}
        return {**self.type.to_dict(), **name, "required": self.required}

    def __str__(self) -> str:
        name = "" if self.name is None else f"{self.name!r}: "
        return f"{name}{shown(self.type)} ({'required' if self.required else 'optional'})"


class TensorSpec(Struct, frozen=True):
    """A tensor: a numpy type, kept by its name, and a shape whose -1 stands for any length."""

    dtype: Any
    shape: tuple[int, ...]
    name: str | None = None

    def __post_init__(self) -> None:
        said = self.dtype
        force_setattr(self, "dtype", said if isinstance(said, str) else _dtype_name(said))
        force_setattr(self, "shape", tuple(int(length) for length in self.shape))

    @property
    def type(self) -> np.dtype[Any]:
        """The numpy type."""
        import numpy as np  # noqa: PLC0415 - see above

        found: np.dtype[Any] = np.dtype(self.dtype)
        return found

    @property
    def required(self) -> bool:
        """A tensor must be there."""
        return True

    def to_dict(self) -> dict[str, Any]:
        """Its JSON."""
        name = {} if self.name is None else {"name": self.name}
        spec = {"dtype": self.dtype, "shape": list(self.shape)}
        return {**name, "type": "tensor", "tensor-spec": spec}

    def __str__(self) -> str:
        name = "" if self.name is None else f"{self.name!r}: "
        return f"{name}tensor {self.dtype} {self.shape}"


def _dtype_name(dtype: Any) -> str:
    """The name that is kept: without the width that text happens to have."""
    name = str(getattr(dtype, "name", None) or getattr(dtype, "__name__", dtype))
    if name.startswith("str"):
        return "str"
    return "bytes" if name.startswith("bytes") else name


class Schema(Struct, frozen=True):
    """The columns, or the tensors, that make up one input or output.

    Either all have a name or none has; a single tensor may do without.
    """

    inputs: tuple[ColSpec | TensorSpec, ...]

    def __post_init__(self) -> None:
        force_setattr(self, "inputs", tuple(self.inputs))
        if not self.inputs:
            raise InvalidArgument("A schema needs at least one column or tensor.")
        if len({isinstance(one, TensorSpec) for one in self.inputs}) > 1:
            raise InvalidArgument("A schema holds columns or tensors, not both.")
        names = [one.name for one in self.inputs if one.name is not None]
        if names and len(names) < len(self.inputs):
            raise InvalidArgument("Name all columns of a schema, or none of them.")
        if len(set(names)) < len(names):
            raise InvalidArgument(f"A schema names a column twice: {names}.")
        if not names and self.is_tensor_spec() and len(self.inputs) > 1:
            raise InvalidArgument("A schema with several tensors must name them.")

    def __len__(self) -> int:
        return len(self.inputs)

    def __iter__(self) -> Iterator[ColSpec | TensorSpec]:
        return iter(self.inputs)

    def is_tensor_spec(self) -> bool:
        """Whether it is about tensors."""
        return isinstance(self.inputs[0], TensorSpec)

    @property
    def columns(self) -> tuple[ColSpec, ...]:
        """Its columns; none when it is about tensors."""
        return tuple(one for one in self.inputs if isinstance(one, ColSpec))

    @property
    def tensors(self) -> tuple[TensorSpec, ...]:
        """Its tensors; none when it is about columns."""
        return tuple(one for one in self.inputs if isinstance(one, TensorSpec))

    def has_input_names(self) -> bool:
        """Whether they are named."""
        return self.inputs[0].name is not None

    def input_names(self) -> list[str | int]:
        """Names, or positions where there are none."""
        return [at if one.name is None else one.name for at, one in enumerate(self.inputs)]

    def required_input_names(self) -> list[str | int]:
        """Names of those that must be there."""
        pairs = zip(self.input_names(), self.inputs, strict=True)
        return [name for name, one in pairs if one.required]

    def optional_input_names(self) -> list[str | int]:
        """Names of those that may be left out."""
        pairs = zip(self.input_names(), self.inputs, strict=True)
        return [name for name, one in pairs if not one.required]

    def input_types(self) -> list[Any]:
        """Their types, in order."""
        return [one.type for one in self.inputs]

    def input_dict(self) -> dict[str | int, ColSpec | TensorSpec]:
        """They by name."""
        return dict(zip(self.input_names(), self.inputs, strict=True))

    def to_dict(self) -> list[dict[str, Any]]:
        """Its JSON."""
        return [one.to_dict() for one in self.inputs]

    def to_json(self) -> str:
        """Its JSON, as text."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Schema:
        """The schema that `to_json` wrote; `InvalidArgument` for anything else."""
        said = _parsed(text)
        return cls(tuple(_spec(each) for each in _list(said, "a schema")))

    def __str__(self) -> str:
        return f"[{', '.join(map(str, self.inputs))}]"


# --- params ------------------------------------------------------------------------------------


class ParamSpec(Struct, frozen=True):
    """A param of scoring: a type, the value that it has unless it is given, and a shape.

    The shape is None for one value and (-1,) for a list of them.
    """

    name: str
    dtype: Type
    default: Any
    shape: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        force_setattr(self, "dtype", type_of(self.dtype))
        shape = None if self.shape is None else tuple(self.shape)
        if shape not in {None, (-1,)}:
            raise InvalidArgument(
                f"Param {self.name!r}: shape {shape}; one value (None) or a list of them ((-1,))."
            )
        force_setattr(self, "shape", shape)
        default = self.default
        if self.dtype == DataType.datetime and isinstance(default, str):
            force_setattr(self, "default", dt.datetime.fromisoformat(default))

    def to_dict(self) -> dict[str, Any]:
        """Its JSON."""
        default = self.default
        if isinstance(default, (dt.date, dt.datetime)):
            default = default.isoformat()
        shape = None if self.shape is None else list(self.shape)
        return {"name": self.name, "default": default, "shape": shape, **self.dtype.to_dict()}

    def __str__(self) -> str:
        listed = "" if self.shape is None else " list"
        return f"{self.name!r}: {shown(self.dtype)}{listed} (default {self.default!r})"


class ParamSchema(Struct, frozen=True):
    """The params that scoring takes."""

    params: tuple[ParamSpec, ...]

    def __post_init__(self) -> None:
        force_setattr(self, "params", tuple(self.params))
        names = [one.name for one in self.params]
        if len(set(names)) < len(names):
            raise InvalidArgument(f"A param is declared twice: {sorted(names)}.")

    def __len__(self) -> int:
        return len(self.params)

    def __iter__(self) -> Iterator[ParamSpec]:
        return iter(self.params)

    def to_dict(self) -> list[dict[str, Any]]:
        """Its JSON."""
        return [one.to_dict() for one in self.params]

    def to_json(self) -> str:
        """Its JSON, as text."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> ParamSchema:
        """The params that `to_json` wrote; `InvalidArgument` for anything else."""
        found = []
        for each in _list(_parsed(text), "params"):
            said = _mapping(each, "a param")
            shape = said.get("shape")
            kind = _type({**said, "type": said.get("type", said.get("dtype"))}, 0)
            spec = ParamSpec(
                str(said.get("name")),
                kind,
                said.get("default"),
                None if shape is None else tuple(_list(shape, "a shape")),
            )
            found.append(spec)
        return cls(tuple(found))

    def __str__(self) -> str:
        return f"[{', '.join(map(str, self.params))}]"


# --- reading -----------------------------------------------------------------------------------


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidArgument(f"A signature holds what is no JSON: {error}.") from error


def _list(said: object, what: str) -> Sequence[Any]:
    if not isinstance(said, list):
        raise InvalidArgument(f"Expected a list for {what}, got {_short(said)}.")
    return said


def _mapping(said: object, what: str) -> Mapping[str, Any]:
    if not isinstance(said, dict):
        raise InvalidArgument(f"Expected an object for {what}, got {_short(said)}.")
    return cast("Mapping[str, Any]", said)


def _spec(said: object) -> ColSpec | TensorSpec:
    one = _mapping(said, "a column")
    if one.get("type") == "tensor":
        spec = _mapping(one.get("tensor-spec"), "a tensor")
        shape = _list(spec.get("shape"), "a shape")
        if not all(isinstance(length, int) for length in shape):
            raise InvalidArgument(f"A shape holds whole numbers only, got {_short(shape)}.")
        return TensorSpec(str(spec.get("dtype")), tuple(shape), one.get("name"))
    required = one.get("required", not one.get("optional", False))
    return ColSpec(_type(one, 0), one.get("name"), required is not False)


def _type(said: object, depth: int) -> Type:
    if depth > _DEEPEST:
        raise InvalidArgument(f"A type is nested deeper than {_DEEPEST} levels.")
    one = _mapping(said, "a type")
    match one.get("type"):
        case "array":
            return Array(_type(one.get("items"), depth + 1))
        case "map":
            return Map(_type(one.get("values"), depth + 1))
        case "object":
            parts = _mapping(one.get("properties"), "the properties of an object")
            return Object(
                tuple(
                    Property(name, _type(part, depth + 1), part.get("required", True) is not False)
                    for name, part in parts.items()
                )
            )
        case name:
            return type_of(name)


def _short(said: object) -> str:
    text = repr(said)
    return text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004 - one line of a terminal
