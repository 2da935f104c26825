"""Packaging models: the `MLmodel` folder, signatures, what flavors share, loading.

`load(uri)` is the one function that scoring needs; the names below are resolved when they are used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from millrace.models.flavor import Flavor as Flavor
    from millrace.models.info import get_model_info as get_model_info
    from millrace.models.info import set_signature as set_signature
    from millrace.models.model import Model as Model
    from millrace.models.model import ModelInfo as ModelInfo
    from millrace.models.pyfunc import PyFuncModel as PyFuncModel
    from millrace.models.pyfunc import load_model as load
    from millrace.models.python_model import set_model as set_model
    from millrace.models.signature import ModelSignature as ModelSignature
    from millrace.models.signature import infer_signature as infer_signature

__all__ = [
    "Flavor",
    "Model",
    "ModelInfo",
    "ModelSignature",
    "PyFuncModel",
    "get_model_info",
    "infer_signature",
    "load",
    "set_model",
    "set_signature",
]

_NAMES: Final = {
    "Flavor": "flavor:Flavor",
    "Model": "model:Model",
    "ModelInfo": "model:ModelInfo",
    "ModelSignature": "signature:ModelSignature",
    "PyFuncModel": "pyfunc:PyFuncModel",
    "get_model_info": "info:get_model_info",
    "infer_signature": "signature:infer_signature",
    "load": "pyfunc:load_model",
    "set_model": "python_model:set_model",
    "set_signature": "info:set_signature",
}


def __getattr__(name: str) -> object:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _NAMES[name].partition(":")
    return getattr(import_module(f"{__name__}.{module}"), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES})
