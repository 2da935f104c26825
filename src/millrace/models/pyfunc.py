"""The generic door to every model, and models that are Python (`millrace.pyfunc`)."""

from __future__ import annotations

import gc
import importlib
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from millrace._doors import faced
from millrace.core.errors import InvalidArgument
from millrace.models import packaging, python_model, resolve
from millrace.models.flavor import FLAVORS, doors, flavor_named
from millrace.models.model import PYFUNC, Model
from millrace.models.python_model import PythonModel, PythonModelContext
from millrace.models.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from millrace.models.flavor import Flavor, FlavorConfig, Predictor
    from millrace.models.signature import ModelSignature
    from millrace.models.spark import spark_udf
    from millrace.models.types import Schema

__all__ = [
    "PyFuncModel",
    "PythonModel",
    "PythonModelContext",
    "load_model",
    "log_model",
    "save_model",
    "spark_udf",
]

_PICKLE: Final = "python_model.pkl"
_CONFIG: Final = "model_config"
_SELDOM: Final = 200_000
_LOADERS: Final = {"mlflow.pyfunc.model", "mlflow.pyfunc.loaders.code_model"}


class PyFuncModel:
    """A loaded model, whatever made it: what goes in is checked, what comes out is as it is."""

    def __init__(self, metadata: Model, model: Any, predictor: Predictor, folder: Path) -> None:
        self.metadata = metadata
        """The `MLmodel` file."""
        self.folder = folder
        """Where its files are."""
        self._model = model
        self._predictor = predictor

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Score *data*, with *params*. `SchemaMismatch` when either does not fit the signature."""
        signature = self.metadata.signature
        if signature is None:
            return self._predictor(data, dict(params or {}))
        return self._predictor(signature.enforce(data), signature.enforce_params(params))

    def score(self, data: Any, params: Mapping[str, Any]) -> Any:
        """`predict` without its checks, for *data* that is known to conform to the signature and
        *params* that are all there."""
        return self._predictor(data, params)

    def unwrap_python_model(self) -> Any:
        """The user's own object, for a model that is Python."""
        return getattr(self._model, "func", self._model)

    def get_raw_model(self) -> Any:
        """The library's own object."""
        return self._model

    @property
    def loader_module(self) -> str:
        """Which loader `MLmodel` names."""
        return str(self.metadata.flavors[PYFUNC].get("loader_module"))

    @property
    def model_id(self) -> str | None:
        """Its id as a logged model."""
        return self.metadata.model_id

    @property
    def input_schema(self) -> Schema | None:
        """What it takes."""
        return self.metadata.get_input_schema()

    def __repr__(self) -> str:
        told = f" of {self.metadata.run_id}" if self.metadata.run_id else ""
        return f"<PyFuncModel {self.loader_module}{told} in {self.folder}>"


def load_model(
    model_uri: str | Path,
    dst_path: str | Path | None = None,
    *,
    model_config: Mapping[str, Any] | None = None,
    suppress_warnings: bool = False,
    trusted: bool | None = None,
) -> PyFuncModel:
    """The model at a path or URI, ready to `predict`, whatever its flavor.

    *trusted*: whether code that is part of the model may run, for formats that have any; by
    default, what this user saved and what `MILLRACE_TRUSTED_MODELS` names. Raises `UntrustedModel`.
    *model_config* overrides what a Python model was saved with.
    """
    del suppress_warnings
    found = resolve.resolve(str(model_uri), dst_path)
    metadata = Model.load(found.folder)
    generic = metadata.flavors.get(PYFUNC)
    if generic is None:
        raise InvalidArgument(
            f"The model at {str(model_uri)!r} has no generic flavor, only "
            f"{', '.join(sorted(metadata.flavors))}: load it with that flavor's own load_model."
        )
    trust = Trust(found.folder, found.origin, word=trusted)
    flavor, config = _flavor_of(metadata, generic)
    packaging.add_code(found.folder, config, trust)
    if flavor is None:
        return _by_custom_loader(metadata, generic, found.folder, trust)
    if model_config is not None:
        config = {**config, _CONFIG: {**(config.get(_CONFIG) or {}), **model_config}}
    with _seldom_collecting():
        model = flavor.load(found.folder, config, trust)
    predictor = flavor.predictor(model, config, found.folder)
    return PyFuncModel(metadata, model, predictor, found.folder)


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """Importing a library makes hundreds of thousands of objects that stay: to look through them
    for garbage again and again takes a tenth of the time."""
    usual = gc.get_threshold()
    gc.set_threshold(_SELDOM, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _flavor_of(metadata: Model, generic: FlavorConfig) -> tuple[Flavor[Any] | None, FlavorConfig]:
    """The flavor that loads it and its settings; None for a loader of the model's own."""
    loader = str(generic.get("loader_module"))
    if loader in _LOADERS:
        return FLAVOR, generic
    root, _, name = loader.partition(".")
    if root in {"mlflow", "millrace"} or name in metadata.flavors:
        name = name.removeprefix("flavors.")
        known = FLAVORS.find(name)
        if known is not None and name in metadata.flavors:
            return known, {**metadata.flavors[name], **_extra(generic)}
        if root in {"mlflow", "millrace"}:
            return flavor_named(name), generic
    return None, generic


def _extra(generic: FlavorConfig) -> FlavorConfig:
    """What the generic flavor settles for all flavors."""
    return {name: generic[name] for name in ("code", "predict_fn") if generic.get(name)}


def _by_custom_loader(
    metadata: Model, generic: FlavorConfig, folder: Path, trust: Trust
) -> PyFuncModel:
    name = generic.get("loader_module")
    if not isinstance(name, str) or not name.replace(".", "").replace("_", "").isalnum():
        raise InvalidArgument(f"MLmodel names no module to load with: {name!r}.")
    trust.allow("MLmodel", f"loaded by the module {name!r} that the model chooses")
    data = generic.get("data")
    where = packaging.inside(folder, data, "the data of the model") if data else folder
    module = importlib.import_module(name)
    model = module._load_pyfunc(str(where))  # noqa: SLF001 - the field's name for it

    def score(given: Any, params: Mapping[str, Any]) -> Any:
        return model.predict(given, params=dict(params)) if params else model.predict(given)

    return PyFuncModel(metadata, model, score, folder)


class PythonFlavor:
    """Classes and functions of the user's, scripts, and loaders of the model's own."""

    name: ClassVar[str] = PYFUNC
    requires: ClassVar[tuple[str, ...]] = ("cloudpickle",)
    argument: ClassVar[str] = "python_model"

    def save(  # noqa: PLR0913 - a folder is made of all this
        self,
        model: Any,
        folder: Path,
        *,
        loader_module: str | None = None,
        data_path: str | Path | None = None,
        artifacts: Mapping[str, str] | None = None,
        model_config: Mapping[str, Any] | None = None,
        streamable: bool = False,
    ) -> FlavorConfig:
        """See `Flavor`. *model*: a `PythonModel`, a function, or the path of a script."""
        if (model is None) == (loader_module is None):
            raise InvalidArgument("Give a python_model or a loader_module, and not both.")
        if loader_module is not None:
            return self._save_data(folder, loader_module, data_path)
        config: FlavorConfig = {"loader_module": "mlflow.pyfunc.model", "streamable": streamable}
        if model_config:
            config[_CONFIG] = dict(model_config)
        if artifacts:
            config["artifacts"] = _copy_artifacts(artifacts, folder)
        if isinstance(model, (str, Path)):
            script = Path(model)
            if script.suffix != ".py" or not script.is_file():
                raise InvalidArgument(f"{script} is no Python script.")
            shutil.copy2(script, folder / script.name)
            config["loader_module"] = "mlflow.pyfunc.loaders.code_model"
            config["model_code_path"] = script.name
            return config
        if not callable(model) and not hasattr(model, "predict"):
            raise InvalidArgument(
                "A Python model is a PythonModel, a function or a script, not "
                f"{type(model).__name__}."
            )
        python_model.dump(model, folder / _PICKLE)
        cloudpickle = sys.modules["cloudpickle"]
        return {**config, "python_model": _PICKLE, "cloudpickle_version": cloudpickle.__version__}

    @staticmethod
    def _save_data(folder: Path, loader_module: str, data_path: str | Path | None) -> FlavorConfig:
        config: FlavorConfig = {"loader_module": loader_module}
        if data_path is not None:
            source = Path(data_path)
            target = folder / "data" / source.name
            target.parent.mkdir()
            if source.is_dir():
                shutil.copytree(source, target)
            else:
                shutil.copy2(source, target)
            config["data"] = f"data/{source.name}"
        return config

    def generic(self, config: FlavorConfig) -> FlavorConfig:
        """See `Flavor`."""
        return config

    def load(self, folder: Path, config: FlavorConfig, trust: Trust) -> Any:
        """See `Flavor`."""
        script = config.get("model_code_path")
        if script:
            # Others note where the script was; its copy is in the folder.
            path = packaging.inside(folder, Path(str(script)).name, "the script of the model")
            trust.allow(path.name, "a Python script")
            return python_model.run_code(path, config.get(_CONFIG))
        path = packaging.inside(folder, config.get("python_model"), "the Python model")
        trust.allow(path.name, "a pickle")
        return python_model.load(path)

    def predictor(self, model: Any, config: FlavorConfig, folder: Path) -> Predictor:
        """See `Flavor`."""
        if config.get("loader_module") not in _LOADERS:
            raise InvalidArgument("It scores when its loader has loaded it.")
        if isinstance(model, (str, Path)):  # just saved
            model = python_model.run_code(Path(model), config.get(_CONFIG))
        named: Mapping[str, Any] = config.get("artifacts") or {}
        artifacts = {
            name: str(packaging.inside(folder, said.get("path"), f"the artifact {name!r}"))
            for name, said in named.items()
        }
        return python_model.scorer(model, PythonModelContext(artifacts, config.get(_CONFIG)))

    @staticmethod
    def hinted_signature(model: Any) -> ModelSignature | None:
        """The signature that type hints give."""
        return python_model.hinted_signature(model)


def _copy_artifacts(artifacts: Mapping[str, str], folder: Path) -> dict[str, dict[str, str]]:
    """Copies in the folder, and where they were taken from."""
    found = {}
    for name, uri in artifacts.items():
        source = Path(resolve.fetch(str(uri)))
        target = folder / "artifacts" / source.name
        if target.exists():
            target = folder / "artifacts" / name / source.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy2(source, target)
        found[name] = {"path": target.relative_to(folder).as_posix(), "uri": str(uri)}
    return found


FLAVOR: Final = PythonFlavor()
_doors = doors(FLAVOR)


def save_model(path: str | Path, python_model: Any = None, **options: Any) -> None:
    """Save a Python model as the folder *path*; see `log_model`."""
    _doors.save_model(python_model, path, **options)


def log_model(artifact_path: str | None = None, python_model: Any = None, **options: Any) -> Any:
    """Log a Python model: a `PythonModel`, a function, or the path of a script that calls
    `millrace.models.set_model`; or *loader_module* and *data_path*, a loader of your own."""
    return _doors.log_model(python_model, artifact_path, **options)


def __getattr__(name: str) -> object:
    # `spark_udf` builds on what is here.
    return faced(__name__, name)
