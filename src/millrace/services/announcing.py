"""Saying that new bytes come, before they replace those that a record speaks of.

Until a record of the new bytes is there, or the announcement is taken back, other bytes than the
recorded are no damage. Whoever dies in between leaves an announcement that grows old.
"""

from __future__ import annotations

import contextlib
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from millrace.core.clock import now_ms
from millrace.core.errors import MillraceError

if TYPE_CHECKING:
    from millrace.core.entities.artifact import ArtifactRecord
    from millrace.services.places import Spot
    from millrace.stores.protocols import ArtifactRecords

# How long an announcement of new bytes is taken for one that is still being kept.
_FRESH_MS: Final = 600_000


class Announced(NamedTuple):
    """That new bytes come: as the ledger was told, None if it had nothing."""

    token: str | None


@dataclass
class Began:
    """What an upload found when its bytes were complete: in the ledger, and in the store."""

    known: ArtifactRecord | None = None
    token: str | None = None
    etag: str | None = None


class Announcements:
    """Those in a ledger."""

    def __init__(self, ledger: ArtifactRecords) -> None:
        self._ledger = ledger

    def begin(self, spot: Spot, began: Began) -> None:
        """Announce what replaces a recorded file, and note in *began* what there was."""
        if self._ledger.record(spot.uri) is None:
            return
        token = new_token()
        began.known = self._ledger.begin(spot.uri, token).result()
        if began.known is not None:
            began.token = token
            began.etag = etag_of(spot)

    def take_back(self, spot: Spot, began: Began) -> None:
        """Settle on what was there before, if that is what still is: a store that failed, or did
        not answer, may have the new bytes all the same."""
        if began.known is None or began.known.token is not None or began.etag is None:
            return
        with contextlib.suppress(MillraceError):  # unsettled is true, too
            if etag_of(spot) == began.etag:
                self._ledger.settle(began.known, token=began.token).result()


def new_token() -> str:
    """A new one; it tells how old it is."""
    return f"{now_ms():x}-{uuid.uuid4().hex}"


def is_fresh(token: str) -> bool:
    """Whether who announced may still be at it."""
    return now_ms() - int(token.partition("-")[0], 16) < _FRESH_MS


def etag_of(spot: Spot) -> str | None:
    """The store's own entity tag of what is at *spot*, if it can be had."""
    try:
        stat = spot.store.stat(spot.path)
    except MillraceError:
        return None
    return stat.etag if stat is not None else None
