"""Where the server itself reads and writes: below its configured roots, and nowhere else.

A location is data of a client, and may be older than today's rules. So each is looked at again when
it is used; what lies outside the roots can be recorded, and is left alone.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, NamedTuple

from millrace.core import uris
from millrace.core.errors import NotSupported, PermissionDenied

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from millrace.artifacts.protocols import ArtifactStore

PROXY: Final = "mlflow-artifacts:/"
"""What the artifacts destination is called in locations."""


class Spot(NamedTuple):
    """A file or folder of ours: its path in a store, and its one URI in the ledger."""

    store: ArtifactStore
    path: str
    uri: str

    def at(self, path: str) -> Spot:
        """What is at *path*, checked, below this one."""
        if not path:
            return self
        joined = f"{self.path}/{path}" if self.path else path
        return Spot(self.store, joined, f"{self.uri.rstrip('/')}/{path}")

    def meets(self, other: Spot) -> bool:
        """Whether one of the two holds the other, or both are the same."""
        mine, others = f"{self.uri.rstrip('/')}/", f"{other.uri.rstrip('/')}/"
        return mine.startswith(others) or others.startswith(mine)


class Places:
    """The stores below the configured roots, opened when first needed.

    *destination* is what `mlflow-artifacts:/` means, None where nothing is proxied. *roots*: other
    places that the server may touch. *trusting*: any place is; for a platform in the user's own
    process.
    """

    def __init__(
        self,
        open_store: Callable[[str], ArtifactStore],
        *,
        destination: str | None = None,
        roots: Sequence[str] = (),
        trusting: bool = False,
    ) -> None:
        self._open = open_store
        self._destination = destination
        self._trusting = trusting
        # By the URI that locations begin with: what the store is opened with.
        self._roots = {root: root for root in roots}
        if destination is not None:
            self._roots = {PROXY: destination, destination: destination} | self._roots
        self._stores: dict[str, ArtifactStore] = {}
        self._lock = threading.Lock()

    @property
    def destination(self) -> ArtifactStore | None:
        """The store that is proxied."""
        return None if self._destination is None else self._store(self._destination)

    @property
    def proxies(self) -> bool:
        """Whether there is an artifacts destination."""
        return self._destination is not None

    def proxied(self, path: str) -> Spot:
        """What is at *path*, checked, below the artifacts destination."""
        if self._destination is None:
            raise NotSupported("This server proxies no artifacts.")
        return Spot(self._store(self._destination), path, f"{PROXY}{path}")

    def at_hand(self, path: str) -> Spot | None:
        """`proxied`, where nothing has to be opened for it; None: ask there."""
        store = None if self._destination is None else self._stores.get(self._destination)
        return None if store is None else Spot(store, path, f"{PROXY}{path}")

    def at(self, uri: str) -> Spot:
        """What a location names; `PermissionDenied` when it lies outside the roots."""
        if (found := self._below_root(uri)) is not None:
            opened_as, above, path = found
            if path:
                uris.safe_path(path)
            return Spot(self._store(opened_as), "", above).at(path)
        if self._trusting:
            uris.place(uri)
            return Spot(self._store(uri), "", uri)
        raise PermissionDenied(
            f"The server does not touch {uris.redacted(uri)[:250]!r}: it lies outside the roots "
            "that this server was given. Read and write there directly, or ask the operator."
        )

    def name_of(self, uri: str) -> str:
        """The one URI in the ledger of what a location names, wherever that lies."""
        found = self._below_root(uri)
        return uri if found is None else "/".join((found[1].rstrip("/"), found[2])).rstrip("/")

    def _below_root(self, uri: str) -> tuple[str, str, str] | None:
        """What the root that a location lies below is opened with, its one URI, and the way on."""
        for root, opened_as in self._roots.items():
            path = uris.path_below(root, uri)
            if path is not None:
                above = PROXY if opened_as == self._destination else root.partition("?")[0]
                return opened_as, above, path
        return None

    def close(self) -> None:
        """Let the stores go."""
        with self._lock:
            stores, self._stores = list(self._stores.values()), {}
        for store in stores:
            store.close()

    def _store(self, uri: str) -> ArtifactStore:
        store = self._stores.get(uri)
        if store is None:
            with self._lock:
                store = self._stores.get(uri)
                if store is None:
                    store = self._stores[uri] = self._open(uri)
        return store
