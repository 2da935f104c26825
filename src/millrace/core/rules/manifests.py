"""Manifests: what they come to, and where files differ from them. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from millrace.core.entities.registry import FileProblem, Manifest, ManifestFile

if TYPE_CHECKING:
    from collections.abc import Iterable


def digest_of(files: Iterable[ManifestFile]) -> str:
    """The digest of the whole: SHA-256 over a line `<sha256> <size> <path>` for each file, in the
    order of their paths.
    """
    whole = hashlib.sha256()
    for one in sorted(files, key=lambda file: file.path):
        whole.update(f"{one.sha256} {one.size} {one.path}\n".encode())
    return whole.hexdigest()


def recorded(files: Iterable[ManifestFile], at_ms: int) -> Manifest:
    """The manifest of *files*."""
    in_order = tuple(sorted(files, key=lambda file: file.path))
    return Manifest(state="RECORDED", digest=digest_of(in_order), recorded_ms=at_ms, files=in_order)


def differences(
    manifest: Manifest, found: Iterable[ManifestFile], *, below: str = ""
) -> list[FileProblem]:
    """Where *found*, the files that are at *below* (a file or folder, all if empty), differ."""
    there = {one.path: one for one in found}
    meant = {
        one.path: one
        for one in manifest.files
        if not below or one.path == below or one.path.startswith(f"{below}/")
    }
    problems = []
    for path in sorted(there.keys() | meant.keys()):
        held, was = there.get(path), meant.get(path)
        if was is None:
            problems.append(FileProblem(path=path, problem="EXTRA"))
        elif held is None:
            problems.append(FileProblem(path=path, problem="MISSING"))
        elif (held.size, held.sha256) != (was.size, was.sha256):
            said = f"{held.size} bytes, SHA-256 {held.sha256}; registered as {was.size} bytes, "
            problems.append(
                FileProblem(path=path, problem="CHANGED", message=said + f"SHA-256 {was.sha256}")
            )
    return problems


def audited(manifest: Manifest | None) -> dict[str, object] | None:
    """What the audit trail tells of a manifest: its digest stands for its files."""
    if manifest is None:
        return None
    known = {"manifest": manifest.state, "digest": manifest.digest, "message": manifest.message}
    return {name: value for name, value in known.items() if value is not None}


def told(name: str, version: str, problems: list[FileProblem]) -> str:
    """One sentence about what is wrong, for people; names the first few files."""
    shown = ", ".join(f"{one.path} ({one.problem.lower()})" for one in problems[:5])
    more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""  # noqa: PLR2004 - as above
    return (
        f"The files of version {version} of {name!r} are not what was registered: {shown}{more}. "
        "Do not use them; register the model again, or restore the files."
    )
