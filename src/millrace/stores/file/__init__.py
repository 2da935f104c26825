"""Records in a folder of files: the `mlruns` layout, shared with MLflow's own clients."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import unquote, urlsplit

from millrace.core import settings
from millrace.core.entities.audit import NO_TRAIL
from millrace.core.entities.finding import Finding
from millrace.core.errors import Unavailable
from millrace.files import atomic
from millrace.stores.file import layout
from millrace.stores.file.changes import Files
from millrace.stores.file.damage import Damages
from millrace.stores.file.evaluation import FileEvaluation
from millrace.stores.file.index import Index
from millrace.stores.file.journal import Journal
from millrace.stores.file.ledger import FileLedger
from millrace.stores.file.registry import WHY_NO_REGISTRY, NoRegistry
from millrace.stores.file.tracking import FileTracking
from millrace.stores.file.transfer import FileTransfer
from millrace.stores.file.webhooks import WHY_NO_WEBHOOKS, NoWebhooks
from millrace.stores.memory.artifacts import MemoryArtifacts
from millrace.stores.memory.audit import MemoryAudit
from millrace.stores.memory.changes import MemoryChanges
from millrace.stores.memory.overview import MemoryOverview
from millrace.stores.memory.run_tables import MemoryRunTables
from millrace.stores.memory.tasks import MemoryTasks
from millrace.stores.memory.trash import MemoryTrash
from millrace.stores.memory.views import MemoryViews
from millrace.stores.places import NotOpened, WrongPlace
from millrace.stores.protocols import StoreHealth

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from millrace.stores.file.damage import Damage
    from millrace.stores.protocols import (
        ApprovalStore,
        ModelServerStore,
        Part,
        RegistryStore,
        WebhookStore,
    )


_LACKING: Final[Mapping[Part, str]] = {
    "registry": WHY_NO_REGISTRY,
    "webhooks": WHY_NO_WEBHOOKS,
}
_PAGES: Final = "page-tokens"
_SECRET_BYTES: Final = 32


class FileStores:
    """All records of the folder at *root*."""

    def __init__(
        self, root: str, *, default_artifact_root: str, durable: bool | None = None
    ) -> None:
        self._root = os.path.abspath(root)
        if durable is None:
            durable = settings.FILE_STORE_SYNCHRONOUS.get() == "FULL"
        try:
            os.makedirs(self._root, exist_ok=True)
        except OSError as error:
            raise NotOpened(
                f"{self._root} can be no folder of records: {error.strerror}."
            ) from error
        self._files = Files(self._root, durable=durable)
        self._damages = Damages(self._root)
        self._journal = Journal(self._files.path(layout.LOG), durable=durable)
        self._index = Index(self._root, self._journal, self._damages)
        self._ledger = FileLedger(
            self._files, self._index, self._journal, self._files.path(layout.LOCK)
        )
        self.tracking: Final = FileTracking(self._ledger, self._journal, self._index)
        self.changes: Final = MemoryChanges(self._ledger)
        self.views: Final = MemoryViews(self._ledger)
        self.tasks: Final = MemoryTasks(self._ledger)
        self.run_tables: Final = MemoryRunTables(self._ledger, self.tracking)
        self.overview: Final = MemoryOverview(self._ledger, self.tracking)
        self.evaluation: Final = FileEvaluation(
            self._ledger, self._journal, lambda one: one in self._index.experiments
        )
        self.artifacts: Final = MemoryArtifacts(self._ledger)
        self.audit: Final = MemoryAudit(self._ledger)
        self.trash: Final = MemoryTrash(self._ledger, self.tracking.held, self.evaluation)
        self.transfer: Final = FileTransfer(self._ledger, self.tracking, self._root, self._damages)
        self.lacking: Final = _LACKING
        # What needs a database refuses, or knows of nothing.
        self.registry: Final = cast("RegistryStore", NoRegistry())
        self.approvals: Final = cast("ApprovalStore", NoRegistry())
        self.model_servers: Final = cast("ModelServerStore", NoRegistry())
        self.webhooks: Final = cast("WebhookStore", NoWebhooks())
        self._secrets: dict[str, bytes] = self._journal.table("secrets", bytes)
        self._secret: bytes | None = None
        try:
            self._open(default_artifact_root)
        except (OSError, Unavailable) as error:
            self._ledger.close()
            why = error.strerror if isinstance(error, OSError) else error.message
            raise NotOpened(f"{self._root} can be no folder of records: {why}.") from error
        except BaseException:
            self._ledger.close()
            raise

    def _open(self, artifact_root: str) -> None:
        if self.tracking.is_new():

            def add_default() -> None:
                if not self._index.experiment_ids():
                    self.tracking.add_default(artifact_root)

            self._ledger.write(NO_TRAIL, add_default).result()
        elif os.access(self._root, os.W_OK):
            with atomic.locked(self._files.path(layout.LOCK), timeout_s=1.0), self._ledger.lock:
                self._files.sweep()
                self._ledger.make_up()

    @property
    def kind(self) -> str:
        """`file`."""
        return "file"

    def secret(self) -> bytes:
        """A secret of this folder; of this object, where the folder cannot be written to."""
        if self._secret is None:
            with self._ledger.lock:
                self._secret = self._secrets.get(_PAGES)
        if self._secret is None:
            try:
                self._secret = self._ledger.write(NO_TRAIL, self._make_secret).result()
            except Unavailable:
                self._secret = secrets.token_bytes(_SECRET_BYTES)
        return self._secret

    def _make_secret(self) -> bytes:
        return self._secrets.setdefault(_PAGES, secrets.token_bytes(_SECRET_BYTES))

    def damages(self) -> list[Damage]:
        """What could not be understood when it was looked at; all else is served."""
        with self._ledger.lock:
            return self._damages.all()

    def check(self) -> list[Damage]:
        """Read everything, and say what cannot be understood."""
        with self._ledger.lock:
            for run in self._index.runs_of(self._index.experiment_ids()):
                for series in run.files.files.values():
                    series.is_empty()
            for _ in self._index.models:
                pass
            return self._damages.all()

    def inspect(self, *, full: bool, repair: bool) -> Iterator[Finding]:  # noqa: ARG002 - see `Inspects`
        """Each entry that cannot be understood. Nothing is derived here that could be repaired."""
        for damage in self.check():
            yield Finding(
                check="files",
                message=f"{damage.path} is left out: {damage.reason}.",
                examples=(damage.path,),
            )

    def health(self) -> StoreHealth:
        """Ready while the folder is there and the store open; damaged entries are counted."""
        if self._ledger.is_closed:
            return StoreHealth(kind=self.kind, ready=False, message="The store is closed.")
        if not os.access(self._root, os.R_OK | os.X_OK):
            return StoreHealth(kind=self.kind, ready=False, message=f"{self._root} cannot be read.")
        damages = self.damages()
        message = f"{len(damages)} damaged entries are left out." if damages else None
        return StoreHealth(
            kind=self.kind, ready=True, queue=self._ledger.queue_length, message=message
        )

    def tidy(self) -> None:
        """Shorten the log when much of it is history."""
        if not self._ledger.is_closed:
            self._ledger.shorten()
            with self._ledger.lock:
                self._index.remember()

    def close(self) -> None:
        """Write what was accepted; then refuse."""
        self._ledger.close()
        with self._ledger.lock:
            self._index.remember()


def folder_of(uri: str) -> str:
    """The folder that a `file:` URI or a plain path names."""
    if not uri.startswith("file:"):
        return _plain(uri)
    parts = urlsplit(uri)
    if parts.netloc not in {"", "localhost"}:
        raise WrongPlace(
            f"{uri!r} names a folder on the host {parts.netloc!r}. Write file:///path for one on "
            "this machine."
        )
    if parts.query or parts.fragment:
        raise WrongPlace(f"{uri!r} must be a path alone, without query and fragment.")
    return _path(unquote(parts.path))


def _plain(path: str) -> str:
    """*path*, unless it rather is a URI that somebody mistyped."""
    first, colon, _ = path.partition("/")[0].partition(":")
    if colon and len(first) != 1:  # one letter is a drive
        raise WrongPlace(
            f"{first + colon!r} begins neither the URI of a store nor a path. For a folder whose "
            "name holds a colon write ./ before it; for a database, something like "
            "sqlite:///millrace.db."
        )
    return _path(path)


def _path(path: str) -> str:
    if not path or "\0" in path:
        raise WrongPlace(
            "The URI names no folder. Write a path such as ./mlruns or file:///path; a dot means "
            "the working folder."
        )
    return path
