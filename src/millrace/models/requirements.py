"""What a model needs, told from what loading it really imports, in a process of its own."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from millrace.core import settings
from millrace.models import environment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

logger = logging.getLogger(__name__)

_PROBE: Final = "millrace.models.imported"
# What the generic door puts data into before any model sees it.
_DOOR: Final = ("numpy", "pandas")
# What brings a model here, and not what it needs.
_OURS: Final = frozenset({"millrace", "pip", "setuptools", "wheel", "msgspec", "pyyaml", "uv"})


def inferred(folder: Path, requires: Sequence[str]) -> list[str]:
    """Pinned requirement lines of the model in *folder*; those of its flavor when it cannot be
    loaded elsewhere in time."""
    always = [line for name in (*requires, *_DOOR) if (line := environment.pinned(name))]
    timeout_s = settings.REQUIREMENTS_INFERENCE_TIMEOUT.get()
    if not timeout_s:
        return always
    command = [sys.executable, "-m", _PROBE, str(folder)]
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        logger.warning(
            "the model was not loaded within %g s in a new process, so its requirements are those "
            "of its flavor: %s",
            timeout_s,
            always,
        )
        return always
    if done.returncode != 0:
        last = done.stderr.strip().rpartition("\n")[2]
        logger.warning(
            "loading the model in a new process failed, so its requirements are those of its "
            "flavor, %s: %s",
            always,
            last,
        )
        return always
    found = json.loads(done.stdout.strip().rpartition("\n")[2])
    lines = {line for name in found if (line := environment.pinned(name)) and name not in _OURS}
    return sorted({*lines, *always}, key=str.lower)
