"""Keras 3 on any back end: its own archive, whose safe mode refuses code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from millrace.core.errors import InvalidArgument
from millrace.core.lazy import require
from millrace.models.flavor import doors
from millrace.models.inference import is_a
from millrace.models.packaging import inside

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from millrace.models.flavor import FlavorConfig, Predictor
    from millrace.models.trust import Trust

_FILE: Final = "model.keras"
_SAFE_SINCE: Final = (3, 11, 3)
"""Before it, safe mode could be talked out of (CVE-2025-8747, CVE-2025-9906)."""


class KerasFlavor:
    """Models of Keras."""

    name: ClassVar[str] = "keras"
    requires: ClassVar[tuple[str, ...]] = ("keras",)
    argument: ClassVar[str] = "model"

    def save(self, model: Any, folder: Path) -> FlavorConfig:
        """See `Flavor`."""
        keras = require("keras", extra="keras")
        if not isinstance(model, keras.Model):
            raise InvalidArgument(f"{type(model).__name__} is no model of Keras.")
        data = folder / "data"
        data.mkdir()
        model.save(data / _FILE)
        return {
            "data": "data",
            "keras_version": keras.__version__,
            "keras_backend": keras.backend.backend(),
        }

    def generic(self, config: FlavorConfig) -> FlavorConfig:
        """See `Flavor`."""
        return {"data": config["data"]}

    def load(self, folder: Path, config: FlavorConfig, trust: Trust) -> Any:
        """See `Flavor`."""
        keras = require("keras", extra="keras")
        path = inside(folder, config.get("data"), "the model")
        path = path / _FILE if path.is_dir() else path
        named = path.relative_to(folder).as_posix()
        if tuple(int(part) for part in keras.__version__.split(".")[:3]) < _SAFE_SINCE:
            trust.allow(named, f"an archive that Keras {keras.__version__} does not read safely")
        try:
            return keras.saving.load_model(path, safe_mode=True)
        except ValueError as error:
            if "safe" not in str(error).lower():
                raise
            trust.allow(named, "an archive with Python code in a Lambda layer")
        return keras.saving.load_model(path, safe_mode=False)

    def predictor(self, model: Any, config: FlavorConfig, folder: Path) -> Predictor:
        """See `Flavor`."""
        del config, folder

        def predict(data: Any, params: Mapping[str, Any]) -> Any:
            if not is_a(data, "pandas", "DataFrame"):
                return model.predict(data, verbose=0, **params)
            pandas = require("pandas", extra="models")
            found = model.predict(data.to_numpy(), verbose=0, **params)
            return pandas.DataFrame(found, index=data.index)

        return predict


FLAVOR: Final = KerasFlavor()
save_model, log_model, load_model = doors(FLAVOR)
