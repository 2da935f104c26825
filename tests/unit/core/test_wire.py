"""The wire's dialect: what is read, what is refused, and that the fast path never disagrees."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from millrace.api.logged_models import FinalizeLoggedModel, SearchLoggedModels
from millrace.api.series import QuerySeries
from millrace.api.table import ENDPOINTS
from millrace.api.tracking import (
    CreateExperiment,
    GetHistoryInterval,
    LogBatch,
    LogInputs,
    LogMetric,
    SearchExperiments,
    SearchRuns,
    SetTag,
    UpdateRun,
)
from millrace.core import wire
from millrace.core.entities.metric import Metric
from millrace.core.errors import InvalidArgument, MillraceError
from millrace.core.shapes import shape

POINT: dict[str, Any] = {"run_id": "r", "key": "m", "value": 0.5, "timestamp": 7}
TAG: dict[str, Any] = {"run_id": "r", "key": "k", "value": "v"}


def read(type_: type, message: object) -> Any:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return wire.decoder(type_)(body)


def refusal(type_: type, message: object) -> str:
    with pytest.raises(InvalidArgument) as caught:
        read(type_, message)
    return str(caught.value)


def bits(value: float) -> bytes:
    return struct.pack(">d", value)


def point_body(**texts: str) -> bytes:
    """A log-metric body with JSON *texts* as they are."""
    parts = {"run_id": '"r"', "key": '"m"', "value": "1", "timestamp": "0", **texts}
    return ("{" + ",".join(f'"{name}":{text}' for name, text in parts.items()) + "}").encode()


# --- what is read ------------------------------------------------------------------------------


def test_every_request_has_a_shape() -> None:
    for endpoint in ENDPOINTS:
        assert shape(endpoint.request), endpoint.name


@pytest.mark.parametrize("given", [7, "7", 7.0, "7.0"])
def test_whole_numbers(given: object) -> None:
    assert read(LogMetric, POINT | {"timestamp": given}).timestamp == 7


@pytest.mark.parametrize(
    "given",
    [1.5, 2**63, -(2**63) - 1, "1.5", "x", True, [], {}, "0x10", "1_0", "١", " 1", "1 ", "NaN",
     "Infinity", str(2**63), 1e19, "", "null", "true", "+1", "01", "9" * 500_000],
    ids=lambda given: repr(given)[:20],
)  # fmt: skip
@pytest.mark.parametrize("field", ["timestamp", "step"])
def test_no_whole_numbers(given: object, field: str) -> None:
    assert f"'{field}'" in refusal(LogMetric, POINT | {field: given})


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.5", 0.5), ('"0.5"', 0.5), ("3", 3.0), ('"1e3"', 1000.0), ('"-1E-3"', -0.001),
     ("-0.0", -0.0), ("-0", -0.0), ('"-0"', -0.0), ("0", 0.0), ("1e-05", 1e-05), ("-0.5", -0.5),
     ("5e-324", 5e-324), ("1.7976931348623157e308", 1.7976931348623157e308),
     ('"NaN"', math.nan), ('"Infinity"', math.inf), ('"-Infinity"', -math.inf),
     (str(2**70), 2.0**70)],
)  # fmt: skip
def test_numbers_are_read_bit_for_bit(text: str, value: float) -> None:
    found = read(LogMetric, point_body(value=text))

    assert bits(found.value) == bits(value)


@pytest.mark.parametrize(
    "text",
    ['"nan"', '"inf"', '"INF"', '"infinity"', '"-inf"', '"-NaN"', '"+Infinity"', "NaN", "Infinity",
     "-Infinity", "1e400", "-1e400", '"1e400"', "true", "[]", "{}", '"0x1p3"', '"1_0"', '" 1"',
     '"1,5"', '"."', '".5"', '"5."', '"--1"', '""', '"null"', "null", "1" * 401, "0." + "1" * 500,
     '"' + "1" * 401 + '"', "1e" + "0" * 500 + "1"],
    ids=lambda text: text[:16],
)  # fmt: skip
@pytest.mark.parametrize("in_batch", [False, True])
def test_no_numbers(text: str, in_batch: bool) -> None:
    body = point_body(value=text)
    if in_batch:
        metric = body.replace(b'"run_id":"r",', b"")
        body = b'{"run_id":"r","metrics":[%s]}' % metric

    with pytest.raises(InvalidArgument):
        wire.decoder(LogBatch if in_batch else LogMetric)(body)


def test_a_key_that_reads_like_a_number_excuses_no_odd_name() -> None:
    """The proof counts official names; a string that looks like one must not stand in for it."""
    metrics = [{"key": "a", "value": "nan", "timestamp": 0}]
    message = {"run_id": "r", "metrics": metrics, "tags": [{"key": "t", "value": "NaN"}]}

    assert "metrics[0].value" in refusal(LogBatch, message)


def test_both_spellings_of_keys() -> None:
    found = read(UpdateRun, {"runId": "r", "runName": "n", "endTime": "5"})

    assert (found.run_id, found.run_name, found.end_time) == ("r", "n", 5)


def test_nested_keys_in_both_spellings() -> None:
    dataset = {"name": "d", "digest": "1", "sourceType": "local"}

    found = read(LogInputs, {"runId": "r", "datasets": [{"dataset": dataset}]})

    assert found.datasets[0].dataset.source_type == "local"


@pytest.mark.parametrize("second", ["n", "other", None])
def test_two_spellings_at_once(second: object) -> None:
    message = refusal(UpdateRun, {"run_id": "r", "run_name": "n", "runName": second})

    assert "'run_name'" in message
    assert "'runName'" in message


def test_unknown_fields_and_nulls_are_passed_over() -> None:
    found = read(SetTag, TAG | {"later": {"x": [1, None]}, "run_uuid": None})

    assert found == SetTag(run_id="r", key="k", value="v")


@pytest.mark.parametrize(("given", "status"), [("FINISHED", "FINISHED"), (3, 3), ("3", 3)])
def test_names_or_numbers(given: object, status: object) -> None:
    assert read(UpdateRun, {"run_id": "r", "status": given}).status == status


@pytest.mark.parametrize(
    "given", ["BOGUS", "finished", "", 1.5, True, [], "FINISHED ", 2**64, "null"]
)
def test_no_names(given: object) -> None:
    assert "'status'" in refusal(UpdateRun, {"run_id": "r", "status": given})


@pytest.mark.parametrize("wrapped", [1, 2])
def test_an_object_in_a_string_is_taken_out(wrapped: int) -> None:
    text = json.dumps(TAG)
    for _ in range(wrapped - 1):
        text = json.dumps(text)

    assert read(SetTag, text.encode()).value == "v"


@pytest.mark.parametrize("body", [b"", b" ", b"\n\t\r "])
def test_blank_is_an_empty_object(body: bytes) -> None:
    assert read(SearchRuns, body) == SearchRuns()


@pytest.mark.parametrize("text", ['"\\ud83d\\ude00"', '"😀"', '"a\\nb"', '"\\\\ud800"'])
def test_strings_keep_their_characters(text: str) -> None:
    body = f'{{"run_id":"r","key":"k","value":{text}}}'.encode()

    assert read(SetTag, body).value == json.loads(text)


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    ["[]", "5", "true", '"text"', "[{}]", "null", "NaN", '"[]"', '"5"', '"null"', "{", "{]",
     '{"run_id"', '{"run_id":', '{"run_id": "x",}', "{'run_id': 'x'}", "{run_id: 1}", "{} {}",
     "{}x", "{},", '{"a": 01}', '{"a": +1}', '{"a": .5}', '{"a": 1.}', '{"a": tru}', '{"a": "\t"}',
     '{"a": "\\x"}', '{"a": "\\u12"}', '{"a": 0x10}', "// c\n{}", "{}\x00", "   \x0b{}",
     "\ufeff{}"],
)  # fmt: skip
def test_other_text_is_refused_as_a_whole(body: str) -> None:
    assert "run_id" not in refusal(SetTag, body.encode())


@pytest.mark.parametrize(
    "tail",
    [',"value":"v"', ',"value":"w"', ',"key":"other"', ',"x":1,"x":2', ',"x":{"a":1,"a":2}',
     ',"v\\u0061lue":"w"', ',"run_id":"r"', ',"value" :"v"', ',"value"\n:"v"', ',"value":null',
     ',"run_uuid":"r","run_uuid":"r"'],
)  # fmt: skip
def test_equal_keys_are_refused(tail: str) -> None:
    body = f'{{"run_id":"r","key":"k","value":"v"{tail}}}'.encode()

    assert "twice" in refusal(SetTag, body)


@pytest.mark.parametrize("first", ['"a"', '"b"'])
def test_an_alias_hides_no_equal_key(first: str) -> None:
    """run_id is filled from run_uuid, which must not make up for a second run_uuid."""
    assert "twice" in refusal(
        SetTag, f'{{"run_uuid":{first},"run_uuid":"b","key":"k","value":"v"}}'.encode()
    )


def test_equal_keys_deep_in_a_batch() -> None:
    metric = '{"key":"m","value":1,"timestamp":0}'
    twice = metric.replace("}", ',"step":1,"step":2}')
    body = f'{{"run_id":"r","metrics":[{",".join([metric] * 500 + [twice])}]}}'.encode()

    assert "'step'" in refusal(LogBatch, body)


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("utf-16-le"),
        lambda text: text.encode("utf-32"),
        lambda text: text.replace("v", "\xe9").encode("latin-1"),
        lambda text: text.encode().replace(b"v", b"\xc1\xb6"),
        lambda text: text.encode().replace(b'"v"', b'"\xed\xa0\x80"'),
        lambda text: text.encode().replace(b'"v"', b'"\xe2\x82"'),
        lambda text: text.encode().replace(b'"v"', b'"\xf5\x80\x80\x80"'),
    ],
)
def test_only_utf8_is_read(encode: Any) -> None:
    refusal(SetTag, encode(json.dumps(TAG)))


@pytest.mark.parametrize(
    "text",
    ['"\\ud800"', '"\\udc00"', '"a\\ud800b"', '"\\udc00\\ud800"', '"\\u0000"', '["\\u0000"]',
     '{"\\ud800":1}'],
)  # fmt: skip
def test_strings_that_are_no_text(text: str) -> None:
    refusal(SetTag, f'{{"run_id":"r","key":"k","value":"v","later":{text}}}'.encode())


@pytest.mark.parametrize(
    ("depth", "fits"), [(63, True), (64, False), (1_000, False), (200_000, False)]
)
@pytest.mark.parametrize("inner", ["", "1"])
def test_depth(depth: int, fits: bool, inner: str) -> None:
    """The body itself is the first of 64 levels."""
    deep = "[" * depth + inner + "]" * depth
    body = f'{{"run_id":"r","key":"k","value":"v","later":{deep}}}'.encode()

    if fits:
        assert read(SetTag, body).value == "v"
    else:
        assert "64" in refusal(SetTag, body)


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
def test_endless_nesting(opening: str) -> None:
    refusal(SetTag, b'{"later":' + opening.encode() * 100_000)


@pytest.mark.parametrize("place", range(1, 40))
def test_a_long_number_is_found_wherever_it_stands(place: int) -> None:
    """The fast path samples the body; no offset may slip through."""
    body = point_body(key='"' + "k" * place + '"', value="0." + "1" * 399)
    assert len(body) > 401
    assert read(LogMetric, body.replace(b"0.11", b"0.1")).value == pytest.approx(1 / 9)

    assert "400" in refusal(LogMetric, body)


# --- messages ----------------------------------------------------------------------------------


def test_the_missing_field_is_named() -> None:
    assert refusal(SetTag, {"run_id": "r"}) == "Missing value for required parameter 'key'."
    assert refusal(SetTag, {"key": "k"}) == "Missing value for required parameter 'run_id'."
    assert refusal(SetTag, TAG | {"key": ""}) == "Missing value for required parameter 'key'."


def test_the_place_the_value_and_the_limit_are_named() -> None:
    metrics = [{"key": "m", "value": 1, "timestamp": 0}] * 3
    bad = {"key": "m", "value": "x", "timestamp": 0}

    message = refusal(LogBatch, {"run_id": "r", "metrics": [*metrics, bad]})

    assert message == (
        "Invalid value 'x' for parameter 'metrics[3].value' supplied: expected a number, 'NaN', "
        "'Infinity' or '-Infinity'. Hint: Value was a string."
    )
    assert "null" in refusal(LogBatch, {"run_id": "r", "metrics": [None]})
    assert "1 to 10000" in refusal(
        QuerySeries, {"run_ids": ["r"], "keys": ["k"], "buckets": 10_001}
    )
    assert "1 to 500 items, got 501" in refusal(
        QuerySeries, {"run_ids": ["r"] * 501, "keys": ["k"]}
    )


def test_long_values_are_cut_in_messages() -> None:
    assert len(refusal(LogMetric, POINT | {"value": "x" * 100_000})) < 300
    assert len(refusal(SetTag, json.dumps(TAG)[:-1].encode() + b',"%s":1,"%s":2}' % (
        b"k" * 9999, b"k" * 9999))) < 400  # fmt: skip


# --- arguments beside the body -----------------------------------------------------------------


def query(type_: type, text: str, **path: str) -> Any:
    return wire.from_query(type_, wire.query_pairs(text.encode()), path)


def test_query_arguments() -> None:
    found = query(
        GetHistoryInterval, "run_ids=b&run_ids=a&metric_key=x%2By+z&max_results=5&later=1"
    )

    assert found == GetHistoryInterval(run_ids=("b", "a"), metric_key="x+y z", max_results=5)


@pytest.mark.parametrize(("text", "view"), [("DELETED_ONLY", "DELETED_ONLY"), ("2", 2)])
def test_names_or_numbers_in_the_query(text: str, view: object) -> None:
    assert query(SearchExperiments, f"view_type={text}").view_type == view


@pytest.mark.parametrize(
    ("text", "named"),
    [("metric_key=a&metric_key=a", "metric_key"), ("metric_key=a&metric_key=b", "metric_key"),
     ("metric_key=a&max_results=x", "max_results"), ("metric_key=a&max_results=", "max_results"),
     ("metric_key=%ff", "query"), ("metric_key=%00", "NUL"), ("metricKey=a", "metric_key"),
     ("metric_key=", "metric_key")],
)  # fmt: skip
def test_bad_query_arguments(text: str, named: str) -> None:
    with pytest.raises(InvalidArgument, match=named):
        query(GetHistoryInterval, text)


class Flagged(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    on: bool | None = None


@pytest.mark.parametrize(("text", "on"), [("true", True), ("FALSE", False), ("True", True)])
def test_flags_in_the_query(text: str, on: bool) -> None:
    assert query(Flagged, f"on={text}").on is on
    with pytest.raises(InvalidArgument, match="true or false"):
        query(Flagged, "on=yes")


@pytest.mark.parametrize("given", ["true", "1", 2, 0.5, "x", [True]])
def test_flags_in_a_body_are_no_text(given: object) -> None:
    assert "true or false" in refusal(Flagged, {"on": given})
    order = [{"field_name": "f", "ascending": given}]
    assert "order_by[0].ascending" in refusal(SearchLoggedModels, {"order_by": order})


def test_the_path_fills_its_field() -> None:
    for body in (b'{"status":2}', b'{"status":2,"model_id":"m"}', b'{"status":2,"modelId":"m"}'):
        found = wire.from_body(FinalizeLoggedModel, body, {"model_id": "m"})

        assert found == FinalizeLoggedModel(model_id="m", status=2)


def test_the_path_and_the_body_must_agree() -> None:
    with pytest.raises(InvalidArgument, match="model_id"):
        wire.from_body(FinalizeLoggedModel, b'{"status":2,"model_id":"n"}', {"model_id": "m"})


# --- the fast path never disagrees -------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8) | (
    st.sampled_from(["NaN", "run_uuid", "null", "a:null", "true", "-0", "value", '"', "\\", "é"])
)
KEY = TEXT.filter(bool)
INT = st.integers(-(2**63), 2**63 - 1)
TIME = st.integers(0, 2**63 - 1)
NUMBER = st.floats(allow_nan=False, allow_infinity=False) | INT | st.sampled_from(
    ["NaN", "Infinity", "-Infinity", "1e3", "-0", -0.0, 0]
)  # fmt: skip


def objects(required: dict[str, Any], **optional: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional={k: st.none() | v for k, v in optional.items()})


ENTRIES = st.lists(objects({"key": KEY}, value=TEXT), max_size=3)
METRIC = objects({"key": KEY, "value": NUMBER, "timestamp": TIME}, step=INT, model_id=TEXT)
VALID: dict[type, st.SearchStrategy[dict[str, Any]]] = {
    LogMetric: objects(
        {"run_id": KEY, "key": KEY, "value": NUMBER, "timestamp": TIME}, step=INT, model_id=TEXT
    ),
    LogBatch: objects(
        {"run_id": KEY}, metrics=st.lists(METRIC, max_size=4), params=ENTRIES, tags=ENTRIES
    ),
    SetTag: objects({"run_uuid": KEY, "key": KEY}, value=TEXT),
    UpdateRun: objects(
        {"run_id": KEY}, status=st.sampled_from(["FAILED", 4, "4"]), end_time=INT, run_name=TEXT
    ),
    CreateExperiment: objects({"name": KEY}, tags=ENTRIES),
    SearchRuns: objects({}, experiment_ids=st.lists(TEXT, max_size=3), filter=TEXT),
}
CASE = st.sampled_from(list(VALID)).flatmap(lambda type_: st.tuples(st.just(type_), VALID[type_]))


@given(CASE, st.booleans(), st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : ")]))
@settings(deadline=None)
def test_fast_and_careful_paths_agree(
    case: tuple[type, dict[str, Any]], escaped: bool, separators: tuple[str, str]
) -> None:
    type_, message = case
    body = json.dumps(message, ensure_ascii=escaped, separators=separators).encode()

    fast, careful = wire.decoder(type_)(body), wire.from_body(type_, body)

    # repr, because NaN is unequal to itself and -0.0 is equal to 0.0
    assert repr(fast) == repr(careful)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
)
FIELDS = st.sampled_from(sorted({f for e in ENDPOINTS for f in e.request.__struct_fields__}))
LOOSE = st.dictionaries(FIELDS | TEXT, JSON | st.lists(st.dictionaries(FIELDS, JSON)), max_size=5)


@given(st.sampled_from([endpoint.request for endpoint in ENDPOINTS]), LOOSE)
@settings(deadline=None)
def test_any_json_is_read_or_refused_alike(type_: type, message: dict[str, object]) -> None:
    body = json.dumps(message).encode()
    outcomes = []
    for way in (wire.decoder(type_), lambda body: wire.from_body(type_, body)):
        try:
            outcomes.append(repr(way(body)))
        except MillraceError as error:
            outcomes.append(error.message)

    assert outcomes[0] == outcomes[1]


@given(st.sampled_from([endpoint.request for endpoint in ENDPOINTS]), st.binary(max_size=60))
@example(SetTag, b'{"run_id":"\xff"}')
@settings(deadline=None)
def test_any_bytes_are_read_or_refused(type_: type, body: bytes) -> None:
    try:
        found = wire.decoder(type_)(body)
    except MillraceError:
        return
    assert isinstance(found, type_)


@given(st.sampled_from([endpoint.request for endpoint in ENDPOINTS]), st.binary(max_size=60))
@settings(deadline=None)
def test_any_query_is_read_or_refused(type_: type, text: bytes) -> None:
    try:
        found = wire.from_query(type_, wire.query_pairs(text))
    except MillraceError:
        return
    assert isinstance(found, type_)


# --- out ---------------------------------------------------------------------------------------


def metric(value: float) -> Metric:
    return Metric(key="null", value=value, timestamp=1, step=2)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.1, -0.0, 5e-324])
def test_numbers_come_back_as_they_went(value: float) -> None:
    text = wire.encode({"metrics": (metric(value), metric(1.0)), "raw": msgspec.Raw(b"[1]")})

    held = json.loads(text, parse_constant=pytest.fail)["metrics"]
    assert bits(wire.answer_decoder(Metric)(json.dumps(held[0]).encode()).value) == bits(value)
    assert isinstance(held[0]["value"], str) is not math.isfinite(value)
    assert held[1] == {"key": "null", "value": 1.0, "timestamp": 1, "step": 2}


def test_numbers_by_name() -> None:
    assert [wire.number(value) for value in (1.5, math.nan, math.inf, -math.inf)] == [
        1.5, "NaN", "Infinity", "-Infinity",
    ]  # fmt: skip


def test_answers_may_know_more_than_the_reader() -> None:
    body = b'{"key":"m","value":"NaN","timestamp":"1","step":0,"later":{}}'

    assert math.isnan(wire.answer_decoder(Metric)(body).value)
