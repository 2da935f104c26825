"""What drivers say when they have no number for it, and what we take it for."""

from __future__ import annotations

import pytest
from psycopg import OperationalError

from millrace.stores.sql.faults import PASSING, Fault, fault_of

STANDBY = """connection failed: connection to server at "127.0.0.1", port 2 failed: {}
Multiple connection attempts failed. All failures were:
- host: '127.0.0.1', port: '1': connection to server at "127.0.0.1" failed: Connection refused
- host: '127.0.0.1', port: '2': connection to server at "127.0.0.1", port 2 failed: {}"""


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (STANDBY.format(*["session is read-only"] * 2), Fault.STANDBY),
        (STANDBY.format(*["server is in hot standby mode"] * 2), Fault.STANDBY),
        ("connection failed: Connection refused", Fault.AWAY),
        ("cannot exit pipeline mode while busy", Fault.LOST),
        ("consuming input failed: server closed the connection unexpectedly", Fault.LOST),
    ],
)
def test_what_passes_by_itself_is_tried_again(words: str, fault: Fault) -> None:
    assert fault_of(OperationalError(words)) is fault
    assert fault in PASSING
