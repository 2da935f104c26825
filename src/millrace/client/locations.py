"""URIs that name artifacts by who has them: a run, a logged model, a registered model."""

from __future__ import annotations

from typing import NamedTuple

from millrace.core import model_uris
from millrace.core.errors import InvalidArgument
from millrace.core.uris import safe_folder


class OfRun(NamedTuple):
    """`runs:/<run id>[/<path>]`."""

    run_id: str
    path: str


class OfModel(NamedTuple):
    """`models:/...[/<path>]`: a logged model, or a registered version."""

    named: model_uris.ModelUri
    path: str


Owned = OfRun | OfModel


def owned(uri: str) -> Owned | None:
    """What a `runs:` or `models:` URI names; None for any other URI."""
    scheme, colon, rest = uri.partition(":")
    match scheme.lower() if colon else "":
        case "runs":
            run_id, _, path = _below(uri, rest).partition("/")
            return OfRun(run_id, safe_folder(path))
        case "models":
            named = model_uris.parse(uri)
            return OfModel(named, safe_folder(named.path))
        case _:
            return None


def _below(uri: str, rest: str) -> str:
    """What follows the slash; these URIs name no host."""
    if not rest.startswith("/") or rest.startswith("//") or not rest.strip("/"):
        scheme = uri.partition(":")[0]
        raise InvalidArgument(f"{uri!r}: expected {scheme}:/ and what it names, without a host.")
    return rest.strip("/")
