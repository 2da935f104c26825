"""Predictions as the JSON of an answer."""

# Models make data of any library.
# ruff: noqa: ANN401

from __future__ import annotations

from typing import Any, Final

import msgspec

from millrace.core.errors import InvalidArgument
from millrace.models.example import plain


def encode(predictions: Any) -> bytes:
    """The answer's JSON: frames as records, arrays as nested lists, NaN and infinities as null."""
    return _encoder.encode({"predictions": as_lists(predictions)})


def as_lists(predictions: Any) -> Any:
    """*predictions* as what JSON can hold, rows first; what is inside may still need `plain`."""
    kind = type(predictions).__name__
    if kind == "ndarray":
        return predictions.tolist() if predictions.dtype.kind in "fiub" else plain(predictions)
    if kind == "DataFrame" and hasattr(predictions, "iloc"):
        names = [str(name) for name in predictions.columns]
        columns = [_cells(predictions.iloc[:, at]) for at in range(len(names))]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    if kind == "DataFrame":  # polars
        return plain(predictions.to_dicts())
    if kind == "Series":
        return _cells(predictions)
    if kind == "Table":  # pyarrow
        return plain(predictions.to_pylist())
    if isinstance(predictions, dict):
        return {str(key): as_lists(value) for key, value in predictions.items()}
    if isinstance(predictions, tuple):
        return list(predictions)
    return predictions if isinstance(predictions, (list, str)) else plain(predictions)


def _cells(series: Any) -> list[Any]:
    if getattr(series.dtype, "kind", "O") in "fiub" and not hasattr(series.dtype, "na_value"):
        cells: list[Any] = series.tolist()
        return cells
    # Absent times are times, too, and would be written as "NaT".
    return [None if type(cell).__name__ == "NaTType" else plain(cell) for cell in series]


def _unknown(value: Any) -> Any:
    for known in (float, int, str):
        # numpy's double is a float, too, but the encoder knows plain ones only.
        if isinstance(value, known):
            return known(value)
    try:
        return plain(value)
    except InvalidArgument as error:
        raise NotImplementedError(error.message) from error


_encoder: Final = msgspec.json.Encoder(enc_hook=_unknown)
