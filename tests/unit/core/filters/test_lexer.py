"""Tokens: quoting as MLflow reads it, places, and limits on the text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.core.errors import InvalidArgument
from millrace.core.filters.lexer import MAX_LENGTH, MAX_TOKENS, Kind, Piece, Source, tokenize


def tokens(text):
    return tokenize(Source(text))[:-1]


def refusal(text):
    with pytest.raises(InvalidArgument) as caught:
        tokens(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "string"),
    [
        ("'x'", "x"),
        ('"x"', "x"),
        ("''", ""),
        ('""', ""),
        ("'it''s'", "it''s"),
        (r"'it\'s'", r"it\'s"),
        ('"it\'s"', "it's"),
        ("'say \"x\"'", 'say "x"'),
        (r'"say \"x\""', r"say \"x\""),
        ("''''", "''"),
        ("'a\nb'", "a\nb"),
        ("'C:\\'", "C:\\"),
        ("'\\'", "\\"),
        ("'🙂'", "🙂"),
    ],
)
def test_quoted_text_is_taken_as_it_stands(text, string):
    """There is no escape: doubled quotes and backslashes are text."""
    (token,) = tokens(text)

    assert token.string == string


def test_backslash_before_the_closing_quote_is_text_where_nothing_else_could_close():
    path, other = tokens("'C:\\' \"x\"")

    assert (path.string, other.string) == ("C:\\", "x")


def test_backticks_quote_keys_not_values():
    (token,) = tokens("`a b`")

    assert token.string is None
    assert token.pieces == (Piece("a b", "`"),)


def test_path_keeps_pieces_and_their_quotes():
    (token,) = tokens('metrics."val loss".min')

    assert token.pieces == (Piece("metrics", ""), Piece("val loss", '"'), Piece("min", ""))


@pytest.mark.parametrize("text", ["metrics.5", "metrics.1a", "tags._", "tags.ä", "tags.and.or"])
def test_after_a_dot_any_word_is_a_key(text):
    (token,) = tokens(text)

    assert token.kind is Kind.PATH
    assert token.text == text


@pytest.mark.parametrize(
    "text", ["0", "-1", "+1", ".5", "-.5", "5.", "1e3", "1E+3", "-1.5e-3", "007", "9" * 400]
)
def test_numbers(text):
    (token,) = tokens(text)

    assert (token.kind, token.text) == (Kind.NUMBER, text)


@pytest.mark.parametrize("text", ["1e", "1.2.3", "5a", "0x1", "1_0", "1-2", "1AND"])
def test_what_only_begins_as_a_number_is_refused_whole(text):
    assert f"column 1: {text!r} is no number" in refusal(text)


def test_signs_need_no_blanks():
    assert [token.text for token in tokens("a>=-1<=.5!='x'(,)")] == (
        ["a", ">=", "-1", "<=", ".5", "!=", "'x'", "(", ",", ")"]
    )


@pytest.mark.parametrize(
    ("text", "column", "hint"),
    [
        ("a == 1", 3, "Equality is '='."),
        ("a <> 1", 3, "Inequality is '!='."),
        ("a ! b", 3, "Write NOT"),
        ("a && b", 3, "Write AND."),
        ("a || b", 3, "Write OR."),
        ("a = 1;", 6, "Give one expression, without ';'."),
        ("tags.a-b", 7, "backticks"),
        ("tags.a/b", 7, "backticks"),
        ("tags.a:b", 7, "backticks"),
        ("a ? b", 3, "Text goes in quotes"),
        ("tags. a", 6, "expected a key after 'tags.'"),
        ("tags.", 6, "expected a key after 'tags.'"),
        ("a = 'x", 5, "never closed"),
        ("a = `x", 5, "never closed"),
    ],
)
def test_refusal_names_column_piece_and_way_out(text, column, hint):
    message = refusal(text)

    assert f"column {column}: " in message
    assert hint in message
    assert "Invalid clause(s) in filter string" in message


def test_long_pieces_are_cut_in_messages():
    assert len(refusal("'" + "x" * 10_000)) < 200


def test_what_no_store_can_hold_is_refused():
    assert "column 7: a NUL" in refusal("a = 'x\0y'")
    assert "column 6: half of a surrogate pair" in refusal("a = '\ud800'")


def test_text_and_token_limits():
    assert len(tokens("a" * MAX_LENGTH)) == 1
    assert len(tokens("(" * MAX_TOKENS)) == MAX_TOKENS
    assert "65,537 characters; at most 65,536" in refusal("a" * (MAX_LENGTH + 1))
    assert f"column {MAX_TOKENS + 1}: more than 10,000" in refusal("(" * (MAX_TOKENS + 1))


@given(st.text(st.sampled_from("ab.`'\"\\ 1-<=!(),\n;é"), max_size=40))
def test_tokens_are_the_text_in_order(text):
    """Nothing is lost or moved: between tokens there are only blanks."""
    try:
        read = tokens(text)
    except InvalidArgument:
        return

    end = 0
    for token in read:
        assert not text[end : token.at].strip()
        assert text.startswith(token.text, token.at)
        end = token.at + len(token.text)
    assert not text[end:].strip()
