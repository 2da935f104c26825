"""LIKE, ILIKE and RLIKE against plain definitions, and in bounded time."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.core.filters.patterns import ilike, like, rlike


def like_by_definition(pattern, text):
    """Character by character: what LIKE means, at any price."""
    if not pattern:
        return not text
    if pattern[0] == "%":
        return any(like_by_definition(pattern[1:], text[skip:]) for skip in range(len(text) + 1))
    return bool(text) and pattern[0] in ("_", text[0]) and like_by_definition(pattern[1:], text[1:])


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("", "", True),
        ("", "a", False),
        ("%", "", True),
        ("_", "", False),
        ("a%a", "a", False),
        ("a%a", "aa", True),
        ("ab%bc", "abc", False),
        ("%a_c%", "abxaxcx", True),
        ("%a_c%", "acaac", True),
        ("%a_c%a_c%", "abcbc", False),
        ("%__%", "a", False),
        ("%__%", "ab", True),
        ("%b_", "abab", False),
        ("a%b%c", "acbc", True),
        ("a%b%c", "acb", False),
        ("_🙂", "é🙂", True),
        ("a%", "A", False),
        ("a%", "a\n", True),
    ],
)
def test_like(pattern, text, expected):
    assert like(pattern)(text) is expected


@given(
    st.text(st.sampled_from("aab%_"), max_size=8), st.text(st.sampled_from("aab%_"), max_size=10)
)
def test_like_is_its_definition(pattern, text):
    assert like(pattern)(text) == like_by_definition(pattern, text)


@given(st.text(max_size=8))
def test_a_text_is_like_itself_and_like_anything(text):
    assert like("%")(text)
    assert like("_" * len(text))(text)
    assert like(text)(text)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("abc", "ABC", True),
        ("a%", "AB", True),
        ("É", "É", True),
        ("É", "é", False),
        ("s", "\u017f", False),
        ("k", "\u212a", False),
        ("ß", "SS", False),
        ("a_", "A🙂", True),
    ],
)
def test_ilike_folds_ascii_letters_only(pattern, text, expected):
    assert ilike(pattern)(text) is expected


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("b", "abc", True),
        ("^b", "abc", False),
        ("^a.c$", "abc", True),
        ("B", "abc", False),
        ("(?i)B", "abc", True),
        ("", "abc", True),
        ("a.b", "a\nb", False),
        ("(?s)a.b", "a\nb", True),
        ("^b", "a\nb", False),
        ("é", "café", True),
    ],
)
def test_rlike_searches_anywhere(pattern, text, expected):
    assert rlike(pattern)(text) is expected


@pytest.mark.parametrize(
    "pattern", ["(", "[", "*", r"(a)\1", "(?=a)", "a{1001}", r"\pN{1,900}" * 3]
)
def test_rlike_says_why_a_pattern_is_refused(pattern):
    with pytest.raises(ValueError, match=r"\w+"):
        rlike(pattern)


@pytest.mark.parametrize(
    ("matcher", "pattern"),
    [
        (like, "%a" * 32 + "b"),
        (like, "%" + "a_" * 31 + "b%"),
        (like, "%" + "a" * 500 + "_" + "a" * 490 + "b%"),
        (like, "%" + "a" * 490 + "b" + "_" + "a" * 490 + "%"),
        (ilike, "%A" * 32 + "B"),
        (rlike, "(a*)*(a*)*(a*)*b"),
        (rlike, "(a|a)*b$"),
    ],
)
def test_no_pattern_makes_a_search_hang(matcher, pattern):
    """Security requirement S53: 100,000 letters, the most that any tag holds."""
    start = time.perf_counter()

    assert not matcher(pattern)("a" * 100_000)

    assert time.perf_counter() - start < 5
