"""Page tokens: they lead on with the query that they were made for, and with no other."""

from __future__ import annotations

import base64
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from millrace.core.errors import InvalidArgument
from millrace.core.pages import Page, Position, Tokens

TOKENS = Tokens(b"secret")
QUERY = ["runs", ["1"], "metrics.a > 1", None, None]

int64s = st.integers(-(2**63), 2**63 - 1)
positions = st.lists(st.none() | st.text() | int64s | st.floats(width=64), max_size=6).map(tuple)
texts = st.none() | st.text(max_size=3) | st.integers(0, 3)
queries = st.lists(texts | st.lists(texts, max_size=2), max_size=4)


def written(position: Position, query: object = QUERY) -> str:
    token = TOKENS.write(position, query)
    assert token is not None
    return token


def shown(position: Position | None) -> list[tuple[str, str]]:
    """Tells 1 from 1.0, 0.0 from -0.0, and lets NaN equal itself."""
    assert position is not None
    return [(type(value).__name__, repr(value)) for value in position]


@given(position=positions, query=queries)
def test_any_position_comes_back(position: Position, query: object) -> None:
    token = written(position, query)

    assert shown(TOKENS.read(token, query)) == shown(position)
    assert token.isascii()
    assert not set(token) & set("+/&?#% ")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.0, 5e-324, 1, 1.0, "", None])
def test_odd_values_come_back(value: str | float | None) -> None:
    assert shown(TOKENS.read(written((0, value)), QUERY)) == shown((0, value))


def test_without_a_position_there_is_no_token() -> None:
    assert TOKENS.write(None, QUERY) is None


@pytest.mark.parametrize("token", [None, ""])
def test_without_a_token_a_query_starts_at_the_beginning(token: str | None) -> None:
    assert TOKENS.read(token, QUERY) is None


@given(one=queries, other=queries)
def test_a_token_is_bound_to_its_query(one: object, other: object) -> None:
    assume(one != other)
    token = written((1, "a"), one)

    with pytest.raises(InvalidArgument, match="page_token"):
        TOKENS.read(token, other)


def test_a_token_of_another_place_is_refused() -> None:
    token = Tokens(b"another secret").write((1,), QUERY)

    with pytest.raises(InvalidArgument):
        TOKENS.read(token, QUERY)


@given(position=positions, data=st.data())
def test_an_altered_token_is_refused(position: Position, data: st.DataObject) -> None:
    """Whichever bit of it is turned."""
    raw = bytearray(base64.urlsafe_b64decode(written(position)))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= 1 << data.draw(st.integers(0, 7))

    with pytest.raises(InvalidArgument):
        TOKENS.read(base64.urlsafe_b64encode(raw).decode(), QUERY)


@given(position=positions, data=st.data())
def test_a_piece_of_a_token_is_refused(position: Position, data: st.DataObject) -> None:
    token = written(position)
    piece = token[: data.draw(st.integers(1, len(token) - 1))]

    with pytest.raises(InvalidArgument):
        TOKENS.read(piece, QUERY)


@given(token=st.text(st.characters(), min_size=1) | st.binary(min_size=1).map(base64.b64encode))
def test_garbage_is_refused(token: str | bytes) -> None:
    text = token if isinstance(token, str) else token.decode()

    with pytest.raises(InvalidArgument):
        TOKENS.read(text, QUERY)


def test_what_is_asked_cannot_be_shifted_into_the_position() -> None:
    """The signature covers where the query ends."""
    token = written(("b",), ["a"])

    for query in (["a", "b"], ["ab"], [["a"]], "a", ["a", None]):
        with pytest.raises(InvalidArgument):
            TOKENS.read(token, query)


def test_a_changed_page_leads_on_where_it_did() -> None:
    page = Page(("a", "bb"), next=(1, "x"))

    assert page.map(len) == Page((1, 2), next=(1, "x"))
