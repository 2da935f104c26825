"""Generated series and records whose values collide with those of `tests.strategies.filters`.

A long series is made from a seed, because drawing thousands of numbers one by one teaches nothing.
"""

from __future__ import annotations

import random
from typing import Any, Literal, get_args

from hypothesis import strategies as st
from msgspec import Struct

from millrace.core.entities.entity import pairs
from millrace.core.entities.experiment import Experiment
from millrace.core.entities.metric import Metric
from tests.strategies.filters import NAMES, PARAM_KEYS, POINT_VALUES, STAGES, TAG_KEYS, TEXTS, TIMES

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
LARGEST = 1.7976931348623157e308
SMALLEST = 5e-324
AWKWARD = (float("nan"), float("inf"), float("-inf"), 0.0, -0.0, SMALLEST, -SMALLEST, 1e-308, 0.1)

Shape = Literal["regular", "gaps", "repeated steps", "one step", "any order", "time goes back"]
SHAPES: tuple[Shape, ...] = get_args(Shape)


# --- series --------------------------------------------------------------------------------------


def doubles() -> st.SearchStrategy[float]:
    """Any double, the awkward ones often; all NaNs are alike."""
    return st.one_of(st.sampled_from((*AWKWARD, LARGEST, -LARGEST)), st.floats(width=64))


@st.composite
def series(draw: st.DrawFn, *, max_size: int = 5_000, key: str = "m") -> list[Metric]:
    """Points of one metric, in the order of logging: 1 to *max_size*, sometimes the same twice."""
    size = draw(st.one_of(st.integers(1, min(40, max_size)), st.integers(1, max_size)))
    shape = draw(st.sampled_from(SHAPES))
    return points(shape, size, draw(st.integers(0, 2**32)), key=key)


def points(shape: Shape, size: int, seed: int, *, key: str = "m") -> list[Metric]:
    """Points of one metric as *seed* has them; steps from below 0, times about the year 2001."""
    dice = random.Random(seed)
    step = dice.randrange(-1_000, 1_000)
    stride = dice.choice((1, 1, 5, 100))
    time = 10**12
    made = []
    for _ in range(size):
        made.append(Metric(key=key, value=_value(dice), timestamp=time, step=step))
        time += dice.choice((0, 1, 250, 1_000))
        match shape:
            case "regular":
                step += stride
            case "gaps" | "any order":
                step += dice.choice((1, 1, 1, 2, 7, 400))
            case "repeated steps":
                step += dice.choice((0, 0, 1))
            case "time goes back":
                step += stride
                time -= dice.choice((0, 0, 5_000))
            case "one step":
                pass
    if shape == "any order":
        dice.shuffle(made)
    return made


def _value(dice: random.Random) -> float:
    return dice.choice(AWKWARD) if dice.random() < 0.05 else dice.uniform(-1_000, 1_000)


# --- records to search ---------------------------------------------------------------------------


@st.composite
def experiment_rows(draw: st.DrawFn, *, max_size: int = 6) -> list[Experiment]:
    """Experiments to be, with distinct names; ids are the store's to give."""
    names = draw(st.lists(st.sampled_from((*NAMES, *TEXTS)), max_size=max_size, unique=True))
    times = st.sampled_from(TIMES)
    return [
        Experiment(
            experiment_id="",
            name=name,
            artifact_location="s3://b/e",
            lifecycle_stage=draw(st.sampled_from(STAGES)),
            creation_time=draw(times),
            last_update_time=draw(times),
            tag_list=pairs(
                draw(st.dictionaries(st.sampled_from(TAG_KEYS), st.sampled_from(TEXTS)))
            ),
        )
        for name in names
    ]


class ModelRow(Struct, frozen=True):
    """A logged model to be: the fields of its info, and what belongs to it."""

    info: dict[str, Any]
    params: dict[str, str]
    tags: dict[str, str]
    metrics: list[Metric]
    """Those with a data set carry its name and digest."""


@st.composite
def model_rows(draw: st.DrawFn, *, max_size: int = 6) -> list[ModelRow]:
    """Logged models with distinct ids in experiments 1, 2 and 10."""
    size = draw(st.integers(0, max_size))
    return [draw(_model_row(number)) for number in range(size)]


@st.composite
def _model_row(draw: st.DrawFn, number: int) -> ModelRow:
    names, times, texts = st.sampled_from(NAMES), st.sampled_from(TIMES), st.sampled_from(TEXTS)
    statuses = ("LOGGED_MODEL_PENDING", "LOGGED_MODEL_READY", "LOGGED_MODEL_UPLOAD_FAILED")
    return ModelRow(
        info={
            "model_id": f"m-{number:032x}",
            "experiment_id": draw(st.sampled_from(("1", "2", "10"))),
            "name": draw(names),
            "creation_timestamp_ms": draw(times),
            "last_updated_timestamp_ms": draw(times),
            "status": draw(st.sampled_from(statuses)),
            "status_message": draw(st.sampled_from((None, "", "a", "out of disk"))),
            "artifact_uri": draw(st.sampled_from(("", "s3://b/a", "a"))),
            "model_type": draw(st.sampled_from(("", "agent", "a"))),
            "source_run_id": draw(st.sampled_from(("", "a", "ab"))),
        },
        params=draw(st.dictionaries(st.sampled_from(PARAM_KEYS), texts)),
        tags=draw(st.dictionaries(st.sampled_from(TAG_KEYS), texts)),
        metrics=draw(st.lists(_model_metrics(), max_size=4)),
    )


@st.composite
def _model_metrics(draw: st.DrawFn) -> Metric:
    dataset = draw(st.sampled_from(((None, None), ("a", "1"), ("a", "2"), ("b", "1"))))
    return Metric(
        key=draw(st.sampled_from(("loss", "acc"))),
        value=draw(st.sampled_from(POINT_VALUES)),
        timestamp=draw(st.integers(0, 1)),
        step=draw(st.integers(-1, 1)),
        dataset_name=dataset[0],
        dataset_digest=dataset[1],
    )
