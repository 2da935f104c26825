"""Making a model's folder: everything but the one thing that only a flavor knows."""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from millrace.core.errors import AlreadyExists, InvalidArgument, MillraceError
from millrace.models import environment, example, own, requirements, scan
from millrace.models.model import PYFUNC, Model
from millrace.models.signature import ModelSignature, infer_signature

if TYPE_CHECKING:
    from millrace.models.flavor import Flavor, FlavorConfig
    from millrace.models.trust import Trust

logger = logging.getLogger(__name__)

CODE: Final = "code"


class Packaging(Struct, kw_only=True):
    """What may be said of any model when it is saved, under the field's names.

    *signature*: None to tell it from the example, False to have none. *input_example*: data, or a
    pair of data and params. *code_paths*: files and folders that the model imports from.
    """

    signature: ModelSignature | bool | None = None
    input_example: Any = None
    pip_requirements: str | Sequence[str] | None = None
    extra_pip_requirements: str | Sequence[str] | None = None
    conda_env: str | dict[str, Any] | None = None
    code_paths: Sequence[str | Path] | None = None
    metadata: dict[str, Any] | None = None
    resources: Any = None
    auth_policy: Any = None
    license: str | None = None

    def wish(self) -> environment.Wish:
        """What is said of the environment."""
        return environment.Wish(
            pip_requirements=self.pip_requirements,
            extra_pip_requirements=self.extra_pip_requirements,
            conda_env=self.conda_env,
        )


def save(  # noqa: PLR0913, PLR0917 - a folder is made of all this
    flavor: Flavor[Any],
    model: Any,
    folder: Path,
    packed: Packaging,
    options: dict[str, Any],
    about: Model | None = None,
) -> Model:
    """Write *model* as a folder, which must not be there or be empty; its `MLmodel`.

    *about*: what is known of it already, such as its id and run. When anything fails the folder is
    gone again.
    """
    wish = packed.wish()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise AlreadyExists(f"{folder} is there already and not empty. Save to a new folder.")
    was_there = folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return _saved(flavor, model, folder, packed, wish, options, about or Model())
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        if was_there:
            folder.mkdir(exist_ok=True)
        raise


def _saved(  # noqa: PLR0913, PLR0917 - a folder is made of all this
    flavor: Flavor[Any],
    model: Any,
    folder: Path,
    packed: Packaging,
    wish: environment.Wish,
    options: dict[str, Any],
    about: Model,
) -> Model:
    about.metadata = packed.metadata
    about.resources = packed.resources
    about.auth_policy = packed.auth_policy
    about.license = packed.license
    config = flavor.save(model, folder, **options)
    config["code"] = _copy_code(packed.code_paths, folder)
    generic: FlavorConfig = {
        "loader_module": f"mlflow.{flavor.name}",
        "python_version": environment.python_version(),
        **flavor.generic(config),
        "env": {"conda": environment.CONDA, "virtualenv": environment.PYTHON_ENV},
    }
    if config["code"] is not None:
        generic["code"] = config["code"]
    if flavor.name != PYFUNC:
        about.add_flavor(flavor.name, **config)
    about.add_flavor(PYFUNC, **(config | generic if flavor.name == PYFUNC else generic))
    _describe(flavor, model, config, folder, packed, about)
    about.scan = _scanned(folder)
    about.save(folder)  # it is loaded to see what it imports
    inferred = [] if wish.is_whole else requirements.inferred(folder, flavor.requires)
    lines, constraints = environment.asked_for(wish, inferred)
    environment.save_environment(folder, lines, constraints, wish)
    about.model_size_bytes = sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())
    about.save(folder)
    own.remember(own.digest_of(folder))
    return about


def _describe(  # noqa: PLR0913, PLR0917 - a folder is made of all this
    flavor: Flavor[Any],
    model: Any,
    config: FlavorConfig,
    folder: Path,
    packed: Packaging,
    about: Model,
) -> None:
    """Signature and example, and what the model makes of it."""
    given = packed.signature
    hinted = getattr(flavor, "hinted_signature", lambda _: None)(model)
    signature = given if isinstance(given, ModelSignature) else hinted if given is None else None
    about.is_signature_from_type_hint = signature is not None and signature.is_from_type_hint
    about.signature = signature
    if packed.input_example is None:
        return
    shown = example.example_of(packed.input_example)
    about.saved_input_example_info = example.save_example(shown, folder)
    if given is None and signature is None:
        about.signature = _signature_of(shown)
    output = _output(flavor, model, config, folder, shown, about)
    if output is None:
        return
    if given is None and about.signature is not None and about.signature.outputs is None:
        about.signature = _with_output(about.signature, output)
    try:
        about.saved_output_example_info = example.save_output(output, folder)
    except InvalidArgument as error:
        logger.warning("what the model makes of the example is not kept: %s", error.message)


def _signature_of(shown: example.Example) -> ModelSignature | None:
    try:
        return infer_signature(shown.data, None, shown.params)
    except InvalidArgument as error:
        logger.warning("the example gives no signature: %s", error.message)
        return None


def _with_output(signature: ModelSignature, output: Any) -> ModelSignature:
    try:
        outputs = infer_signature(output).inputs
    except InvalidArgument as error:
        logger.warning("what the model gives has no schema: %s", error.message)
        return signature
    told = ModelSignature(signature.inputs, outputs, signature.params)
    told.is_from_type_hint = signature.is_from_type_hint
    return told


def _output(  # noqa: PLR0913, PLR0917 - a folder is made of all this
    flavor: Flavor[Any],
    model: Any,
    config: FlavorConfig,
    folder: Path,
    shown: example.Example,
    about: Model,
) -> Any:
    """What the model makes of the example; None, with a warning, when it fails.

    A model that took a day to train is not thrown away because of its example.
    """
    data, params = shown.data, dict(shown.params or {})
    try:
        if about.signature is not None:
            data = about.signature.enforce(data)
            params = about.signature.enforce_params(params)
        return flavor.predictor(model, config, folder)(data, params)
    except Exception as error:  # noqa: BLE001 - somebody else's code
        logger.warning(
            "the model does not score its input example, so servers may fail on it, too: %s: %s",
            type(error).__name__,
            error,
        )
        return None


def _scanned(folder: Path) -> dict[str, Any] | None:
    found = {path: msgspec.to_builtins(seen) for path, seen in scan.scan_folder(folder).items()}
    return found or None


# --- code that comes with a model ----------------------------------------------------------------


def _copy_code(paths: Sequence[str | Path] | None, folder: Path) -> str | None:
    if not paths:
        return None
    target = folder / CODE
    target.mkdir()
    for each in map(Path, paths):
        name = each.resolve().name
        if Path(name).stem in sys.stdlib_module_names:
            raise InvalidArgument(
                f"{each} would hide Python's own module {Path(name).stem!r} from everybody who "
                "loads the model. Give it another name."
            )
        if each.is_dir():
            shutil.copytree(each, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(each, target / name)
    return CODE


def add_code(folder: Path, config: FlavorConfig, trust: Trust) -> None:
    """Let the model's own code be imported; asked of *trust*, for importing runs it."""
    named = config.get("code")
    if not named:
        return
    code = (folder / str(named)).resolve()
    if not code.is_relative_to(folder.resolve()):
        raise InvalidArgument(f"MLmodel names code outside the model: {str(named)!r}.")
    if not code.is_dir():
        return
    trust.allow(str(named), "Python code that comes with the model")
    if str(code) not in sys.path:
        sys.path.insert(0, str(code))


def inside(folder: Path, named: object, what: str) -> Path:
    """The file or folder in *folder* that `MLmodel` calls *named*; `InvalidArgument` if not."""
    if not isinstance(named, str) or not named:
        raise InvalidArgument(f"MLmodel does not say where {what} is.")
    path = folder / named
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InvalidArgument(f"MLmodel says that {what} is outside the model: {named!r}.")
    if not path.exists():
        raise MillraceError(f"{what.capitalize()} is missing: no {named!r} in {folder}.")
    return path
