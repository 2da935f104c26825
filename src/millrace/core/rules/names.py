"""What may be a name, a key or an id. Each function returns the value or raises."""

from __future__ import annotations

import posixpath
import re
from functools import lru_cache
from typing import Final

from millrace.core.errors import InvalidArgument, NotFound
from millrace.core.numbers import INT64_MAX
from millrace.core.rules import limits

_KEY = re.compile(r"[/\w.\- :]*")
_EXPERIMENT_ID = re.compile(r"0|[1-9][0-9]*")
_INT64_DIGITS = len(str(INT64_MAX))
# Marks that reorder what people read: a name must look like what it is.
_BIDI: Final = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_UNPRINTED: Final = re.compile(f"[\x00-\x1f\x7f-\x9f{_BIDI}]")
_MODEL_NAME_REFUSED: Final = frozenset("/:.%\"'")


@lru_cache(maxsize=65_536)
def key(value: str, label: str) -> str:
    """A metric, param or tag key; *label* says which, for the message.

    Letters of any script, digits and `_ - . space : /`, as a path in its shortest form.
    """
    if len(value) > limits.KEY_LENGTH:
        raise InvalidArgument(
            f"{label} {value[:40]!r}... exceeds the maximum length of {limits.KEY_LENGTH} "
            f"characters: it has {len(value)}."
        )
    if not value:
        raise InvalidArgument(f"Missing value for required parameter '{label}'.")
    if not _KEY.fullmatch(value):
        raise InvalidArgument(
            f"Invalid {label}: {value!r}. Names may only contain alphanumerics, underscores (_), "
            "dashes (-), periods (.), spaces ( ), colons (:) and slashes (/)."
        )
    shortest = posixpath.normpath(value)
    if shortest != value or value == "." or value.startswith(("..", "/")):
        raise InvalidArgument(
            f"Invalid {label}: {value!r}. Names are paths and must not resolve to other names; "
            f"this one would be {shortest!r}."
        )
    return value


def plain_text(value: str, label: str) -> str:
    """Text without control characters and direction marks."""
    met = _UNPRINTED.search(value)
    if met is not None:
        raise InvalidArgument(
            f"{label} must not hold control or direction characters; U+{ord(met[0]):04X} "
            f"is at position {met.start()}."
        )
    return value


def experiment_name(value: str) -> str:
    """A name that is not blank, of bounded length."""
    if not value.strip():
        raise InvalidArgument("Invalid experiment name: it must not be blank.")
    if len(value) > limits.EXPERIMENT_NAME_LENGTH:
        raise InvalidArgument(
            f"'name' exceeds the maximum length of {limits.EXPERIMENT_NAME_LENGTH} characters: "
            f"it has {len(value)}."
        )
    return plain_text(value, "Experiment name")


def experiment_id(value: str) -> str:
    """An id in its one spelling: decimal digits without sign, blanks or leading zeros."""
    if not _EXPERIMENT_ID.fullmatch(value):
        raise InvalidArgument(
            f"Invalid experiment id: {value!r}. An id is a whole number written in digits."
        )
    # Python refuses to read an integer of more than 4300 digits.
    if len(value) > _INT64_DIGITS or int(value) > INT64_MAX:
        raise NotFound(f"No Experiment with id={value} exists.")
    return value


def logged_model_name(value: str) -> str:
    """A name without path and quote characters."""
    refused = _MODEL_NAME_REFUSED.intersection(value)
    if not value.strip() or refused:
        raise InvalidArgument(
            f"Invalid model name {value!r}: it must not be blank nor hold any of / : . % \" '."
        )
    return plain_text(value, "Model name")
