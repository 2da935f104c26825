"""What a model needs to be loaded elsewhere: requirement lines, read, checked and written.

Lines of other people's models are data: they are taken apart and put together again, and one that
is more than a name with versions (an option, an address, a path) is refused unless allowed.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from millrace import __version__
from millrace.core.errors import InvalidArgument
from millrace.files.documents import read_yaml, write_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable

REQUIREMENTS: Final = "requirements.txt"
CONSTRAINTS: Final = "constraints.txt"
PYTHON_ENV: Final = "python_env.yaml"
CONDA: Final = "conda.yaml"
OURS: Final = "millrace"
_LARGEST: Final = 1024 * 1024

_NAME: Final = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_VERSION: Final = r"(?:===|==|~=|!=|<=|>=|<|>)\s*[A-Za-z0-9.*+!_-]+"
_PLAIN: Final = re.compile(
    rf"(?P<name>{_NAME})\s*(?P<extras>\[[A-Za-z0-9,._\s-]*\])?\s*"
    rf"(?P<versions>{_VERSION}(?:\s*,\s*{_VERSION})*)?\s*(?:;\s*(?P<marker>[^;\n\r`$\\]+))?"
)
_PYTHON: Final = re.compile(r"\d+(\.\d+){0,2}[a-z0-9]*")


class Requirement(Struct, frozen=True):
    """A requirement as it is written; `is_plain` when it is no more than a name with versions."""

    line: str
    name: str
    is_plain: bool = True

    @property
    def key(self) -> str:
        """The name as indexes compare it."""
        return re.sub(r"[-_.]+", "-", self.name).lower()


class Environment(Struct, frozen=True):
    """The Python and the packages that a model was saved with."""

    python: str
    requirements: tuple[Requirement, ...]
    constraints: tuple[Requirement, ...] = ()


def read_line(line: str) -> Requirement | None:
    """A line of a requirements file; None when it says nothing. Nothing in it is expanded."""
    if any(mark in line for mark in "\n\r\0"):
        raise InvalidArgument(f"A requirement is one line: {line!r}.")
    text = re.sub(r"(^|\s)#.*$", "", line).strip()
    if not text:
        return None
    match = _PLAIN.fullmatch(text)
    if match is not None:
        extras = re.sub(r"\s", "", match["extras"] or "")
        versions = re.sub(r"\s", "", match["versions"] or "")
        marker = f" ; {match['marker'].strip()}" if match["marker"] else ""
        return Requirement(f"{match['name']}{extras}{versions}{marker}", match["name"])
    named = re.match(rf"(?P<name>{_NAME})\s*(\[[^\]]*\])?\s*@", text)
    return Requirement(text, named["name"] if named else text, is_plain=False)


def read_lines(lines: Iterable[str]) -> list[Requirement]:
    """The requirements that *lines* name, each once, in order."""
    found = [one for line in lines if (one := read_line(line)) is not None]
    return list({one.line: one for one in found}.values())


def refuse_odd(found: Iterable[Requirement], where: str) -> None:
    """Raise `InvalidArgument` for the first that is more than a name with versions."""
    for one in found:
        if not one.is_plain:
            raise InvalidArgument(
                f"{where} asks for {one.line!r}: options, addresses and paths of other people's "
                "models are not followed, for they name code from anywhere. Install it yourself, "
                "or allow it with --allow-odd-requirements after you have read it."
            )


def pinned(distribution: str) -> str | None:
    """`name==version` of an installed distribution; None when it is not installed."""
    try:
        return f"{distribution}=={metadata.version(distribution).partition('+')[0]}"
    except metadata.PackageNotFoundError:
        return None


def python_version() -> str:
    """The version of this interpreter."""
    return platform.python_version()


# --- asked for ---------------------------------------------------------------------------------


class Wish(Struct, frozen=True, kw_only=True):
    """What a user says of the environment of a model, as the field's arguments have it."""

    pip_requirements: str | Sequence[str] | None = None
    extra_pip_requirements: str | Sequence[str] | None = None
    conda_env: str | dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.conda_env is not None and (self.pip_requirements or self.extra_pip_requirements):
            raise InvalidArgument("Give conda_env, or pip requirements, and not both.")
        if self.pip_requirements is not None and self.extra_pip_requirements is not None:
            raise InvalidArgument("Give pip_requirements or extra_pip_requirements, and not both.")

    @property
    def is_whole(self) -> bool:
        """Whether it leaves nothing to be told from the model."""
        return self.pip_requirements is not None or self.conda_env is not None


def asked_for(wish: Wish, inferred: Sequence[str]) -> tuple[list[str], list[str]]:
    """Requirement lines and constraints that follow from a wish; *inferred* where it is silent."""
    if wish.conda_env is not None:
        return _of_conda(wish.conda_env), []
    if wish.pip_requirements is not None:
        return _expanded(wish.pip_requirements)
    more, constraints = _expanded(wish.extra_pip_requirements or [])
    named = {one.key for one in read_lines(more)}
    kept = [line for line in inferred if (one := read_line(line)) and one.key not in named]
    return [*kept, *more], constraints


def _expanded(given: str | Sequence[str]) -> tuple[list[str], list[str]]:
    """Lines of a list or a file, with the files that they name by -r and -c."""
    lines = (
        Path(given).read_text(encoding="utf-8").splitlines() if isinstance(given, str) else given
    )
    if not all(isinstance(line, str) for line in lines):
        raise InvalidArgument("Requirements are text: a list of lines, or the path of a file.")
    kept: list[str] = []
    constraints: list[str] = []
    for line in lines:
        option = re.fullmatch(r"\s*(-r|--requirement|-c|--constraint)[\s=]+(\S.*?)\s*", line)
        if option is None:
            kept.append(line)
            continue
        inner, more = _expanded(option[2])
        if option[1] in {"-r", "--requirement"}:
            kept += inner
        else:
            constraints += inner
        constraints += more
    return kept, constraints


def _of_conda(given: str | dict[str, Any]) -> list[str]:
    said = read_yaml(Path(given).read_bytes()) if isinstance(given, str) else given
    return [
        line
        for entry in (said.get("dependencies") or [])
        if isinstance(entry, dict)
        for line in entry.get("pip") or []
        if not str(line).startswith("-")
    ]


# --- written and read --------------------------------------------------------------------------


def save_environment(
    folder: Path, lines: Sequence[str], constraints: Sequence[str], wish: Wish
) -> dict[str, str]:
    """Write the three files that other tools know; the entry `env` of the generic flavor."""
    requirements = read_lines(lines)
    if not any(one.key == OURS for one in requirements):
        requirements.insert(0, Requirement(f"{OURS}=={__version__}", OURS))
    written = [one.line for one in requirements]
    if constraints:
        body = "\n".join(one.line for one in read_lines(constraints))
        (folder / CONSTRAINTS).write_text(f"{body}\n", encoding="utf-8")
        written.append(f"-c {CONSTRAINTS}")
    (folder / REQUIREMENTS).write_text("\n".join(written) + "\n", encoding="utf-8")
    build = [line for name in ("pip", "setuptools", "wheel") if (line := pinned(name))]
    python = python_version()
    python_env = {
        "python": python,
        "build_dependencies": build,
        "dependencies": [f"-r {REQUIREMENTS}"],
    }
    (folder / PYTHON_ENV).write_bytes(write_yaml(python_env))
    pip = pinned("pip")
    conda: Any = {
        "name": "mlflow-env",
        "channels": ["conda-forge"],
        "dependencies": [
            f"python={python}",
            "pip" if pip is None else pip.replace("==", "<="),
            {"pip": [one.line for one in requirements]},
        ],
    }
    if wish.conda_env is not None:
        given = wish.conda_env
        conda = read_yaml(Path(given).read_bytes()) if isinstance(given, str) else given
    (folder / CONDA).write_bytes(write_yaml(conda))
    return {"conda": CONDA, "virtualenv": PYTHON_ENV}


def load_environment(folder: Path) -> Environment:
    """The environment that the files in *folder* describe, whoever wrote them."""
    python = python_version()
    env = folder / PYTHON_ENV
    if env.exists():
        said = read_yaml(env.read_bytes(), limit=_LARGEST)
        python = str(said.get("python", python)) if isinstance(said, dict) else python
    if not _PYTHON.fullmatch(python):
        raise InvalidArgument(f"{env}: {python!r} is no version of Python.")
    lines = _text_lines(folder / REQUIREMENTS)
    if not lines and (folder / CONDA).exists():
        lines = _of_conda(str(folder / CONDA))
    constraints: list[str] = []
    kept: list[str] = []
    for line in lines:
        if re.fullmatch(rf"\s*-c\s+{re.escape(CONSTRAINTS)}\s*", line):
            constraints = _text_lines(folder / CONSTRAINTS)
        else:
            kept.append(line)
    return Environment(python, tuple(read_lines(kept)), tuple(read_lines(constraints)))


def _text_lines(path: Path) -> list[str]:
    if not path.exists():
        return []
    if path.stat().st_size > _LARGEST:
        raise InvalidArgument(f"{path} has more than {_LARGEST:,} bytes.")
    return path.read_text(encoding="utf-8").splitlines()
