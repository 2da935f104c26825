"""Lines of logs: found by marks, cut when they are long, judged by their words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.core import loglines

LINES = st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"")), max_size=60)


def pieces(body: bytes, size: int) -> list[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)]


@given(lines=LINES, size=st.integers(1, 40), ends=st.booleans())
def test_each_mark_stands_at_the_beginning_of_its_line(
    lines: list[bytes], size: int, *, ends: bool
) -> None:
    body = b"\n".join(lines) + (b"\n" if ends else b"")
    whole = body.split(b"\n")
    if whole[-1] == b"":
        whole.pop()

    survey = loglines.survey(pieces(body, size))

    assert (survey.lines, survey.size) == (len(whole), len(body))
    for line in range(survey.lines):
        mark = survey.at(line)
        start = survey.marks[mark]
        found = body[start.offset : survey.end(mark)].split(b"\n")
        assert found[line - start.line] == whole[line]


def test_a_long_line_is_cut_wherever_its_pieces_end() -> None:
    body = b"a\n" + b"x" * 50_000 + b"\nlast"

    for size in (1_000, 16_000, 16_001, 100_000):
        found = list(loglines.cut(pieces(body, size)))

        assert [len(line) for line, _ in found] == [1, 4 * loglines.LONGEST, 4], size
        assert [is_cut for _, is_cut in found] == [False, True, False], size


def test_what_a_run_printed_says_when_and_where() -> None:
    kept = loglines.stamped(1_764_385_512_007, "err", "né INFO")

    assert kept == "2025-11-29T03:05:12.007Z err né INFO\n"
    (line,) = [loglines.read(line) for line, _ in loglines.cut([kept.encode()])]
    assert line == ("né INFO", 1_764_385_512_007, "err", False)
    odd = b"2025-13-29T03:05:12.007Z out no such month"
    assert loglines.read(odd) == (odd.decode(), None, None, False)


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("2026-01-01 10:00:00,000 INFO trainer: done", "info"),
        ("[WARN] careful", "warning"),
        ("DEBUG:root:x", "debug"),
        ("E CRITICAL", "critical"),
        ("error: no such file", "error"),
        ("ValueError: invalid level INFO", "error"),
        ("torch.cuda.OutOfMemoryError: CUDA out of memory", "error"),
        ("a.py:3: UserWarning: slow", "warning"),
        ("Traceback (most recent call last):", "error"),
        ('{"msg": "x", "level": "warning"}', "warning"),
        ("ts=1 level=error msg=x", "error"),
        ("training error: 0.3", None),
        ("ErrorRate 0.3", None),
        ("my.INFO, INFORMATION", None),
        ("", None),
    ],
)
def test_words_tell_how_grave_a_line_is(line: str, level: str | None) -> None:
    for kept in (line, loglines.stamped(0, "out", line).rstrip("\n")):
        code = loglines.levels([kept.encode() + b"\n"])[0]

        assert (loglines.LEVELS[code - 1] if code else None) == level


def test_what_is_indented_belongs_to_the_line_before_of_its_stream() -> None:
    said = [
        ("err", "Traceback (most recent call last):"),
        ("out", "epoch 1"),
        ("err", '  File "a.py", line 1'),
        ("out", "  loss 0.1"),
        ("err", "ValueError: no"),
    ]
    body = "".join(loglines.stamped(0, "out" if s == "out" else "err", text) for s, text in said)

    assert list(loglines.levels([body.encode()])) == [4, 0, 4, 0, 4]


@given(codes=st.binary(max_size=20_000).map(lambda found: bytes(code % 6 for code in found)))
def test_grave_lines_are_counted_and_found(codes: bytes) -> None:
    wanted = [line for line, code in enumerate(codes) if code >= 3]

    grave = loglines.Grave(codes, "warning")

    assert len(grave) == len(wanted)
    half = len(wanted) // 2
    assert grave.lines(half, half + 7) == wanted[half : half + 7]
    assert grave.lines(0, len(codes) + 1) == wanted
    for place, line in list(enumerate(wanted))[::97]:
        assert grave.place(line) == place
        assert grave.has(line)
