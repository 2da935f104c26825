"""The `MLmodel` file: what a folder says of the model in it."""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field

from millrace import __version__
from millrace.core import clock
from millrace.core.errors import InvalidArgument, NotFound
from millrace.files.documents import read_yaml, write_yaml
from millrace.models.example import Example, load_example
from millrace.models.signature import ModelSignature

if TYPE_CHECKING:
    from collections.abc import Mapping

    from millrace.models.types import ParamSchema, Schema

logger = logging.getLogger(__name__)

MLMODEL: Final = "MLmodel"
PYFUNC: Final = "python_function"
_LARGEST: Final = 32 * 1024 * 1024


def _now() -> str:
    at = dt.datetime.fromtimestamp(clock.now_ms() / 1000, dt.UTC)
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")


class Model(Struct, kw_only=True, omit_defaults=True):
    """One `MLmodel` file. What it says that nobody here knows stays in `more`."""

    artifact_path: str | None = None
    run_id: str | None = None
    model_id: str | None = None
    model_uuid: str = field(default_factory=lambda: uuid.uuid4().hex)
    utc_time_created: str = field(default_factory=_now)
    mlflow_version: str | None = __version__
    model_size_bytes: int | None = None
    flavors: dict[str, dict[str, Any]] = {}
    signature: ModelSignature | None = None
    saved_input_example_info: dict[str, Any] | None = None
    saved_output_example_info: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    is_signature_from_type_hint: bool = False
    resources: Any = None
    auth_policy: dict[str, Any] | None = None
    license: str | None = None
    scan: dict[str, Any] | None = None
    """What a look at the files found: which of them run code when they are read."""
    more: dict[str, Any] = {}

    def add_flavor(self, name: str, **settings: Any) -> Model:
        """Say how the flavor *name* finds its part of the folder."""
        self.flavors[name] = settings
        return self

    @property
    def model_size(self) -> int | None:
        """Bytes of the folder when it was written."""
        return self.model_size_bytes

    def get_model_info(self, model_uri: str = "") -> ModelInfo:
        """What is known of the model, for whoever does not care about the file."""
        return ModelInfo(model=self, model_uri=model_uri)

    def get_input_schema(self) -> Schema | None:
        """What it takes, if that is known."""
        return self.signature.inputs if self.signature else None

    def get_output_schema(self) -> Schema | None:
        """What it gives, if that is known."""
        return self.signature.outputs if self.signature else None

    def get_params_schema(self) -> ParamSchema | None:
        """The params that it takes, if that is known."""
        return self.signature.params if self.signature else None

    def example(self, folder: str | Path) -> Example | None:
        """The input example that is kept in *folder*, if there is one."""
        if self.saved_input_example_info is None:
            return None
        return load_example(self.saved_input_example_info, Path(folder), self.get_input_schema())

    def load_input_example(self, path: str | Path) -> Any:
        """The data of the input example that is kept in the folder *path*; None without one."""
        found = self.example(path)
        return None if found is None else found.data

    def load_input_example_params(self, path: str | Path) -> dict[str, Any] | None:
        """The params of the input example that is kept in the folder *path*."""
        found = self.example(path)
        return None if found is None else found.params

    def to_dict(self) -> dict[str, Any]:
        """As the file says it."""
        said: dict[str, Any] = {
            "model_uuid": self.model_uuid,
            "utc_time_created": self.utc_time_created,
            "mlflow_version": self.mlflow_version,
            "model_id": self.model_id,
            "flavors": self.flavors,
            "is_signature_from_type_hint": self.is_signature_from_type_hint,
        }
        for name in _OPTIONAL:
            if (value := getattr(self, name)) is not None:
                said[name] = value
        if self.signature is not None:
            said["signature"] = self.signature.to_dict()
        return self.more | said

    def to_yaml(self) -> str:
        """As the file says it, as text."""
        return write_yaml(self.to_dict()).decode()

    def save(self, path: str | Path) -> None:
        """Write the file, or the one in the folder *path*."""
        path = Path(path)
        target = path / MLMODEL if path.is_dir() else path
        target.write_bytes(write_yaml(self.to_dict()))

    @classmethod
    def load(cls, path: str | Path) -> Model:
        """Read the file, the one in the folder *path*, or the one at a model's URI."""
        target = Path(path)
        if target.is_dir():
            target /= MLMODEL
        try:
            data = target.read_bytes()
        except FileNotFoundError:
            raise NotFound(f"There is no model at {str(path)!r}: no file {MLMODEL}.") from None
        try:
            return cls.from_dict(read_yaml(data, limit=_LARGEST))
        except InvalidArgument as error:
            raise InvalidArgument(f"{target}: {error.message}") from error

    @classmethod
    def from_dict(cls, said: Any) -> Model:
        """The model that a file describes; `InvalidArgument` when it is none."""
        if not isinstance(said, dict) or not isinstance(said.get("flavors"), dict):
            raise InvalidArgument("This describes no model: it has no mapping `flavors`.")
        for name, settings in said["flavors"].items():
            if not isinstance(settings, dict):
                raise InvalidArgument(f"The flavor {name!r} has no settings, but {settings!r}.")
        known = {name: said[name] for name in _TEXT if isinstance(said.get(name), str)}
        known |= {name: said[name] for name in _OPTIONAL if said.get(name) is not None}
        from_hint = said.get("is_signature_from_type_hint") is True
        signature = _signature(said.get("signature"), from_hint=from_hint)
        rest = {
            name: value
            for name, value in said.items()
            if name not in known and name not in _DERIVED and value is not None
        }
        return cls(
            flavors=said["flavors"],
            signature=signature,
            is_signature_from_type_hint=from_hint,
            more=rest,
            **known,
        )


_TEXT: Final = ("model_uuid", "utc_time_created", "mlflow_version", "model_id")
_DERIVED: Final = ("flavors", "signature", "is_signature_from_type_hint", *_TEXT)
_OPTIONAL: Final = (
    "artifact_path",
    "run_id",
    "model_size_bytes",
    "saved_input_example_info",
    "saved_output_example_info",
    "metadata",
    "resources",
    "auth_policy",
    "license",
    "scan",
)


class ModelInfo(Struct, kw_only=True):
    """What is known of a model that was saved, logged or found."""

    model: Model
    model_uri: str
    registered_model_version: int | None = None
    name: str | None = None
    params: dict[str, str] = {}
    tags: dict[str, str] = {}

    artifact_path = property(lambda self: self.model.artifact_path, doc="Where it was logged.")
    flavors = property(lambda self: self.model.flavors, doc="Flavors and their settings.")
    metadata = property(lambda self: self.model.metadata, doc="The author's own notes.")
    mlflow_version = property(lambda self: self.model.mlflow_version, doc="What wrote it.")
    model_id = property(lambda self: self.model.model_id, doc="Its id as a logged model.")
    model_uuid = property(lambda self: self.model.model_uuid, doc="The id of this very save.")
    run_id = property(lambda self: self.model.run_id, doc="The run that logged it.")
    utc_time_created = property(lambda self: self.model.utc_time_created, doc="When, as UTC.")
    signature = property(lambda self: self.model.signature, doc="What it takes and gives.")
    saved_input_example_info = property(
        lambda self: self.model.saved_input_example_info, doc="The example that is kept with it."
    )

    @property
    def signature_dict(self) -> dict[str, str | None] | None:
        """The signature as the file has it."""
        signature = self.model.signature
        return None if signature is None else signature.to_dict()


def _signature(said: Mapping[str, Any] | None, *, from_hint: bool) -> ModelSignature | None:
    if not isinstance(said, dict) or not any(said.values()):
        return None
    signature = ModelSignature.from_dict(said)
    signature.is_from_type_hint = from_hint
    return signature
