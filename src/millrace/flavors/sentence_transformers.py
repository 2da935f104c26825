"""Sentence Transformers: encoders of text, with weights as safetensors."""

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

_FOLDER: Final = "model.sentence_transformer"


class SentenceTransformersFlavor:
    """Encoders."""

    name: ClassVar[str] = "sentence_transformers"
    requires: ClassVar[tuple[str, ...]] = ("sentence-transformers", "torch", "transformers")
    argument: ClassVar[str] = "model"

    def save(self, model: Any, folder: Path) -> FlavorConfig:
        """See `Flavor`."""
        library = require("sentence_transformers", extra="sentence-transformers")
        if not isinstance(model, library.SentenceTransformer):
            raise InvalidArgument(f"{type(model).__name__} is no SentenceTransformer.")
        model.save(str(folder / _FOLDER), safe_serialization=True)
        return {"data": _FOLDER, "sentence_transformers_version": library.__version__}

    def generic(self, config: FlavorConfig) -> FlavorConfig:
        """See `Flavor`."""
        return {"data": config["data"]}

    def load(self, folder: Path, config: FlavorConfig, trust: Trust) -> Any:
        """See `Flavor`."""
        library = require("sentence_transformers", extra="sentence-transformers")
        path = inside(folder, config.get("data"), "the encoder")
        listed = path / "modules.json"
        kinds = [
            str(one.get("type"))
            for one in json.loads(listed.read_text(encoding="utf-8"))
            if not str(one.get("type")).startswith("sentence_transformers.")
        ]
        if kinds:
            named = listed.relative_to(folder).as_posix()
            trust.allow(named, f"a list of modules to import ({', '.join(kinds[:5])})")
        return library.SentenceTransformer(
            str(path), device="cpu", trust_remote_code=bool(kinds), local_files_only=True
        )

    def predictor(self, model: Any, config: FlavorConfig, folder: Path) -> Predictor:
        """See `Flavor`. One column of text, or a list; the answer is a matrix, a row each."""
        del config, folder

        def predict(data: Any, params: Mapping[str, Any]) -> Any:
            if is_a(data, "pandas", "DataFrame"):
                data = data.iloc[:, 0].tolist()
            return model.encode([data] if isinstance(data, str) else list(data), **params)

        return predict


FLAVOR: Final = SentenceTransformersFlavor()
save_model, log_model, load_model = doors(FLAVOR)
