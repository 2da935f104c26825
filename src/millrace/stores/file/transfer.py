"""Records taken into a folder of files, and what its registry holds, which is only read.

Other tools keep registered models in a folder, too (formats of `models/<name>/`). Here they need a
database; so they are given to whoever moves them into one, and are left as they are.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from millrace.core.entities.entity import KeyValue
from millrace.core.entities.registry import (
    STAGES,
    Alias,
    HeldModel,
    HeldVersion,
    ModelVersion,
    RegisteredModel,
)
from millrace.core.errors import InvalidArgument, NotSupported
from millrace.files.documents import read_yaml
from millrace.stores.file import layout
from millrace.stores.file.layout import Damaged, Fields
from millrace.stores.file.reading import (
    Looks,
    Section,
    entries_of,
    now_ns,
    read_bytes,
    read_text,
)
from millrace.stores.memory.transfer import MemoryTransfer

if TYPE_CHECKING:
    from concurrent.futures import Future

    from millrace.stores.file.damage import Damages
    from millrace.stores.file.ledger import FileLedger
    from millrace.stores.file.reading import Found
    from millrace.stores.file.tracking import FileTracking

# The stage of a version that was deleted: it stays, so that its number is not given out again.
_DELETED: Final = "Deleted_Internal"
_VERSION: Final = "version-"


class FileTransfer(MemoryTransfer):
    """The way into a folder of files."""

    def __init__(
        self, ledger: FileLedger, tracking: FileTracking, root: str, damages: Damages
    ) -> None:
        super().__init__(ledger, tracking, None)
        self._folder = os.path.join(root, layout.REGISTRY)
        self._damages = damages

    def adopt_registered_model(self, held: HeldModel) -> Future[None]:
        """Refuses: it needs a database."""
        raise NotSupported(
            f"Registered model {held.model.name!r} needs a database, and these records are in a "
            "folder of files. Move into one, such as sqlite:///millrace.db."
        )

    def registered_models(self, *, after: str, limit: int) -> list[HeldModel]:
        """Registered models that another tool keeps in the folder, by name."""
        names = sorted(entry.name for entry in entries_of(self._folder) if entry.is_dir())
        found: list[HeldModel] = []
        for name in names:
            if name <= after or len(found) == limit:
                continue
            path = os.path.join(self._folder, name)
            try:
                found.append(self._model(path))
            except (Damaged, InvalidArgument, FileNotFoundError) as error:
                self._damages.report(path, error)
        return found

    def _model(self, path: str) -> HeldModel:
        meta = _fields(path)
        aliases = tuple(
            Alias(alias=key, version=read_text(file).strip())
            for key, file, _ in self._files(path, "aliases")
        )
        name = meta.text("name")
        versions, last = [], 0
        for entry in entries_of(path):
            number = entry.name.removeprefix(_VERSION)
            if number == entry.name or not number.isdecimal():
                continue
            last = max(last, int(number))
            try:
                version = self._version(entry.path, name, number, aliases)
            except (Damaged, InvalidArgument, FileNotFoundError) as error:
                self._damages.report(entry.path, error)
                continue
            if version is not None:
                versions.append(version)
        return HeldModel(
            model=RegisteredModel(
                name=name,
                creation_timestamp=meta.number("creation_timestamp", 0) or 0,
                last_updated_timestamp=meta.number("last_updated_timestamp", 0) or 0,
                description=meta.optional("description"),
                tag_list=self._tags(path),
                alias_list=aliases,
            ),
            versions=tuple(sorted(versions, key=lambda one: int(one.version.version))),
            last_version=last,
        )

    def _version(
        self, path: str, name: str, number: str, aliases: tuple[Alias, ...]
    ) -> HeldVersion | None:
        meta = _fields(path)
        stage = meta.text("current_stage", default="None")
        if stage == _DELETED:
            return None
        if stage not in STAGES:
            raise Damaged(f"current_stage is {stage!r}")
        source = meta.text("source", default="")
        return HeldVersion(
            version=ModelVersion(
                name=name,
                version=number,
                creation_timestamp=meta.number("creation_timestamp", 0) or 0,
                last_updated_timestamp=meta.number("last_updated_timestamp", 0) or 0,
                current_stage=stage,
                source=source,
                run_id=meta.text("run_id", default=""),
                status="READY",
                run_link=meta.text("run_link", default=""),
                user_id=meta.optional("user_id"),
                description=meta.optional("description"),
                status_message=meta.optional("status_message"),
                model_id=meta.optional("model_id"),
                tag_list=self._tags(path),
                alias_list=tuple(one.alias for one in aliases if one.version == number),
            ),
            location=meta.text("storage_location", default=source),
        )

    def _tags(self, path: str) -> tuple[KeyValue, ...]:
        return tuple(
            KeyValue(key=key, value=read_text(file)) for key, file, _ in self._files(path, "tags")
        )

    def _files(self, path: str, section: str) -> list[Found]:
        looks = Looks(path, now_ns())
        return sorted(Section(path, section, looks, self._damages).files(has_odd=False))


def _fields(path: str) -> Fields:
    return Fields(read_yaml(read_bytes(os.path.join(path, layout.META))))
