"""The platform: binds stores, rules and services, and answers every endpoint of the table."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future  # noqa: TC003 - in the fields of a NamedTuple
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from millrace.api.system import ServerInfo
from millrace.api.table import BY_NAME
from millrace.artifacts.protocols import Multipart, Signs, Together
from millrace.core import settings
from millrace.core.clock import now_ms
from millrace.core.errors import MillraceError
from millrace.core.pages import Tokens
from millrace.services.approvals import Approvals
from millrace.services.artifact_files import ArtifactFiles
from millrace.services.artifacts import Artifacts
from millrace.services.audit import Audit
from millrace.services.capabilities import Capabilities, without
from millrace.services.evaluation import Evaluation
from millrace.services.events import Events
from millrace.services.experiments import Experiments
from millrace.services.folders import Bundles
from millrace.services.keyring import KeyRing
from millrace.services.logs import Logs
from millrace.services.manifests import Manifests
from millrace.services.media import Gallery
from millrace.services.metrics import Metrics
from millrace.services.model_servers import ModelServers
from millrace.services.models import LoggedModels
from millrace.services.moving import Moving
from millrace.services.overview import Overviews
from millrace.services.places import Places
from millrace.services.read_back import ReadBack
from millrace.services.registry import Registry
from millrace.services.registry_notes import RegistryNotes
from millrace.services.retention import Retention
from millrace.services.run_export import RunExport
from millrace.services.run_tables import RunTables
from millrace.services.runs import Runs
from millrace.services.server_state import ServerState
from millrace.services.tables import Tables
from millrace.services.tasks import Tasks
from millrace.services.together import Groups
from millrace.services.transfers import Transfers
from millrace.services.trash import Trash
from millrace.services.views import Views
from millrace.services.webhooks import Webhooks
from millrace.stores.apart import WebhooksApart

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from millrace.api.endpoint import Nothing, Reply
    from millrace.artifacts.protocols import ArtifactStore
    from millrace.core.entities.artifact import ArtifactRecord
    from millrace.services.context import Context
    from millrace.services.folders import Archive, Bundle
    from millrace.services.offers import Offer, Sent
    from millrace.services.outlet import Opened
    from millrace.services.run_export import RunFile
    from millrace.stores.protocols import Stores

DEFAULT_ARTIFACT_ROOT: Final = "mlflow-artifacts:/"


Upload = Callable[["Context", Any, "Iterable[bytes]", "Offer"], "ArtifactRecord"]
Admit = Callable[["Context", Any, bytes, "Offer"], "Sent | ArtifactRecord"]
TakeBundle = Callable[["Context", Any, bytes], "Reply"]
Download = Callable[["Context", Any], "Opened | Archive | Bundle | RunFile | Reply"]


Glance = Callable[[Any, int], "Opened | None"]
"""A download of at most so many bytes that needs no waiting; None: it may need some."""


Mark = Callable[["Context", Any], str]
"""What changes when the answer to a request would: cheap, and asked before the answer."""


_LISTENED: Final = frozenset({"listenEvents"})
"""Answered by the server's loop from `Platform.events`."""


class Handler(NamedTuple):
    """What answers an endpoint: `call(context, request)` gives the reply or a future of it.

    `inline`: it never waits (validates, queues a write), so it may run on an event loop.
    `is_long`: it reads files, and should keep nobody waiting who asks for records.
    """

    call: Callable[[Context, Any], Any | Future[Any]]
    inline: bool
    is_long: bool = False


class Platform:
    """One place of records with everything that may be asked of it."""

    def __init__(  # noqa: PLR0913, PLR0915 - the composition root
        self,
        stores: Stores,
        *,
        artifact_root: str = DEFAULT_ARTIFACT_ROOT,
        local_locations: bool = True,
        places: Places | None = None,
        presigned_only: bool = False,
        keys: KeyRing | None = None,
        registry: Stores | None = None,
        unserved: Mapping[str, str] = MappingProxyType({}),
        stated: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        self.stores = stores
        self._registry_stores = stores if registry is None else registry
        self.presigned_only = presigned_only
        self.places = places or _everywhere()
        tokens = Tokens(stores.secret())
        experiments = Experiments(
            stores.tracking, tokens, artifact_root=artifact_root, local_locations=local_locations
        )
        runs = Runs(stores.tracking, tokens)
        run_tables = RunTables(stores.run_tables, tokens)
        metrics = Metrics(stores.tracking, tokens)
        models = LoggedModels(stores.tracking, self._registry_stores.registry, tokens)
        evaluation = Evaluation(stores.evaluation, tokens)
        transfers = Transfers(
            stores.artifacts,
            recheck_s=settings.ARTIFACT_RECHECK_SECONDS.get(),
            most_bytes=settings.ARTIFACT_MAX_BYTES.get(),
        )
        self.groups = Groups(transfers)
        self._read_back = ReadBack(transfers, reads=settings.ARTIFACT_READ_BACK.get())
        freezes = settings.FREEZE_MODELS.get()
        self.artifacts = artifacts = Artifacts(
            stores,
            self.places,
            transfers,
            registry=self._registry_stores.registry,
            read_back=self._read_back,
            freezes=freezes,
        )
        files = ArtifactFiles(artifacts, stores)
        views = self._views = Views(stores.views, stores.tracking)
        self._tasks = Tasks(stores)
        overviews = Overviews(stores, self.places)
        moving = Moving(stores, self.places, transfers)
        keys = keys or KeyRing(None, sealing_key=settings.WEBHOOK_SECRET_ENCRYPTION_KEY.get())
        by_name = self._registry_stores.registry
        apart = None if registry is None else registry.audit
        self.audit = Audit(stores.audit, tokens, keys, of_models=apart)
        told = stores.webhooks
        if registry is not None:
            told = WebhooksApart(told, registry.webhooks)
        self.webhooks = Webhooks(told, tokens, keys)
        trash = Trash(stores, tokens, Retention(stores, self.places, registry=by_name))
        self._manifests = Manifests(by_name, stores.artifacts, artifacts.spot_of_version)
        refused = self._registry_stores.audit.note
        models_by_name = Registry(
            by_name, stores.tracking, tokens, manifests=self._manifests, refused=refused
        )
        approvals = Approvals(
            self._registry_stores.approvals,
            by_name,
            stores.tracking,
            tokens,
            files=self._manifests,
            refused=refused,
        )
        servers = ModelServers(self._registry_stores.model_servers, tokens, refused=refused)
        refused_here = {**without(self._registry_stores.lacking), **unserved}
        notes = RegistryNotes(
            by_name,
            stores.tracking,
            tokens,
            servers=self._registry_stores.model_servers,
            refused=refused,
        )
        # Writes are queued and reads wait for the disk, so the former are inline.
        queued: dict[str, Callable[[Context, Any], Future[Any]]] = {
            "createExperiment": experiments.create,
            "deleteExperiment": experiments.delete,
            "restoreExperiment": experiments.restore,
            "updateExperiment": experiments.update,
            "setExperimentTag": experiments.set_tag,
            "deleteExperimentTag": experiments.delete_tag,
            "createRun": runs.create,
            "updateRun": runs.update,
            "deleteRun": runs.delete,
            "restoreRun": runs.restore,
            "heartbeat": runs.heartbeat,
            "moveRuns": moving.move,
            "logBatch": runs.log_batch,
            "logMetric": runs.log_metric,
            "logParam": runs.log_param,
            "setTag": runs.set_tag,
            "deleteTag": runs.delete_tag,
            "logModel": runs.log_model,
            "logInputs": runs.log_inputs,
            "logOutputs": runs.log_outputs,
            "createLoggedModel": models.create,
            "finalizeLoggedModel": models.finalize,
            "deleteLoggedModel": models.delete,
            "setLoggedModelTags": models.set_tags,
            "deleteLoggedModelTag": models.delete_tag,
            "logLoggedModelParams": models.log_params,
            "createDataset": evaluation.create,
            "deleteDataset": evaluation.delete,
            "createRegisteredModel": models_by_name.create,
            "renameRegisteredModel": models_by_name.rename,
            "updateRegisteredModel": models_by_name.update,
            "deleteRegisteredModel": models_by_name.delete,
            "setRegisteredModelTag": models_by_name.set_tag,
            "deleteRegisteredModelTag": models_by_name.delete_tag,
            "setRegisteredModelAlias": models_by_name.set_alias,
            "deleteRegisteredModelAlias": models_by_name.delete_alias,
            "updateModelVersion": models_by_name.update_version,
            "transitionModelVersionStage": models_by_name.transition,
            "deleteModelVersion": models_by_name.delete_version,
            "setModelVersionTag": models_by_name.set_version_tag,
            "deleteModelVersionTag": models_by_name.delete_version_tag,
            "createComment": notes.create,
            "restoreLoggedModel": trash.restore_model,
        }
        waiting: dict[str, Callable[[Context, Any], Any]] = {
            "searchTrash": trash.search,
            "emptyTrash": trash.empty,
            "searchExperiments": experiments.search,
            "searchExperimentsByQuery": experiments.search,
            "getExperiment": experiments.get,
            "getExperimentByName": experiments.get_by_name,
            "searchDatasets": experiments.search_datasets,
            "getRun": runs.get,
            "stopRun": runs.stop,
            "getServerState": ServerState(stores, stated).get,
            "getCapabilities": Capabilities(stores.tracking, refused_here, freezes=freezes).get,
            "copyRun": moving.copy,
            "searchRuns": runs.search,
            "getMetricHistory": metrics.history,
            "getMetricHistoryBulk": metrics.history_bulk,
            "getMetricHistoryBulkInterval": metrics.history_interval,
            "createView": views.create,
            "searchViews": views.search,
            "getView": views.get,
            "updateView": views.update,
            "deleteView": views.delete,
            "createTask": self._tasks.create,
            "searchTasks": self._tasks.search,
            "getTask": self._tasks.get,
            "cancelTask": self._tasks.cancel,
            "getOverview": overviews.get,
            "queryRunTable": run_tables.table,
            "findRunKeys": run_tables.keys,
            "findRunValues": run_tables.values,
            "querySeries": metrics.series,
            "findSeriesAt": metrics.at,
            "getMetricSummaries": metrics.summaries,
            "getLoggedModel": models.get,
            "searchLoggedModels": models.search,
            "listArtifacts": artifacts.list_of_run,
            "listLoggedModelArtifacts": artifacts.list_of_model,
            "getArtifactDetails": files.of_run,
            "getLoggedModelArtifactDetails": files.of_model,
            "createPresignedUploadUrl": artifacts.presign_upload,
            "createPresignedDownloadUrl": artifacts.presign_download,
            "listProxiedArtifacts": artifacts.list_proxied,
            "deleteArtifact": artifacts.delete_proxied,
            "adoptArtifact": artifacts.adopt,
            "createMultipartUpload": artifacts.start_parts,
            "completeMultipartUpload": artifacts.finish_parts,
            "abortMultipartUpload": artifacts.abort_parts,
            "getPresignedDownloadUrl": artifacts.sign_proxied,
            "getDataset": evaluation.get,
            "searchEvaluationDatasets": evaluation.search,
            "searchEvaluationDatasetsByQuery": evaluation.search,
            "setDatasetTags": evaluation.set_tags,
            "deleteDatasetTag": evaluation.delete_tag,
            "upsertDatasetRecords": evaluation.upsert_records,
            "createWebhook": self.webhooks.create,
            "listWebhooks": self.webhooks.find,
            "getWebhook": self.webhooks.get,
            "updateWebhook": self.webhooks.update,
            "deleteWebhook": self.webhooks.delete,
            "testWebhook": self.webhooks.test,
            "listWebhookDeliveries": self.webhooks.deliveries,
            "replayWebhookDelivery": self.webhooks.replay,
            "listAuditEntries": self.audit.entries,
            "getAuditEntry": self.audit.entry,
            "getAuditChain": self.audit.chain,
            "getDatasetExperimentIds": evaluation.experiment_ids,
            "getDatasetRecords": evaluation.records,
            "deleteDatasetRecords": evaluation.delete_records,
            "addDatasetToExperiments": evaluation.add_experiments,
            "removeDatasetFromExperiments": evaluation.remove_experiments,
            "getRegisteredModel": models_by_name.get,
            "searchRegisteredModels": models_by_name.search,
            "getLatestVersions": models_by_name.latest_versions,
            "getLatestVersionsByQuery": models_by_name.latest_versions,
            "getModelVersionByAlias": models_by_name.get_by_alias,
            "createModelVersion": models_by_name.create_version,
            "getModelVersion": models_by_name.get_version,
            "searchModelVersions": models_by_name.search_versions,
            "getModelVersionDownloadUri": models_by_name.download_uri,
            "getModelVersionLineage": notes.lineage,
            "getModelVersionManifest": self._manifests.get,
            "verifyModelVersion": self._manifests.verify,
            "announceModelServer": servers.announce,
            "renewModelServer": servers.renew,
            "withdrawModelServer": servers.withdraw,
            "getModelServer": servers.get,
            "listModelServers": servers.list,
            "setApprovalPolicy": approvals.set_policy,
            "deleteApprovalPolicy": approvals.delete_policy,
            "getApprovalPolicy": approvals.get_policy,
            "listApprovalPolicies": approvals.list_policies,
            "createTransitionRequest": approvals.create,
            "approveTransitionRequest": approvals.approve,
            "rejectTransitionRequest": approvals.reject,
            "deleteTransitionRequest": approvals.cancel,
            "commentTransitionRequest": approvals.comment,
            "getTransitionRequest": approvals.get,
            "listTransitionRequests": approvals.list,
            "searchTransitionRequests": approvals.search,
            "rollBack": approvals.roll_back,
            "updateComment": notes.update,
            "deleteComment": notes.delete,
            "listComments": notes.list,
        }
        tables, logs = Tables(artifacts), Logs(artifacts)
        # As long as there are files.
        looking: dict[str, Callable[[Context, Any], Any]] = {
            "deleteRunArtifacts": files.delete_of_run,
            "deleteLoggedModelArtifacts": files.delete_of_model,
            "readTable": tables.of_run,
            "readLoggedModelTable": tables.of_model,
            "readTableColumn": tables.column_of_run,
            "readLoggedModelTableColumn": tables.column_of_model,
            "listMedia": Gallery(artifacts).of_run,
            "readLog": logs.read,
            "searchLog": logs.search,
            "getStorage": overviews.storage,
            "measureStorage": overviews.measure,
        }
        self.handlers: Mapping[str, Handler] = {
            **{name: Handler(call, inline=False, is_long=True) for name, call in looking.items()},
            **{name: Handler(call, inline=True) for name, call in queued.items()},
            **{name: Handler(call, inline=False) for name, call in waiting.items()},
            "getServerInfo": Handler(self._server_info, inline=True),
        }
        self.marks: Mapping[str, Mark] = {"querySeries": metrics.mark}
        # `streams` of the table: these take or give bytes, in a thread, for as long as it takes.
        self.uploads: Mapping[str, Upload] = {
            "uploadArtifact": artifacts.receive_proxied,
            "uploadRunArtifact": artifacts.receive_of_run,
        }
        # The same for small files: whether they are taken in; `groups` does it.
        self.admissions: Mapping[str, Admit] = {
            "uploadArtifact": artifacts.admit_proxied,
            "uploadRunArtifact": artifacts.admit_of_run,
        }
        bundles = Bundles(self.places, transfers, artifacts.admit_below)
        self.bundles: Mapping[str, TakeBundle] = {"uploadBundle": bundles.take}
        self.downloads: Mapping[str, Download] = {
            "downloadArtifact": artifacts.open_proxied,
            "downloadBundle": bundles.give,
            "getArtifact": artifacts.open_of_run,
            "getLoggedModelArtifact": artifacts.open_of_model,
            "getModelVersionArtifact": artifacts.open_of_version,
            "downloadArchive": artifacts.archive_of_run,
            "downloadLoggedModelArchive": artifacts.archive_of_model,
            "exportRunTable": RunExport(stores.run_tables).give,
        }
        # The same for small files, on an event loop.
        self.glances: Mapping[str, Glance] = {"downloadArtifact": artifacts.glance_proxied}
        streams = self.uploads.keys() | self.bundles.keys() | self.downloads.keys()
        self.events = Events(stores, self._registry_stores)
        known = self.handlers.keys() | streams | _LISTENED
        missing = BY_NAME.keys() ^ known
        if missing:
            raise AssertionError(f"endpoints and handlers differ: {sorted(missing)}")

    def housekeeping(self) -> None:
        """What has to be done from time to time, every few seconds."""
        self.stores.tracking.expire_leases(now_ms()).result()
        self._registry_stores.model_servers.expire_servers(now_ms())
        for stores in {self.stores, self._registry_stores}:
            stores.tidy()
        self._manifests.catch_up()
        self._tasks.catch_up()

    def serve(self, *, at_end: bool = False) -> None:
        """What a server has to do besides, every few seconds and *at_end*: sign the audit trail,
        shorten the log of deliveries."""
        self.audit.sign(now_ms(), at_once=at_end)
        if not at_end:
            self.webhooks.tidy(now_ms())
            self._views.tidy(now_ms())

    def close(self) -> None:
        """Finish what was accepted, then let go."""
        self._tasks.close()
        self._read_back.close()
        self._manifests.close()
        self.groups.close()
        self.places.close()
        self.stores.close()
        if self._registry_stores is not self.stores:
            self._registry_stores.close()

    def _server_info(self, _ctx: Context, _request: Nothing) -> ServerInfo:
        kind = {"memory": "MemoryStore", "file": "FileStore"}.get(self.stores.kind, "SqlStore")
        try:
            store = self.places.destination
        except MillraceError:
            store = None  # not to be opened now; whoever transfers will hear why
        in_parts = isinstance(store, Multipart)
        return ServerInfo(
            store_type=kind,
            artifact_serving_enabled=self.places.proxies,
            multipart_uploads_enabled=in_parts,
            multipart_downloads_enabled=isinstance(store, Signs),
            presigned_upload_run_id_supported=True,
            presigned_upload_model_id_supported=True,
            artifacts_presigned_only=self.presigned_only,
            artifact_bundles_supported=not self.presigned_only and isinstance(store, Together),
        )


def _everywhere() -> Places:
    """In the user's own process whatever the user may touch may be touched. What a server would
    proxy is where one that is started here would keep it."""
    destination = settings.ARTIFACTS_DESTINATION.get()
    if "://" not in destination:
        destination = str(Path(destination.removeprefix("file:")).absolute())
    return Places(open_store, destination=destination, trusting=True)


def open_store(uri: str) -> ArtifactStore:
    """The artifacts at *uri*."""
    # As with records: which store it is comes out of the URI.
    from millrace.artifacts.open import open_artifacts  # noqa: PLC0415

    return open_artifacts(uri)


def open_guarded_store(uri: str) -> ArtifactStore:
    """The same for a server, which clients tell where to read: web servers are only called at
    addresses that the operator's policy takes, as for webhooks."""
    from millrace.artifacts.open import Reach, open_artifacts  # noqa: PLC0415 - as above
    from millrace.http.judged import judged_client  # noqa: PLC0415 - few servers need it
    from millrace.http.outbound import policy  # noqa: PLC0415 - as above

    return open_artifacts(uri, Reach(web=lambda url: judged_client(url, policy())))


def open_platform(  # noqa: PLR0913 - as above
    uri: str,
    *,
    artifact_root: str | None = None,
    local_locations: bool = True,
    places: Places | None = None,
    presigned_only: bool = False,
    registry_uri: str | None = None,
    unserved: Mapping[str, str] = MappingProxyType({}),
    stated: Mapping[str, object] = MappingProxyType({}),
) -> Platform:
    """The platform over the records at *uri*.

    Without `artifact_root`, artifacts of new experiments go beside records that are files, else to
    `DEFAULT_ARTIFACT_ROOT`. `local_locations`: whether experiments may be given folders as artifact
    locations. `places`: where it may touch artifacts; anywhere when it is left out.
    `presigned_only`: it says that bytes do not pass through it. `registry_uri`: where registered
    models are, if apart. `unserved`: calls that whoever serves it does not answer, each with the
    reason. `stated`: settings whose place an option took, by name.
    """
    # Which store it is comes out of the URI: services know protocols only.
    from millrace.stores.open import (  # noqa: PLC0415
        artifact_root_beside,
        key_file,
        open_stores,
    )

    given = settings.KEY_FILE.get()
    root = artifact_root or artifact_root_beside(uri) or DEFAULT_ARTIFACT_ROOT
    stores = open_stores(uri, default_artifact_root=root)
    try:
        apart = registry_uri is not None and registry_uri != uri
        registry = open_stores(registry_uri or "") if apart else None
    except BaseException:
        stores.close()
        raise
    return Platform(
        stores,
        artifact_root=root,
        local_locations=local_locations,
        places=places,
        presigned_only=presigned_only,
        keys=KeyRing(
            Path(given) if given else key_file(uri),
            sealing_key=settings.WEBHOOK_SECRET_ENCRYPTION_KEY.get(),
        ),
        registry=registry,
        unserved=unserved,
        stated=stated,
    )
