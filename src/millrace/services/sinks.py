"""Where files are written to that are sent while they are made."""

from __future__ import annotations


class Sink:
    """A file for whoever writes one; what was written is taken a piece at a time."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Keep *data* until it is taken."""
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing: it is taken when it is sent."""

    def close(self) -> None:
        """Nothing is held."""

    def taken(self) -> bytes:
        """What was written since this was asked before."""
        parts, self._parts = self._parts, []
        return b"".join(parts)
