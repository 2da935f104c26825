"""Optional libraries, imported where they are used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from millrace.core.errors import MissingExtra

if TYPE_CHECKING:
    from types import ModuleType


def require(module: str, *, extra: str) -> ModuleType:
    """Import *module*, or raise `MissingExtra` with the line that installs it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise  # the library is there and broken: its own traceback says more
        hint = f"pip install 'millrace[{extra}]'"
        raise MissingExtra(f"This needs the library {module!r}, not installed: {hint}") from error
