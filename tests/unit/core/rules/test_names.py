"""Names, keys and ids: what may be one, at and beyond each limit."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.core.errors import InvalidArgument, NotFound
from millrace.core.rules import limits, names

CONTROLS = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))]
DIRECTIONS = list("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@pytest.mark.parametrize(
    "key",
    [
        "a", "A", "0", "_", "-", " ", ":", "a b", "a.b", "a-b", "a:b", "a/b", "a/b/c", ".a", "a..b",
        "a/..b", "a/...", " /a", "val_loss:0", "größe", "精度", "точность", "دقة", "٣", "a²", "𝒜",
        "k" * limits.KEY_LENGTH, "ü" * limits.KEY_LENGTH, "𝒜" * limits.KEY_LENGTH,
    ],
    ids=ascii,
)  # fmt: skip
def test_a_key(key: str) -> None:
    assert names.key(key, "Metric name") == key


@pytest.mark.parametrize(
    "key",
    [
        "a$", "a,b", "a@b", "a#b", "a%b", "a+b", "a=b", "a(b)", "a[0]", "a\\b", "a'b", 'a"b', "a*",
        "a\n", "\ta", "a\0", "a\u00a0b", "a\u2028b", "e\u0301", "a\u200bb", "a\u202eb", "\ud800",
        "😀",
    ],
    ids=ascii,
)  # fmt: skip
def test_no_key_for_its_characters(key: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        names.key(key, "Metric name")

    assert repr(key) in caught.value.message
    assert "Names may only contain" in caught.value.message


@pytest.mark.parametrize(
    "key",
    "/ // /a a/ a//b . .. ./a a/. a/./b a/.. a/../b ../a ..a ...".split(),
)
def test_no_key_for_its_way(key: str) -> None:
    with pytest.raises(InvalidArgument, match="must not resolve to other names"):
        names.key(key, "Param key")


def test_a_key_that_is_missing_or_too_long() -> None:
    with pytest.raises(InvalidArgument, match="Missing value for required parameter 'Tag key'"):
        names.key("", "Tag key")
    with pytest.raises(InvalidArgument, match="maximum length of 250 characters: it has 251"):
        names.key("k" * 251, "Tag key")


@given(key=st.text(st.sampled_from("a./ -"), min_size=1, max_size=8))
def test_whatever_is_a_key_is_the_shortest_way_to_itself(key: str) -> None:
    try:
        names.key(key, "Metric name")
    except InvalidArgument:
        assert posixpath.normpath(key) != key or key.startswith((".", "/"))
    else:
        assert posixpath.normpath(key) == key
        assert not key.startswith(("/", ".."))


@pytest.mark.parametrize("character", [*CONTROLS, *DIRECTIONS], ids=ascii)
def test_a_character_that_is_not_seen_for_what_it_is(character: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        names.plain_text(f"ab{character}c", "Run name")

    assert f"U+{ord(character):04X} is at position 2" in caught.value.message
    assert character not in caught.value.message


@pytest.mark.parametrize(
    "text",
    ["", " ", "a b", "größe", "😀", "e\u0301", "مرحبا", "שלום", "a\u00a0b", "n\u200dn"],
    ids=ascii,
)
def test_plain_text(text: str) -> None:
    """Scripts from right to left need no marks for it."""
    assert names.plain_text(text, "Run name") == text


@pytest.mark.parametrize("name", ["a", " a", "0", "ü" * limits.EXPERIMENT_NAME_LENGTH, "a/b:c%"])
def test_a_name_of_an_experiment(name: str) -> None:
    assert names.experiment_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "\u00a0\u2003",
        "\t\n",
        "a\nb",
        "a\u202eb",
        "a" * (limits.EXPERIMENT_NAME_LENGTH + 1),
    ],
    ids=lambda name: ascii(name)[:20],
)
def test_no_name_of_an_experiment(name: str) -> None:
    with pytest.raises(InvalidArgument):
        names.experiment_name(name)


@pytest.mark.parametrize("text", ["0", "1", "10", "9223372036854775807"])
def test_an_id_of_an_experiment(text: str) -> None:
    assert names.experiment_id(text) == text


@pytest.mark.parametrize(
    "text", ["", " 1", "1 ", "1\n", "+1", "-1", "01", "00", "1.0", "1e3", "0x1", "1_0", "٣", "a"]
)
def test_an_id_has_one_spelling(text: str) -> None:
    with pytest.raises(InvalidArgument):
        names.experiment_id(text)


@pytest.mark.parametrize("text", ["9223372036854775808", "9" * 19, "1" + "0" * 19, "1" * 5_000])
def test_an_id_beyond_64_bits_is_nobody_s(text: str) -> None:
    """Also where Python would not read the number any more."""
    with pytest.raises(NotFound):
        names.experiment_id(text)


@pytest.mark.parametrize("name", ["forest", "my model", "größe", "a-b_c", "\\", "a,b"])
def test_a_name_of_a_logged_model(name: str) -> None:
    assert names.logged_model_name(name) == name


@pytest.mark.parametrize("name", ["", " ", "\u2003", *"/:.%\"'", "a/b", "v1.0", "a\0", "a\u202e"])
def test_no_name_of_a_logged_model(name: str) -> None:
    with pytest.raises(InvalidArgument):
        names.logged_model_name(name)
