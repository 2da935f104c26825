"""Webhooks, which a folder of files has not."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Final, NoReturn

from millrace.core.errors import NotSupported
from millrace.core.pages import Page

if TYPE_CHECKING:
    from collections.abc import Callable

    from millrace.core.entities.webhook import Webhook


WHY_NO_WEBHOOKS: Final = (
    "Webhooks need a database, and these records are in a folder of files. Start on one, such as "
    "sqlite:///millrace.db, and move the records there."
)


class NoWebhooks:
    """Stands where a `WebhookStore` would: there are none, none can be made, nothing is due."""

    def webhook(self, _webhook_id: str) -> None:
        """None."""

    def webhooks(self, **_asked: object) -> Page[Webhook]:
        """None."""
        return Page()

    def is_due(self, _now_ms: int) -> bool:
        """Never."""
        return False

    def tidy_deliveries(self, _before_ms: int, **_asked: object) -> Future[int]:
        """Nothing to do."""
        done: Future[int] = Future()
        done.set_result(0)
        return done

    def __getattr__(self, name: str) -> Callable[..., NoReturn]:
        if name.startswith("_"):
            raise AttributeError(name)

        def refuse(*_args: object, **_options: object) -> NoReturn:
            raise NotSupported(WHY_NO_WEBHOOKS)

        return refuse
