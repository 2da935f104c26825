"""What a flavor must do, and `doors`, which makes `save_model`, `log_model`, `load_model` of it.

A flavor knows how one library keeps its models. All else (signature, example, environment, code,
`MLmodel`, the run, the registry, the cache, trust) is in the doors, once.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, Protocol, TypeAlias, TypeVar

from millrace import _doors
from millrace.core.errors import InvalidArgument
from millrace.core.plugins import Registry
from millrace.models import logged, packaging, resolve
from millrace.models.model import PYFUNC, Model
from millrace.models.packaging import Packaging
from millrace.models.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from millrace.models.model import ModelInfo

M = TypeVar("M")
FlavorConfig: TypeAlias = dict[str, Any]
"""What `MLmodel` says of a flavor's part of the folder: plain data."""
Predictor: TypeAlias = "Callable[[Any, Mapping[str, Any]], Any]"
"""Scores data that fits the signature, with params by name."""


class Flavor(Protocol[M]):
    """How models of one library are kept. Has no state; its methods import the library.

    `name`: the key in `MLmodel`, and the module's name. `requires`: distributions that a model of
    it needs in any case, those of them that are installed. `argument`: what the field calls the
    model in `log_model(...)`.
    """

    name: ClassVar[str]
    requires: ClassVar[tuple[str, ...]]
    argument: ClassVar[str]

    def save(self, model: M, folder: Path, *args: Any, **options: Any) -> FlavorConfig:
        """Write the model into *folder*; what `load` needs to know. *options*: its own."""
        ...

    def generic(self, config: FlavorConfig) -> FlavorConfig:
        """What the generic flavor says beside: the field's loaders read it."""
        ...

    def load(
        self, folder: Path, config: FlavorConfig, trust: Trust, *args: Any, **options: Any
    ) -> M:
        """Read the model. What runs code of the model is asked of *trust* first."""
        ...

    def predictor(self, model: M, config: FlavorConfig, folder: Path) -> Predictor:
        """How the model scores; *folder* is where its files are."""
        ...


FLAVORS: Final[Registry[Flavor[Any]]] = Registry(
    "millrace.flavors",
    {name: f"millrace.flavors.{name}:FLAVOR" for name in _doors.FLAVORS}
    | {PYFUNC: "millrace.models.pyfunc:FLAVOR"},
)


def flavor_named(name: str) -> Flavor[Any]:
    """The flavor; `InvalidArgument` when nobody offers it."""
    found = FLAVORS.find(name)
    if found is None:
        raise InvalidArgument(
            f"Nobody here knows the flavor {name!r}. Known: {', '.join(FLAVORS.names())}; a plugin "
            "adds one by an entry point of the group millrace.flavors."
        )
    return found


class Doors(NamedTuple):
    """The three functions that a flavor's module offers."""

    save_model: Callable[..., None]
    log_model: Callable[..., ModelInfo]
    load_model: Callable[..., Any]


def doors(flavor: Flavor[Any]) -> Doors:
    """The public functions of a flavor."""
    own = _own_options(flavor.save)

    def save_model(model: Any, path: str | Path, **options: Any) -> None:
        mine, packed = _split(options, own, flavor)
        packaging.save(flavor, model, Path(path), packed, mine)

    def log_model(model: Any, artifact_path: str | None = None, **options: Any) -> ModelInfo:
        place = logged.Place.taken_from(options, artifact_path)
        mine, packed = _split(options, own, flavor)
        return logged.log(flavor, model, place, packed, mine)

    def load_model(
        model_uri: str | Path,
        dst_path: str | Path | None = None,
        *,
        trusted: bool | None = None,
        **options: Any,
    ) -> Any:
        found = resolve.resolve(str(model_uri), dst_path)
        config = _config_of(Model.load(found.folder), flavor, str(model_uri))
        trust = Trust(found.folder, found.origin, word=trusted)
        packaging.add_code(found.folder, config, trust)
        return flavor.load(found.folder, config, trust, **options)

    common = _options_of(Packaging)
    in_run = _options_of(logged.Place)
    _dress(save_model, flavor, [*own, *common], "Save the model as the folder *path*.")
    _dress(log_model, flavor, [*own, *common, *in_run], _LOG_DOC)
    load_model.__doc__ = (
        f"The model of the flavor `{flavor.name}` at a path or URI.\n\n"
        "*trusted*: whether code that is part of the model may run; see `millrace.models.trust`."
    )
    return Doors(_keyword(save_model, flavor), _keyword(log_model, flavor), load_model)


_LOG_DOC: Final = (
    "Log the model: as a logged model called *name*, or among the artifacts of the active run "
    "under *artifact_path*. Returns what is known of it; its `model_uri` loads it."
)


def _config_of(model: Model, flavor: Flavor[Any], uri: str) -> FlavorConfig:
    config = model.flavors.get(flavor.name)
    if config is None:
        raise InvalidArgument(
            f"The model at {uri!r} is not of the flavor {flavor.name!r}, but of "
            f"{', '.join(sorted(model.flavors))}. millrace.pyfunc.load_model loads any."
        )
    return config


def _keyword(function: Callable[..., Any], flavor: Flavor[Any]) -> Callable[..., Any]:
    """*function*, which also takes the model by the name that the field gives it."""

    def door(*given: Any, **options: Any) -> Any:
        if not given and flavor.argument in options:
            given = (options.pop(flavor.argument),)
        return function(*given, **options)

    door.__name__ = door.__qualname__ = function.__name__
    door.__doc__ = function.__doc__
    door.__module__ = type(flavor).__module__
    door.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]  # as inspect has it
    return door


def _dress(
    function: Callable[..., Any],
    flavor: Flavor[Any],
    options: list[inspect.Parameter],
    doc: str,
) -> None:
    """Show in help and editors what is really taken."""
    (_, where, *_) = inspect.signature(function).parameters.values()
    model = inspect.Parameter(flavor.argument, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    by_name = {one.name: one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in options}
    by_name.pop(where.name, None)
    function.__signature__ = inspect.Signature([model, where, *by_name.values()])  # type: ignore[attr-defined]  # as inspect has it
    function.__doc__ = doc


def _own_options(save: Callable[..., Any]) -> list[inspect.Parameter]:
    return [
        one
        for one in inspect.signature(save).parameters.values()
        if one.kind is inspect.Parameter.KEYWORD_ONLY
    ]


def _options_of(struct: type[Any]) -> list[inspect.Parameter]:
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=value)
        for name, value in zip(struct.__struct_fields__, struct.__struct_defaults__, strict=True)
    ]


def _split(
    options: dict[str, Any], own: list[inspect.Parameter], flavor: Flavor[Any]
) -> tuple[dict[str, Any], Packaging]:
    """The flavor's own options, and those that all models have."""
    names = {one.name for one in own}
    mine = {name: value for name, value in options.items() if name in names}
    rest = {name: value for name, value in options.items() if name not in names}
    known = {one.name for one in _options_of(Packaging)}
    unknown = sorted(rest.keys() - known)
    if unknown:
        raise InvalidArgument(
            f"{flavor.name}: no option {unknown[0]!r}. There are: "
            f"{', '.join(sorted(names | known))}."
        )
    return mine, Packaging(**rest)
