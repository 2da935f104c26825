"""Transformers: pipelines, with weights as safetensors. Code from a repository is never fetched."""

from __future__ import annotations

import json
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

_PARTS: Final = ("tokenizer", "feature_extractor", "image_processor", "processor")


class TransformersFlavor:
    """Pipelines, or a mapping of their parts with *task*."""

    name: ClassVar[str] = "transformers"
    requires: ClassVar[tuple[str, ...]] = ("transformers", "torch", "safetensors")
    argument: ClassVar[str] = "transformers_model"

    def save(self, model: Any, folder: Path, *, task: str | None = None) -> FlavorConfig:
        """See `Flavor`. *task*: what a mapping of parts (`model`, `tokenizer`, ...) is for."""
        transformers = require("transformers", extra="transformers")
        if isinstance(model, dict):
            if task is None:
                raise InvalidArgument(
                    "Say which task the parts are for: task='text-classification'."
                )
            model = transformers.pipeline(task, **model)
        if not isinstance(model, transformers.Pipeline):
            raise InvalidArgument(f"{type(model).__name__} is no pipeline of Transformers.")
        model.model.save_pretrained(folder / "model", safe_serialization=True)
        parts = {}
        for name in _PARTS:
            part = getattr(model, name, None)
            if part is not None:
                part.save_pretrained(folder / "components" / name)
                parts[name] = f"components/{name}"
        return {
            "task": model.task,
            "instance_type": type(model).__name__,
            "model_binary": "model",
            "components": sorted(parts),
            "transformers_version": transformers.__version__,
        }

    def generic(self, config: FlavorConfig) -> FlavorConfig:
        """See `Flavor`."""
        return {"task": config["task"]}

    def load(
        self, folder: Path, config: FlavorConfig, trust: Trust, *, device: str | int | None = None
    ) -> Any:
        """See `Flavor`."""
        transformers = require("transformers", extra="transformers")
        path = inside(folder, config.get("model_binary"), "the model")
        remote = "auto_map" in json.loads((path / "config.json").read_text(encoding="utf-8"))
        if remote:
            trust.allow(f"{path.name}/config.json", "a model with Python code of its own")
        parts = {
            name: str(inside(folder, f"components/{name}", f"the {name}"))
            for name in config.get("components") or ()
            if name in _PARTS
        }
        return transformers.pipeline(
            str(config.get("task")),
            model=str(path),
            device=device,
            trust_remote_code=remote,
            **parts,
        )

    def predictor(self, model: Any, config: FlavorConfig, folder: Path) -> Predictor:
        """See `Flavor`. One column of text, or a list; answers of one row are one row."""
        del config, folder

        def predict(data: Any, params: Mapping[str, Any]) -> Any:
            pandas = require("pandas", extra="models")
            if is_a(data, "pandas", "DataFrame"):
                data = data.iloc[:, 0].tolist()
            found = model(data if isinstance(data, str) else list(data), **params)
            rows = found if isinstance(found, list) else [found]
            if rows and all(isinstance(one, dict) for one in rows):
                return pandas.DataFrame(rows)
            return rows

        return predict


FLAVOR: Final = TransformersFlavor()
save_model, log_model, load_model = doors(FLAVOR)
