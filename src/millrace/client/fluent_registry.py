"""The module-level API for the model registry (`millrace.register_model`, …)."""

# The signatures are the field's.

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final, TypeVar

from millrace.client import connect
from millrace.client.client import MillraceClient
from millrace.client.registry import WAIT_S
from millrace.core import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from millrace.client.verbs import PagedList
    from millrace.core.entities.registry import ModelVersion, RegisteredModel

T = TypeVar("T")

_MODELS_A_PAGE: Final = 1_000
_VERSIONS_A_PAGE: Final = 10_000


def set_registry_uri(uri: str | None) -> None:
    """Keep registered models at *uri* from now on; None or empty: where runs are."""
    settings.REGISTRY_URI.put(str(uri) if uri else None)


def get_registry_uri() -> str:
    """Where registered models are."""
    return connect.registry_uri() or connect.tracking_uri()


def register_model(
    model_uri: str,
    name: str,
    await_registration_for: int | None = WAIT_S,
    *,
    tags: Mapping[str, object] | None = None,
) -> ModelVersion:
    """Register the model at *model_uri* as the next version of *name*, which is made if need be.

    *model_uri* is `models:/<logged model>`, `runs:/<run id>/<path>`, or a registered version.
    """
    return MillraceClient().register_model(model_uri, name, await_registration_for, tags=tags)


def search_registered_models(
    max_results: int | None = None,
    filter_string: str | None = None,
    order_by: Sequence[str] | None = None,
) -> list[RegisteredModel]:
    """All registered models that match, in order; no more than *max_results*."""
    client = MillraceClient()
    return _all(
        lambda token: client.search_registered_models(
            filter_string, _MODELS_A_PAGE, order_by, token
        ),
        max_results,
    )


def search_model_versions(
    max_results: int | None = None,
    filter_string: str | None = None,
    order_by: Sequence[str] | None = None,
) -> list[ModelVersion]:
    """All versions that match, in order; no more than *max_results*."""
    client = MillraceClient()
    return _all(
        lambda token: client.search_model_versions(
            filter_string, _VERSIONS_A_PAGE, order_by, token
        ),
        max_results,
    )


def set_model_version_tag(
    name: str, version: str | int | None = None, key: str | None = None, value: object = None
) -> None:
    """Set a tag of a version."""
    MillraceClient().set_model_version_tag(name, version, key, value)


def set_registered_model_alias(name: str, alias: str, version: str | int) -> None:
    """Point an alias at a version, wherever it pointed before."""
    MillraceClient().set_registered_model_alias(name, alias, version)


def delete_registered_model_alias(name: str, alias: str) -> None:
    """Delete an alias, if it is there."""
    MillraceClient().delete_registered_model_alias(name, alias)


def get_model_version_by_alias(name: str, alias: str) -> ModelVersion:
    """The version that an alias points at."""
    return MillraceClient().get_model_version_by_alias(name, alias)


def _all(find: Callable[[str | None], PagedList[T]], limit: int | None) -> list[T]:
    def pages() -> Iterator[T]:
        token: str | None = None
        while True:
            page = find(token)
            yield from page
            token = page.token
            if not token:
                return

    return list(islice(pages(), limit))
