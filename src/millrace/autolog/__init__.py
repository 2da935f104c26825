"""`millrace.autolog()`: switches automatic logging on in whatever integrations are installed.

Millrace itself brings none yet. An integration is an entry point in the group `millrace.autolog`: a
callable that takes `disable: bool` and options by name, patches its framework, and undoes that when
`disable` is true. The package is callable because its name is the function's in the field.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Collection
from types import ModuleType
from typing import Final

from millrace.core.plugins import Registry

logger = logging.getLogger(__name__)

INTEGRATIONS: Final = Registry[Callable[..., None]]("millrace.autolog", {})


def autolog(
    *,
    disable: bool = False,
    silent: bool = False,
    exclude_flavors: Collection[str] = (),
    **options: object,
) -> list[str]:
    """Switch every installed integration on, or off with *disable*; return their names.

    Warns when there is none, because then nothing will be logged automatically; *silent* keeps it
    from saying so. *options* go to the integrations as they are.
    """
    switched = []
    for name in INTEGRATIONS.names():
        integration = INTEGRATIONS.find(name)
        if integration is not None and name not in exclude_flavors:
            integration(disable=disable, **options)
            switched.append(name)
    if not (switched or disable or silent):
        logger.warning(
            "autolog() has switched nothing on: no integration is installed, so nothing is logged "
            "automatically. Log explicitly, or install a package that offers one."
        )
    return switched


class _Callable(ModuleType):
    def __call__(self, **options: object) -> list[str]:
        return autolog(**options)  # type: ignore[arg-type]  # checked there


sys.modules[__name__].__class__ = _Callable
