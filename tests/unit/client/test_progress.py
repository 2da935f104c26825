from __future__ import annotations

import io

import pytest

from millrace.client.progress import Progress, size
from millrace.core import settings


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def moved(stream: io.StringIO, *moments: float) -> str:
    """What *stream* is told of a transfer that moves 1 MB at each of *moments*."""
    clock = Clock()
    with Progress("uploading", 4, 4_000_000, stream=stream, now=clock) as progress:
        for moment in moments:
            clock.now = moment
            progress.add(1_000_000)
            progress.file_done()
    return stream.getvalue()


def test_a_terminal_sees_how_far_it_has_come():
    shown = moved(Terminal(), 0.1, 1.0, 2.0)

    assert "uploading [##########----------]  50%  1/4 files, 2 MB of 4 MB, 2 MB/s" in shown
    assert shown.endswith("\r")
    assert shown.count("\n") == 0


def test_what_is_over_at_once_is_not_shown():
    assert moved(Terminal(), 0.1, 0.2) == ""


def test_the_line_is_not_written_more_often_than_can_be_read():
    shown = moved(Terminal(), *(1.0 + n / 1000 for n in range(50)))

    assert shown.count("uploading") == 1


def test_a_file_is_told_nothing():
    assert moved(io.StringIO(), 1.0, 2.0, 3.0) == ""


def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(settings.ENABLE_ARTIFACTS_PROGRESS_BAR.mlflow, "false")

    assert moved(Terminal(), 1.0, 2.0) == ""


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (-5, "-5 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (999_900, "1 MB"),
        (123_456_789, "123 MB"),
        (5 * 10**12, "5 TB"),
    ],
)
def test_sizes(count: int, shown: str):
    assert size(count) == shown
