"""YAML and JSON that others wrote: plain data only, of bounded size and depth."""

from __future__ import annotations

import functools
import json
import re
from typing import TYPE_CHECKING, Any, Final

from millrace.core.errors import InvalidArgument

if TYPE_CHECKING:
    from types import ModuleType

MAX_BYTES: Final = 64 * 1024 * 1024
MAX_DEPTH: Final = 64
MAX_ALIASES: Final = 32

# The flat mappings that stores write by the thousand: a key, and a value that needs no thought.
# Everything else takes the long way, so a doubt costs time and never meaning.
_LINE = re.compile(
    r"([a-z_]+): (?:(null)|(0|[1-9][0-9]{0,18})|'([^'\\\n]*)'|(\{\})|(\[\])"
    r"|((?!0[xb])(?=[0-9]*[a-f])[0-9a-f]{32}|(?!(?:y|n|yes|no|true|false|on|off|null)\n)[A-Za-z/][A-Za-z0-9_/.\-]*(?::/[A-Za-z0-9_/.\-]*)?))\n",
    re.IGNORECASE | re.ASCII,
)


def read_yaml(data: bytes, *, limit: int = MAX_BYTES) -> Any:  # noqa: ANN401 - any document
    """The value of a YAML document; raises `InvalidArgument` when it is none, too large or a bomb.

    Tags that make objects are refused. Aliases share what they stand for, and more than
    `MAX_ALIASES` of them or deeper nesting than `MAX_DEPTH` is nothing that a program writes.
    """
    if len(data) > limit:
        raise InvalidArgument(f"It has {len(data):,} bytes; at most {limit:,} are read.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"It is not UTF-8: {error}.") from error
    flat = _flat(text)
    return _whole(text) if flat is None else flat


def read_json(data: bytes, *, limit: int = MAX_BYTES) -> Any:  # noqa: ANN401 - any document
    """The value of a JSON document; raises `InvalidArgument` when it is none or too large."""
    if len(data) > limit:
        raise InvalidArgument(f"It has {len(data):,} bytes; at most {limit:,} are read.")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(f"It is no JSON: {error}.") from error


def write_yaml(value: object) -> bytes:
    """*value* as YAML: keys sorted, one entry a line, Unicode as it is."""
    yaml = _yaml()
    text: str = yaml.dump(
        value,
        Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper),
        default_flow_style=False,
        allow_unicode=True,
        width=2**31 - 1,
    )
    return text.encode()


def _flat(text: str) -> dict[str, Any] | None:
    found: dict[str, Any] = {}
    place = 0
    while match := _LINE.match(text, place):
        key, null, number, quoted, mapping, listing, word = match.groups()
        if key in found:
            return None
        found[key] = (
            None
            if null
            else int(number)
            if number
            else {}
            if mapping
            else []
            if listing
            else quoted
            if word is None
            else word
        )
        place = match.end()
    return found if found and place == len(text) else None


def _whole(text: str) -> Any:  # noqa: ANN401 - any document
    yaml = _yaml()
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check_shape(yaml, loader, text)
        return yaml.load(text, Loader=loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        lines = str(error).split("\n")
        raise InvalidArgument(f"It is no YAML: {' '.join(map(str.strip, lines))}") from error


def _check_shape(yaml: ModuleType, loader: Any, text: str) -> None:  # noqa: ANN401 - a loader class
    """Refuse bombs before anything is built."""
    depth = aliases = 0
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.AliasEvent):
            aliases += 1
        if depth > MAX_DEPTH or aliases > MAX_ALIASES:
            raise InvalidArgument(
                f"It is nested deeper than {MAX_DEPTH} levels or has more than {MAX_ALIASES} "
                "aliases."
            )


@functools.cache
def _yaml() -> ModuleType:
    import yaml  # noqa: PLC0415 - 15 ms that a client on a database need not pay

    module: ModuleType = yaml
    return module
