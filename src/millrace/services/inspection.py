"""Looking through the artifacts of a place for what does not fit its records.

A list of checks, each a function: a room that keeps something beside the records adds its own.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from typing import TYPE_CHECKING, Final

from millrace.core.entities.finding import Finding
from millrace.core.entities.trash import TrashQuery
from millrace.core.errors import MillraceError
from millrace.core.filters import EXPERIMENTS, parse
from millrace.core.uris import path_below
from millrace.services.places import PROXY
from millrace.stores.protocols import Query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from millrace.core.entities.artifact import ArtifactRecord
    from millrace.services.places import Places, Spot
    from millrace.stores.protocols import Stores

    Check = Callable[["Stores", "Places", bool], Iterator[Finding]]

_EXAMPLES: Final = 5
_PAGE: Final = 500
_RUN: Final = re.compile(r"[0-9a-f]{32}")
_MODEL: Final = re.compile(r"m-[0-9a-f]{32}")


def inspect_artifacts(stores: Stores, places: Places, *, full: bool) -> Iterator[Finding]:
    """Every check of artifacts. *full*: read all files and compare their digests."""
    for check in CHECKS:
        yield from check(stores, places, full)


def _locations(stores: Stores) -> Iterator[str]:
    """Where experiments, those in the trash too, keep their artifacts."""
    query = Query(tree=parse("", EXPERIMENTS), view="ALL")
    while True:
        page = stores.tracking.find_experiments(query)
        for experiment in page.items:
            yield experiment.artifact_location
        if page.next is None:
            return
        query = Query(tree=query.tree, view="ALL", after=page.next)


def _recorded(stores: Stores, places: Places, full: bool) -> Iterator[Finding]:  # noqa: FBT001 - a check
    """Files that were recorded, against those that are there."""
    wrong: dict[str, list[str]] = {}
    away: dict[str, str] = {}
    for root in _recorded_roots(stores):
        for record in stores.artifacts.below(root):
            if record.token is not None:
                continue  # it is being replaced now
            try:
                spot = places.at(root).at(path_below(root, record.uri) or "")
                if words := _fault(spot, record, full=full):
                    wrong.setdefault(words, []).append(record.uri)
            except MillraceError as error:
                away.setdefault(root, error.message)
    for words, uris in wrong.items():
        yield _finding(uris, words)
    for root, message in away.items():
        yield Finding(check="artifacts", message=f"{root} is out of reach: {message}")


def _recorded_roots(stores: Stores) -> Iterator[str]:
    """Places below which every record of a file is, none within another."""
    yield PROXY
    for location in dict.fromkeys(_locations(stores)):
        if path_below(PROXY, location) is None:
            yield location


def _fault(spot: Spot, record: ArtifactRecord, *, full: bool) -> str | None:
    if spot.store.stat(spot.path) is None:
        return "files that were recorded are not there"
    return None if _is_right(spot, record, full=full) else "files are not what was recorded"


def _is_right(spot: Spot, record: ArtifactRecord, *, full: bool) -> bool:
    stat = spot.store.stat(spot.path)
    if stat is None or stat.size != record.size:
        return False
    if not full:
        return True
    digest = hashlib.sha256()
    for chunk in spot.store.get(spot.path):
        digest.update(chunk)
    return digest.hexdigest() == record.sha256


def _ownerless(stores: Stores, places: Places, full: bool) -> Iterator[Finding]:  # noqa: ARG001, FBT001 - a check
    """Folders of runs and logged models that are not there any more."""
    found: list[str] = []
    for location in dict.fromkeys(_locations(stores)):
        try:
            spot = places.at(location)
            found += [f"{location}/{name}" for name in _strangers(stores, spot)]
        except MillraceError:
            continue  # told by the check of what is recorded, if anything was
    if found:
        yield _finding(found, "folders belong to runs or logged models that are not there")


def _unrecorded(stores: Stores, places: Places, full: bool) -> Iterator[Finding]:  # noqa: ARG001, FBT001 - a check
    """Files where the server keeps them that did not come through it."""
    count, examples = 0, list[str]()
    for location in dict.fromkeys(_locations(stores)):
        if path_below(PROXY, location) is None:
            continue  # clients write there themselves
        try:
            spots = _files(places.at(location))
            while page := list(itertools.islice(spots, _PAGE)):
                uris = [spot.uri for spot in page]
                known = {record.uri for record in stores.artifacts.records(uris)}
                strange = [uri for uri in uris if uri not in known]
                count += len(strange)
                examples += strange[: _EXAMPLES - len(examples)]
        except MillraceError:
            continue  # told by the check of what is recorded, if anything was
    if count:
        yield Finding(
            check="artifacts",
            weight="note",
            message=f"{count} files have no record: they came by another way, or are left over.",
            count=count,
            examples=tuple(examples),
        )


def _files(folder: Spot) -> Iterator[Spot]:
    for entry in folder.store.list(folder.path):
        spot = folder.at(entry.path.rpartition("/")[2])
        if entry.is_dir:
            yield from _files(spot)
        else:
            yield spot


def _strangers(stores: Stores, spot: Spot) -> Iterator[str]:
    for entry in spot.store.list(spot.path):
        name = entry.path.rpartition("/")[2]
        if entry.is_dir and _RUN.fullmatch(name) and stores.tracking.run(name) is None:
            yield name
    below = f"{spot.path}/models" if spot.path else "models"
    for entry in spot.store.list(below):
        name = entry.path.rpartition("/")[2]
        if entry.is_dir and _MODEL.fullmatch(name) and not _has_model(stores, name):
            yield f"models/{name}"


def _has_model(stores: Stores, model_id: str) -> bool:
    if stores.tracking.logged_model(model_id) is not None:
        return True
    return bool(stores.trash.find(TrashQuery(kind="logged_model", ids=(model_id,))).items)


def _finding(places: list[str], words: str) -> Finding:
    return Finding(
        check="artifacts",
        message=f"{len(places)} {words}.",
        count=len(places),
        examples=tuple(places[:_EXAMPLES]),
    )


CHECKS: list[Check] = [_recorded, _ownerless, _unrecorded]
