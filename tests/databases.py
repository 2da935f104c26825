"""Database servers for tests, and databases on them; the four steps are those of `services`.

A server is started when the first test asks for it and belongs to the whole run. Databases are
lent: what a test was given is emptied when it gives it back, and lent again, because to delete a
few rows takes a tenth of the time that a new schema takes.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, create_engine, inspect, make_url, text
from sqlalchemy.exc import OperationalError

from tests.services import LOOPBACK, Process, free_port, unavailable

# By scheme: the variable that tells, the usual address, what to install.
KINDS = {
    "postgresql": (
        "MILLRACE_TEST_POSTGRES",
        f"postgresql+psycopg://postgres@{LOOPBACK}:5432",
        "apt-get install postgresql",
    ),
    "mysql": (
        "MILLRACE_TEST_MYSQL",
        # To load the machine's certificates takes longer than most tests.
        f"mysql+pymysql://root@{LOOPBACK}:3306?ssl_disabled=true",
        "apt-get install mariadb-server-core mariadb-client-core",
    ),
}
_MAINTENANCE = {"postgresql": "postgres", "mysql": ""}


@dataclass
class Server:
    """A server that lets us make databases; `process` and `folder` only when it is our own."""

    kind: str
    url: URL
    process: Process | None = None
    folder: Path | None = None
    start: Callable[[], Process] | None = None
    free: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)

    def uri(self, database: str) -> str:
        """The URI of a database, as users write it."""
        drivername = self.url.drivername.partition("+")[0]
        url = self.url.set(drivername=drivername, database=database)
        return url.render_as_string(hide_password=False)

    def execute(self, *statements: str, database: str | None = None) -> list[Any]:
        """Rows of the last of some statements, each in a transaction of its own."""
        with _connected(self.url.set(database=database or _MAINTENANCE[self.kind])) as connection:
            for statement in statements:
                result = connection.execute(text(statement))
            return list(result) if result.returns_rows else []

    def create(self) -> str:
        """Make an empty database; its name."""
        name = f"mr_{secrets.token_hex(6)}"
        # Another collation than ours, so that ours cannot come from the database.
        how = {
            "postgresql": "TEMPLATE template0 ENCODING 'UTF8'",
            "mysql": "CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
        }
        self.execute(f"CREATE DATABASE {name} {how[self.kind]}")
        self.made.append(name)
        return name

    def drop(self, name: str) -> None:
        """Drop a database that we made."""
        force = " WITH (FORCE)" if self.kind == "postgresql" else ""
        self.execute(f"DROP DATABASE IF EXISTS {name}{force}")
        self.made.remove(name)

    def lend(self) -> str:
        """The name of a database without records; perhaps with the schema in it."""
        return self.free.pop() if self.free else self.create()

    def give_back(self, name: str) -> None:
        """Delete all records of a database, and lend it again."""
        with _connected(self.url.set(database=name)) as connection:
            tables = set(inspect(connection).get_table_names()) - {"alembic_version"}
            off, on = {
                "postgresql": ("SET session_replication_role = replica", "RESET ALL"),
                "mysql": ("SET foreign_key_checks = 0", "SET foreign_key_checks = 1"),
            }[self.kind]
            quote = connection.dialect.identifier_preparer.quote
            connection.execute(text(off))
            for table in tables:
                connection.execute(text(f"DELETE FROM {quote(table)}"))
            connection.execute(text(on))
        self.free.append(name)

    def halt(self, with_signal: signal.Signals = signal.SIGTERM) -> None:
        """End our own server, at once with SIGKILL; its databases stay."""
        assert self.process is not None
        self.process.stop(with_signal)

    def resume(self) -> None:
        """Start our own server again, where it was."""
        assert self.start is not None
        self.process = self.start()

    def stop(self) -> None:
        """Drop what we made; end the server if it is ours."""
        if self.process is None:
            for name in list(self.made):
                self.drop(name)
            return
        self.process.stop(signal.SIGINT if self.kind == "postgresql" else signal.SIGTERM)
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def _connected(url: URL) -> Iterator[Any]:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def reachable(kind: str, url: URL) -> bool:
    """Whether the server lets us log in."""
    try:
        with _connected(url.set(database=_MAINTENANCE[kind])):
            return True
    except OperationalError:
        return False


@cache
def _found(kind: str) -> Server | str:
    variable, usual, package = KINDS[kind]
    if told := os.environ.get(variable):
        url = make_url(told).set(drivername=make_url(usual).drivername)
        if not reachable(kind, url):
            pytest.fail(f"{variable} is set but does not answer", pytrace=False)
        server = Server(kind, url)
    elif reachable(kind, make_url(usual)):
        server = Server(kind, make_url(usual))
    else:
        try:
            server = own_server(kind)
        except LookupError as error:
            return f"{error}; {package}"
    atexit.register(server.stop)
    return server


def server(kind: str) -> Server:
    """The server of this run for `postgresql` or `mysql`; skips, or fails in CI, without one."""
    found = _found(kind)
    if isinstance(found, str):
        unavailable({"postgresql": "postgres"}.get(kind, kind), found)
    return found


def own_server(kind: str, *options: str) -> Server:
    """A server of our own: loopback only, durability off. LookupError: not installed.

    Whoever asks for it stops it.
    """
    return {"postgresql": private_postgres, "mysql": private_mariadb}[kind](*options)


def private_postgres(*options: str) -> Server:
    """A PostgreSQL server of our own."""
    initdb = _postgres_binary("initdb")
    folder, who = _postgres_folder()
    made = ["-D", folder / "db", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(
        [initdb, *made, "--locale=C.UTF-8"],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=folder,
        **who,
    )
    return _postgres_in(folder, who, options)


def standby_of(primary: Server) -> Server:
    """A PostgreSQL server of our own that follows *primary*, of our own, too, as it writes.

    From here on *primary* acknowledges only what the standby has. `promote` makes it take over.
    """
    folder, who = _postgres_folder()
    copied = ["-h", LOOPBACK, "-p", str(primary.url.port), "-U", "postgres", "-D", folder / "db"]
    subprocess.run(
        [
            _postgres_binary("pg_basebackup"), *copied,
            "--write-recovery-conf", "--checkpoint=fast", "--no-sync",
        ],
        check=True,
        capture_output=True,
        cwd=folder,
        **who,
    )  # fmt: skip
    standby = _postgres_in(folder, who, ())
    # After the copy: the standby itself, once it has taken over, waits for nobody.
    primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
    following = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
    until = time.monotonic() + 30
    while primary.execute(following) != [(1,)]:
        assert time.monotonic() < until, "the standby does not follow"
        time.sleep(0.05)
    return standby


def promote(standby: Server) -> None:
    """Make a standby take over; returns when it takes writes."""
    assert standby.execute("SELECT pg_promote()") == [(True,)]


def _postgres_folder() -> tuple[Path, dict[str, Any]]:
    """A folder for a server, and how to start programs as the user it belongs to."""
    folder = Path(tempfile.mkdtemp(prefix="mr-pg-"))
    if os.geteuid() != 0:
        return folder, {}
    # PostgreSQL will not run as root.
    user = next(one for one in pwd.getpwall() if one.pw_name in {"postgres", "nobody"})
    os.chown(folder, user.pw_uid, user.pw_gid)
    return folder, {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _postgres_in(folder: Path, who: dict[str, Any], options: Sequence[str]) -> Server:
    """A server on the data in *folder*."""
    settings = ["fsync=off", "full_page_writes=off", "max_connections=200", *options]
    port = free_port()
    url = make_url(f"postgresql+psycopg://postgres@{LOOPBACK}:{port}")
    addresses = [f"listen_addresses={LOOPBACK}", f"unix_socket_directories={folder}"]
    command = [_postgres_binary("postgres"), "-D", folder / "db", "-p", str(port)]
    for setting in (*addresses, *settings):
        command += ["-c", setting]

    def start() -> Process:
        ready = partial(reachable, "postgresql", url)
        return Process(command, folder / "log", ready, cwd=folder, **who)

    return Server("postgresql", url, start(), folder, start)


def _postgres_binary(name: str) -> str:
    """PostgreSQL's programs are often off the PATH."""
    beside = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = shutil.which(name) or (str(beside[-1]) if beside else None)
    if found is None:
        raise LookupError(f"no {name}")
    return found


def private_mariadb(*options: str) -> Server:
    """A MariaDB server of our own."""
    install, binary = shutil.which("mariadb-install-db"), shutil.which("mariadbd")
    if not binary and Path("/usr/sbin/mariadbd").exists():
        binary = "/usr/sbin/mariadbd"
    if not (install and binary):
        raise LookupError("no mariadbd")
    folder = Path(tempfile.mkdtemp(prefix="mr-my-"))
    data = f"--datadir={folder / 'db'}"
    user = ["--user=root"] if os.geteuid() == 0 else []
    subprocess.run(
        [
            install, "--no-defaults", *user, data, "--auth-root-authentication-method=normal",
            "--skip-test-db", "--skip-name-resolve",
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    port = free_port()
    url = make_url(f"mysql+pymysql://root@{LOOPBACK}:{port}?ssl_disabled=true")
    command = [
        binary, "--no-defaults", *user, data, f"--socket={folder / 's'}",
        f"--pid-file={folder / 'pid'}", f"--port={port}", f"--bind-address={LOOPBACK}",
        "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0",
        "--innodb-buffer-pool-size=64M", "--innodb-flush-method=nosync",
        "--character-set-server=utf8mb4", *options,
    ]  # fmt: skip

    def start() -> Process:
        return Process(command, folder / "log", partial(reachable, "mysql", url))

    return Server("mysql", url, start(), folder, start)
