"""Verbs for the files of runs and logged models: keep, list, fetch."""

# The signatures are the field's.
# ruff: noqa: ANN401, FBT001, PLR0913, PLR0917

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from millrace.api.tracking import RunId, RunReply, RunsReply, SearchRuns
from millrace.client import depots, documents, figures, images, locations, tables, transfers
from millrace.client.approvals import ApprovalVerbs
from millrace.client.model_servers import ModelServerVerbs
from millrace.client.models import LoggedModelVerbs
from millrace.client.records import LOCAL, Logged, entries
from millrace.client.registry import WAIT_S
from millrace.core import clock, model_uris, settings, tags
from millrace.core.entities.artifact import FileInfo
from millrace.core.entities.registry import ManifestFile
from millrace.core.errors import (
    AlreadyExists,
    DataLoss,
    InvalidArgument,
    NotFound,
    NotSupported,
    Unavailable,
)
from millrace.core.rules import limits, manifests
from millrace.core.uris import safe_folder, safe_path
from millrace.http.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import BinaryIO

    from millrace.client.background import Upload
    from millrace.client.depots import Depot, Place
    from millrace.core.entities.logged_model import LoggedModel
    from millrace.core.entities.registry import ModelVersion
    from millrace.core.entities.run import Run

T = TypeVar("T")

logger = logging.getLogger(__name__)

_AWAY: Final = Patience(retries=1, backoff_s=0.5, jitter_s=0.5, timeout_s=10.0, total_s=3.0)
_BODY: Final = 1024 * 1024 * 1024
"""Most bytes of an artifact that is read into memory."""


class ArtifactVerbs(LoggedModelVerbs, ApprovalVerbs, ModelServerVerbs):
    """Keep, list and fetch the files of runs and logged models.

    Paths of artifacts are relative to the run or model and have forward slashes on every system.
    """

    # --- files ---------------------------------------------------------------------------------

    def log_artifact(
        self, run_id: str, local_path: str | Path, artifact_path: str | None = None
    ) -> None:
        """Upload a file, or a folder under its own name, into the folder *artifact_path*."""
        _log_file(lambda: self._run(run_id), run_id, Path(local_path), artifact_path)

    def log_artifacts(
        self, run_id: str, local_dir: str | Path, artifact_path: str | None = None
    ) -> None:
        """Upload all that is in a folder, several files at once, into *artifact_path*."""
        _log_folder(lambda: self._run(run_id), run_id, Path(local_dir), artifact_path)

    def log_text(self, run_id: str, text: str, artifact_file: str) -> None:
        """Keep *text* as UTF-8."""
        if not isinstance(text, str):
            raise InvalidArgument(f"log_text takes a str, not {type(text).__name__!r}.")
        self._keep(run_id, artifact_file, text.encode())

    def log_dict(self, run_id: str, dictionary: Any, artifact_file: str) -> None:
        """Keep a mapping or list as YAML if the file's suffix says so, else as JSON."""
        self._keep(run_id, artifact_file, documents.written(dictionary, artifact_file))

    def log_figure(
        self,
        run_id: str,
        figure: Any,
        artifact_file: str,
        *,
        save_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep a figure of Matplotlib or Plotly; *save_kwargs* go to their writing method."""
        self._keep(
            run_id, artifact_file, figures.rendered(figure, artifact_file, save_kwargs or {})
        )

    def log_stream(self, run_id: str, stream: BinaryIO, artifact_file: str) -> None:
        """Keep what a binary stream has to give, chunk by chunk."""
        place = self._run(run_id).below(safe_path(artifact_file))
        place.store.put(place.path, transfers.chunks(stream))

    def log_image(
        self,
        run_id: str,
        image: Any,
        artifact_file: str | None = None,
        key: str | None = None,
        step: int | None = None,
        timestamp: int | None = None,
        synchronous: bool | None = None,
    ) -> Upload | None:
        """Keep an image: as *artifact_file*, or under a *key* at a step (0 by default) and time.

        *image* is a NumPy array, a Pillow image or `millrace.Image`. With `synchronous=False` an
        image under a key is encoded now and uploaded meanwhile; `wait()` for what is returned.
        """
        if (artifact_file is None) == (key is None):
            raise InvalidArgument("Give log_image an artifact_file or a key, and not both.")
        found = images.pillow(image)
        if artifact_file is not None:
            if step is not None or timestamp is not None:
                raise InvalidArgument("An image has a step and a timestamp only under a key.")
            self._keep(run_id, artifact_file, images.encoded(found, artifact_file))
            return None
        at_ms = clock.now_ms() if timestamp is None else timestamp
        names = images.keyed(key or "", step or 0, at_ms)
        bodies = {names.png: images.png(found), names.thumbnail: images.thumbnail(found)}
        self._tag_once(run_id, tags.LOGGED_IMAGES, "True")

        def upload() -> None:
            for name, body in bodies.items():
                self._keep(run_id, name, body)

        if synchronous is False or (synchronous is None and settings.ENABLE_ASYNC_LOGGING.get()):
            return self._depot.background.submit(f"image {key!r} of run {run_id}", upload)
        upload()
        return None

    def log_table(self, run_id: str, data: Any, artifact_file: str) -> None:
        """Keep a table as JSON or Parquet; rows are added when the file is there already.

        *data* is a pandas frame or a dict of columns. Images in its cells become files. Two that
        add to one table at the same time may lose rows: give each its own file.
        """
        tables.suffix(artifact_file)
        root = self._run(run_id)
        place = root.below(safe_path(artifact_file))
        table = tables.of(data, lambda cell: self._cell(run_id, artifact_file, cell))
        if place.store.stat(place.path) is not None:
            table = tables.read(_read(place, ""), artifact_file).joined(table)
        self._keep(run_id, artifact_file, tables.written(table, artifact_file))
        self._note_table(run_id, artifact_file)

    def load_table(
        self,
        experiment_id: str,
        artifact_file: str,
        run_ids: Sequence[str] | None = None,
        extra_columns: Sequence[str] | None = None,
    ) -> Any:
        """The table of that name of some runs, of all of the experiment by default, as one frame.

        *extra_columns* are columns of `search_runs`, such as `run_id`. `NotFound` when no run has
        it; runs without it are left out with a warning.
        """
        found: dict[str, tuple[Run, tables.Table]] = {}
        for run in self._runs_with(experiment_id, artifact_file, run_ids):
            run_id = run.info.run_id
            try:
                body = _read(self._run(run_id), safe_path(artifact_file))
            except NotFound:
                logger.warning("run %s has no table %s", run_id, artifact_file)
                continue
            found[run_id] = run, tables.read(body, artifact_file)
        if not found:
            raise NotFound(f"No run has the table {artifact_file!r}.")
        return tables.frame([*found.values()], extra_columns or ())

    def flush_artifacts(self) -> None:
        """Wait until what is uploaded in the background has arrived or failed."""
        depots.flush(self.channel)

    # --- looking and fetching --------------------------------------------------------------------

    def list_artifacts(self, run_id: str, path: str | None = None) -> list[FileInfo]:
        """Files and folders in the folder *path* of a run, by name; none when it is no folder."""
        folder = safe_folder(path or "")
        found = _listed(self._run(run_id), folder)
        name, _, rest = folder.partition("/")
        model = self._model_of_run(run_id, name) if name and not found else None
        if model is None:
            return found
        inside = _listed(self._model(model.info.model_id), rest)
        return [msgspec.structs.replace(info, path=f"{name}/{info.path}") for info in inside]

    def download_artifacts(
        self, run_id: str, path: str = "", dst_path: str | Path | None = None
    ) -> str:
        """Download a file or folder of a run, all of them if *path* is empty; where it is now.

        It keeps its own name in the folder *dst_path*, which is made if need be; a new temporary
        folder by default.
        """
        return self._in_run(
            run_id, safe_folder(path or ""), lambda root, below: _fetched(root, below, dst_path)
        )

    def delete_artifacts(self, run_id: str, path: str) -> int:
        """Delete a file or folder of a run; how many files that were."""
        place = self._run(run_id).below(safe_path(path))
        return place.store.delete(place.path)

    # --- logged models ---------------------------------------------------------------------------

    def log_model_artifact(
        self, model_id: str, local_path: str | Path, artifact_path: str | None = None
    ) -> None:
        """Upload a file, or a folder under its own name, to a logged model."""
        _log_file(lambda: self._model(model_id), model_id, Path(local_path), artifact_path)

    def log_model_artifacts(
        self, model_id: str, local_dir: str | Path, artifact_path: str | None = None
    ) -> None:
        """Upload all that is in a folder to a logged model."""
        _log_folder(lambda: self._model(model_id), model_id, Path(local_dir), artifact_path)

    def list_logged_model_artifacts(self, model_id: str, path: str | None = None) -> list[FileInfo]:
        """Files and folders in the folder *path* of a logged model."""
        return _listed(self._model(model_id), safe_folder(path or ""))

    # --- registering -----------------------------------------------------------------------------

    def register_model(
        self,
        model_uri: str,
        name: str,
        await_registration_for: int | None = WAIT_S,
        *,
        tags: Mapping[str, object] | None = None,
    ) -> ModelVersion:
        """Register the model at *model_uri* as the next version of *name*, made if need be.

        A path in a run is the logged model of that run that is called so, if there is one.
        """
        source = model_uri
        run_id: str | None = None
        model_id: str | None = None
        named = locations.owned(model_uri)
        if isinstance(named, locations.OfModel) and isinstance(named.named, model_uris.ById):
            model_id = named.named.model_id
        elif isinstance(named, locations.OfRun):
            run_id = named.run_id
            model = self._model_of_run(run_id, named.path) if named.path else None
            if model is not None:
                model_id = model.info.model_id
                source = f"{model_uris.SCHEME}/{model_id}"
        with contextlib.suppress(AlreadyExists):
            self.create_registered_model(name)
        return self.create_model_version(
            name,
            source,
            run_id,
            tags,
            await_creation_for=await_registration_for,
            model_id=model_id,
        )

    # --- by URI ----------------------------------------------------------------------------------

    def list_at(self, uri: str) -> list[FileInfo]:
        """Files and folders in the folder at *uri*: of a run, a model, or any store."""
        match locations.owned(uri):
            case locations.OfRun(run_id, path):
                return self.list_artifacts(run_id, path)
            case locations.OfModel() as model:
                return _listed(self._model_at(model), model.path)
            case None:
                place = self._depot.place(uri)
                above, _, name = place.path.rpartition("/")
                return _listed(place._replace(path=above), name)

    def download_at(self, uri: str, dst_path: str | Path | None = None) -> str:
        """Download the file or folder at *uri*; where it is now. A local path stays where it is,
        unless a folder to copy it to is given."""
        match locations.owned(uri):
            case locations.OfRun(run_id, path):
                return self.download_artifacts(run_id, path, dst_path)
            case locations.OfModel() as model:
                version, place = self._version_at(model)
                there = _fetched(place, model.path, dst_path)
                self._check_files(version, model.path, Path(there))
                return there
            case None:
                if dst_path is None and depots.is_local(uri):
                    return str(depots.local(uri).resolve(strict=True))
                place = self._depot.place(uri)
                return _fetched(place._replace(path=""), place.path, dst_path)

    def read_at(self, uri: str) -> bytes:
        """The bytes of the file at *uri*."""
        match locations.owned(uri):
            case locations.OfRun(run_id, path):
                return self._in_run(run_id, path, _read)
            case locations.OfModel() as model:
                version, place = self._version_at(model)
                body = _read(place, model.path)
                if version is not None:
                    digest = hashlib.sha256(body).hexdigest()
                    found = ManifestFile(path=model.path, size=len(body), sha256=digest)
                    self._check(version, model.path, [found])
                return body
            case None:
                return _read(self._depot.place(uri), "")

    # --- steps -----------------------------------------------------------------------------------

    @property
    def _depot(self) -> Depot:
        return depots.depot(self.channel)

    def _run(self, run_id: str) -> Place:
        """The root of a run's artifacts."""
        known = self._id(run_id)
        return self._depot.root_of(known, lambda: self._get_run(run_id).info.artifact_uri)

    def _get_run(self, run_id: str) -> Run:
        known = self._id(run_id)
        if known.startswith(LOCAL):
            raise Unavailable(f"The server has not been told of run {run_id!r} yet.")
        request = RunId(run_id=known, run_uuid=known)
        # Whoever logs without a server will log often: each call does not wait for minutes.
        patience = _AWAY if self.channel.is_away else None
        return self._call("getRun", request, RunReply, patience).run

    def _model(self, model_id: str) -> Place:
        """The root of a logged model's artifacts."""
        return self._depot.root_of(
            model_id, lambda: self.get_logged_model(model_id).info.artifact_uri
        )

    def _model_at(self, uri: locations.OfModel) -> Place:
        """The root of the files of a logged model or registered version."""
        return self._version_at(uri)[1]

    def _version_at(self, uri: locations.OfModel) -> tuple[ModelVersion | None, Place]:
        """A registered version, None for a logged model, and the root of its files."""
        if isinstance(uri.named, model_uris.ById):
            return None, self._model(uri.named.model_id)
        version = self.model_version_at(uri.named)
        where = self.get_model_version_download_uri(version.name, version.version)
        match locations.owned(where):
            case locations.OfRun(run_id, path):
                return version, self._in_run(run_id, path, _there)
            case locations.OfModel() as model:
                return version, self._model_at(model).below(model.path)
            case None:
                return version, self._depot.root(where)

    def _check_files(self, version: ModelVersion | None, path: str, there: Path) -> None:
        """Compare a download with what was registered; `DataLoss` when it differs."""
        if version is None:
            return
        files = (
            [there] if there.is_file() else [each for each in there.rglob("*") if each.is_file()]
        )
        found = []
        for each in files:
            below = each.relative_to(there).as_posix() if there.is_dir() else ""
            with each.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            name = "/".join(filter(None, (path, below)))
            found.append(ManifestFile(path=name, size=each.stat().st_size, sha256=digest))
        self._check(version, path, found)

    def _check(self, version: ModelVersion, path: str, found: list[ManifestFile]) -> None:
        try:
            manifest = self.get_model_version_manifest(version.name, version.version)
        except (NotFound, NotSupported):
            return  # a server that writes none
        if manifest.state != "RECORDED":
            logger.debug("%s has no manifest: %s", version.place, manifest.message)
            return
        problems = manifests.differences(manifest, found, below=path)
        if problems:
            raise DataLoss(manifests.told(version.name, version.version, problems))

    def _in_run(self, run_id: str, path: str, do: Callable[[Place, str], T]) -> T:
        """What *do* gives for *path* in a run; where the run has nothing, in the logged model of
        that run that is called like the first segment: so `runs:/<id>/model` finds a model."""
        root = self._run(run_id)
        try:
            return do(root, path)
        except NotFound as error:
            name, _, rest = path.partition("/")
            model = self._model_of_run(run_id, name) if name else None
            if model is None:
                raise NotFound(f"Run {run_id!r} has no artifact {path!r}.") from error
        return do(self._model(model.info.model_id), rest)

    def _model_of_run(self, run_id: str, name: str) -> LoggedModel | None:
        """The latest model of that name that a run has logged."""
        if "'" in name:
            return None  # no name of a model
        run = self._get_run(run_id)
        where = f"name = '{name}' AND source_run_id = '{run.info.run_id}'"
        try:
            found = self.search_logged_models([run.info.experiment_id], where)
        except (InvalidArgument, NotFound, NotSupported):
            return None  # a server that knows no logged models
        return max(found, key=lambda each: each.info.creation_timestamp_ms, default=None)

    def _keep(self, run_id: str, artifact_file: str, body: bytes) -> None:
        place = self._run(run_id).below(safe_path(artifact_file))
        place.store.put(place.path, [body], size=len(body), sha256=hashlib.sha256(body).hexdigest())

    def _cell(self, run_id: str, artifact_file: str, cell: object) -> object:
        """A cell of a table; an image is kept as a file, and the cell says which."""
        if not images.is_image(cell):
            return cell
        found = images.pillow(cell)
        names = images.in_table(artifact_file)
        self._keep(run_id, names.png, images.png(found))
        self._keep(run_id, names.thumbnail, images.thumbnail(found))
        return {
            "type": "image",
            "filepath": names.png,
            "compressed_filepath": names.thumbnail,
        }

    def _tag_once(self, run_id: str, key: str, value: str) -> None:
        if (run_id, key) not in self._depot.is_tagged:
            self.channel.write(Logged(run_id, tags=entries("Tag", {key: value})))
            self._depot.is_tagged.add((run_id, key))

    def _note_table(self, run_id: str, artifact_file: str) -> None:
        """Say in the run's tags that it has the table, so that viewers and `load_table` know."""
        noted = _tables_of(self._get_run(run_id))
        if artifact_file in noted:
            return
        told = [{"path": path, "type": "table"} for path in [*noted, artifact_file]]
        value = json.dumps(told)
        if len(value) > limits.RUN_TAG_VALUE_LENGTH:
            logger.warning(
                "run %s has too many tables to name in its tag %s: load %s by run_ids",
                run_id,
                tags.LOGGED_ARTIFACTS,
                artifact_file,
            )
            return
        self.channel.write(Logged(run_id, tags=entries("Tag", {tags.LOGGED_ARTIFACTS: value})))

    def _runs_with(
        self, experiment_id: str, artifact_file: str, run_ids: Sequence[str] | None
    ) -> Iterator[Run]:
        """The runs to look for a table in."""
        if run_ids is not None:
            yield from map(self._get_run, run_ids)
            return
        token = None
        while True:
            request = SearchRuns(
                experiment_ids=(self._id(experiment_id),),
                filter=f"tags.`{tags.LOGGED_ARTIFACTS}` LIKE '%\"table\"%'",
                page_token=token,
            )
            reply = self._call("searchRuns", request, RunsReply)
            for run in reply.runs:
                if artifact_file in _tables_of(run):
                    yield run
            token = reply.next_page_token
            if not token:
                return


def _tables_of(run: Run) -> list[str]:
    """The tables that the run's tag names."""
    try:
        told = json.loads(run.data.tags.get(tags.LOGGED_ARTIFACTS, "[]"))
        return [each["path"] for each in told if each.get("type") == "table"]
    except (ValueError, TypeError, KeyError, AttributeError):
        return []  # somebody else's words


def _log_file(root: Callable[[], Place], owner: str, path: Path, folder: str | None) -> None:
    inside = safe_folder(folder or "")
    if path.is_dir():
        name = path.resolve().name
        uploads = transfers.files_below(path, f"{inside}/{name}" if inside else name)
    else:
        path.stat()  # raises what says that there is nothing
        name = safe_path(f"{inside}/{path.name}" if inside else path.name)
        uploads = [transfers.Upload(path, name)]
    _send(root, owner, uploads, path)


def _log_folder(root: Callable[[], Place], owner: str, path: Path, folder: str | None) -> None:
    if not path.is_dir():
        path.stat()
        raise InvalidArgument(f"{str(path)!r} is a file, not a folder: use log_artifact.")
    _send(root, owner, transfers.files_below(path, safe_folder(folder or "")), path)


def _send(
    root: Callable[[], Place], owner: str, uploads: Sequence[transfers.Upload], path: Path
) -> None:
    try:
        transfers.send(root(), uploads)
    except Unavailable as error:
        raise Unavailable(
            f"{error.message} {str(path)!r} was not uploaded to {owner!r}. Nothing of it is kept "
            "elsewhere: log it again when the store is back, for example with "
            "`millrace artifacts log`."
        ) from error


def _listed(root: Place, path: str) -> list[FileInfo]:
    """The folder *path* below *root*, with paths relative to *root*."""
    place = root.below(path)
    cut = len(root.path) + 1 if root.path else 0
    return [
        FileInfo(path=info.path[cut:], is_dir=info.is_dir, file_size=info.file_size)
        for info in place.store.list(place.path)
        if transfers.step(place.path, info.path)
    ]


def _fetched(root: Place, path: str, dst_path: str | Path | None) -> str:
    """Where the file or folder *path* below *root* is, downloaded."""
    place, name = root.below(path), path.rpartition("/")[2]
    if dst_path is not None:
        return str(transfers.fetch(place.store, place.path, Path(dst_path).absolute(), name))
    folder = Path(tempfile.mkdtemp(prefix="millrace-"))
    try:
        return str(transfers.fetch(place.store, place.path, folder, name))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)  # nobody knows where it is
        raise


def _there(root: Place, path: str) -> Place:
    """The file or folder *path* below *root*; `NotFound`."""
    place = root.below(path)
    if not _listed(root, path) and place.store.stat(place.path) is None:
        raise NotFound(f"There is nothing at {path!r}.")
    return place


def _read(root: Place, path: str) -> bytes:
    return transfers.read(root.below(path), _BODY)
