"""Whether what a model holds may run here.

Some formats are data (skops, safetensors, XGBoost's JSON, ONNX). Others are programs that make a
model when they are run: pickles and all that contain them, models from code, custom loaders. A
flavor asks here before it reads one of those. The answers, the first that is one:

1. the caller's own word: `load_model(..., trusted=True)` or `False`;
2. `MLFLOW_ALLOW_PICKLE_DESERIALIZATION`, where it is set;
3. `MILLRACE_TRUSTED_MODELS`: `all`, where models come from, or `approved`;
4. yes when a key of `MILLRACE_TRUSTED_SIGNERS` signed it (`signing`);
5. yes when this very user saved this very content (`own`), else no.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from millrace.core import settings
from millrace.core.errors import MillraceError, PermissionDenied
from millrace.models import own, scan

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

_ALL: Final = "all"
_APPROVED: Final = "approved"


class UntrustedModel(PermissionDenied):
    """Loading would run code of a model that nobody vouches for. Names file, format and way out."""


class Origin(Struct, frozen=True, kw_only=True):
    """Where a model came from. `places`: the URIs that it can be called by, the server's too.

    `is_signed`: somebody whom the settings trust signed it. `is_approved`: asks the registry
    whether the version was approved with just this content.
    """

    uri: str
    places: tuple[str, ...] = ()
    is_signed: bool = False
    is_approved: Callable[[str], bool] | None = None


class Trust:
    """What may run of one folder; *word* is the caller's own, None when there is none."""

    def __init__(self, folder: Path, origin: Origin, *, word: bool | None = None) -> None:
        self.folder = folder
        self.origin = origin
        self._word = word

    def allow(self, path: str, what: str, *, instead: str | None = None) -> None:
        """Return when *path*, which is *what* (such as "a pickle"), may run; else raise
        `UntrustedModel`. *instead*: the safe format that the flavor knows."""
        if self._is_trusted():
            return
        found = scan.scan_file(self.folder / path) if (self.folder / path).is_file() else None
        seen = (
            f" A look at it found: {found.told()}." if found is not None and found.imports else ""
        )
        safe = (
            f" Whoever has the model can save it as {instead}, which needs no trust."
            if instead
            else ""
        )
        raise UntrustedModel(
            f"{path} of {self.origin.uri!r} is {what}: reading it runs whatever code is in it, and "
            f"nobody vouches for that.{seen} If you trust whoever wrote it, say so: "
            f"load_model(..., trusted=True), or name its origin in MILLRACE_TRUSTED_MODELS.{safe}"
        )

    def allows(self) -> bool:
        """Whether code of the model may run."""
        return self._is_trusted()

    @functools.cached_property
    def digest(self) -> str:
        """The digest of the folder's content."""
        return own.digest_of(self.folder)

    @functools.cache  # noqa: B019 - it lives as long as one load
    def _is_trusted(self) -> bool:
        if self._word is not None:
            return self._word
        allowed = settings.ALLOW_PICKLE_DESERIALIZATION.get()
        if allowed is not None:
            return allowed
        named = [each.strip() for each in settings.TRUSTED_MODELS.get().split(",") if each.strip()]
        if _ALL in named or any(self._comes_from(each) for each in named):
            return True
        if _APPROVED in named and self._is_approved():
            return True
        return self.origin.is_signed or self._is_own()

    def _comes_from(self, place: str) -> bool:
        return any(_is_below(one, place) for one in (self.origin.uri, *self.origin.places))

    def _is_approved(self) -> bool:
        if self.origin.is_approved is None:
            return False
        try:
            return self.origin.is_approved(self.digest)
        except MillraceError as error:
            logger.warning(
                "whether %s is approved is not known: %s", self.origin.uri, error.message
            )
            return False

    def _is_own(self) -> bool:
        if not own.is_own(self.digest):
            return False
        where = own.exposed(self.folder)
        if where is not None:
            logger.warning(
                "%s is what you saved, but others could write to %s, so it may change while it is "
                "read; it is not trusted",
                self.folder,
                where,
            )
        return where is None


def _is_below(uri: str, place: str) -> bool:
    """Whether *uri* is *place* or below it; an alias and a version are below their model."""
    rest = uri.removeprefix(place.rstrip("/")) if uri.startswith(place.rstrip("/")) else None
    return rest is not None and (not rest or rest[0] in "/@?#")
