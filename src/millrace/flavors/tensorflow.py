"""TensorFlow: Keras models as Keras' own archive, other modules as SavedModel.

A SavedModel is a graph without Python, yet it is a program: it may read and write files. So it must
be trusted; a Keras archive need not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from millrace.core.errors import InvalidArgument
from millrace.core.lazy import require
from millrace.flavors.keras import FLAVOR as KERAS
from millrace.models.flavor import doors
from millrace.models.inference import is_a
from millrace.models.packaging import inside

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from millrace.models.flavor import FlavorConfig, Predictor
    from millrace.models.trust import Trust

_KERAS: Final = "keras"
_MODULE: Final = "tf2-module"
_GRAPH: Final = "tf2model"
_ENTRY: Final = "serving_default"


class TensorflowFlavor:
    """Models of Keras on TensorFlow, and modules of TensorFlow itself."""

    name: ClassVar[str] = "tensorflow"
    requires: ClassVar[tuple[str, ...]] = ("tensorflow", "tensorflow-cpu", "keras")
    argument: ClassVar[str] = "model"

    def save(self, model: Any, folder: Path, *, signatures: Any = None) -> FlavorConfig:
        """See `Flavor`. *signatures*: what a SavedModel can be asked, as `tf.saved_model.save`
        takes it; by default, its functions with an `input_signature`."""
        tensorflow = require("tensorflow", extra="tensorflow")
        if isinstance(model, tensorflow.keras.Model):
            kept = KERAS.save(model, folder)
            # MLflow reads in these what it wrote, and how.
            (folder / "data" / "keras_module.txt").write_text("tensorflow.keras", encoding="utf-8")
            (folder / "data" / "save_format.txt").write_text("tf", encoding="utf-8")
            return {**kept, "model_type": _KERAS, "save_format": "tf"}
        if not isinstance(model, tensorflow.Module):
            raise InvalidArgument(
                f"{type(model).__name__} is neither a model of Keras nor a tf.Module."
            )
        tensorflow.saved_model.save(model, folder / _GRAPH, signatures=signatures)
        return {"model_type": _MODULE, "saved_model_dir": _GRAPH}

    def generic(self, config: FlavorConfig) -> FlavorConfig:
        """See `Flavor`."""
        return {"data": config["data"]} if "data" in config else {}

    def load(self, folder: Path, config: FlavorConfig, trust: Trust) -> Any:
        """See `Flavor`."""
        tensorflow = require("tensorflow", extra="tensorflow")
        if config.get("model_type", _KERAS) == _KERAS:
            return KERAS.load(folder, config, trust)
        path = inside(folder, config.get("saved_model_dir"), "the SavedModel")
        trust.allow(
            (path / "saved_model.pb").relative_to(folder).as_posix(),
            "a TensorFlow graph, which may read and write files",
            instead="a Keras model",
        )
        return tensorflow.saved_model.load(path)

    def predictor(self, model: Any, config: FlavorConfig, folder: Path) -> Predictor:
        """See `Flavor`. Frames become one tensor of 32-bit floats, mappings named arguments."""
        tensorflow = require("tensorflow", extra="tensorflow")
        if isinstance(model, tensorflow.keras.Model):
            return KERAS.predictor(model, config, folder)
        score = model if callable(model) else getattr(model, "signatures", {}).get(_ENTRY)
        if score is None:
            raise InvalidArgument(
                f"The SavedModel is no function and has no signature {_ENTRY!r} to score with. "
                "Give the module a __call__ with an input_signature, or save it with signatures=."
            )

        tensor = tensorflow.convert_to_tensor

        def predict(data: Any, params: Mapping[str, Any]) -> Any:
            if isinstance(data, dict):
                found = score(**{name: tensor(one) for name, one in data.items()}, **params)
            elif is_a(data, "pandas", "DataFrame"):
                found = score(tensor(data.to_numpy(dtype="float32")), **params)
            else:
                found = score(tensor(data), **params)
            if isinstance(found, dict):
                return {name: one.numpy() for name, one in found.items()}
            if is_a(data, "pandas", "DataFrame"):
                pandas = require("pandas", extra="models")
                return pandas.DataFrame(found.numpy(), index=data.index)
            return found.numpy()

        return predict


FLAVOR: Final = TensorflowFlavor()
save_model, log_model, load_model = doors(FLAVOR)
