"""The doctor shows what is set and by what, and no secret."""

from __future__ import annotations

import pytest

from millrace.cli.doctor import without_password


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
