"""Documents as JSON or YAML, by the suffix of their file."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from millrace.core.errors import InvalidArgument

if TYPE_CHECKING:
    from types import ModuleType

_YAML: Final = frozenset({".yml", ".yaml"})
_ENDS_LINES: Final = re.compile("[\x85\u2028\u2029\ufeff]")


def is_yaml(artifact_file: str) -> bool:
    """Whether the file's name says YAML; everything else is JSON."""
    return PurePosixPath(artifact_file).suffix.lower() in _YAML


def written(document: object, artifact_file: str) -> bytes:
    """*document* as the file's name says. What neither format knows becomes text."""
    try:
        if is_yaml(artifact_file):
            text = _as_yaml(_known(document))
        else:
            text = json.dumps(document, indent=2, ensure_ascii=False, default=_other)
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        kind = "YAML" if is_yaml(artifact_file) else "JSON"
        raise InvalidArgument(f"{artifact_file!r} cannot be kept as {kind}: {error}.") from error


def read(body: bytes, artifact_file: str) -> Any:  # noqa: ANN401 - any document
    """The document in a file; `InvalidArgument` when it holds none."""
    kind = "YAML" if is_yaml(artifact_file) else "JSON"
    broken = _yaml().YAMLError if kind == "YAML" else ValueError
    try:
        return _yaml().safe_load(body) if kind == "YAML" else json.loads(body)
    except (ValueError, broken, RecursionError) as error:
        raise InvalidArgument(f"{artifact_file!r} is not {kind}: {error}.") from error


def plain(value: Any) -> Any:  # noqa: ANN401 - any value in, JSON out
    """*value* in JSON's own types; numbers that JSON has not are null, times ISO 8601."""
    match value:
        case None | bool():
            return value
        case str():
            return str(value)
        case float():
            return float(value) if math.isfinite(value) else None
        case int():
            return int(value) if -(2**63) <= value < 2**63 else str(value)
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case dt.datetime() | dt.date() | dt.time():
            return _iso(value)
        case bytes() | bytearray():
            return value.decode(errors="replace")
        case Sequence() | AbstractSet():
            return [plain(item) for item in value]
        case _:
            other = _other(value)
            return other if other is None or isinstance(other, str) else plain(other)


def _as_yaml(document: object) -> str:
    dump = _yaml().safe_dump
    text: str = dump(document, sort_keys=False, allow_unicode=True)
    if _ENDS_LINES.search(text):  # unescaped they would be read as another end of line
        text = dump(document, sort_keys=False)
    return text


def _known(value: Any) -> Any:  # noqa: ANN401 - any value in, YAML's types out
    match value:
        case None | bool() | dt.datetime() | dt.date():
            return value
        case str():
            return str(value)
        case float():
            return float(value)
        case int():
            return int(value)
        case Mapping():
            return {_known(key): _known(item) for key, item in value.items()}
        case bytes():
            return value
        case Sequence() | AbstractSet():
            return [_known(item) for item in value]
        case _:
            other = _other(value)
            return other if other is None or isinstance(other, str) else _known(other)


def _other(value: Any) -> Any:  # noqa: ANN401 - as above
    """What stands for a value that is none of Python's own: of arrays and scalars the content."""
    if type(value).__name__ == "NAType":  # of pandas: nothing is there
        return None
    if hasattr(value, "tolist"):  # NumPy's scalars and arrays, tensors, series
        found = value.tolist()
        if type(found) is not type(value):
            return found
    return str(value)


def _iso(value: dt.date | dt.time) -> str | None:
    if value != value:  # noqa: PLR0124 - NaT of pandas says it is a datetime
        return None
    if isinstance(value, (dt.datetime, dt.time)):
        return value.isoformat(timespec="milliseconds")
    return value.isoformat()


def _yaml() -> ModuleType:
    # Takes as long to import as all the rest of the client.
    import yaml  # noqa: PLC0415

    return yaml
