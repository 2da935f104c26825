"""Environments for models: made from their requirements, kept by content, used by processes apart.

What a model's files ask for is data: lines are read, checked, and written anew; nothing of them
reaches a shell, and options and addresses are refused unless allowed.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import millrace
from millrace.core import settings
from millrace.core.errors import InvalidArgument, MillraceError, NotSupported
from millrace.files.atomic import locked
from millrace.models import environment
from millrace.models.environment import OURS, Environment, Requirement
from millrace.models.model import PYFUNC, Model

if TYPE_CHECKING:
    from collections.abc import Sequence

Manager = Literal["local", "uv", "venv", "conda"]
MANAGERS: Final[tuple[Manager, ...]] = ("local", "uv", "venv", "conda")
_CONDAS: Final = ("mamba", "conda", "micromamba")
"""Programs that make an environment of conda's; the first on the path is taken."""
# What a process that runs a model, or installs for one, inherits: no tokens, no database, no keys.
_PASSED: Final = frozenset(
    {"HOME", "LANG", "PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "TZ", "USER"}
)
_PASSED_FAMILIES: Final = ("LC_", "OMP_", "MKL_", "OPENBLAS_", "KERAS_", "HF_", "MILLRACE_DATA_")
_FOR_INSTALLING: Final = (
    "PIP_",
    "UV_",
    "SSL_CERT",
    "REQUESTS_CA",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
)
_READY: Final = ".ready"
_LONGEST_S: Final = 3600.0


class MissingProgram(NotSupported):
    """What makes environments is not installed here."""


def prepare(folder: Path, manager: Manager = "uv", *, allow_odd: bool = False) -> Path:
    """The interpreter of an environment that has what the model in *folder* needs, and Millrace.

    Made when it is not there; `local` is this very interpreter. With `conda` the interpreter is of
    conda's, whatever its version, and the requirements are pip's. *allow_odd*: follow requirement
    lines that are more than a name with versions.
    """
    if manager == "local":
        return Path(sys.executable)
    if manager == "conda":
        _conda()  # before anything is read of the model
    wanted = environment.load_environment(folder)
    lines = _lines(wanted, Model.load(folder))
    if not allow_odd:
        environment.refuse_odd(lines, str(folder / environment.REQUIREMENTS))
        environment.refuse_odd(wanted.constraints, str(folder / environment.CONSTRAINTS))
    text = "\n".join(one.line for one in lines)
    limits = "\n".join(one.line for one in wanted.constraints)
    made_of = "\n".join((_minor(wanted.python), millrace.__version__, text, "", limits))
    if manager == "conda":
        made_of = f"conda\n{made_of}"
    digest = hashlib.sha256(made_of.encode()).hexdigest()[:32]
    root = Path(settings.CACHE_DIR.get()).expanduser() / "environments"
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = root / digest
    python = target / "bin" / "python"
    with locked(str(root / f"{digest}.lock"), timeout_s=_LONGEST_S):
        if (target / _READY).exists() and python.exists():
            return python
        shutil.rmtree(target, ignore_errors=True)
        try:
            _make(target, wanted, manager)
            _install(target, text, limits, manager)
            _bring_ourselves(target)
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)
            raise
        (target / _READY).touch()
    return python


def run(python: Path, module: str, *words: str, timeout_s: float) -> str:
    """What `python -m module words...` prints. It inherits no secret."""
    done = subprocess.run(  # noqa: S603 - a module of ours, by an argument list
        [python, "-m", module, *words],
        env=settings.passed_on(_PASSED, _PASSED_FAMILIES),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    if done.returncode != 0:
        said = done.stderr.strip().rpartition("\n")[2] or f"exit code {done.returncode}"
        raise MillraceError(said)
    return done.stdout


def _lines(wanted: Environment, model: Model) -> list[Requirement]:
    """What is installed: what the model names, less the platform that will load it."""
    skipped = {OURS}
    if set(model.flavors) != {PYFUNC}:
        skipped.add("mlflow")  # a Python model may import it; others are loaded by us
    ours = [
        one
        for line in metadata.requires(OURS) or ()
        if "extra ==" not in line and (one := environment.read_line(line)) is not None
    ]
    named = {one.key for one in wanted.requirements}
    kept = [one for one in wanted.requirements if one.key not in skipped]
    return [*kept, *(one for one in ours if one.key not in named)]


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _make(target: Path, wanted: Environment, manager: Manager) -> None:
    if manager == "conda":
        wish = [f"python={_minor(wanted.python)}", "pip"]
        _call([_conda(), "create", "--quiet", "--yes", "--prefix", str(target), *wish])
        return
    here = _minor(environment.python_version())
    if _minor(wanted.python) == here:
        venv.create(target, with_pip=manager == "venv", symlinks=True)
        return
    if manager != "uv":
        raise InvalidArgument(
            f"The model was saved with Python {wanted.python}, and this is {here}. Use "
            "--env-manager uv, which finds other versions, or run this with that version."
        )
    _call([_uv(), "venv", "--quiet", "--python", _minor(wanted.python), "--", str(target)])


def _install(target: Path, text: str, limits: str, manager: Manager) -> None:
    python = target / "bin" / "python"
    asked = target / "requirements.txt"
    asked.write_text(text + "\n", encoding="utf-8")
    words = ["--requirement", str(asked)]
    if limits:
        (target / "constraints.txt").write_text(limits + "\n", encoding="utf-8")
        words += ["--constraint", str(target / "constraints.txt")]
    if manager == "uv":
        _call([_uv(), "pip", "install", "--quiet", "--python", str(python), *words])
    else:
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _call([*pip, *words])


def _uv() -> str:
    found = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if found is None:
        raise MissingProgram("uv is not installed: pip install uv, or use --env-manager venv.")
    return found


def _conda() -> str:
    found = next(filter(None, map(shutil.which, _CONDAS)), None)
    if found is None:
        raise MissingProgram(
            f"--env-manager conda needs one of {', '.join(_CONDAS)} on the PATH, and there is "
            "none: install one, or use --env-manager uv."
        )
    return found


def _call(command: Sequence[str]) -> None:
    done = subprocess.run(  # noqa: S603 - an argument list; requirement lines are in a file
        command,
        env=settings.passed_on(_PASSED, (*_PASSED_FAMILIES, *_FOR_INSTALLING)),
        capture_output=True,
        text=True,
        timeout=_LONGEST_S,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise MillraceError(f"The environment could not be made: {said}")


def _bring_ourselves(target: Path) -> None:
    """Copy this very Millrace into the environment: it may be on no index."""
    # conda has lib/python3.1 as another name of lib/python3.12.
    (site,) = {one.resolve() for one in target.glob("lib/python*/site-packages")}
    source = Path(millrace.__file__).parent
    skipped = shutil.ignore_patterns("__pycache__", "ui")
    shutil.copytree(source, site / OURS, ignore=skipped)
    info = site / f"{OURS}-{millrace.__version__}.dist-info"
    info.mkdir()
    about = f"Metadata-Version: 2.1\nName: {OURS}\nVersion: {millrace.__version__}\n"
    (info / "METADATA").write_text(about, encoding="utf-8")
