"""A model as a function over Spark's columns (`millrace.pyfunc.spark_udf`)."""

# Spark and models have no types of their own here.

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from millrace.core.errors import InvalidArgument, NotSupported
from millrace.core.lazy import require
from millrace.models.batch import Scores
from millrace.models.model import Model
from millrace.models.resolve import resolve
from millrace.models.trust import Trust
from millrace.models.types import TensorSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

_ARRAY: Final = "array<"
_ADDED: Final = "spark-file:"
"""Before the name of a folder that Spark has carried to its workers."""


def spark_udf(  # noqa: PLR0913 - the field's options
    spark: Any,
    model_uri: str,
    result_type: str | None = None,
    *,
    env_manager: str = "local",
    params: Mapping[str, Any] | None = None,
    trusted: bool | None = None,
) -> Any:
    """A vectorized function of Spark that scores its columns with the model.

    Give it the model's columns in the order of the signature, or one struct of them.
    *result_type*: what it returns, in Spark's words, such as `double` (the default, for text and
    numbers the signature knows better), `array<double>`, `label string, score double`. The model is
    resolved here and sent to the workers; each of their processes loads it once.
    """
    functions = require("pyspark.sql.functions", extra="spark")
    pandas = require("pandas", extra="models")
    if env_manager != "local":
        raise NotSupported(
            f"env_manager={env_manager!r} is not offered for Spark; the workers' own Python scores "
            "(env_manager='local')."
        )
    found = resolve(model_uri)
    word = trusted if trusted is not None else Trust(found.folder, found.origin).allows() or None
    about = Model.load(found.folder)
    schema = about.get_input_schema()
    names = [str(name) for name in schema.input_names()] if schema else []
    folder = str(found.folder)
    if not str(spark.sparkContext.master).startswith("local"):
        spark.sparkContext.addFile(folder, recursive=True)
        folder = f"{_ADDED}{found.folder.name}"
    kind = result_type or _result_of(about)
    scorer = _Columns(Scores(folder, params=params, trusted=word), names, kind)

    def score(*columns: Any) -> Any:
        return scorer(*columns)

    # Spark reads what the function takes and gives from its hints.
    struct = _is_struct(kind)
    score.__annotations__ = {
        "columns": pandas.Series,
        "return": pandas.DataFrame if struct else pandas.Series,
    }
    return functions.pandas_udf(score, returnType=kind)


def _is_struct(kind: str) -> bool:
    return not kind.startswith(_ARRAY) and (" " in kind.strip() or ":" in kind)


class _Columns:
    """Scores columns; goes to the workers by pickle."""

    def __init__(self, scores: Scores, names: list[str], kind: str) -> None:
        self._scores = scores
        self._names = names
        self._kind = kind

    def __call__(self, *columns: Any) -> Any:
        pandas = require("pandas", extra="models")
        if self._scores.model_uri.startswith(_ADDED):
            pyspark = require("pyspark", extra="spark")
            name = self._scores.model_uri.removeprefix(_ADDED)
            self._scores.model_uri = pyspark.SparkFiles.get(name)
        if len(columns) == 1 and hasattr(columns[0], "columns"):
            frame = columns[0]
        else:
            names = self._names or [str(at) for at in range(len(columns))]
            if len(columns) > len(names):
                raise InvalidArgument(
                    f"The function got {len(columns)} columns; the model takes {names}."
                )
            frame = pandas.concat(list(columns), axis=1)
            frame.columns = names[: len(columns)]
        found = self._scores(frame)
        if self._kind.startswith(_ARRAY):
            return pandas.Series(found.to_numpy().tolist())
        if _is_struct(self._kind):
            return found
        return found.iloc[:, 0].reset_index(drop=True)


def _result_of(about: Model) -> str:
    """What Spark calls the type of the model's only output; double unless the signature says."""
    schema = about.get_output_schema()
    if schema is None or len(schema) != 1:
        return "double"
    (one,) = schema
    if isinstance(one, TensorSpec):
        if len(one.shape) > 1:
            return "array<double>"
        return _SPARK.get(str(one.type.name), "string" if one.type.kind in "OUS" else "double")
    return _SPARK.get(str(one.type), "double")


_SPARK: Final = {
    "boolean": "boolean",
    "bool": "boolean",
    "integer": "int",
    "int32": "int",
    "long": "long",
    "int64": "long",
    "float": "float",
    "float32": "float",
    "double": "double",
    "float64": "double",
    "string": "string",
    "datetime": "timestamp",
    "binary": "binary",
}
