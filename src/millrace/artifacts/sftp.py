"""`sftp://user@host:port/path`: artifacts as files of another machine, over SSH.

The path is absolute there. Keys come from the agent, `~/.ssh` and `~/.ssh/config`; the host must be
a known one. An upload appears by one rename. No link is followed: where the server resolves a path
to another one, nothing is there. Against a server that is not OpenSSH replacing may not be atomic.
"""

from __future__ import annotations

import contextlib
import errno
import posixpath
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from millrace.artifacts.location import parse
from millrace.artifacts.paths import ancestors, folder_segments, is_clean, joined, segments
from millrace.artifacts.pool import Pool
from millrace.artifacts.streams import Checked, Watched, check_arrived, span, started
from millrace.core import settings
from millrace.core.clock import now_ms
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
from millrace.http.faults import Untrusted

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from paramiko import SFTPAttributes, SFTPClient

    from millrace.artifacts.location import Location
    from millrace.artifacts.open import Reach

_STAGING: Final = ".millrace-staging"
# Nobody is still sending a file that was last written a day ago.
_DEAD_MS: Final = 24 * 60 * 60 * 1000
_CONNECT_S: Final = 15.0
_SILENCE_S: Final = 60.0
# Asked for at once while reading: enough for a fast line that is long, little memory.
_WINDOW: Final = 2 * 1024 * 1024
_READ: Final = 32 * 1024


class SftpArtifacts:
    """The files below a folder of an SFTP server. Each thread uses a connection of its own."""

    def __init__(self, where: Location, root: str) -> None:
        self._where = where
        self._root = root
        self._real_root: str | None = None
        self._pool: Pool[SFTPClient] = Pool(lambda: _connected(where), _closed, _is_alive)

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
        unseen = self._at(f"{_STAGING}/{secrets.token_hex(8)}")
        try:
            with self._connection(path, watched) as sftp:
                self._refuse_what_is_there(sftp, path, replace=replace)
                self._make_folders(sftp, f"{_STAGING}/x")
                with sftp.open(unseen, "wx") as file:
                    file.set_pipelined(True)
                    for chunk in watched:
                        file.write(chunk)
                known = sftp.stat(unseen)
                check_arrived(path, known.st_size, checked.count)
                self._make_folders(sftp, path)
                self._place(sftp, unseen, path, replace=replace)
        except BaseException:
            with contextlib.suppress(Exception), self._connection(path) as sftp:
                sftp.remove(unseen)
            raise
        return _stat(known, checked.sha256)

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
        with self._connection(path) as sftp:
            file = sftp.open(self._at(path), "rb")
            try:
                yield b""
                for at in range(wanted.start, wanted.stop, _WINDOW):
                    stop = min(at + _WINDOW, wanted.stop)
                    asked = [(each, min(_READ, stop - each)) for each in range(at, stop, _READ)]
                    chunk = b"".join(file.readv(asked))
                    if len(chunk) != stop - at:
                        raise Unavailable(f"{path!r} became shorter while it was read.")
                    yield chunk
            finally:
                file.close()

    def stat(self, path: str) -> ArtifactStat | None:
        """See `ArtifactStore`."""
        self._check(path)
        with self._connection(path) as sftp:
            known = self._known(sftp, path)
        return _stat(known) if known is not None and _is(known, stat.S_ISREG) else None

    def list(self, path: str = "") -> Iterator[FileInfo]:
        """See `ArtifactStore`."""
        folder_segments(path)
        with self._connection(path) as sftp:
            known = self._known(sftp, path)
            if known is None or not _is(known, stat.S_ISDIR):
                return iter(())
            entries = sftp.listdir_attr(self._at(path))
        found = [
            FileInfo(
                path=joined(path, entry.filename),
                is_dir=_is(entry, stat.S_ISDIR),
                file_size=entry.st_size if _is(entry, stat.S_ISREG) else None,
            )
            for entry in entries
            if is_clean([entry.filename])
            and (_is(entry, stat.S_ISDIR) or _is(entry, stat.S_ISREG))
            and (path or entry.filename != _STAGING)
        ]
        return iter(sorted(found, key=lambda info: info.path))

    def delete(self, path: str) -> int:
        """See `ArtifactStore`."""
        self._check(path)
        with self._connection(path) as sftp:
            known = self._known(sftp, path)
            if known is None or not (_is(known, stat.S_ISREG) or _is(known, stat.S_ISDIR)):
                return 0
            self._make_folders(sftp, joined(_STAGING, "x"))
            gone = self._at(f"{_STAGING}/{secrets.token_hex(8)}")
            sftp.rename(self._at(path), gone)  # out of sight at once
            return _removed(sftp, gone)

    def close(self) -> None:
        """See `ArtifactStore`."""
        self._pool.close()

    def sweep(self) -> None:
        """Remove what uploads left that died a day ago or longer."""
        with self._connection(_STAGING) as sftp:
            try:
                entries = sftp.listdir_attr(self._at(_STAGING))
            except FileNotFoundError:
                return
            for entry in entries:
                if (entry.st_mtime or 0) * 1000 < now_ms() - _DEAD_MS and is_clean(
                    [entry.filename]
                ):
                    with contextlib.suppress(OSError):
                        _removed(sftp, self._at(joined(_STAGING, entry.filename)))

    def _check(self, path: str) -> None:
        if segments(path)[0] == _STAGING:
            raise InvalidArgument(f"{_STAGING!r} is taken by uploads under way.")

    def _at(self, path: str) -> str:
        return posixpath.join(self._root, path) if path else self._root

    def _known(self, sftp: SFTPClient, path: str) -> SFTPAttributes | None:
        """What is at *path*, if that is where the server finds it: on the way there is no link."""
        try:
            known = sftp.lstat(self._at(path))
            if path and sftp.normalize(self._at(path)) != posixpath.join(self._real(sftp), path):
                return None
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ENOTDIR} or _is_failure(error):
                return None
            raise
        if not path and _is(known, stat.S_ISLNK):  # its owner named the root
            return sftp.stat(self._root)
        return known

    def _real(self, sftp: SFTPClient) -> str:
        if self._real_root is None:
            self._real_root = sftp.normalize(self._root)
        return self._real_root

    def _refuse_what_is_there(self, sftp: SFTPClient, path: str, *, replace: bool) -> None:
        known = self._known(sftp, path)
        if known is not None and _is(known, stat.S_ISDIR):
            raise InvalidArgument(f"{path!r} is a folder; a file needs another name.")
        if known is not None and not replace:
            raise AlreadyExists(f"There is an artifact {path!r} already.")
        self._check_folders(sftp, path)

    def _check_folders(self, sftp: SFTPClient, path: str) -> None:
        for folder in ancestors(path):
            try:
                there = sftp.lstat(self._at(folder))
            except FileNotFoundError:
                return
            if not _is(there, stat.S_ISDIR):
                raise InvalidArgument(
                    f"{folder!r} in {path!r} is a file or a link, so nothing can be below it."
                )

    def _make_folders(self, sftp: SFTPClient, path: str) -> None:
        """Make the folders above *path*, the root included."""
        parent = posixpath.dirname(self._at(path))
        try:
            sftp.lstat(parent)
        except FileNotFoundError:
            names = parent.split("/")
            for depth in range(2, len(names) + 1):
                folder = "/".join(names[:depth])
                with contextlib.suppress(OSError):  # it is there; if not, the next one tells
                    sftp.mkdir(folder)
        self._check_folders(sftp, path)

    def _place(self, sftp: SFTPClient, unseen: str, path: str, *, replace: bool) -> None:
        if replace:
            sftp.posix_rename(unseen, self._at(path))
            return
        try:
            sftp.rename(unseen, self._at(path))
        except OSError as error:
            if self._known(sftp, path) is not None:
                raise AlreadyExists(f"There is an artifact {path!r} already.") from error
            raise

    @contextlib.contextmanager
    def _connection(self, path: str, body: Watched | None = None) -> Iterator[SFTPClient]:
        """A connection; what goes wrong on it is explained, what goes wrong in *body* is not."""
        try:
            with self._pool.lent() as sftp:
                yield sftp
        except MillraceError:
            raise
        except (OSError, EOFError, require("paramiko", extra="sftp").SSHException) as error:
            if body is not None and body.fault is not None:
                raise body.fault from None
            raise _told(error, path, self._where) from error


def _told(error: Exception, path: str, where: Location) -> MillraceError:
    number = error.errno if isinstance(error, OSError) else None
    reason = str(error) or type(error).__name__
    if number in {errno.ENOSPC, errno.EDQUOT}:
        return DiskFull(f"{path!r} was not stored: {where} is full.")
    if number in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return PermissionDenied(f"{where} does not let {where.user or 'this user'} at {path!r}.")
    return Unavailable(f"{where} failed at {path!r}: {reason}.")


def _is_failure(error: OSError) -> bool:
    """Whether the server said no more than that it failed, as it does for a file in the way."""
    return error.errno is None


def _is(known: SFTPAttributes, test: Any) -> bool:  # noqa: ANN401 - a function of `stat`
    return bool(test(known.st_mode or 0))


def _stat(known: SFTPAttributes, sha256: str | None = None) -> ArtifactStat:
    size, modified = known.st_size or 0, known.st_mtime or 0
    return ArtifactStat(
        size=size, modified_ms=modified * 1000, etag=f"{modified:x}-{size:x}", sha256=sha256
    )


def _removed(sftp: SFTPClient, path: str) -> int:
    """Remove a file or a folder with all in it; how many regular files that were."""
    if not _is(sftp.lstat(path), stat.S_ISDIR):
        sftp.remove(path)
        return 1
    count = 0
    pending, folders = [path], []
    while pending:
        folder = pending.pop()
        folders.append(folder)
        for entry in sftp.listdir_attr(folder):
            if not is_clean([entry.filename]):
                continue
            below = posixpath.join(folder, entry.filename)
            if _is(entry, stat.S_ISDIR):
                pending.append(below)
            else:
                sftp.remove(below)
                count += _is(entry, stat.S_ISREG)
    for folder in reversed(folders):
        sftp.rmdir(folder)
    return count


def _connected(where: Location) -> SFTPClient:
    paramiko: Any = require("paramiko", extra="sftp")
    client = paramiko.SSHClient()  # it refuses hosts that it does not know
    known_hosts = Path(settings.SFTP_KNOWN_HOSTS.get()).expanduser()
    if known_hosts.exists():
        client.load_system_host_keys(str(known_hosts))
    asked = _ssh_config(paramiko, where.host)
    key = settings.SFTP_KEY_FILE.get()
    host, port = asked.get("hostname", where.host), where.port or int(asked.get("port", 22))
    try:
        client.connect(
            host,
            port,
            username=where.user or asked.get("user"),
            password=where.password,
            key_filename=key or asked.get("identityfile"),
            timeout=_CONNECT_S,
            banner_timeout=_CONNECT_S,
            auth_timeout=_CONNECT_S,
        )
        opened: SFTPClient = client.open_sftp()
    except paramiko.BadHostKeyException as error:
        client.close()
        raise Untrusted(
            f"The key of {where} is another than the one in {known_hosts}: it was changed, or "
            "somebody is in between. Ask whoever runs it before you replace the line."
        ) from error
    except paramiko.AuthenticationException as error:
        client.close()
        raise PermissionDenied(
            f"{where} does not accept our login: give a key in MILLRACE_SFTP_KEY_FILE, the agent, "
            "~/.ssh or ~/.ssh/config."
        ) from error
    except paramiko.SSHException as error:
        client.close()
        if "known_hosts" in str(error):
            raise Untrusted(
                f"The key of {where} is not known. Compare its fingerprint with whoever runs it, "
                f"then: ssh-keyscan -p {port} {host} >> {known_hosts}"
            ) from error
        raise Unavailable(f"{where} cannot be used: {error}.") from error
    except OSError as error:
        client.close()
        raise Unavailable(f"{where} cannot be reached: {error.strerror or error}.") from error
    channel = opened.get_channel()
    if channel is not None:
        channel.settimeout(_SILENCE_S)
    # paramiko ends a client that nobody holds, and the session with it.
    opened.millrace_client = client  # type: ignore[attr-defined]
    return opened


def _ssh_config(paramiko: Any, host: str) -> dict[str, Any]:  # noqa: ANN401 - a module
    path = Path("~/.ssh/config").expanduser()
    if not path.exists():
        return {}
    found: dict[str, Any] = paramiko.SSHConfig.from_path(str(path)).lookup(host)
    return found


def _closed(sftp: SFTPClient) -> None:
    sftp.close()
    sftp.millrace_client.close()  # type: ignore[attr-defined]


def _is_alive(sftp: SFTPClient) -> bool:
    channel = sftp.get_channel()
    transport = channel.get_transport() if channel is not None else None
    return transport is not None and transport.is_active()


def open_sftp(uri: str, reach: Reach) -> SftpArtifacts:  # noqa: ARG001 - an opener
    """Open a folder of an SFTP server, and take away what died there long ago."""
    require("paramiko", extra="sftp")
    where = parse(uri)
    if not where.host or where.query:
        raise InvalidArgument(f"{where}: expected sftp://user@host:port/path.")
    root = "/" + unquote(where.path).strip("/")
    folder_segments(root[1:])
    store = SftpArtifacts(where, root)
    store.sweep()
    return store
