"""Figures as files: Matplotlib's and Plotly's, without importing either."""

from __future__ import annotations

import io
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from millrace.core.errors import InvalidArgument, MissingExtra

if TYPE_CHECKING:
    from collections.abc import Mapping

_PLOTLY_IMAGES: Final = frozenset({".png", ".jpg", ".jpeg", ".webp", ".svg", ".pdf"})


def rendered(figure: Any, artifact_file: str, options: Mapping[str, Any]) -> bytes:  # noqa: ANN401
    """*figure* in the format that the name of *artifact_file* says.

    *options* go to the method of the library that writes: `savefig` of Matplotlib; `write_html`,
    `write_image` or `write_json` of Plotly.
    """
    suffix = PurePosixPath(artifact_file).suffix.lower()
    kinds = {f"{base.__module__}.{base.__qualname__}" for base in type(figure).__mro__}
    if "matplotlib.figure.Figure" in kinds:
        return _of_matplotlib(figure, artifact_file, suffix, options)
    if any(kind.startswith("plotly.") for kind in kinds):
        return _of_plotly(figure, artifact_file, suffix, options)
    raise InvalidArgument(
        f"{type(figure).__name__!r} is no figure of Matplotlib or Plotly. Save it to a file and "
        "use log_artifact."
    )


def _of_matplotlib(
    figure: Any,  # noqa: ANN401 - the library may not be there
    artifact_file: str,
    suffix: str,
    options: Mapping[str, Any],
) -> bytes:
    kept = {"format": suffix.removeprefix("."), **options}
    if not kept["format"]:
        raise InvalidArgument(
            f"{artifact_file!r} has no suffix that names a format. Try {artifact_file}.png."
        )
    buffer = io.BytesIO()
    try:
        figure.savefig(buffer, **kept)
    except ValueError as error:
        raise InvalidArgument(f"{artifact_file!r} cannot be drawn: {error}.") from error
    return buffer.getvalue()


def _of_plotly(
    figure: Any,  # noqa: ANN401 - the library may not be there
    artifact_file: str,
    suffix: str,
    options: Mapping[str, Any],
) -> bytes:
    if suffix == ".html":
        # The library is 4 MB and the same in every file: its pages fetch it unless told otherwise.
        text: str = figure.to_html(**{"include_plotlyjs": "cdn", **options})
        return text.encode()
    if suffix == ".json":
        return str(figure.to_json(**options)).encode()
    if suffix not in _PLOTLY_IMAGES:
        raise InvalidArgument(
            f"{artifact_file!r}: Plotly writes .html, .json and, with Kaleido, "
            f"{', '.join(sorted(_PLOTLY_IMAGES))}; not {suffix!r}."
        )
    try:
        drawn: bytes = figure.to_image(**{"format": suffix.removeprefix("."), **options})
    except (ImportError, RuntimeError, ValueError) as error:
        if "kaleido" not in str(error).lower():
            raise InvalidArgument(f"{artifact_file!r} cannot be drawn: {error}.") from error
        raise MissingExtra(
            f"Plotly draws {suffix} with the library 'kaleido', not installed: pip install "
            "kaleido; or log the figure as .html."
        ) from error
    return drawn
