"""Artifacts of runs and models: where they are, listing, signing, deleting, what stays as it is.

The bytes themselves go through `services.transfers`; where the server may go at all is decided in
`services.places`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from millrace.api.artifacts import (
    MOST_PARTS,
    Adopted,
    ArtifactList,
    PartsStarted,
    PartUpload,
    Presigned,
    ProxiedList,
    SignedDownload,
)
from millrace.api.endpoint import Nothing
from millrace.artifacts.protocols import Multipart, Part, Signs
from millrace.core.entities.artifact import FileInfo
from millrace.core.errors import (
    Conflict,
    InvalidArgument,
    MillraceError,
    NotFound,
    NotSupported,
    PermissionDenied,
)
from millrace.core.rules import registry as registry_rules
from millrace.core.uris import join, safe_folder, safe_path
from millrace.services.folders import Archive
from millrace.services.offers import Offer, Sent
from millrace.services.origins import no_version
from millrace.services.places import PROXY
from millrace.services.transfers import tried

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from millrace.api.artifacts import (
        AbortParts,
        Adopt,
        ArtifactAt,
        FinishParts,
        ListArtifacts,
        ListModelArtifacts,
        ListProxied,
        ModelFile,
        ModelFolder,
        PresignDownload,
        PresignUpload,
        RunFile,
        RunFolder,
        StartParts,
        VersionFile,
    )
    from millrace.core.entities.artifact import ArtifactRecord
    from millrace.core.entities.audit import Trail
    from millrace.core.entities.logged_model import LoggedModel
    from millrace.services.context import Context
    from millrace.services.outlet import Opened
    from millrace.services.places import Places, Spot
    from millrace.services.read_back import ReadBack
    from millrace.services.transfers import Transfers
    from millrace.stores.protocols import RegistryStore, Stores

SIGNED_S: Final = 3600
"""How long a signed URL is good for, unless the caller says otherwise."""
LONGEST_SIGNED_S: Final = 7 * 24 * 3600

_RUN = re.compile(r"[0-9a-f]{32}")
_MODEL = re.compile(r"m-[0-9a-f]{32}")
_OWNER = re.compile(f"{_RUN.pattern}|{_MODEL.pattern}")
_NOTHING = Nothing()


class _Info(msgspec.Struct):
    artifact_uri: str


class _Run(msgspec.Struct):
    info: _Info


_where_of_run = msgspec.json.Decoder(_Run).decode


class Artifacts:
    """Decides about artifacts; *freezes*: the files of models that are ready stay as they are."""

    def __init__(  # noqa: PLR0913 - what it works with
        self,
        stores: Stores,
        places: Places,
        transfers: Transfers,
        *,
        registry: RegistryStore,
        read_back: ReadBack,
        freezes: bool,
    ) -> None:
        self._stores = stores
        self._read_back = read_back
        self._registry = registry
        self._places = places
        self._transfers = transfers
        self._freezes = freezes

    # --- of runs and models --------------------------------------------------------------------

    def list_of_run(self, _ctx: Context, request: ListArtifacts) -> ArtifactList:
        """List a folder of a run."""
        return self._list(self._root_of_run(request.run), request.path)

    def list_of_model(self, _ctx: Context, request: ListModelArtifacts) -> ArtifactList:
        """List a folder of a logged model."""
        return self._list(self._root_of_model(request.model_id), request.artifact_directory_path)

    def spot_of_run(self, run_id: str) -> Spot:
        """All files of a run."""
        return self._places.at(self._root_of_run(run_id))

    def spot_of_model(self, model_id: str) -> Spot:
        """All files of a logged model."""
        return self._places.at(self._root_of_model(model_id))

    def open_of_run(self, _ctx: Context, request: RunFile) -> Opened:
        """A file of a run."""
        return self.open_below(self._root_of_run(request.run), request.path)

    def open_of_model(self, _ctx: Context, request: ModelFile) -> Opened:
        """A file of a logged model."""
        return self.open_below(self._root_of_model(request.model_id), request.artifact_file_path)

    def open_below(self, location: str, path: str) -> Opened:
        """The file at *path* below a location, such as a model version's."""
        safe_path(path)
        return self.open_at(self._places.at(location).at(path))

    def open_at(self, spot: Spot) -> Opened:
        """The file at a spot of ours."""
        return self._transfers.open(spot)

    def open_of_version(self, _ctx: Context, request: VersionFile) -> Opened | Presigned:
        """A file of a model version, or a signed URL for it."""
        number = registry_rules.version_number(request.version)
        location = self._registry.location(request.name, number)
        if location is None:
            raise no_version(request.name, request.version)
        root = self._root_of_source(location)
        if not request.presigned:
            return self.open_below(root, request.path)
        safe_path(request.path)
        spot = self._places.at(root).at(request.path)
        signed = self._signer(root, spot).sign(spot.path, "GET", ttl_s=SIGNED_S)
        return Presigned(presigned_url=signed.url, headers=signed.headers, file_size=_size(spot))

    def spot_of_version(self, location: str) -> Spot:
        """The files of a model version that is registered from *location*."""
        return self._places.at(self._root_of_source(location))

    def _root_of_source(self, location: str) -> str:
        """The place that a version's location means; it may name a model or a part of a run."""
        scheme, _, rest = location.partition(":/")
        owner, _, path = rest.lstrip("/").partition("/")
        match scheme:
            case "models" if _MODEL.fullmatch(owner):
                return join(self._root_of_model(owner), path)
            case "runs":
                return join(self._root_of_run(owner), path)
        return location

    def archive_of_run(self, _ctx: Context, request: RunFolder) -> Archive:
        """A folder of a run, to be zipped."""
        return self._archive(self._root_of_run(request.run), request, request.run)

    def archive_of_model(self, _ctx: Context, request: ModelFolder) -> Archive:
        """A folder of a logged model, to be zipped."""
        return self._archive(self._root_of_model(request.model_id), request, request.model_id)

    def receive_of_run(
        self, ctx: Context, request: RunFile, body: Iterable[bytes], offer: Offer
    ) -> ArtifactRecord:
        """Take in a file of a run."""
        return self._receive(ctx, self._spot_of_run(request), body, offer)

    def admit_of_run(
        self, ctx: Context, request: RunFile, body: bytes, offer: Offer
    ) -> Sent | ArtifactRecord:
        """Decide on a small file of a run."""
        return self._admitted(ctx, self._spot_of_run(request), body, offer)

    def _spot_of_run(self, request: RunFile) -> Spot:
        safe_path(request.path)
        return self._places.at(self._root_of_run(request.run)).at(request.path)

    def presign_upload(self, ctx: Context, request: PresignUpload) -> Presigned:
        """Sign an upload to a run's or a model's own store."""
        if bool(request.run_id) == bool(request.model_id):
            raise InvalidArgument("Exactly one of 'run_id' and 'model_id' must be given.")
        root = (
            self._root_of_run(request.run_id)
            if request.run_id
            else self._root_of_model(request.model_id or "")
        )
        safe_path(request.path)
        spot = self._places.at(root).at(request.path)
        self._refuse_frozen(ctx, "artifact.write", spot)
        signed = self._signer(root, spot).sign(spot.path, "PUT", ttl_s=_ttl(request.expiration))
        return Presigned(presigned_url=signed.url, headers=signed.headers)

    def presign_download(self, _ctx: Context, request: PresignDownload) -> Presigned:
        """Sign a download from a run's own store."""
        root = self._root_of_run(request.run_id)
        safe_path(request.path)
        spot = self._places.at(root).at(request.path)
        signer = self._signer(root, spot)
        size = _size(spot)
        signed = signer.sign(spot.path, "GET", ttl_s=_ttl(request.expiration))
        return Presigned(presigned_url=signed.url, headers=signed.headers, file_size=size)

    def _signer(self, root: str, spot: Spot) -> Signs:
        if root.startswith("mlflow-artifacts:"):
            raise InvalidArgument(
                "Artifacts of this run or model go through the server; URLs are signed where they "
                "have a cloud store of their own."
            )
        if not isinstance(spot.store, Signs):
            raise InvalidArgument("The store of these artifacts cannot sign URLs.")
        return spot.store

    def _root_of_run(self, run_id: str) -> str:
        found = self._stores.tracking.run(run_id)
        if found is None:
            raise NotFound(f"Run with id={run_id} not found.")
        return _where_of_run(found).info.artifact_uri

    def _root_of_model(self, model_id: str) -> str:
        return self._model(model_id).info.artifact_uri

    def _model(self, model_id: str) -> LoggedModel:
        found = self._stores.tracking.logged_model(model_id)
        if found is None:
            raise NotFound(f"Logged model with id={model_id!r} not found.")
        return found

    def _list(self, root: str, path: str | None) -> ArtifactList:
        spot = self._places.at(root)
        folder = spot.at(safe_folder(path or ""))
        return ArtifactList(root_uri=root, files=_listed(folder, relative_to=spot.path))

    def _archive(self, root: str, asked: RunFolder | ModelFolder, name: str) -> Archive:
        folder = safe_folder(asked.path or "")
        spot = self._places.at(root).at(folder)
        if next(iter(spot.store.list(spot.path)), None) is None:
            raise NotFound(f"No folder {folder!r} with artifacts.")
        chosen = tuple(safe_path(path) for path in asked.paths)
        for path in chosen:
            one = spot.at(path)
            if one.store.stat(one.path) is None and not any(one.store.list(one.path)):
                raise NotFound(f"No artifact {path!r} in the folder {folder!r}.")
        return Archive(self._transfers, spot, folder.rpartition("/")[2] or name, chosen)

    # --- through the proxy ---------------------------------------------------------------------

    def list_proxied(self, _ctx: Context, request: ListProxied) -> ProxiedList:
        """List a folder below the destination, whose own level is nobody's to see."""
        path = safe_folder(request.path or "")
        if not path:
            raise PermissionDenied(
                "The root of the artifact store is not listed; name a folder by 'path', such as "
                "<experiment id>/<run id>/artifacts."
            )
        spot = self._places.proxied(path)
        return ProxiedList(files=_listed(spot, relative_to=spot.path))

    def open_proxied(self, _ctx: Context, request: ArtifactAt) -> Opened:
        """A file below the destination."""
        return self._transfers.open(self._places.proxied(safe_path(request.artifact_path)))

    def glance_proxied(self, request: ArtifactAt, most: int) -> Opened | None:
        """The same for a file of at most *most* bytes that can be had without waiting; None: ask
        `open_proxied`."""
        spot = self._places.at_hand(safe_path(request.artifact_path))
        return None if spot is None else self._transfers.at_hand(spot, most)

    def receive_proxied(
        self, ctx: Context, request: ArtifactAt, body: Iterable[bytes], offer: Offer
    ) -> ArtifactRecord:
        """Take in a file below the destination."""
        spot = self._places.proxied(safe_path(request.artifact_path))
        return self._receive(ctx, spot, body, offer)

    def admit_proxied(
        self, ctx: Context, request: ArtifactAt, body: bytes, offer: Offer
    ) -> Sent | ArtifactRecord:
        """Decide on a small file below the destination."""
        spot = self._places.proxied(safe_path(request.artifact_path))
        return self._admitted(ctx, spot, body, offer)

    def admit_below(
        self, ctx: Context, folder: Spot, files: Sequence[tuple[str, bytes, Offer]]
    ) -> list[Sent | ArtifactRecord | MillraceError]:
        """`admit_proxied` for small files, each by its path below *folder*."""
        is_free = not self._is_frozen(folder, with_all_below=True)
        trail = _trail(ctx)

        def admitted(path: str, body: bytes, offer: Offer) -> Sent | ArtifactRecord:
            # Checked before it is joined: so it means the same, and lies below the folder.
            spot = folder.at(safe_path(path))
            if is_free and not any(map(_OWNER.fullmatch, path.split("/"))):
                return Sent(spot, body, offer, trail)
            return self._admitted(ctx, spot, body, offer)

        return [tried(partial(admitted, *each)) for each in files]

    def delete_proxied(self, ctx: Context, request: ArtifactAt) -> Nothing:
        """Delete a file or folder below the destination; nothing happens when it is not there."""
        spot = self._places.proxied(safe_path(request.artifact_path))
        self.check_may_go(ctx, spot)
        self.delete(spot, ctx.trail("artifact.delete"))
        return _NOTHING

    def adopt(self, ctx: Context, request: Adopt) -> Adopted:
        """Make a file of bytes that the same experiment has already."""
        spot = self._places.proxied(safe_path(request.artifact_path))
        self._refuse_frozen(ctx, "artifact.write", spot)
        digest = request.sha256.lower()
        scope = self._places.proxied(request.artifact_path.partition("/")[0])
        for uri in self._transfers.find_alike(spot, digest, request.size, scope.uri):
            source = self._places.proxied(uri.removeprefix(PROXY))
            stat = source.store.stat(source.path)
            if stat is None or stat.size != request.size:
                continue
            if source.uri == spot.uri:
                return Adopted(adopted=True)
            offer = Offer(size=request.size, digests={"sha-256": bytes.fromhex(digest)})
            try:
                self._receive(ctx, spot, source.store.get(source.path), offer)
            except (InvalidArgument, NotFound):
                continue  # damaged, or deleted since
            return Adopted(adopted=True)
        return Adopted(adopted=False)

    def start_parts(self, ctx: Context, request: StartParts) -> PartsStarted:
        """Begin an upload in parts."""
        if not 1 <= request.num_parts <= MOST_PARTS:
            raise InvalidArgument(
                f"Parameter 'num_parts' is from 1 to {MOST_PARTS}; {request.num_parts} was given."
            )
        spot = self._spot_of_parts(request)
        self._refuse_frozen(ctx, "artifact.write", spot)
        store = _in_parts(spot)
        upload, signed = store.start_parts(spot.path, request.num_parts, ttl_s=SIGNED_S)
        parts = (
            PartUpload(url=one.url, part_number=number, headers=one.headers)
            for number, one in enumerate(signed, start=1)
        )
        return PartsStarted(upload_id=self._sealed(spot, upload), credentials=tuple(parts))

    def finish_parts(self, ctx: Context, request: FinishParts) -> Nothing:
        """Make the file. Its bytes did not come through us, so what was recorded is outdated: what
        the client says of them is recorded instead, and they are read soon."""
        numbers = [part.part_number for part in request.parts]
        if not 1 <= len(numbers) <= MOST_PARTS or not all(1 <= n <= MOST_PARTS for n in numbers):
            raise InvalidArgument(f"An upload has 1 to {MOST_PARTS} parts, numbered from 1.")
        if len(set(numbers)) < len(numbers):
            raise InvalidArgument("A part is named twice in 'parts'.")
        spot = self._spot_of_parts(request)
        self._refuse_frozen(ctx, "artifact.write", spot)
        store, upload = _in_parts(spot), self._unsealed(spot, request.upload_id)
        parts = sorted(request.parts, key=lambda part: part.part_number)
        numbered = [Part(number=part.part_number, etag=part.etag) for part in parts]
        with self._transfers.replacing(spot) as announced:
            store.finish_parts(spot.path, upload, numbered, size=request.size)
        self._transfers.record_told(
            spot,
            announced,
            size=_size(spot),
            sha256=request.sha256.lower() if request.sha256 else None,
            trail=ctx.trail("artifact.put"),
        )
        self._read_back.soon(spot)
        return _NOTHING

    def abort_parts(self, _ctx: Context, request: AbortParts) -> Nothing:
        """Forget an upload in parts."""
        spot = self._spot_of_parts(request)
        _in_parts(spot).abort_parts(spot.path, self._unsealed(spot, request.upload_id))
        return _NOTHING

    def sign_proxied(self, _ctx: Context, request: ArtifactAt) -> SignedDownload:
        """Sign a download straight from the destination."""
        spot = self._places.proxied(safe_path(request.artifact_path))
        if not isinstance(spot.store, Signs):
            raise NotSupported("The artifact store of this server cannot sign URLs.")
        size = _size(spot)
        signed = spot.store.sign(spot.path, "GET", ttl_s=SIGNED_S)
        return SignedDownload(url=signed.url, headers=signed.headers, file_size=size)

    def _sealed(self, spot: Spot, upload: str) -> str:
        """The id of an upload, bound to its file: not every store looks at whose id it is."""
        message = f"{spot.uri}\0{upload}".encode()
        return f"{upload}~{hmac.new(self._stores.secret(), message, hashlib.sha256).hexdigest()}"

    def _unsealed(self, spot: Spot, upload_id: str) -> str:
        upload = upload_id.rpartition("~")[0]
        if not hmac.compare_digest(self._sealed(spot, upload).encode(), upload_id.encode()):
            raise InvalidArgument("'upload_id' was not issued by this server for this file.")
        return upload

    def _spot_of_parts(self, request: StartParts | FinishParts | AbortParts) -> Spot:
        # Clients send the path of their own file: of that only its name matters.
        steps = re.split(r"[/\\]", request.path)
        if ".." in steps:
            raise InvalidArgument("Invalid path: it holds a '..' segment.")
        return self._places.proxied(safe_path(f"{request.artifact_path}/{steps[-1]}"))

    # --- what may go, and goes -----------------------------------------------------------------

    def check_may_go(
        self, ctx: Context, spot: Spot, *, of: str | None = None, is_tried: bool = True
    ) -> None:
        """`Conflict` when a file or folder, *of* a run or model, holds what stays as it is; audited
        when its deletion is *tried*, and not only asked about."""
        self._refuse_frozen(
            ctx, "artifact.delete", spot, with_all_below=True, of=of, is_tried=is_tried
        )

    def delete(self, spot: Spot, trail: Trail) -> None:
        """Delete a file or folder; nothing happens when it is not there.

        First the records: a file without one is as good as one that came by another way, and a
        record without a file would be reported as a loss.
        """
        self._transfers.forget(spot, trail=trail)
        spot.store.delete(spot.path)

    # --- what may be changed -------------------------------------------------------------------

    def _receive(
        self, ctx: Context, spot: Spot, body: Iterable[bytes], offer: Offer
    ) -> ArtifactRecord:
        kept = self._kept(ctx, spot, offer)
        if kept is not None:
            return kept
        return self._transfers.receive(spot, body, offer, trail=_trail(ctx))

    def _admitted(
        self, ctx: Context, spot: Spot, body: bytes, offer: Offer
    ) -> Sent | ArtifactRecord:
        return self._kept(ctx, spot, offer) or Sent(spot, body, offer, _trail(ctx))

    def _kept(self, ctx: Context, spot: Spot, offer: Offer) -> ArtifactRecord | None:
        """The record of a file that must not change, if it is offered as it is."""
        if not self._is_frozen(spot):
            return None
        # A retry of an upload whose answer was lost changes nothing.
        known = self._transfers.recorded(spot)
        digest = offer.digests.get("sha-256")
        if known is not None and digest is not None and known.sha256 == digest.hex():
            return known
        self._refuse_frozen(ctx, "artifact.write", spot)
        return None

    def _refuse_frozen(  # noqa: PLR0913 - what is tried, and where
        self,
        ctx: Context,
        action: str,
        spot: Spot,
        *,
        with_all_below: bool = False,
        of: str | None = None,
        is_tried: bool = True,
    ) -> None:
        """`Conflict` when *action* would change what stays as it is; audited when it is *tried*."""
        if self._is_frozen(spot, with_all_below=with_all_below, of=of):
            refusal = Conflict(
                f"{spot.path!r} holds files of a logged model that is ready, or of a registered "
                "version: they stay as they are. Log a new model, or let the operator set "
                "MILLRACE_FREEZE_MODELS=false."
            )
            if is_tried:
                trail = ctx.refusal(action, refusal.message)
                self._stores.audit.note(trail, "artifact", spot.uri).result()
            raise refusal

    def _is_frozen(
        self, spot: Spot, *, with_all_below: bool = False, of: str | None = None
    ) -> bool:
        """Whether a change at *spot* would be one of a model that is ready or registered.

        Which runs and models may be concerned is told by the names on the way and by *of*, whether
        they are by the places that are recorded.
        """
        if not self._freezes:
            return False
        names = [*spot.path.split("/"), *([of] if of else ())]
        if with_all_below:
            names += _owners_below(spot)
        models = [name for name in names if _MODEL.fullmatch(name)]
        runs = [name for name in names if _RUN.fullmatch(name)]
        if not (runs or models):
            return False
        if not (with_all_below or models) and spot.store.stat(spot.path) is None:
            # Beside what a version was made of there is room; most uploads end here.
            return False
        places = self._frozen_places(runs, models, wherever=with_all_below)
        return any(self._is_at(where, spot) for where in places)

    def _frozen_places(
        self, runs: list[str], models: list[str], *, wherever: bool
    ) -> Iterator[str]:
        """*wherever*: also of versions that lie in such a place and name neither run nor model.

        They are looked for in all versions, which is too much for each upload.
        """
        for model_id in models:
            model = self._stores.tracking.logged_model(model_id)
            if model is not None and model.info.status == "LOGGED_MODEL_READY":
                yield model.info.artifact_uri
        if runs or models:
            found = self._registry.versions_from(run_ids=runs, model_ids=models)
            for versions in found.values():
                for name, number in versions:
                    where = self._registry.location(name, int(number))
                    if where is not None:
                        yield where
        if wherever:
            for name in (*runs, *models):
                yield from self._registry.locations_naming(name)

    def _is_at(self, where: str, spot: Spot) -> bool:
        try:
            return self._places.at(self._root_of_source(where)).meets(spot)
        except MillraceError:
            return False  # a place that is not ours, or is there no more


def _trail(ctx: Context) -> Trail:
    # Sent again, an upload ends in the same state, so it needs no receipt.
    return msgspec.structs.replace(ctx.trail("artifact.put"), receipt=None)


def _owners_below(folder: Spot) -> Iterator[str]:
    """Ids of runs and models that have a folder in this one, as the server lays them out."""
    for info in folder.store.list(folder.path):
        name = info.path.rpartition("/")[2]
        if info.is_dir and name == "models":
            yield from _owners_below(folder.at(name))
        elif info.is_dir:
            yield name


def _listed(folder: Spot, *, relative_to: str) -> tuple[FileInfo, ...]:
    cut = len(relative_to) + 1 if relative_to else 0
    return tuple(
        # Empty files have no size on the wire.
        FileInfo(path=info.path[cut:], is_dir=info.is_dir, file_size=info.file_size or None)
        for info in folder.store.list(folder.path)
    )


def _in_parts(spot: Spot) -> Multipart:
    if not isinstance(spot.store, Multipart):
        raise NotSupported("The artifact store of this server takes no uploads in parts.")
    return spot.store


def _size(spot: Spot) -> int:
    stat = spot.store.stat(spot.path)
    if stat is None:
        raise NotFound(f"No artifact {spot.path!r}.")
    return stat.size


def _ttl(expiration: int | None) -> int:
    if expiration is None:
        return SIGNED_S
    if not 1 <= expiration <= LONGEST_SIGNED_S:
        raise InvalidArgument(f"'expiration' is from 1 to {LONGEST_SIGNED_S} seconds.")
    return expiration
