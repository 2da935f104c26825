"""From what a user calls a model to a folder on this disk.

A path is itself. Everything else is downloaded into a cache that goes by content: a registered
version whose digest is known and that is there already is not fetched again, and what is there is
compared with its digest before it is used.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from millrace.client import depots, locations
from millrace.client.client import MillraceClient
from millrace.core import model_uris, settings
from millrace.core.errors import InvalidArgument, NotFound, NotSupported
from millrace.models import own, signing
from millrace.models.model import MLMODEL
from millrace.models.trust import Origin

if TYPE_CHECKING:
    from millrace.core.entities.registry import ModelVersion

logger = logging.getLogger(__name__)

_MODELS: Final = "models"


class Resolved(Struct, frozen=True):
    """A model's folder, and where it came from."""

    folder: Path
    origin: Origin


def resolve(uri: str, dst_path: str | Path | None = None) -> Resolved:
    """The folder of the model at *uri*: a path, `models:/...`, `runs:/...`, or a place of a store.

    *dst_path*: where to download it to, instead of the cache. `NotFound` when there is no model,
    `BadSignature` when the settings ask for one that is signed; nothing of it was read then.
    """
    if _is_path(uri) and dst_path is None:
        folder = depots.local(uri)
        if not (folder / MLMODEL).is_file():
            raise NotFound(f"There is no model at {uri!r}: no file {MLMODEL}.")
        places = [str(folder), str(folder.resolve())]
        is_signed = signing.admit(folder, uri)
        return Resolved(folder, Origin(uri=uri, places=tuple(places), is_signed=is_signed))
    client = MillraceClient()
    named = locations.owned(uri)
    version = _version(client, named)
    places = [client.tracking_uri]
    is_approved = None
    if version is not None:
        uri_of = model_uris.uri_of(version.name, version.version)
        places.append(uri_of)
        # The very version that was looked up, whatever its alias points at by now.
        path = named.path if isinstance(named, locations.OfModel) else ""
        fetched = f"{uri_of}/{path}" if path else uri_of

        def is_approved(digest: str) -> bool:
            return _is_approved(client, version, digest)
    else:
        fetched = uri
    folder = _fetched(client, fetched, version, dst_path)
    if not (folder / MLMODEL).is_file():
        raise NotFound(f"There is no model at {uri!r}: no file {MLMODEL}.")
    origin = Origin(
        uri=uri,
        places=tuple(places),
        is_signed=signing.admit(folder, uri),
        is_approved=is_approved,
    )
    return Resolved(folder, origin)


def _is_path(uri: str) -> bool:
    return locations.owned(uri) is None and depots.is_local(uri)


def _version(client: MillraceClient, named: locations.Owned | None) -> ModelVersion | None:
    """The registered version that a URI names, if it is one."""
    if not isinstance(named, locations.OfModel) or isinstance(named.named, model_uris.ById):
        return None
    return client.model_version_at(named.named)


def _fetched(
    client: MillraceClient, uri: str, version: ModelVersion | None, dst_path: str | Path | None
) -> Path:
    if dst_path is not None:
        return Path(client.download_at(uri, dst_path))
    cache = _cache()
    if cache is None:
        return Path(client.download_at(uri))
    digest = _recorded_digest(client, version) if version is not None else None
    if digest is not None and (there := _kept(cache, digest)) is not None:
        return there
    incoming = Path(tempfile.mkdtemp(prefix="incoming-", dir=cache))
    try:
        folder = Path(client.download_at(uri, incoming))
        _make_private(folder)
        target = cache / own.digest_of(folder)
        try:
            folder.rename(target)
        except OSError:
            if _kept(cache, target.name) is None:  # else somebody was faster
                folder.rename(target)
        return target
    finally:
        shutil.rmtree(incoming, ignore_errors=True)


def _kept(cache: Path, digest: str) -> Path | None:
    """The folder with that digest, if it is there and still is what it is called."""
    folder = cache / digest
    if not folder.is_dir():
        return None
    try:
        if own.digest_of(folder) == digest:
            return folder
    except (OSError, InvalidArgument):
        pass
    logger.warning("%s is damaged and fetched anew", folder)
    spoilt = Path(tempfile.mkdtemp(prefix="spoilt-", dir=cache))
    folder.rename(spoilt / digest)
    shutil.rmtree(spoilt, ignore_errors=True)
    return None


def _cache() -> Path | None:
    """The cache's folder, our own and nobody else's; None when there can be none."""
    folder = Path(settings.CACHE_DIR.get()).expanduser() / _MODELS
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_mode & 0o077:
            folder.chmod(0o700)
    except OSError as error:
        logger.info("no cache of models: %s", error)
        return None
    return folder if os.access(folder, os.W_OK) else None


def _make_private(folder: Path) -> None:
    for one in (folder, *folder.rglob("*")):
        one.chmod(0o700 if one.is_dir() else 0o600)


def _recorded_digest(client: MillraceClient, version: ModelVersion) -> str | None:
    try:
        manifest = client.get_model_version_manifest(version.name, version.version)
    except (NotFound, NotSupported):
        return None
    return manifest.digest if manifest.state == "RECORDED" else None


def _is_approved(client: MillraceClient, version: ModelVersion, digest: str) -> bool:
    """Whether somebody approved this version, with just this content."""
    if _recorded_digest(client, version) != digest:
        return False
    token: str | None = None
    while True:
        page = client.list_transition_requests(version.name, version.version, page_token=token)
        if any(one.state == "APPROVED" and one.evidence.manifest_digest == digest for one in page):
            return True
        if not page.token:
            return False
        token = page.token


def fetch(uri: str) -> str:
    """Where the file or folder at *uri* is on this disk, downloaded if need be."""
    return MillraceClient().download_at(uri)
