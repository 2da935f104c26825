"""`models:/` URIs: which model, or which version of one, is meant.

    models:/NAME/3              version 3
    models:/NAME/Production     the latest version in that stage, in any case of letters
    models:/NAME/latest         the highest version
    models:/NAME@ALIAS          the version that the alias points at
    models:/m-0123...           the logged model with that id

What follows after another slash is a path among the files: `models:/NAME/3/data/x.bin`.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias
from urllib.parse import unquote

from msgspec import Struct

from millrace.core.entities.registry import STAGES, Stage
from millrace.core.errors import InvalidArgument

SCHEME: Final = "models:"
_MODEL_ID: Final = re.compile(r"m-[0-9a-f]{32}")
_STAGES: Final = {stage.lower(): stage for stage in STAGES}
_NUMBER: Final = re.compile(r"[0-9]+")
_WAY_OUT: Final = (
    "Write models:/NAME/VERSION, models:/NAME/STAGE, models:/NAME/latest, models:/NAME@ALIAS or "
    "models:/MODEL_ID."
)


class ByNumber(Struct, frozen=True):
    """A version by its number, as text."""

    name: str
    version: str
    path: str = ""


class ByStage(Struct, frozen=True):
    """The latest version in a stage."""

    name: str
    stage: Stage
    path: str = ""


class Latest(Struct, frozen=True):
    """The highest version."""

    name: str
    path: str = ""


class ByAlias(Struct, frozen=True):
    """The version that an alias points at."""

    name: str
    alias: str
    path: str = ""


class ById(Struct, frozen=True):
    """A logged model."""

    model_id: str
    path: str = ""


Registered: TypeAlias = ByNumber | ByStage | Latest | ByAlias
ModelUri: TypeAlias = Registered | ById


def is_model_uri(uri: str) -> bool:
    """Whether *uri* is of the scheme `models`."""
    return uri[: len(SCHEME)].lower() == SCHEME


def parse(uri: str) -> ModelUri:
    """What *uri* names; raise `InvalidArgument` when it is none of the forms above."""
    rest = uri[len(SCHEME) :]
    if not is_model_uri(uri) or not rest.startswith("/") or rest.startswith("//"):
        raise InvalidArgument(f"{uri!r} is no model URI. {_WAY_OUT}")
    first, _, after = rest[1:].partition("/")
    if _MODEL_ID.fullmatch(first):
        return ById(first, _path(uri, after))
    name, mark, alias = first.rpartition("@")
    if mark:
        if not name or not alias:
            raise InvalidArgument(f"{uri!r} lacks a model or an alias. {_WAY_OUT}")
        return ByAlias(unquote(name), alias, _path(uri, after))
    which, _, path = after.partition("/")
    if not first or not which:
        raise InvalidArgument(f"{uri!r} lacks a model, or a version of it. {_WAY_OUT}")
    return _by_word(uri, unquote(first), which, _path(uri, path))


def _by_word(uri: str, name: str, which: str, path: str) -> Registered:
    if _NUMBER.fullmatch(which):
        return ByNumber(name, which, path)
    if which.lower() == "latest":
        return Latest(name, path)
    stage = _STAGES.get(which.lower())
    if stage is None:
        raise InvalidArgument(
            f"{uri!r}: {which!r} is neither a version nor a stage ({', '.join(STAGES)}) nor "
            f"'latest'. An alias is written models:/{name}@{which}."
        )
    return ByStage(name, stage, path)


def _path(uri: str, path: str) -> str:
    if ".." in unquote(path).replace("\\", "/").split("/"):
        raise InvalidArgument(f"{uri!r}: the path must not hold '..' segments.")
    return path.strip("/")


def uri_of(name: str, version: str) -> str:
    """The URI of a version."""
    return f"models:/{name}/{version}"
