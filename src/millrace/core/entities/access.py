"""Who acts, and what an endpoint may demand of them."""

from __future__ import annotations

from enum import IntEnum

from millrace.core.entities.entity import Entity


class Permission(IntEnum):
    """Levels in order: each includes those below it."""

    NONE = 0
    READ = 1
    USE = 2
    EDIT = 3
    MANAGE = 4


class Actor(Entity, frozen=True, kw_only=True):
    """Whoever makes a call. While accounts are off the name is stated, not verified."""

    name: str = ""
    verified: bool = False
    is_admin: bool = False


SYSTEM = Actor(name="millrace", verified=True, is_admin=True)
"""The platform itself, when it acts on nobody's behalf."""
ANONYMOUS = Actor(name="anonymous", is_admin=True)
"""Anybody, on a server without accounts."""
