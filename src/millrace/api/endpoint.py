"""What an endpoint is: one row from which routes, documents, checks and client calls derive."""

from __future__ import annotations

from typing import Annotated, Final, Generic, Literal, TypeVar

import msgspec

from millrace.core.entities.access import Permission
from millrace.core.numbers import INT64_MAX, INT64_MIN

Q = TypeVar("Q")
A = TypeVar("A")

Method = Literal["GET", "POST", "PATCH", "PUT", "DELETE"]
Direction = Literal["up", "down", "events"]

Id = Annotated[str, msgspec.Meta(min_length=1)]
"""A string that must be there and not empty."""
Int64 = Annotated[int, msgspec.Meta(ge=INT64_MIN, le=INT64_MAX)]
Time = Annotated[int, msgspec.Meta(ge=0, le=INT64_MAX)]
"""Milliseconds since the epoch."""

KIB: Final = 1024
MIB: Final = 1024 * KIB


class Request(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """What a caller sends; fields that are None or () are absent.

    Unknown fields are ignored on the wire all the same: `core.wire` decodes with this strict form
    first, because nearly all traffic fits, and reads everything else on a slower, careful path.
    """


class Nothing(Request, frozen=True, kw_only=True):
    """No arguments, or an empty answer."""


class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a caller gets; fields that are None or () are absent."""


class Bytes(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that is no JSON."""

    body: bytes
    content_type: str = "application/octet-stream"


# --- where the resource that a permission is about stands in the request ----------------------


class Experiment(msgspec.Struct, frozen=True, tag=True):
    """The experiment whose id the field holds."""

    field: str


class EachExperiment(msgspec.Struct, frozen=True, tag=True):
    """Every experiment whose id the list field holds."""

    field: str


class ExperimentOfRun(msgspec.Struct, frozen=True, tag=True):
    """The experiment of the run (or of every run) whose id the field holds."""

    field: str


class ExperimentOrOfRun(msgspec.Struct, frozen=True, tag=True):
    """The experiment whose id the field holds, or, where it is left out, that of the run."""

    field: str


class ExperimentOfModel(msgspec.Struct, frozen=True, tag=True):
    """The experiment of the logged model whose id the field holds."""

    field: str


class ExperimentsOfDataset(msgspec.Struct, frozen=True, tag=True):
    """The experiments that the evaluation data set with this id belongs to."""

    field: str


class RegisteredModel(msgspec.Struct, frozen=True, tag=True):
    """The registered model whose name the field holds."""

    field: str


class ArtifactPath(msgspec.Struct, frozen=True, tag=True):
    """The owner of the artifact path that the field holds."""

    field: str


class Results(msgspec.Struct, frozen=True, tag=True):
    """Nothing is refused; what comes back is filtered to what the caller may read."""

    of: str


class Anyone(msgspec.Struct, frozen=True, tag=True):
    """Open without credentials."""


class SignedIn(msgspec.Struct, frozen=True, tag=True):
    """Any known user."""


class Admin(msgspec.Struct, frozen=True, tag=True):
    """Administrators only."""


Locator = (
    Experiment
    | EachExperiment
    | ExperimentOfRun
    | ExperimentOrOfRun
    | ExperimentOfModel
    | ExperimentsOfDataset
    | RegisteredModel
    | ArtifactPath
    | Results
    | Anyone
    | SignedIn
    | Admin
)


class Needs(msgspec.Struct, frozen=True):
    """The permission that a call needs, and on what."""

    permission: Permission
    on: Locator


ANYONE: Final = Needs(Permission.NONE, Anyone())
SIGNED_IN: Final = Needs(Permission.READ, SignedIn())


def reads(on: Locator) -> Needs:
    """READ on *on*."""
    return Needs(Permission.READ, on)


def edits(on: Locator) -> Needs:
    """EDIT on *on*."""
    return Needs(Permission.EDIT, on)


def manages(on: Locator) -> Needs:
    """MANAGE on *on*."""
    return Needs(Permission.MANAGE, on)


class Endpoint(msgspec.Struct, Generic[Q, A], frozen=True, kw_only=True):
    """One operation of the platform. Without `needs` it cannot be built: no route is unguarded.
    `also` is what it needs on other things that the request names, where it names them.

    `path` may hold `{name}` segments, which fill the request's field of that name; with
    `takes_rest` the last one takes all that is left, slashes too. Every path is served below
    `/<prefix>/<version>` for each of its prefixes and versions; empty ones are left out. What
    `streams` up or down has its bytes as the body of the request or the answer, and its arguments
    in the query and the path (a POST that streams down has them in its body); `events` are told as
    they happen.
    """

    name: str
    method: Method
    path: str
    request: type[Q]
    response: type[A]
    needs: Needs
    summary: str
    group: str
    versions: tuple[str, ...] = ("2.0",)
    prefixes: tuple[str, ...] = ("api", "ajax-api")
    body_limit: int = MIB
    streams: Direction | None = None
    takes_rest: bool = False
    also: tuple[Needs, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """Every full path, without the optional static prefix; the first is the canonical one."""
        return tuple(
            "".join(f"/{part}" for part in (prefix, version) if part) + self.path
            for prefix in self.prefixes
            for version in self.versions
        )

    @property
    def writes(self) -> bool:
        """Whether a call may change state (searches by POST do not)."""
        return any(one.permission >= Permission.EDIT for one in (self.needs, *self.also))
