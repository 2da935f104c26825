"""Spark: pipelines and models of pyspark.ml, in Spark's own folder form.

That form is JSON and Parquet, which name classes. A pipeline of Spark's own stages holds no code,
but for stages of SQL, which can call any static method of Java; those, and classes of others, must
be trusted.
"""

from __future__ import annotations

import importlib
import json
from typing import TYPE_CHECKING, Any, ClassVar, Final

from millrace.core.errors import InvalidArgument, MillraceError
from millrace.core.lazy import require
from millrace.models.flavor import doors
from millrace.models.inference import is_a
from millrace.models.packaging import inside

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from millrace.models.flavor import FlavorConfig, Predictor
    from millrace.models.trust import Trust

_FOLDER: Final = "sparkml"
_OURS: Final = ("org.apache.spark.ml.", "pyspark.ml.")
_RUNS_SQL: Final = "SQLTransformer"
_PREDICTION: Final = "prediction"


class SparkFlavor:
    """Fitted pipelines and models of pyspark.ml."""

    name: ClassVar[str] = "spark"
    requires: ClassVar[tuple[str, ...]] = ("pyspark",)
    argument: ClassVar[str] = "spark_model"

    def save(self, model: Any, folder: Path) -> FlavorConfig:
        """See `Flavor`. Spark writes the files: its workers must share this file system."""
        pyspark = require("pyspark", extra="spark")
        ml = require("pyspark.ml", extra="spark")
        if not isinstance(model, ml.Transformer) or not hasattr(model, "write"):
            raise InvalidArgument(
                f"{type(model).__name__} is no fitted model of pyspark.ml that can be written."
            )
        target = folder / _FOLDER
        model.write().save(target.resolve().as_uri())
        if not (target / "metadata").is_dir():
            raise MillraceError(
                f"Spark wrote the model, but not into {target}: its workers have another file "
                "system. Save to a folder that they share, or from a session in local mode."
            )
        kind = type(model)
        return {
            "model_data": _FOLDER,
            "pyspark_version": pyspark.__version__,
            "model_class": f"{kind.__module__}.{kind.__name__}",
        }

    def generic(self, config: FlavorConfig) -> FlavorConfig:
        """See `Flavor`."""
        return {"data": config["model_data"]}

    def load(self, folder: Path, config: FlavorConfig, trust: Trust) -> Any:
        """See `Flavor`. Starts a session of Spark unless there is one."""
        require("pyspark.ml", extra="spark")
        path = inside(folder, config.get("model_data") or config.get("data"), "the pipeline")
        named = config.get("model_class") or "pyspark.ml.pipeline.PipelineModel"
        for where, odd in _odd_parts(path, str(named)):
            trust.allow(where.relative_to(folder).as_posix(), f"a pipeline with {odd}")
        _session()
        module, _, name = str(named).rpartition(".")
        return getattr(importlib.import_module(module), name).load(path.resolve().as_uri())

    def predictor(self, model: Any, config: FlavorConfig, folder: Path) -> Predictor:
        """See `Flavor`. Frames go to Spark and come back as the column `prediction`."""
        del config, folder

        def predict(data: Any, params: Mapping[str, Any]) -> Any:
            if params:
                raise InvalidArgument(f"Pipelines of Spark take no params; got {sorted(params)}.")
            if not is_a(data, "pandas", "DataFrame"):
                raise InvalidArgument(
                    f"Pipelines of Spark score tables; got {type(data).__name__}. With a signature "
                    "of columns, lists and mappings become tables."
                )
            scored = model.transform(_session().createDataFrame(data))
            if _PREDICTION not in scored.columns:
                raise InvalidArgument(
                    f"The pipeline makes no column {_PREDICTION!r}, only {scored.columns}."
                )
            found = [row[0] for row in scored.select(_PREDICTION).collect()]
            return [one.toArray().tolist() if hasattr(one, "toArray") else one for one in found]

        return predict


def _session() -> Any:
    sql = require("pyspark.sql", extra="spark")
    return sql.SparkSession.builder.getOrCreate()


def _odd_parts(path: Path, named: str) -> Iterator[tuple[Path, str]]:
    """What in the folder may run code: its file, and in a few words why."""
    if not named.startswith(_OURS[1]):
        yield path, f"the class {named}"
    for file in sorted(path.rglob("*")):
        if file.is_symlink():
            yield file, "a link"
        # Of hidden files Spark takes no notice, of folders within one it does.
        is_said = "metadata" in file.relative_to(path).parts and file.is_file()
        if not is_said or file.name.startswith(("_", ".")):
            continue
        try:
            odd = _odd(json.loads(file.read_bytes()))
        except (ValueError, OSError):
            odd = "a description that is no JSON"
        if odd:
            yield file, odd


def _odd(said: Any) -> str | None:
    """Why the description of a stage is not one of Spark's own; None when it is."""
    kind = str(said.get("class")) if isinstance(said, dict) else "?"
    if not kind.startswith(_OURS):
        return f"the class {kind}"
    if kind.endswith(f".{_RUNS_SQL}"):
        return "a stage of SQL, which can call any code of Java"
    # Names of folders are made of them.
    uids = [said.get("uid"), *_stages(said)]
    if not all(isinstance(one, str) and "/" not in one for one in uids):
        return "stages outside its folder"
    return None


def _stages(said: dict[str, Any]) -> list[Any]:
    params = said.get("paramMap")
    found = params.get("stageUids", []) if isinstance(params, dict) else []
    return found if isinstance(found, list) else [None]


FLAVOR: Final = SparkFlavor()
save_model, log_model, load_model = doors(FLAVOR)
