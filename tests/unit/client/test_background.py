from __future__ import annotations

import logging
import threading

import pytest

from millrace.client import background
from millrace.client.background import Background


def test_it_goes_on_while_the_caller_does():
    gate = threading.Event()
    done: list[str] = []

    def upload() -> None:
        gate.wait()
        done.append("x")

    work = Background()
    sent = work.submit("x", upload)
    assert done == []
    gate.set()
    sent.wait()
    work.flush()

    assert done == ["x"]


def test_a_failure_is_logged_and_raised_to_who_waits(caplog: pytest.LogCaptureFixture):
    def upload() -> None:
        raise OSError("no luck")

    work = Background()
    with caplog.at_level(logging.WARNING):
        sent = work.submit("image 'a'", upload)
        work.flush()

    assert "image 'a' was not uploaded: no luck" in caplog.text
    with pytest.raises(OSError, match="no luck"):
        sent.wait()


def test_what_waits_is_bounded():
    """Images wait in memory: the caller is held up before it is full."""
    gate = threading.Event()
    work = Background()
    for _ in range(background._WAITING):
        work.submit("x", gate.wait)  # type: ignore[arg-type]  # what it returns is not looked at
    more = threading.Thread(target=lambda: work.submit("x", lambda: None).wait())
    more.start()
    more.join(0.05)

    assert more.is_alive()
    gate.set()
    more.join(10)
    assert not more.is_alive()
    work.flush()
    assert work._room._value == background._WAITING
