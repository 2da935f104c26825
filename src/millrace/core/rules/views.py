"""What a saved view may be, and when a change of it counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from millrace.core.errors import AlreadyExists, Conflict, InvalidArgument, NotFound

if TYPE_CHECKING:
    from millrace.core.entities.view import View

NAME_LENGTH: Final = 250
DESCRIPTION_LENGTH: Final = 2_000
DOCUMENT_BYTES: Final = 256 * 1024


def check(view: View) -> View:
    """Return *view* if it may be kept; raise `InvalidArgument` saying why not."""
    for what, text, most in (
        ("name", view.name, NAME_LENGTH),
        ("description", view.description, DESCRIPTION_LENGTH),
    ):
        if len(text) > most:
            raise InvalidArgument(
                f"The {what} of a view has at most {most} characters; {len(text)} were given."
            )
    if len(view.document.encode()) > DOCUMENT_BYTES:
        raise InvalidArgument(f"The document of a view has at most {DOCUMENT_BYTES} bytes.")
    try:
        found = msgspec.json.decode(view.document)
    except msgspec.MsgspecError as error:
        raise InvalidArgument(f"Parameter 'document' is not JSON: {error}.") from error
    if not isinstance(found, dict):
        raise InvalidArgument("Parameter 'document' must hold a JSON object.")
    return view


def is_stale(view: View, before_ms: int) -> bool:
    """Whether it only stood for an address, and was written last before that."""
    return not view.name and view.updated_ms < before_ms


def place(view: View) -> tuple[str, str]:
    """Where a view is among others."""
    return view.name, view.view_id


def there(view_id: str, held: View | None) -> View:
    """The view; raise `NotFound` when there is none."""
    if held is None:
        raise NotFound(f"There is no view {view_id!r}.")
    return held


def check_seen(view_id: str, held: View | None, seen: int | None) -> None:
    """Raise unless what is *held* is what the writer has *seen*."""
    if seen is None:
        if held is not None:
            raise AlreadyExists(f"View {view_id!r} exists already.")
    elif there(view_id, held).revision != seen:
        raise Conflict(
            f"View {view_id!r} was changed by somebody else: it is at revision "
            f"{there(view_id, held).revision}, not {seen}. Look at it again."
        )
