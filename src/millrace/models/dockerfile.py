"""A folder that any builder of images makes a model server of: a Dockerfile and the model."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING, Final

from millrace import __version__
from millrace.core.errors import AlreadyExists, InvalidArgument
from millrace.models import environment

if TYPE_CHECKING:
    from pathlib import Path

_IMAGE: Final = re.compile(
    r"[a-z0-9][a-z0-9._\-/]*(?::[0-9]+)?[a-z0-9._\-/]*(?::[\w][\w.\-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)

_TEMPLATE: Final = """\
# A server for the model beside this file. Build it with any tool that reads Dockerfiles:
#   docker build -t NAME .
FROM {image}
RUN useradd --create-home --uid 10001 model
WORKDIR /opt/model
COPY requirements.txt /opt/model/requirements.txt
RUN pip install --no-cache-dir --requirement /opt/model/requirements.txt
COPY --chown=root:root model /opt/model/model
# What is in this image was put there by whoever built it.
ENV MILLRACE_TRUSTED_MODELS=/opt/model/model
USER model
EXPOSE 8080
ENTRYPOINT {command}
"""


def generate(
    folder: Path, target: Path, *, base_image: str | None = None, allow_odd: bool = False
) -> Path:
    """Write the build context for the model in *folder* into the new folder *target*.

    *base_image*: by default the slim image of the Python that the model was saved with; name one by
    digest to pin it.
    """
    wanted = environment.load_environment(folder)
    if not allow_odd:
        environment.refuse_odd(wanted.requirements, str(folder / environment.REQUIREMENTS))
    image = base_image or f"python:{'.'.join(wanted.python.split('.')[:2])}-slim"
    if not _IMAGE.fullmatch(image):
        raise InvalidArgument(f"{image!r} is no name of an image: NAME[:TAG][@sha256:DIGEST].")
    if target.exists() and any(target.iterdir()):
        raise AlreadyExists(f"{target} is there already and not empty. Name a new folder.")
    for one in folder.rglob("*"):
        if one.is_symlink():
            raise InvalidArgument(f"{one} is a link. A model consists of files.")
    shutil.copytree(folder, target / "model")
    lines = [one.line for one in wanted.requirements if one.key != environment.OURS]
    body = "\n".join([f"{environment.OURS}=={__version__}", *lines])
    (target / environment.REQUIREMENTS).write_text(f"{body}\n", encoding="utf-8")
    serve = ["millrace", "models", "serve", "--model-uri", "/opt/model/model"]
    command = json.dumps([*serve, "--host", "0.0.0.0", "--port", "8080"])  # noqa: S104 - inside a container
    text = _TEMPLATE.format(image=image, command=command)
    (target / "Dockerfile").write_text(text, encoding="utf-8")
    return target / "Dockerfile"
