"""What registered models and their versions may be told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from millrace.core import tags
from millrace.core.entities.entity import KeyValue
from millrace.core.entities.registry import STAGES, AliasMove, Stage, StageMove
from millrace.core.errors import InvalidArgument, NotFound
from millrace.core.numbers import INT64_MAX
from millrace.core.rules import limits, names

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from millrace.core.entities.registry import Move

_STAGES: Final = {stage.lower(): stage for stage in STAGES}
_EXCLUSIVE: Final = frozenset({"Staging", "Production"})
_ALIAS: Final = re.compile(r"[\w\-]+")
# "v1", "V12": would be mistaken for a version in models:/name@alias.
_LIKE_VERSION: Final = re.compile(r"v\d+", re.IGNORECASE)
_VERSION: Final = re.compile(r"[1-9][0-9]*|0", re.ASCII)
_INT64_DIGITS: Final = len(str(INT64_MAX))
LATEST: Final = "latest"
"""What everybody may ask for like an alias, and nobody may set."""


def model_name(value: str) -> str:
    """A name: not blank, of bounded length, without `/` and `:`, no path to somewhere else."""
    if not value.strip():
        raise InvalidArgument("Registered model name must not be empty or blank.")
    size = len(value.encode("utf-8", "surrogatepass"))
    if size > limits.MODEL_NAME_BYTES:
        raise InvalidArgument(
            f"'name' exceeds the maximum length of {limits.MODEL_NAME_BYTES} bytes: it has {size}."
        )
    if "/" in value or ":" in value or value in {".", ".."}:
        raise InvalidArgument(
            f"Invalid registered model name {value!r}: it must not hold '/' or ':', nor be '.' or "
            "'..'."
        )
    return names.plain_text(value, "Registered model name")


def version_number(value: str) -> int:
    """A version in its one spelling: decimal digits without sign, blanks or leading zeros."""
    if not _VERSION.fullmatch(value):
        raise InvalidArgument(
            f"Invalid value {value[:40]!r} for parameter 'version': a version is a whole number "
            "written in digits, such as 3."
        )
    # Python refuses to read an integer of more than 4300 digits.
    if len(value) > _INT64_DIGITS or int(value) > INT64_MAX:
        raise NotFound(f"No model has a version {value[:40]}.")
    return int(value)


def alias(value: str) -> str:
    """A name that an alias may have; raise `InvalidArgument` saying why not."""
    if not value or len(value) > limits.ALIAS_LENGTH:
        raise InvalidArgument(
            f"An alias must have 1 to {limits.ALIAS_LENGTH} characters; this one has {len(value)}."
        )
    if not _ALIAS.fullmatch(value):
        raise InvalidArgument(
            f"Invalid alias {value!r}: it may hold letters, digits, '_' and '-' only."
        )
    if value.lower() == LATEST or _LIKE_VERSION.fullmatch(value):
        raise InvalidArgument(f"Invalid alias {value!r}: it is reserved, it reads like a version.")
    return value


def stage(value: str) -> Stage:
    """A stage in any case of letters, as it is written here."""
    found = _STAGES.get(value.lower())
    if found is None:
        raise InvalidArgument(
            f"Invalid Model Version stage: {value[:40]!r}. It must be one of {', '.join(STAGES)}."
        )
    return found


def stages(values: Sequence[str] | None) -> tuple[Stage, ...]:
    """Stages without repeats, in their own order; all of them when none is named."""
    if not values:
        return STAGES
    asked = {stage(value) for value in values}
    return tuple(one for one in STAGES if one in asked)


def move(move: Move) -> Move:
    """A move that makes sense in itself; raise `InvalidArgument` for one that does not."""
    match move:
        case StageMove(archive_existing=True, stage=target) if target not in _EXCLUSIVE:
            raise InvalidArgument(
                f"archive_existing_versions is for the stages {' and '.join(sorted(_EXCLUSIVE))}; "
                f"other versions cannot make room in {target!r}."
            )
        case AliasMove(alias=name, version=int()):
            alias(name)
    return move


def tag(key: str, value: str | None) -> KeyValue:
    """A tag of a model or version; an absent value is empty."""
    text = value or ""
    if len(text) > limits.REGISTRY_TAG_VALUE_LENGTH:
        raise InvalidArgument(
            f"Value of tag {key!r} exceeds the maximum length of "
            f"{limits.REGISTRY_TAG_VALUE_LENGTH} characters: it has {len(text)}."
        )
    return KeyValue(key=names.key(key, "Tag key"), value=text)


def tags_at_creation(given: Iterable[KeyValue]) -> tuple[KeyValue, ...]:
    """Tags of something new: of equal keys the last, and no more than its limit."""
    last = tuple({one.key: one for one in given}.values())
    if len(last) > limits.CREATE_TAGS:
        raise InvalidArgument(
            f"A model or version can be created with at most {limits.CREATE_TAGS} tags; "
            f"{len(last)} were given. Set the others afterwards."
        )
    return last


def prose(value: str | None, label: str = "description") -> str | None:
    """Text of bounded size, such as a description or comment in Markdown."""
    if value is None:
        return None
    size = len(value.encode("utf-8", "surrogatepass"))
    if size > limits.PROSE_BYTES:
        raise InvalidArgument(
            f"'{label}' exceeds the maximum length of {limits.PROSE_BYTES} bytes: it has {size}."
        )
    return value


def is_prompt(tag_list: Iterable[KeyValue]) -> bool:
    """Whether these are the tags of a prompt."""
    return any(one.key == tags.IS_PROMPT and one.value.lower() == "true" for one in tag_list)


class _Registration(Struct, frozen=True):
    name: str
    version: int


_read_registrations = msgspec.json.Decoder(list[_Registration], strict=False).decode


def registrations(held: str | None, given: str) -> str:
    """The tag `mlflow.modelVersions` with what is *given*: a JSON list, each version in it once.

    Clients read the tag, add their version and write it back; so nothing that is *held* is lost by
    it. What is no such list is taken as it is.
    """
    try:
        added = _read_registrations(given)
        known = _read_registrations(held) if held else []
    except msgspec.DecodeError:
        return given
    return msgspec.json.encode(list(dict.fromkeys((*known, *added)))).decode()


def registration(name: str, version: int) -> str:
    """The tag `mlflow.modelVersions` of a logged model with one version."""
    return msgspec.json.encode([_Registration(name, version)]).decode()
