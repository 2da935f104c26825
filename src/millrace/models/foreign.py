"""Names of MLflow's that models hold, where MLflow is not installed.

A pickled `PythonModel` names its base class as `mlflow.pyfunc.PythonModel`, also one that we wrote:
so either loads what the other saved. Models from code `import mlflow`. While such a model is loaded
these names lead to ours; afterwards nobody can see them.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_ROOT: Final = "mlflow"
_OURS: Final = {
    "mlflow": "millrace",
    "mlflow.pyfunc": "millrace.models.pyfunc",
    "mlflow.pyfunc.model": "millrace.models.python_model",
    "mlflow.models": "millrace.models",
    "mlflow.models.signature": "millrace.models.signature",
    "mlflow.models.model": "millrace.models.python_model",
    "mlflow.types": "millrace.models.types",
    "mlflow.types.schema": "millrace.models.types",
    "mlflow.exceptions": "millrace.client.exceptions",
    "mlflow.entities": "millrace.client.entities",
    "mlflow.tracking": "millrace.client",
    "mlflow.pyfunc.utils": "millrace.models.foreign",
    "mlflow.pyfunc.utils.data_validation": "millrace.models.foreign",
}


@contextlib.contextmanager
def names() -> Iterator[None]:
    """Make MLflow's names lead to ours until the block ends; nothing when MLflow is installed."""
    if _ROOT in sys.modules or importlib.util.find_spec(_ROOT) is not None:
        yield
        return
    finder = _Finder()
    sys.meta_path.append(finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [one for one in sys.modules if one == _ROOT or one.startswith(f"{_ROOT}.")]:
            del sys.modules[name]


class _Finder:
    @staticmethod
    def find_spec(
        fullname: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`."""
        if fullname.partition(".")[0] != _ROOT:
            return None
        flavor = fullname.removeprefix("mlflow.")
        known = _OURS.get(fullname)
        if known is None and "." not in flavor:
            known = f"millrace.flavors.{flavor}"
        return None if known is None else ModuleSpec(fullname, _Stand(known), is_package=True)  # type: ignore[arg-type]  # duck


class _Stand:
    """A module that stands for one of ours: its own object, so that ours keeps its name."""

    def __init__(self, name: str) -> None:
        self._name = name

    @staticmethod
    def create_module(spec: ModuleSpec) -> ModuleType:
        """See `importlib.abc.Loader`."""
        return ModuleType(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """See `importlib.abc.Loader`."""
        ours = importlib.import_module(self._name)

        def look(name: str) -> object:
            if hasattr(ours, name):
                return getattr(ours, name)
            try:
                return globals()[f"Their{name}"]
            except KeyError:
                raise AttributeError(f"{module.__name__} stands in without {name!r}") from None

        module.__getattr__ = look  # type: ignore[method-assign]  # PEP 562


# --- what else its pickles name ------------------------------------------------------------------


class Their_TypeHints:  # noqa: N801 - named after its own name there
    """The hints of a function, which its pickle holds beside the signature; ours looks itself."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.kept: Any = None

    def __setstate__(self, state: Any) -> None:
        self.kept = state


class FuncInfo(tuple[Any, ...]):
    """What a checked function of MLflow's knows of its parameter; made by its pickles only."""

    __slots__ = ()

    def __new__(cls, *parts: Any, **named: Any) -> FuncInfo:  # noqa: PYI034 - it is one
        """Of whatever parts that release has."""
        return super().__new__(cls, (*parts, *named.values()))

    def __getattr__(self, name: str) -> Any:
        names = ("input_type_hint", "input_param_name")
        if name in names and names.index(name) < len(self):
            return self[names.index(name)]
        raise AttributeError(name)


def _validate_model_input(*given: Any, **named: Any) -> Any:
    """The input as it is: our own door has held it against the signature already."""
    args, kwargs = (*given, (), {})[:2] if len(given) > 1 else (given, named)
    return args, kwargs
