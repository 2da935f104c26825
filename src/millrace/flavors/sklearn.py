"""scikit-learn: estimators and pipelines, in the safe format of skops where that can hold them."""

from __future__ import annotations

import logging
import pickle
from typing import TYPE_CHECKING, Any, ClassVar, Final

from millrace.core.errors import InvalidArgument
from millrace.core.lazy import require
from millrace.models import plain_skops
from millrace.models.flavor import doors
from millrace.models.packaging import inside

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from millrace.models.flavor import FlavorConfig, Predictor
    from millrace.models.trust import Trust

logger = logging.getLogger(__name__)

SKOPS: Final = "skops"
CLOUDPICKLE: Final = "cloudpickle"
PICKLE: Final = "pickle"
_FORMATS: Final = (SKOPS, CLOUDPICKLE, PICKLE)


class SklearnFlavor:
    """Estimators of scikit-learn, and whatever behaves as they do."""

    name: ClassVar[str] = "sklearn"
    requires: ClassVar[tuple[str, ...]] = ("scikit-learn", "skops")
    argument: ClassVar[str] = "sk_model"

    def save(
        self,
        model: Any,
        folder: Path,
        *,
        serialization_format: str | None = None,
        pyfunc_predict_fn: str = "predict",
        skops_trusted_types: list[str] | None = None,
    ) -> FlavorConfig:
        """See `Flavor`. *serialization_format*: skops, cloudpickle or pickle; by default skops,
        and cloudpickle where skops cannot hold the model."""
        sklearn = require("sklearn", extra="sklearn")
        if serialization_format not in {None, *_FORMATS}:
            raise InvalidArgument(
                f"serialization_format {serialization_format!r}: one of {', '.join(_FORMATS)}."
            )
        way = serialization_format or SKOPS
        trusted: list[str] | None = None
        if way == SKOPS:
            try:
                trusted = _dump_skops(model, folder / "model.skops")
            except Exception as error:
                if serialization_format == SKOPS:
                    raise InvalidArgument(f"skops cannot hold this model: {error}.") from error
                logger.warning(
                    "skops cannot hold this model, so it is pickled, and others must trust it to "
                    "load it: %s",
                    error,
                )
                (folder / "model.skops").unlink(missing_ok=True)
                way = CLOUDPICKLE
        file = "model.skops" if way == SKOPS else "model.pkl"
        if way != SKOPS:
            pickler = pickle if way == PICKLE else require("cloudpickle", extra="models")
            with (folder / file).open("wb") as out:
                pickler.dump(model, out)
        return {
            "pickled_model": file,
            "sklearn_version": sklearn.__version__,
            "serialization_format": way,
            "skops_trusted_types": skops_trusted_types or trusted or None,
            "predict_fn": pyfunc_predict_fn,
        }

    def generic(self, config: FlavorConfig) -> FlavorConfig:
        """See `Flavor`."""
        return {"model_path": config["pickled_model"], "predict_fn": config["predict_fn"]}

    def load(self, folder: Path, config: FlavorConfig, trust: Trust) -> Any:
        """See `Flavor`."""
        require("sklearn", extra="sklearn")
        named = config.get("pickled_model") or config.get("model_path")
        path = inside(folder, named, "the estimator")
        if config.get("serialization_format") == SKOPS:
            return _load_skops(path, trust)
        trust.allow(path.relative_to(folder).as_posix(), "a pickle", instead="skops")
        with path.open("rb") as file:
            return pickle.load(file)  # noqa: S301 - asked of trust before

    def predictor(self, model: Any, config: FlavorConfig, folder: Path) -> Predictor:
        """See `Flavor`."""
        del folder
        name = config.get("predict_fn") or "predict"
        score = getattr(model, name, None)
        if score is None:
            raise InvalidArgument(f"{type(model).__name__} has no method {name!r} to score with.")

        def predict(data: Any, params: Mapping[str, Any]) -> Any:
            return score(data, **params)

        return predict


def _dump_skops(model: Any, path: Path) -> list[str]:
    """Write the model; the types in it that skops does not know to be harmless."""
    skops = require("skops.io", extra="sklearn")
    skops.dump(model, path)
    unknown = sorted(skops.get_untrusted_types(file=path))
    of_script = [name for name in unknown if name.startswith("__main__.")]
    if of_script:
        raise InvalidArgument(f"{of_script[0]} is the script's own and not to be had elsewhere")
    return unknown


def _load_skops(path: Path, trust: Trust) -> Any:
    try:
        return plain_skops.read(path)
    except plain_skops.NotPlain:
        pass
    skops = require("skops.io", extra="sklearn")
    unknown = sorted(skops.get_untrusted_types(file=path))
    if unknown:
        # The model's own list of what to trust is the word of whoever wrote it.
        names = ", ".join(unknown[:10])
        trust.allow(path.name, f"a skops file with types of unknown effect ({names})")
    return skops.load(path, trusted=unknown)


FLAVOR: Final = SklearnFlavor()
save_model, log_model, load_model = doors(FLAVOR)
