"""Where a model is, found out in a process of its own: `python -m millrace.serving.fetch URI`.

What speaks to object stores is gone again when the model is served, and so is every secret that it
needed. Of the registry only its address stays: it is told what is served (`announcing`).
"""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import TYPE_CHECKING, Final, cast

import msgspec

from millrace.core import model_uris
from millrace.core.errors import InvalidArgument, MillraceError, from_answer
from millrace.models import envs
from millrace.models.resolve import Resolved, resolve
from millrace.models.trust import Trust

if TYPE_CHECKING:
    from millrace.models.envs import Manager

DONE: Final = 0
_NAMELESS: Final = ("model", "1")
"""What a model is called that is not registered."""


class Fetched(msgspec.Struct, kw_only=True):
    """A model on this disk. `trusted`: whether its code may run, as far as its origin tells.
    `python`: the interpreter of its environment. `registered`: whether `name` and `version` are
    those of a registered model."""

    folder: str
    trusted: bool
    name: str
    version: str
    registered: bool
    python: str


class _Failure(msgspec.Struct, kw_only=True):
    message: str
    status: int
    error_code: str


def fetch(uri: str, *, trusted: bool | None = None, manager: Manager = "local") -> Fetched:
    """The model at *uri* and its environment, both made to be there if need be, by a child; raises
    what the child met with."""
    word = {None: "ask", True: "yes", False: "no"}[trusted]
    child = subprocess.run(  # noqa: S603 - an argument list, no shell
        [sys.executable, "-m", "millrace.serving.fetch", word, manager, uri],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=False,
    )
    if child.returncode == DONE:
        return msgspec.json.decode(child.stdout, type=Fetched)
    try:
        failure = msgspec.json.decode(child.stdout, type=_Failure)
    except msgspec.DecodeError:
        raise MillraceError(f"The model at {uri!r} could not be fetched.") from None
    raise from_answer(failure.status, failure.error_code, failure.message)


def main() -> None:
    """Write on the standard output where the model is, or why it cannot be had."""
    logging.basicConfig(level="WARNING")
    word = {"ask": None, "yes": True, "no": False}[sys.argv[1]]
    manager, uri = cast("Manager", sys.argv[2]), sys.argv[3]
    try:
        found = resolve(uri)
        known = _named(found)
        name, version = known or _NAMELESS
        trusted = Trust(found.folder, found.origin, word=word).allows()
        said: msgspec.Struct = Fetched(
            folder=str(found.folder),
            trusted=trusted,
            name=name,
            version=version,
            registered=known is not None,
            python=str(envs.prepare(found.folder, manager)),
        )
    except MillraceError as error:
        said = _Failure(message=error.message, status=error.status, error_code=error.error_code)
        sys.stdout.buffer.write(msgspec.json.encode(said))
        raise SystemExit(1) from None
    sys.stdout.buffer.write(msgspec.json.encode(said))


def _named(found: Resolved) -> tuple[str, str] | None:
    """The name and version of a registered model."""
    for place in found.origin.places:
        if not place.startswith("models:/"):
            continue
        try:
            known = model_uris.parse(place)
        except InvalidArgument:
            continue
        if isinstance(known, model_uris.ByNumber):
            return known.name, known.version
    return None


if __name__ == "__main__":
    main()
