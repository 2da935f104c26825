"""Comparing two sources record by record, point by point."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from millrace.core.numbers import value_of
from millrace.transfer.carry import chosen, settled, without_metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from millrace.core.entities.experiment import Experiment
    from millrace.core.entities.registry import HeldModel, HeldVersion
    from millrace.core.series import Point
    from millrace.transfer.source import HeldLoggedModel, HeldRun, Source

T = TypeVar("T")

_SHOWN: Final = 120


def differences(left: Source, right: Source, wanted: Collection[str] = ()) -> Iterator[str]:
    """A sentence for each thing of *left* that *right* has otherwise or not at all.

    What only *right* has is no difference: records may have come from elsewhere, too; but a run
    that both have is compared whole, in both directions.
    """
    theirs = {one.experiment_id: one for one in right.experiments()}
    for experiment in chosen(left, wanted):
        key = experiment.experiment_id
        other = theirs.get(key)
        if other is None:
            yield f"Experiment {key} ({experiment.name!r}) is missing."
            continue
        yield from _fields(f"Experiment {key}", experiment, other, _experiment_face)
        yield from _runs(left, right, key)
        yield from _models(left, right, key)
    if not wanted:
        yield from _registered(left, right)
    yield from left.damaged()


def _runs(left: Source, right: Source, experiment_id: str) -> Iterator[str]:
    pairs = _paired(left.runs(experiment_id), right.runs(experiment_id), _run_place)
    for one, other in pairs:
        what = f"Run {one.run.info.run_id}"
        if other is None:
            yield f"{what} of experiment {experiment_id} is missing, or begins at another time."
            continue
        yield from _fields(what, one, other, _run_face)
        yield from _points(left, right, one.run.info.run_id)


def _points(left: Source, right: Source, run_id: str) -> Iterator[str]:
    ours, theirs = left.counts(run_id), right.counts(run_id)
    for key in sorted(ours.keys() - theirs.keys()):
        yield f"Run {run_id}: metric {key!r} is missing."
    for key in sorted(theirs.keys() - ours.keys()):
        yield f"Run {run_id}: metric {key!r} is not at the origin."
    told: set[str] = set()
    common = ours.keys() & theirs.keys()
    streams = [
        (pair for pair in _flat(side.points(run_id)) if pair[0] in common) for side in (left, right)
    ]
    for one, other in zip_longest(*streams):
        if one == other:
            continue
        key = (one or other)[0]
        if key in told:
            continue
        told.add(key)
        yield (
            f"Run {run_id}: metric {key!r} differs, {_point(one)} at the origin and "
            f"{_point(other)} here."
        )
        return  # the two streams are no longer in step: one difference of a run tells enough


def _flat(series: Iterable[tuple[str, list[Point]]]) -> Iterator[tuple[str, Point]]:
    held: str | None = None
    last: Point | None = None
    for key, points in series:
        if key != held:
            held, last = key, None
        for point in points:
            if point != last:  # a point that was written twice is one point
                yield key, point
            last = point


def _point(place: tuple[str, Point] | None) -> str:
    if place is None:
        return "nothing"
    step, ms, value = place[1]
    return f"{value_of(value)!r} at step {step}, time {ms}"


def _models(left: Source, right: Source, experiment_id: str) -> Iterator[str]:
    theirs = {one.model.model_id: one for one in right.models(experiment_id)}
    for one in left.models(experiment_id):
        key = one.model.model_id
        other = theirs.get(key)
        if other is None:
            yield f"Logged model {key} of experiment {experiment_id} is missing."
        elif settled(one) != settled(other):
            yield from _fields(f"Logged model {key}", one, other, _model_face)


def _registered(left: Source, right: Source) -> Iterator[str]:
    theirs = {one.model.name: one for one in right.registered_models()}
    for one in left.registered_models():
        what = f"Registered model {one.model.name!r}"
        other = theirs.get(one.model.name)
        if other is None:
            yield f"{what} is missing."
            continue
        yield from _fields(what, one, other, _registered_face)
        versions = {held.version.version: held for held in other.versions}
        for held in one.versions:
            number = held.version.version
            like = versions.get(number)
            if like is None:
                yield f"{what}: version {number} is missing."
            else:
                yield from _fields(f"{what}, version {number}", held, like, _version_face)


# --- how records are shown ---------------------------------------------------------------------


def _experiment_face(one: Experiment) -> dict[str, object]:
    face: dict[str, object] = msgspec.to_builtins(one)
    face["tags"] = dict(sorted(one.tags.items()))
    return face


def _run_place(held: HeldRun) -> tuple[int, str]:
    return held.run.info.start_time, held.run.info.run_id


def _run_face(held: HeldRun) -> dict[str, object]:
    run = without_metrics(held.run)
    return {
        **msgspec.to_builtins(run.info),
        "params": run.data.params,
        "tags": run.data.tags,
        "inputs": msgspec.to_builtins(run.inputs),
        "outputs": msgspec.to_builtins(run.outputs),
    }


def _model_face(held: HeldLoggedModel) -> dict[str, object]:
    metrics = sorted(msgspec.json.encode(one).decode() for one in held.model.data.metric_list)
    return {
        **msgspec.to_builtins(held.model.info),
        "tags": dict(sorted(held.model.info.tags.items())),
        "params": held.model.data.params,
        "metrics": metrics,
        "in the trash": held.is_deleted,
    }


def _registered_face(held: HeldModel) -> dict[str, object]:
    face: dict[str, object] = msgspec.to_builtins(held.model)
    return {**face, "tags": dict(sorted(held.model.tags.items())), "aliases": held.model.aliases}


def _version_face(held: HeldVersion) -> dict[str, object]:
    face: dict[str, object] = msgspec.to_builtins(held.version)
    tags = dict(sorted(held.version.tags.items()))
    return {**face, "tags": tags, "location": held.location}


def _fields(what: str, one: T, other: T, face: Callable[[T], dict[str, object]]) -> Iterator[str]:
    ours, theirs = face(one), face(other)
    for name in sorted(ours.keys() | theirs.keys()):
        here, there = theirs.get(name), ours.get(name)
        if here != there:
            yield f"{what}: {name} is {_short(there)} at the origin and {_short(here)} here."


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _paired(
    left: Iterable[T], right: Iterable[T], place: Callable[[T], tuple[int, str]]
) -> Iterator[tuple[T, T | None]]:
    """Each of *left* with its like of *right*; both come in order of their *place*."""
    others = iter(right)
    other = next(others, None)
    for one in left:
        while other is not None and place(other) < place(one):
            other = next(others, None)
        if other is not None and place(other) == place(one):
            yield one, other
        else:
            yield one, None
