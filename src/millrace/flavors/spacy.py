"""spaCy: pipelines, in the library's own folder form, which names components and holds no code."""

from __future__ import annotations

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


class SpacyFlavor:
    """Pipelines; text classifiers score."""

    name: ClassVar[str] = "spacy"
    requires: ClassVar[tuple[str, ...]] = ("spacy",)
    argument: ClassVar[str] = "spacy_model"

    def save(self, model: Any, folder: Path) -> FlavorConfig:
        """See `Flavor`."""
        spacy = require("spacy", extra="spacy")
        if not isinstance(model, spacy.language.Language):
            raise InvalidArgument(f"{type(model).__name__} is no pipeline of spaCy.")
        model.to_disk(folder / "model.spacy")
        return {"data": "model.spacy", "spacy_version": spacy.__version__}

    def generic(self, config: FlavorConfig) -> FlavorConfig:
        """See `Flavor`."""
        return {"data": config["data"]}

    def load(self, folder: Path, config: FlavorConfig, trust: Trust) -> Any:
        """See `Flavor`."""
        del trust
        spacy = require("spacy", extra="spacy")
        return spacy.load(inside(folder, config.get("data"), "the pipeline"))

    def predictor(self, model: Any, config: FlavorConfig, folder: Path) -> Predictor:
        """See `Flavor`. One column of text; the answer has one of categories with their scores."""
        del config, folder

        def predict(data: Any, params: Mapping[str, Any]) -> Any:
            del params
            pandas = require("pandas", extra="models")
            texts = data.iloc[:, 0].tolist() if is_a(data, "pandas", "DataFrame") else list(data)
            return pandas.DataFrame({"predictions": [doc.cats for doc in model.pipe(texts)]})

        return predict


FLAVOR: Final = SpacyFlavor()
save_model, log_model, load_model = doors(FLAVOR)
