"""Names, keys and values: each limit at the limit and one beyond, wherever a name may stand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.wire import build
from tests.wire.client import Api, Reply
from tests.wire.expect import EXISTS, INVALID, done, refused, turned_away
from tests.wire.marks import differs

GOOD_KEYS = ["a", "A9_", "a.b", "a-b", "a b", "a:b", "a/b/c", " ", "ü", "日本", "ключ", "a.", ".a",
             "a..b", "-", "_", "a/.b", "k" * 250, "ü" * 250]  # fmt: skip
PATH_LIKE = ["a//b", "./a", "a/", "/a", "..", ".", "../a", "a/../b", "a/./b", "a/..", "/", "//"]
BAD_CHARACTERS = ["a$", "a=b", "a?b", "a*b", "a,b", "a;b", "a'b", 'a"b', "a`b", "a\\b", "a@b",
                  "a#b", "a(b)", "a&b", "a<b>", "a%b", "a+b", "a|b", "😀", "a\tb\x01"]  # fmt: skip
CONTROLS = ["a\x00b", "a\x01b", "a\x1fb", "a\x7fb", "a\nb", "a\tb", "a\rb"]
BIDI = ["a\u202ab", "a\u202eb", "a\u2066b", "a\u2069b"]


def tag(api: Api, run: str, key: str) -> Reply:
    return api.post("runs/set-tag", {"run_id": run, "key": key, "value": "v"})


def param(api: Api, run: str, key: str) -> Reply:
    return api.post("runs/log-parameter", {"run_id": run, "key": key, "value": "v"})


def metric(api: Api, run: str, key: str) -> Reply:
    return api.post("runs/log-metric", {"run_id": run, **build.point(key, 1)})


def batch(part: str) -> Callable[[Api, str, str], Reply]:
    def send(api: Api, run: str, key: str) -> Reply:
        entry = build.point(key, 1) if part == "metrics" else {"key": key, "value": "v"}
        return api.post("runs/log-batch", {"run_id": run, part: [entry]})

    return send


def experiment_tag(api: Api, run: str, key: str) -> Reply:
    made = build.info(api, run)["experiment_id"]
    message = {"experiment_id": made, "key": key, "value": "v"}
    return api.post("experiments/set-experiment-tag", message)


KEYED = {
    "set-tag": tag,
    "log-parameter": param,
    "log-metric": metric,
    "batch metrics": batch("metrics"),
    "batch params": batch("params"),
    "batch tags": batch("tags"),
    "experiment tag": experiment_tag,
}
ways = pytest.mark.parametrize("way", KEYED.values(), ids=KEYED.keys())
Way = Callable[[Api, str, str], Reply]


def untouched(api: Api, run: str) -> bool:
    held = build.latest(api, run), build.params(api, run), build.tags(api, run)
    tags = build.experiment(api, build.info(api, run)["experiment_id"]).get("tags")
    return held == ({}, {}, {}) and tags is None


# Keys


@ways
def test_good_keys(api: Api, run: str, way: Way) -> None:
    for key in GOOD_KEYS:
        done(way(api, run, key))


@ways
@pytest.mark.parametrize("key", [*PATH_LIKE, *BAD_CHARACTERS], ids=repr)
def test_bad_keys(api: Api, run: str, way: Way, key: str) -> None:
    refused(way(api, run, key))

    assert untouched(api, run)


@ways
def test_key_length(api: Api, run: str, way: Way) -> None:
    refused(way(api, run, "k" * 251), INVALID, "250")

    assert untouched(api, run)


@ways
@pytest.mark.parametrize("key", [*CONTROLS, *BIDI], ids=ascii)
def test_keys_nobody_can_read(api: Api, run: str, way: Way, key: str) -> None:
    refused(way(api, run, key))

    assert untouched(api, run)


def test_keys_are_listed_as_they_were_given(api: Api, run: str) -> None:
    for key in GOOD_KEYS:
        done(tag(api, run, key))

    assert set(build.tags(api, run)) == set(GOOD_KEYS)


# Values


@pytest.mark.parametrize("length", [5999, 6000, 6001, 20_000])
def test_long_params_are_cut(api: Api, run: str, length: int) -> None:
    value = "".join(chr(97 + n % 26) for n in range(length))
    done(api.post("runs/log-parameter", {"run_id": run, "key": "one", "value": value}))
    build.log(api, run, params=build.items({"two": value}))

    assert build.params(api, run) == {"one": value[:6000], "two": value[:6000]}


@pytest.mark.parametrize("length", [7999, 8000, 8001, 30_000])
def test_long_tags_are_cut(api: Api, run: str, length: int) -> None:
    value = "".join(chr(97 + n % 26) for n in range(length))
    done(api.post("runs/set-tag", {"run_id": run, "key": "one", "value": value}))
    build.log(api, run, tags=build.items({"two": value}))

    assert build.tags(api, run) == {"one": value[:8000], "two": value[:8000]}


def test_lengths_count_characters(api: Api, run: str) -> None:
    done(api.post("runs/log-parameter", {"run_id": run, "key": "p", "value": "😀" * 6000}))
    done(api.post("runs/set-tag", {"run_id": run, "key": "t", "value": "日" * 8000}))

    assert build.params(api, run) == {"p": "😀" * 6000}
    assert build.tags(api, run) == {"t": "日" * 8000}


def test_a_cut_param_may_be_sent_again(api: Api, run: str) -> None:
    for _ in range(2):
        done(api.post("runs/log-parameter", {"run_id": run, "key": "p", "value": "x" * 7000}))


@pytest.mark.parametrize("length", [20_000, 20_001])
def test_experiment_tags_are_refused_not_cut(api: Api, experiment: str, length: int) -> None:
    message = {"experiment_id": experiment, "key": "t", "value": "x" * length}

    reply = api.post("experiments/set-experiment-tag", message)

    if length > 20_000:
        refused(reply, INVALID, "20000")
        assert "tags" not in build.experiment(api, experiment)
    else:
        done(reply)


# Names


@differs("a name is what people can read and every database can hold")
@pytest.mark.parametrize("name", [*CONTROLS, *BIDI], ids=ascii)
def test_names_nobody_can_read(api: Api, experiment: str, run: str, name: str) -> None:
    whole = build.unique() + name
    before = build.experiment(api, experiment), build.info(api, run)

    refused(api.post("experiments/create", {"name": whole}))
    refused(api.post("experiments/update", {"experiment_id": experiment, "new_name": whole}))
    refused(api.post("runs/create", {"experiment_id": experiment, "run_name": whole}))
    refused(api.post("runs/update", {"run_id": run, "run_name": whole}))
    refused(api.post("logged-models", {"experiment_id": experiment, "name": whole}))

    assert (build.experiment(api, experiment), build.info(api, run)) == before


@differs("a name is what people can read")
@pytest.mark.parametrize("name", ["\x00", "\u202e", "\u2066", " \u2069 "], ids=ascii)
def test_names_of_nothing(api: Api, name: str) -> None:
    refused(api.post("experiments/create", {"name": name}))


@pytest.mark.parametrize("value", ["a\nb", "a\tb", "a\r\nb", "\u202eabc", "\x07"], ids=ascii)
def test_values_may_hold_what_names_may_not(api: Api, run: str, value: str) -> None:
    done(api.post("runs/set-tag", {"run_id": run, "key": "t", "value": value}))

    assert build.tags(api, run) == {"t": value}


@differs("NUL is not kept where some databases cannot hold it")
@pytest.mark.parametrize("path", ["runs/set-tag", "runs/log-parameter"])
def test_no_nul_in_values(api: Api, run: str, path: str) -> None:
    refused(api.post(path, {"run_id": run, "key": "k", "value": "a\x00b"}))

    assert untouched(api, run)


@pytest.mark.parametrize(
    "pair", [("\u00e9", "e\u0301"), ("K", "\u212a"), ("ss", "\u00df"), ("a", "a ")], ids=ascii
)
def test_names_that_look_alike_are_different_names(api: Api, pair: tuple[str, str]) -> None:
    start = build.unique()
    first, second = (build.add_experiment(api, name=start + end) for end in pair)

    assert first != second
    refused(api.post("experiments/create", {"name": start + pair[0]}), EXISTS)


# Bodies


def padded(run: str, size: int) -> bytes:
    """A set-tag body of *size* bytes."""
    frame = f'{{"run_id": "{run}", "key": "k", "value": "v", "later": ""}}'.encode()
    return frame[:-2] + b"x" * (size - len(frame)) + frame[-2:]


MIB = 1024 * 1024


def test_a_body_below_a_mebibyte_is_read(api: Api, run: str) -> None:
    done(api.text("runs/set-tag", padded(run, MIB - 10)))

    assert build.tags(api, run) == {"k": "v"}


@differs("bodies have a limit")
@pytest.mark.parametrize("size", [MIB + 1, 5 * MIB])
def test_a_larger_body_is_turned_away(api: Api, run: str, size: int) -> None:
    turned_away(api.text("runs/set-tag", padded(run, size)), 413)

    assert build.tags(api, run) == {}


@differs("bodies have a limit")
def test_log_batch_takes_sixteen_mebibytes(api: Api, run: str) -> None:
    done(api.text("runs/log-batch", padded(run, 16 * MIB - 10)))

    turned_away(api.text("runs/log-batch", padded(run, 16 * MIB + 1)), 413)
