"""statsmodels: results of a fit. The library keeps them as pickles and in no other way."""

from __future__ import annotations

import pickle
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


class StatsmodelsFlavor:
    """Results of regressions, and of time series."""

    name: ClassVar[str] = "statsmodels"
    requires: ClassVar[tuple[str, ...]] = ("statsmodels",)
    argument: ClassVar[str] = "statsmodels_model"

    def save(self, model: Any, folder: Path, *, remove_data: bool = False) -> FlavorConfig:
        """See `Flavor`. *remove_data*: without the arrays that it was fitted to."""
        statsmodels = require("statsmodels", extra="statsmodels")
        if not hasattr(model, "save") or not hasattr(model, "predict"):
            raise InvalidArgument(f"{type(model).__name__} is no result of a fit of statsmodels.")
        model.save(str(folder / "model.statsmodels"), remove_data=remove_data)
        return {"data": "model.statsmodels", "statsmodels_version": statsmodels.__version__}

    def generic(self, config: FlavorConfig) -> FlavorConfig:
        """See `Flavor`."""
        return {"data": config["data"]}

    def load(self, folder: Path, config: FlavorConfig, trust: Trust) -> Any:
        """See `Flavor`."""
        require("statsmodels", extra="statsmodels")
        path = inside(folder, config.get("data"), "the result")
        trust.allow(path.relative_to(folder).as_posix(), "a pickle")
        with path.open("rb") as file:
            return pickle.load(file)  # noqa: S301 - asked of trust before

    def predictor(self, model: Any, config: FlavorConfig, folder: Path) -> Predictor:
        """See `Flavor`. A frame with the columns `start` and `end` asks a time series for that
        span; anything else is what the model was fitted to."""
        del config, folder

        def predict(data: Any, params: Mapping[str, Any]) -> Any:
            if is_a(data, "pandas", "DataFrame") and {*data.columns} == {"start", "end"}:
                if len(data) != 1:
                    raise InvalidArgument(f"A span is one row, and this frame has {len(data)}.")
                return model.predict(start=data["start"].iloc[0], end=data["end"].iloc[0])
            return model.predict(data, **params)

        return predict


FLAVOR: Final = StatsmodelsFlavor()
save_model, log_model, load_model = doors(FLAVOR)
