"""The built wheel holds the package and nothing else, and works where nothing else is installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import urllib.request
import venv
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from millrace import __version__
from tests.services import clean_environment, http_server, unavailable

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "--directory", folder]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (found,) = dist.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts of a virtual environment with nothing but the wheel, installed by plain pip."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, with_pip=True)
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    install = [scripts / "python", "-m", "pip", "install", "-q", wheel]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode:
        unavailable("packages", done.stderr[-1000:])
    return scripts


def say(*command: str | Path) -> str:
    done = subprocess.run(
        command, env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_wheel_holds_the_package_and_its_licence_only(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    assert {name.split("/")[0] for name in names} == {
        "millrace",
        f"millrace-{__version__}.dist-info",
    }
    assert "millrace/py.typed" in names
    assert f"millrace-{__version__}.dist-info/licenses/LICENSE" in names


def test_the_sdist_is_enough_to_build_from(dist: Path, tmp_path: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()

    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "--directory", tmp_path]
    subprocess.run(build, cwd=source, check=True, capture_output=True)

    (again,) = tmp_path.glob("*.whl")
    (first,) = dist.glob("*.whl")
    assert sorted(zipfile.ZipFile(again).namelist()) == sorted(zipfile.ZipFile(first).namelist())


def test_the_command_and_the_module_say_their_version(installed: Path) -> None:
    assert say(installed / "millrace", "--version") == f"millrace {__version__}"
    assert say(installed / "python", "-m", "millrace", "--version") == f"millrace {__version__}"


def test_the_package_has_no_undeclared_needs(installed: Path) -> None:
    """Every module imports where only the declared dependencies are.

    Left out: the two kinds that are run, not imported.
    """
    code = (
        "import importlib, pkgutil, millrace\n"
        "for found in pkgutil.walk_packages(millrace.__path__, 'millrace.'):\n"
        "    if not found.name.endswith('__main__') and '.migrations.' not in found.name:\n"
        "        importlib.import_module(found.name)\n"
    )

    assert say(installed / "python", "-W", "error", "-c", code) == ""


def test_a_missing_extra_says_what_to_install(installed: Path, tmp_path: Path) -> None:
    code = (
        "import millrace\n"
        f"millrace.set_tracking_uri('sqlite:///{(tmp_path / 'm.db').as_posix()}')\n"
        "try:\n"
        "    millrace.search_runs(['0'])\n"
        "except millrace.MillraceError as error:\n"
        "    print(error)\n"
    )

    assert "pip install 'millrace[pandas]'" in say(installed / "python", "-c", code)


SERVE = ("server", "--port", "0", "--backend-store-uri")


@pytest.mark.parametrize(
    ("command", "scheme", "extra"),
    [
        (SERVE, "postgresql", "postgres"),
        (SERVE, "mysql", "mysql"),
        (SERVE, "mariadb", "mysql"),
        (SERVE, "mssql", "mssql"),
        (("db", "upgrade"), "postgresql", "postgres"),
        (("experiments", "list", "--tracking-uri"), "mysql", "mysql"),
    ],
)
def test_a_missing_driver_says_what_to_install(
    installed: Path, tmp_path: Path, command: tuple[str, ...], scheme: str, extra: str
) -> None:
    """In one sentence, with exit code 2, and without the password."""
    done = subprocess.run(
        [installed / "millrace", *command, f"{scheme}://ada:hunter2@127.0.0.1/db"],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 2, done.stderr
    (sentence,) = done.stderr.strip().splitlines()
    assert sentence.startswith("Error: ")
    assert f"pip install 'millrace[{extra}]'" in sentence
    assert "hunter2" not in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_server_starts(installed: Path, tmp_path: Path) -> None:
    def command(port: int) -> list[str | Path]:
        return [installed / "millrace", "server", "--port", str(port)]

    with http_server(command, tmp_path):
        assert (tmp_path / "millrace.db").exists()


def test_the_pages_are_in_the_wheel_and_packed(installed: Path, tmp_path: Path) -> None:
    """Built from the sources, sent as the build has compressed them, and kept for ever."""

    def command(port: int) -> list[str | Path]:
        return [installed / "millrace", "server", "--port", str(port), "--static-prefix", "/ml"]

    with http_server(command, tmp_path, health="/ml/health") as url:
        page = read(f"{url}/ml/", accept="text/html")
        script = re.search(r'src="(/ml/assets/[^"]+\.js)"', page.body.decode())
        assert script is not None, page.body
        packed = read(url + script[1], **{"accept-encoding": "gzip, br"})
        plain = read(url + script[1])

    assert packed.headers["content-encoding"] == "br"
    assert "immutable" in packed.headers["cache-control"]
    assert len(packed.body) < len(plain.body) / 2
    assert page.headers["cache-control"] == "no-store"


class Read(NamedTuple):
    body: bytes
    headers: Mapping[str, str]


def read(url: str, **headers: str) -> Read:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, headers=headers), timeout=10) as reply:
        return Read(reply.read(), {key.lower(): value for key, value in reply.headers.items()})
