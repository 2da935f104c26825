"""What a server runs on: its store, and which settings are in force and why.

Only numbers and switches are told with their values. A text may be an address, a place on a disk or
worse, and whoever can read it need not be the operator: of texts it is told whether they are set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from millrace import __version__
from millrace.api.system import ServerState as Told
from millrace.api.system import SettingInForce
from millrace.core import settings
from millrace.core.clock import now_ms
from millrace.core.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping

    from millrace.api.endpoint import Nothing
    from millrace.core.settings import Setting
    from millrace.services.context import Context
    from millrace.stores.protocols import Stores


class ServerState:
    """Tells of the server. *stated*: settings whose place an option of the command line took, by
    name, with the value that is in force."""

    def __init__(self, stores: Stores, stated: Mapping[str, object]) -> None:
        self._stores = stores
        self._stated = stated
        self._started_ms = now_ms()

    def get(self, _ctx: Context, _request: Nothing) -> Told:
        """What the server runs on."""
        health = self._stores.health()
        return Told(
            version=__version__,
            started_ms=self._started_ms,
            store=health.kind,
            is_ready=health.ready,
            revision=health.revision,
            queue=health.queue,
            message=health.message,
            settings=tuple(
                self._in_force(one) for one in settings.SETTINGS if one.side != "client"
            ),
        )

    def _in_force(self, setting: Setting[object]) -> SettingInForce:
        if setting.name in self._stated:
            source, value = "command line", self._stated[setting.name]
        else:
            source, value = setting.source() or "default", _value(setting)
        return SettingInForce(
            name=setting.name,
            doc=setting.doc,
            source=source,
            value=_shown(value),
            is_hidden=value is not None and _shown(value) is None and source != "default",
            default=_shown(setting.default),
        )


def _value(setting: Setting[object]) -> object:
    try:
        return setting.get()
    except InvalidArgument:
        return "unreadable"


def _shown(value: object) -> str | None:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case _:
            return None
