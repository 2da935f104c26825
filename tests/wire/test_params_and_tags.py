"""Params are written once, tags as often as one likes."""

from __future__ import annotations

import pytest

from tests.wire import build
from tests.wire.client import Api
from tests.wire.expect import INVALID, MISSING, done, refused


def log_param(api: Api, run: str, key: str, **value: object) -> None:
    done(api.post("runs/log-parameter", {"run_id": run, "key": key, **value}))


def set_tag(api: Api, run: str, key: str, **value: object) -> None:
    done(api.post("runs/set-tag", {"run_id": run, "key": key, **value}))


@pytest.mark.parametrize("value", ["0.1", "", " ", "None", "ü😀", "a\nb", "'\"\\", "0", "x" * 500])
def test_values_come_back_exactly(api: Api, run: str, value: str) -> None:
    log_param(api, run, "p", value=value)
    set_tag(api, run, "t", value=value)

    assert build.params(api, run) == {"p": value}
    assert build.tags(api, run) == {"t": value}


@pytest.mark.parametrize("value", [{}, {"value": None}])
def test_an_absent_value_is_empty(api: Api, run: str, value: dict[str, object]) -> None:
    log_param(api, run, "p", **value)
    set_tag(api, run, "t", **value)

    assert build.params(api, run) == {"p": ""}
    assert build.tags(api, run) == {"t": ""}


def test_the_same_param_twice_is_fine(api: Api, run: str) -> None:
    for _ in range(2):
        log_param(api, run, "p", value="1")

    assert build.params(api, run) == {"p": "1"}


@pytest.mark.parametrize("again", ["2", "1.0", "", " 1", "1 "])
def test_a_param_does_not_change(api: Api, run: str, again: str) -> None:
    log_param(api, run, "p", value="1")

    message = {"run_id": run, "key": "p", "value": again}
    refused(api.post("runs/log-parameter", message), INVALID, "p")

    assert build.params(api, run) == {"p": "1"}


def test_param_keys_are_case_sensitive(api: Api, run: str) -> None:
    log_param(api, run, "p", value="1")
    log_param(api, run, "P", value="2")

    assert build.params(api, run) == {"p": "1", "P": "2"}


def test_a_param_a_tag_and_a_metric_may_share_a_key(api: Api, run: str) -> None:
    log_param(api, run, "k", value="1")
    set_tag(api, run, "k", value="2")
    build.log(api, run, metrics=[build.point("k", 3)])

    assert build.params(api, run) == {"k": "1"}
    assert build.tags(api, run) == {"k": "2"}
    assert build.latest(api, run)["k"]["value"] == 3


def test_the_last_tag_wins(api: Api, run: str) -> None:
    for value in ("1", "2", "1"):
        set_tag(api, run, "t", value=value)

    assert build.tags(api, run) == {"t": "1"}


def test_a_tag_is_deleted(api: Api, run: str) -> None:
    set_tag(api, run, "t", value="1")
    set_tag(api, run, "u", value="1")
    done(api.post("runs/delete-tag", {"run_id": run, "key": "t"}))

    assert build.tags(api, run) == {"u": "1"}


@pytest.mark.parametrize("key", ["never", "T", "p"])
def test_deleting_an_unknown_tag(api: Api, run: str, key: str) -> None:
    set_tag(api, run, "t", value="1")
    log_param(api, run, "p", value="1")

    refused(api.post("runs/delete-tag", {"run_id": run, "key": key}), MISSING, key)


def test_reserved_looking_tags_are_ordinary(api: Api, run: str) -> None:
    """Clients write `mlflow.*` tags of their own; the server keeps them as they are."""
    given = {"mlflow.user": "u", "mlflow.source.name": "n", "mlflow.note.content": "# hi"}
    for key, value in given.items():
        set_tag(api, run, key, value=value)

    assert build.tags(api, run) == given


def test_many_of_each(api: Api, run: str) -> None:
    values = {f"k{number:03}": str(number) for number in range(100)}
    for batch in ("params", "tags"):
        build.log(api, run, **{batch: build.items(values)})

    assert build.params(api, run) == values
    assert build.tags(api, run) == values
