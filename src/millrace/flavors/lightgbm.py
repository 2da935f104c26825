"""LightGBM: boosters as its own text, estimators in skops; neither holds code."""

from __future__ import annotations

import pickle
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

# Read by LightGBM from its own text, or plain containers.
_HARMLESS: Final = (
    "collections.OrderedDict",
    "collections.defaultdict",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMRanker",
    "lightgbm.sklearn.LGBMRegressor",
)


class LightgbmFlavor:
    """Boosters, and estimators with scikit-learn's face."""

    name: ClassVar[str] = "lightgbm"
    requires: ClassVar[tuple[str, ...]] = ("lightgbm", "scikit-learn", "skops")
    argument: ClassVar[str] = "lgb_model"

    def save(self, model: Any, folder: Path) -> FlavorConfig:
        """See `Flavor`."""
        lightgbm = require("lightgbm", extra="lightgbm")
        kind = type(model)
        config = {
            "lgb_version": lightgbm.__version__,
            "model_class": f"{kind.__module__}.{kind.__name__}",
        }
        if isinstance(model, lightgbm.Booster):
            model.save_model(folder / "model.lgb")
            return {**config, "data": "model.lgb"}
        if not isinstance(model, lightgbm.LGBMModel):
            raise InvalidArgument(f"{kind.__name__} is no model of LightGBM.")
        require("skops.io", extra="lightgbm").dump(model, folder / "model.skops")
        known = {"serialization_format": "skops", "skops_trusted_types": list(_HARMLESS)}
        return {**config, **known, "data": "model.skops"}

    def generic(self, config: FlavorConfig) -> FlavorConfig:
        """See `Flavor`."""
        return {"data": config["data"]}

    def load(self, folder: Path, config: FlavorConfig, trust: Trust) -> Any:
        """See `Flavor`."""
        lightgbm = require("lightgbm", extra="lightgbm")
        path = inside(folder, config.get("data"), "the model")
        if str(config.get("model_class")).endswith(".Booster"):
            return lightgbm.Booster(model_file=path)
        if config.get("serialization_format") == "skops":
            skops = require("skops.io", extra="lightgbm")
            unknown = sorted({*skops.get_untrusted_types(file=path)} - {*_HARMLESS})
            if unknown:
                names = ", ".join(unknown[:10])
                trust.allow(path.name, f"a skops file with types of unknown effect ({names})")
            return skops.load(path, trusted=[*_HARMLESS, *unknown])
        trust.allow(path.relative_to(folder).as_posix(), "a pickle", instead="skops")
        with path.open("rb") as file:
            return pickle.load(file)  # noqa: S301 - asked of trust before

    def predictor(self, model: Any, config: FlavorConfig, folder: Path) -> Predictor:
        """See `Flavor`."""
        del config, folder

        def predict(data: Any, params: Mapping[str, Any]) -> Any:
            return model.predict(data, **params)

        return predict


FLAVOR: Final = LightgbmFlavor()
save_model, log_model, load_model = doors(FLAVOR)
