"""Where artifacts are kept under test: each place is empty, and opened by its URI like a user's."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from millrace.artifacts.open import Reach, open_artifacts
from millrace.artifacts.protocols import ArtifactStore


@dataclass(frozen=True)
class Place:
    """A root of its own for one test."""

    uri: str
    reach: Reach = field(default_factory=Reach)

    def open(self) -> ArtifactStore:
        return open_artifacts(self.uri, self.reach)


def _local(request: pytest.FixtureRequest) -> Place:
    folder: Path = request.getfixturevalue("tmp_path")
    return Place(f"file://{folder}/artifacts")


def _memory(_request: pytest.FixtureRequest) -> Place:
    return Place(f"memory://{uuid.uuid4().hex}")


# A new store adds one line; what needs a server asks for its fixture.
PLACES: dict[str, Callable[[pytest.FixtureRequest], Place]] = {
    "local": _local,
    "memory": _memory,
}

# Stores of keys rather than folders: there a file and a folder can have the same name.
KEYED: set[str] = set()
FOLDERED = [name for name in PLACES if name not in KEYED]
# What keeps bytes in this very process is measured by none.
ELSEWHERE = [name for name in PLACES if name != "memory"]
