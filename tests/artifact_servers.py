"""Real servers that keep artifacts: S3, Azure, SFTP, FTP, and one emulation of Google's.

Each comes by the four steps of `services`: told by ``MILLRACE_TEST_<NAME>``, found, our own, or a
visible skip. A test gets a bucket, container or folder of its own and removes only that.
"""

from __future__ import annotations

import base64
import contextlib
import email.utils
import fcntl
import functools
import hmac
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
import urllib3

from millrace.artifacts import aws
from millrace.core.clock import now_ms
from tests.services import (
    LOOPBACK,
    ROOT,
    Process,
    environment_python,
    free_port,
    unavailable,
)

T = TypeVar("T")
VENVS = ROOT / ".venvs"
# Published by Microsoft for its emulators.
AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)


class S3Server(msgspec.Struct, frozen=True):
    """Where an S3 server is, and who may use it."""

    endpoint: str
    access_key: str
    secret_key: str
    region: str = "us-east-1"


def listens(port: int) -> bool:
    """Whether something accepts connections on the loopback."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def served(
    name: str,
    told: Callable[[str], T],
    own: Callable[[Path], contextlib.AbstractContextManager[T]],
) -> Iterator[T]:
    """What the variable of *name* says, else a server of our own; the steps of `services`."""
    if said := os.environ.get(f"MILLRACE_TEST_{name.upper()}"):
        yield told(said)
        return
    with contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix=f"mr-{name}-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        try:
            server = stack.enter_context(own(folder))
        except LookupError as error:
            unavailable(name, str(error))
        yield server


@contextlib.contextmanager
def private_swift(folder: Path) -> Iterator[S3Server]:
    """OpenStack Swift, which checks signatures and preconditions; four processes."""
    python = environment_python(VENVS / "swift", ROOT / "tests" / "swift-env" / "requirements.lock")
    (folder / "dev" / "sdb1").mkdir(parents=True)
    (folder / "swift.conf").write_text(
        "[swift-hash]\nswift_hash_path_prefix=a\nswift_hash_path_suffix=b\n"
        "[storage-policy:0]\nname=Policy-0\ndefault=yes\n"
    )
    ports = {kind: free_port() for kind in ("account", "container", "object", "proxy")}
    user = pwd.getpwuid(os.geteuid()).pw_name
    head = (
        f"[DEFAULT]\nswift_dir={folder}\nbind_ip={LOOPBACK}\nworkers=0\nuser={user}\n"
        "log_address=/dev/null\n"
    )
    for kind in ("account", "container", "object"):
        for step in (
            ["create", "4", "1", "0"],
            ["add", f"r1z1-{LOOPBACK}:{ports[kind]}/sdb1", "1"],
            ["rebalance"],
        ):
            program = python.with_name("swift-ring-builder")
            builder = [python, program, folder / f"{kind}.builder", *step]
            subprocess.run(builder, check=True, stdout=subprocess.DEVNULL)
        (folder / f"{kind}-server.conf").write_text(
            f"{head}bind_port={ports[kind]}\ndevices={folder}/dev\nmount_check=false\n"
            f"disable_fallocate=true\ndb_preallocation=off\nrecon_cache_path={folder}\n"
            f"[pipeline:main]\npipeline={kind}-server\n[app:{kind}-server]\nuse=egg:swift#{kind}\n"
        )
    filters = {
        "catch_errors": "",
        "gatekeeper": "",
        "cache": "memcache_servers=127.0.0.1:1\n",  # none: it complains in its log, and works
        "listing_formats": "",
        "bulk": "",
        "tempurl": "",
        "s3api": "location=us-east-1\ndns_compliant_bucket_names=false\n",
        "tempauth": "user_test_tester=testing .admin\n",
        "copy": "",
        "slo": "",
        "dlo": "",
        "versioned_writes": "allow_object_versioning=true\n",
        "symlink": "",
    }
    egg = {"cache": "memcache"}
    (folder / "proxy-server.conf").write_text(
        f"{head}bind_port={ports['proxy']}\n[pipeline:main]\n"
        f"pipeline={' '.join(filters)} proxy-server\n"
        "[app:proxy-server]\nuse=egg:swift#proxy\naccount_autocreate=true\n"
        + "".join(
            f"[filter:{name}]\nuse=egg:swift#{egg.get(name, name)}\n{more}"
            for name, more in filters.items()
        )
    )
    with contextlib.ExitStack() as stack:
        for kind, port in ports.items():
            command = [
                python,
                python.with_name(f"swift-{kind}-server"),
                folder / f"{kind}-server.conf",
            ]
            server = Process(command, folder / f"{kind}.log", functools.partial(listens, port))
            stack.callback(server.stop)
        yield S3Server(f"http://{LOOPBACK}:{ports['proxy']}", "test:tester", "testing")


@contextlib.contextmanager
def private_moto(folder: Path) -> Iterator[S3Server]:
    """moto: another S3, which believes any secret."""
    python = environment_python(VENVS / "moto", ROOT / "tests" / "moto-env" / "requirements.lock")
    port = free_port()
    # By its interpreter: a script names the folder in which the environment was made.
    command = [python, python.with_name("moto_server"), "-H", LOOPBACK, "-p", str(port)]
    server = Process(command, folder / "log", functools.partial(listens, port))
    try:
        yield S3Server(f"http://{LOOPBACK}:{port}", "test", "test")
    finally:
        server.stop()


@contextlib.contextmanager
def private_gcs(folder: Path) -> Iterator[str]:
    """An emulation of Google's XML interface: moto behind a few lines of translation."""
    python = environment_python(VENVS / "moto", ROOT / "tests" / "moto-env" / "requirements.lock")
    port = free_port()
    command = [python, ROOT / "tests" / "moto-env" / "gcs.py", str(port)]
    server = Process(command, folder / "log", functools.partial(listens, port))
    try:
        yield f"http://{LOOPBACK}:{port}"
    finally:
        server.stop()


@contextlib.contextmanager
def private_azurite(folder: Path) -> Iterator[str]:
    """Microsoft's own emulator; its connection string."""
    program = azurite()
    ports = {kind: free_port() for kind in ("blob", "queue", "table")}
    addresses = [
        word
        for kind, port in ports.items()
        for word in (f"--{kind}Host", LOOPBACK, f"--{kind}Port", str(port))
    ]
    switches = ["--silent", "--disableTelemetry", "--skipApiVersionCheck"]
    command = [program, *switches, "--location", folder / "data", *addresses]
    server = Process(
        command, folder / "log", functools.partial(listens, ports["blob"]), timeout_s=60
    )
    try:
        yield (
            f"DefaultEndpointsProtocol=http;AccountName={AZURE_ACCOUNT};AccountKey={AZURE_KEY};"
            f"BlobEndpoint=http://{LOOPBACK}:{ports['blob']}/{AZURE_ACCOUNT};"
        )
    finally:
        server.stop()


def azurite() -> Path:
    """The program, installed on first use from the lock file; `LookupError` says what failed."""
    npm = shutil.which("npm")
    if not npm:
        raise LookupError("needs npm")
    locked = ROOT / "tests" / "azurite-env"
    folder = VENVS / "azurite"
    program = folder / "node_modules" / ".bin" / "azurite"
    wanted = (locked / "package-lock.json").read_bytes()
    folder.mkdir(parents=True, exist_ok=True)
    with (VENVS / "azurite.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made_from = folder / "made-from.json"
        if not (program.exists() and made_from.exists() and made_from.read_bytes() == wanted):
            for name in ("package.json", "package-lock.json", ".npmrc"):
                shutil.copy(locked / name, folder / name)
            done = subprocess.run(
                [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise LookupError(f"azurite could not be installed: {done.stderr[-1000:]}")
            made_from.write_bytes(wanted)
    return program


def make_s3_bucket(server: S3Server, name: str) -> None:
    """An empty bucket, by a signed request."""
    keys = aws.Keys(server.access_key, server.secret_key)
    request = aws.Request(method="PUT", url=f"{server.endpoint}/{name}")
    query = aws.presigned(request, keys, region=server.region, ttl_s=60, at_ms=now_ms())
    _put(f"{request.url}?{aws.encoded(query)}")


def make_azure_container(connection: str, name: str) -> None:
    """An empty container, by a request signed with the account's key (Shared Key, 2021-08-06)."""
    fields = dict(field.partition("=")[::2] for field in connection.split(";") if field)
    endpoint, account = fields["BlobEndpoint"], fields["AccountName"]
    date = email.utils.formatdate(usegmt=True)
    resource = f"/{account}{urlsplit(endpoint).path}/{name}\nrestype:container"
    text = f"PUT{12 * chr(10)}x-ms-date:{date}\nx-ms-version:2021-08-06\n{resource}"
    key = base64.b64decode(fields["AccountKey"])
    signature = base64.b64encode(hmac.digest(key, text.encode(), "sha256")).decode()
    headers = {
        "x-ms-date": date,
        "x-ms-version": "2021-08-06",
        "Authorization": f"SharedKey {account}:{signature}",
    }
    _put(f"{endpoint}/{name}?restype=container", headers)


def make_gcs_bucket(url: str, name: str) -> None:
    """An empty bucket of the emulation."""
    _put(f"{url}/{name}")


def _put(url: str, headers: dict[str, str] | None = None) -> None:
    answer = urllib3.request("PUT", url, headers=headers, body=b"", retries=False, timeout=60)
    assert answer.status in {200, 201}, answer.data


class SftpServer(msgspec.Struct, frozen=True):
    """A folder on an SSH server: its URI, a key that opens it, and the host's own key."""

    uri: str
    key: str
    known_hosts: str


@contextlib.contextmanager
def private_sshd(folder: Path) -> Iterator[SftpServer]:
    """OpenSSH, for the user that runs the tests and nobody else."""
    program = shutil.which("sshd") or "/usr/sbin/sshd"
    if not Path(program).exists() or not shutil.which("ssh-keygen"):
        raise LookupError("no sshd; apt-get install openssh-server")
    for name in ("host", "user"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(command, check=True)
    port = free_port()
    (folder / "authorized").write_bytes((folder / "user.pub").read_bytes())
    kind, key, *_ = (folder / "host.pub").read_text().split()
    (folder / "known_hosts").write_text(f"[{LOOPBACK}]:{port} {kind} {key}\n")
    (folder / "sshd.conf").write_text(
        f"Port {port}\nListenAddress {LOOPBACK}\nHostKey {folder}/host\nPidFile {folder}/pid\n"
        f"AuthorizedKeysFile {folder}/authorized\nPasswordAuthentication no\nUsePAM no\n"
        "StrictModes no\nPermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\n"
        "MaxStartups 100\nMaxSessions 100\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    command = [program, "-D", "-e", "-f", str(folder / "sshd.conf")]
    server = Process(command, folder / "log", functools.partial(listens, port))
    user = pwd.getpwuid(os.geteuid()).pw_name
    try:
        yield SftpServer(
            f"sftp://{user}@{LOOPBACK}:{port}{folder}/files",
            str(folder / "user"),
            str(folder / "known_hosts"),
        )
    finally:
        server.stop()


@contextlib.contextmanager
def private_pyftpdlib(folder: Path, certificate: Path | None = None) -> Iterator[str]:
    """pyftpdlib: it has MLSD, and demands TLS when it is given a certificate with its key."""
    python = environment_python(VENVS / "ftp", ROOT / "tests" / "ftp-env" / "requirements.lock")
    port = free_port()
    (folder / "files").mkdir()
    command: list[str | Path] = [python, ROOT / "tests" / "ftp-env" / "serve.py", str(port)]
    command += [folder / "files", *([certificate] if certificate else [])]
    server = Process(command, folder / "log", functools.partial(listens, port))
    scheme = "ftps" if certificate else "ftp"
    try:
        yield f"{scheme}://me:s3cret@localhost:{port}"
    finally:
        server.stop()


@contextlib.contextmanager
def private_vsftpd(folder: Path) -> Iterator[str]:
    """vsftpd, for anonymous users who may do all in one folder; it has no MLSD."""
    program = shutil.which("vsftpd") or "/usr/sbin/vsftpd"
    if not Path(program).exists():
        raise LookupError("no vsftpd; apt-get install vsftpd")
    if os.geteuid() != 0:
        raise LookupError("vsftpd needs root")
    port, low = free_port(), free_port()
    for name in ("empty", "root", "root/files"):
        (folder / name).mkdir()
    for path in (folder, folder / "root"):
        path.chmod(0o755)
    shutil.chown(folder / "root" / "files", "ftp")
    settings = {
        "listen": "YES",
        "listen_address": LOOPBACK,
        "listen_port": port,
        "background": "NO",
        "anonymous_enable": "YES",
        "local_enable": "NO",
        "write_enable": "YES",
        "anon_upload_enable": "YES",
        "anon_mkdir_write_enable": "YES",
        "anon_other_write_enable": "YES",
        "anon_world_readable_only": "NO",
        "anon_root": folder / "root",
        "anon_umask": "022",
        "secure_chroot_dir": folder / "empty",
        "pasv_address": LOOPBACK,
        "pasv_min_port": low,
        "pasv_max_port": min(low + 2000, 65535),
        "seccomp_sandbox": "NO",
        "max_clients": 0,
    }
    lines = "".join(f"{name}={value}\n" for name, value in settings.items())
    (folder / "vsftpd.conf").write_text(lines)
    server = Process(
        [program, str(folder / "vsftpd.conf")], folder / "log", functools.partial(listens, port)
    )
    try:
        yield f"ftp://{LOOPBACK}:{port}/files"
    finally:
        server.stop()
