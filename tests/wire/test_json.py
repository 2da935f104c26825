"""The JSON reader: one strict parser for every route; a refused body leaves nothing behind."""

from __future__ import annotations

import json
import time

import pytest

from tests.wire import build
from tests.wire.client import Api
from tests.wire.expect import INVALID, done, refused
from tests.wire.marks import differs

strict = differs("malformed JSON is refused instead of being read as an empty or other message")

BOUNDED_S = 2.0


def tag_body(run: str, value: str = '"v"', *, tail: str = "") -> str:
    """A set-tag message as text, with *value* in place and *tail* before its closing brace."""
    return f'{{"run_id": "{run}", "key": "k", "value": {value}{tail}}}'


@strict
@pytest.mark.parametrize(
    "body",
    ["[]", "5", "true", '"text"', "[{}]", "null", "NaN", '"[]"', '"5"', '"null"'],
)
def test_what_is_no_object_is_refused(api: Api, body: str) -> None:
    refused(api.text("runs/set-tag", body))


@strict
@pytest.mark.parametrize(
    "body",
    ["{", "{]", '{"run_id"', '{"run_id":', '{"run_id": "x",}', "{'run_id': 'x'}", "{run_id: 1}",
     "{} {}", "{}x", "{},", '{"a": 01}', '{"a": +1}', '{"a": .5}', '{"a": 1.}', '{"a": tru}',
     '{"a": "\t"}', '{"a": "\\x"}', '{"a": "\\u12"}', '{"a": 0x10}', "{}\x00", " \x0b{}", "/**/{}"],
)  # fmt: skip
def test_text_that_is_not_json_is_refused(api: Api, body: str) -> None:
    message = refused(api.text("runs/set-tag", body))

    assert "run_id" not in message, "a parse error must not be passed off as a missing field"


@pytest.mark.parametrize("space", [" ", "\n", "\t", "\r\n"])
def test_white_space_around_the_object_is_fine(api: Api, run: str, space: str) -> None:
    done(api.text("runs/set-tag", f"{space}{tag_body(run)}{space}"))


@pytest.mark.parametrize("body", ["", " ", "\n"])
def test_blank_body_is_an_empty_object(api: Api, body: str) -> None:
    refused(api.text("runs/delete", body), INVALID, "run_id")


@strict
@pytest.mark.parametrize(
    ("case", "tail"),
    [
        ("same value", ', "value": "v"'),
        ("other value", ', "value": "w"'),
        ("required field", ', "key": "other"'),
        ("field nobody knows", ', "x": 1, "x": 2'),
        ("nested", ', "x": {"a": 1, "a": 2}'),
        ("escaped spelling", ', "v\\u0061lue": "w"'),
    ],
)
def test_a_key_given_twice_is_refused(api: Api, run: str, case: str, tail: str) -> None:
    refused(api.text("runs/set-tag", tag_body(run, tail=tail)))

    assert build.tags(api, run) == {}, case


@strict
@pytest.mark.parametrize(
    ("case", "encode"),
    [
        ("byte order mark", lambda text: b"\xef\xbb\xbf" + text.encode()),
        ("utf-16", lambda text: text.encode("utf-16")),
        ("utf-16 without mark", lambda text: text.encode("utf-16-le")),
        ("utf-32", lambda text: text.encode("utf-32")),
        ("latin-1", lambda text: text.replace("v", "\xe9").encode("latin-1")),
        ("overlong", lambda text: text.encode().replace(b"v", b"\xc1\xb6")),
        ("surrogate", lambda text: text.encode().replace(b"v", b"\xed\xa0\x80")),
        ("cut short", lambda text: text.encode().replace(b'"v"', b'"\xe2\x82"')),
        ("beyond unicode", lambda text: text.encode().replace(b"v", b"\xf5\x80\x80\x80")),
    ],
)
def test_only_utf8_is_read(api: Api, run: str, case: str, encode: object) -> None:
    assert callable(encode)

    refused(api.text("runs/set-tag", encode(tag_body(run))))

    assert build.tags(api, run) == {}, case


@strict
@pytest.mark.parametrize("value", ['"\\ud800"', '"\\udc00"', '"a\\ud800b"', '"\\udc00\\ud800"'])
def test_lone_surrogates_are_refused(api: Api, run: str, value: str) -> None:
    refused(api.text("runs/set-tag", tag_body(run, value)))

    assert build.tags(api, run) == {}


def test_a_pair_of_surrogates_is_one_character(api: Api, run: str) -> None:
    done(api.text("runs/set-tag", tag_body(run, '"\\ud83d\\ude00"')))

    assert build.tags(api, run) == {"k": "😀"}


@strict
@pytest.mark.parametrize("where", ["lists", "objects", "mixed", "unclosed"])
def test_deep_nesting_is_refused(api: Api, run: str, where: str) -> None:
    deep = {
        "lists": "[" * 65 + "]" * 65,
        "objects": '{"a":' * 65 + "1" + "}" * 65,
        "mixed": '[{"a":' * 40 + "1" + "}]" * 40,
        "unclosed": "[" * 200_000,
    }[where]
    began = time.monotonic()

    refused(api.text("runs/set-tag", tag_body(run, tail=f', "x": {deep}')))

    assert time.monotonic() - began < BOUNDED_S
    assert build.tags(api, run) == {}


def test_nesting_within_the_limit_is_read(api: Api, run: str) -> None:
    deep = "[" * 60 + "]" * 60

    done(api.text("runs/set-tag", tag_body(run, tail=f', "x": {deep}')))

    assert build.tags(api, run) == {"k": "v"}


@strict
@pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400"])
@pytest.mark.parametrize("field", ["value", "timestamp", "step", "later"])
def test_numbers_json_does_not_have_are_refused(api: Api, run: str, token: str, field: str) -> None:
    parts = {"value": "1", "timestamp": "0", "step": "0", field: token}
    body = ", ".join(f'"{name}": {text}' for name, text in parts.items())

    refused(api.text("runs/log-metric", f'{{"run_id": "{run}", "key": "m", {body}}}'))

    assert build.latest(api, run) == {}


@strict
@pytest.mark.parametrize(
    "digits", ["1" * 401, "0." + "1" * 500, "1" * 100_000, "-" + "9" * 5000, "1e" + "0" * 500 + "1"]
)
@pytest.mark.parametrize("field", ["value", "timestamp", "later"])
def test_numbers_of_many_digits_are_refused(api: Api, run: str, digits: str, field: str) -> None:
    parts = {"value": "1", "timestamp": "0", field: digits}
    body = ", ".join(f'"{name}": {text}' for name, text in parts.items())
    began = time.monotonic()

    refused(api.text("runs/log-metric", f'{{"run_id": "{run}", "key": "m", {body}}}'))

    assert time.monotonic() - began < BOUNDED_S
    assert build.latest(api, run) == {}


@strict
def test_many_digits_in_a_string_are_refused_quickly(api: Api, run: str) -> None:
    """Turning text into an integer costs the square of its length, unless it is cut off before."""
    message = {"run_id": run, "key": "m", "value": 1, "timestamp": "9" * 500_000}
    began = time.monotonic()

    refused(api.post("runs/log-metric", message), INVALID, "timestamp")

    assert time.monotonic() - began < BOUNDED_S


@strict
@pytest.mark.parametrize("garbage", ["[]", "{", '{"a": 1, "a": 2}', "\ufeff{}"])
def test_a_json_string_inside_is_read_as_strictly(api: Api, garbage: str) -> None:
    refused(api.text("runs/set-tag", json.dumps(garbage)))


@strict
@pytest.mark.parametrize(
    "path",
    [
        "experiments/create",
        "runs/log-batch",
        "logged-models",
        "runs/search",
        "/api/3.0/mlflow/datasets/create",
    ],
)
@pytest.mark.parametrize("body", ["[]", "{", '{"a": 1, "a": 2}', "{} {}", '{"a": NaN}'])
def test_every_route_has_the_same_reader(api: Api, path: str, body: str) -> None:
    refused(api.text(path, body))
