"""ONNX: graphs, run by ONNX Runtime. The format holds no code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from millrace.core.errors import InvalidArgument
from millrace.core.lazy import require
from millrace.models.flavor import doors
from millrace.models.inference import is_a
from millrace.models.packaging import inside

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from millrace.models.flavor import FlavorConfig, Predictor
    from millrace.models.trust import Trust

_PROVIDERS: Final = ("CUDAExecutionProvider", "CPUExecutionProvider")


class OnnxFlavor:
    """Graphs, whoever made them."""

    name: ClassVar[str] = "onnx"
    requires: ClassVar[tuple[str, ...]] = ("onnx", "onnxruntime")
    argument: ClassVar[str] = "onnx_model"

    def save(
        self,
        model: Any,
        folder: Path,
        *,
        onnx_execution_providers: Sequence[str] | None = None,
        onnx_session_options: Mapping[str, Any] | None = None,
        save_as_external_data: bool = False,
    ) -> FlavorConfig:
        """See `Flavor`. *onnx_execution_providers*: what may run it, the best first.
        *save_as_external_data*: weights go into a file beside, as graphs beyond 2 GB must."""
        onnx = require("onnx", extra="onnx")
        if not isinstance(model, onnx.ModelProto):
            raise InvalidArgument(
                f"An ONNX model is an onnx.ModelProto, not {type(model).__name__}."
            )
        path = folder / "model.onnx"
        onnx.save_model(model, str(path), save_as_external_data=save_as_external_data)
        onnx.checker.check_model(str(path))
        return {
            "data": path.name,
            "onnx_version": onnx.__version__,
            "providers": list(onnx_execution_providers or _PROVIDERS),
            "onnx_session_options": dict(onnx_session_options) if onnx_session_options else None,
        }

    def generic(self, config: FlavorConfig) -> FlavorConfig:
        """See `Flavor`."""
        return {"data": config["data"]}

    def load(self, folder: Path, config: FlavorConfig, trust: Trust) -> Any:
        """See `Flavor`."""
        del trust
        onnx = require("onnx", extra="onnx")
        return onnx.load(str(inside(folder, config.get("data"), "the graph")))

    def predictor(self, model: Any, config: FlavorConfig, folder: Path) -> Predictor:
        """See `Flavor`."""
        del model
        runtime = require("onnxruntime", extra="onnx")
        options = runtime.SessionOptions()
        for name, value in (config.get("onnx_session_options") or {}).items():
            if name.startswith("_") or not hasattr(options, name):
                raise InvalidArgument(f"ONNX Runtime has no session option {name!r}.")
            setattr(options, name, value)
        there = set(runtime.get_available_providers())
        providers = [one for one in config.get("providers") or _PROVIDERS if one in there]
        path = inside(folder, config.get("data"), "the graph")
        session = runtime.InferenceSession(str(path), options, providers=providers or None)
        inputs = {one.name: one for one in session.get_inputs()}
        outputs = [one.name for one in session.get_outputs()]

        def predict(data: Any, params: Mapping[str, Any]) -> Any:
            del params
            found = dict(zip(outputs, session.run(outputs, _feed(data, inputs)), strict=True))
            return _framed(found, data) if is_a(data, "pandas", "DataFrame") else found

        return predict


def _feed(data: Any, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What each input of the graph is given: columns by name, or all of them as one matrix."""
    numpy = require("numpy", extra="onnx")

    def typed(values: Any, name: str) -> Any:
        kind = inputs[name].type
        array = numpy.asarray(values)
        wanted = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(int64)": "int64"}
        return array.astype(wanted[kind]) if kind in wanted else array

    if is_a(data, "pandas", "DataFrame"):
        if len(inputs) == 1:
            (name,) = inputs
            return {name: typed(data.to_numpy(), name)}
        data = {name: data[name].to_numpy().reshape(-1, 1) for name in inputs if name in data}
    if isinstance(data, dict):
        missing = sorted(inputs.keys() - data.keys())
        if missing:
            raise InvalidArgument(
                f"The graph has the inputs {sorted(inputs)}; {missing[0]!r} is missing."
            )
        return {name: typed(data[name], name) for name in inputs}
    if len(inputs) != 1:
        raise InvalidArgument(f"The graph has several inputs, {sorted(inputs)}: give a mapping.")
    (name,) = inputs
    return {name: typed(data, name)}


def _framed(found: Mapping[str, Any], data: Any) -> Any:
    """Outputs as columns; one of several values a row is a column of lists."""
    pandas = require("pandas", extra="onnx")
    columns = {
        name: list(values)
        if getattr(values, "ndim", 1) > 1 and values.shape[-1] != 1
        else list(_flat(values))
        for name, values in found.items()
    }
    return pandas.DataFrame(columns, index=data.index)


def _flat(values: Any) -> Any:
    return values.reshape(-1) if hasattr(values, "reshape") else values


FLAVOR: Final = OnnxFlavor()
save_model, log_model, load_model = doors(FLAVOR)
