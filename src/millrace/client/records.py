"""What is logged: the records that the queue holds, the spool keeps and the wire carries.

Building a record checks what would otherwise be found out too late, in the background: keys,
numbers, ranges. `pack` merges neighbours into batches of legal size without changing what any run
sees in which order.
"""

from __future__ import annotations

import operator
import uuid
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from millrace.api.tracking import Entry, LogBatch, MetricEntry
from millrace.core.errors import InvalidArgument
from millrace.core.numbers import INT64_MAX, INT64_MIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

T = TypeVar("T")

LOCAL: Final = "local-"
"""How ids begin that were given here because no server could be asked."""

# The wire contract's limits of one batch, section "Names, keys, limits".
MOST_ENTRIES: Final = 1000
MOST_PARAMS: Final = 100
MOST_TAGS: Final = 100


class Logged(msgspec.Struct, frozen=True, tag="logged", omit_defaults=True, gc=False):
    """Things to log in one run, together."""

    run_id: str
    metrics: tuple[MetricEntry, ...] = ()
    params: tuple[Entry, ...] = ()
    tags: tuple[Entry, ...] = ()

    def __len__(self) -> int:
        return len(self.metrics) + len(self.params) + len(self.tags)


class Called(msgspec.Struct, frozen=True, kw_only=True, tag="called", omit_defaults=True):
    """Any other write, by endpoint. `request` is the request struct as MessagePack.

    `run_id` is the run it is about, if any; it keeps its place among what that run logs. A create
    has a `key`, and `local_id` is what the caller calls the new thing until the server names it.
    """

    endpoint: str
    request: msgspec.Raw
    run_id: str = ""
    key: str | None = None
    local_id: str | None = None


Record = Logged | Called


class Parcel(msgspec.Struct):
    """Neighbouring records of one run that fit into one batch."""

    run_id: str
    records: list[Logged]

    def batch(self, run_id: str) -> LogBatch:
        """The request that logs all of it in the run that the server calls *run_id*."""
        if len(self.records) == 1:
            # As it was given: whether a key may stand in it twice is for the server to say.
            only = self.records[0]
            return _batch(run_id, only.metrics, only.params, only.tags)
        params = {entry.key: entry for record in self.records for entry in record.params}
        tags = {entry.key: entry for record in self.records for entry in record.tags}
        metrics = tuple([point for record in self.records for point in record.metrics])
        return _batch(run_id, metrics, tuple(params.values()), tuple(tags.values()))


def local_id() -> str:
    """A new id for a run or experiment that the server will name later."""
    return LOCAL + uuid.uuid4().hex[len(LOCAL) :]


def called(endpoint: str, request: msgspec.Struct, run_id: str = "", **more: str) -> Called:
    """The record of a call of *endpoint*."""
    raw = msgspec.Raw(msgspec.msgpack.encode(request))
    return Called(endpoint=endpoint, request=raw, run_id=run_id, **more)


def point(  # noqa: PLR0913, PLR0917 - the fields of a point
    key: str,
    value: object,
    timestamp: int,
    step: int | None = None,
    model_id: str | None = None,
    dataset_name: str | None = None,
    dataset_digest: str | None = None,
) -> MetricEntry:
    """A metric point; raises `InvalidArgument` for what no server takes.

    *value* is anything that `float()` takes; *timestamp* is in milliseconds.
    """
    if type(value) is not float:
        value = _number(key, value)
    if step is None:
        step = 0
    elif type(step) is not int:
        step = _whole("step", key, step)
    if type(timestamp) is not int:
        timestamp = _whole("timestamp", key, timestamp)
    if not (INT64_MIN <= step <= INT64_MAX and 0 <= timestamp <= INT64_MAX):
        raise InvalidArgument(
            f"Metric {key!r}: step {step} or timestamp {timestamp} is out of range; both are "
            "64-bit integers, and a timestamp is not negative."
        )
    return MetricEntry(
        key=checked_key("Metric", key),
        value=value,
        timestamp=timestamp,
        step=step,
        model_id=model_id,
        dataset_name=dataset_name,
        dataset_digest=dataset_digest,
    )


def entries(kind: str, values: Mapping[str, object]) -> tuple[Entry, ...]:
    """Params or tags as the wire has them: every value as text."""
    return tuple(
        Entry(key=checked_key(kind, key), value=value if type(value) is str else str(value))
        for key, value in values.items()
    )


def checked_key(kind: str, key: object) -> str:
    """*key* if it is text and not empty."""
    if not (isinstance(key, str) and key):
        raise InvalidArgument(f"{kind} key must be a string and not empty, got {key!r}.")
    return key


def split(record: Logged) -> list[Logged]:
    """*record* in parts that each fit into one batch, in order."""
    if _fits(len(record.metrics), len(record.params), len(record.tags)):
        return [record]
    run_id = record.run_id
    return [
        *(Logged(run_id, params=part) for part in _parts(record.params, MOST_PARAMS)),
        *(Logged(run_id, tags=part) for part in _parts(record.tags, MOST_TAGS)),
        *(Logged(run_id, metrics=part) for part in _parts(record.metrics, MOST_ENTRIES)),
    ]


def pack(records: Iterable[Record]) -> Iterator[Parcel | Called]:
    """Merge neighbours of the same run into parcels; the order within each run is kept.

    A call about a run comes after what the run logged before it. A param that is logged twice with
    two values is left to two batches, so that the server can refuse the second.
    """
    open_: dict[str, _Room] = {}
    for record in records:
        if not isinstance(record, Logged):
            if record.run_id in open_:
                yield open_.pop(record.run_id).parcel
            yield record
            continue
        room = open_.get(record.run_id)
        if room is not None and room.take(record):
            continue
        if room is not None:
            yield room.parcel
        open_[record.run_id] = _Room(record.run_id)
        open_[record.run_id].take(record)
    for room in open_.values():
        yield room.parcel


class _Room:
    """How much of a batch is taken."""

    def __init__(self, run_id: str) -> None:
        self.parcel = Parcel(run_id, [])
        self._metrics = 0
        self._params: dict[str, str | None] = {}
        self._tags: set[str] = set()
        self._closed = False

    def take(self, record: Logged) -> bool:
        """Add *record* if it fits; an empty room takes anything."""
        first = not self.parcel.records
        if self._closed:
            return False
        if record.params or record.tags:
            given = {entry.key: entry.value for entry in record.params}
            params = self._params | given
            tags = self._tags.union(entry.key for entry in record.tags)
            twice = len(given) != len(record.params)
            clash = any(params[key] != value for key, value in self._params.items())
            if twice and first:
                self._closed = True
            elif twice or clash:
                return False
        else:
            params, tags = self._params, self._tags
        metrics = self._metrics + len(record.metrics)
        if not (first or _fits(metrics, len(params), len(tags))):
            return False
        self._params, self._tags = params, tags
        self._metrics = metrics
        self.parcel.records.append(record)
        return True


def _batch(
    run_id: str,
    metrics: tuple[MetricEntry, ...],
    params: tuple[Entry, ...],
    tags: tuple[Entry, ...],
) -> LogBatch:
    return LogBatch(
        run_id=run_id,
        run_uuid=run_id,
        metrics=metrics or None,
        params=params or None,
        tags=tags or None,
    )


def _fits(metrics: int, params: int, tags: int) -> bool:
    return params <= MOST_PARAMS and tags <= MOST_TAGS and metrics + params + tags <= MOST_ENTRIES


def _parts(items: tuple[T, ...], size: int) -> Iterator[tuple[T, ...]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _number(key: str, value: Any) -> float:  # noqa: ANN401 - whatever float() takes
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidArgument(
            f"Metric {key!r} needs a number, got {type(value).__name__}: {error}."
        ) from error


def _whole(what: str, key: str, value: Any) -> int:  # noqa: ANN401 - whatever is an integer
    try:
        return operator.index(value)
    except TypeError:
        if isinstance(value, float) and value.is_integer():
            return int(value)
        raise InvalidArgument(f"Metric {key!r}: {what} {value!r} is no whole number.") from None
