"""Prophet: forecasts, kept as JSON by the library itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from millrace.core.errors import InvalidArgument
from millrace.core.lazy import require
from millrace.models.flavor import doors
from millrace.models.packaging import inside

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from millrace.models.flavor import FlavorConfig, Predictor
    from millrace.models.trust import Trust


class ProphetFlavor:
    """Fitted forecasters."""

    name: ClassVar[str] = "prophet"
    requires: ClassVar[tuple[str, ...]] = ("prophet",)
    argument: ClassVar[str] = "pr_model"

    def save(self, model: Any, folder: Path) -> FlavorConfig:
        """See `Flavor`."""
        prophet = require("prophet", extra="prophet")
        if not isinstance(model, prophet.Prophet):
            raise InvalidArgument(f"{type(model).__name__} is no Prophet.")
        text = require("prophet.serialize", extra="prophet").model_to_json(model)
        (folder / "model.pr").write_text(text, encoding="utf-8")
        return {"data": "model.pr", "prophet_version": prophet.__version__}

    def generic(self, config: FlavorConfig) -> FlavorConfig:
        """See `Flavor`."""
        return {"data": config["data"]}

    def load(self, folder: Path, config: FlavorConfig, trust: Trust) -> Any:
        """See `Flavor`."""
        del trust
        path = inside(folder, config.get("data"), "the forecaster")
        text = path.read_text(encoding="utf-8")
        return require("prophet.serialize", extra="prophet").model_from_json(text)

    def predictor(self, model: Any, config: FlavorConfig, folder: Path) -> Predictor:
        """See `Flavor`. The frame has a column `ds` of times, and the regressors that were used."""
        del config, folder

        def predict(data: Any, params: Mapping[str, Any]) -> Any:
            return model.predict(data, **params)

        return predict


FLAVOR: Final = ProphetFlavor()
save_model, log_model, load_model = doors(FLAVOR)
