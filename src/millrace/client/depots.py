"""Where the artifacts of one tracking URI are: stores that are open, roots of runs and models.

A location is direct (this process reads and writes there) or `mlflow-artifacts:`, kept by the
platform: a tracking server or, on a database, the platform in this process, which keeps them where
a server that is started here would: at `MILLRACE_ARTIFACTS_DESTINATION`.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote, urlsplit
from weakref import WeakKeyDictionary

from millrace.artifacts.location import absolute, local_path, scheme_of
from millrace.artifacts.open import open_artifacts
from millrace.client.background import Background
from millrace.core.errors import InvalidState
from millrace.core.uris import safe_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from millrace.artifacts.protocols import ArtifactStore
    from millrace.client.batching import Channel

PROXIED: Final = "mlflow-artifacts"
_OPEN: Final = 32
_KNOWN: Final = 10_000


class Place(NamedTuple):
    """A file or folder of a store; the empty path is the store's root."""

    store: ArtifactStore
    path: str

    def below(self, path: str) -> Place:
        """The one at *path* (already checked) below this one; itself, if that is empty."""
        return Place(self.store, "/".join(filter(None, (self.path, path))))


class Depot:
    """What this process knows of the artifacts of one tracking URI. Thread-safe."""

    def __init__(self, channel: Channel) -> None:
        self.background = Background()
        self.is_tagged: set[tuple[str, str]] = set()
        """Runs, and tags that say what kinds of artifacts they have, set already."""
        self._transport = channel.transport
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._stores: OrderedDict[str, ArtifactStore] = OrderedDict()
        self._roots: dict[str, str] = {}

    @property
    def is_inherited(self) -> bool:
        """Whether it is the parent's, whose connections and threads are not ours."""
        return self._pid != os.getpid()

    def root_of(self, owner: str, find: Callable[[], str]) -> Place:
        """Where the artifacts of a run or logged model are; *find* is asked once for its URI."""
        uri = self._roots.get(owner)
        if uri is None:
            uri = find()
            if not uri:
                raise InvalidState(f"{owner!r} has no place for artifacts.")
            if len(self._roots) >= _KNOWN:
                self._roots.clear()
            self._roots[owner] = uri
        return self.root(uri)

    def root(self, uri: str) -> Place:
        """The folder at *uri*."""
        if scheme_of(uri) == PROXIED:
            return self._proxied(uri)
        return Place(self._store(absolute(uri)), "")

    def place(self, uri: str) -> Place:
        """The file or folder at *uri*."""
        if scheme_of(uri) == PROXIED:
            return self._proxied(uri)
        if scheme_of(uri) == "file":
            path = local_path(uri).absolute()
            return Place(self._store(str(path.parent)), path.name)
        parts = urlsplit(uri)
        folder, _, name = parts.path.rstrip("/").rpartition("/")
        return Place(self._store(parts._replace(path=folder or "/").geturl()), unquote(name))

    def _proxied(self, uri: str) -> Place:
        parts = urlsplit(uri)
        host = parts.netloc or None
        key = f"{PROXIED}://{host or ''}/"
        store = self._store(key, lambda _: self._transport.artifacts(host))
        return Place(store, safe_folder(unquote(parts.path).strip("/")))

    def _store(
        self, uri: str, open_store: Callable[[str], ArtifactStore] = open_artifacts
    ) -> ArtifactStore:
        with self._lock:
            found = self._stores.pop(uri, None) or open_store(uri)
            self._stores[uri] = found
            if len(self._stores) > _OPEN:
                # Somebody may be using it: it goes when nobody does.
                self._stores.popitem(last=False)
            return found


_depots: WeakKeyDictionary[Channel, Depot] = WeakKeyDictionary()


def depot(channel: Channel) -> Depot:
    """The depot of *channel*, opened when it is first asked for; after a fork, a new one."""
    found = _depots.get(channel)
    if found is None or found.is_inherited:
        found = _depots[channel] = Depot(channel)
    return found


def flush(channel: Channel) -> None:
    """Wait until what is uploaded in the background for *channel* has arrived or failed."""
    found = _depots.get(channel)
    if found is not None and not found.is_inherited:
        found.background.flush()


def flush_all() -> None:
    """The same for every channel of this process."""
    for each in list(_depots):
        flush(each)


def is_local(uri: str) -> bool:
    """Whether *uri* is a path on this machine."""
    return scheme_of(uri) == "file"


def local(uri: str) -> Path:
    """The absolute path that a local *uri* means."""
    return local_path(uri).absolute()
