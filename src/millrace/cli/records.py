"""The client that commands work through, and what they all do with its answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from millrace.cli import options
from millrace.core import settings
from millrace.core.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from millrace.client.client import MillraceClient
    from millrace.core.entities.entity import ViewType
    from millrace.core.entities.experiment import Experiment
    from millrace.core.entities.run import Run

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

VIEWS: Final[dict[str, ViewType]] = {
    "active_only": "ACTIVE_ONLY",
    "deleted_only": "DELETED_ONLY",
    "all": "ALL",
}


class Paged(Protocol[T_co]):
    """A page of results, and the token of the next."""

    token: str | None

    def __iter__(self) -> Iterator[T_co]: ...


def client_at(tracking_uri: str | None) -> MillraceClient:
    """A client of the server or database at *tracking_uri*; of the one in the settings if None.

    It gives up on a silent server after a few seconds, unless the settings say how often to retry:
    somebody is waiting at the prompt.
    """
    from millrace.client.client import MillraceClient

    if settings.HTTP_REQUEST_MAX_RETRIES.source() is None:
        settings.HTTP_REQUEST_MAX_RETRIES.put("1")
    return MillraceClient(tracking_uri=tracking_uri)


def registry_where(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--tracking-uri` and `--registry-uri`."""
    apart = options.option_of(settings.REGISTRY_URI, "--registry-uri", metavar="URI")
    return options.tracking_uri(apart(command))


def registry_at(tracking_uri: str | None, registry_uri: str | None) -> MillraceClient:
    """As `client_at`, with registered models in another place."""
    client = client_at(tracking_uri)
    return type(client)(client.tracking_uri, registry_uri)


def experiment_named(client: MillraceClient, name: str) -> Experiment:
    """The experiment of that name; `NotFound` when there is none."""
    found = client.get_experiment_by_name(name)
    if found is None:
        raise NotFound(f"There is no experiment named '{name}'.")
    return found


def every(find: Callable[[str | None], Paged[T]], limit: int | None = None) -> Iterator[T]:
    """Whatever *find* finds, page after page; no more than *limit*."""
    token: str | None = None
    left = limit
    while left is None or left > 0:
        page = find(token)
        for item in page:
            if left is not None:
                if left == 0:
                    return
                left -= 1
            yield item
        token = page.token
        if not token:
            return


def every_run(
    client: MillraceClient,
    experiment_ids: list[str],
    *,
    view: ViewType = "ACTIVE_ONLY",
    where: str = "",
) -> Iterator[Run]:
    """All runs of some experiments that match *where*, the latest first."""
    return every(
        lambda token: client.search_runs(
            experiment_ids, filter_string=where, run_view_type=view, page_token=token
        )
    )
