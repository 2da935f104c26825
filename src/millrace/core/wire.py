"""JSON in the wire's dialect.

In: numbers may stand in strings, `"NaN"`, `"Infinity"` and `"-Infinity"` are numbers, keys may be
lowerCamelCase, unknown keys are ignored, null is absent; whatever else is odd is refused, never
guessed. Out: snake_case, non-finite numbers as those three strings.

Nearly all traffic is plain, so a body is first decoded straight into its struct. That decoder is
laxer than the dialect in a few ways (it keeps the last of equal keys, takes "nan" for a number), so
its result counts only when a check proves that none of them came up; otherwise the body is parsed
again, carefully. See docs/decisions/0002-the-wire-dispatcher.md for the proof and its price.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from millrace.core.errors import InvalidArgument
from millrace.core.shapes import MAX_DIGITS, NOTHING, Unfit, kind_of, shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

T = TypeVar("T")

MAX_DEPTH = 64

_BLANK = b" \t\r\n"
_encode = msgspec.json.Encoder().encode

# A number of more than MAX_DIGITS characters shows in at least this many samples in a row.
_STRIDE = 37
_RUN = b"0" * (MAX_DIGITS // _STRIDE)
_NUMERIC = bytes(ord("0") if chr(byte) in "0123456789.eE+-" else ord(" ") for byte in range(256))
_LONG_NUMBER = re.compile(rb"[0-9.eE+\-]{%d}" % (MAX_DIGITS + 1))
_NEGATIVE_ZERO = re.compile(rb"-0(?![0-9.eE])")
_NON_NUMBER = re.compile(rb':\s*"(?:NaN|-?Infinity)"')
# What a body must not hold to be read on the fast path: escapes may hide equal keys, NUL and
# unpaired surrogates.
_ESCAPE = b"\\"


def encode(value: object) -> bytes:
    """*value* as JSON; NaN and infinities become their strings wherever they stand."""
    text = _encode(value)
    # msgspec writes them as null, and our replies leave absent fields out: null is rare.
    return _encode(_named(value)) if b"null" in text else text


def number(value: float) -> float | str:
    """*value*, or the string that stands for it on the wire."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def decoder(type_: type[T]) -> Callable[[bytes], T]:
    """A function that reads request bodies of one type; it raises `InvalidArgument`."""
    decode = msgspec.json.Decoder(type_, strict=False).decode

    def read(body: bytes) -> T:
        if _ESCAPE not in body:
            try:
                found = decode(body)
            except ValueError:
                return from_body(type_, body)
            if _is_plain(body, found):
                return found
        return from_body(type_, body)

    return read


def answer_decoder(type_: type[T]) -> Callable[[bytes], T]:
    """A function that reads a server's answers of one type; it raises `ValueError`.

    Unknown fields are ignored, so that an older client can talk to a newer server.
    """
    return msgspec.json.Decoder(type_, strict=False).decode


def from_query(
    type_: type[T], pairs: Iterable[tuple[str, str]], path: Mapping[str, str] = NOTHING
) -> T:
    """Read the arguments of a query string, and those in the path; raises `InvalidArgument`."""
    try:
        found: T = shape(type_).from_arguments(pairs, path)
    except Unfit as unfit:
        raise unfit.explained() from None
    return found


def from_body(type_: type[T], body: bytes, path: Mapping[str, str] = NOTHING) -> T:
    """Read a JSON body the careful way, and arguments in the path; raises `InvalidArgument`."""
    try:
        found: T = shape(type_).from_object(parse(body), path)
    except Unfit as unfit:
        raise unfit.explained() from None
    return found


def query_pairs(query: bytes) -> list[tuple[str, str]]:
    """The arguments of a raw query string, decoded once; raises `InvalidArgument`."""
    if not query:
        return []
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError:
        raise InvalidArgument("The query string is not percent-encoded UTF-8.") from None
    if any("\0" in text for _, text in pairs):
        raise InvalidArgument("An argument of the query string holds a NUL character.")
    return pairs


def _is_plain(body: bytes, found: object) -> bool:
    """Whether *body*, which holds no escape and was decoded to *found*, says nothing but that.

    Written again, *found* has one key and at most one string for each thing it holds; an equal
    key, a null, a number in a string or an odd name for NaN all cost further quotes. Without
    escapes every quote of the body opens or closes a string, so equal counts prove that none of
    them is there.
    """
    again = _encode(found)
    quotes = body.count(b'"') - again.count(b'"')
    if quotes and quotes != 2 * _official_non_numbers(body, again):
        return False
    if b"-0" in body and _NEGATIVE_ZERO.search(body):
        return False  # msgspec drops the sign of -0
    # A struct fills run_id from run_uuid, so the quotes of the one could hide a second other.
    if getattr(found, "run_uuid", None) is not None and body.count(b"run_uuid") != 1:
        return False
    return len(body) <= MAX_DIGITS or not _holds_long_number(body)


def _official_non_numbers(body: bytes, again: bytes) -> int:
    """How many non-finite numbers there are, or 0 when one of them may have an odd name."""
    nulls = again.count(b":null")
    if not nulls:
        return 0
    # Strings that merely read like them are in both.
    named = len(_NON_NUMBER.findall(body)) - len(_NON_NUMBER.findall(again))
    return nulls if named == nulls else 0


def _holds_long_number(body: bytes) -> bool:
    sample = body[::_STRIDE].translate(_NUMERIC)
    return _RUN in sample and _LONG_NUMBER.search(body) is not None


# --- strict parsing ----------------------------------------------------------------------------


def parse(body: bytes) -> dict[str, object]:
    """Parse a JSON object as strictly as RFC 8259 and the limits here allow; blank is `{}`.

    Refused as `InvalidArgument`: other encodings than UTF-8, equal keys, depth over 64, numbers of
    more than 400 characters or beyond a double, NUL and unpaired surrogates in strings. An object
    in a JSON string is taken out of it, once: old clients encode twice.
    """
    if not body.strip(_BLANK):
        return {}
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidArgument("The body is not valid UTF-8.") from None
    value = _parsed(text)
    if isinstance(value, str):
        value = _parsed(value)
    if not isinstance(value, dict):
        raise InvalidArgument(f"The body must be a JSON object, got {kind_of(value)}.")
    return value


def _parsed(text: str) -> object:
    try:
        value: object = _strict.decode(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise InvalidArgument(f"The body is not valid JSON: {error.msg} at {where}.") from None
    except RecursionError:
        raise _too_deep() from None
    if "\\u" in text or sum(map(text.count, "[{")) > MAX_DEPTH:
        _inspect(value)
    return value


def _inspect(value: object) -> None:
    """Refuse depth, NUL and unpaired surrogates, level by level."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        for item in level:
            if isinstance(item, str):
                _check_characters(item)
        containers = [item for item in level if isinstance(item, dict | list)]
        if not containers:
            return
        level = [inner for item in containers for inner in item]
        level += [inner for item in containers if isinstance(item, dict) for inner in item.values()]
    raise _too_deep()


def _check_characters(text: str) -> None:
    if "\0" in text:
        raise InvalidArgument("A string in the body holds a NUL character; leave it out.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidArgument("A string in the body holds an unpaired surrogate.") from None


def _too_deep() -> InvalidArgument:
    return InvalidArgument(f"The body is nested deeper than {MAX_DEPTH} levels.")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise InvalidArgument(f"The key {twice[:250]!r} is given twice in one JSON object.")
    return found


def _whole(text: str) -> int | float:
    _check_length(text)
    return int(text) if text != "-0" else -0.0


def _fraction(text: str) -> float:
    _check_length(text)
    value = float(text)
    if math.isinf(value):
        raise InvalidArgument(f"The number {text[:60]} is beyond the range of a double.")
    return value


def _check_length(text: str) -> None:
    if len(text) > MAX_DIGITS:
        raise InvalidArgument(f"A number in the body has more than {MAX_DIGITS} characters.")


def _constant(text: str) -> None:
    raise InvalidArgument(f"{text} is not JSON; send it as the string '{text}'.")


_strict = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_whole, parse_float=_fraction, parse_constant=_constant
)


# --- numbers that JSON does not have -----------------------------------------------------------


def _named(value: Any) -> Any:  # noqa: ANN401 - any tree in, the same tree out
    """The same tree with non-finite numbers as strings; untouched parts are shared."""
    if isinstance(value, float):
        return number(value)
    if isinstance(value, msgspec.Struct):
        changes = {
            name: named
            for name in value.__struct_fields__
            if (named := _named(held := getattr(value, name))) is not held
        }
        return msgspec.structs.replace(value, **changes) if changes else value
    if isinstance(value, dict):
        return {key: _named(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        items = [_named(item) for item in value]
        same = all(new is old for new, old in zip(items, value, strict=True))
        return value if same else items
    return value
