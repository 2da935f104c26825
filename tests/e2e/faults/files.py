"""The database file looked at from outside: sound, and its derived rows agree with the points."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from millrace.stores.open import open_stores
from millrace.stores.protocols import Inspects

# What `series` says of its points, against the points: no row, no difference. NaN is the least.
_DIFFERENT_SERIES = """
SELECT s.id, s.count, p.count FROM series s LEFT JOIN (
  SELECT series_id, count(*) AS count, min(step) AS low, max(step) AS high,
         min(ms) AS early, max(ms) AS late, sum(value = :nan) AS nans,
         min(CASE WHEN value <> :nan THEN value END) AS least,
         max(CASE WHEN value <> :nan THEN value END) AS most
  FROM points GROUP BY series_id
) p ON p.series_id = s.id
WHERE p.count IS NOT s.count OR p.low IS NOT s.first_step OR p.high IS NOT s.last_step
   OR p.early IS NOT s.low_ms OR p.late IS NOT s.high_ms OR p.nans IS NOT s.nan_count
   OR (s.count > s.nan_count AND (p.least IS NOT s.min_value OR p.most IS NOT s.max_value))
"""
_ORPHANS = "SELECT count(*) FROM points WHERE series_id NOT IN (SELECT id FROM series)"
# Each level of a pyramid holds every folded point once.
_DIFFERENT_PYRAMIDS = """
SELECT s.id, b.level, s.folded, sum(b.count) FROM series s JOIN buckets b ON b.series_id = s.id
GROUP BY s.id, b.level HAVING sum(b.count) <> s.folded
"""
_NAN = -(2**63)


def check_store(uri: str) -> None:
    """As `check_file`, or what `fsck --full` finds, for any store."""
    file = Path(uri.removeprefix("sqlite:///"))
    if uri.startswith("sqlite:"):
        check_file(file)
        return
    stores = open_stores(uri)
    try:
        assert isinstance(stores, Inspects)
        assert list(stores.inspect(full=True, repair=False)) == []
    finally:
        stores.close()


def check_file(database: Path) -> None:
    """AssertionError when SQLite finds damage, or when what is derived differs from the points."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        damage = connection.execute("PRAGMA integrity_check").fetchall()
        assert damage == [("ok",)], damage
        series = connection.execute(_DIFFERENT_SERIES, {"nan": _NAN}).fetchall()
        assert series == [], f"series that differ from their points: {series}"
        assert connection.execute(_ORPHANS).fetchone() == (0,)
        pyramids = connection.execute(_DIFFERENT_PYRAMIDS).fetchall()
        assert pyramids == [], f"pyramids that differ from what was folded: {pyramids}"
