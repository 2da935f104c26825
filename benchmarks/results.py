"""The record of one sitting: every sample, and what is needed to read it. Kept as JSON."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent / "results"


@dataclass
class Sample:
    """One scenario, measured once against one contender."""

    scenario: str
    contender: str
    round: int
    calibration_ms: float
    figures: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    failure: str = ""
    window: dict[str, float] = field(default_factory=dict)


@dataclass
class Sitting:
    """All samples of one run of the harness."""

    label: str
    date: str
    effort: dict[str, Any]
    machine: dict[str, Any]
    contenders: dict[str, dict[str, str]]
    """Title, version and setting by name."""
    samples: list[Sample] = field(default_factory=list)
    database: str = "sqlite"
    remarks: list[str] = field(default_factory=list)
    """What was left out, and why."""

    @property
    def rounds(self) -> int:
        """Rounds that were begun."""
        return max((sample.round for sample in self.samples), default=0)

    def file(self) -> Path:
        """Where it is kept."""
        label = re.sub(r"[^a-z0-9]+", "-", self.label.lower()).strip("-") or "local"
        return FOLDER / f"{self.date}-{label}.json"

    def save(self) -> Path:
        """Write it; return where."""
        FOLDER.mkdir(exist_ok=True)
        rounded = asdict(self)
        for sample in rounded["samples"]:
            sample["figures"] = {k: float(f"{v:.6g}") for k, v in sample["figures"].items()}
        self.file().write_text(anonymous(json.dumps(rounded, indent=1)) + "\n")
        return self.file()


def anonymous(text: str) -> str:
    """Return *text* without the places of this machine that messages of servers may name."""
    places = {FOLDER.parent.parent, Path.home(), Path(tempfile.gettempdir())}
    places |= {Path(sys.prefix), Path(sys.base_prefix)}
    for place in sorted(map(str, places), key=len, reverse=True):
        if place != "/":
            text = re.sub(re.escape(place) + r"(?![\w.-])", "...", text)
    return text


def load(file: Path) -> Sitting:
    """Read a sitting back."""
    content = json.loads(file.read_text())
    samples = [Sample(**sample) for sample in content.pop("samples")]
    return Sitting(**content, samples=samples)


def newest() -> Path:
    """The result file written last; raise `FileNotFoundError` when there is none."""
    files = sorted(FOLDER.glob("*.json"), key=lambda file: file.stat().st_mtime)
    if not files:
        raise FileNotFoundError("No results yet; run: python -m benchmarks run")
    return files[-1]
