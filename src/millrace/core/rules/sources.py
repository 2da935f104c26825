"""Where a model version may come from.

A source is a place that people and servers will load code from: it is held against the artifact
root of the run or logged model that the version names, whole path segments at a time. Pure: who
calls looks up the roots.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final, NamedTuple

from millrace.core import uris
from millrace.core.errors import InvalidArgument
from millrace.core.filters import patterns
from millrace.core.rules import limits, names
from millrace.core.rules.experiments import HOST_ADDRESSED, KNOWN

if TYPE_CHECKING:
    from collections.abc import Collection

OF_PROMPTS: Final = frozenset({"dummy-source", "prompt-template"})
"""What stands as the source of a prompt version, which has no files."""

# What only an owner vouches for: local paths and the artifact proxy.
_OWNED: Final = frozenset({"file", "mlflow-artifacts"})


class Owner(NamedTuple):
    """A run or logged model that a version names (`run 0123`), and the place of its files."""

    what: str
    root: str


class Sources(NamedTuple):
    """Which sources the operator allows: schemes that name a host, and a regular expression (RE2)
    that must be found in every source; empty: any."""

    schemes: Collection[str]
    pattern: str = ""


def place(source: str, owner: Owner | None, allowed: Sources) -> str:
    """A source that says where files are; it must lie inside of *owner*, when that is known.

    Local paths, the artifact proxy and whatever names a host need a known owner; in a store of
    objects a source without any is taken at its word.
    """
    scheme = spelling(source)
    if owner is not None:
        if uris.path_below(owner.root, source) is None:
            raise _refused(source, f"it is not inside the artifacts of {owner.what}")
    elif scheme in _OWNED:
        raise _refused(
            source,
            "a local path or a path of the artifact proxy must lie inside the artifacts of a run "
            "or logged model that is known here. Name it by run_id or model_id",
        )
    elif scheme not in (KNOWN if scheme not in HOST_ADDRESSED else allowed.schemes):
        raise _refused(
            source,
            f"the scheme {scheme!r} is not one that a model may be loaded from. The operator may "
            "allow one that names a host with MILLRACE_ALLOWED_HOST_ADDRESSED_ARTIFACT_SCHEMES",
        )
    return matching(source, allowed)


def matching(source: str, allowed: Sources) -> str:
    """A source that the operator's regular expression finds something in."""
    if allowed.pattern and not patterns.rlike(allowed.pattern)(source):
        raise _refused(source, f"this server allows only what matches {allowed.pattern!r}")
    return source


def spelling(source: str) -> str:
    """The scheme of a source that nobody can take for two places; `InvalidArgument`.

    Said also of a place that is about to be used: older rows and other programs know other rules.
    """
    if len(source) > limits.SOURCE_LENGTH:
        raise InvalidArgument(
            f"'source' exceeds the maximum length of {limits.SOURCE_LENGTH} characters: "
            f"it has {len(source)}."
        )
    names.plain_text(source, "source")
    parts = uris.place(source, "model version source")
    if "\\" in source or ";" in source:
        raise _refused(source, "it must not hold a backslash or parameters (;...)")
    if parts.query:
        raise _refused(source, "it must not hold a query (?...)")
    bare = parts.path.rstrip("/")
    if bare and (posixpath.normpath(bare) != bare or bare.startswith("//")):
        raise _refused(source, "its path is not in its shortest form")
    return parts.scheme


def _refused(source: str, why: str) -> InvalidArgument:
    shown = uris.redacted(source)[:250]
    return InvalidArgument(f"Invalid model version source {shown!r}: {why}.")
