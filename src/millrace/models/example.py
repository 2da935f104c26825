"""Input examples: kept beside the model as JSON, in a form that its server takes as it is."""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from millrace.core.errors import InvalidArgument
from millrace.core.lazy import require
from millrace.files.documents import read_json
from millrace.models.inference import is_a, to_pandas

if TYPE_CHECKING:
    from pathlib import Path

    from millrace.models.types import Schema

EXAMPLE: Final = "input_example.json"
SERVING: Final = "serving_input_example.json"
OUTPUT: Final = "output_example.json"
"""What the model made of the example when it was saved. Ours; others pass it by."""
_LARGEST: Final = 256 * 1024 * 1024


class Example(Struct, frozen=True):
    """An input, perhaps with params."""

    data: Any
    params: dict[str, Any] | None = None


def example_of(given: Any) -> Example:
    """What a user gave as an example: data, or a pair of data and params."""
    if isinstance(given, tuple):
        if len(given) == 2 and isinstance(given[1], Mapping):  # noqa: PLR2004 - a pair
            return Example(given[0], dict(given[1]))
        raise InvalidArgument(
            "An input example is data, or a pair of data and a mapping of params."
        )
    return Example(given)


def save_example(example: Example, folder: Path) -> dict[str, Any]:
    """Write the example into *folder*; what `MLmodel` says of it."""
    kept, kind = _encoded(example.data)
    info: dict[str, Any] = {"artifact_path": EXAMPLE, "type": kind}
    if kind == "dataframe":
        info["pandas_orient"] = "split"
        serving: dict[str, Any] = {"dataframe_split": kept}
    else:
        serving = {"inputs": kept}
        if kind == "ndarray":
            info["format"] = "tf-serving"
    if example.params:
        params = plain(example.params)
        kept = {"inputs": kept, "params": params}
        serving["params"] = params
        info["params"] = "true"
    _write(folder / EXAMPLE, kept)
    if not kind.startswith("sparse"):
        _write(folder / SERVING, serving)
        info["serving_input_path"] = SERVING
    return info


def save_output(output: Any, folder: Path) -> dict[str, Any]:
    """Write what the model made of its example; what `MLmodel` says of it."""
    kept, kind = _encoded(output)
    _write(folder / OUTPUT, kept)
    return {"artifact_path": OUTPUT, "type": kind}


def load_output(folder: Path) -> Any:
    """What the model made of its example when it was saved, as JSON has it; None without one."""
    path = folder / OUTPUT
    return read_json(path.read_bytes(), limit=_LARGEST) if path.is_file() else None


def load_example(info: Mapping[str, Any], folder: Path, schema: Schema | None = None) -> Example:
    """The example that is kept in *folder*, as *info* in `MLmodel` describes it."""
    path = folder / str(info.get("artifact_path", EXAMPLE))
    if path.resolve().parent != folder.resolve():
        raise InvalidArgument(f"MLmodel names an example outside the model: {str(path)!r}.")
    kept = read_json(path.read_bytes(), limit=_LARGEST)
    params = None
    if str(info.get("params", "")).lower() == "true":
        kept, params = kept.get("inputs"), kept.get("params")
    return Example(_decoded(kept, str(info.get("type", "")), schema), params)


def plain(value: Any) -> Any:  # noqa: C901, PLR0911, PLR0912 - one arm a kind
    """*value* as JSON can hold it: numpy's numbers as Python's, times as ISO text, bytes as base64,
    what is absent as null."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if is_a(value, "pandas", "NAType", "NaTType"):  # NaT is a datetime, too
        return None
    if isinstance(value, (dt.datetime, dt.date)):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(one) for one in value]
    if is_a(value, "pandas", "DataFrame"):
        return _split(value)
    if is_a(value, "numpy", "datetime64"):
        return str(value)
    if is_a(value, "torch", "Tensor"):
        value = value.detach().cpu().numpy()
    if hasattr(value, "toarray"):
        value = value.toarray()
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if hasattr(value, "to_list"):
        return plain(value.to_list())
    if hasattr(value, "model_dump"):  # pydantic
        return plain(value.model_dump())
    raise InvalidArgument(f"{type(value).__name__} cannot be written as JSON.")


def _encoded(data: Any) -> tuple[Any, str]:
    if is_a(data, "polars", "DataFrame", "LazyFrame") or is_a(data, "pyarrow", "Table"):
        data = to_pandas(data)
    if is_a(data, "pandas", "Series"):
        data = data.to_frame()
    if is_a(data, "pandas", "DataFrame"):
        return _split(data), "dataframe"
    if is_a(data, "scipy", "spmatrix", "sparray", "_spbase"):
        name = "sparse_matrix_csc" if data.format == "csc" else "sparse_matrix_csr"
        data = data if data.format == "csc" else data.tocsr()
        parts = {key: plain(getattr(data, key)) for key in ("data", "indices", "indptr")}
        return {**parts, "shape": list(data.shape)}, name
    arrays = data.values() if isinstance(data, Mapping) and data else [data]
    if all(is_a(one, "numpy", "ndarray") or is_a(one, "torch", "Tensor") for one in arrays):
        return plain(data), "ndarray"
    return plain(data), "json_object"


def _split(frame: Any) -> dict[str, Any]:
    columns = [name if isinstance(name, (str, int)) else str(name) for name in frame.columns]
    by_column = [plain(frame.iloc[:, at].tolist()) for at in range(len(columns))]
    return {"columns": columns, "data": [list(row) for row in zip(*by_column, strict=True)]}


def _decoded(kept: Any, kind: str, schema: Schema | None) -> Any:
    if kind == "dataframe":
        pandas = require("pandas", extra="models")
        return pandas.DataFrame(kept["data"], columns=kept["columns"])
    if kind == "ndarray":
        numpy = require("numpy", extra="models")
        if isinstance(kept, Mapping):
            types = {one.name: one.type for one in schema.tensors} if schema else {}
            return {name: numpy.asarray(one, dtype=types.get(name)) for name, one in kept.items()}
        types_ = [one.type for one in schema.tensors] if schema else []
        return numpy.asarray(kept, dtype=types_[0] if types_ else None)
    if kind.startswith("sparse_matrix"):
        sparse = require("scipy.sparse", extra="sklearn")
        make = sparse.csc_matrix if kind.endswith("csc") else sparse.csr_matrix
        return make((kept["data"], kept["indices"], kept["indptr"]), shape=tuple(kept["shape"]))
    return kept


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")
