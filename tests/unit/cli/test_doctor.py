"""The doctor shows what is set and by what, and no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from millrace import __version__
from millrace.cli.doctor import without_password
from millrace.stores.sql import migrate
from tests.services import free_port


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("sqlite:///millrace.db", "sqlite:///millrace.db"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("https://ada:lovelace@host:8443/x?y=1", "https://ada:***@host:8443/x?y=1"),
        ("https://ada@host", "https://ada@host"),
        ("https://ada:p@ss@host", "https://ada:***@host"),
        ("plain text", "plain text"),
    ],
)
def test_passwords_in_addresses_are_masked(uri: str, shown: str) -> None:
    assert without_password(uri) == shown


def test_the_store_is_looked_at(said, client) -> None:
    client.create_experiment("risk")

    store = said("doctor")["store"]

    assert (store["ready"], store["kind"], store["revision"]) == (True, "sqlite", migrate.head())


def test_looking_makes_no_database(millrace, tmp_path: Path) -> None:
    found = millrace("doctor", "--tracking-uri", f"sqlite:///{tmp_path / 'none.db'}", code=1)

    assert "There is no database file" in found.stdout
    assert list(tmp_path.iterdir()) == []


def test_settings_are_shown_with_what_set_them_and_without_secrets(
    said, client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.create_experiment("risk")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "hush")
    monkeypatch.setenv("MILLRACE_BACKEND_STORE_URI", "sqlite://ada:lovelace@host/x")

    shown = said("doctor")

    settings = {each["name"]: each for each in shown["settings"]}
    assert settings["MILLRACE_TRACKING_TOKEN"] == {
        "name": "MILLRACE_TRACKING_TOKEN",
        "value": "***",
        "source": "MLFLOW_TRACKING_TOKEN",
    }
    assert settings["MILLRACE_BACKEND_STORE_URI"]["value"] == "sqlite://ada:***@host/x"
    assert shown["versions"]["millrace"] == __version__


def test_all_values_may_be_masked(said, client, uri: str) -> None:
    client.create_experiment("risk")

    shown = said("doctor", "--mask-envs")

    assert {each["value"] for each in shown["settings"]} == {"***"}


def test_an_unreadable_setting_is_shown_as_such(millrace, client, monkeypatch) -> None:
    client.create_experiment("risk")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "soon")

    assert "unreadable: " in millrace("doctor").stdout


def test_a_server_that_is_away_is_told(millrace) -> None:
    found = millrace("doctor", "--tracking-uri", f"http://127.0.0.1:{free_port()}", code=1)

    assert "ready    False" in found.stdout
