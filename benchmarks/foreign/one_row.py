"""The least that a server can do which keeps what it is told: one row, one commit, then `{}`."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Awaitable, Callable

import hello

_database = sqlite3.connect(os.environ["ONE_ROW_FILE"], isolation_level=None)
for _pragma in ("journal_mode=WAL", "synchronous=FULL"):
    _database.execute(f"PRAGMA {_pragma}")
_database.execute("CREATE TABLE kept (id INTEGER PRIMARY KEY, body BLOB)")


async def app(
    scope: hello.Message,
    receive: Callable[[], Awaitable[hello.Message]],
    send: Callable[[hello.Message], Awaitable[None]],
) -> None:
    """Keep the body of a POST; answer `{}` to everything."""
    if scope["type"] == "http" and scope["method"] == "POST":
        message = await receive()
        _database.execute("INSERT INTO kept (body) VALUES (?)", (message["body"],))
    await hello.app(scope, receive, send)
