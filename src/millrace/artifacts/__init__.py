"""Bytes: the protocol that every artifact store keeps, and the stores.

Scripts know this name for `download_artifacts` and its siblings. They live in `client.artifacts`,
above this floor, and come through the doors (`_doors.FACES`) when they are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from millrace import _doors

if TYPE_CHECKING:
    from millrace.client.artifacts import download_artifacts as download_artifacts
    from millrace.client.artifacts import list_artifacts as list_artifacts
    from millrace.client.artifacts import load_dict as load_dict
    from millrace.client.artifacts import load_image as load_image
    from millrace.client.artifacts import load_text as load_text


def __getattr__(name: str) -> object:
    return _doors.faced(__name__, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_doors.FACES[__name__]})
