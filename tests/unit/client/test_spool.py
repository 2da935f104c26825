from __future__ import annotations

import math
import os
import stat
from pathlib import Path

import pytest

from millrace.api.tracking import MetricEntry, SetTag
from millrace.client import spool as spools
from millrace.client.records import Logged, called, entries
from millrace.client.spool import Cursor, Journal, Spool
from millrace.core.errors import LimitExceeded

EXTREMES = (math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308)
RECORDS = [
    Logged(
        "r",
        tuple(
            MetricEntry(key="ключ", value=v, timestamp=2**63 - 1, step=-(2**63)) for v in EXTREMES
        ),
    ),
    Logged("r", params=entries("Param", {"p": "🎉" * 6000}), tags=entries("Tag", {"t": ""})),
    called("setTag", SetTag(run_id="r", key="k", value="\0\n"), "r", key="once", local_id="l"),
]


def journal(spool: Spool, *records: object, limit: int = 10**9, is_offline: bool = True) -> Journal:
    made = Journal(spool, spools.header("uri://x", is_offline=is_offline), limit_bytes=limit)
    made.append(list(records))
    return made


def read(path: Path) -> list:
    return [record for record, _ in spools.read(path)][1:]


def test_what_is_appended_is_read_bit_for_bit(spool: Spool):
    made = journal(spool, *RECORDS)

    found = read(made.path)
    assert repr(found[0]) == repr(RECORDS[0])  # a NaN equals nothing
    assert found[1:] == RECORDS[1:]


def test_the_header_says_whose_journal_it_is(spool: Spool):
    made = journal(spool)

    header, _ = next(spools.read(made.path))

    assert (header.uri, header.is_offline, header.pid) == ("uri://x", True, os.getpid())
    assert header.format == 1


def test_reading_goes_on_where_it_stopped(spool: Spool):
    made = journal(spool, *RECORDS)
    offsets = [end for _, end in spools.read(made.path)]

    assert [end for _, end in spools.read(made.path, offsets[1])] == offsets[2:]
    assert list(spools.read(made.path, offsets[-1])) == []


def test_a_tail_torn_at_any_byte_is_left_out(spool: Spool, tmp_path: Path):
    whole = journal(spool, *RECORDS[:1]).path.read_bytes()
    one = len(whole)
    two = journal(spool, RECORDS[0], RECORDS[2]).path.read_bytes()
    torn = tmp_path / "torn.journal"

    for length in range(one, len(two)):
        torn.write_bytes(two[:length])
        assert len(read(torn)) == 1, length


def test_a_damaged_record_is_told_and_passed_over(spool: Spool):
    made = journal(spool, *RECORDS)
    ends = [end for _, end in spools.read(made.path)]
    content = bytearray(made.path.read_bytes())
    content[ends[1] + 20] ^= 1
    made.path.write_bytes(content)

    found = read(made.path)

    assert found[1] is None
    assert found[2] == RECORDS[2]


def test_a_journal_has_a_limit(spool: Spool):
    made = journal(spool, limit=2000)
    before = made.path.read_bytes()

    with pytest.raises(LimitExceeded, match="MILLRACE_SPOOL_LIMIT_BYTES"):
        made.append([RECORDS[2], RECORDS[1]])

    assert made.path.read_bytes() == before


def test_a_write_that_fails_half_way_leaves_no_trace(spool: Spool, monkeypatch: pytest.MonkeyPatch):
    made = journal(spool, RECORDS[0])
    before = made.path.read_bytes()
    write = os.write

    def full(descriptor: int, data: bytes) -> int:
        if len(data) > 100:
            return write(descriptor, data[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        made.append([RECORDS[2]] * 3)
    monkeypatch.undo()
    made.append([RECORDS[2]])

    assert made.path.read_bytes() == before + spools.frame(RECORDS[2])


def test_only_the_owner_may_read_it(spool: Spool):
    assert stat.S_IMODE(journal(spool).path.stat().st_mode) == 0o600


def test_whether_the_writer_lives_is_known(spool: Spool):
    made = journal(spool)

    assert spools.is_written(made.path)
    made.close()
    assert not spools.is_written(made.path)


def test_journals_come_in_the_order_of_their_beginning(spool: Spool):
    paths = [journal(spool).path for _ in range(3)]

    assert sorted(spool.journals()) == spool.journals()
    assert set(spool.journals()) == set(paths)


def test_ids_are_kept_for_others(spool: Spool):
    spool.learn("local-1", "server-1")
    other = Spool(spool.folder)
    assert other.server_id("local-1") == "server-1"
    assert other.server_id("local-2") is None

    spool.learn("local-2", "server-2")

    assert other.server_id("local-2") == "server-2"


def test_half_a_line_of_ids_is_not_an_id(spool: Spool):
    spool.learn("local-1", "server-1")
    with (spool.folder / "ids").open("ab") as handle:
        handle.write(b"local-2 serv")
        handle.flush()
        other = Spool(spool.folder)
        assert other.server_id("local-2") is None
        handle.write(b"er-2\n")

    assert other.server_id("local-2") == "server-2"


def test_a_cursor_is_kept(spool: Spool):
    made = journal(spool)
    assert spools.read_cursor(made.path) == Cursor()

    spools.write_cursor(made.path, Cursor(offset=7, sent=1, open_runs=["local-1"]))

    assert spools.read_cursor(made.path).offset == 7
    assert spools.read_cursor(made.path).open_runs == ["local-1"]
    assert sorted(p.suffix for p in spool.folder.iterdir()) == [".cursor", ".journal"]


def test_a_damaged_cursor_means_from_the_start(spool: Spool):
    made = journal(spool)
    made.path.with_suffix(".cursor").write_bytes(b"{")

    assert spools.read_cursor(made.path) == Cursor()


def test_removing_leaves_nothing(spool: Spool):
    made = journal(spool, *RECORDS)
    spools.write_cursor(made.path, Cursor())

    made.remove()

    assert list(spool.folder.iterdir()) == []


def test_what_was_refused_can_be_read_again(spool: Spool):
    made = journal(spool)

    spools.refuse(made.path, RECORDS[1:2])
    spools.refuse(made.path, RECORDS[2:3])

    kept = [record for record, _ in spools.read(made.path.with_suffix(".refused"))]
    assert kept == RECORDS[1:3]
