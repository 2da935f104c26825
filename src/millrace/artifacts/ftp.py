"""`ftp://user:password@host:port/path` and `ftps://...`: artifacts on an FTP server.

The path is absolute there. `ftps:` asks for TLS (RFC 4217) and checks the certificate; `ftp:` sends
the password in the clear. An upload appears by one rename; whether that replaces a file at one
stroke is the server's affair, and `replace=False` looks first. Links are the server's affair, too,
but where it says after entering a folder that it is elsewhere, nothing is there.
"""

from __future__ import annotations

import contextlib
import ftplib
import posixpath
import re
import secrets
import socket
import ssl
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote

from millrace.artifacts.location import parse
from millrace.artifacts.paths import folder_segments, is_clean, joined, segments
from millrace.artifacts.pool import Pool
from millrace.artifacts.streams import CHUNK, Checked, Watched, check_arrived, span, started
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
from millrace.http.faults import Untrusted

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from pathlib import Path

    from millrace.artifacts.location import Location
    from millrace.artifacts.open import Reach

_STAGING: Final = ".millrace-staging"
_TIMEOUT_S: Final = 60.0
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
# `LIST` as most servers write it: mode, links, owner, group, size, three words of time, the name.
_LINE: Final = re.compile(r"([-dlbcps])\S{9,}\s+\d+\s+\S+\s+\S+\s+(\d+)\s+\S+\s+\S+\s+\S+\s(.+)")


class _Entry(NamedTuple):
    is_dir: bool
    size: int
    modified: str | None


class FtpArtifacts:
    """The files below a folder of an FTP server. Each thread uses a connection of its own."""

    def __init__(self, where: Location, root: str) -> None:
        self._where = where
        self._root = root
        self._pool: Pool[ftplib.FTP] = Pool(lambda: _connected(where), _closed, _is_alive)

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
        self._check(path)
        checked = Checked(body, size=size, sha256=sha256)
        watched = Watched(checked)
        folder, name = posixpath.split(path)
        unseen = self._at(f"{_STAGING}/{secrets.token_hex(8)}")
        try:
            with self._connection(path, watched) as ftp:
                self._refuse_what_is_there(ftp, path, replace=replace)
                self._make(ftp, _STAGING)
                _send(ftp, unseen, watched)
                check_arrived(path, ftp.size(unseen), checked.count)
                self._make(ftp, folder)
                ftp.rename(unseen, self._at(path))
                entry = self._entries(ftp, folder).get(name)
        except BaseException:
            with contextlib.suppress(Exception), self._connection(path) as ftp:
                ftp.delete(unseen)
            raise
        modified = entry.modified if entry else None
        return ArtifactStat(
            size=checked.count, etag=_etag(modified, checked.count), sha256=checked.sha256
        )

    def get(self, path: str, *, start: int = 0, end: int | None = None) -> Generator[bytes]:
        """See `ArtifactStore`."""
        return started(self._read(path, start, end))

    def _read(self, path: str, start: int, end: int | None) -> Generator[bytes]:
        known = self.stat(path)
        if known is None:
            raise NotFound(f"No artifact {path!r}.")
        wanted = span(known.size, start, end)
        if not wanted:
            yield b""
            return
        with self._connection(path) as ftp:
            ftp.voidcmd("TYPE I")
            data = ftp.transfercmd(f"RETR {self._at(path)}", rest=wanted.start or None)
            with data:
                yield b""
                left = len(wanted)
                while left:
                    chunk = data.recv(min(CHUNK, left))
                    if not chunk:
                        raise Unavailable(f"{path!r} broke off {left} bytes before its end.")
                    left -= len(chunk)
                    yield chunk
            if wanted.stop == known.size:
                ftp.voidresp()
                return
            # The server would send the rest: hanging up is the surest way to stop it.
            self._pool.retire(ftp)

    def stat(self, path: str) -> ArtifactStat | None:
        """See `ArtifactStore`."""
        self._check(path)
        folder, name = posixpath.split(path)
        with self._connection(path) as ftp:
            entry = self._entries(ftp, folder).get(name)
        if entry is None or entry.is_dir:
            return None
        return ArtifactStat(size=entry.size, etag=_etag(entry.modified, entry.size))

    def list(self, path: str = "") -> Iterator[FileInfo]:
        """See `ArtifactStore`."""
        _check_names(path)
        with self._connection(path) as ftp:
            entries = self._entries(ftp, path)
        return iter(
            FileInfo(
                path=joined(path, name),
                is_dir=entry.is_dir,
                file_size=None if entry.is_dir else entry.size,
            )
            for name, entry in sorted(entries.items())
            if path or name != _STAGING
        )

    def delete(self, path: str) -> int:
        """See `ArtifactStore`."""
        self._check(path)
        folder, name = posixpath.split(path)
        with self._connection(path) as ftp:
            entry = self._entries(ftp, folder).get(name)
            if entry is None:
                return 0
            self._make(ftp, _STAGING)
            gone = f"{_STAGING}/{secrets.token_hex(8)}"
            ftp.rename(self._at(path), self._at(gone))  # out of sight at once
            if not entry.is_dir:
                ftp.delete(self._at(gone))
                return 1
            return self._removed(ftp, gone)

    def _removed(self, ftp: ftplib.FTP, path: str) -> int:
        count = 0
        pending, folders = [path], []
        while pending:
            folder = pending.pop()
            folders.append(folder)
            for name, entry in self._entries(ftp, folder).items():
                if entry.is_dir:
                    pending.append(joined(folder, name))
                else:
                    ftp.delete(self._at(joined(folder, name)))
                    count += 1
        for folder in reversed(folders):
            ftp.rmd(self._at(folder))
        return count

    def close(self) -> None:
        """See `ArtifactStore`."""
        self._pool.close()

    def _check(self, path: str) -> None:
        segments(path)
        _check_names(path)
        if path.split("/", maxsplit=1)[0] == _STAGING:
            raise InvalidArgument(f"{_STAGING!r} is taken by uploads under way.")

    def _at(self, path: str) -> str:
        return posixpath.join(self._root, path) if path else self._root

    def _enter(self, ftp: ftplib.FTP, path: str) -> bool:
        """Whether there is a folder, and no link on the way; then it is the current one."""
        try:
            ftp.cwd(self._root)
            root = ftp.pwd()
            if not path:
                return True
            ftp.cwd(self._at(path))
            return ftp.pwd() == posixpath.join(root, path)
        except ftplib.error_perm as error:
            if _code(error) == "550":
                return False
            raise

    def _entries(self, ftp: ftplib.FTP, path: str) -> dict[str, _Entry]:
        """What is in a folder: regular files and folders with clean names."""
        if not self._enter(ftp, path):
            return {}
        found: dict[str, _Entry] = {}
        if ftp.millrace_has_mlsd:  # type: ignore[attr-defined]  # set when it was connected
            for name, facts in ftp.mlsd(facts=["type", "size", "modify"]):
                kind = facts.get("type", "")
                if kind in {"dir", "file"} and is_clean([name]):
                    size = int(facts.get("size", 0))
                    found[name] = _Entry(kind == "dir", size, facts.get("modify"))
            return found
        lines: list[str] = []
        ftp.retrlines("LIST -a", lines.append)
        for line in lines:
            entry = _LINE.fullmatch(line)
            if entry and entry[1] in "-d" and is_clean([entry[3]]):
                found[entry[3]] = _Entry(entry[1] == "d", int(entry[2]), None)
        return found

    def _refuse_what_is_there(self, ftp: ftplib.FTP, path: str, *, replace: bool) -> None:
        folder, name = posixpath.split(path)
        entry = self._entries(ftp, folder).get(name)
        if entry is not None and entry.is_dir:
            raise InvalidArgument(f"{path!r} is a folder; a file needs another name.")
        if entry is not None and not replace:
            raise AlreadyExists(f"There is an artifact {path!r} already.")
        while folder:
            if self._enter(ftp, folder):
                return
            below = folder
            folder, name = posixpath.split(folder)
            entry = self._entries(ftp, folder).get(name)
            if entry is not None and not entry.is_dir:  # one may just have been made
                raise InvalidArgument(
                    f"{below!r} in {path!r} is a file, so nothing can be below it."
                )

    def _make(self, ftp: ftplib.FTP, path: str) -> None:
        """Make the folder *path* and those above it, the root included."""
        if self._enter(ftp, path):
            return
        names = self._at(path).split("/")
        for depth in range(2, len(names) + 1):
            with contextlib.suppress(ftplib.error_perm):  # it is there; if not, the next one tells
                ftp.mkd("/".join(names[:depth]))
        if not self._enter(ftp, path):
            raise PermissionDenied(f"{self._where} does not let us make the folder {path!r}.")

    @contextlib.contextmanager
    def _connection(self, path: str, body: Watched | None = None) -> Iterator[ftplib.FTP]:
        """A connection; what goes wrong on it is explained, what goes wrong in *body* is not."""
        try:
            with self._pool.lent() as ftp:
                yield ftp
        except MillraceError:
            raise
        except (ftplib.Error, OSError, EOFError) as error:
            if body is not None and body.fault is not None:
                raise body.fault from None
            raise _told(error, path, self._where) from error


def _send(ftp: ftplib.FTP, path: str, body: Iterable[bytes]) -> None:
    ftp.voidcmd("TYPE I")
    with ftp.transfercmd(f"STOR {path}") as data:
        for chunk in body:
            data.sendall(chunk)
        if isinstance(data, ssl.SSLSocket):
            data.unwrap()  # says that this was all
    ftp.voidresp()


def _code(error: ftplib.Error) -> str:
    return str(error)[:3]


def _told(error: Exception, path: str, where: Location) -> MillraceError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    if isinstance(error, ftplib.Error):
        match _code(error):
            case "452" | "552":
                return DiskFull(f"{path!r} was not stored: {where} is full.")
            case "530" | "532":
                return PermissionDenied(f"{where} does not accept our login.")
            case "550" | "553":
                return PermissionDenied(f"{where} does not permit it at {path!r}: {reason}.")
    return Unavailable(f"{where} failed at {path!r}: {reason}.")


def _check_names(path: str) -> None:
    folder_segments(path)
    if _CONTROL.search(path):
        raise InvalidArgument(f"{path!r} holds a control character, which FTP cannot name.")


def _etag(modified: str | None, size: int) -> str | None:
    return f"{modified}-{size:x}" if modified else f"{size:x}"


def _connected(where: Location) -> ftplib.FTP:
    ftp: ftplib.FTP
    if where.scheme == "ftps":
        context = ssl.create_default_context()
        ftp = ftplib.FTP_TLS(  # noqa: S321 - encrypted, and checked
            context=context, timeout=_TIMEOUT_S, encoding="utf-8"
        )
    else:
        ftp = ftplib.FTP(timeout=_TIMEOUT_S, encoding="utf-8")  # noqa: S321 - the user says so
    try:
        ftp.connect(where.host, where.port or ftplib.FTP_PORT)
        ftp.login(where.user or "anonymous", where.password or "")
        if isinstance(ftp, ftplib.FTP_TLS):
            ftp.prot_p()
        ftp.millrace_has_mlsd = _has_mlsd(ftp)  # type: ignore[attr-defined]
    except ssl.SSLError as error:
        ftp.close()
        raise Untrusted(
            f"The certificate of {where} cannot be verified, or there is no TLS: "
            f"{error.reason or error}."
        ) from error
    except ftplib.Error as error:
        ftp.close()
        raise _told(error, "", where) from error
    except (OSError, EOFError) as error:
        ftp.close()
        raise Unavailable(f"{where} cannot be reached: {error}.") from error
    return ftp


def _has_mlsd(ftp: ftplib.FTP) -> bool:
    try:
        features = ftp.sendcmd("FEAT")
    except ftplib.error_perm:
        return False
    return bool(re.search(r"^ MLS[DT]\b", features, re.MULTILINE | re.IGNORECASE))


def _closed(ftp: ftplib.FTP) -> None:
    # A server that is in the middle of something does not answer QUIT.
    with contextlib.suppress(AttributeError, OSError):
        ftp.sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
    ftp.close()


def _is_alive(ftp: ftplib.FTP) -> bool:
    try:
        ftp.voidcmd("NOOP")
    except (ftplib.Error, OSError, EOFError):
        return False
    return True


def open_ftp(uri: str, reach: Reach) -> FtpArtifacts:  # noqa: ARG001 - an opener
    """Open a folder of an FTP server; nothing is sent yet."""
    where = parse(uri)
    if not where.host or where.query:
        raise InvalidArgument(f"{where}: expected {where.scheme}://user@host:port/path.")
    for word in (where.user, where.password):
        _check_names((word or "").replace("/", ""))
    root = "/" + unquote(where.path).strip("/")
    _check_names(root[1:])
    return FtpArtifacts(where, root)
