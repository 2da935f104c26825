"""Tags that say where a run comes from: user, source, git, notebook, entry point.

Nothing here fails a run: what cannot be found out is left out. git is asked at most once for a
folder and given two seconds.
"""

from __future__ import annotations

import functools
import getpass
import json
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from millrace.core import settings, tags
from millrace.core.errors import InvalidArgument
from millrace.core.plugins import Registry

logger = logging.getLogger(__name__)

CONTEXT_PLUGINS: Final = Registry[Callable[[], dict[str, str]]]("millrace.run_context", {})
"""Entry points that are called for each new run and return tags."""

_GIT_S: Final = 2.0
# Asking must not run programs that a repository's configuration names, nor take its lock.
_GIT: Final = ("git", "-c", "core.fsmonitor=false", "--no-optional-locks")


def run_tags() -> dict[str, str]:
    """The context's tags for a new run, the strongest source last."""
    found = {tags.USER: user(), **_source(), **_git(_folder())}
    for plugin in _plugins():
        found |= plugin()
    return found | _given()


@functools.cache
def _plugins() -> list[Callable[[], dict[str, str]]]:
    """What is installed; looking costs tens of milliseconds, so it is done once."""
    found = (CONTEXT_PLUGINS.find(name) for name in CONTEXT_PLUGINS.names())
    return [plugin for plugin in found if plugin is not None]


@functools.cache
def user() -> str:
    """The name of the user, `unknown` where the system has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "unknown"


def _given() -> dict[str, str]:
    """Tags of `MILLRACE_RUN_CONTEXT`, a JSON object."""
    text = settings.RUN_CONTEXT.get()
    if not text:
        return {}
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InvalidArgument(f"{settings.RUN_CONTEXT.source()} is not JSON: {error}.") from error
    if not isinstance(found, dict):
        raise InvalidArgument(f"{settings.RUN_CONTEXT.source()} is not a JSON object.")
    return {str(key): str(value) for key, value in found.items()}


def is_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    return "ipykernel" in sys.modules


def _source() -> dict[str, str]:
    if is_notebook():
        named = settings.NOTEBOOK_NAME.get() or "notebook"
        return {tags.SOURCE_NAME: named, tags.SOURCE_TYPE: "NOTEBOOK"}
    found = {tags.SOURCE_NAME: sys.argv[0] if sys.argv else "", tags.SOURCE_TYPE: "LOCAL"}
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if spec is not None and spec.name != "__main__":
        # python -m package.module
        found[tags.ENTRY_POINT] = str(spec.name).removesuffix(".__main__")
    return found


def _folder() -> Path:
    """Where the source is: beside the script, else the working directory."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    return Path(main).resolve().parent if main and not is_notebook() else Path.cwd()


@functools.cache
def _git(folder: Path) -> dict[str, str]:
    status = _asked(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=no")
    if status is None:
        return {}
    lines = status.splitlines()
    branch = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# branch."))
    commit = branch.get("branch.oid", "(initial)")
    if commit.startswith("("):
        return {}
    found = {
        tags.GIT_COMMIT: commit,
        tags.GIT_DIRTY: str(any(not line.startswith("#") for line in lines)).lower(),
    }
    if not (head := branch.get("branch.head", "(detached)")).startswith("("):
        found[tags.GIT_BRANCH] = head
    remote = (_asked(folder, "config", "--get", "remote.origin.url") or "").strip()
    if remote:
        found[tags.GIT_REPO_URL] = _without_secrets(remote)
    return found


def _asked(folder: Path, *words: str) -> str | None:
    """What git says, or None: no git, no repository, not trusted, too slow."""
    try:
        done = subprocess.run(  # noqa: S603 - fixed words, no shell
            [*_GIT, *words],
            cwd=folder,
            capture_output=True,
            check=False,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_GIT_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        logger.debug("git %s in %s: %s", words[0], folder, error)
        return None
    return done.stdout if done.returncode == 0 else None


def _without_secrets(remote: str) -> str:
    """*remote* without the token that CI systems like to put into it."""
    parts = urlsplit(remote)
    if not (parts.scheme and parts.password):
        return remote
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
