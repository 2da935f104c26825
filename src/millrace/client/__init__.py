"""Using the platform from Python: `from millrace.client import MillraceClient`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from millrace.client.client import MillraceClient, MlflowClient

__all__ = ["MillraceClient", "MlflowClient"]


def __getattr__(name: str) -> object:
    if name in __all__:
        return getattr(import_module("millrace.client.client"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
