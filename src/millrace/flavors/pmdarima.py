"""pmdarima: ARIMA models of time series. The library has pickles and nothing else."""

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


class PmdarimaFlavor:
    """ARIMA, AutoARIMA and their pipelines."""

    name: ClassVar[str] = "pmdarima"
    requires: ClassVar[tuple[str, ...]] = ("pmdarima",)
    argument: ClassVar[str] = "pmdarima_model"

    def save(self, model: Any, folder: Path) -> FlavorConfig:
        """See `Flavor`."""
        pmdarima = require("pmdarima", extra="pmdarima")
        if not type(model).__module__.startswith("pmdarima."):
            raise InvalidArgument(f"{type(model).__name__} is no model of pmdarima.")
        with (folder / "model.pmd").open("wb") as file:
            pickle.dump(model, file)
        return {"data": "model.pmd", "pmdarima_version": pmdarima.__version__}

    def generic(self, config: FlavorConfig) -> FlavorConfig:
        """See `Flavor`."""
        return {"data": config["data"]}

    def load(self, folder: Path, config: FlavorConfig, trust: Trust) -> Any:
        """See `Flavor`."""
        require("pmdarima", extra="pmdarima")
        path = inside(folder, config.get("data"), "the model")
        trust.allow(path.relative_to(folder).as_posix(), "a pickle")
        with path.open("rb") as file:
            return pickle.load(file)  # noqa: S301 - asked of trust the line above

    def predictor(self, model: Any, config: FlavorConfig, folder: Path) -> Predictor:
        """See `Flavor`. The frame is one row with `n_periods`; other columns are arguments of the
        model's own `predict`. The answer has a column `yhat`."""
        del config, folder

        def predict(data: Any, params: Mapping[str, Any]) -> Any:
            pandas = require("pandas", extra="models")
            if not is_a(data, "pandas", "DataFrame") or "n_periods" not in data or len(data) != 1:
                raise InvalidArgument("Give a frame of one row with the column n_periods.")
            asked = {str(key): value for key, value in data.iloc[0].to_dict().items()}
            asked["n_periods"] = int(asked["n_periods"])
            return pandas.DataFrame({"yhat": list(model.predict(**{**asked, **params}))})

        return predict


FLAVOR: Final = PmdarimaFlavor()
save_model, log_model, load_model = doors(FLAVOR)
