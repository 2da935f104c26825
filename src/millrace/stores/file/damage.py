"""What in a folder could not be understood: said once in the log, and kept for whoever asks."""

from __future__ import annotations

import logging
import os

import msgspec

logger = logging.getLogger(__name__)


class Damage(msgspec.Struct, frozen=True):
    """An entry that is left out, or a part of one: its path in the folder, and why."""

    path: str
    reason: str


class Damages:
    """All damage met so far, by path. An entry that was mended is forgotten when it is read."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._found: dict[str, str] = {}

    def report(self, path: str, reason: object) -> None:
        """Note that the entry at *path* is left out."""
        text = str(reason)
        if self._found.get(path) != text:
            self._found[path] = text
            logger.warning("%s is left out: %s.", path, text.rstrip("."))

    def mended(self, path: str) -> None:
        """The entry at *path* can be read."""
        self._found.pop(path, None)

    def all(self) -> list[Damage]:
        """What is known and still there, by path."""
        for path in [path for path in self._found if not os.path.lexists(path)]:
            del self._found[path]
        return [
            Damage(os.path.relpath(path, self._root), reason)
            for path, reason in sorted(self._found.items())
        ]
