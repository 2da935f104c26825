"""CatBoost: its own binary format, which holds no code."""

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

_CLASSES: Final = ("CatBoost", "CatBoostClassifier", "CatBoostRanker", "CatBoostRegressor")


class CatboostFlavor:
    """Classifiers, regressors, rankers."""

    name: ClassVar[str] = "catboost"
    requires: ClassVar[tuple[str, ...]] = ("catboost",)
    argument: ClassVar[str] = "cb_model"

    def save(self, model: Any, folder: Path) -> FlavorConfig:
        """See `Flavor`."""
        catboost = require("catboost", extra="catboost")
        if type(model).__name__ not in _CLASSES or not isinstance(model, catboost.CatBoost):
            raise InvalidArgument(f"{type(model).__name__} is no model of CatBoost.")
        model.save_model(str(folder / "model.cb"), format="cbm")
        return {
            "data": "model.cb",
            "save_format": "cbm",
            "model_type": type(model).__name__,
            "catboost_version": catboost.__version__,
        }

    def generic(self, config: FlavorConfig) -> FlavorConfig:
        """See `Flavor`."""
        return {"data": config["data"]}

    def load(self, folder: Path, config: FlavorConfig, trust: Trust) -> Any:
        """See `Flavor`."""
        del trust
        catboost = require("catboost", extra="catboost")
        kind = config.get("model_type", "CatBoost")
        if kind not in _CLASSES:
            raise InvalidArgument(f"CatBoost has no class {kind!r} of models.")
        model = getattr(catboost, kind)()
        path = inside(folder, config.get("data"), "the model")
        model.load_model(str(path), format=str(config.get("save_format", "cbm")))
        return model

    def predictor(self, model: Any, config: FlavorConfig, folder: Path) -> Predictor:
        """See `Flavor`."""
        del config, folder

        def predict(data: Any, params: Mapping[str, Any]) -> Any:
            return model.predict(data, **params)

        return predict


FLAVOR: Final = CatboostFlavor()
save_model, log_model, load_model = doors(FLAVOR)
