"""Models that are Python: classes and functions of the user's, pickled or as source."""

from __future__ import annotations

import importlib
import inspect
import io
import pickle
import runpy
import typing
from typing import TYPE_CHECKING, Any, Final

from millrace.core.errors import InvalidArgument
from millrace.core.lazy import require
from millrace.models import foreign
from millrace.models.signature import ModelSignature, signature_of_function

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_set: list[Any] = []
"""What `set_model` was last called with, while a model from code is read."""


class PythonModelContext:
    """What a model finds of itself when it is loaded."""

    def __init__(
        self, artifacts: Mapping[str, str], model_config: Mapping[str, Any] | None
    ) -> None:
        self.artifacts = dict(artifacts)
        """Paths on this disk of the files that were saved with it, by name."""
        self.model_config = dict(model_config or {})


class PythonModel:
    """A model of one's own: derive, write `predict`, perhaps `load_context`."""

    def load_context(self, context: PythonModelContext) -> None:
        """Called once after loading, to open what `context.artifacts` names."""

    def predict(self, context: Any, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        """Score. The parameters `context` and `params` may be left out."""
        raise NotImplementedError(f"{type(self).__name__} has no predict().")


class ModelFromFunction(PythonModel):
    """A function as a model."""

    def __init__(self, func: Callable[..., Any], signature: Any = None) -> None:
        self.func = func
        self.signature = signature

    def predict(self, context: Any, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        """What the function gives."""
        del context
        named = {"params": params} if "params" in inspect.signature(self.func).parameters else {}
        return self.func(model_input, **named)


_FunctionPythonModel = ModelFromFunction
"""Its name in MLflow's pickles."""


def set_model(model: Any) -> None:
    """Say which object of a script is the model; for models from code."""
    if not callable(model) and not hasattr(model, "predict"):
        raise InvalidArgument("set_model takes a PythonModel, or a function.")
    _set.append(model)


def hinted_signature(model: Any) -> ModelSignature | None:
    """The signature that the type hints of `predict` give, if they do."""
    function = getattr(model, "func", None) or getattr(model, "predict", model)
    try:
        hints = typing.get_type_hints(function)
        names = [name for name in inspect.signature(function).parameters if name != "context"]
    except (TypeError, ValueError, NameError):
        return None
    return signature_of_function(hints, names[0]) if names else None


def scorer(model: Any, context: PythonModelContext) -> Callable[[Any, Mapping[str, Any]], Any]:
    """How *model* is called, by what its `predict` takes."""
    if not hasattr(model, "predict"):
        model = ModelFromFunction(model)
    if hasattr(model, "load_context"):
        model.load_context(context)
    predict = model.predict
    names = inspect.signature(inspect.unwrap(predict)).parameters
    takes_context = "context" in names or len([n for n in names if n not in {"self", "params"}]) > 1
    takes_params = "params" in names or any(
        one.kind is inspect.Parameter.VAR_KEYWORD for one in names.values()
    )

    def score(data: Any, params: Mapping[str, Any]) -> Any:
        given = (context, data) if takes_context else (data,)
        return predict(*given, params=dict(params)) if takes_params else predict(*given)

    return score


# --- pickles -----------------------------------------------------------------------------------

_NAMED: Final = {
    PythonModel: "PythonModel",
    PythonModelContext: "PythonModelContext",
}


class _Module:
    """Stands for a module of MLflow's in a pickle: it is imported when that is read."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __reduce__(self) -> tuple[Any, ...]:
        return require("cloudpickle", extra="models").cloudpickle.subimport, (self._name,)


def dump(model: Any, path: Path) -> None:
    """Pickle a model so that it can be loaded where the script's own classes are not to be had."""
    cloudpickle = require("cloudpickle", extra="models")

    class Pickler(cloudpickle.CloudPickler):  # type: ignore[misc, name-defined]  # it ships no types
        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, type) and obj in _NAMED:
                return getattr, (_Module("mlflow.pyfunc"), _NAMED[obj])
            return super().reducer_override(obj)

    body = io.BytesIO()
    Pickler(body).dump(_self_contained(model))
    path.write_bytes(body.getvalue())


def _self_contained(model: Any) -> Any:
    """A function as an object of a class that is pickled with it."""
    if hasattr(model, "predict"):
        return model

    class FunctionModel(PythonModel):
        def __init__(self, func: Callable[..., Any]) -> None:
            self.func = func

        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            import inspect as inspect_  # noqa: PLC0415 - seldom needed

            del context
            if "params" in inspect_.signature(self.func).parameters:
                return self.func(model_input, params=params)
            return self.func(model_input)

    # What belongs to the script is pickled by value.
    FunctionModel.__module__ = "__main__"
    FunctionModel.__qualname__ = "FunctionModel"
    return FunctionModel(model)


def load(path: Path) -> Any:
    """Unpickle; whoever calls has asked whether that may be."""
    with foreign.names(), path.open("rb") as file:
        return pickle.load(file)  # noqa: S301 - asked of trust before


def run_code(path: Path, model_config: Mapping[str, Any] | None) -> Any:
    """The model that a script sets; whoever calls has asked whether it may run."""
    _set.clear()
    with foreign.names():
        runpy.run_path(str(path), {"__millrace_model_config__": dict(model_config or {})})
        theirs = importlib.import_module("mlflow.models.model")
    found = _set.pop() if _set else getattr(theirs, "__mlflow_model__", None)
    if found is None:
        raise InvalidArgument(f"{path.name} sets no model: it must call set_model(...).")
    return found
