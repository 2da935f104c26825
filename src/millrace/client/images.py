"""Images to log: arrays, Pillow images and files as PNG, and the names that viewers find them by.

Pillow is imported when an image is made, NumPy never: an array brings it along.
"""

from __future__ import annotations

import io
import logging
import re
import uuid
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import msgspec

from millrace.core.errors import InvalidArgument
from millrace.core.lazy import require

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import BinaryIO, Self

logger = logging.getLogger(__name__)

FOLDER: Final = "images"
"""Where images that were logged under a key lie, below the root of their run."""
TABLE_FOLDER: Final = "table_images"
_THUMBNAIL: Final = 256  # pixels of the longer side
_CHANNELS: Final = (1, 3, 4)
_GREATEST: Final = 255
# "/" becomes "~", so the key stays one name; "+" separates the parts of the name.
_KEY: Final = re.compile(r"[A-Za-z0-9_\-. /]+")


class Image:
    """An image from an array, nested lists of 0 to 255, a Pillow image, or the path of a file."""

    def __init__(self, image: Any) -> None:  # noqa: ANN401 - whatever may be an image
        if isinstance(image, str):
            self._image = opened(image)
        elif isinstance(image, list):
            self._image = from_array(_array(image))
        else:
            self._image = pillow(image)

    def to_pil(self) -> Any:  # noqa: ANN401 - Pillow may not be there
        """The Pillow image."""
        return self._image

    def to_array(self) -> Any:  # noqa: ANN401 - nor NumPy
        """The pixels as an array: height, width and, unless it is grey, channels."""
        return require("numpy", extra="images").asarray(self._image)

    def to_list(self) -> list[Any]:
        """The pixels as nested lists."""
        found: list[Any] = self.to_array().tolist()
        return found

    def resize(self, size: tuple[int, int]) -> Self:
        """A copy of *size*: width and height."""
        return type(self)(self._image.resize(size))

    def save(self, path: str | Path) -> None:
        """Write it to a file, in the format that the file's name says."""
        self._image.save(path)


class Keyed(msgspec.Struct, frozen=True):
    """The files of an image that was logged under a key, at a step and time."""

    png: str
    thumbnail: str


def keyed(key: str, step: int, timestamp_ms: int) -> Keyed:
    """New names for an image: viewers read key, step and time out of them."""
    if not _KEY.fullmatch(key):
        raise InvalidArgument(
            f"Image key {key!r}: it may hold letters, digits, '_', '-', '.', ' ' and '/'."
        )
    try:
        number = int(step)
    except (TypeError, ValueError):
        raise InvalidArgument(f"Image step {step!r}: expected a whole number.") from None
    stem = f"{key.replace('/', '~')}+step+{number}+timestamp+{timestamp_ms}+{uuid.uuid4()}"
    return Keyed(f"{FOLDER}/{stem}.png", f"{FOLDER}/{stem}+compressed.webp")


def in_table(artifact_file: str) -> Keyed:
    """New names for an image in a cell of the table *artifact_file*."""
    stem = f"{TABLE_FOLDER}/{PurePosixPath(artifact_file).with_suffix('')}/{uuid.uuid4()}"
    return Keyed(f"{stem}.png", f"{stem}.webp")


def is_image(value: object) -> bool:
    """Whether a cell of a table is an image, which is kept as a file: one of ours, or Pillow's."""
    return isinstance(value, Image) or _is_pillow(value)


def pillow(image: Any) -> Any:  # noqa: ANN401 - Pillow may not be there
    """*image* as a Pillow image: an array, an `Image`, or one already."""
    if isinstance(image, Image):
        return image.to_pil()
    if _is_pillow(image):
        return image
    if hasattr(image, "dtype") and hasattr(image, "shape"):
        return from_array(image)
    raise InvalidArgument(
        f"{type(image).__name__!r} is no image: give a NumPy array, a Pillow image, or "
        "millrace.Image."
    )


def opened(path: str | Path | BinaryIO, *, called: str | None = None) -> Any:  # noqa: ANN401
    """The Pillow image in a file, read whole; `InvalidArgument` when it holds none."""
    module = require("PIL.Image", extra="images")
    try:
        with module.open(path) as image:
            image.load()
            return image
    except (OSError, SyntaxError, ValueError, module.DecompressionBombError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise InvalidArgument(
            f"{called or path} holds no image that can be read: {error}."
        ) from error


def from_array(array: Any) -> Any:  # noqa: ANN401 - NumPy may not be there
    """A height x width [x channels] array as a Pillow image.

    Booleans are black and white, integers 0 to 255, floats 0.0 to 1.0. Floats beyond that are
    scaled from their least to their greatest value, with a warning; NaN is black.
    """
    module = require("PIL.Image", extra="images")
    if array.ndim not in {2, 3}:
        raise InvalidArgument(
            f"An image has 2 or 3 dimensions (height, width, channels); this array has the shape "
            f"{tuple(array.shape)}."
        )
    channels = 1 if array.ndim == 2 else array.shape[2]  # noqa: PLR2004 - no channels
    if channels not in _CHANNELS:
        raise InvalidArgument(
            f"An image has 1 (grey), 3 (RGB) or 4 (RGBA) channels; this array has {channels}."
        )
    if array.size == 0:
        raise InvalidArgument(f"The array of shape {tuple(array.shape)} has no pixels.")
    pixels = _bytes(array)
    return module.fromarray(pixels[:, :, 0] if array.ndim != 2 and channels == 1 else pixels)  # noqa: PLR2004


def encoded(image: Any, artifact_file: str) -> bytes:  # noqa: ANN401 - Pillow may not be there
    """A Pillow image in the format that the name of *artifact_file* says."""
    module = require("PIL.Image", extra="images")
    suffix = PurePosixPath(artifact_file).suffix.lower()
    name = module.registered_extensions().get(suffix)
    if name is None or name not in module.SAVE:
        raise InvalidArgument(
            f"{artifact_file!r}: no image format is known by the suffix {suffix!r}. Try .png."
        )
    buffer = io.BytesIO()
    try:
        image.save(buffer, format=name)
    except (OSError, ValueError) as error:
        raise InvalidArgument(f"The image cannot be kept as {name}: {error}.") from error
    return buffer.getvalue()


def png(image: Any) -> bytes:  # noqa: ANN401 - as above
    """A Pillow image as PNG."""
    return encoded(_plain(image), "x.png")


def thumbnail(image: Any) -> bytes:  # noqa: ANN401 - as above
    """A small WebP of it, for lists and charts: at most 256 pixels either way, never enlarged."""
    small = _plain(image).copy()
    small.thumbnail((_THUMBNAIL, _THUMBNAIL))
    if small.mode not in {"RGB", "RGBA"}:
        small = small.convert("RGBA" if "A" in small.getbands() else "RGB")
    return encoded(small, "x.webp")


def _plain(image: Any) -> Any:  # noqa: ANN401 - as above
    """*image* in a mode that every viewer knows."""
    match image.mode:
        case "L" | "RGB" | "RGBA" | "1":
            return image
        case "LA" | "PA" | "La" | "RGBa":
            return image.convert("RGBA")
        case "P":
            return image.convert("RGBA" if "transparency" in image.info else "RGB")
        case _:
            return image.convert("RGB")


def _bytes(array: Any) -> Any:  # noqa: ANN401 - an array
    match array.dtype.kind:
        case "b":
            return array.astype("uint8") * _GREATEST
        case "i" | "u":
            low, high = int(array.min()), int(array.max())
            if low < 0 or high > _GREATEST:
                raise InvalidArgument(
                    f"Integer pixels are 0 to {_GREATEST}; this array goes from {low} to {high}."
                )
            return array.astype("uint8")
        case "f":
            return _scaled(array)
        case _:
            raise InvalidArgument(
                f"An image is an array of booleans, integers or floats, not of {array.dtype}."
            )


def _scaled(array: Any) -> Any:  # noqa: ANN401 - an array
    numpy = require("numpy", extra="images")
    values = array.astype("float64")
    finite = values[numpy.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if low < 0 or high > 1:
        logger.warning(
            "Pixels of floats are 0.0 to 1.0; this image goes from %s to %s and was scaled.",
            low,
            high,
        )
        values = (values - low) / ((high - low) or 1.0)
    values = numpy.nan_to_num(values, nan=0.0, posinf=1.0, neginf=0.0)
    return (values.clip(0.0, 1.0) * _GREATEST).astype("uint8")


def _array(nested: Sequence[Any]) -> Any:  # noqa: ANN401 - an array
    try:
        return require("numpy", extra="images").array(nested)
    except ValueError as error:
        raise InvalidArgument(f"The lists are no image: {error}.") from error


def _is_pillow(value: object) -> bool:
    """Whether it is a Pillow image; nothing is imported to find out."""
    return any(base.__module__ == "PIL.Image" for base in type(value).__mro__)
