"""How series leave the platform: words for what JSON has not, and columns of bytes for charts."""

from __future__ import annotations

import json
import math
import struct
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.api.endpoint import Bytes
from millrace.api.series import AggregateName
from millrace.core import wire
from millrace.core.errors import InvalidArgument
from millrace.services.metrics import BINARY_TYPE, binary
from millrace.services.platform import Platform
from millrace.stores.protocols import Buckets, RawSeries, SeriesAnswer
from tests.contract import build
from tests.strategies.records import LARGEST, SMALLEST, doubles
from tests.unit.services.conftest import Call

NAN, INF = math.nan, math.inf
ALL: tuple[AggregateName, ...] = ("minimum", "maximum", "first", "last", "mean", "count")
BUCKET_FLOATS = ("minimum", "maximum", "first", "last", "mean")
LARGEST_FLOAT = 3.4028234663852886e38


# --- a second reader of the binary form, written from its description alone ---------------------


class Reader:
    """Reads columns one after the other; each begins at a multiple of eight bytes."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def header(self) -> dict[str, Any]:
        (length,) = struct.unpack_from("<I", self._body)
        found: dict[str, Any] = json.loads(self._body[4 : 4 + length])
        self._at = 4 + length
        assert self._at % 8 == 0
        return found

    def column(self, kind: str, length: int) -> list[Any]:
        form = f"<{length}{kind}"
        values = struct.unpack_from(form, self._body, self._at)
        end = self._at + struct.calcsize(form)
        self._at = end + -end % 8
        assert not any(self._body[end : self._at])
        return list(values)

    def series(self, header: dict[str, Any], one: dict[str, Any]) -> dict[str, list[Any]]:
        length, value = one["length"], {"float32": "f", "float64": "d"}[header["precision"]]
        if one["is_raw"]:
            return {"x": self.column("d", length), "last": self.column(value, length)}
        kinds = {"bucket": "I"} | {
            name: "I" if name == "count" else value for name in header["aggregates"]
        }
        return {name: self.column(kind, length) for name, kind in kinds.items()}

    def end(self) -> None:
        assert self._at == len(self._body)


def decoded(body: bytes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The header without its series, and the series with their columns."""
    reader = Reader(body)
    header = reader.header()
    series = [one | reader.series(header, one) for one in header.pop("series")]
    reader.end()
    return header, series


def as_float32(value: float) -> float:
    """What is left of a double in four bytes, where the largest stands for all that is larger."""
    if math.isfinite(value):
        value = max(-LARGEST_FLOAT, min(LARGEST_FLOAT, value))
    found: float = struct.unpack("<f", struct.pack("<f", value))[0]
    return found


def same(one: list[float], other: list[float]) -> bool:
    return list(map(build.bits, one)) == list(map(build.bits, other))


# --- the binary form by itself -------------------------------------------------------------------

finite = st.floats(allow_nan=False, allow_infinity=False)
raw = st.lists(st.tuples(finite, doubles()), max_size=7).map(
    lambda rows: RawSeries(x=[x for x, _ in rows], values=[value for _, value in rows])
)
bucket = st.tuples(
    st.integers(0, 10_000), *[doubles()] * 5, st.integers(1, 2**32 - 1) | st.just(2**40)
)
buckets = st.lists(bucket, max_size=7).map(
    lambda rows: Buckets(
        **{
            name: [row[place] for row in rows]
            for place, name in enumerate(("index", *BUCKET_FLOATS, "count"))
        }
    )
)
answers = st.fixed_dictionaries(
    {
        "origin": st.integers(-(2**60), 2**60).map(float),
        "width": st.integers(0, 60).map(lambda shift: float(1 << shift)),
        "count": st.integers(0, 10_001),
        "series": st.lists(st.tuples(st.text(), st.text(), raw | buckets), max_size=3),
    }
).map(lambda fields: SeriesAnswer(**fields))


@pytest.mark.parametrize("wanted", [ALL, ("last", "count"), ("mean",)])
@pytest.mark.parametrize("precision", ["float32", "float64"])
@given(answer=answers)
def test_what_was_written_as_bytes_can_be_read_by_its_description(
    precision: Literal["float32", "float64"],
    wanted: tuple[AggregateName, ...],
    answer: SeriesAnswer,
) -> None:
    header, series = decoded(binary(answer, wanted, precision))

    assert header == {
        "version": 2,
        "origin": answer.origin,
        "width": answer.width,
        "count": answer.count,
        "precision": precision,
        "aggregates": list(wanted),
    }
    kept = as_float32 if precision == "float32" else float
    assert [(one["run_id"], one["key"]) for one in series] == [one[:2] for one in answer.series]
    for found, (_, _, drawn) in zip(series, answer.series, strict=True):
        assert found["is_raw"] == isinstance(drawn, RawSeries)
        if isinstance(drawn, RawSeries):
            assert same(found["x"], list(drawn.x))
            assert same(found["last"], [kept(value) for value in drawn.values])
            continue
        assert found["bucket"] == drawn.index
        for name in wanted:
            if name == "count":
                assert found[name] == [min(count, 2**32 - 1) for count in drawn.count]
            else:
                assert same(found[name], [kept(value) for value in getattr(drawn, name)])


# --- both forms through the platform -------------------------------------------------------------


@pytest.fixture
def run(platform: Platform) -> str:
    """A run with a short and a long series, odd values in both."""
    store = platform.stores.tracking
    run_id = build.add_run(store)
    odd = [NAN, INF, -INF, -0.0, SMALLEST, LARGEST, 0.1]
    long = [build.point(odd[step % 7], step * 3, step, key="long") for step in range(700)]
    short = [build.point(value, step, step, key="short") for step, value in enumerate(odd)]
    build.log(store, run_id, *long, *short)
    return run_id


def unworded(value: object) -> object:
    return float(value) if isinstance(value, str) else value


@pytest.mark.parametrize("keys", [["short"], ["long"], ["long", "short"], ["gone", "short"]])
@pytest.mark.parametrize("x", ["step", "time", "relative"])
def test_json_and_bytes_say_the_same(call: Call, run: str, keys: list[str], x: str) -> None:
    asked = {"run_ids": [run, "gone"], "keys": keys, "x": x, "buckets": 50}

    as_bytes = call("querySeries", **asked, format="binary")
    as_json = json.loads(wire.encode(call("querySeries", **asked)))

    assert isinstance(as_bytes, Bytes)
    assert as_bytes.content_type == BINARY_TYPE
    grid, series = decoded(as_bytes.body)
    assert {name: grid[name] for name in as_json["grid"]} == as_json["grid"]
    assert len(series) == len(as_json["series"]) == len(set(keys) - {"gone"})
    for found, told in zip(series, as_json["series"], strict=True):
        assert (found["run_id"], found["key"]) == (told["run_id"], told["key"])
        assert found["is_raw"] == told["is_raw"] == ("long" not in keys)
        for name, column in told.items():
            if name in {"bucket", "count"} or name == "x":
                assert found[name] == column
            elif isinstance(column, list):
                values = [as_float32(float(one)) for one in column]
                assert same(found[name], values)


def test_nothing_to_draw_is_said_in_both_forms(call: Call, run: str) -> None:
    asked = {"run_ids": [run], "keys": ["gone"]}

    assert json.loads(wire.encode(call("querySeries", **asked))) == {}
    assert decoded(call("querySeries", **asked, format="binary").body)[1] == []


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ({"x": "metric"}, "x_metric"),
        ({"x": "step", "x_metric": "loss"}, "x_metric"),
        ({"start": "NaN"}, "'start'"),
        ({"end": "NaN"}, "'end'"),
        ({"start": 2, "end": 1}, "'end'"),
        ({"start": "Infinity", "end": "-Infinity"}, "'end'"),
    ],
    ids=str,
)
def test_windows_that_are_none(call: Call, run: str, message: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidArgument, match=told):
        call("querySeries", run_ids=[run], keys=["long"], **message)


# --- histories -----------------------------------------------------------------------------------


def test_a_history_has_words_for_what_json_has_not(call: Call, run: str) -> None:
    reply = json.loads(wire.encode(call("getMetricHistory", run_id=run, metric_key="short")))

    values = [metric["value"] for metric in reply["metrics"]]
    assert values[:3] == ["NaN", "Infinity", "-Infinity"]
    assert same(values[3:], [-0.0, SMALLEST, LARGEST, 0.1])
    assert [metric["step"] for metric in reply["metrics"]] == list(range(7))
    assert {metric["key"] for metric in reply["metrics"]} == {"short"}
    assert "next_page_token" not in reply


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 8])
def test_pages_of_a_history_end_where_it_ends(call: Call, run: str, size: int) -> None:
    """No page is empty, also when the last one is full."""
    steps: list[list[int]] = []
    token: str | None = None
    while token is not None or not steps:
        more = {"page_token": token} if token else {}
        page = call("getMetricHistory", run_id=run, metric_key="short", max_results=size, **more)
        steps.append([metric.step for metric in page.metrics])
        token = page.next_page_token

    assert [step for page in steps for step in page] == list(range(7))
    assert [len(page) for page in steps] == [size] * (7 // size) + [7 % size] * bool(7 % size)


def test_a_token_leads_on_in_its_own_history_only(call: Call, run: str) -> None:
    token = call("getMetricHistory", run_id=run, metric_key="short", max_results=1).next_page_token

    with pytest.raises(InvalidArgument, match="page_token"):
        call("getMetricHistory", run_id=run, metric_key="long", max_results=1, page_token=token)


def test_histories_of_many_runs_come_run_by_run_up_to_a_total(
    platform: Platform, call: Call, run: str
) -> None:
    other = build.add_run(platform.stores.tracking)
    build.log(
        platform.stores.tracking, other, *(build.point(1, step, key="short") for step in range(7))
    )

    for most in (1, 7, 8, 14, 20):
        metrics = call(
            "getMetricHistoryBulk", run_id=[run, other, run], metric_key="short", max_results=most
        ).metrics

        places = [(metric.run_id, metric.step) for metric in metrics]
        assert places == [(one, step) for one in sorted([run, other]) for step in range(7)][:most]


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ({"start_step": 1}, "both be given"),
        ({"end_step": 1}, "both be given"),
        ({"start_step": 2, "end_step": 1}, "must not be less"),
        ({"max_results": 0}, "max_results"),
        ({"max_results": 2_501}, "max_results"),
    ],
    ids=str,
)
def test_samples_that_are_none(call: Call, run: str, message: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidArgument, match=told):
        call("getMetricHistoryBulkInterval", run_ids=[run], metric_key="long", **message)


def test_a_sample_has_every_run_s_share(call: Call, run: str) -> None:
    metrics = call(
        "getMetricHistoryBulkInterval",
        run_ids=[run],
        metric_key="long",
        start_step=30,
        end_step=59,
        max_results=5,
    ).metrics

    assert [metric.step for metric in metrics] == [30, 36, 42, 48, 57]
    assert {metric.run_id for metric in metrics} == {run}
