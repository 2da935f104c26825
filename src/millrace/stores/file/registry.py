"""The model registry, which a folder of files has not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from millrace.core.errors import NotSupported

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


WHY_NO_REGISTRY: Final = (
    "The model registry needs a database, and these records are in a folder of files. Name one "
    "with --registry-store-uri, such as sqlite:///registry.db, or keep all records in a database."
)


class NoRegistry:
    """Stands where a `RegistryStore` would: says that a database is needed, whatever it is asked.

    It can tell what is so without one: no version comes from any run here, none waits, and nobody
    serves any.
    """

    def versions_from(
        self,
        *,
        run_ids: Sequence[str] = (),  # noqa: ARG002 - the protocol's
        model_ids: Sequence[str] = (),  # noqa: ARG002 - the protocol's
    ) -> dict[str, list[tuple[str, str]]]:
        """None."""
        return {}

    def locations_naming(self, text: str) -> list[str]:  # noqa: ARG002 - the protocol's
        """None."""
        return []

    def versions_elsewhere(self) -> list[tuple[str, str, str]]:
        """None."""
        return []

    def pending_manifests(self, limit: int) -> list[tuple[str, int]]:  # noqa: ARG002 - the protocol's
        """None."""
        return []

    def expire_servers(self, now_ms: int) -> int:  # noqa: ARG002 - the protocol's
        """None."""
        return 0

    def __getattr__(self, name: str) -> Callable[..., NoReturn]:
        if name.startswith("_"):
            raise AttributeError(name)

        def refuse(*_args: object, **_options: object) -> NoReturn:
            raise NotSupported(WHY_NO_REGISTRY)

        return refuse
