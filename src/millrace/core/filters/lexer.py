"""Filter text to tokens, in one linear pass.

Three kinds of token: paths (`metrics."val loss".min`, and quoted text, which is a path of one
piece), numbers and symbols. Words are paths too; the parser knows which of them are operators.
Every complaint names its column.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from msgspec import Struct

from millrace.core.errors import InvalidArgument

MAX_LENGTH = 65_536
MAX_TOKENS = 10_000
_SHOWN = 40
_SPLIT = "Split the search."

_BLANK = re.compile(r"\s*")
_WORD = re.compile(r"[^\W\d]\w*")
_LATER_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SYMBOL = re.compile(r"[<>!]=|[=<>](?![=<>])|[(),]")
_STAINED_NUMBER = re.compile(r"[\w.+-]+")
# Inside a quoted piece these stand for themselves, two characters of text, and do not end it.
_INNER_PAIRS = {"'": ("''", "\\'"), '"': ('""', '\\"'), "`": ("``",)}
_HINTS = {
    "==": "Equality is '='.",
    "<>": "Inequality is '!='.",
    "=<": "At most is '<='.",
    "=>": "At least is '>='.",
    "&&": "Write AND.",
    "||": "Write OR.",
    ";": "Give one expression, without ';'.",
    "!": "Write NOT, or '!='.",
    "=": "The signs are = != > >= < <=.",
    "<": "The signs are = != > >= < <=.",
    ">": "The signs are = != > >= < <=.",
    "-": "A key with '-' goes in backticks: metrics.`a-b`.",
    "/": "A key with '/' goes in backticks: metrics.`a/b`.",
    ":": "A key with ':' goes in backticks: metrics.`a:b`.",
    "@": "A key with '@' goes in backticks: params.`a@b`.",
}


class Kind(Enum):
    """Kinds of token."""

    PATH = "path"
    NUMBER = "number"
    SYMBOL = "symbol"
    END = "end"


class Piece(NamedTuple):
    """One step of a path: its text without quotes, and the quote character ('' for none)."""

    text: str
    quote: str


class Token(NamedTuple):
    """A token, its source text as written, and its 0-based place."""

    kind: Kind
    text: str
    at: int
    pieces: tuple[Piece, ...] = ()

    @property
    def word(self) -> str:
        """A single unquoted word in capitals, to be compared with operator words; else ''."""
        match self.pieces:
            case (Piece(text, ""),):
                return text.upper()
        return ""

    @property
    def shown(self) -> str:
        """The token as a message speaks of it."""
        return shown(self.text) if self.kind is not Kind.END else "the end"

    @property
    def string(self) -> str | None:
        """The text of a quoted value, else None. Backticks quote keys, not values."""
        match self.pieces:
            case (Piece(text, "'" | '"'),):
                return text
        return None


class Source(Struct, frozen=True):
    """A text under reading, and how complaints about it begin."""

    text: str
    title: str = "Filter"
    clause_title: str = "Invalid clause(s) in filter string"
    field: str = "filter"
    """The field of a request that it is in."""

    def error(self, at: int, message: str, hint: str | None = None) -> InvalidArgument:
        """A complaint about what stands at *at*, and what to write instead."""
        return self._refusal(self.title, at, message, hint)

    def clause_error(self, at: int, message: str, hint: str | None = None) -> InvalidArgument:
        """A complaint that the sentence itself is not well-formed."""
        return self._refusal(self.clause_title, at, message, hint)

    def _refusal(self, title: str, at: int, message: str, hint: str | None) -> InvalidArgument:
        where = f"{title}, column {at + 1}: {message}"
        return InvalidArgument(where, hint=hint, field=self.field, column=at + 1)


def shown(text: str) -> str:
    """*text* quoted for a message, and cut when long."""
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")


def tokenize(source: Source) -> list[Token]:
    """All tokens of the text, the last one being END. Raises `InvalidArgument`."""
    check_text(source)
    text = source.text
    tokens: list[Token] = []
    at = _skip_blank(text, 0)
    while at < len(text):
        if len(tokens) == MAX_TOKENS:
            raise source.error(at, f"more than {MAX_TOKENS:,} words and signs.", _SPLIT)
        token = _token(source, at)
        tokens.append(token)
        at = _skip_blank(text, at + len(token.text))
    tokens.append(Token(Kind.END, "", len(text)))
    return tokens


def check_text(source: Source) -> None:
    """Refuse what no store could take: too much text, NUL, and halves of surrogate pairs."""
    text = source.text
    if len(text) > MAX_LENGTH:
        raise source.error(
            MAX_LENGTH, f"the text has {len(text):,} characters; at most {MAX_LENGTH:,} are read."
        )
    if (at := text.find("\0")) >= 0:
        raise source.error(at, "a NUL character; no stored text can hold one.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise source.error(error.start, "half of a surrogate pair is no character.") from error


def _skip_blank(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return blank.end() if blank else at


def _token(source: Source, at: int) -> Token:
    text = source.text
    if text[at] in _INNER_PAIRS or _WORD.match(text, at):
        return _path(source, at)
    if _NUMBER.match(text, at):
        return _number(source, at)
    if symbol := _SYMBOL.match(text, at):
        return Token(Kind.SYMBOL, symbol.group(), at)
    sign = text[at : at + 2] if text[at : at + 2] in _HINTS else text[at]
    hint = _HINTS.get(sign, "Text goes in quotes, an unusual key in backticks.")
    raise source.clause_error(at, f"{shown(sign)} has no meaning here.", hint)


def _number(source: Source, at: int) -> Token:
    number = _NUMBER.match(source.text, at)
    stained = _STAINED_NUMBER.match(source.text, at)
    if number is None or stained is None or number.end() != stained.end():
        piece = stained.group() if stained else source.text[at]
        raise source.error(at, f"{shown(piece)} is no number.", "Text goes in quotes.")
    return Token(Kind.NUMBER, number.group(), at)


def _path(source: Source, start: int) -> Token:
    text, at = source.text, start
    pieces: list[Piece] = []
    while True:
        if at < len(text) and text[at] in _INNER_PAIRS:
            end = _closing(source, at)
            pieces.append(Piece(text[at + 1 : end], text[at]))
            at = end + 1
        elif word := (_LATER_WORD if pieces else _WORD).match(text, at):
            pieces.append(Piece(word.group(), ""))
            at = word.end()
        else:
            before = text[start:at]
            raise source.clause_error(at, f"expected a key after {shown(before)}.")
        if not text.startswith(".", at):
            return Token(Kind.PATH, text[start:at], start, tuple(pieces))
        at += 1


def _closing(source: Source, at: int) -> int:
    r"""The place of the quote that ends the piece opened at *at*.

    A doubled quote, and one after a backslash, belong to the text as they are; but when nothing
    else would end the piece, the last of them does. So 'C:\' at the end of a filter is whole.
    """
    text, quote = source.text, source.text[at]
    pairs, last_pair = _INNER_PAIRS[quote], -1
    look = at + 1
    while (found := text.find(quote, look)) >= 0:
        if text[found - 1] == "\\" and "\\" + quote in pairs:
            last_pair = found
            look = found + 1
        elif text.startswith(quote, found + 1):
            last_pair = found
            look = found + 2
        else:
            return found
    if last_pair >= 0:
        return last_pair
    raise source.clause_error(at, f"the quote opened here, {shown(text[at:])}, is never closed.")
