// Derived from docs/reference/openapi.json by `make gen`; never edited.

/** A number; those that JSON cannot write are strings. */
export type Number = number | "NaN" | "Infinity" | "-Infinity"

export interface AbortParts {
  artifact_path: string
  path: string
  upload_id: string
}

/** Whose most runs of an experiment are, of how many people; when it was last changed, or a run of it began or ended; what is known to be kept in its location. `primary_metric` is the metric that the experiment names, `best` the best that a run reached in it, `best_run_id` which. */
export interface AboutExperiment {
  owner?: string
  owners?: number
  last_activity_ms: number
  files?: number
  bytes?: number
  primary_metric?: string
  is_maximized?: boolean
  best?: Number
  best_run_id?: string
}

/** What the client would upload, by size and SHA-256 (hexadecimal). */
export interface Adopt {
  artifact_path: string
  sha256: string
  size: number
}

/** Whether the file is there now; if not, upload it. */
export interface Adopted {
  adopted: boolean
}

/** A name that points at one version of a model. */
export interface Alias {
  alias: string
  version: string
}

export interface AliasOfModel {
  name: string
  alias: string
}

/** `server_id`: given by the server to itself, `s-` and 32 hexadecimal digits; announcing it again replaces what is known of it. `endpoint`: what it calls the model. `model_uri`: what it was told to serve. `ttl_ms`: it counts for so long, unless it is renewed. `up_ms`: for how long it has been ready. */
export interface AnnounceModelServer {
  server_id: string
  name: string
  version: string
  endpoint: string
  url: string
  host: string
  model_uri?: string
  ttl_ms: number
  up_ms?: number
}

/** A wish that others have to agree to, with its frozen evidence. Times in milliseconds. */
export interface ApprovalRequest {
  id: string
  wish: Wish
  state?: "APPROVED" | "CANCELLED" | "EXPIRED" | "OPEN" | "REJECTED"
  user_id: string
  is_verified: boolean
  creation_timestamp: number
  last_updated_timestamp: number
  expires_ms?: number
  approvals_needed: number
  evidence: Evidence
  opinions?: Opinion[]
}

export interface ArtifactAt {
  artifact_path: string
}

/** What is known of a file without reading it; times are milliseconds since the epoch. */
export interface ArtifactDetails {
  path: string
  file_size: number
  content_type: string
  standing: "damaged" | "recorded" | "unrecorded" | "unsettled"
  sha256?: string
  uploaded_ms?: number
  uploaded_by?: string
  modified_ms?: number
}

/** One level, by name; paths are relative to `root_uri`. */
export interface ArtifactList {
  root_uri: string
  files?: FileInfo[]
  next_page_token?: string
}

/** How much went, or would go. What is not there counts for nothing, and is no error. */
export interface ArtifactsDeleted {
  files: number
  bytes: number
}

/** What the caller may do here; with an experiment, a run or a logged model, what it may do with that one. */
export interface AskCapabilities {
  experiment_id?: string
  run_id?: string
  model_id?: string
}

export interface AuditChainReply {
  entries?: ChainedEntry[]
  heads?: SignedHead[]
  keys?: PublicKey[]
}

export interface AuditEntriesReply {
  entries?: AuditEntry[]
  next_page_token?: string
}

/** One change of state, or one that was refused, as the audit trail tells it. */
export interface AuditEntry {
  seq: number
  at_ms: number
  actor: string
  verified?: boolean
  request_id?: string
  address?: string
  action: string
  outcome?: "done" | "refused"
  kind: string
  id: string
  before?: string
  after?: string
  changes?: Record<string, [unknown, unknown]>
  reason?: string
}

export interface AuditEntryReply {
  entry: AuditEntry
  text: string
  hash: string
}

/** How many files of a bundle were taken in, and what was not. */
export interface BundleTaken {
  taken: number
  refused?: FileRefused[]
}

/** An answer that is no JSON. */
export interface Bytes {
  body: string
  content_type?: string
}

/** `user`: whom the server takes the caller for; `is_verified`: that was proved. `has_accounts`: the server knows its users; where it does not, everybody may do everything. */
export interface Capabilities {
  user: string
  is_verified?: boolean
  has_accounts?: boolean
  permission: string
  refused?: Record<string, string>
}

/** A value, as text, and how many rows have it. */
export interface CellCount {
  value: string
  rows: number
}

export interface ChainedEntry {
  seq: number
  text: string
  hash: string
}

/** The code that made a model, as its run tells it. */
export interface CodeVersion {
  commit?: string
  branch?: string
  repository?: string
  is_dirty?: boolean
  source?: string
}

/** `rows` that match, and how many of them are `missing` a value; `frequent`: the values that most have. `distinct` and `frequent` are absent beyond 100,000 values. Of finite numbers also how they spread; `bins` are as wide as each other, from `least` to `greatest`. */
export interface ColumnFigures {
  name: string
  type: string
  is_number: boolean
  rows: number
  missing?: number
  distinct?: number
  frequent?: CellCount[]
  least?: Number
  greatest?: Number
  mean?: Number
  deviation?: Number
  quartiles?: Number[]
  bins?: number[]
}

/** What somebody says of a model or of one of its versions, as Markdown. */
export interface Comment {
  id: string
  name: string
  version?: string
  user_id: string
  is_verified: boolean
  comment: string
  creation_timestamp: number
  last_updated_timestamp: number
}

export interface CommentOfModel {
  name: string
  id: string
}

export interface CommentReply {
  comment: Comment
}

export interface CommentTransitionRequest {
  name: string
  id: string
  comment: string
}

export interface CommentsReply {
  comments?: Comment[]
  next_page_token?: string
}

export interface CopiedRun {
  run_info: RunInfo
}

/** `experiment_id`: where the copy goes; without it, beside the run. `artifacts`: copy the files, too. */
export interface CopyRun {
  run_id: string
  experiment_id?: string
  artifacts?: boolean
}

export interface CreateComment {
  name: string
  comment: string
  version?: string
}

export interface CreateDataset {
  name: string
  experiment_ids?: string[]
  source_type?: "CODE" | "DOCUMENT" | "HUMAN" | "SOURCE_TYPE_UNSPECIFIED" | "TRACE"
  source?: string
  schema?: string
  profile?: string
  created_by?: string
  tags?: string
}

export interface CreateExperiment {
  name: string
  artifact_location?: string
  tags?: Entry[]
}

export interface CreateLoggedModel {
  experiment_id: string
  name?: string
  model_type?: string
  source_run_id?: string
  params?: Entry[]
  tags?: Entry[]
}

export interface CreateModelVersion {
  name: string
  source: string
  run_id?: string
  tags?: Entry[]
  run_link?: string
  description?: string
  model_id?: string
}

export interface CreateRegisteredModel {
  name: string
  tags?: Entry[]
  description?: string
  deployment_job_id?: string
}

export interface CreateRun {
  experiment_id: string
  user_id?: string
  run_name?: string
  start_time?: number
  tags?: Entry[]
}

/** Do something to all runs that match, or to those of `run_ids` that are in the experiments, or to those of the task `of_task_id`, which undoes or repeats it. `key` and `value` are the tag of `tag_runs`; `target_id` is where `move_runs` has them go. */
export interface CreateTask {
  experiment_ids: string[]
  filter?: string
  text?: string
  view?: "ACTIVE_ONLY" | "ALL" | "DELETED_ONLY"
  kind: "delete_runs" | "move_runs" | "restore_runs" | "stop_runs" | "tag_runs"
  run_ids?: string[]
  of_task_id?: string
  key?: string
  value?: string
  target_id?: string
}

export interface CreateTransitionRequest {
  name: string
  version?: string
  stage?: string
  alias?: string
  archive_existing_versions?: boolean
  rollback?: boolean
  comment?: string
}

/** `document` is a JSON object as text, `format` the version of its form, both the caller's. Without a name the view only stands for a long address: the same content is the same view, which is dropped when nobody has asked for it for 90 days. A default takes that place from the one before: for everybody if it is shared, for the owner if not. */
export interface CreateView {
  experiment_id?: string
  name?: string
  description?: string
  is_shared?: boolean
  is_default?: boolean
  format: number
  document: string
}

export interface CreateWebhook {
  name: string
  url: string
  events: EventEntry[]
  description?: string
  secret?: string
  status?: "ACTIVE" | "DISABLED"
}

/** A data set by name and digest. `source`, `schema` and `profile` hold JSON text. */
export interface Dataset {
  name: string
  digest: string
  source_type?: string
  source?: string
  schema?: string
  profile?: string
}

export interface DatasetEntry {
  name: string
  digest: string
  source_type?: string
  source?: string
  schema?: string
  profile?: string
}

export interface DatasetExperiments {
  dataset_id: string
  experiment_ids?: string[]
}

export interface DatasetId {
  dataset_id: string
  page_token?: string
}

/** A data set that a run read, with tags such as `mlflow.data.context`. */
export interface DatasetInput {
  tags?: KeyValue[]
  dataset: Dataset
}

export interface DatasetInputEntry {
  dataset: DatasetEntry
  tags?: Entry[]
}

export interface DatasetOfMetric {
  dataset_name: string
  dataset_digest?: string
}

export interface DatasetReply {
  dataset: EvaluationDataset
  next_page_token?: string
}

export interface DatasetSummaries {
  dataset_summaries?: DatasetSummary[]
}

/** A data set used somewhere in an experiment; `context` is absent where none was given. */
export interface DatasetSummary {
  experiment_id: string
  name: string
  digest: string
  context?: string
}

export interface DatasetsReply {
  datasets?: EvaluationDataset[]
  next_page_token?: string
}

/** How many runs began on a day, such as `2026-01-31`. */
export interface DayOfRuns {
  day: string
  runs: number
}

/** Which request: by `id`, or by version and stage or alias where one only is open. */
export interface DecideTransitionRequest {
  name: string
  id?: string
  version?: string
  stage?: string
  alias?: string
  archive_existing_versions?: boolean
  comment?: string
}

export interface DeleteDatasetRecords {
  dataset_id: string
  dataset_record_ids?: string[]
}

export interface DeleteDatasetTag {
  dataset_id: string
  key: string
}

export interface DeleteExperimentTag {
  experiment_id: string
  key: string
}

export interface DeleteLoggedModelTag {
  model_id: string
  tag_key: string
}

/** Files and folders of a logged model, as `DeleteRunArtifacts`. */
export interface DeleteModelArtifacts {
  model_id: string
  paths: string[]
  dry_run?: boolean
}

export interface DeleteModelVersionTag {
  name: string
  version: string
  key: string
}

export interface DeleteRegisteredModelTag {
  name: string
  key: string
}

/** Files and folders of a run, each with all that is in it. With `dry_run` nothing is deleted, and the answer is the same. */
export interface DeleteRunArtifacts {
  run_id: string
  run_uuid?: string
  paths: string[]
  dry_run?: boolean
}

export interface DeleteTag {
  run_id: string
  run_uuid?: string
  key: string
}

export interface DeliveriesReply {
  deliveries?: Delivery[]
  next_page_token?: string
}

/** One event on its way to one webhook, and what became of it. */
export interface Delivery {
  delivery_id: string
  webhook_id: string
  event: string
  state: "DELIVERED" | "FAILED" | "WAITING"
  created_ms: number
  due_ms: number
  attempts?: number
  response_status?: number
  problem?: string
  took_ms?: number
  ended_ms?: number
}

export interface DeliveryId {
  webhook_id: string
  delivery_id: string
}

export interface DeliveryReply {
  delivery: Delivery
}

/** Something in which a version differs from the one that is in the place now. */
export interface Difference {
  what: string
  current?: string
  requested?: string
}

export interface DownloadUri {
  artifact_uri: string
}

/** What to remove; without any id all that is in the trash. `older_than_ms`: only what has been there for that long. `dry_run`: say what would be removed. */
export interface EmptyTrash {
  run_ids?: string[]
  experiment_ids?: string[]
  logged_model_ids?: string[]
  older_than_ms?: number
  dry_run?: boolean
}

/** A param or tag; an absent value is the empty string. */
export interface Entry {
  key: string
  value?: string
}

/** Why a request failed, for programs and for people. */
export interface Error {
  error_code: string
  message: string
  sqlstate?: string
  error_class?: string
}

/** An evaluation is there: the source run has that metric, or the version has that tag. */
export interface Evaluated {
  metric?: string
  tag?: string
}

/** A named collection of records to evaluate on. `tags`, `schema`, `profile`: JSON text. */
export interface EvaluationDataset {
  dataset_id: string
  name: string
  digest: string
  created_time: number
  last_update_time: number
  tags?: string
  schema?: string
  profile?: string
  created_by?: string
  last_updated_by?: string
  experiment_ids?: string[]
}

/** Something has changed. `type` is the action of the audit trail, such as `run.end` or `model_version.transition`; `run.data` for what is logged to a run, twice a second at most; or `reset`, when more was missed than is told: look at everything anew. */
export interface Event {
  type: string
  topic: "approvals" | "experiments" | "other" | "registry" | "runs" | "webhooks"
  kind?: string
  id?: string
  experiment_id?: string
  at_ms: number
  actor?: string
}

/** An event by names or wire numbers. */
export interface EventEntry {
  entity: "BUDGET_POLICY" | "EXPERIMENT" | "MODEL_VERSION" | "MODEL_VERSION_ALIAS" | "MODEL_VERSION_TAG" | "PROMPT" | "PROMPT_ALIAS" | "PROMPT_TAG" | "PROMPT_VERSION" | "PROMPT_VERSION_TAG" | "REGISTERED_MODEL" | "RUN" | "TRANSITION_REQUEST"
  action: "APPROVED" | "CANCELLED" | "CREATED" | "DELETED" | "ENDED" | "EXCEEDED" | "REJECTED" | "RESTORED" | "SET" | "TRANSITIONED" | "UPDATED"
}

/** What a request is decided on. `digest` is over all of it, and of the policy. */
export interface Evidence {
  policy: string
  version: string
  version_digest: string
  manifest_state?: "PENDING" | "RECORDED" | "UNREADABLE"
  manifest_digest?: string
  figures?: Figures
  tags?: KeyValue[]
  current_version?: string
  current_digest?: string
  current_figures?: Figures
  differences?: Difference[]
  step?: string
  digest?: string
}

/** A set of runs that answer one question. Times are milliseconds since the epoch. */
export interface Experiment {
  experiment_id: string
  name: string
  artifact_location: string
  lifecycle_stage: "active" | "deleted"
  last_update_time?: number
  creation_time?: number
  tags?: KeyValue[]
  workspace?: string
}

export interface ExperimentCreated {
  experiment_id: string
}

export interface ExperimentId {
  experiment_id: string
}

export interface ExperimentIdsReply {
  experiment_ids?: string[]
}

export interface ExperimentName {
  experiment_name: string
}

export interface ExperimentReply {
  experiment: Experiment
}

export interface ExperimentsReply {
  experiments?: Experiment[]
  next_page_token?: string
}

/** All matching runs, or those of them that `run_ids` names, as a Parquet file: `run_id`, then the `columns` of `queryRunTable` with the types that they have there, in the order of `order_by`. Headings are the columns without backticks; attributes go without their prefix. */
export interface ExportRunTable {
  experiment_ids: string[]
  filter?: string
  text?: string
  view?: "ACTIVE_ONLY" | "ALL" | "DELETED_ONLY"
  columns?: string[]
  order_by?: string[]
  maximize?: string[]
  run_ids?: string[]
}

/** What is known of a version outside the registry: its run's last metrics and params, the inputs that its signature states (JSON), and what is wrong with its files (None: not read). */
export interface Figures {
  metrics?: KeyValue[]
  params?: KeyValue[]
  signature?: string
  damage?: string
}

/** A cell for each row: text, a number, true or false, or null. `type` is the file's word for it; of delimited text, `number` or `text`. Whole numbers beyond 2**53 and numbers that JSON has no word for are text; so is what has a structure. Long text ends in an ellipsis. */
export interface FileColumn {
  name: string
  type: string
  is_number: boolean
  values?: unknown[]
}

/** A file or folder as the wire lists it; folders have no `file_size`, in bytes. */
export interface FileInfo {
  path: string
  is_dir: boolean
  file_size?: number
}

/** A file that is not as the manifest says. */
export interface FileProblem {
  path: string
  problem: "CHANGED" | "EXTRA" | "MISSING" | "UNREADABLE"
  message?: string
}

/** Why a file of a bundle was not taken in, as an answer to it alone would say. */
export interface FileRefused {
  path: string
  status: number
  error_code: string
  message: string
}

/** `total`: rows that match; `rows`: rows of the table. `is_cut`: only the first part of the file was looked at, because it is larger than this server reads for a page. `is_uncounted`: more rows follow, and both numbers are of those up to the end of the page. */
export interface FileTable {
  total: number
  rows: number
  offset: number
  columns?: FileColumn[]
  is_cut?: boolean
  is_uncounted?: boolean
}

export interface FinalizeLoggedModel {
  model_id: string
  status: "LOGGED_MODEL_PENDING" | "LOGGED_MODEL_READY" | "LOGGED_MODEL_STATUS_UNSPECIFIED" | "LOGGED_MODEL_UPLOAD_FAILED"
}

/** Keys that the matching runs have. `prefix` and `contains` narrow names, whatever their case; `order` is by name, or those first that most runs have. */
export interface FindRunKeys {
  experiment_ids: string[]
  filter?: string
  text?: string
  view?: "ACTIVE_ONLY" | "ALL" | "DELETED_ONLY"
  kind: "metric" | "param" | "tag"
  prefix?: string
  contains?: string
  order?: "coverage" | "name"
  limit?: number
  offset?: number
}

/** `column`: `params.KEY`, `tags.KEY`, `attributes.NAME`, `datasets.name`, `datasets.digest` or `datasets.context`. `prefix` narrows values, whatever their case. */
export interface FindRunValues {
  experiment_ids: string[]
  filter?: string
  text?: string
  view?: "ACTIVE_ONLY" | "ALL" | "DELETED_ONLY"
  column: string
  prefix?: string
  limit?: number
}

/** The points of many series at one place of the x axis: of each the one whose x is nearest to `at`, the later one of two; or `previous`, the last one that is not beyond it. Axes as in `querySeries`. */
export interface FindSeriesAt {
  run_ids: string[]
  keys: string[]
  at: number
  x?: "metric" | "relative" | "step" | "time"
  x_metric?: string
  match?: "nearest" | "previous"
}

/** `size` and `sha256` (hexadecimal) of all parts together are recorded, if they are given; the parts did not pass through the server. */
export interface FinishParts {
  artifact_path: string
  path: string
  upload_id: string
  parts: PartDone[]
  size?: number
  sha256?: string
}

/** What must hold when a version enters a guarded place. */
export interface Gates {
  metrics?: MetricGate[]
  tags?: TagGate[]
  signature?: "compatible" | "present"
  manifest?: boolean
  evaluation?: Evaluated
}

export interface GetAuditChain {
  after?: number
  max_results?: number
  registry?: boolean
}

export interface GetAuditEntry {
  seq: number
  registry?: boolean
}

export interface GetDatasetRecords {
  dataset_id: string
  max_results?: number
  page_token?: string
}

export interface GetHistory {
  run_id: string
  run_uuid?: string
  metric_key: string
  page_token?: string
  max_results?: number
}

export interface GetHistoryBulk {
  run_id?: string[]
  metric_key: string
  max_results?: number
}

export interface GetHistoryInterval {
  run_ids?: string[]
  metric_key: string
  start_step?: number
  end_step?: number
  max_results?: number
}

export interface GetLatestVersions {
  name: string
  stages?: string[]
}

/** `days`: so many, today included, on a clock that is `utc_offset_minutes` before UTC's (after it, if negative). `experiment_ids`: only runs of these experiments count, and each is told by itself, too; `about`: with what a list of experiments shows of them besides. */
export interface GetOverview {
  days?: number
  utc_offset_minutes?: number
  experiment_ids?: string[]
  about?: boolean
}

/** `max_age_s`: an answer may be so old; 0: add it up anew. */
export interface GetStorage {
  max_age_s?: number
}

/** Of each group: how many runs hold a finite number, their mean and their standard deviation (of a sample: null for one run). */
export interface GroupColumn {
  name: string
  count?: number[]
  mean?: unknown[]
  std?: unknown[]
}

/** One key of a group and its value; without one: of the runs that have none. */
export interface GroupValue {
  column: string
  value?: string
}

/** Places under a policy: one stage, or the aliases that match a glob. */
export interface Guard {
  stage?: "Archived" | "None" | "Production" | "Staging"
  alias?: string
}

export interface Heartbeat {
  run_id: string
  run_uuid?: string
  ttl_ms: number
}

/** `stop`: somebody has asked the run to stop. */
export interface HeartbeatReply {
  stop?: StopAsked
}

/** A param or tag as the wire lists them. */
export interface KeyValue {
  key: string
  value: string
}

/** Images under one key, in the order of their steps, then times. `thumbnails` are paths of small versions, at most 256 pixels either way, null where there is none. */
export interface KeyedImages {
  key: string
  steps?: number[]
  timestamps?: number[]
  paths?: string[]
  thumbnails?: string[]
}

/** What a version was made from, what was made from it, and what serves it. */
export interface Lineage {
  name: string
  version: string
  source: string
  run_id?: string
  experiment_id?: string
  model_id?: string
  parent?: VersionName
  children?: VersionName[]
  datasets?: DatasetInput[]
  code?: CodeVersion
  served_by?: ModelServer[]
}

export interface LineageReply {
  lineage: Lineage
}

/** `path` is a folder of the run; all of it comes in one page. */
export interface ListArtifacts {
  run_id: string
  run_uuid?: string
  path?: string
  page_token?: string
}

export interface ListAuditEntries {
  actor?: string
  action?: string
  kind?: string
  id?: string
  request_id?: string
  since_ms?: number
  until_ms?: number
  max_results?: number
  page_token?: string
  registry?: boolean
}

export interface ListComments {
  name: string
  version?: string
  max_results?: number
  page_token?: string
}

export interface ListDeliveries {
  webhook_id: string
  state?: "DELIVERED" | "FAILED" | "WAITING"
  max_results?: number
  page_token?: string
}

/** What a run has to look at or to listen to; with `key`, only images that are logged under it. */
export interface ListMedia {
  run_id: string
  run_uuid?: string
  key?: string
}

export interface ListModelArtifacts {
  model_id: string
  artifact_directory_path?: string
  page_token?: string
}

export interface ListModelServers {
  name?: string
  version?: string
  endpoint?: string
  host?: string
  max_results?: number
  page_token?: string
}

export interface ListProxied {
  path?: string
}

export interface ListTransitionRequests {
  name: string
  version?: string
  max_results?: number
  page_token?: string
}

export interface ListWebhooks {
  max_results?: number
  page_token?: string
}

/** Which events; absent: all. With experiments or runs, of experiments, runs and what is logged only those of them. `last_event_id` stands for the header Last-Event-ID: what came after it comes first. */
export interface ListenEvents {
  topics?: ("approvals" | "experiments" | "other" | "registry" | "runs" | "webhooks")[]
  experiment_ids?: string[]
  run_ids?: string[]
  last_event_id?: string
}

export interface LogBatch {
  run_id: string
  run_uuid?: string
  metrics?: MetricEntry[]
  params?: Entry[]
  tags?: Entry[]
}

/** The number of the line that was found, and its place among the lines that match `level`; both are absent when there is none. */
export interface LogHit {
  line?: number
  row?: number
}

export interface LogInputs {
  run_id: string
  run_uuid?: string
  datasets?: DatasetInputEntry[]
  models?: ModelInputEntry[]
}

/** `line`: its number in all of the log, from 0. `time_ms` and `stream` of what the client kept of the output of a run; `is_cut`: only its beginning is here. */
export interface LogLine {
  line: number
  text: string
  time_ms?: number
  stream?: "err" | "out"
  level?: "critical" | "debug" | "error" | "info" | "warning"
  is_cut?: boolean
}

export interface LogLoggedModelParams {
  model_id: string
  params?: Entry[]
}

export interface LogMetric {
  run_id: string
  run_uuid?: string
  key: string
  value: Number
  timestamp: number
  step?: number
  model_id?: string
  dataset_name?: string
  dataset_digest?: string
}

export interface LogModel {
  run_id: string
  run_uuid?: string
  model_json: string
}

export interface LogOutputs {
  run_id: string
  run_uuid?: string
  models: ModelOutputEntry[]
}

/** `total`: lines that match; `lines`, `size`: of all of the log. */
export interface LogPage {
  total: number
  lines: number
  size: number
  offset: number
  rows?: LogLine[]
}

export interface LogParam {
  run_id: string
  run_uuid?: string
  key: string
  value?: string
}

/** A logged model as clients see it. */
export interface LoggedModel {
  info: LoggedModelInfo
  data?: LoggedModelData
}

/** Params of the model, and metrics that runs logged for it. */
export interface LoggedModelData {
  params?: KeyValue[]
  metrics?: Metric[]
}

export interface LoggedModelId {
  model_id: string
}

/** What a list shows of a logged model. Times in milliseconds since the epoch. */
export interface LoggedModelInfo {
  model_id: string
  experiment_id: string
  name: string
  creation_timestamp_ms: number
  last_updated_timestamp_ms: number
  artifact_uri: string
  status: "LOGGED_MODEL_PENDING" | "LOGGED_MODEL_READY" | "LOGGED_MODEL_STATUS_UNSPECIFIED" | "LOGGED_MODEL_UPLOAD_FAILED"
  model_type: string
  source_run_id: string
  status_message?: string
  tags?: KeyValue[]
  registrations?: LoggedModelRegistration[]
}

/** A registered version made of a logged model. */
export interface LoggedModelRegistration {
  name: string
  version: string
}

export interface LoggedModelReply {
  model: LoggedModel
}

export interface LoggedModelsReply {
  models?: LoggedModel[]
  next_page_token?: string
}

/** The files of a version as they were when it was registered. */
export interface Manifest {
  state: "PENDING" | "RECORDED" | "UNREADABLE"
  digest?: string
  recorded_ms?: number
  message?: string
  files?: ManifestFile[]
}

/** A file of a version: path below its root, size in bytes, SHA-256 in hexadecimal. */
export interface ManifestFile {
  path: string
  size: number
  sha256: string
}

export interface ManifestReply {
  manifest: Manifest
}

export interface MeasureStorage {
  experiment_id: string
}

/** What lies below the location of an experiment now, whoever put it there. `is_partial`: there is more, and the time for an answer was over. */
export interface Measured {
  experiment_id: string
  files: number
  bytes: number
  is_partial?: boolean
  measured_ms: number
  took_ms: number
}

/** `is_partial`: there is more than one answer lists, or looks through. */
export interface Media {
  images?: KeyedImages[]
  files?: MediaFile[]
  is_partial?: boolean
}

/** Another file, by what it is; `page`: HTML. */
export interface MediaFile {
  path: string
  kind: "audio" | "image" | "page" | "table" | "video"
  file_size?: number
}

/** One point of a series. `timestamp` in milliseconds; `value` may be NaN or infinite. */
export interface Metric {
  key: string
  value: Number
  timestamp: number
  step: number
  dataset_name?: string
  dataset_digest?: string
  model_id?: string
  run_id?: string
}

/** A point in a batch; an absent step is 0. */
export interface MetricEntry {
  key: string
  value: Number
  timestamp: number
  step?: number
  model_id?: string
  dataset_name?: string
  dataset_digest?: string
  run_id?: string
}

/** A metric of the source run must compare so with `value`, or with the same metric of the version that is in the place now (moved by `value`); then an empty place is no obstacle. */
export interface MetricGate {
  metric: string
  compare: "<" | "<=" | ">" | ">="
  value?: Number
  than_current?: boolean
}

/** Aggregates of all points of one key of one run. NaNs count, but aggregate to nothing. */
export interface MetricSummary {
  key: string
  count: number
  last: Number
  last_step: number
  last_timestamp: number
  minimum?: Number
  maximum?: Number
  mean?: Number
  min_step?: number
  max_step?: number
}

/** As `MetricsReply`, with the list there also when it is empty. */
export interface MetricsList {
  metrics?: Metric[]
}

export interface MetricsReply {
  metrics?: Metric[]
  next_page_token?: string
}

export interface ModelFile {
  model_id: string
  artifact_file_path: string
}

/** A folder of a logged model; without `path`, all of its artifacts. With `paths`, only these files and folders of it. */
export interface ModelFolder {
  model_id: string
  path?: string
  paths?: string[]
}

/** A logged model that a run read. */
export interface ModelInput {
  model_id: string
}

export interface ModelInputEntry {
  model_id: string
}

export interface ModelName {
  name: string
}

/** A logged model that a run made, and at which step. */
export interface ModelOutput {
  model_id: string
  step: number
}

export interface ModelOutputEntry {
  model_id: string
  step?: number
}

/** A process that serves a version. It counts until its lease ends, by the clock of the store. */
export interface ModelServer {
  server_id: string
  name: string
  version: string
  endpoint: string
  url: string
  host: string
  model_uri: string
  user_id: string
  is_verified: boolean
  started_timestamp: number
  lease_until_timestamp: number
}

export interface ModelServerAt {
  server_id: string
}

export interface ModelServerReply {
  model_server: ModelServer
}

export interface ModelServersReply {
  model_servers?: ModelServer[]
  next_page_token?: string
}

/** One version of a registered model. Times in milliseconds since the epoch. */
export interface ModelVersion {
  name: string
  version: string
  creation_timestamp: number
  last_updated_timestamp: number
  current_stage: "Archived" | "None" | "Production" | "Staging"
  source: string
  run_id: string
  status: "FAILED_REGISTRATION" | "PENDING_REGISTRATION" | "READY"
  run_link: string
  user_id?: string
  description?: string
  status_message?: string
  model_id?: string
  tags?: KeyValue[]
  aliases?: string[]
}

export interface ModelVersionReply {
  model_version: ModelVersion
}

export interface ModelVersionsReply {
  model_versions?: ModelVersion[]
  next_page_token?: string
}

/** `experiment_id`: where they go. */
export interface MoveRuns {
  run_ids: string[]
  experiment_id: string
}

export type Nothing = Record<string, never>

/** What somebody said of a request. `is_verified`: the name was proved, not just stated. */
export interface Opinion {
  user_id: string
  is_verified: boolean
  verdict: "APPROVE" | "CANCEL" | "COMMENT" | "REJECT"
  comment?: string
  timestamp: number
}

export interface OrderLoggedModelsBy {
  field_name: string
  ascending?: boolean
  dataset_name?: string
  dataset_digest?: string
}

/** Runs outside the trash by status, those in the trash, and how many runs began on which day; days without any are left out. `first_day` and `last_day` bound the days asked for. */
export interface Overview {
  runs: Record<string, number>
  deleted?: number
  first_day: string
  last_day: string
  days?: DayOfRuns[]
  experiments?: RunsOfExperiment[]
}

export interface PartDone {
  part_number: number
  etag: string
  url?: string
}

export interface PartUpload {
  url: string
  part_number: number
  headers?: Record<string, string>
}

export interface PartsStarted {
  upload_id: string
  credentials?: PartUpload[]
}

/** A point of a series; `x` in the unit of the axis. */
export interface PointAt {
  run_id: string
  key: string
  x: Number
  value: Number
  step: number
  timestamp: number
}

/** By run and key as asked for; series that have no such point are left out. */
export interface PointsAt {
  points?: PointAt[]
}

export interface PoliciesReply {
  policies?: Policy[]
}

/** Who must agree to changes of the guarded places of models, and what must hold. */
export interface Policy {
  models: string
  guards: Guard[]
  approvals?: number
  approvers?: string[]
  self_approval?: boolean
  expires_s?: number
  rollback?: "approval" | "free"
  gates?: Gates
}

export interface PolicyFor {
  name: string
}

export interface PolicyOf {
  models: string
}

export interface PolicyReply {
  policy: Policy
}

/** `expiration`: seconds. */
export interface PresignDownload {
  run_id: string
  path: string
  expiration?: number
}

/** One of `run_id` and `model_id`. `expiration`: seconds. */
export interface PresignUpload {
  run_id?: string
  model_id?: string
  path: string
  expiration?: number
}

/** A URL that lets whoever holds it do one thing; `headers` must be sent along. */
export interface Presigned {
  presigned_url: string
  headers?: Record<string, string>
  file_size?: number
}

/** One level, by name; paths are relative to the folder that was asked for. */
export interface ProxiedList {
  files?: FileInfo[]
}

/** A key that heads are signed with: 32 bytes in hexadecimal; its id is their SHA-256. */
export interface PublicKey {
  key_id: string
  public_key: string
}

/** A window on a table of runs. */
export interface QueryRunTable {
  experiment_ids: string[]
  filter?: string
  text?: string
  view?: "ACTIVE_ONLY" | "ALL" | "DELETED_ONLY"
  columns?: string[]
  order_by?: string[]
  maximize?: string[]
  offset?: number
  limit?: number
  cursor?: string
  tree?: RunTree
  group_by?: string[]
  within?: GroupValue[]
}

/** Which series, and the window and resolution wanted. */
export interface QuerySeries {
  run_ids: string[]
  keys: string[]
  x?: "metric" | "relative" | "step" | "time"
  x_metric?: string
  start?: number
  end?: number
  buckets?: number
  aggregates?: ("count" | "first" | "last" | "maximum" | "mean" | "minimum")[]
  format?: "binary" | "json"
  precision?: "float32" | "float64"
}

/** A column of `RowsOfTable` of the file at `path` of a run, of up to 1,000,000 rows. */
export interface ReadColumn {
  text?: string
  where?: string[]
  run_id: string
  path: string
  column: string
}

/** A page of `LogOfRun`; a negative `offset` counts from the end. */
export interface ReadLog {
  run_id: string
  path: string
  level?: "critical" | "debug" | "error" | "info" | "warning"
  offset?: number
  limit?: number
}

/** A column of `RowsOfTable` of the file at `path` of a logged model, of up to 1,000,000 rows. */
export interface ReadModelColumn {
  text?: string
  where?: string[]
  model_id: string
  path: string
  column: string
}

/** `TablePage` of the file at `path` of a logged model. */
export interface ReadModelTable {
  text?: string
  where?: string[]
  offset?: number
  limit?: number
  sort_by?: string
  descending?: boolean
  count?: boolean
  model_id: string
  path: string
}

/** `TablePage` of the file at `path` of a run. */
export interface ReadTable {
  text?: string
  where?: string[]
  offset?: number
  limit?: number
  sort_by?: string
  descending?: boolean
  count?: boolean
  run_id: string
  path: string
}

export interface RecordsDeleted {
  deleted_count: number
}

export interface RecordsReply {
  records: string
  next_page_token?: string
}

export interface RecordsUpserted {
  inserted_count: number
  updated_count: number
}

/** A name under which versions of a model are kept. Times in milliseconds since the epoch. */
export interface RegisteredModel {
  name: string
  creation_timestamp: number
  last_updated_timestamp: number
  user_id?: string
  description?: string
  latest_versions?: ModelVersion[]
  tags?: KeyValue[]
  aliases?: Alias[]
  deployment_job_id?: string
}

export interface RegisteredModelReply {
  registered_model: RegisteredModel
}

export interface RegisteredModelsReply {
  registered_models?: RegisteredModel[]
  next_page_token?: string
}

/** What became of one thing. */
export interface Removal {
  kind: "experiment" | "logged_model" | "run"
  id: string
  name: string
  experiment_id: string
  outcome: "failed" | "kept" | "removed" | "would_remove"
  reason?: string
  points?: number
  files?: number
  bytes?: number
  left?: string
}

export interface RenameRegisteredModel {
  name: string
  new_name: string
}

export interface RenewModelServer {
  server_id: string
  ttl_ms: number
}

export interface RestoreLoggedModel {
  model_id: string
}

export interface RollBack {
  name: string
  stage?: string
  alias?: string
  comment?: string
}

/** A run as clients see it. */
export interface Run {
  info: RunInfo
  data?: RunData
  inputs?: RunInputs
  outputs?: RunOutputs
}

/** What was logged: the latest point of each metric, all params, all tags. */
export interface RunData {
  metrics?: Metric[]
  params?: KeyValue[]
  tags?: KeyValue[]
}

export interface RunFile {
  run_id: string
  run_uuid?: string
  path: string
}

/** A folder of a run; without `path`, all of its artifacts. With `paths`, only these files and folders of it. */
export interface RunFolder {
  run_id: string
  run_uuid?: string
  path?: string
  paths?: string[]
}

/** The groups of a window, in the order of their first runs. `keys` holds the values of each key, null where the runs have none; `runs` how many they are. */
export interface RunGroups {
  keys?: TableColumn[]
  runs?: number[]
  columns?: GroupColumn[]
}

export interface RunId {
  run_id: string
  run_uuid?: string
}

/** What a list shows of a run. Times in milliseconds since the epoch. */
export interface RunInfo {
  run_uuid: string
  experiment_id: string
  run_name: string
  user_id: string
  status: "FAILED" | "FINISHED" | "KILLED" | "RUNNING" | "SCHEDULED"
  start_time: number
  end_time?: number
  artifact_uri: string
  lifecycle_stage: "active" | "deleted"
  run_id: string
  liveness?: "lost"
}

export interface RunInfoReply {
  run_info: RunInfo
}

/** Data sets and models that a run read. */
export interface RunInputs {
  dataset_inputs?: DatasetInput[]
  model_inputs?: ModelInput[]
}

/** A key: how many of the runs have it, what kind of values it has and between which numbers they are (for metrics: the latest values), how many differ. */
export interface RunKey {
  key: string
  runs: number
  type: "mixed" | "number" | "text"
  distinct: number
  minimum?: Number
  maximum?: Number
}

/** `total`: keys of these names; `runs`: the matching runs. */
export interface RunKeys {
  total: number
  runs: number
  keys?: RunKey[]
}

export interface RunOfSummaries {
  run_id: string
  run_uuid?: string
}

/** Models that a run made. */
export interface RunOutputs {
  model_outputs?: ModelOutput[]
}

export interface RunReply {
  run: Run
}

/** A window. `total` counts rows (groups, if there are), `runs` the matching runs. `is_renewed`: the cursor was no longer known, so that rows may have moved. */
export interface RunTable {
  total: number
  runs: number
  offset: number
  cursor: string
  is_renewed?: boolean
  run_ids?: string[]
  columns?: TableColumn[]
  tree?: TreeColumns
  groups?: RunGroups
}

/** Rows as a tree of parents and children. `expanded`: ids of runs whose children are rows, too; `all`: those of everybody. A parent that does not match is there, marked, when a run below it matches. */
export interface RunTree {
  expanded?: string[]
  all?: boolean
}

export interface RunValue {
  value: string
  runs: number
}

/** The most frequent first. */
export interface RunValues {
  values?: RunValue[]
}

/** Runs of an experiment outside the trash by status, and those in the trash. */
export interface RunsOfExperiment {
  experiment_id: string
  runs: Record<string, number>
  deleted?: number
  about?: AboutExperiment
}

export interface RunsReply {
  runs?: Run[]
  next_page_token?: string
}

export interface Search {
  filter?: string
  max_results?: number
  order_by?: string[]
  page_token?: string
}

export interface SearchDatasets {
  experiment_ids?: string[]
}

export interface SearchEvaluationDatasets {
  experiment_ids?: string[]
  filter_string?: string
  max_results?: number
  order_by?: string[]
  page_token?: string
}

export interface SearchExperiments {
  max_results?: number
  page_token?: string
  filter?: string
  order_by?: string[]
  view_type?: "ACTIVE_ONLY" | "ALL" | "DELETED_ONLY"
}

/** The first line from `line` on (counted from 0, whatever the `level`) that holds `text`, whatever its case; with `backward`, the last one up to it. */
export interface SearchLog {
  run_id: string
  path: string
  level?: "critical" | "debug" | "error" | "info" | "warning"
  text: string
  line?: number
  backward?: boolean
}

export interface SearchLoggedModels {
  experiment_ids: string[]
  filter?: string
  datasets?: DatasetOfMetric[]
  max_results?: number
  order_by?: OrderLoggedModelsBy[]
  page_token?: string
}

export interface SearchRuns {
  experiment_ids?: string[]
  filter?: string
  run_view_type?: "ACTIVE_ONLY" | "ALL" | "DELETED_ONLY"
  max_results?: number
  order_by?: string[]
  page_token?: string
}

/** The caller's tasks; `all`: those of everybody. `running`: only those that go on. */
export interface SearchTasks {
  all?: boolean
  running?: boolean
  max_results?: number
}

/** `states`: OPEN, APPROVED, REJECTED, CANCELLED, EXPIRED; all when none is named. `waiting_for_me`: only those that the caller could agree to now. `mine`: only the caller's. */
export interface SearchTransitionRequests {
  name?: string
  states?: ("APPROVED" | "CANCELLED" | "EXPIRED" | "OPEN" | "REJECTED")[]
  waiting_for_me?: boolean
  mine?: boolean
  max_results?: number
  page_token?: string
}

/** `alone`: leave out runs and models whose experiment is in the trash, too. */
export interface SearchTrash {
  kind: "experiment" | "logged_model" | "run"
  experiment_id?: string
  alone?: boolean
  max_results?: number
  page_token?: string
}

/** Views of an experiment, or those of none, by name; those without a name are left out. `everywhere`: of all experiments, without their documents; `experiment_id` is not looked at. */
export interface SearchViews {
  experiment_id?: string
  everywhere?: boolean
}

/** One series as columns of equal length. */
export interface SeriesColumns {
  run_id: string
  key: string
  is_raw: boolean
  x?: Number[]
  bucket?: number[]
  minimum?: Number[]
  maximum?: Number[]
  first?: Number[]
  last?: Number[]
  mean?: Number[]
  count?: number[]
}

/** Bucket i covers x from `origin + i * width` up to, not including, the next. */
export interface SeriesGrid {
  origin: Number
  width: Number
  count: number
}

export interface SeriesReply {
  grid?: SeriesGrid
  series?: SeriesColumns[]
}

/** What clients ask before they transfer artifacts or use newer features. */
export interface ServerInfo {
  store_type: string | null
  workspaces_enabled?: boolean
  trace_archival_enabled?: boolean
  multipart_uploads_enabled?: boolean
  multipart_downloads_enabled?: boolean
  artifact_serving_enabled?: boolean
  skill_content_max_size?: number
  skill_content_max_files?: number
  presigned_upload_run_id_supported?: boolean
  presigned_upload_model_id_supported?: boolean
  model_artifact_presigned_downloads_supported?: boolean
  features_enabled?: Record<string, boolean>
  tracking_auth?: string | null
  artifacts_presigned_only?: boolean
  artifact_bundles_supported?: boolean
}

/** What a server runs on. `queue`: writes that wait; `started_ms`: when the process began. */
export interface ServerState {
  version: string
  started_ms: number
  store: string
  is_ready: boolean
  revision?: string
  queue?: number
  message?: string
  settings?: SettingInForce[]
}

export interface SetApprovalPolicy {
  policy: Policy
}

export interface SetDatasetTags {
  dataset_id: string
  tags: string
}

export interface SetExperimentTag {
  experiment_id: string
  key: string
  value?: string
}

export interface SetLoggedModelTags {
  model_id: string
  tags?: Entry[]
}

export interface SetModelVersionTag {
  name: string
  version: string
  key: string
  value?: string
}

export interface SetRegisteredModelAlias {
  name: string
  alias: string
  version: string
}

export interface SetRegisteredModelTag {
  name: string
  key: string
  value?: string
}

export interface SetTag {
  run_id: string
  run_uuid?: string
  key: string
  value?: string
}

/** A setting of the server, and what sets it: the `command line`, a variable, or the `default`. */
export interface SettingInForce {
  name: string
  doc: string
  source: string
  value?: string
  is_hidden?: boolean
  default?: string
}

export interface SignedDownload {
  url: string
  headers?: Record<string, string>
  file_size?: number
}

/** The end of the chain at some time, signed: no entry up to `seq` can change unnoticed. */
export interface SignedHead {
  seq: number
  hash: string
  at_ms: number
  key_id: string
  signature: string
}

/** The file will be below `artifact_path`, named as the last segment of `path`. */
export interface StartParts {
  artifact_path: string
  path: string
  num_parts?: number
}

/** One move in the history of a model's places. `undone`: a rollback took it back. */
export interface Step {
  id: number
  name: string
  user_id: string
  timestamp: number
  changes: StepChange[]
  undone?: boolean
  undoes?: number
}

/** What a step did: a version left a stage for another, or an alias one version for another. */
export interface StepChange {
  before?: string
  after?: string
  version?: string
  alias?: string
}

export interface StepReply {
  step: Step
}

/** Somebody has asked a run to stop; kept as the tag `millrace.stop`. */
export interface StopAsked {
  by: string
  at_ms: number
}

export interface StopReply {
  stop: StopAsked
}

/** Files whose bytes came through this place, and their bytes: what clients put past it into a store of their own is not known here (`measureStorage` looks). */
export interface Storage {
  files: number
  bytes: number
  other_files?: number
  other_bytes?: number
  owners?: StorageOfOwner[]
  experiments?: StorageOfExperiment[]
  more?: number
  measured_ms: number
  took_ms: number
}

/** What is known to be kept below the location of an experiment; `models`: of that, below its folder of logged models. Where locations lie within each other, files count for each of them. */
export interface StorageOfExperiment {
  experiment_id: string
  name: string
  lifecycle_stage: "active" | "deleted"
  location: string
  files: number
  bytes: number
  model_files?: number
  model_bytes?: number
}

/** What is known to be kept of the runs that bear a user's name, and of the logged models that these have made; `models`: of that, the models. `owner` is "" for runs without a name and for files of no run. */
export interface StorageOfOwner {
  owner: string
  experiments: number
  files: number
  bytes: number
  model_files?: number
  model_bytes?: number
}

/** What the server keeps of every series of a run, by key. */
export interface SummariesReply {
  summaries?: MetricSummary[]
}

/** One cell for each row: text, a number (NaN and infinities as their words), a list of data sets or models, or null. */
export interface TableColumn {
  name: string
  values?: unknown[]
}

/** The version has that tag; with `value`, that value. */
export interface TagGate {
  key: string
  value?: string
}

/** Work on `total` runs, of which it is through with `done`; `failed` of them are as they were, the first of which are in `problems` with their reasons. */
export interface Task {
  task_id: string
  kind: "delete_runs" | "move_runs" | "restore_runs" | "stop_runs" | "tag_runs"
  state: "CANCELLED" | "DONE" | "RUNNING"
  owner: string
  is_verified?: boolean
  experiment_ids: string[]
  key?: string
  value?: string
  target_id?: string
  total: number
  done: number
  failed: number
  problems?: TaskProblem[]
  created_ms: number
  ended_ms?: number
  lease_until_ms?: number
  revision?: number
}

export interface TaskAt {
  task_id: string
}

/** Why a run is as it was. */
export interface TaskProblem {
  run_id: string
  message: string
}

export interface TaskReply {
  task: Task
}

/** The newest first. */
export interface TasksReply {
  tasks?: Task[]
}

export interface TestWebhook {
  webhook_id: string
  event?: EventEntry
}

export interface TransitionRequestOf {
  name: string
  id: string
}

export interface TransitionRequestReply {
  request: ApprovalRequest
  model_version?: ModelVersion
}

export interface TransitionRequestsReply {
  requests?: ApprovalRequest[]
  next_page_token?: string
}

export interface TransitionStage {
  name: string
  version: string
  stage: string
  archive_existing_versions?: boolean
}

/** `more`: time ran out before all was looked at; call again. */
export interface TrashEmptied {
  removals?: Removal[]
  more?: boolean
}

/** A thing in the trash, by itself or because its experiment is there. */
export interface TrashItem {
  kind: "experiment" | "logged_model" | "run"
  id: string
  name: string
  experiment_id: string
  artifact_uri: string
  deleted_ms?: number
  purging?: boolean
  runs?: number
  logged_models?: number
  points?: number
  needed_by?: VersionName[]
}

export interface TrashReply {
  items?: TrashItem[]
  next_page_token?: string
}

/** Of each row: how deep it is, whether it matches itself, how many children it shows, and how many of all runs below it match. */
export interface TreeColumns {
  depth?: number[]
  matches?: boolean[]
  children?: number[]
  descendants?: number[]
}

export interface UpdateComment {
  name: string
  id: string
  comment: string
}

export interface UpdateExperiment {
  experiment_id: string
  new_name: string
}

export interface UpdateModelVersion {
  name: string
  version: string
  description?: string
}

export interface UpdateRegisteredModel {
  name: string
  description?: string
  deployment_job_id?: string
}

export interface UpdateRun {
  run_id: string
  run_uuid?: string
  status?: "FAILED" | "FINISHED" | "KILLED" | "RUNNING" | "SCHEDULED"
  end_time?: number
  run_name?: string
}

/** What is absent stays. `seen_revision`: refuse (409) when the view was changed since. */
export interface UpdateView {
  view_id: string
  seen_revision?: number
  name?: string
  description?: string
  is_shared?: boolean
  is_default?: boolean
  format?: number
  document?: string
}

export interface UpdateWebhook {
  webhook_id: string
  name?: string
  description?: string
  url?: string
  events?: EventEntry[]
  secret?: string
  status?: "ACTIVE" | "DISABLED"
}

export interface UpsertDatasetRecords {
  dataset_id: string
  records: string
  updated_by?: string
}

export interface VerifyReply {
  ok: boolean
  manifest: Manifest
  problems?: FileProblem[]
}

/** A file of a model version; with `presigned`, a signed URL for it instead of its bytes. */
export interface VersionFile {
  name: string
  version: string
  path: string
  presigned?: boolean
}

/** A version by name and number. */
export interface VersionName {
  name: string
  version: string
}

export interface VersionOfModel {
  name: string
  version: string
}

/** A saved view. `document` is JSON text of whoever shows it, `format` the version of its form. */
export interface View {
  view_id: string
  experiment_id?: string
  name?: string
  description?: string
  owner: string
  is_shared?: boolean
  is_default?: boolean
  format: number
  document: string
  created_ms: number
  updated_ms: number
  revision?: number
}

export interface ViewAt {
  view_id: string
}

export interface ViewReply {
  view: View
}

export interface ViewsReply {
  views?: View[]
}

/** Where to POST which events. Its secret is kept apart and never shown. */
export interface Webhook {
  webhook_id: string
  name: string
  description?: string
  url: string
  events: WebhookEvent[]
  status: "ACTIVE" | "DISABLED"
  creation_timestamp: number
  last_updated_timestamp: number
}

/** An event as the wire spells it: `MODEL_VERSION` and `CREATED`. */
export interface WebhookEvent {
  entity: string
  action: string
}

export interface WebhookId {
  webhook_id: string
}

export interface WebhookReply {
  webhook: Webhook
}

export interface WebhookTestReply {
  result: WebhookTestResult
}

export interface WebhookTestResult {
  success: boolean
  response_status?: number
  error_message?: string
}

export interface WebhooksReply {
  webhooks?: Webhook[]
  next_page_token?: string
}

/** A change of one place of a model: a version into a stage or under an alias (None: the alias goes), or with `rollback` back to what was there before. */
export interface Wish {
  name: string
  version?: string
  stage?: "Archived" | "None" | "Production" | "Staging"
  alias?: string
  archive_existing_versions?: boolean
  rollback?: boolean
}

export interface FinalizeLoggedModelBody {
  status: "LOGGED_MODEL_PENDING" | "LOGGED_MODEL_READY" | "LOGGED_MODEL_STATUS_UNSPECIFIED" | "LOGGED_MODEL_UPLOAD_FAILED"
}

export interface SetLoggedModelTagsBody {
  tags?: Entry[]
}

export interface LogLoggedModelParamsBody {
  params?: Entry[]
}

/** The file will be below `artifact_path`, named as the last segment of `path`. */
export interface StartPartsBody {
  path: string
  num_parts?: number
}

/** `size` and `sha256` (hexadecimal) of all parts together are recorded, if they are given; the parts did not pass through the server. */
export interface FinishPartsBody {
  path: string
  upload_id: string
  parts: PartDone[]
  size?: number
  sha256?: string
}

export interface AbortPartsBody {
  path: string
  upload_id: string
}

/** Files and folders of a logged model, as `DeleteRunArtifacts`. */
export interface DeleteModelArtifactsBody {
  paths: string[]
  dry_run?: boolean
}

export interface DatasetIdBody {
  page_token?: string
}

export interface SetDatasetTagsBody {
  tags: string
}

export interface UpsertDatasetRecordsBody {
  records: string
  updated_by?: string
}

export interface DeleteDatasetRecordsBody {
  dataset_record_ids?: string[]
}

export interface DatasetExperimentsBody {
  experiment_ids?: string[]
}

export interface RenewModelServerBody {
  ttl_ms: number
}

export interface UpdateWebhookBody {
  name?: string
  description?: string
  url?: string
  events?: EventEntry[]
  secret?: string
  status?: "ACTIVE" | "DISABLED"
}

export interface TestWebhookBody {
  event?: EventEntry
}

/** What is absent stays. `seen_revision`: refuse (409) when the view was changed since. */
export interface UpdateViewBody {
  seen_revision?: number
  name?: string
  description?: string
  is_shared?: boolean
  is_default?: boolean
  format?: number
  document?: string
}

/** What each operation takes and gives. */
export interface Operations {
  createExperiment: [CreateExperiment, ExperimentCreated]
  searchExperiments: [SearchExperiments, ExperimentsReply]
  searchExperimentsByQuery: [{ max_results?: number; page_token?: string; filter?: string; order_by?: string[]; view_type?: "ACTIVE_ONLY" | "ALL" | "DELETED_ONLY" }, ExperimentsReply]
  getExperiment: [{ experiment_id: string }, ExperimentReply]
  getExperimentByName: [{ experiment_name: string }, ExperimentReply]
  deleteExperiment: [ExperimentId, Nothing]
  restoreExperiment: [ExperimentId, Nothing]
  updateExperiment: [UpdateExperiment, Nothing]
  setExperimentTag: [SetExperimentTag, Nothing]
  deleteExperimentTag: [DeleteExperimentTag, Nothing]
  searchDatasets: [SearchDatasets, DatasetSummaries]
  createRun: [CreateRun, RunReply]
  updateRun: [UpdateRun, RunInfoReply]
  deleteRun: [RunId, Nothing]
  restoreRun: [RunId, Nothing]
  getRun: [{ run_id: string; run_uuid?: string }, RunReply]
  searchRuns: [SearchRuns, RunsReply]
  heartbeat: [Heartbeat, HeartbeatReply]
  stopRun: [RunId, StopReply]
  logBatch: [LogBatch, Nothing]
  logMetric: [LogMetric, Nothing]
  logParam: [LogParam, Nothing]
  setTag: [SetTag, Nothing]
  deleteTag: [DeleteTag, Nothing]
  logModel: [LogModel, Nothing]
  logInputs: [LogInputs, Nothing]
  logOutputs: [LogOutputs, Nothing]
  getMetricHistory: [{ run_id: string; run_uuid?: string; metric_key: string; page_token?: string; max_results?: number }, MetricsReply]
  getMetricHistoryBulk: [{ run_id?: string[]; metric_key: string; max_results?: number }, MetricsList]
  getMetricHistoryBulkInterval: [{ run_ids?: string[]; metric_key: string; start_step?: number; end_step?: number; max_results?: number }, MetricsReply]
  moveRuns: [MoveRuns, Nothing]
  copyRun: [CopyRun, CopiedRun]
  queryRunTable: [QueryRunTable, RunTable]
  exportRunTable: [ExportRunTable, Bytes]
  findRunKeys: [FindRunKeys, RunKeys]
  findRunValues: [FindRunValues, RunValues]
  querySeries: [QuerySeries, SeriesReply]
  findSeriesAt: [FindSeriesAt, PointsAt]
  getMetricSummaries: [{ run_id: string; run_uuid?: string }, SummariesReply]
  createLoggedModel: [CreateLoggedModel, LoggedModelReply]
  searchLoggedModels: [SearchLoggedModels, LoggedModelsReply]
  getLoggedModel: [{ model_id: string }, LoggedModelReply]
  finalizeLoggedModel: [{ model_id: string } & FinalizeLoggedModelBody, LoggedModelReply]
  deleteLoggedModel: [{ model_id: string }, Nothing]
  setLoggedModelTags: [{ model_id: string } & SetLoggedModelTagsBody, LoggedModelReply]
  deleteLoggedModelTag: [{ model_id: string; tag_key: string }, Nothing]
  logLoggedModelParams: [{ model_id: string } & LogLoggedModelParamsBody, Nothing]
  listArtifacts: [{ run_id: string; run_uuid?: string; path?: string; page_token?: string }, ArtifactList]
  listLoggedModelArtifacts: [{ model_id: string; artifact_directory_path?: string; page_token?: string }, ArtifactList]
  getArtifact: [{ run_id: string; run_uuid?: string; path: string }, Bytes]
  getLoggedModelArtifact: [{ model_id: string; artifact_file_path: string }, Bytes]
  getModelVersionArtifact: [{ name: string; version: string; path: string; presigned?: boolean }, Bytes]
  downloadArchive: [{ run_id: string; run_uuid?: string; path?: string; paths?: string[] }, Bytes]
  downloadLoggedModelArchive: [{ model_id: string; path?: string; paths?: string[] }, Bytes]
  uploadRunArtifact: [RunFile, Nothing]
  createPresignedUploadUrl: [PresignUpload, Presigned]
  createPresignedDownloadUrl: [PresignDownload, Presigned]
  listProxiedArtifacts: [{ path?: string }, ProxiedList]
  downloadArtifact: [{ artifact_path: string }, Bytes]
  uploadArtifact: [{ artifact_path: string }, Nothing]
  deleteArtifact: [{ artifact_path: string }, Nothing]
  uploadBundle: [{ artifact_path: string }, BundleTaken]
  downloadBundle: [{ artifact_path: string }, Bytes]
  adoptArtifact: [Adopt, Adopted]
  createMultipartUpload: [{ artifact_path: string } & StartPartsBody, PartsStarted]
  completeMultipartUpload: [{ artifact_path: string } & FinishPartsBody, Nothing]
  abortMultipartUpload: [{ artifact_path: string } & AbortPartsBody, Nothing]
  getPresignedDownloadUrl: [{ artifact_path: string }, SignedDownload]
  getArtifactDetails: [{ run_id: string; run_uuid?: string; path: string }, ArtifactDetails]
  getLoggedModelArtifactDetails: [{ model_id: string; artifact_file_path: string }, ArtifactDetails]
  deleteRunArtifacts: [DeleteRunArtifacts, ArtifactsDeleted]
  deleteLoggedModelArtifacts: [{ model_id: string } & DeleteModelArtifactsBody, ArtifactsDeleted]
  readTable: [{ text?: string; where?: string[]; offset?: number; limit?: number; sort_by?: string; descending?: boolean; count?: boolean; run_id: string; path: string }, FileTable]
  readLoggedModelTable: [{ model_id: string; text?: string; where?: string[]; offset?: number; limit?: number; sort_by?: string; descending?: boolean; count?: boolean; path: string }, FileTable]
  readTableColumn: [{ text?: string; where?: string[]; run_id: string; path: string; column: string }, ColumnFigures]
  readLoggedModelTableColumn: [{ model_id: string; text?: string; where?: string[]; path: string; column: string }, ColumnFigures]
  listMedia: [{ run_id: string; run_uuid?: string; key?: string }, Media]
  readLog: [{ run_id: string; path: string; level?: "critical" | "debug" | "error" | "info" | "warning"; offset?: number; limit?: number }, LogPage]
  searchLog: [{ run_id: string; path: string; level?: "critical" | "debug" | "error" | "info" | "warning"; text: string; line?: number; backward?: boolean }, LogHit]
  createDataset: [CreateDataset, DatasetReply]
  searchEvaluationDatasets: [SearchEvaluationDatasets, DatasetsReply]
  searchEvaluationDatasetsByQuery: [{ experiment_ids?: string[]; filter_string?: string; max_results?: number; order_by?: string[]; page_token?: string }, DatasetsReply]
  getDataset: [{ dataset_id: string; page_token?: string }, DatasetReply]
  deleteDataset: [{ dataset_id: string } & DatasetIdBody, Nothing]
  setDatasetTags: [{ dataset_id: string } & SetDatasetTagsBody, DatasetReply]
  deleteDatasetTag: [{ dataset_id: string; key: string }, Nothing]
  upsertDatasetRecords: [{ dataset_id: string } & UpsertDatasetRecordsBody, RecordsUpserted]
  getDatasetRecords: [{ dataset_id: string; max_results?: number; page_token?: string }, RecordsReply]
  deleteDatasetRecords: [{ dataset_id: string } & DeleteDatasetRecordsBody, RecordsDeleted]
  getDatasetExperimentIds: [{ dataset_id: string; page_token?: string }, ExperimentIdsReply]
  addDatasetToExperiments: [{ dataset_id: string } & DatasetExperimentsBody, DatasetReply]
  removeDatasetFromExperiments: [{ dataset_id: string } & DatasetExperimentsBody, DatasetReply]
  createRegisteredModel: [CreateRegisteredModel, RegisteredModelReply]
  renameRegisteredModel: [RenameRegisteredModel, RegisteredModelReply]
  updateRegisteredModel: [UpdateRegisteredModel, RegisteredModelReply]
  deleteRegisteredModel: [ModelName, Nothing]
  getRegisteredModel: [{ name: string }, RegisteredModelReply]
  searchRegisteredModels: [{ filter?: string; max_results?: number; order_by?: string[]; page_token?: string }, RegisteredModelsReply]
  getLatestVersions: [GetLatestVersions, ModelVersionsReply]
  getLatestVersionsByQuery: [{ name: string; stages?: string[] }, ModelVersionsReply]
  setRegisteredModelTag: [SetRegisteredModelTag, Nothing]
  deleteRegisteredModelTag: [DeleteRegisteredModelTag, Nothing]
  setRegisteredModelAlias: [SetRegisteredModelAlias, Nothing]
  deleteRegisteredModelAlias: [AliasOfModel, Nothing]
  getModelVersionByAlias: [{ name: string; alias: string }, ModelVersionReply]
  createModelVersion: [CreateModelVersion, ModelVersionReply]
  updateModelVersion: [UpdateModelVersion, ModelVersionReply]
  transitionModelVersionStage: [TransitionStage, ModelVersionReply]
  deleteModelVersion: [VersionOfModel, Nothing]
  getModelVersion: [{ name: string; version: string }, ModelVersionReply]
  searchModelVersions: [{ filter?: string; max_results?: number; order_by?: string[]; page_token?: string }, ModelVersionsReply]
  getModelVersionDownloadUri: [{ name: string; version: string }, DownloadUri]
  setModelVersionTag: [SetModelVersionTag, Nothing]
  deleteModelVersionTag: [DeleteModelVersionTag, Nothing]
  getModelVersionLineage: [{ name: string; version: string }, LineageReply]
  getModelVersionManifest: [{ name: string; version: string }, ManifestReply]
  verifyModelVersion: [{ name: string; version: string }, VerifyReply]
  createComment: [CreateComment, CommentReply]
  updateComment: [UpdateComment, CommentReply]
  deleteComment: [CommentOfModel, Nothing]
  listComments: [{ name: string; version?: string; max_results?: number; page_token?: string }, CommentsReply]
  announceModelServer: [AnnounceModelServer, ModelServerReply]
  listModelServers: [{ name?: string; version?: string; endpoint?: string; host?: string; max_results?: number; page_token?: string }, ModelServersReply]
  renewModelServer: [{ server_id: string } & RenewModelServerBody, Nothing]
  withdrawModelServer: [{ server_id: string }, Nothing]
  getModelServer: [{ server_id: string }, ModelServerReply]
  setApprovalPolicy: [SetApprovalPolicy, PolicyReply]
  getApprovalPolicy: [{ name: string }, PolicyReply]
  listApprovalPolicies: [Record<string, never>, PoliciesReply]
  deleteApprovalPolicy: [PolicyOf, Nothing]
  createTransitionRequest: [CreateTransitionRequest, TransitionRequestReply]
  approveTransitionRequest: [DecideTransitionRequest, TransitionRequestReply]
  rejectTransitionRequest: [DecideTransitionRequest, TransitionRequestReply]
  deleteTransitionRequest: [DecideTransitionRequest, TransitionRequestReply]
  commentTransitionRequest: [CommentTransitionRequest, TransitionRequestReply]
  getTransitionRequest: [{ name: string; id: string }, TransitionRequestReply]
  listTransitionRequests: [{ name: string; version?: string; max_results?: number; page_token?: string }, TransitionRequestsReply]
  searchTransitionRequests: [{ name?: string; states?: ("APPROVED" | "CANCELLED" | "EXPIRED" | "OPEN" | "REJECTED")[]; waiting_for_me?: boolean; mine?: boolean; max_results?: number; page_token?: string }, TransitionRequestsReply]
  rollBack: [RollBack, StepReply]
  createWebhook: [CreateWebhook, WebhookReply]
  listWebhooks: [{ max_results?: number; page_token?: string }, WebhooksReply]
  getWebhook: [{ webhook_id: string }, WebhookReply]
  updateWebhook: [{ webhook_id: string } & UpdateWebhookBody, WebhookReply]
  deleteWebhook: [{ webhook_id: string }, Nothing]
  testWebhook: [{ webhook_id: string } & TestWebhookBody, WebhookTestReply]
  listWebhookDeliveries: [{ webhook_id: string; state?: "DELIVERED" | "FAILED" | "WAITING"; max_results?: number; page_token?: string }, DeliveriesReply]
  replayWebhookDelivery: [{ webhook_id: string; delivery_id: string }, DeliveryReply]
  listAuditEntries: [{ actor?: string; action?: string; kind?: string; id?: string; request_id?: string; since_ms?: number; until_ms?: number; max_results?: number; page_token?: string; registry?: boolean }, AuditEntriesReply]
  getAuditEntry: [{ seq: number; registry?: boolean }, AuditEntryReply]
  getAuditChain: [{ after?: number; max_results?: number; registry?: boolean }, AuditChainReply]
  listenEvents: [{ topics?: ("approvals" | "experiments" | "other" | "registry" | "runs" | "webhooks")[]; experiment_ids?: string[]; run_ids?: string[]; last_event_id?: string }, Event]
  createView: [CreateView, ViewReply]
  searchViews: [{ experiment_id?: string; everywhere?: boolean }, ViewsReply]
  getView: [{ view_id: string }, ViewReply]
  updateView: [{ view_id: string } & UpdateViewBody, ViewReply]
  deleteView: [{ view_id: string }, Nothing]
  createTask: [CreateTask, TaskReply]
  searchTasks: [{ all?: boolean; running?: boolean; max_results?: number }, TasksReply]
  getTask: [{ task_id: string }, TaskReply]
  cancelTask: [{ task_id: string }, TaskReply]
  getOverview: [{ days?: number; utc_offset_minutes?: number; experiment_ids?: string[]; about?: boolean }, Overview]
  getStorage: [{ max_age_s?: number }, Storage]
  measureStorage: [MeasureStorage, Measured]
  searchTrash: [{ kind: "experiment" | "logged_model" | "run"; experiment_id?: string; alone?: boolean; max_results?: number; page_token?: string }, TrashReply]
  restoreLoggedModel: [RestoreLoggedModel, Nothing]
  emptyTrash: [EmptyTrash, TrashEmptied]
  getServerInfo: [Record<string, never>, ServerInfo]
  getCapabilities: [{ experiment_id?: string; run_id?: string; model_id?: string }, Capabilities]
  getServerState: [Record<string, never>, ServerState]
}

/** Where each operation is. */
export const OPERATIONS = {
  createExperiment: ["POST", "/api/2.0/mlflow/experiments/create"],
  searchExperiments: ["POST", "/api/2.0/mlflow/experiments/search"],
  searchExperimentsByQuery: ["GET", "/api/2.0/mlflow/experiments/search"],
  getExperiment: ["GET", "/api/2.0/mlflow/experiments/get"],
  getExperimentByName: ["GET", "/api/2.0/mlflow/experiments/get-by-name"],
  deleteExperiment: ["POST", "/api/2.0/mlflow/experiments/delete"],
  restoreExperiment: ["POST", "/api/2.0/mlflow/experiments/restore"],
  updateExperiment: ["POST", "/api/2.0/mlflow/experiments/update"],
  setExperimentTag: ["POST", "/api/2.0/mlflow/experiments/set-experiment-tag"],
  deleteExperimentTag: ["POST", "/api/2.0/mlflow/experiments/delete-experiment-tag"],
  searchDatasets: ["POST", "/ajax-api/2.0/mlflow/experiments/search-datasets"],
  createRun: ["POST", "/api/2.0/mlflow/runs/create"],
  updateRun: ["POST", "/api/2.0/mlflow/runs/update"],
  deleteRun: ["POST", "/api/2.0/mlflow/runs/delete"],
  restoreRun: ["POST", "/api/2.0/mlflow/runs/restore"],
  getRun: ["GET", "/api/2.0/mlflow/runs/get"],
  searchRuns: ["POST", "/api/2.0/mlflow/runs/search"],
  heartbeat: ["POST", "/api/3.0/millrace/runs/heartbeat"],
  stopRun: ["POST", "/api/3.0/millrace/runs/stop"],
  logBatch: ["POST", "/api/2.0/mlflow/runs/log-batch"],
  logMetric: ["POST", "/api/2.0/mlflow/runs/log-metric"],
  logParam: ["POST", "/api/2.0/mlflow/runs/log-parameter"],
  setTag: ["POST", "/api/2.0/mlflow/runs/set-tag"],
  deleteTag: ["POST", "/api/2.0/mlflow/runs/delete-tag"],
  logModel: ["POST", "/api/2.0/mlflow/runs/log-model"],
  logInputs: ["POST", "/api/2.0/mlflow/runs/log-inputs"],
  logOutputs: ["POST", "/api/2.0/mlflow/runs/outputs"],
  getMetricHistory: ["GET", "/api/2.0/mlflow/metrics/get-history"],
  getMetricHistoryBulk: ["GET", "/ajax-api/2.0/mlflow/metrics/get-history-bulk"],
  getMetricHistoryBulkInterval: ["GET", "/api/2.0/mlflow/metrics/get-history-bulk-interval"],
  moveRuns: ["POST", "/api/2.0/mlflow/runs/move"],
  copyRun: ["POST", "/api/2.0/mlflow/runs/copy"],
  queryRunTable: ["POST", "/api/3.0/millrace/runs/table"],
  exportRunTable: ["POST", "/api/3.0/millrace/runs/export"],
  findRunKeys: ["POST", "/api/3.0/millrace/runs/keys"],
  findRunValues: ["POST", "/api/3.0/millrace/runs/values"],
  querySeries: ["POST", "/api/3.0/millrace/series/query"],
  findSeriesAt: ["POST", "/api/3.0/millrace/series/at"],
  getMetricSummaries: ["GET", "/api/3.0/millrace/metrics/summaries"],
  createLoggedModel: ["POST", "/api/2.0/mlflow/logged-models"],
  searchLoggedModels: ["POST", "/api/2.0/mlflow/logged-models/search"],
  getLoggedModel: ["GET", "/api/2.0/mlflow/logged-models/{model_id}"],
  finalizeLoggedModel: ["PATCH", "/api/2.0/mlflow/logged-models/{model_id}"],
  deleteLoggedModel: ["DELETE", "/api/2.0/mlflow/logged-models/{model_id}"],
  setLoggedModelTags: ["PATCH", "/api/2.0/mlflow/logged-models/{model_id}/tags"],
  deleteLoggedModelTag: ["DELETE", "/api/2.0/mlflow/logged-models/{model_id}/tags/{tag_key}"],
  logLoggedModelParams: ["POST", "/api/2.0/mlflow/logged-models/{model_id}/params"],
  listArtifacts: ["GET", "/api/2.0/mlflow/artifacts/list"],
  listLoggedModelArtifacts: ["GET", "/api/2.0/mlflow/logged-models/{model_id}/artifacts/directories"],
  getArtifact: ["GET", "/get-artifact"],
  getLoggedModelArtifact: ["GET", "/ajax-api/2.0/mlflow/logged-models/{model_id}/artifacts/files"],
  getModelVersionArtifact: ["GET", "/model-versions/get-artifact"],
  downloadArchive: ["GET", "/api/2.0/mlflow/artifacts/archive"],
  downloadLoggedModelArchive: ["GET", "/api/2.0/mlflow/logged-models/{model_id}/artifacts/archive"],
  uploadRunArtifact: ["POST", "/ajax-api/2.0/mlflow/upload-artifact"],
  createPresignedUploadUrl: ["POST", "/api/2.0/mlflow/artifacts/presigned-upload-url"],
  createPresignedDownloadUrl: ["POST", "/api/2.0/mlflow/artifacts/presigned-download-url"],
  listProxiedArtifacts: ["GET", "/api/2.0/mlflow-artifacts/artifacts"],
  downloadArtifact: ["GET", "/api/2.0/mlflow-artifacts/artifacts/{artifact_path}"],
  uploadArtifact: ["PUT", "/api/2.0/mlflow-artifacts/artifacts/{artifact_path}"],
  deleteArtifact: ["DELETE", "/api/2.0/mlflow-artifacts/artifacts/{artifact_path}"],
  uploadBundle: ["POST", "/api/2.0/mlflow-artifacts/bundle/{artifact_path}"],
  downloadBundle: ["GET", "/api/2.0/mlflow-artifacts/bundle/{artifact_path}"],
  adoptArtifact: ["POST", "/api/2.0/mlflow/artifacts/adopt"],
  createMultipartUpload: ["POST", "/api/2.0/mlflow-artifacts/mpu/create/{artifact_path}"],
  completeMultipartUpload: ["POST", "/api/2.0/mlflow-artifacts/mpu/complete/{artifact_path}"],
  abortMultipartUpload: ["POST", "/api/2.0/mlflow-artifacts/mpu/abort/{artifact_path}"],
  getPresignedDownloadUrl: ["GET", "/api/2.0/mlflow-artifacts/presigned/{artifact_path}"],
  getArtifactDetails: ["GET", "/api/3.0/millrace/artifacts/details"],
  getLoggedModelArtifactDetails: ["GET", "/api/3.0/millrace/logged-models/{model_id}/artifacts/details"],
  deleteRunArtifacts: ["POST", "/api/3.0/millrace/artifacts/delete"],
  deleteLoggedModelArtifacts: ["POST", "/api/3.0/millrace/logged-models/{model_id}/artifacts/delete"],
  readTable: ["GET", "/api/3.0/millrace/artifacts/table"],
  readLoggedModelTable: ["GET", "/api/3.0/millrace/logged-models/{model_id}/artifacts/table"],
  readTableColumn: ["GET", "/api/3.0/millrace/artifacts/table/column"],
  readLoggedModelTableColumn: ["GET", "/api/3.0/millrace/logged-models/{model_id}/artifacts/table/column"],
  listMedia: ["GET", "/api/3.0/millrace/artifacts/media"],
  readLog: ["GET", "/api/3.0/millrace/artifacts/log"],
  searchLog: ["GET", "/api/3.0/millrace/artifacts/log/search"],
  createDataset: ["POST", "/api/3.0/mlflow/datasets/create"],
  searchEvaluationDatasets: ["POST", "/api/3.0/mlflow/datasets/search"],
  searchEvaluationDatasetsByQuery: ["GET", "/api/3.0/mlflow/datasets/search"],
  getDataset: ["GET", "/api/3.0/mlflow/datasets/{dataset_id}"],
  deleteDataset: ["DELETE", "/api/3.0/mlflow/datasets/{dataset_id}"],
  setDatasetTags: ["PATCH", "/api/3.0/mlflow/datasets/{dataset_id}/tags"],
  deleteDatasetTag: ["DELETE", "/api/3.0/mlflow/datasets/{dataset_id}/tags/{key}"],
  upsertDatasetRecords: ["POST", "/api/3.0/mlflow/datasets/{dataset_id}/records"],
  getDatasetRecords: ["GET", "/api/3.0/mlflow/datasets/{dataset_id}/records"],
  deleteDatasetRecords: ["DELETE", "/api/3.0/mlflow/datasets/{dataset_id}/records"],
  getDatasetExperimentIds: ["GET", "/api/3.0/mlflow/datasets/{dataset_id}/experiment-ids"],
  addDatasetToExperiments: ["POST", "/api/3.0/mlflow/datasets/{dataset_id}/add-experiments"],
  removeDatasetFromExperiments: ["POST", "/api/3.0/mlflow/datasets/{dataset_id}/remove-experiments"],
  createRegisteredModel: ["POST", "/api/2.0/mlflow/registered-models/create"],
  renameRegisteredModel: ["POST", "/api/2.0/mlflow/registered-models/rename"],
  updateRegisteredModel: ["PATCH", "/api/2.0/mlflow/registered-models/update"],
  deleteRegisteredModel: ["DELETE", "/api/2.0/mlflow/registered-models/delete"],
  getRegisteredModel: ["GET", "/api/2.0/mlflow/registered-models/get"],
  searchRegisteredModels: ["GET", "/api/2.0/mlflow/registered-models/search"],
  getLatestVersions: ["POST", "/api/2.0/mlflow/registered-models/get-latest-versions"],
  getLatestVersionsByQuery: ["GET", "/api/2.0/mlflow/registered-models/get-latest-versions"],
  setRegisteredModelTag: ["POST", "/api/2.0/mlflow/registered-models/set-tag"],
  deleteRegisteredModelTag: ["DELETE", "/api/2.0/mlflow/registered-models/delete-tag"],
  setRegisteredModelAlias: ["POST", "/api/2.0/mlflow/registered-models/alias"],
  deleteRegisteredModelAlias: ["DELETE", "/api/2.0/mlflow/registered-models/alias"],
  getModelVersionByAlias: ["GET", "/api/2.0/mlflow/registered-models/alias"],
  createModelVersion: ["POST", "/api/2.0/mlflow/model-versions/create"],
  updateModelVersion: ["PATCH", "/api/2.0/mlflow/model-versions/update"],
  transitionModelVersionStage: ["POST", "/api/2.0/mlflow/model-versions/transition-stage"],
  deleteModelVersion: ["DELETE", "/api/2.0/mlflow/model-versions/delete"],
  getModelVersion: ["GET", "/api/2.0/mlflow/model-versions/get"],
  searchModelVersions: ["GET", "/api/2.0/mlflow/model-versions/search"],
  getModelVersionDownloadUri: ["GET", "/api/2.0/mlflow/model-versions/get-download-uri"],
  setModelVersionTag: ["POST", "/api/2.0/mlflow/model-versions/set-tag"],
  deleteModelVersionTag: ["DELETE", "/api/2.0/mlflow/model-versions/delete-tag"],
  getModelVersionLineage: ["GET", "/api/2.0/mlflow/model-versions/lineage"],
  getModelVersionManifest: ["GET", "/api/2.0/mlflow/model-versions/manifest"],
  verifyModelVersion: ["GET", "/api/2.0/mlflow/model-versions/verify"],
  createComment: ["POST", "/api/2.0/mlflow/comments/create"],
  updateComment: ["PATCH", "/api/2.0/mlflow/comments/update"],
  deleteComment: ["DELETE", "/api/2.0/mlflow/comments/delete"],
  listComments: ["GET", "/api/2.0/mlflow/comments/list"],
  announceModelServer: ["POST", "/api/3.0/millrace/model-servers"],
  listModelServers: ["GET", "/api/3.0/millrace/model-servers"],
  renewModelServer: ["POST", "/api/3.0/millrace/model-servers/{server_id}/renew"],
  withdrawModelServer: ["DELETE", "/api/3.0/millrace/model-servers/{server_id}"],
  getModelServer: ["GET", "/api/3.0/millrace/model-servers/{server_id}"],
  setApprovalPolicy: ["POST", "/api/2.0/mlflow/approval-policies/set"],
  getApprovalPolicy: ["GET", "/api/2.0/mlflow/approval-policies/get"],
  listApprovalPolicies: ["GET", "/api/2.0/mlflow/approval-policies/list"],
  deleteApprovalPolicy: ["DELETE", "/api/2.0/mlflow/approval-policies/delete"],
  createTransitionRequest: ["POST", "/api/2.0/mlflow/transition-requests/create"],
  approveTransitionRequest: ["POST", "/api/2.0/mlflow/transition-requests/approve"],
  rejectTransitionRequest: ["POST", "/api/2.0/mlflow/transition-requests/reject"],
  deleteTransitionRequest: ["DELETE", "/api/2.0/mlflow/transition-requests/delete"],
  commentTransitionRequest: ["POST", "/api/2.0/mlflow/transition-requests/comment"],
  getTransitionRequest: ["GET", "/api/2.0/mlflow/transition-requests/get"],
  listTransitionRequests: ["GET", "/api/2.0/mlflow/transition-requests/list"],
  searchTransitionRequests: ["GET", "/api/2.0/mlflow/transition-requests/search"],
  rollBack: ["POST", "/api/2.0/mlflow/registered-models/rollback"],
  createWebhook: ["POST", "/api/2.0/mlflow/webhooks"],
  listWebhooks: ["GET", "/api/2.0/mlflow/webhooks"],
  getWebhook: ["GET", "/api/2.0/mlflow/webhooks/{webhook_id}"],
  updateWebhook: ["PATCH", "/api/2.0/mlflow/webhooks/{webhook_id}"],
  deleteWebhook: ["DELETE", "/api/2.0/mlflow/webhooks/{webhook_id}"],
  testWebhook: ["POST", "/api/2.0/mlflow/webhooks/{webhook_id}/test"],
  listWebhookDeliveries: ["GET", "/api/2.0/millrace/webhooks/{webhook_id}/deliveries"],
  replayWebhookDelivery: ["POST", "/api/2.0/millrace/webhooks/{webhook_id}/deliveries/{delivery_id}/replay"],
  listAuditEntries: ["GET", "/api/2.0/millrace/audit/entries"],
  getAuditEntry: ["GET", "/api/2.0/millrace/audit/entries/{seq}"],
  getAuditChain: ["GET", "/api/2.0/millrace/audit/chain"],
  listenEvents: ["GET", "/api/3.0/millrace/events"],
  createView: ["POST", "/api/3.0/millrace/views"],
  searchViews: ["GET", "/api/3.0/millrace/views"],
  getView: ["GET", "/api/3.0/millrace/views/{view_id}"],
  updateView: ["PATCH", "/api/3.0/millrace/views/{view_id}"],
  deleteView: ["DELETE", "/api/3.0/millrace/views/{view_id}"],
  createTask: ["POST", "/api/3.0/millrace/tasks"],
  searchTasks: ["GET", "/api/3.0/millrace/tasks"],
  getTask: ["GET", "/api/3.0/millrace/tasks/{task_id}"],
  cancelTask: ["POST", "/api/3.0/millrace/tasks/{task_id}/cancel"],
  getOverview: ["GET", "/api/3.0/millrace/overview"],
  getStorage: ["GET", "/api/3.0/millrace/storage"],
  measureStorage: ["POST", "/api/3.0/millrace/storage/measure"],
  searchTrash: ["GET", "/api/3.0/millrace/trash/search"],
  restoreLoggedModel: ["POST", "/api/3.0/millrace/logged-models/restore"],
  emptyTrash: ["POST", "/api/3.0/millrace/trash/empty"],
  getServerInfo: ["GET", "/api/3.0/mlflow/server-info"],
  getCapabilities: ["GET", "/api/3.0/millrace/capabilities"],
  getServerState: ["GET", "/api/3.0/millrace/server"],
} as const satisfies Record<keyof Operations, readonly [string, string]>
