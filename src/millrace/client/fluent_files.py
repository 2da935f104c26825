"""The module-level verbs for artifacts (`millrace.log_artifact`, …) on the active run."""

# The signatures are the field's.
# ruff: noqa: ANN401, PLR0913, PLR0917

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millrace.client import depots
from millrace.client.client import MillraceClient
from millrace.client.fluent import active_experiment_id, run_and_client
from millrace.client.images import Image

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from millrace.client.background import Upload

__all__ = [
    "Image",
    "flush_artifact_async_logging",
    "load_table",
    "log_artifact",
    "log_artifacts",
    "log_dict",
    "log_figure",
    "log_image",
    "log_stream",
    "log_table",
    "log_text",
]


def log_artifact(
    local_path: str | Path, artifact_path: str | None = None, run_id: str | None = None
) -> None:
    """Upload a file, or a folder under its own name, into the folder *artifact_path* of the run."""
    run, client = run_and_client(run_id)
    client.log_artifact(run, local_path, artifact_path)


def log_artifacts(
    local_dir: str | Path, artifact_path: str | None = None, run_id: str | None = None
) -> None:
    """Upload all that is in a folder, several files at once, into *artifact_path* of the run."""
    run, client = run_and_client(run_id)
    client.log_artifacts(run, local_dir, artifact_path)


def log_text(text: str, artifact_file: str, run_id: str | None = None) -> None:
    """Keep *text* as a file of UTF-8."""
    run, client = run_and_client(run_id)
    client.log_text(run, text, artifact_file)


def log_dict(dictionary: Any, artifact_file: str, run_id: str | None = None) -> None:
    """Keep a mapping or list as YAML if the file's suffix says so, else as JSON."""
    run, client = run_and_client(run_id)
    client.log_dict(run, dictionary, artifact_file)


def log_figure(
    figure: Any, artifact_file: str, *, save_kwargs: Mapping[str, Any] | None = None
) -> None:
    """Keep a figure of Matplotlib or Plotly, in the format that the file's suffix says.

    *save_kwargs* go to the method that writes: `savefig`, `to_html`, `to_image`. A page of Plotly
    fetches the library from its makers unless it is told `{"include_plotlyjs": True}`.
    """
    run, client = run_and_client()
    client.log_figure(run, figure, artifact_file, save_kwargs=save_kwargs)


def log_image(
    image: Any,
    artifact_file: str | None = None,
    key: str | None = None,
    step: int | None = None,
    timestamp: int | None = None,
    synchronous: bool | None = False,  # noqa: FBT001, FBT002 - the field's
) -> Upload | None:
    """Keep an image: as *artifact_file*, or under a *key* at a step (0 by default) and time.

    *image* is a NumPy array, a Pillow image or `millrace.Image`. Under a key it is encoded now and
    uploaded meanwhile, unless *synchronous*; `wait()` for what is returned. The end of the run
    waits for it.
    """
    run, client = run_and_client()
    return client.log_image(run, image, artifact_file, key, step, timestamp, synchronous)


def log_table(data: Any, artifact_file: str, run_id: str | None = None) -> None:
    """Keep a pandas frame or a dict of columns as .json or .parquet; adds rows to what is there."""
    run, client = run_and_client(run_id)
    client.log_table(run, data, artifact_file)


def load_table(
    artifact_file: str,
    run_ids: Sequence[str] | None = None,
    extra_columns: Sequence[str] | None = None,
) -> Any:
    """The table of that name of some runs, of all of the active experiment by default, as a frame.

    *extra_columns* are columns of `search_runs`, such as `run_id`. `NotFound` when no run has it.
    """
    client = MillraceClient()
    where = active_experiment_id(client)
    return client.load_table(where, artifact_file, run_ids, extra_columns)


def log_stream(stream: BinaryIO, artifact_file: str, run_id: str | None = None) -> None:
    """Keep what a binary stream has to give."""
    run, client = run_and_client(run_id)
    client.log_stream(run, stream, artifact_file)


def flush_artifact_async_logging() -> None:
    """Wait until what is uploaded in the background has arrived or failed."""
    depots.flush_all()
