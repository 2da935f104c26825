"""Lines as a terminal shows them in the end."""

from __future__ import annotations

import pytest

from millrace.client.screen import LONGEST, Screen


def shown(*written: str) -> list[str]:
    """All lines in the end; between writings nobody looks."""
    screen = Screen()
    for at_ms, text in enumerate(written):
        screen.write(at_ms, text)
    return [line for _, line in [*screen.above(), *screen.rest()]]


@pytest.mark.parametrize(
    ("written", "lines"),
    [
        (["a\n", "b\n"], ["a", "b"]),
        (["a", "b", "\n", "\n", "c"], ["ab", "", "c"]),
        (["a\r\nb\r\n"], ["a", "b"]),
        (["\r 0%", "\r 50%", "\r 100%", "\n"], [" 100%"]),
        (["1%\r", "2%\r", "done\n"], ["done"]),
        (["\r 50%", "\r      ", "\rmessage\n"], ["message"]),
        # Two bars, one below the other.
        (["\repoch 0"] + ["\n", "\rbatch 0", "\x1b[A", "\repoch 1"] * 3, ["epoch 1", "batch 0"]),
        (["one\n", "two\n", "\x1b[2A", "\rONE"], ["ONE", "two"]),
        (["\x1b[9A", "x"], ["x"]),
        (["\x1b[31mred\x1b[0m\n"], ["\x1b[31mred\x1b[0m"]),
        (["x" * (LONGEST + 5) + "\ny"], ["x" * LONGEST, "y"]),
    ],
)
def test_what_was_overwritten_is_gone(written: list[str], lines: list[str]) -> None:
    assert shown(*written) == lines


def test_lines_are_given_once_with_the_time_at_which_they_were_complete() -> None:
    screen = Screen()
    screen.write(1, "a")
    assert list(screen.above()) == []
    screen.write(2, "b\nc")

    assert list(screen.above()) == [(2, "ab")]
    assert list(screen.above()) == []
    assert list(screen.rest()) == [(2, "c")]
    assert list(screen.rest()) == []


def test_a_bar_that_goes_on_says_how_far_it_is() -> None:
    screen = Screen()
    screen.write(1, "go\n\r 10%")
    screen.write(2, "\r 20%")

    assert list(screen.above()) == [(1, "go")]
    assert list(screen.progress()) == [(2, " 20%")]
    assert list(screen.progress()) == []
    screen.write(3, "\r100%\nend\n")
    assert [*screen.above(), *screen.rest()] == [(3, "100%"), (3, "end")]
