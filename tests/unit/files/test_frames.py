"""A log of frames: what is in it is whole, however its writer ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from millrace.files.frames import FrameLog


def written(path: Path, *payloads: bytes) -> FrameLog:
    log = FrameLog(str(path))
    log.read()
    for payload in payloads:
        log.append(payload, durable=False)
    return log


def test_a_reader_sees_what_is_new(tmp_path: Path) -> None:
    log = written(tmp_path / "log", b"one")
    reader = FrameLog(log.path)

    assert reader.read() == (True, [b"one"])
    assert not reader.has_more()
    log.append(b"", durable=True)
    assert reader.has_more()
    assert reader.read() == (False, [b""])


def test_a_log_cut_at_any_byte_holds_whole_frames(tmp_path: Path) -> None:
    """And the next writer goes on behind the last of them."""
    path = tmp_path / "log"
    written(path, b"first", b"second")
    whole = path.read_bytes()

    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        log = FrameLog(str(path))
        _, found = log.read()
        assert found in ([], [b"first"])
        log.append(b"next", durable=False)
        assert FrameLog(str(path)).read()[1] == [*found, b"next"]


@pytest.mark.parametrize("place", [20, 25])
def test_a_damaged_frame_ends_the_log(tmp_path: Path, place: int) -> None:
    path = tmp_path / "log"
    written(path, b"first", b"second")
    data = bytearray(path.read_bytes())
    data[place] ^= 1

    path.write_bytes(data)

    assert FrameLog(str(path)).read()[1] == []


def test_a_log_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    log = written(tmp_path / "log", b"old", b"older")
    reader = FrameLog(log.path)
    reader.read()

    log.rewrite([b"kept"], durable=True)
    log.append(b"new", durable=False)

    assert reader.read() == (True, [b"kept", b"new"])
