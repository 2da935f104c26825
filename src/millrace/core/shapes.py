"""Requests from loose values: parsed JSON or query arguments, read by a struct's field types.

This is the careful way in. It tolerates what the wire contract tolerates (numbers in strings,
lowerCamelCase, unknown fields, null for absent) and names the place, the value and the way out of
everything else. It is plain Python and costs microseconds a field; `core.wire` comes here only with
what its fast path could not vouch for.
"""

from __future__ import annotations

import math
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from msgspec import inspect

from millrace.core.errors import InvalidArgument
from millrace.core.numbers import INT64_MAX, INT64_MIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Read = Callable[[Any], object]

MAX_DIGITS = 400
NON_NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
NOTHING: Mapping[str, str] = {}

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_KINDS = {
    str: "a string",
    bool: "a bool",
    int: "a whole number",
    float: "a number",
    dict: "an object",
}
_SHOWN_CHARACTERS = 60


class Unfit(Exception):
    """A value that is missing (no *expected*) or wrong; `path` grows from the inside out."""

    def __init__(self, value: object = None, expected: str = "") -> None:
        super().__init__(expected)
        self.value = value
        self.expected = expected
        self.path: list[str | int] = []

    def explained(self) -> InvalidArgument:
        """The same for the caller, naming the place, the value and what would do."""
        name = ""
        for step in reversed(self.path):
            name += f"[{step}]" if isinstance(step, int) else f".{step}" if name else step
        if not self.expected:
            missing = f"Missing value for required parameter '{name}'."
            return InvalidArgument(missing, field=name)
        return InvalidArgument(
            f"Invalid value {_shown(self.value)} for parameter '{name}' supplied: "
            f"expected {self.expected}. Hint: Value was {kind_of(self.value)}.",
            field=name,
        )


def kind_of(value: object) -> str:
    """What a parsed JSON value is, in words."""
    return "null" if value is None else _KINDS.get(type(value), "a list")


def _shown(value: object) -> str:
    if isinstance(value, str):
        cut = len(value) > _SHOWN_CHARACTERS
        return repr(value[:_SHOWN_CHARACTERS]) + ("..." if cut else "")
    if isinstance(value, dict | list):
        return "{...}" if isinstance(value, dict) else "[...]"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return repr(value)[:_SHOWN_CHARACTERS]


class Shape:
    """How one struct type is read. Make it with `shape`, which keeps it."""

    def __init__(self, info: inspect.StructType) -> None:
        self._type = info.cls
        self._fields = {
            field.encode_name: (field.name, _reader(field.type), _argument_reader(field.type))
            for field in info.fields
        }
        self._camel = {camel: name for name in self._fields if (camel := _camel_case(name)) != name}
        self._required = [field.encode_name for field in info.fields if field.required]

    def from_object(self, value: object, path: Mapping[str, str] = NOTHING) -> Any:  # noqa: ANN401 - an instance of the struct type
        """Read a parsed JSON object; fields in *path* (from the URL) count as given.

        Raises `Unfit`, or `InvalidArgument` for two spellings of a field, for a path and a body
        that disagree, and for what the struct itself refuses.
        """
        if type(value) is not dict:
            raise Unfit(value, "an object")
        found: dict[str, object] = {}
        for key, item in value.items():
            name = key
            if key not in self._fields:
                name = self._camel.get(key, "")
                if not name:
                    continue
                if name in value:
                    raise InvalidArgument(
                        f"Parameter '{name}' is given twice, as '{name}' and as '{key}'; "
                        "send one of them."
                    )
            if item is not None:
                found[name] = self._read(name, 1, item)
        return self._build(found, path)

    def from_arguments(
        self, pairs: Iterable[tuple[str, str]], path: Mapping[str, str] = NOTHING
    ) -> Any:  # noqa: ANN401 - an instance of the struct type
        """Read query arguments: snake_case only, repeated ones make a list. Raises as above."""
        given: dict[str, list[str]] = {}
        for key, text in pairs:
            if key in self._fields:
                given.setdefault(key, []).append(text)
        return self._build({key: self._read(key, 2, texts) for key, texts in given.items()}, path)

    def _read(self, name: str, way: int, value: object) -> object:
        read = self._fields[name][way]
        try:
            return read(value)  # type: ignore[operator]  # columns 1 and 2 are readers
        except Unfit as unfit:
            unfit.path.append(name)
            raise

    def _build(self, found: dict[str, object], path: Mapping[str, str]) -> object:
        in_path = {name: self._read(name, 2, [text]) for name, text in path.items()}
        for name in self._required:
            if name not in found and name not in in_path:
                missing = Unfit()
                missing.path.append(name)
                raise missing
        for name, held in in_path.items():
            if found.setdefault(name, held) != held:
                raise InvalidArgument(
                    f"Parameter '{name}' is {_shown(found[name])} in the body and {_shown(held)} "
                    "in the path; send the same, or leave it out of the body."
                )
        try:
            return self._type(**{self._fields[name][0]: item for name, item in found.items()})
        except ValueError as error:
            raise InvalidArgument(str(error)) from error


def shape(type_: type) -> Shape:
    """The shape of a struct type; TypeError when a field's type is none that requests may have."""
    return _shape(type_)


@cache
def _shape(type_: type) -> Shape:
    info = inspect.type_info(type_)
    if not isinstance(info, inspect.StructType):
        raise TypeError(f"requests are structs, not {type_!r}")
    return Shape(info)


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in others)


def _reader(info: inspect.Type) -> Read:
    match info:
        case inspect.StrType():
            return _text(info)
        case inspect.IntType():
            return _whole_number(info)
        case inspect.FloatType():
            return _number
        case inspect.BoolType():
            return _flag
        case inspect.LiteralType():
            return _choice(info.values)
        case inspect.UnionType():
            return _either(_parts(info))
        case inspect.VarTupleType():
            return _sequence(info)
        case inspect.StructType():
            return shape(info.cls).from_object
    raise TypeError(f"no request field may be {info!r}")


def _parts(info: inspect.Type) -> list[inspect.Type]:
    """What a field may hold beside null."""
    types = info.types if isinstance(info, inspect.UnionType) else (info,)
    return [part for part in types if not isinstance(part, inspect.NoneType)]


def _argument_reader(info: inspect.Type) -> Read:
    """Read the texts of one query argument, given once or more."""
    read, first = _reader(info), _parts(info)[0]
    if isinstance(first, inspect.VarTupleType):
        return read
    parse = _flag_text if isinstance(first, inspect.BoolType) else read

    def one(texts: Sequence[str]) -> object:
        if len(texts) > 1:
            raise Unfit(list(texts), f"one value, got {len(texts)}")
        return parse(texts[0])

    return one


def _text(info: inspect.StrType) -> Read:
    least, most = info.min_length or 0, info.max_length

    def read(value: object) -> str:
        if type(value) is not str:
            raise Unfit(value, "a string")
        if least and not value:
            raise Unfit
        if len(value) < least or (most is not None and len(value) > most):
            raise Unfit(value, f"{_span(least, most)} characters")
        return value

    return read


def _whole_number(info: inspect.IntType) -> Read:
    least = INT64_MIN if info.ge is None else info.ge
    most = INT64_MAX if info.le is None else info.le
    expected = f"a whole number from {least} to {most}"

    def read(value: object) -> int:
        number: object = _number_in(value) if isinstance(value, str) else value
        if isinstance(number, float) and number.is_integer():
            number = int(number)
        if not isinstance(number, int) or isinstance(number, bool) or not least <= number <= most:
            raise Unfit(value, expected)
        return number

    return read


def _number(value: object) -> float:
    number = value
    if isinstance(value, str):
        number = NON_NUMBERS[value] if value in NON_NUMBERS else _number_in(value)
    if not isinstance(number, int | float) or isinstance(number, bool):
        raise Unfit(value, "a number, 'NaN', 'Infinity' or '-Infinity'")
    try:
        return float(number)
    except OverflowError:
        raise Unfit(value, "a number that a double can hold") from None


def _number_in(text: str) -> int | float | None:
    """The number that *text* is by JSON's grammar; None when it is none, or beyond a double."""
    matched = _NUMBER.fullmatch(text) if len(text) <= MAX_DIGITS else None
    if matched is None:
        return None
    if matched.lastindex is None and text != "-0":
        return int(text)
    number = float(text)
    return number if math.isfinite(number) else None


def _flag(value: object) -> bool:
    if isinstance(value, bool) or (type(value) is int and value in {0, 1}):
        return bool(value)
    raise Unfit(value, "true or false")


def _flag_text(text: str) -> bool:
    return _flag({"true": True, "false": False}.get(text.lower(), text))


def _choice(values: tuple[object, ...]) -> Read:
    expected = f"one of {', '.join(map(str, values))}"

    def read(value: object) -> object:
        if type(value) is not str or value not in values:
            raise Unfit(value, expected)
        return value

    return read


def _either(parts: list[inspect.Type]) -> Read:
    """A single type beside null; or a choice of names that may also be given as a number."""
    if len(parts) == 1:
        return _reader(parts[0])
    names = [part for part in parts if isinstance(part, inspect.LiteralType)]
    numbers = [part for part in parts if isinstance(part, inspect.IntType)]
    if len(parts) != 2 or not names or not numbers:  # noqa: PLR2004 - the two of them
        raise TypeError(f"no request field may be any of {parts!r}")
    known, whole_number = names[0].values, _whole_number(numbers[0])
    expected = f"one of {', '.join(map(str, known))} or its number"

    def read(value: object) -> object:
        if type(value) is str and value in known:
            return value
        try:
            return whole_number(value)
        except Unfit:
            raise Unfit(value, expected) from None

    return read


def _sequence(info: inspect.VarTupleType) -> Read:
    read_item = _reader(info.item_type)
    least, most = info.min_length or 0, info.max_length

    def read(value: object) -> tuple[object, ...]:
        if not isinstance(value, list):
            raise Unfit(value, "a list")
        if len(value) < least or (most is not None and len(value) > most):
            raise Unfit(value, f"{_span(least, most)} items, got {len(value)}")
        items: list[object] = []
        try:
            for item in value:
                items.append(read_item(item))  # noqa: PERF401 - its length is the place of a fault
        except Unfit as unfit:
            unfit.path.append(len(items))
            raise
        return tuple(items)

    return read


def _span(least: int, most: int | None) -> str:
    return f"{least} to {most}" if most is not None else f"{least} or more"
