"""A live tracking server as a source, MLflow's or ours, over the REST API that both speak.

Two things the API does not tell: when a run was deleted, and which logged models were.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

from msgspec.structs import replace

from millrace.client.client import MillraceClient
from millrace.core.entities.registry import HeldModel, HeldVersion
from millrace.core.errors import NotFound, NotSupported
from millrace.core.numbers import key_of
from millrace.core.tags import IS_PROMPT
from millrace.core.uris import redacted
from millrace.transfer.source import HeldLoggedModel, HeldRun, logged_model_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from millrace.client.verbs import PagedList
    from millrace.core.entities.experiment import Experiment
    from millrace.core.entities.registry import ModelVersion, RegisteredModel
    from millrace.core.series import Point

T = TypeVar("T")

_PAGE: Final = 1_000
_MODELS_PAGE: Final = 500
# A history is one request per series, and a server answers several at once.
_AT_ONCE: Final = 8


class TrackingServer:
    """The records behind the tracking URI *uri*; credentials come from the settings of a client."""

    def __init__(self, uri: str) -> None:
        self._client = MillraceClient(uri)
        self._name = redacted(uri)
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="history")
        self._keys: tuple[str, tuple[str, ...]] = ("", ())
        self._histories: tuple[str, dict[str, list[Point]]] = ("", {})
        self._has_summaries = True
        self._has_models = True

    @property
    def name(self) -> str:
        """The server's address."""
        return self._name

    def close(self) -> None:
        """End the threads that read histories."""
        self._pool.shutdown(cancel_futures=True)

    def damaged(self) -> list[str]:
        """Nothing: what a server cannot read it does not show."""
        return []

    def experiments(self) -> Iterator[Experiment]:
        """All experiments, by id."""
        found = list(
            _all(
                lambda token: self._client.search_experiments(
                    view_type="ALL", max_results=_PAGE, page_token=token
                )
            )
        )
        for one in sorted(found, key=lambda one: int(one.experiment_id)):
            yield replace(one, workspace="default", artifact_location=one.artifact_location or "")

    def runs(self, experiment_id: str) -> Iterator[HeldRun]:
        """The runs of an experiment, by start time then id."""
        by_start = ["attributes.start_time ASC", "attributes.run_id ASC"]
        for run in _all(
            lambda token: self._client.search_runs(
                [experiment_id], "", "ALL", _PAGE, by_start, page_token=token
            )
        ):
            self._keys = (run.info.run_id, tuple(run.data.metrics))
            yield HeldRun(run=run)

    def counts(self, run_id: str) -> Mapping[str, int]:
        """How many points each series of a run has; where the server does not say, by reading."""
        if self._has_summaries:
            try:
                return {one.key: one.count for one in self._client.get_metric_summaries(run_id)}
            except (NotFound, NotSupported):
                self._has_summaries = False
        return {key: len(points) for key, points in self._read(run_id).items()}

    def points(self, run_id: str) -> Iterator[tuple[str, list[Point]]]:
        """The points of a run; a series is held whole, since servers give it by time."""
        yield from sorted(self._read(run_id).items())

    def models(self, experiment_id: str) -> Iterator[HeldLoggedModel]:
        """The logged models of an experiment, by id; none on servers before MLflow 3."""
        if not self._has_models:
            return
        try:
            found = list(
                _all(
                    lambda token: self._client.search_logged_models(
                        [experiment_id], max_results=50, page_token=token
                    )
                )
            )
        except (NotFound, NotSupported):
            self._has_models = False
            return
        for model in sorted(found, key=lambda one: one.model_id):
            yield HeldLoggedModel(model=model)

    def registered_models(self) -> Iterator[HeldModel]:
        """The registered models with their versions, by name; prompts among them."""
        found: dict[str, RegisteredModel] = {}
        # Searches leave prompts out until they are asked for.
        for text in (None, f"tag.`{IS_PROMPT}` = 'true'"):
            for model in self._all_registered(text):
                found[model.name] = model
        for name in sorted(found):
            yield self._registered(found[name])

    def _all_registered(self, text: str | None) -> Iterator[RegisteredModel]:
        yield from _all(
            lambda token: self._client.search_registered_models(
                text, max_results=_MODELS_PAGE, page_token=token
            )
        )

    def _registered(self, model: RegisteredModel) -> HeldModel:
        mark = "'" if '"' in model.name else '"'
        text = f"name = {mark}{model.name}{mark}"
        if IS_PROMPT in model.tags:
            text += f" and tag.`{IS_PROMPT}` = 'true'"
        found = _all(
            lambda token: self._client.search_model_versions(
                text, max_results=_PAGE, page_token=token
            )
        )
        versions = sorted(found, key=lambda one: int(one.version))
        return HeldModel(
            model=replace(model, latest_version_list=()),
            versions=tuple(self._version(one, model) for one in versions),
            last_version=max((int(one.version) for one in versions), default=0),
        )

    def _version(self, version: ModelVersion, model: RegisteredModel) -> HeldVersion:
        pointing = sorted(one.alias for one in model.alias_list if one.version == version.version)
        return HeldVersion(
            version=replace(
                version,
                alias_list=tuple(pointing),
                model_id=version.model_id or logged_model_in(version.source),
            ),
            location=self._client.get_model_version_download_uri(version.name, version.version),
        )

    def _read(self, run_id: str) -> dict[str, list[Point]]:
        held, histories = self._histories
        if held == run_id:
            return histories
        known, keys = self._keys
        if known != run_id:
            keys = tuple(self._client.get_run(run_id).data.metrics)
        read = self._pool.map(lambda key: self._history(run_id, key), keys)
        histories = dict(zip(keys, read, strict=True))
        self._histories = (run_id, histories)
        return histories

    def _history(self, run_id: str, key: str) -> list[Point]:
        return sorted(
            (one.step, one.timestamp, key_of(one.value))
            for one in self._client.get_metric_history(run_id, key)
        )


def _all(page_of: Callable[[str | None], PagedList[T]]) -> Iterator[T]:
    token: str | None = None
    while True:
        page = page_of(token)
        yield from page
        token = page.token
        if not token:
            return
