"""URIs that name artifacts by who has them: a run, a logged model, a registered model."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from millrace.core.errors import InvalidArgument
from millrace.core.uris import safe_folder

_MODEL_ID: Final = re.compile(r"m-[0-9a-f]{32}")
_VERSION: Final = re.compile(r"[0-9]+")
LATEST: Final = "latest"


class OfRun(NamedTuple):
    """`runs:/<run id>[/<path>]`."""

    run_id: str
    path: str


class OfModel(NamedTuple):
    """`models:/m-...[/<path>]`: a logged model."""

    model_id: str
    path: str


class OfVersion(NamedTuple):
    """`models:/<name>/<version, stage or latest>[/<path>]` or `models:/<name>@<alias>[/<path>]`."""

    name: str
    version: str | None
    stage: str | None
    alias: str | None
    path: str


Owned = OfRun | OfModel | OfVersion


def owned(uri: str) -> Owned | None:
    """What a `runs:` or `models:` URI names; None for any other URI."""
    scheme, colon, rest = uri.partition(":")
    match scheme.lower() if colon else "":
        case "runs":
            run_id, _, path = _below(uri, rest).partition("/")
            return OfRun(run_id, safe_folder(path))
        case "models":
            return _model(uri, _below(uri, rest))
        case _:
            return None


def _model(uri: str, rest: str) -> OfModel | OfVersion:
    first, _, path = rest.partition("/")
    if _MODEL_ID.fullmatch(first):
        return OfModel(first, safe_folder(path))
    name, at, alias = first.partition("@")
    if at:
        if name and alias:
            return OfVersion(name, None, None, alias, safe_folder(path))
    else:
        which, _, path = path.partition("/")
        if name and _VERSION.fullmatch(which):
            return OfVersion(name, which, None, None, safe_folder(path))
        if name and which:
            return OfVersion(name, None, which, None, safe_folder(path))
    raise InvalidArgument(
        f"{uri!r} names no model. A logged model is models:/m-<id>, a registered one "
        "models:/<name>/<version>, models:/<name>@<alias> or models:/<name>/latest."
    )


def _below(uri: str, rest: str) -> str:
    """What follows the slash; these URIs name no host."""
    if not rest.startswith("/") or rest.startswith("//") or not rest.strip("/"):
        scheme = uri.partition(":")[0]
        raise InvalidArgument(f"{uri!r}: expected {scheme}:/ and what it names, without a host.")
    return rest.strip("/")
