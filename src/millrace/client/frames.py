"""Runs as a pandas frame, with the columns that the field knows. pandas is imported when asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from millrace.core.lazy import require

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from millrace.core.entities.run import Run

# Any 64-bit integer may have been logged; Python's own datetime ends here.
_YEAR_1_MS: Final = -62_135_596_800_000
_YEAR_10000_MS: Final = 253_402_300_800_000


def runs_frame(runs: Sequence[Run]) -> Any:  # noqa: ANN401 - a frame; pandas ships no types
    """One row a run: `run_id`, `experiment_id`, `status`, `artifact_uri`, `start_time`, `end_time`,
    then `metrics.*`, `params.*`, `tags.*` in order of first appearance.

    Times are in UTC with microseconds; one outside the years 1 to 9999 is NaT. A metric that a run
    does not have is NaN, a param or tag None. `MissingExtra` without pandas.
    """
    pandas = require("pandas", extra="pandas")
    columns: dict[str, Any] = {
        "run_id": [run.info.run_id for run in runs],
        "experiment_id": [run.info.experiment_id for run in runs],
        "status": [run.info.status for run in runs],
        "artifact_uri": [run.info.artifact_uri for run in runs],
        "start_time": _times(pandas, [run.info.start_time for run in runs]),
        "end_time": _times(pandas, [run.info.end_time for run in runs]),
    }
    columns |= _spread("metrics", runs, lambda run: run.data.metrics, float("nan"))
    columns |= _spread("params", runs, lambda run: run.data.params, None)
    columns |= _spread("tags", runs, lambda run: run.data.tags, None)
    return pandas.DataFrame(columns)


def _times(pandas: Any, times_ms: Sequence[int | None]) -> Any:  # noqa: ANN401 - pandas
    legal = [t if t is not None and _YEAR_1_MS <= t < _YEAR_10000_MS else None for t in times_ms]
    instants = pandas.array(legal, dtype="Int64").astype("datetime64[ms]")
    return pandas.Series(instants, dtype="datetime64[us]").dt.tz_localize("UTC")


def _spread(
    prefix: str,
    runs: Sequence[Run],
    values: Callable[[Run], Mapping[str, object]],
    missing: object,
) -> dict[str, list[object]]:
    found = [values(run) for run in runs]
    keys = dict.fromkeys(key for each in found for key in each)
    return {f"{prefix}.{key}": [each.get(key, missing) for each in found] for key in keys}
