"""XGBoost: boosters and estimators, in its own binary JSON, which holds no code."""

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

_FORMATS: Final = ("ubj", "json", "xgb", "deprecated")
_BOOSTER: Final = "xgboost.core.Booster"


class XgboostFlavor:
    """Boosters, and estimators with scikit-learn's face."""

    name: ClassVar[str] = "xgboost"
    requires: ClassVar[tuple[str, ...]] = ("xgboost", "xgboost-cpu")
    argument: ClassVar[str] = "xgb_model"

    def save(self, model: Any, folder: Path, *, model_format: str = "ubj") -> FlavorConfig:
        """See `Flavor`. *model_format*: ubj, or json for people who want to read it."""
        xgboost = require("xgboost", extra="xgboost")
        if model_format not in {"ubj", "json"}:
            raise InvalidArgument(f"model_format {model_format!r}: expected ubj or json.")
        kind = type(model)
        if not isinstance(model, (xgboost.Booster, xgboost.XGBModel)):
            raise InvalidArgument(f"{kind.__name__} is no model of XGBoost.")
        model.save_model(folder / f"model.{model_format}")
        return {
            "data": f"model.{model_format}",
            "xgb_version": xgboost.__version__,
            "model_class": _BOOSTER
            if kind is xgboost.Booster
            else f"{kind.__module__}.{kind.__name__}",
            "model_format": model_format,
        }

    def generic(self, config: FlavorConfig) -> FlavorConfig:
        """See `Flavor`."""
        return {"data": config["data"]}

    def load(self, folder: Path, config: FlavorConfig, trust: Trust) -> Any:
        """See `Flavor`."""
        del trust
        xgboost = require("xgboost", extra="xgboost")
        path = inside(folder, config.get("data"), "the booster")
        name = str(config.get("model_class", _BOOSTER)).rpartition(".")[2]
        kind = getattr(xgboost, name, None) if name.startswith(("XGB", "Booster")) else None
        if kind is None:
            raise InvalidArgument(f"XGBoost has no class {name!r} of models.")
        model = kind()
        with path.open("rb") as file:
            head = file.read(1)
        if head == b"\x80":
            raise InvalidArgument(f"{path.name} is a pickle, and no model in XGBoost's own format.")
        model.load_model(path)
        return model

    def predictor(self, model: Any, config: FlavorConfig, folder: Path) -> Predictor:
        """See `Flavor`."""
        del config, folder
        xgboost = require("xgboost", extra="xgboost")

        def predict(data: Any, params: Mapping[str, Any]) -> Any:
            given = xgboost.DMatrix(data) if isinstance(model, xgboost.Booster) else data
            return model.predict(given, **params)

        return predict


FLAVOR: Final = XgboostFlavor()
save_model, log_model, load_model = doors(FLAVOR)
