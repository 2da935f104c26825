"""Names of the public API and where they live, so that `import millrace` imports none of it.

`NAMES` are attributes of `millrace`. `MODULES` are modules under two names: `millrace.data` *is*
`millrace.client.data`, also for `import millrace.data`. `FACES` are names that a package of a lower
floor shows of a higher one: `millrace.artifacts` holds the stores, and scripts know it for
`download_artifacts`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

_FLUENT = """
    active_run create_experiment delete_experiment delete_run delete_tag
    disable_system_metrics_logging enable_system_metrics_logging end_run flush_async_logging
    get_artifact_uri get_experiment get_experiment_by_name get_metric_history get_parent_run get_run
    get_tracking_uri is_tracking_uri_set last_active_run log_batch log_input log_inputs log_metric
    log_metrics log_outputs log_param log_params rename_experiment restore_experiment restore_run
    search_experiments search_runs set_experiment set_experiment_tag set_experiment_tags
    set_system_metrics_node_id set_system_metrics_samples_before_logging
    set_system_metrics_sampling_interval set_tag set_tags set_tracking_uri start_run stop_requested
""".split()

_FLUENT_FILES = """
    Image flush_artifact_async_logging load_table log_artifact log_artifacts log_dict log_figure
    log_image log_stream log_table log_text
""".split()
_FLUENT_REGISTRY = """
    delete_registered_model_alias get_model_version_by_alias get_registry_uri register_model
    search_model_versions search_registered_models set_model_version_tag
    set_registered_model_alias set_registry_uri
""".split()
_ARTIFACTS = "download_artifacts list_artifacts load_dict load_image load_text".split()
FLAVORS: Final = """
    catboost keras lightgbm onnx pmdarima prophet pytorch sentence_transformers sklearn spacy spark
    statsmodels tensorflow transformers xgboost
""".split()
"""Modules of `millrace.flavors`, under their names in `MLmodel`."""

_EVALUATION = "evaluate validate_evaluation_results".split()

NAMES: Final[dict[str, str]] = {
    **dict.fromkeys(_FLUENT, "millrace.client.fluent"),
    **dict.fromkeys(_FLUENT_FILES, "millrace.client.fluent_files"),
    **dict.fromkeys(_FLUENT_REGISTRY, "millrace.client.fluent_registry"),
    **dict.fromkeys(_EVALUATION, "millrace.models.evaluate"),
    "ActiveRun": "millrace.client.active",
    "MillraceClient": "millrace.client.client",
    "MlflowClient": "millrace.client.client",
    "MillraceError": "millrace.core.errors",
    "RunStopped": "millrace.client.ending",
    "MlflowException": "millrace.client.exceptions",
}

MODULES: Final[dict[str, str]] = {
    "millrace.config": "millrace.client.config",
    "millrace.data": "millrace.client.data",
    "millrace.entities": "millrace.client.entities",
    "millrace.exceptions": "millrace.client.exceptions",
    "millrace.pyfunc": "millrace.models.pyfunc",
    **{f"millrace.{name}": f"millrace.flavors.{name}" for name in FLAVORS},
    "millrace.tracking": "millrace.client",
    "millrace.types": "millrace.models.types",
}
_PACKAGES: Final = {
    name: f"millrace.{name}" for name in ("artifacts", "autolog", "client", "models")
}

FACES: Final[dict[str, dict[str, str]]] = {
    "millrace.artifacts": dict.fromkeys(_ARTIFACTS, "millrace.client.artifacts"),
    "millrace.models.pyfunc": {"spark_udf": "millrace.models.spark"},
}
"""Packages that are a room of the house and, under the same name, a part of the public API, whose
functions live on a higher floor: name of a function -> its module. The package's own `__getattr__`
asks `faced`."""


def opened(name: str) -> object:
    """What `millrace.<name>` is; raises `AttributeError` for a name that is none of ours."""
    if name in NAMES:
        return getattr(import_module(NAMES[name]), name)
    module = MODULES.get(f"millrace.{name}") or _PACKAGES.get(name)
    if module is None:
        raise AttributeError(f"module 'millrace' has no attribute {name!r}")
    return import_module(module)


def faced(package: str, name: str) -> object:
    """What `<package>.<name>` is, for a package with a public face."""
    module = FACES[package].get(name)
    if module is None:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    return getattr(import_module(module), name)


def public() -> list[str]:
    """All public names."""
    modules = (name.partition(".")[2] for name in MODULES)
    return sorted({*NAMES, *modules, *_PACKAGES, "__version__"})


class Aliases:
    """Finds a module under its second name and hands out the very same module."""

    @staticmethod
    def find_spec(
        fullname: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`."""
        if fullname not in MODULES:
            return None
        return ModuleSpec(fullname, _SameModule(MODULES[fullname]))  # type: ignore[arg-type]  # duck


class _SameModule:
    def __init__(self, name: str) -> None:
        self._name = name

    def create_module(self, _spec: ModuleSpec) -> ModuleType:
        module = import_module(self._name)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec  # the import system has put the alias there


def hang() -> None:
    """Make the second names importable."""
    if Aliases not in sys.meta_path:
        sys.meta_path.append(Aliases)
