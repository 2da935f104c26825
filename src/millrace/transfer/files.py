"""The files of records that are carried over: copied to where the target keeps its own.

A file that is there with the same size, and the same digest where both sides know one, is not
copied again; so a copy that broke off goes on where it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from millrace.artifacts.open import Reach, open_artifacts
from millrace.core.entities.audit import NO_TRAIL
from millrace.core.errors import InvalidArgument, MillraceError
from millrace.core.uris import path_below, redacted
from millrace.services.offers import Offer
from millrace.services.places import PROXY, Places
from millrace.services.transfers import Transfers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from millrace.artifacts.protocols import ArtifactStore
    from millrace.core.entities.experiment import Experiment
    from millrace.core.entities.logged_model import LoggedModel
    from millrace.core.entities.registry import HeldModel, HeldVersion
    from millrace.core.entities.run import Run
    from millrace.http.client import HttpClient
    from millrace.services.places import Spot
    from millrace.stores.protocols import ArtifactRecords


class FileTally(msgspec.Struct, kw_only=True):
    """How many files there were, how many of them were copied, and their bytes."""

    seen: int = 0
    copied: int = 0
    bytes_copied: int = 0
    trouble: list[str] = []


class Files:
    """Copies the files of records to *destination*, and says where they are then.

    Records say `mlflow-artifacts:/...` of files there, as those of a server with that artifacts
    destination do. *origin*: what `mlflow-artifacts:/` means where the records come from, a folder
    or URI; without it *server* is asked, the client of the server that they come from.
    """

    def __init__(
        self,
        ledger: ArtifactRecords,
        destination: str,
        *,
        origin: str | None = None,
        server: HttpClient | None = None,
    ) -> None:
        def ask(address: str | None) -> HttpClient:
            if server is None:
                raise InvalidArgument(
                    f"The origin keeps files behind {address or 'its server'}. Name the folder or "
                    "URI that its server keeps artifacts in."
                )
            return server

        def open_store(uri: str) -> ArtifactStore:
            return open_artifacts(uri, Reach(server=ask))

        self._origin = Places(open_store, destination=origin, trusting=True)
        self._target = Places(open_store, destination=destination)
        self._transfers = Transfers(ledger, recheck_s=0.0)
        self._moved: dict[str, str] = {}
        self.tally = FileTally()

    def close(self) -> None:
        """Let the stores go."""
        self._origin.close()
        self._target.close()

    # --- where things are then -----------------------------------------------------------------

    @staticmethod
    def experiment(experiment: Experiment) -> Experiment:
        """The experiment with the place that its new runs keep files in."""
        return replace(experiment, artifact_location=f"{PROXY}{experiment.experiment_id}")

    def run(self, run: Run) -> Run:
        """The run with the place of its files; they are still where they were."""
        info = run.info
        uri = f"{PROXY}{info.experiment_id}/{info.run_id}/artifacts"
        self._moved[info.artifact_uri] = uri
        return replace(run, info=replace(info, artifact_uri=uri))

    def model(self, model: LoggedModel) -> LoggedModel:
        """The logged model with the place of its files; as above."""
        info = model.info
        uri = f"{PROXY}{info.experiment_id}/models/{info.model_id}/artifacts"
        self._moved[info.artifact_uri] = uri
        return replace(model, info=replace(info, artifact_uri=uri))

    def registered(self, held: HeldModel) -> HeldModel:
        """The registered model whose versions point at the files that were moved."""
        return replace(held, versions=tuple(self._version(one) for one in held.versions))

    def _version(self, held: HeldVersion) -> HeldVersion:
        source, location = self._followed(held.version.source), self._followed(held.location)
        return replace(held, version=replace(held.version, source=source), location=location)

    def _followed(self, uri: str) -> str:
        """Where *uri* is after the move: the files of a run or model take it along."""
        folder = uri
        while folder.rpartition("/")[0]:
            moved = self._moved.get(folder)
            if moved is not None:
                return moved + uri[len(folder) :]
            folder = folder.rpartition("/")[0]
        return uri

    # --- copying -------------------------------------------------------------------------------

    def copy(self, origin: str, target: str, *, dry_run: bool) -> None:
        """Copy all files below *origin* to *target*; what cannot be read is told in the tally."""
        if not origin or (origin == target and path_below(PROXY, origin) is None):
            return
        try:
            begin = self._origin.at(origin)
            for path, size in _files(begin.store, begin.path):
                below = path[len(begin.path) :].lstrip("/")
                self._copy_file(begin.at(below), self._target.at(target).at(below), size, dry_run)
        except MillraceError as error:
            self.tally.trouble.append(f"Files at {redacted(origin)}: {error.message}")

    def _copy_file(self, origin: Spot, target: Spot, size: int, dry_run: bool) -> None:  # noqa: FBT001 - handed through
        self.tally.seen += 1
        here = target.store.stat(target.path)
        there = origin.store.stat(origin.path)
        if here is not None and there is not None and here.size == there.size:
            record = self._transfers.recorded(target)
            known = here.sha256 or (record.sha256 if record is not None else None)
            if there.sha256 is None or known is None or there.sha256 == known:
                return
        self.tally.copied += 1
        self.tally.bytes_copied += size
        if not dry_run:
            body = origin.store.get(origin.path)
            self._transfers.receive(target, body, Offer(size=size), trail=NO_TRAIL)


def _files(store: ArtifactStore, path: str) -> Iterator[tuple[str, int]]:
    """All files below a folder, with their sizes."""
    folders = [path]
    while folders:
        for entry in store.list(folders.pop()):
            if entry.is_dir:
                folders.append(entry.path)
            else:
                yield entry.path, entry.file_size or 0
