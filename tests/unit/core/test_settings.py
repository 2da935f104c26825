"""Settings: which variable wins, what a bad value is told, what is never shown."""

from __future__ import annotations

import re
import traceback
from collections import Counter

import pytest

from millrace.core import settings
from millrace.core.errors import InvalidArgument
from millrace.core.settings import SETTINGS, Setting

BOTH = [setting for setting in SETTINGS if setting.mlflow]
# Only plain text can be read from it.
ODD = "?!"


def row_id(setting: Setting[object]) -> str:
    return setting.name


@pytest.mark.parametrize("setting", SETTINGS, ids=row_id)
def test_unset_and_empty_mean_the_default(
    setting: Setting[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    unset = setting.get()
    for name in setting.names:
        monkeypatch.setenv(name, "")

    assert unset is setting.get() is setting.default
    assert setting.source() is None


@pytest.mark.parametrize(
    "setting", [one for one in SETTINGS if one.default not in {None, ""}], ids=row_id
)
def test_a_default_is_what_its_own_text_says(
    setting: Setting[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the reference shows a value that may be set."""
    monkeypatch.setenv(setting.name, str(setting.default))

    assert setting.get() == setting.default
    assert type(setting.get()) is type(setting.default)


def some_text(setting: Setting[object], word: str) -> str:
    """A text that may be set: the default, a word, or where that is none, a number or a flag."""
    if setting.default not in {None, ""}:
        return str(setting.default)
    for text in (word, "7.5"):
        try:
            setting._read(text)
        except (ValueError, InvalidArgument):
            continue
        return text
    return "True"


@pytest.mark.parametrize("setting", BOTH, ids=row_id)
def test_millrace_s_own_variable_wins(
    setting: Setting[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one is not even read, so it may say what this version does not understand."""
    assert setting.mlflow is not None
    monkeypatch.setenv(setting.mlflow, ODD)
    ours = some_text(setting, "mine")
    monkeypatch.setenv(setting.name, ours)

    assert str(setting.get()) == ours
    assert setting.source() == setting.name


@pytest.mark.parametrize("setting", BOTH, ids=row_id)
def test_mlflow_s_variable_is_honoured(
    setting: Setting[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert setting.mlflow is not None
    ours = some_text(setting, "theirs")
    monkeypatch.setenv(setting.mlflow, ours)

    assert str(setting.get()) == ours
    assert setting.source() == setting.mlflow


def test_no_variable_means_two_things() -> None:
    counts = Counter(name for setting in SETTINGS for name in setting.names)

    assert {name for name, count in counts.items() if count > 1} == set()
    assert len(SETTINGS) > 40


_SECRET = "PASSWORD|TOKEN|SECRET|CONNECTION_STRING|ACCESS_KEY$"


@pytest.mark.parametrize("setting", SETTINGS, ids=row_id)
def test_a_row_says_what_it_means(setting: Setting[object]) -> None:
    assert re.fullmatch(r"MILLRACE_[A-Z0-9_]+", setting.name)
    assert re.fullmatch(r"[A-Z].*\.", setting.doc, re.DOTALL)
    assert setting.secret == bool(re.search(_SECRET, setting.name))


@pytest.mark.parametrize(
    ("setting", "text", "value"),
    [
        (settings.OFFLINE, "true", True),
        (settings.OFFLINE, "TRUE", True),
        (settings.OFFLINE, " 1 ", True),
        (settings.OFFLINE, "Yes", True),
        (settings.OFFLINE, "on", True),
        (settings.OFFLINE, "false", False),
        (settings.OFFLINE, "0", False),
        (settings.OFFLINE, "no", False),
        (settings.OFFLINE, "OFF", False),
        (settings.PORT, " 8080 ", 8080),
        (settings.WORKERS, "1", 1),
        (settings.LEASE_SECONDS, "0", 0.0),
        (settings.LEASE_SECONDS, "2.5", 2.5),
        (settings.LEASE_SECONDS, "1e3", 1000.0),
        (settings.SQLITE_SYNCHRONOUS, "normal", "NORMAL"),
        (settings.X_FRAME_OPTIONS, " deny ", "DENY"),
        (settings.TRACKING_URI, " a ", " a "),
    ],
)
def test_values_are_read(
    setting: Setting[object], text: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(setting.name, text)

    assert setting.get() == value
    assert type(setting.get()) is type(value)


@pytest.mark.parametrize(
    ("setting", "text", "expected"),
    [
        (settings.OFFLINE, "maybe", "true or false"),
        (settings.OFFLINE, "2", "true or false"),
        (settings.PORT, "http", "whole number"),
        (settings.PORT, "80.0", "whole number"),
        (settings.WORKERS, "0", "1 or more"),
        (settings.WORKERS, "-1", "1 or more"),
        (settings.WORKERS, "two", "whole number"),
        (settings.LEASE_SECONDS, "-0.1", "0 or more"),
        (settings.LEASE_SECONDS, "nan", "seconds"),
        (settings.LEASE_SECONDS, "inf", "seconds"),
        (settings.LEASE_SECONDS, "1e9", "seconds"),
        (settings.LEASE_SECONDS, "a minute", "seconds"),
        (settings.SQLITE_SYNCHRONOUS, "off", "FULL, NORMAL"),
    ],
)
def test_a_bad_value_is_named_with_its_variable(
    setting: Setting[object], text: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in reversed(setting.names):
        monkeypatch.setenv(name, text)
        with pytest.raises(InvalidArgument) as caught:
            setting.get()

        assert f"{name}={text!r}" in caught.value.message
        assert expected in caught.value.message


def test_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    setting = Setting("KEY", int, 0, "both", "A number that nobody may see.", secret=True)
    monkeypatch.setenv("MILLRACE_KEY", "hunter2")

    with pytest.raises(InvalidArgument) as caught:
        setting.get()

    assert "MILLRACE_KEY" in caught.value.message
    told = "".join(traceback.format_exception(caught.value))
    assert "hunter2" not in told.replace('setenv("MILLRACE_KEY", "hunter2")', "")


def test_a_value_that_was_put_wins_and_can_be_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLRACE_TRACKING_URI", "first")  # taken back in the end, whatever happens
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "theirs")

    settings.TRACKING_URI.put("mine")
    put = settings.TRACKING_URI.get()
    settings.TRACKING_URI.put(None)

    assert (put, settings.TRACKING_URI.get()) == ("mine", None)
