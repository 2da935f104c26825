"""What is asked of the cells of a table in a file: conditions of rows, figures of a column.

Cells are as the readers of `services.tables` give them.
"""

from __future__ import annotations

import math
import operator
from array import array
from collections import Counter
from collections.abc import Callable
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

import msgspec

from millrace.api.previews import CellCount, ColumnFigures
from millrace.core import delimited
from millrace.core.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from millrace.services.arrow import Column

MOST_DISTINCT: Final = 100_000
"""Beyond so many different values of a column they are not counted on."""
_FREQUENT: Final = 10
_BINS: Final = 24
_CELL: Final = 4_000
_EXACT: Final = 2**53

_COMPARES: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq, "!=": operator.ne, "<=": operator.le, ">=": operator.ge, "<": operator.lt,
    ">": operator.gt,
}  # fmt: skip
_HOLDS: Final = "~"


class Condition(msgspec.Struct, frozen=True):
    """What a cell of the column at `place` has to be."""

    place: int
    holds: Callable[[object], bool]


def place_of(columns: Sequence[Column], name: str) -> int:
    """Where the column *name* is; `InvalidArgument` when there is none."""
    for at, column in enumerate(columns):
        if column.name == name:
            return at
    some = ", ".join(column.name for column in columns[:10])
    raise InvalidArgument(f"The table has no column {name!r}; it has {some}.")


def condition(columns: Sequence[Column], text: str) -> Condition:
    """The meaning of `<column> <operator> <value>`; names of columns may hold anything."""
    best: tuple[int, str, str] | None = None
    for place, column in enumerate(columns):
        for sign in (*_COMPARES, _HOLDS):
            start = f"{column.name} {sign}"
            is_longer = best is None or len(column.name) > len(columns[best[0]].name)
            if is_longer and (text == start or text.startswith(f"{start} ")):
                best = place, sign, text[len(start) + 1 :]
    if best is None:
        signs = ", ".join((*_COMPARES, _HOLDS))
        raise InvalidArgument(
            f"{text[:100]!r} is no condition: write <column> <operator> <value> with a column of "
            f"the table and one of {signs}, blanks between them."
        )
    place, sign, value = best
    return Condition(place, _meaning(columns[place], sign, value))


def _meaning(column: Column, sign: str, value: str) -> Callable[[object], bool]:
    if value == "" and sign in {"=", "!="}:
        return lambda cell: (cell is None) is (sign == "=")
    if sign == _HOLDS:
        sought = value.casefold()
        return lambda cell: cell is not None and sought in str(plain(cell)).casefold()
    compare = _COMPARES[sign]
    if not column.is_number:

        def text_holds(cell: object) -> bool:
            return cell is not None and compare(_spelt(cell), value)

        return text_holds
    limit = delimited.number(value)
    if limit is None:
        raise InvalidArgument(f"{column.name!r} holds numbers, and {value[:100]!r} is none.")

    def number_holds(cell: object) -> bool:
        found = number(cell)
        return found is not None and compare(found, limit)

    return number_holds


def _spelt(cell: object) -> str:
    """As it is shown, so that what one reads can be asked for."""
    shown = plain(cell)
    return str(shown).lower() if isinstance(shown, bool) else str(shown)


def number(cell: object) -> float | None:
    """The number in a cell; None when there is none, or NaN."""
    if cell is None or isinstance(cell, bool):
        return None if cell is None else float(cell)
    found = delimited.number(cell) if isinstance(cell, str) else float(cell)  # type: ignore[arg-type]
    return None if found is None or math.isnan(found) else found


def text(cell: object) -> str | None:
    """What a cell is sorted by where no number is."""
    return None if cell is None else cell if isinstance(cell, str) else str(cell)


def plain(cell: object) -> object:
    """A cell as JSON has it."""
    match cell:
        case None | bool() | float():
            return cell
        case int():
            return cell if abs(cell) <= _EXACT else str(cell)
        case str():
            return cell if len(cell) <= _CELL else cell[:_CELL] + "…"
        case bytes():
            return f"{len(cell)} bytes"
        case list() | dict() | tuple():
            return plain(msgspec.json.encode(cell, enc_hook=str).decode())
        case _:
            return plain(str(cell))


def figures(column: Column, cells: Iterable[object]) -> ColumnFigures:
    """What the cells of *column* are together; of numbers also how they spread."""
    rows = missing = 0
    seen: Counter[object] = Counter()
    numbers = array("d")
    for cell in cells:
        rows += 1
        found = number(cell) if column.is_number else None
        if cell is None or (column.is_number and found is None):
            missing += 1
            continue
        if found is not None:
            numbers.append(found)
        if len(seen) < MOST_DISTINCT:
            seen[found if found is not None else _spelt(cell)] += 1
    is_over = len(seen) >= MOST_DISTINCT
    frequent = [] if is_over else seen.most_common(_FREQUENT)
    return ColumnFigures(
        name=column.name, type=column.type, is_number=column.is_number, rows=rows,
        missing=missing, distinct=None if is_over else len(seen),
        frequent=tuple(CellCount(value=_value(value), rows=of) for value, of in frequent),
        **_spread(numbers),
    )  # fmt: skip


def _value(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _spread(numbers: array[float]) -> dict[str, Any]:
    finite = sorted(one for one in numbers if math.isfinite(one))
    if not finite:
        return {}
    low, high = finite[0], finite[-1]
    mean = fmean(finite)
    squares = math.fsum((one - mean) ** 2 for one in finite)
    bins = [0] * _BINS
    width = (high - low) / _BINS
    for one in finite:
        bins[min(_BINS - 1, int((one - low) / width)) if width > 0 else 0] += 1
    return {
        "least": low, "greatest": high, "mean": mean,
        "deviation": math.sqrt(squares / (len(finite) - 1)) if len(finite) > 1 else None,
        "quartiles": tuple(_quantile(finite, share) for share in (0.25, 0.5, 0.75)),
        "bins": tuple(bins) if width > 0 else (len(finite),),
    }  # fmt: skip


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Between neighbours by their distance (R's type 7)."""
    at = (len(ordered) - 1) * share
    below = ordered[math.floor(at)]
    return below + (ordered[math.ceil(at)] - below) * (at - math.floor(at))
