"""What becomes of records that are taken in from another place and are here already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from millrace.core.errors import AlreadyExists

if TYPE_CHECKING:
    from millrace.core.entities.registry import HeldModel
    from millrace.core.entities.run import RunInfo


def check_same_experiment(run: RunInfo, held_in: str) -> None:
    """Raise `AlreadyExists` when a run to be taken in is here, but in another experiment."""
    if run.experiment_id != held_in:
        raise AlreadyExists(
            f"Run {run.run_id} is in experiment {held_in} here and in {run.experiment_id} where it "
            "comes from. Move it, or delete it here."
        )


def together(given: HeldModel, here: HeldModel) -> HeldModel:
    """A registered model as it is after *given* was taken in: what only this place has stays."""
    numbers = {one.version.version for one in given.versions}
    kept = [one for one in here.versions if one.version.version not in numbers]
    left = {one.version.version for one in kept}
    aliases = {one.alias: one for one in here.model.alias_list if one.version in left}
    aliases |= {one.alias: one for one in given.model.alias_list}
    pointing = {
        number: tuple(sorted(one.alias for one in aliases.values() if one.version == number))
        for number in left
    }
    versions = [
        *given.versions,
        *(
            replace(one, version=replace(one.version, alias_list=pointing[one.version.version]))
            for one in kept
        ),
    ]
    return replace(
        given,
        model=replace(given.model, alias_list=tuple(aliases[one] for one in sorted(aliases))),
        versions=tuple(sorted(versions, key=lambda one: int(one.version.version))),
        last_version=max(given.last_version, here.last_version),
    )
