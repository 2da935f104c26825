"""Looking at a model without loading it, and saying more of one that is there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from millrace.client import depots, locations
from millrace.client.client import MillraceClient
from millrace.core.errors import InvalidArgument
from millrace.models import own
from millrace.models.model import MLMODEL, Model

if TYPE_CHECKING:
    from millrace.models.model import ModelInfo
    from millrace.models.signature import ModelSignature


def get_model_info(model_uri: str) -> ModelInfo:
    """What `MLmodel` says of the model at a path or URI; only that file is fetched."""
    return read(model_uri).get_model_info(model_uri)


def read(model_uri: str) -> Model:
    """The `MLmodel` of the model at a path or URI."""
    if locations.owned(model_uri) is None and depots.is_local(model_uri):
        return Model.load(depots.local(model_uri))
    client = MillraceClient()
    where = client.download_at(f"{model_uri.rstrip('/')}/{MLMODEL}")
    return Model.load(where)


def set_signature(model_uri: str, signature: ModelSignature) -> None:
    """Give the model in a folder a signature, or another one.

    A logged model and a registered version stay as they are: log the model again.
    """
    if locations.owned(model_uri) is not None or not depots.is_local(model_uri):
        raise InvalidArgument(
            f"{model_uri!r} is kept, and what is kept does not change. Load the model and log it "
            "again with the signature."
        )
    folder = depots.local(model_uri)
    was_own = own.is_own(own.digest_of(folder))
    model = Model.load(folder)
    model.signature = signature
    model.save(Path(folder))
    if was_own:
        own.remember(own.digest_of(folder))
