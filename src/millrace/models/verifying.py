"""Does a model still do what it did, and in what do two models differ?"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from millrace.core.errors import InvalidArgument
from millrace.models import environment, envs, own
from millrace.models.example import load_output
from millrace.models.model import MLMODEL, Model
from millrace.models.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from millrace.models.envs import Manager
    from millrace.models.resolve import Resolved

_LONGEST_S: Final = 600.0
_CLOSE: Final = 1e-6


class Verified(Struct, frozen=True):
    """How a model did. `differs`: where its output is not what is stored, if anywhere."""

    python: str
    differs: list[str]


def verify(
    found: Resolved,
    manager: Manager = "uv",
    *,
    trusted: bool | None = None,
    allow_odd: bool = False,
) -> Verified:
    """Load the model in a clean environment, score its stored example, compare the outputs.

    `MillraceError` says why when it does not load or score at all.
    """
    expected = load_output(found.folder)
    if expected is None:
        raise InvalidArgument(
            f"{found.origin.uri!r} has no stored output to compare with: it was saved without "
            "input_example, or by another tool."
        )
    word = Trust(found.folder, found.origin, word=trusted).allows()
    python = envs.prepare(found.folder, manager, allow_odd=allow_odd)
    words = [str(found.folder), *(["trusted"] if word else [])]
    said = envs.run(python, "millrace.models.scored", *words, timeout_s=_LONGEST_S)
    output = json.loads(said.strip().rpartition("\n")[2])["output"]
    return Verified(str(python), list(differences(expected, output))[:20])


def differences(expected: Any, got: Any, where: str = "output") -> Iterator[str]:
    """Where two plain values differ, numbers by more than a millionth."""
    if isinstance(expected, dict) and isinstance(got, dict):
        for key in sorted({*expected, *got}):
            if key in expected and key in got:
                yield from differences(expected[key], got[key], f"{where}.{key}")
            else:
                yield f"{where}.{key} is {'missing' if key in expected else 'new'}"
    elif isinstance(expected, list) and isinstance(got, list):
        if len(expected) != len(got):
            yield f"{where}: {len(expected)} values stored, {len(got)} now"
            return
        for at, (one, other) in enumerate(zip(expected, got, strict=True)):
            yield from differences(one, other, f"{where}[{at}]")
    elif _is_number(expected) and _is_number(got):
        if not math.isclose(expected, got, rel_tol=_CLOSE, abs_tol=_CLOSE):
            yield f"{where}: {expected!r} stored, {got!r} now"
    elif expected != got:
        yield f"{where}: {expected!r} stored, {got!r} now"


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


class Difference(Struct, frozen=True):
    """One thing in which two models differ; None: that one has it not."""

    what: str
    one: str | None
    other: str | None


def compare(one: Path, other: Path) -> list[Difference]:
    """In which two folders of models differ: signature, flavors, requirements, files, notes."""
    found: list[Difference] = []
    sides = [_told(folder) for folder in (one, other)]
    for what in dict.fromkeys([*sides[0], *sides[1]]):
        left, right = sides[0].get(what), sides[1].get(what)
        if left != right:
            found.append(Difference(what, left, right))
    return found


def _told(folder: Path) -> dict[str, str]:
    """All that is worth comparing, as text by name."""
    model = Model.load(folder)
    told: dict[str, str] = {}
    for part, text in (model.signature.to_dict() if model.signature else {}).items():
        if text:
            told[f"signature.{part}"] = text
    for name, settings in sorted(model.flavors.items()):
        for key, value in sorted(settings.items()):
            told[f"flavor {name}.{key}"] = json.dumps(value, default=str)
    for key, value in sorted((model.metadata or {}).items()):
        told[f"metadata.{key}"] = json.dumps(value, default=str)
    wanted = environment.load_environment(folder)
    told["python"] = wanted.python
    for line in wanted.requirements:
        told[f"requirement {line.key}"] = line.line
    for file in own.files_of(folder):
        if file.path != MLMODEL:
            told[f"file {file.path}"] = f"{file.size} bytes, {file.sha256[:16]}"
    return told
