"""Artifacts as objects in a bucket, through obstore: the same for S3, Google and Azure.

A small body is one request, a large one a multipart upload that is completed only when all of it
has passed its checks. There are no folders: a folder is what keys have in common up to a slash.
Retries with jitter are obstore's, inside a budget. Open a store after forking, not before.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Final, Literal, NamedTuple, NoReturn

from millrace.artifacts.paths import is_clean, joined, segments
from millrace.artifacts.protocols import SignedUrl
from millrace.artifacts.streams import CHUNK, Checked, Watched, ahead, started
from millrace.core.entities.artifact import ArtifactStat, FileInfo
from millrace.core.errors import (
    AlreadyExists,
    DiskFull,
    InvalidArgument,
    MillraceError,
    NotFound,
    PermissionDenied,
    Unavailable,
)
from millrace.core.lazy import require

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from pathlib import Path

    from obstore import GetOptions, GetResult, PutMode, PutResult
    from obstore.store import AzureStore, GCSStore, RetryConfig, S3Store

    from millrace.artifacts.location import Location

# Three parts on their way and one being filled: 32 MiB of memory for one upload.
_PART: Final = 8 * 1024 * 1024
_PARTS_AT_ONCE: Final = 3
_MOST_PARTS: Final = 10_000
_STAGING: Final = ".millrace-staging"
_DELETED_AT_ONCE: Final = 1000
# Our own name for the digest, kept beside the object.
_SHA256: Final = "sha256"

# A limit on silence, none on the whole: a large file takes as long as it takes.
PATIENCE: Final = {"connect_timeout": "10s", "read_timeout": "60s", "timeout": "7d"}


class CloudArtifacts:
    """The objects below the prefix *where.key* of a bucket. Thread-safe."""

    # What must be sent along with a signed PUT.
    put_headers: ClassVar[dict[str, str]] = {}

    def __init__(self, bucket: S3Store | GCSStore | AzureStore, where: Location) -> None:
        self._obs = require("obstore", extra="s3")
        self._bucket = bucket
        self._where = where

    def put(
        self,
        path: str,
        body: Path | Iterable[bytes],
        *,
        size: int | None = None,
        sha256: str | None = None,
        replace: bool = True,
    ) -> ArtifactStat:
        """See `ArtifactStore`."""
        segments(path)
        checked = Checked(body, size=size, sha256=sha256)
        watched = Watched(checked)
        with self._explained(path, watched):
            first, rest = _first_part(watched)
            if rest is None:
                attributes = {_SHA256: checked.sha256}
                mode: PutMode = "overwrite" if replace else "create"
                put = self._obs.put(
                    self._bucket, self._key(path), first,
                    attributes=attributes, mode=mode, use_multipart=False,
                )  # fmt: skip
            else:
                attributes = {_SHA256: sha256.lower()} if sha256 else {}
                with ahead(rest) as chunks:
                    whole = itertools.chain([first], chunks)
                    large = _Large(whole, attributes, _part_size(size))
                    put = self._put_large(path, large, replace=replace)
        return ArtifactStat(size=checked.count, etag=_plain(put["e_tag"]), sha256=checked.sha256)

    def _put_large(self, path: str, large: _Large, *, replace: bool) -> PutResult:
        if replace:
            return self._upload(self._key(path), large)
        # A multipart upload cannot be told to create only; a copy can.
        if self.stat(path) is not None:
            raise AlreadyExists(f"There is an artifact {path!r} already.")
        unseen = self._key(f"{_STAGING}/{secrets.token_hex(8)}")
        put = self._upload(unseen, large)
        try:
            self._obs.copy(self._bucket, unseen, self._key(path), overwrite=False)
        finally:
            self._obs.delete(self._bucket, unseen)
        return put

    def _upload(self, key: str, large: _Large) -> PutResult:
        put: PutResult = self._obs.put(
            self._bucket, key, large.body, attributes=large.attributes, use_multipart=True,
            chunk_size=large.part, max_concurrency=_PARTS_AT_ONCE,
        )  # fmt: skip
        return put

    def get(self, path: str, *, start: int = 0, end: int | None = None) -> Generator[bytes]:
        """See `ArtifactStore`."""
        return started(self._read(path, start, end))

    def _read(self, path: str, start: int, end: int | None) -> Generator[bytes]:
        if start < 0 or (end is not None and end < start):
            raise InvalidArgument(
                f"No bytes from {start} to {end}: a range goes forward from 0 on."
            )
        answer = None if start == end else self._answer(path, start, end)
        if answer is None:  # nothing of it is wanted, or it ends before
            if self.stat(path) is None:
                raise NotFound(f"No artifact {path!r}.")
            yield b""
            return
        yield b""
        first, stop = answer.range
        count = 0
        with self._explained(path):
            for chunk in answer.stream(min_chunk_size=CHUNK):
                count += len(chunk)
                yield bytes(chunk)
        if count != stop - first:
            raise Unavailable(f"{path!r} broke off after {count} of {stop - first} bytes.")

    def _answer(self, path: str, start: int, end: int | None) -> GetResult | None:
        options: GetOptions = {}
        if end is not None:
            options["range"] = (start, end)
        elif start:
            options["range"] = {"offset": start}
        try:
            with self._explained(path):
                segments(path)
                answer: GetResult = self._obs.get(self._bucket, self._key(path), options=options)
        except _OutOfRange:
            return None
        return answer

    def stat(self, path: str) -> ArtifactStat | None:
        """See `ArtifactStore`."""
        try:
            with self._explained(path):
                segments(path)
                answer = self._obs.get(self._bucket, self._key(path), options={"head": True})
        except NotFound:
            return None
        meta = answer.meta
        return ArtifactStat(
            size=meta["size"],
            modified_ms=int(meta["last_modified"].timestamp() * 1000),
            etag=_plain(meta["e_tag"]),
            sha256=answer.attributes.get(_SHA256),
        )

    def list(self, path: str = "") -> Iterator[FileInfo]:
        """See `ArtifactStore`."""
        prefix = self._key(path)
        with self._explained(path):
            level = self._obs.list_with_delimiter(self._bucket, prefix or None)
        below = f"{prefix}/" if prefix else ""
        found = [
            FileInfo(path=joined(path, name), is_dir=False, file_size=each["size"])
            for each in level["objects"]
            if is_clean([name := each["path"].removeprefix(below)])
        ]
        found += [
            FileInfo(path=joined(path, name), is_dir=True)
            for each in level["common_prefixes"]
            if is_clean([name := each.removeprefix(below).rstrip("/")])
            and (path or name != _STAGING)
        ]
        return iter(sorted(found, key=lambda info: info.path))

    def delete(self, path: str) -> int:
        """See `ArtifactStore`."""
        segments(path)
        count = 0
        with self._explained(path):
            if self.stat(path) is not None:
                self._obs.delete(self._bucket, self._key(path))
                count += 1
            below = self._obs.list(self._bucket, self._key(path), chunk_size=_DELETED_AT_ONCE)
            for page in below:
                self._obs.delete(self._bucket, [each["path"] for each in page])
                count += len(page)
        return count

    def sign(self, path: str, method: Literal["GET", "PUT"], *, ttl_s: int) -> SignedUrl:
        """See `Signs`."""
        segments(path)
        ttl = timedelta(seconds=ttl_s)
        with self._explained(path):
            url = self._obs.sign(self._bucket, method, self._key(path), ttl)
        return SignedUrl(
            url=url, method=method, headers=self.put_headers if method == "PUT" else {}
        )

    def close(self) -> None:
        """See `ArtifactStore`."""

    def _key(self, path: str) -> str:
        prefix = self._where.key
        return joined(prefix, path) if path else prefix

    @contextlib.contextmanager
    def _explained(self, path: str, body: Watched | None = None) -> Iterator[None]:
        """Tell what obstore's error means; what *body* raised is not ours to explain."""
        try:
            yield
        except MillraceError:
            raise
        except Exception as error:  # noqa: BLE001 - obstore's have no class in common
            if body is not None and body.fault is not None:
                raise body.fault from None
            _explain(error, path, self._where)


def retries(patience_s: float) -> RetryConfig:
    """How obstore repeats a request: with random pauses that grow, no longer than *patience_s*."""
    return {
        "max_retries": 10,
        "retry_timeout": timedelta(seconds=patience_s),
        "backoff": {
            "init_backoff": timedelta(milliseconds=200),
            "max_backoff": timedelta(seconds=10),
            "base": 2,
        },
    }


@contextlib.contextmanager
def opened(where: Location) -> Iterator[None]:
    """Tell what is wrong with a bucket's configuration; without the words of obstore, which may
    hold what it was given."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - obstore's have no class in common
        raise InvalidArgument(
            f"{where} cannot be opened with the settings there are: {type(error).__name__}."
        ) from None


class _Large(NamedTuple):
    """A body for several requests, what is kept beside it, and how long a part is."""

    body: Iterator[bytes]
    attributes: dict[str, str]
    part: int


class _OutOfRange(MillraceError):
    """The asked bytes begin behind the end."""


def _first_part(body: Iterable[bytes]) -> tuple[bytes, Iterator[bytes] | None]:
    """What fits one request, and the rest when there is more."""
    chunks = iter(body)
    taken: list[bytes] = []
    count = 0
    for chunk in chunks:
        taken.append(chunk)
        count += len(chunk)
        if count >= _PART:
            break
    else:
        return b"".join(taken), None
    return b"".join(taken), chunks


def _part_size(size: int | None) -> int:
    return max(_PART, -(-(size or 0) // _MOST_PARTS))


def _plain(etag: str | None) -> str | None:
    return etag.strip('"') if etag else None


_STATUS: Final = re.compile(r"status code: (\d{3})")
_CODE: Final = re.compile(r"<Code>(\w+)</Code>")
_NO_BUCKET: Final = frozenset({"NoSuchBucket", "ContainerNotFound", "InvalidBucketName"})
_EXPIRED: Final = frozenset({"ExpiredToken", "TokenRefreshRequired", "RequestTimeTooSkewed"})
_FULL: Final = frozenset({"QuotaExceeded", "InsufficientStorage", "AccountQuotaExceeded"})


def _explain(error: Exception, path: str, where: Location) -> NoReturn:
    """Raise what obstore's *error* means. Its text is not passed on: it can hold signed parts."""
    text = str(error)
    status = int(found[1]) if (found := _STATUS.search(text)) else 0
    code = found[1] if (found := _CODE.search(text)) else ""
    kind = type(error).__name__
    said = f"{code or kind}, status {status}" if status else code or _first_line(text)
    if code in _NO_BUCKET:
        raise InvalidArgument(f"{where}: there is no such bucket or container ({said}).") from None
    if isinstance(error, FileNotFoundError) or kind == "NotFoundError":
        raise NotFound(f"No artifact {path!r}.") from None
    if kind in {"AlreadyExistsError", "PreconditionError"}:
        raise AlreadyExists(f"There is an artifact {path!r} already.") from None
    # Some servers answer 200 to a range behind the end, and obstore notices.
    if status == 416 or "Wanted range starting at" in text:  # noqa: PLR2004 - RFC 9110 section 15.5.17
        raise _OutOfRange(path) from None
    if code in _EXPIRED:
        raise PermissionDenied(
            f"{where}: the credentials have expired, or the clock of this machine is wrong "
            f"({said})."
        ) from None
    if kind in {"PermissionDeniedError", "UnauthenticatedError"} or status in {401, 403}:
        raise PermissionDenied(
            f"{where}: the credentials of this process do not permit it at {path!r} ({said})."
        ) from None
    if status == 507 or code in _FULL:  # noqa: PLR2004 - RFC 4918 section 11.5
        raise DiskFull(f"{path!r} was not stored: {where} is full ({said}).") from None
    if isinstance(error, ValueError) or (status // 100 == 4 and status not in {408, 429}):  # noqa: PLR2004
        raise InvalidArgument(f"{where}: {path!r} was refused ({said}).") from None
    raise Unavailable(f"{where} cannot be used: {said}.") from None


def _first_line(text: str) -> str:
    """What an error without a status says of its cause: addresses and reasons, no queries."""
    line = re.sub(r"\?\S*", "", text.strip().partition("\n")[0])
    return line.removesuffix(".")[:300] or "no reason given"
