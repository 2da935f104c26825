"""LIKE, ILIKE and RLIKE as predicates over text, each in bounded time.

No pattern of a client reaches a backtracking engine: LIKE is matched by hand, RLIKE by RE2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable

_UPPER: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FOLD: Final = str.maketrans(_UPPER, _UPPER.lower())
# Room for the automaton of one pattern; RE2 refuses larger ones and never outgrows it.
_REGEX_MEMORY: Final = 1 << 20


def folded(text: str) -> str:
    """*text* with the ASCII letters, and no others, in lower case."""
    return text.lower() if text.isascii() else text.translate(_FOLD)


def like(pattern: str) -> Callable[[str], bool]:
    """Whether a text is *pattern*, where `%` is any text and `_` any one character; no escape.

    Time: length of the text times the literals between `_`, at worst.
    """
    head, *rest = (_Run.of(part) for part in pattern.split("%"))
    if not rest:
        return lambda text: len(text) == head.length and head.stands_at(text, 0)
    *middle, tail = rest

    def matches(text: str) -> bool:
        if not head.stands_at(text, 0):
            return False
        at = head.length
        for run in middle:
            at = run.find(text, at)
            if at < 0:
                return False
            at += run.length
        start = len(text) - tail.length
        return start >= at and tail.stands_at(text, start)

    return matches


def ilike(pattern: str) -> Callable[[str], bool]:
    """`like`, taking the ASCII letters A-Z and a-z as equal: what every database can do alike."""
    matches = like(folded(pattern))
    return lambda text: matches(folded(text))


def rlike(pattern: str) -> Callable[[str], bool]:
    """Whether *pattern*, in RE2 syntax, occurs anywhere in a text; linear in the text.

    Raises `ValueError` with the reason when RE2 refuses the pattern: syntax, look-around,
    back-references, or an automaton beyond 1 MiB.
    """
    import re2  # type: ignore[import-untyped]  # noqa: PLC0415 - no stubs; few searches need it

    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = _REGEX_MEMORY
    try:
        regex = re2.compile(pattern, options=options)
    except re2.error as error:
        (reason,) = error.args
        raise ValueError(reason.decode() if isinstance(reason, bytes) else str(reason)) from error
    return lambda text: regex.search(text) is not None


class _Run(Struct, frozen=True):
    """What stands between two `%`: a fixed number of characters, some of them given."""

    length: int
    literals: tuple[tuple[int, str], ...]
    """Offset and text of the stretches without `_`."""

    @classmethod
    def of(cls, part: str) -> _Run:
        literals, offset = [], 0
        for literal in part.split("_"):
            if literal:
                literals.append((offset, literal))
            offset += len(literal) + 1
        return cls(len(part), tuple(literals))

    def stands_at(self, text: str, at: int) -> bool:
        return at + self.length <= len(text) and all(
            text.startswith(literal, at + offset) for offset, literal in self.literals
        )

    def find(self, text: str, at: int) -> int:
        """The first place from *at* on where the run stands, or -1."""
        if not self.literals:
            return at if at + self.length <= len(text) else -1
        offset, first = self.literals[0]
        found = text.find(first, at + offset)
        while found >= 0 and not self.stands_at(text, found - offset):
            found = text.find(first, found + 1)
        return found - offset if found >= 0 else -1
