"""Doubles as integers that sort as they do: every store rests on this."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.core.numbers import (
    INT64_MAX,
    INT64_MIN,
    NAN_KEY,
    NEGATIVE_ZERO_KEY,
    ZERO_KEY,
    key_of,
    keys_of,
    number_in,
    value_of,
    values_of,
)
from tests.strategies.records import doubles

INF = math.inf
# From the least to the greatest: each is another double, so each has another integer.
LADDER = (
    -INF, -1.7976931348623157e308, -1e308, -1.0, -0.1, -2.2250738585072014e-308,
    -2.225073858507201e-308, -5e-324, -0.0, 0.0, 5e-324, 2.225073858507201e-308,
    2.2250738585072014e-308, 0.1, 1.0, 1.0000000000000002, 1e308, 1.7976931348623157e308, INF,
)  # fmt: skip


def bits(value: float) -> bytes:
    return struct.pack(">d", value)


def nan(payload: int) -> float:
    value: float = struct.unpack(">d", struct.pack(">Q", payload))[0]
    assert math.isnan(value)
    return value


NANS = (
    nan(0x7FF8_0000_0000_0000),
    nan(0xFFF8_0000_0000_0000),
    nan(0x7FF8_0000_0000_002A),
    nan(0xFFFF_FFFF_FFFF_FFFF),
)


def test_integers_climb_with_the_doubles() -> None:
    keys = [key_of(value) for value in LADDER]

    assert keys == sorted(set(keys))
    assert NAN_KEY == INT64_MIN < keys[0]
    assert keys[-1] <= INT64_MAX


def test_the_zeros_are_neighbours() -> None:
    assert (key_of(-0.0), key_of(0.0)) == (NEGATIVE_ZERO_KEY, ZERO_KEY) == (-1, 0)


@given(one=doubles(), other=doubles())
def test_order_is_kept(one: float, other: float) -> None:
    if one < other:
        assert key_of(one) < key_of(other)
    if math.isnan(one) and not math.isnan(other):
        assert key_of(one) < key_of(other)


@given(value=doubles())
def test_a_double_comes_back_to_the_bit(value: float) -> None:
    back = value_of(key_of(value))

    assert math.isnan(back) if math.isnan(value) else bits(back) == bits(value)
    assert INT64_MIN <= key_of(value) <= INT64_MAX


@pytest.mark.parametrize("value", NANS, ids=lambda value: bits(value).hex())
def test_all_nans_are_one(value: float) -> None:
    assert key_of(value) == NAN_KEY
    assert keys_of([1.0, value]) == [key_of(1.0), NAN_KEY]
    assert bits(value_of(NAN_KEY)) == bits(values_of([NAN_KEY])[0]) == bits(NANS[0])


@given(key=st.integers(key_of(-INF), key_of(INF)))
def test_between_the_infinities_every_integer_is_a_number(key: int) -> None:
    assert key_of(value_of(key)) == key


@given(values=st.lists(doubles() | st.integers(-(2**53), 2**53)))
def test_many_at_once_are_as_one_by_one(values: list[float]) -> None:
    """Whole numbers among them: a caller in Python may well give an int for a value."""
    keys = [key_of(value) for value in values]

    assert keys_of(values) == keys
    assert [bits(value) for value in values_of(keys)] == [bits(value_of(key)) for key in keys]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0.0),
        ("-0", -0.0),
        ("+1", 1.0),
        ("007", 7.0),
        ("-1.5e3", -1500.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1E-3", 0.001),
        ("5e-324", 5e-324),
        ("1" * 64, float("1" * 64)),
    ],
)
def test_a_number_in_a_text(text: str, number: float) -> None:
    found = number_in(text)

    assert found is not None
    assert bits(found) == bits(number)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", " 1", "1 ", "1\n", "1_000", "1,5", "0x10", "1e", "e5", ".", "-", "+-1", "1.2.3",
        "nan", "NaN", "inf", "-Infinity", "true", "٣", "１", "1\0", "1" * 65,
    ],
    ids=ascii,
)  # fmt: skip
def test_no_number_in_a_text(text: str) -> None:
    """Also where Python would find one: databases do not."""
    assert number_in(text) is None
