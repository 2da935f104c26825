"""Data sets as inputs of runs (`millrace.data`): a name, a digest, where it comes from, its shape.

The digest tells whether two runs read the same data: SHA-256 over names, types and values, cut
short. Nothing of the data itself leaves the process.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from millrace.client import context
from millrace.core.errors import InvalidArgument
from millrace.core.lazy import require

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_DIGEST_LENGTH: Final = 16
_CODE: Final = "code"
_HTTP: Final = "http"
_LOCAL: Final = "local"
_SCHEMES: Final = {"http": _HTTP, "https": _HTTP, "file": _LOCAL, "": _LOCAL}


@dataclass(frozen=True)
class Source:
    """Where data comes from.

    *kind* is `local`, `http`, `code` (made by the script itself) or the scheme of a URI (`s3`…).
    """

    kind: str
    fields: Mapping[str, Any]

    @property
    def uri(self) -> str | None:
        """The address, if it has one."""
        return self.fields.get("uri") or self.fields.get("url")

    def to_dict(self) -> dict[str, Any]:
        """What describes it, as JSON can hold it."""
        return dict(self.fields)

    def to_json(self) -> str:
        """The description as JSON text."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, kind: str, text: str) -> Source:
        """The source that `to_json` described."""
        fields = json.loads(text or "{}")
        if not isinstance(fields, dict):
            raise InvalidArgument(f"A {kind} source is described by a JSON object, got {text!r}.")
        return cls(kind, fields)

    def load(self) -> str:
        """The path of the data, where it is on this machine."""
        if self.kind != _LOCAL or self.uri is None:
            raise InvalidArgument(
                f"Data from a {self.kind!r} source is not on this machine: {self.to_json()}."
            )
        return self.uri.removeprefix("file://")


@dataclass(frozen=True)
class Dataset:
    """Data that a run reads. `schema` and `profile` are JSON text, None where nothing is known."""

    name: str
    digest: str
    origin: Source
    schema: str | None = None
    profile: str | None = None
    data: Any = None

    @property
    def source_type(self) -> str:
        """The kind of its source."""
        return self.origin.kind

    @property
    def source(self) -> str:
        """The description of its source, as JSON text."""
        return self.origin.to_json()


def from_pandas(
    df: Any,  # noqa: ANN401 - a pandas.DataFrame
    source: str | Source | None = None,
    targets: str | None = None,
    name: str | None = None,
    digest: str | None = None,
) -> Dataset:
    """A data set of a pandas frame; *targets* names the column to predict."""
    pandas = require("pandas", extra="pandas")
    if targets is not None and targets not in df.columns:
        raise InvalidArgument(f"The frame has no column {targets!r} to be the target.")
    columns = [{"name": str(key), "type": _column_type(str(df[key].dtype))} for key in df.columns]

    def bits(feed: Callable[[bytes], None]) -> None:
        feed(json.dumps([columns, targets]).encode())
        feed(pandas.util.hash_pandas_object(df, index=True).to_numpy().tobytes())

    return Dataset(
        name=name or "dataset",
        digest=digest or _digest(bits),
        origin=_source(source),
        schema=json.dumps({"mlflow_colspec": columns}),
        profile=json.dumps({"num_rows": len(df), "num_elements": int(df.size)}),
        data=df,
    )


def from_numpy(
    features: Any,  # noqa: ANN401 - an array or a mapping of arrays
    source: str | Source | None = None,
    targets: Any = None,  # noqa: ANN401 - as features
    name: str | None = None,
    digest: str | None = None,
) -> Dataset:
    """A data set of numpy arrays, or of mappings from names to arrays."""
    numpy = require("numpy", extra="pandas")
    parts = {"features": _arrays(features)}
    if targets is not None:
        parts["targets"] = _arrays(targets)
    shapes = {
        part: [
            {"name": key, "dtype": str(array.dtype), "shape": [-1, *array.shape[1:]]}
            for key, array in arrays.items()
        ]
        for part, arrays in parts.items()
    }

    def bits(feed: Callable[[bytes], None]) -> None:
        for part, arrays in parts.items():
            for key, array in arrays.items():
                feed(json.dumps([part, key, str(array.dtype), array.shape]).encode())
                feed(numpy.ascontiguousarray(array).tobytes())

    sizes = {f"{part}_shape": _shape(arrays) for part, arrays in parts.items()}
    return Dataset(
        name=name or "dataset",
        digest=digest or _digest(bits),
        origin=_source(source),
        schema=json.dumps({"mlflow_tensorspec": shapes}),
        profile=json.dumps(sizes),
        data=features,
    )


def from_file(path: str | Path, name: str | None = None, digest: str | None = None) -> Dataset:
    """A data set that is a file on this machine, by its content."""
    path = Path(path)

    def bits(feed: Callable[[bytes], None]) -> None:
        with path.open("rb") as handle:
            while block := handle.read(1 << 20):
                feed(block)

    return Dataset(
        name=name or path.name,
        digest=digest or _digest(bits),
        origin=Source(_LOCAL, {"uri": str(path.absolute())}),
        profile=json.dumps({"num_bytes": path.stat().st_size}),
    )


def meta(
    name: str,
    digest: str,
    source: str | Source | None = None,
    schema: str | None = None,
    profile: str | None = None,
) -> Dataset:
    """A data set of which only this much is known; *schema* and *profile* are JSON text."""
    return Dataset(name, digest, _source(source), schema, profile)


def get_source(dataset: Any) -> Source:  # noqa: ANN401 - a data set, or an input that holds one
    """The source of a data set, also of one that a run names as its input."""
    dataset = getattr(dataset, "dataset", dataset)
    if isinstance(dataset, Dataset):
        return dataset.origin
    return Source.from_json(dataset.source_type, dataset.source)


def _source(given: str | Source | None) -> Source:
    if isinstance(given, Source):
        return given
    if given is None:
        return Source(_CODE, {"tags": context.run_tags()})
    kind = _SCHEMES.get(scheme := urlsplit(str(given)).scheme, scheme)
    return Source(kind, {"url" if kind == _HTTP else "uri": str(given)})


def _arrays(given: Any) -> dict[str, Any]:  # noqa: ANN401 - an array or a mapping of arrays
    named = given if isinstance(given, dict) else {"": given}
    numpy = require("numpy", extra="pandas")
    return {str(key): numpy.asarray(array) for key, array in named.items()}


def _shape(arrays: Mapping[str, Any]) -> list[int] | dict[str, list[int]]:
    shapes = {key: list(array.shape) for key, array in arrays.items()}
    return shapes[""] if set(shapes) == {""} else shapes


def _column_type(dtype: str) -> str:
    """The wire's name of a column type; text where pandas has no more to say."""
    for start, name in _COLUMN_TYPES:
        if dtype.lower().startswith(start):
            return name
    return "string"


_COLUMN_TYPES: Final[Sequence[tuple[str, str]]] = (
    ("bool", "boolean"),
    ("int64", "long"),
    ("uint", "long"),
    ("int", "integer"),
    ("float64", "double"),
    ("float", "float"),
    ("datetime", "datetime"),
)


def _digest(bits: Callable[[Callable[[bytes], None]], None]) -> str:
    digest = hashlib.sha256()
    bits(digest.update)
    return digest.hexdigest()[:_DIGEST_LENGTH]
