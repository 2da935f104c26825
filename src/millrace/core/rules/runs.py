"""What may be logged to a run, and what its name means."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from millrace.core import ids, tags
from millrace.core.entities.entity import KeyValue
from millrace.core.entities.run import STATUS_NUMBERS, RunStatus
from millrace.core.errors import InvalidArgument
from millrace.core.rules import limits, names

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from millrace.core.entities.run import ParamClash


def status(value: RunStatus | int) -> RunStatus:
    """A status by name or by wire number."""
    if isinstance(value, str):
        return value
    if value not in STATUS_NUMBERS:
        known = ", ".join(f"{number} {name}" for number, name in STATUS_NUMBERS.items())
        raise InvalidArgument(f"Invalid value {value} for parameter 'status': one of {known}.")
    return STATUS_NUMBERS[value]


def cut(value: str, limit: int, label: str, *, truncate: bool) -> str:
    """The value, cut to *limit* characters where that is allowed."""
    if len(value) <= limit:
        return value
    if truncate:
        return value[:limit]
    raise InvalidArgument(
        f"{label} exceeds the maximum length of {limit} characters: it has {len(value)}."
    )


def param(key: str, value: str | None, *, truncate: bool) -> KeyValue:
    """A param: key checked, value cut or refused; an absent value is empty."""
    text = cut(value or "", limits.PARAM_VALUE_LENGTH, f"Value of param {key!r}", truncate=truncate)
    return KeyValue(key=names.key(key, "Param key"), value=text)


def tag(key: str, value: str | None, *, truncate: bool) -> KeyValue:
    """A run tag: key checked, value cut or refused; an absent value is empty."""
    text = cut(value or "", limits.RUN_TAG_VALUE_LENGTH, f"Value of tag {key!r}", truncate=truncate)
    return KeyValue(key=names.key(key, "Tag key"), value=text)


def dataset_of_metric(name: str | None, digest: str | None) -> None:
    """A metric names its data set whole or not at all."""
    if bool(name) != bool(digest):
        raise InvalidArgument(
            "Parameters 'dataset_name' and 'dataset_digest' must be given together or not at all."
        )


def batch_sizes(
    metrics: Sequence[object], params: Sequence[object], tag_list: Sequence[object]
) -> None:
    """How much one batch may hold."""
    total = len(metrics) + len(params) + len(tag_list)
    for label, count, limit in (
        ("metrics", len(metrics), limits.BATCH_METRICS),
        ("params", len(params), limits.BATCH_PARAMS),
        ("tags", len(tag_list), limits.BATCH_TAGS),
        ("metrics, params and tags", total, limits.BATCH_TOTAL),
    ):
        if count > limit:
            raise InvalidArgument(
                f"A batch can contain at most {limit} {label}; this one has {count}. "
                "Send several batches."
            )


def distinct_params(params: Iterable[KeyValue]) -> None:
    """A param may be named once in a batch."""
    twice = sorted(key for key, count in Counter(one.key for one in params).items() if count > 1)
    if twice:
        raise InvalidArgument(
            f"Duplicate parameter keys have been submitted: {', '.join(map(repr, twice))}."
        )


def last_of_each(entries: Iterable[KeyValue]) -> tuple[KeyValue, ...]:
    """Of tags with one key the last wins."""
    return tuple({entry.key: entry for entry in entries}.values())


def param_clash(run_id: str, clashes: Sequence[ParamClash]) -> InvalidArgument:
    """A param holds another value already; every clashing key is named."""
    listed = "; ".join(
        f"param {clash.key!r} was already logged with value {clash.old!r}, {clash.new!r} was given"
        for clash in clashes
    )
    return InvalidArgument(
        f"Changing param values is not allowed. In run {run_id}: {listed}. Nothing was written. "
        "Use another key, a tag, or a new run."
    )


def settled_name(
    name: str | None, tag_list: Sequence[KeyValue]
) -> tuple[str, tuple[KeyValue, ...]]:
    """A new run's name and its tags with that name among them.

    The name and the tag must agree when both are there; one is enough, and without either a name is
    made up.
    """
    by_key = {one.key: one for one in tag_list}
    tagged = by_key[tags.RUN_NAME].value if tags.RUN_NAME in by_key else ""
    if name and tagged and name != tagged:
        raise InvalidArgument(
            f"Both 'run_name' ({name!r}) and the tag {tags.RUN_NAME!r} ({tagged!r}) are given, "
            "and they differ. Send one of them."
        )
    settled = names.plain_text(name or tagged or ids.run_name(), "Run name")
    by_key[tags.RUN_NAME] = KeyValue(key=tags.RUN_NAME, value=settled)
    return settled, tuple(by_key.values())


def renamed_by(tag_list: Sequence[KeyValue]) -> str | None:
    """The new name of a run whose name tag is among *tag_list*; None keeps the old one."""
    value = next((one.value for one in tag_list if one.key == tags.RUN_NAME), None)
    return names.plain_text(value, "Run name") if value else None
