"""Who a request says it comes from. Nothing is verified here: an account would do that."""

from __future__ import annotations

import base64
import binascii
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from millrace.core.entities.access import ANONYMOUS, Actor

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_NAME: Final = 256


def stated(headers: Mapping[bytes, bytes]) -> Actor:
    """The user that our client (`X-Millrace-User`) or HTTP Basic names; else `ANONYMOUS`."""
    name = headers.get(b"x-millrace-user")
    if name is not None:
        return _named(name)
    credentials = headers.get(b"authorization")
    return ANONYMOUS if credentials is None else _basic(credentials)


@lru_cache(maxsize=1024)
def _named(value: bytes) -> Actor:
    return _actor(unquote(value.decode("latin-1"), errors="replace"))


def _basic(credentials: bytes) -> Actor:
    # Not remembered: the password is in it.
    scheme, _, encoded = credentials.partition(b" ")
    if scheme.lower() != b"basic":
        return ANONYMOUS
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError):
        return ANONYMOUS
    return _actor(text.partition(":")[0])


def _actor(name: str) -> Actor:
    shown = "".join(one for one in name if one.isprintable()).strip()[:LONGEST_NAME]
    return Actor(name=shown, is_admin=True) if shown else ANONYMOUS
