"""PyTorch: exported graphs where there is an example to trace with, else the module itself.

An exported graph (`torch.export`) holds no code. A module is a pickle; one made of PyTorch's own
parts is read by an unpickler that knows only those (`weights_only`), others must be trusted.
"""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from millrace.core.errors import InvalidArgument
from millrace.core.lazy import require
from millrace.models.flavor import doors
from millrace.models.inference import is_a
from millrace.models.packaging import inside

if TYPE_CHECKING:
    from collections.abc import Mapping

    from millrace.models.flavor import FlavorConfig, Predictor
    from millrace.models.trust import Trust

_MODULE: Final = "model.pth"
_GRAPH: Final = "model.pt2"
_WEIGHTS: Final = "state_dict.safetensors"
_STATE: Final = "state_dict.pth"
_PICKLE_MODULE: Final = "mlflow.pytorch.pickle_module"
"""What MLflow is told to unpickle with."""


class PytorchFlavor:
    """Modules, and exported programs."""

    name: ClassVar[str] = "pytorch"
    requires: ClassVar[tuple[str, ...]] = ("torch", "cloudpickle")
    argument: ClassVar[str] = "pytorch_model"

    def save(
        self,
        model: Any,
        folder: Path,
        *,
        export_example: Any = None,
        dynamic_shapes: Any = None,
    ) -> FlavorConfig:
        """See `Flavor`. *export_example*: a tensor, or a tuple of the module's arguments; the
        module is traced with it, and only its graph and weights are kept. Batches of other sizes
        are allowed unless *dynamic_shapes* says otherwise."""
        torch = require("torch", extra="pytorch")
        data = folder / "data"
        data.mkdir()
        if isinstance(model, torch.export.ExportedProgram):
            torch.export.save(model, data / _GRAPH)
        elif not isinstance(model, torch.nn.Module):
            raise InvalidArgument(f"{type(model).__name__} is no torch.nn.Module.")
        elif export_example is not None:
            torch.export.save(
                _exported(torch, model, export_example, dynamic_shapes), data / _GRAPH
            )
        elif isinstance(model, torch.jit.ScriptModule):
            torch.jit.save(model, data / _MODULE)
        else:
            pickler = require("cloudpickle", extra="pytorch")
            with (data / _MODULE).open("wb") as out:
                torch.save(model, out, pickle_module=pickler)
            (data / "pickle_module_info.txt").write_text(_PICKLE_MODULE, encoding="utf-8")
        return {"model_data": "data", "pytorch_version": str(torch.__version__)}

    def generic(self, config: FlavorConfig) -> FlavorConfig:
        """See `Flavor`."""
        return {
            "data": config["model_data"],
            "pickle_module_name": _PICKLE_MODULE,
            "config": {"device": None},
        }

    def load(
        self, folder: Path, config: FlavorConfig, trust: Trust, *, device: str | None = None
    ) -> Any:
        """See `Flavor`. *device*: where the weights go, the processor by default."""
        torch = require("torch", extra="pytorch")
        data = inside(folder, config.get("model_data") or config.get("data"), "the module")
        where = device or "cpu"
        if (data / _GRAPH).is_file():
            return torch.export.load(data / _GRAPH).module().to(where)
        path = inside(data, _MODULE, "the module")
        # TorchScript is a language of its own, run by an interpreter that reaches nothing else.
        if _is_script(path):
            return torch.jit.load(path, map_location=where)
        try:
            with torch.serialization.safe_globals(_own_parts(torch)):
                return torch.load(path, map_location=where, weights_only=True)
        except pickle.UnpicklingError:
            trust.allow(
                path.relative_to(folder).as_posix(),
                "a pickle of more than PyTorch's own parts",
                instead="a graph (export_example=...)",
            )
        return torch.load(path, map_location=where, weights_only=False)

    def predictor(self, model: Any, config: FlavorConfig, folder: Path) -> Predictor:
        """See `Flavor`. Frames and arrays of numbers become one tensor of 32-bit floats, mappings
        the module's named arguments."""
        del config, folder
        torch = require("torch", extra="pytorch")
        if isinstance(model, torch.export.ExportedProgram):
            model = model.module()

        def tensor(values: Any) -> Any:
            found = torch.as_tensor(values)
            return found.float() if found.dtype is torch.float64 else found

        def predict(data: Any, params: Mapping[str, Any]) -> Any:
            # A graph was traced in the mode in which it scores, and knows no other.
            if model.training and not isinstance(model, torch.fx.GraphModule):
                model.eval()
            with torch.no_grad():
                if isinstance(data, dict):
                    found = model(**{name: tensor(one) for name, one in data.items()}, **params)
                else:
                    rows = data.to_numpy() if is_a(data, "pandas", "DataFrame") else data
                    found = model(tensor(rows), **params)
            if is_a(data, "pandas", "DataFrame") and hasattr(found, "numpy"):
                pandas = require("pandas", extra="pytorch")
                return pandas.DataFrame(found.cpu().numpy(), index=data.index)
            return found.cpu().numpy() if hasattr(found, "numpy") else found

        return predict


def _exported(torch: Any, model: Any, example: Any, shapes: Any) -> Any:
    given = example if isinstance(example, tuple) else (example,)
    given = tuple(torch.as_tensor(one) for one in given)
    if shapes is None:
        batch = torch.export.Dim("batch", min=1)
        shapes = tuple({0: batch} if one.dim() else None for one in given)
        # A batch of one would be taken for a constant.
        given = tuple(
            torch.cat([one, one]) if one.dim() and len(one) == 1 else one for one in given
        )
    model.eval()
    return torch.export.export(model, given, dynamic_shapes=shapes)


def _is_script(path: Path) -> bool:
    """Whether the file is TorchScript."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        names = {name.partition("/")[2] for name in archive.namelist()}
    return "constants.pkl" in names and any(name.startswith("code/") for name in names)


def _own_parts(torch: Any) -> list[Any]:
    """The classes of PyTorch's own modules: they can be made without running anybody's code."""
    found: list[Any] = [set]
    waiting = [torch.nn.Module]
    while waiting:
        for one in waiting.pop().__subclasses__():
            if one.__module__.startswith("torch.nn.modules."):
                found.append(one)
                waiting.append(one)
    return found


def save_state_dict(state_dict: Mapping[str, Any], path: str | Path) -> None:
    """Save weights in the folder *path*: as safetensors, or as PyTorch's own where it must be."""
    torch = require("torch", extra="pytorch")
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    if all(isinstance(one, torch.Tensor) for one in state_dict.values()):
        flat = {name: one.detach().clone().contiguous() for name, one in state_dict.items()}
        require("safetensors.torch", extra="pytorch").save_file(flat, folder / _WEIGHTS)
    else:
        torch.save(dict(state_dict), folder / _STATE)


def load_state_dict(path: str | Path) -> Any:
    """The weights that `save_state_dict`, ours or MLflow's, has put into the folder *path*."""
    torch = require("torch", extra="pytorch")
    folder = Path(path)
    if (folder / _WEIGHTS).is_file():
        return require("safetensors.torch", extra="pytorch").load_file(folder / _WEIGHTS)
    return torch.load(folder / _STATE, map_location="cpu", weights_only=True)


FLAVOR: Final = PytorchFlavor()
save_model, log_model, load_model = doors(FLAVOR)
