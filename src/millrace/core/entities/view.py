"""Saved views: documents that say how a page shows its records."""

from __future__ import annotations

from millrace.core.entities.entity import Entity


class View(Entity, frozen=True, kw_only=True):
    """A saved view. `document` is JSON text of whoever shows it, `format` the version of its form.

    Without a name it stands for a long address. Private ones are their owner's; `is_default`: what
    the experiment opens with, for everybody if shared, for the owner if not. `revision` counts
    changes from 1.
    """

    view_id: str
    experiment_id: str | None = None
    name: str = ""
    description: str = ""
    owner: str
    is_shared: bool = False
    is_default: bool = False
    format: int
    document: str
    created_ms: int
    updated_ms: int
    revision: int = 1

    def gives_way_to(self, other: View) -> bool:
        """Whether *other*, as a default, takes that place from this one."""
        return (
            self.is_default
            and other.is_default
            and self.view_id != other.view_id
            and self.experiment_id == other.experiment_id
            and self.is_shared == other.is_shared
            and (self.is_shared or self.owner == other.owner)
        )
