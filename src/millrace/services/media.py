"""What a run has to look at and to listen to: its images by key and step, and other media.

Images that were logged under a key say it in their names, as do their small versions; MLflow's
clients have written two forms of these names.
"""

from __future__ import annotations

import re
from collections import deque
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final, NamedTuple

from millrace.api.previews import KeyedImages, Media, MediaFile, MediaKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from millrace.api.previews import ListMedia
    from millrace.core.entities.artifact import FileInfo
    from millrace.services.artifacts import Artifacts
    from millrace.services.context import Context
    from millrace.services.places import Spot

MOST_IMAGES: Final = 10_000
MOST_FILES: Final = 2_000
MOST_FOLDERS: Final = 200
"""Folders that are looked through: each is a request, where artifacts are in a bucket."""

_IMAGES: Final = "images"
# Images in cells of tables are shown by their tables.
_APART: Final = frozenset({_IMAGES, "table_images"})
_NAME: Final = re.compile(
    r"(?P<key>.+)(?P<by>[+%])step(?P=by)(?P<step>-?\d{1,19})(?P=by)timestamp(?P=by)(?P<at>\d{1,19})"
    r"(?P=by)(?P<id>[^+%]+?)(?P<small>(?P=by)compressed)?\.\w+"
)
# What stands for a slash, in the two forms.
_SLASH: Final = {"+": "~", "%": "#"}
_SUFFIXES: Final[dict[MediaKind, str]] = {
    "image": "png jpg jpeg webp gif svg avif bmp",
    "audio": "wav mp3 ogg flac m4a",
    "video": "mp4 webm mov",
    "table": "csv tsv parquet feather arrow",
    "page": "html htm",
}
_KINDS: Final = {
    f".{suffix}": kind for kind, listed in _SUFFIXES.items() for suffix in listed.split()
}


class Gallery:
    """Finds the media of runs."""

    def __init__(self, artifacts: Artifacts) -> None:
        self._artifacts = artifacts

    def of_run(self, _ctx: Context, request: ListMedia) -> Media:
        """The media of a run."""
        root = self._artifacts.spot_of_run(request.run)
        cut = len(root.path) + 1 if root.path else 0
        listed = root.at(_IMAGES).store.list(root.at(_IMAGES).path)
        images, others, is_partial = keyed(listed, cut, key=request.key)
        if request.key is None:
            found, is_more = _walk(root, cut)
            others = [*found, *others]
            is_partial = is_partial or is_more
        else:
            others = []
        return Media(images=images, files=tuple(others), is_partial=is_partial or None)


class _Image(NamedTuple):
    step: int
    at: int
    path: str
    thumbnail: str | None


def keyed(
    listed: Iterable[FileInfo], cut: int, *, key: str | None = None
) -> tuple[tuple[KeyedImages, ...], list[MediaFile], bool]:
    """Images by key, files that are none of them, and whether there are more.

    *cut*: how much of each path is the way to the run.
    """
    found: dict[str, dict[tuple[int, int, str], list[str | None]]] = {}
    others: list[MediaFile] = []
    is_partial = False
    count = 0
    for info in listed:
        path = info.path[cut:]
        told = _NAME.fullmatch(path.rpartition("/")[2])
        if told is None:
            if kind := _KINDS.get(PurePosixPath(path).suffix.lower()):
                others.append(MediaFile(path=path, kind=kind, file_size=info.file_size or 0))
            continue
        name = told["key"].replace(_SLASH[told["by"]], "/")
        if key is not None and name != key:
            continue
        one = (int(told["step"]), int(told["at"]), told["id"])
        images = found.setdefault(name, {})
        if one not in images:
            if count == MOST_IMAGES:
                is_partial = True
                continue
            count += 1
        images.setdefault(one, [None, None])[told["small"] is not None] = path
    return (
        tuple(_images(name, found[name]) for name in sorted(found) if found[name]),
        others,
        is_partial,
    )


def _images(key: str, found: dict[tuple[int, int, str], list[str | None]]) -> KeyedImages:
    images = [
        _Image(step, at, path or small or "", small)
        for (step, at, _), (path, small) in sorted(found.items())
    ]
    return KeyedImages(
        key=key,
        steps=tuple(image.step for image in images),
        timestamps=tuple(image.at for image in images),
        paths=tuple(image.path for image in images),
        thumbnails=tuple(image.thumbnail for image in images),
    )


def _walk(root: Spot, cut: int) -> tuple[list[MediaFile], bool]:
    """Media elsewhere, the nearest first, and whether something was left out."""
    found: list[MediaFile] = []
    folders = deque([root.path])
    for _ in range(MOST_FOLDERS):
        if not folders:
            return found, False
        for info in root.store.list(folders.popleft()):
            path = info.path[cut:]
            if info.is_dir:
                if path not in _APART:
                    folders.append(info.path)
            elif kind := _KINDS.get(PurePosixPath(path).suffix.lower()):
                if len(found) == MOST_FILES:
                    return found, True
                found.append(MediaFile(path=path, kind=kind, file_size=info.file_size or 0))
    return found, bool(folders)
