"""Columns of a table of runs, read from text such as `metrics.loss.min`, and sorting by them.

Everything behind the first dot is the key, blanks and dots too. `metrics.loss.min` is the metric
"loss.min" where there is one, otherwise an aggregate; backticks say which is meant:
``metrics.`loss.min` `` and ``metrics.`loss`.min``. Besides the aggregates of filters there are
`best` and `step_of_best`, the minimum unless a metric is said to be maximised.

Unlike the order of a search, the order of a table sorts params as people do: numbers first, by
their value, then texts. Values come first in both directions, then NaN, then what is missing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast

from msgspec import Struct
from msgspec.structs import replace

from millrace.core.errors import InvalidArgument
from millrace.core.filters.ast import Aggregate, Entity, Field, settled
from millrace.core.filters.fields import AGGREGATE_WORDS, ENTITY_WORDS
from millrace.core.tags import NOTE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

Whole = Literal["datasets", "models"]
Cell: TypeAlias = "str | int | float | list[dict[str, object]] | None"

MAX_COLUMNS: Final = 300
MAX_KEYS: Final = 10

ATTRIBUTES: Final = (
    "run_id",
    "run_name",
    "status",
    "liveness",
    "user_id",
    "start_time",
    "end_time",
    "duration",
    "artifact_uri",
    "experiment_id",
    "lifecycle_stage",
)
_WHOLES: Final = ("datasets", "models")
_KEYED: Final = (Entity.METRIC, Entity.PARAM, Entity.TAG)
# Of a metric that is minimised, and of one that is maximised.
_BEST: Final[Mapping[str, tuple[Aggregate, Aggregate]]] = {
    "best": (Aggregate.MIN, Aggregate.MAX),
    "step_of_best": (Aggregate.MIN_STEP, Aggregate.MAX_STEP),
    "best_step": (Aggregate.MIN_STEP, Aggregate.MAX_STEP),
}
_DIRECTION: Final = re.compile(r"\s+(ASC|DESC)\s*\Z", re.IGNORECASE)
_QUOTED: Final = re.compile(r"`([^`]+)`(?:\.(\w+))?")


class Column(Struct, frozen=True):
    """One column: a field of runs, or all data sets or models of each."""

    name: str
    """As it was asked for."""
    of: Field | Whole

    def settled(self, has_metric: Callable[[str], bool]) -> Column:
        """The column with an ambiguous metric name settled; see `ast.resolve`."""
        if isinstance(self.of, str):
            return self
        return replace(self, of=settled(self.of, has_metric))


class SortKey(Struct, frozen=True):
    """One key to sort by; nothing sorts by all data sets or models of a run."""

    field: Field
    ascending: bool = True


def parse(texts: Sequence[str], maximized: Collection[str] = ()) -> tuple[Column, ...]:
    """Read columns, in their order; *maximized*: metrics whose best is their maximum."""
    if len(texts) > MAX_COLUMNS:
        raise InvalidArgument(
            f"A table of runs has at most {MAX_COLUMNS} columns; {len(texts)} were asked for."
        )
    return tuple(column(text, maximized) for text in texts)


def parse_order(texts: Sequence[str], maximized: Collection[str] = ()) -> tuple[SortKey, ...]:
    """Read sort keys: a column, and ASC or DESC behind it."""
    if len(texts) > MAX_KEYS:
        raise InvalidArgument(f"order_by has {len(texts)} keys; at most {MAX_KEYS} are allowed.")
    keys: dict[Field, SortKey] = {}
    for text in texts:
        found = _DIRECTION.search(text)
        named = column(text[: found.start()] if found else text, maximized)
        if isinstance(named.of, str):
            raise InvalidArgument(f"Nothing can be sorted by {named.name!r}: it has many values.")
        ascending = found is None or found[1].upper() == "ASC"
        keys.setdefault(named.of, SortKey(named.of, ascending))
    return tuple(keys.values())


def column(text: str, maximized: Collection[str] = ()) -> Column:
    """Read one column."""
    name = text.strip()
    if name in _WHOLES:
        return Column(name, cast("Whole", name))
    if name == "note":
        return Column(name, Field(Entity.TAG, NOTE))
    word, dot, key = name.partition(".")
    entity = ENTITY_WORDS.get(word) if dot else Entity.ATTRIBUTE
    if entity is Entity.ATTRIBUTE:
        key = key if dot else name
        if key in ATTRIBUTES:
            return Column(name, Field(Entity.ATTRIBUTE, key))
    elif entity in _KEYED and key:
        return Column(name, _keyed(cast("Entity", entity), key, name, maximized))
    raise InvalidArgument(
        f"No column {name!r}: write attributes.NAME with one of {', '.join(ATTRIBUTES)}; "
        "metrics.KEY, params.KEY or tags.KEY; datasets, models or note."
    )


def _keyed(entity: Entity, key: str, name: str, maximized: Collection[str]) -> Field:
    quoted = _QUOTED.fullmatch(key)
    if quoted is None:
        stem, _, word = key.rpartition(".")
        aggregate = _aggregate(stem, word, maximized) if stem else None
        if entity is not Entity.METRIC or aggregate is None:
            return Field(entity, key)
        return Field(entity, key, alternative=Field(entity, stem, aggregate))
    exact, word = quoted[1], quoted[2]
    if word is None:
        return Field(entity, exact)
    aggregate = _aggregate(exact, word, maximized)
    if entity is not Entity.METRIC or aggregate is None:
        known = ", ".join((*AGGREGATE_WORDS, "best", "step_of_best"))
        raise InvalidArgument(f"No column {name!r}: only metrics have aggregates, one of {known}.")
    return Field(entity, exact, aggregate)


def _aggregate(key: str, word: str, maximized: Collection[str]) -> Aggregate | None:
    best = _BEST.get(word)
    if best is not None:
        return best[key in maximized]
    return AGGREGATE_WORDS.get(word)
