"""Who a request says it comes from, while there are no accounts."""

from __future__ import annotations

import base64

import pytest

from millrace.core.entities.access import ANONYMOUS
from millrace.server.actors import LONGEST_NAME, stated


def basic(text: str) -> bytes:
    return b"Basic " + base64.b64encode(text.encode())


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({b"x-millrace-user": b"ada"}, "ada"),
        ({b"x-millrace-user": b"Ad%C3%A9la"}, "Adéla"),
        ({b"authorization": basic("bob:secret")}, "bob"),
        ({b"x-millrace-user": b"ada", b"authorization": basic("bob:secret")}, "ada"),
        ({b"x-millrace-user": b"a%0d%0ab%00"}, "ab"),
        ({b"x-millrace-user": b"x" * 999}, "x" * LONGEST_NAME),
        ({b"x-millrace-user": b"%ff"}, "�"),
    ],
)
def test_the_stated_user_is_named_and_not_verified(headers: dict[bytes, bytes], name: str) -> None:
    actor = stated(headers)

    assert (actor.name, actor.verified, actor.is_admin) == (name, False, True)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {b"x-millrace-user": b""},
        {b"x-millrace-user": b"%20%0a"},
        {b"authorization": b"Bearer token"},
        {b"authorization": b"Basic"},
        {b"authorization": b"Basic !!"},
        {b"authorization": b"Basic " + base64.b64encode(b"\xff\xfe")},
        {b"authorization": basic(":secret")},
    ],
)
def test_nobody_is_anonymous(headers: dict[bytes, bytes]) -> None:
    assert stated(headers) is ANONYMOUS
