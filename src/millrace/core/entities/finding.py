"""What an inspection of a place of records finds."""

from __future__ import annotations

from typing import Literal

from millrace.core.entities.entity import Entity

Weight = Literal["damage", "note"]


class Finding(Entity, frozen=True, kw_only=True):
    """Something that is not as it should be (`damage`), or worth knowing (`note`).

    `check` names the check; `examples` are some of the `count` places. `repairable`: it can be made
    anew from what is sound. `repaired`: it was.
    """

    check: str
    message: str
    weight: Weight = "damage"
    count: int = 1
    examples: tuple[str, ...] = ()
    repairable: bool = False
    repaired: bool = False
