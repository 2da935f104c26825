from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.api.tracking import Entry, MetricEntry, SetTag
from millrace.client.records import (
    Called,
    Logged,
    Parcel,
    called,
    entries,
    local_id,
    pack,
    point,
    split,
)
from millrace.core.errors import InvalidArgument


def metric(key: str = "m", value: float = 1.0) -> MetricEntry:
    return MetricEntry(key=key, value=value, timestamp=1, step=0)


def param(key: str, value: str = "v") -> Entry:
    return Entry(key=key, value=value)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (1, 1.0),
        (True, 1.0),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7.0),
        (np.array(2.0), 2.0),
        (-0.0, -0.0),
        (5e-324, 5e-324),
        (math.inf, math.inf),
        ("2.5", 2.5),
    ],
)
def test_a_point_takes_what_is_a_number(given: object, wanted: float):
    value = point("m", given, 1).value

    assert type(value) is float
    assert (value, math.copysign(1, value)) == (wanted, math.copysign(1, wanted))


@pytest.mark.parametrize("given", ["much", None, [1.0], object(), np.array([1.0, 2.0])])
def test_a_point_refuses_what_is_none(given: object):
    with pytest.raises(InvalidArgument, match="'m'"):
        point("m", given, 1)


@pytest.mark.parametrize(("step", "wanted"), [(None, 0), (3.0, 3), (np.int32(-4), -4)])
def test_a_step_is_a_whole_number(step: object, wanted: int):
    assert point("m", 1.0, 1, step).step == wanted


@pytest.mark.parametrize(
    ("timestamp", "step"), [(1, 0.5), (1, "1"), (1, 2**63), (1, -(2**63) - 1), (-1, 0), (2**63, 0)]
)
def test_a_point_beyond_int64_is_refused(timestamp: int, step: object):
    with pytest.raises(InvalidArgument):
        point("m", 1.0, timestamp, step)


@pytest.mark.parametrize("key", ["", None, 5])
def test_a_key_is_text(key: object):
    with pytest.raises(InvalidArgument, match="Metric key"):
        point(key, 1.0, 1)
    with pytest.raises(InvalidArgument, match="Param key"):
        entries("Param", {key: 1})


def test_params_and_tags_become_text():
    found = entries("Param", {"a": 1, "b": None, "c": [1, "x"], "d": "t"})

    assert [(e.key, e.value) for e in found] == [
        ("a", "1"),
        ("b", "None"),
        ("c", "[1, 'x']"),
        ("d", "t"),
    ]


def test_local_ids_look_like_ids():
    assert len(local_id()) == 32
    assert local_id() != local_id()


# --- splitting ---------------------------------------------------------------------------------


def test_what_fits_stays_whole():
    record = Logged("r", (metric(),) * 900, (param("p"),) * 50, (param("t"),) * 50)

    assert split(record) == [record]


def test_what_does_not_fit_is_cut_in_order():
    record = Logged(
        "r",
        tuple(metric("m", i) for i in range(2500)),
        tuple(param(f"p{i}") for i in range(250)),
        (param("t"),),
    )

    parts = split(record)

    assert [(len(p.metrics), len(p.params), len(p.tags)) for p in parts] == [
        (0, 100, 0),
        (0, 100, 0),
        (0, 50, 0),
        (0, 0, 1),
        (1000, 0, 0),
        (1000, 0, 0),
        (500, 0, 0),
    ]
    assert tuple(m for p in parts for m in p.metrics) == record.metrics
    assert tuple(e for p in parts for e in p.params) == record.params


# --- packing -----------------------------------------------------------------------------------

keys = st.sampled_from(["a", "b", "c"])
logged = st.builds(
    Logged,
    st.sampled_from(["r1", "r2"]),
    st.lists(st.builds(metric, keys, st.integers(0, 9)), max_size=3).map(tuple),
    st.dictionaries(keys, st.sampled_from(["v", "w"]), max_size=2).map(
        lambda d: entries("Param", d)
    ),
    st.dictionaries(keys, st.sampled_from(["v", "w"]), max_size=2).map(lambda d: entries("Tag", d)),
)
calls = st.builds(
    lambda run: called("setTag", SetTag(run_id=run or "x", key="k"), run),
    st.sampled_from(["", "r1", "r2"]),
)


@given(st.lists(st.one_of(logged, logged, logged, calls), max_size=40))
def test_packing_changes_nothing_that_a_run_can_see(records: list):
    packed = list(pack(records))

    for run in ("r1", "r2"):
        before = [r for r in records if r.run_id == run]
        after = [
            record
            for item in packed
            if item.run_id == run
            for record in (item.records if isinstance(item, Parcel) else [item])
        ]
        assert after == before
    for item in packed:
        if isinstance(item, Parcel):
            params = [entry for record in item.records for entry in record.params]
            values = defaultdict(set)
            for entry in params:
                values[entry.key].add(entry.value)
            assert all(len(found) == 1 for found in values.values())
            batch = item.batch("server")
            assert len({e.key for e in batch.params or ()}) == len(batch.params or ())
            last = {entry.key: entry.value for record in item.records for entry in record.tags}
            assert {e.key: e.value for e in batch.tags or ()} == last


def test_neighbours_share_a_batch():
    records = [Logged("r", (metric("m", i),)) for i in range(2500)]

    sizes = [len(item.records) for item in pack(records)]

    assert sizes == [1000, 1000, 500]


def test_runs_are_packed_apart_and_together():
    records = [Logged(run, (metric("m", i),)) for i in range(10) for run in ("r1", "r2")]

    assert [(item.run_id, len(item.records)) for item in pack(records)] == [("r1", 10), ("r2", 10)]


@pytest.mark.parametrize("kind", ["params", "tags"])
def test_a_batch_has_no_more_params_or_tags_than_the_wire_allows(kind: str):
    records = [Logged("r", **{kind: (param(f"k{i}"),)}) for i in range(250)]

    assert [len(item.records) for item in pack(records)] == [100, 100, 50]


def test_a_batch_has_no_more_entries_than_the_wire_allows():
    records = [Logged("r", (metric(),) * 600, tags=(param("t"),))] * 2

    assert [len(item.records) for item in pack(records)] == [1, 1]


def test_a_param_with_two_values_takes_two_batches():
    records = [Logged("r", params=(param("p", value),)) for value in ("1", "1", "2")]

    assert [[e.value for e in item.batch("r").params] for item in pack(records)] == [["1"], ["2"]]


def test_a_param_twice_in_one_call_is_left_to_the_server():
    twice = Logged("r", params=(param("p", "1"), param("p", "1")))
    records = [Logged("r", (metric(),)), twice, Logged("r", (metric(),))]

    packed = list(pack(records))

    assert [item.records for item in packed] == [[records[0]], [twice], [records[2]]]
    assert len(packed[1].batch("r").params) == 2


def test_a_call_waits_for_what_its_run_logged_before():
    end = called("setTag", SetTag(run_id="r", key="k"), "r")
    records = [Logged("r", (metric(),)), end, Logged("r", (metric("late"),))]

    first, second, third = pack(records)

    assert isinstance(first, Parcel)
    assert isinstance(second, Called)
    assert third.records == [records[2]]
