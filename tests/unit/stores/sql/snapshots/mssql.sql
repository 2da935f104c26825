CREATE INDEX ix_approval_requests_created_ms_id ON approval_requests (created_ms, id)

CREATE INDEX ix_approval_requests_is_open_created_ms_id ON approval_requests (is_open, created_ms, id)

CREATE INDEX ix_approval_requests_name_created_ms_id ON approval_requests (name, created_ms, id)

CREATE INDEX ix_artifacts_head ON artifacts (head)

CREATE INDEX ix_artifacts_sha256 ON artifacts (sha256)

CREATE INDEX ix_audit_entries_action_seq ON audit_entries (action, seq)

CREATE INDEX ix_audit_entries_actor_seq ON audit_entries (actor, seq)

CREATE INDEX ix_audit_entries_at_ms ON audit_entries (at_ms)

CREATE INDEX ix_audit_entries_object ON audit_entries (kind, object_id, seq)

CREATE INDEX ix_audit_entries_request_id ON audit_entries (request_id)

CREATE INDEX ix_evaluation_dataset_experiments_experiment_id_dataset_id ON evaluation_dataset_experiments (experiment_id, dataset_id)

CREATE INDEX ix_evaluation_records_dataset_id_created_ms_id ON evaluation_records (dataset_id, created_ms, id)

CREATE INDEX ix_experiments_created_ms_id ON experiments (created_ms, id)

CREATE INDEX ix_logged_models_experiment_id_lifecycle_created_ms_uuid ON logged_models (experiment_id, lifecycle, created_ms DESC, uuid)

CREATE INDEX ix_logged_models_trash ON logged_models (deleted_ms)

CREATE INDEX ix_model_servers_lease_ms ON model_servers (lease_ms)

CREATE INDEX ix_model_servers_version_id ON model_servers (version_id)

CREATE INDEX ix_model_version_manifests_digest ON model_version_manifests (digest)

CREATE INDEX ix_model_version_manifests_state_version_id ON model_version_manifests (state, version_id)

CREATE INDEX ix_model_version_tags_key_value ON model_version_tags ([key], version_id)

CREATE INDEX ix_model_versions_latest ON model_versions (model_id, stage, version)

CREATE INDEX ix_model_versions_logged ON model_versions (logged_uuid)

CREATE INDEX ix_model_versions_parent ON model_versions (parent_id)

CREATE INDEX ix_model_versions_recent ON model_versions (is_prompt, updated_ms DESC, name, version DESC)

CREATE INDEX ix_model_versions_run ON model_versions (run_uuid)

CREATE INDEX ix_params_key_value ON params (key_id, run_id)

CREATE INDEX ix_receipts_at_ms ON receipts (at_ms)

CREATE INDEX ix_registered_model_aliases_version_id ON registered_model_aliases (version_id)

CREATE INDEX ix_registered_model_tags_key_value ON registered_model_tags ([key], model_id)

CREATE INDEX ix_registered_models_is_prompt_name ON registered_models (is_prompt, name)

CREATE INDEX ix_registry_comments_model_id_created_ms_id ON registry_comments (model_id, created_ms, id)

CREATE INDEX ix_registry_comments_version_id ON registry_comments (version_id)

CREATE INDEX ix_registry_steps_name_id ON registry_steps (name, id)

CREATE INDEX ix_run_datasets_dataset ON run_datasets (dataset_id, run_id)

CREATE INDEX ix_run_documents_stale ON run_documents (run_id) WHERE document IS NULL

CREATE INDEX ix_runs_experiment_id_lifecycle_start_ms_uuid ON runs (experiment_id, lifecycle, start_ms DESC, uuid)

CREATE INDEX ix_runs_lease ON runs (lease_until_ms)

CREATE INDEX ix_runs_state ON runs (experiment_id, lifecycle, status)

CREATE INDEX ix_runs_trash ON runs (deleted_ms)

CREATE INDEX ix_series_key_last ON series (key_id, last_value, run_id)

CREATE INDEX ix_tags_key_value ON tags (key_id, run_id)

CREATE INDEX ix_tasks_ended_ms ON tasks (ended_ms)

CREATE INDEX ix_views_experiment_id ON views (experiment_id)

CREATE INDEX ix_views_is_named ON views (is_named)

CREATE INDEX ix_webhook_deliveries_ended_ms ON webhook_deliveries (ended_ms)

CREATE INDEX ix_webhook_deliveries_state_due_ms ON webhook_deliveries (state, due_ms)

CREATE INDEX ix_webhook_deliveries_webhook_id_created_ms_id ON webhook_deliveries (webhook_id, created_ms, id)

CREATE INDEX ix_webhooks_created_ms_id ON webhooks (created_ms, id)

CREATE TABLE approval_policies (
	models VARCHAR(1024) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	record IMAGE NOT NULL,
	CONSTRAINT pk_approval_policies PRIMARY KEY (models)
)

CREATE TABLE approval_requests (
	id VARCHAR(256) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	name VARCHAR(1024) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	is_open SMALLINT NOT NULL,
	created_ms BIGINT NOT NULL,
	record IMAGE NOT NULL,
	CONSTRAINT pk_approval_requests PRIMARY KEY (id)
)

CREATE TABLE artifacts (
	id VARCHAR(256) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	uri VARCHAR(max) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	head VARCHAR(640) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	size BIGINT NOT NULL,
	sha256 VARCHAR(256) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	recorded_ms BIGINT NOT NULL,
	token VARCHAR(256) COLLATE Latin1_General_100_BIN2_UTF8 NULL,
	broken_ms BIGINT NULL,
	CONSTRAINT pk_artifacts PRIMARY KEY (id)
)

CREATE TABLE audit_entries (
	seq BIGINT NOT NULL,
	at_ms BIGINT NOT NULL,
	actor VARCHAR(1024) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	action VARCHAR(256) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	kind VARCHAR(256) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	object_id VARCHAR(2048) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	request_id VARCHAR(256) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	text IMAGE NOT NULL,
	hash IMAGE NOT NULL,
	CONSTRAINT pk_audit_entries PRIMARY KEY (seq)
)

CREATE TABLE audit_heads (
	seq BIGINT NOT NULL,
	record IMAGE NOT NULL,
	CONSTRAINT pk_audit_heads PRIMARY KEY (seq)
)

CREATE TABLE audit_keys (
	key_id VARCHAR(256) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	public_key VARCHAR(256) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	CONSTRAINT pk_audit_keys PRIMARY KEY (key_id)
)

CREATE TABLE buckets (
	series_id BIGINT NOT NULL,
	level SMALLINT NOT NULL,
	slot BIGINT NOT NULL,
	count BIGINT NOT NULL,
	finite BIGINT NOT NULL,
	min_value BIGINT NOT NULL,
	max_value BIGINT NOT NULL,
	total BIGINT NOT NULL,
	first_step BIGINT NOT NULL,
	first_ms BIGINT NOT NULL,
	first_value BIGINT NOT NULL,
	last_step BIGINT NOT NULL,
	last_ms BIGINT NOT NULL,
	last_value BIGINT NOT NULL,
	low_ms BIGINT NOT NULL,
	high_ms BIGINT NOT NULL,
	CONSTRAINT pk_buckets PRIMARY KEY (series_id, level, slot)
)

CREATE TABLE datasets (
	id BIGINT NOT NULL,
	experiment_id BIGINT NOT NULL,
	name VARCHAR(2000) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	digest VARCHAR(144) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	source_type VARCHAR(144) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	source VARCHAR(max) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	[schema] VARCHAR(max) COLLATE Latin1_General_100_BIN2_UTF8 NULL,
	profile VARCHAR(max) COLLATE Latin1_General_100_BIN2_UTF8 NULL,
	CONSTRAINT pk_datasets PRIMARY KEY (id),
	CONSTRAINT uq_datasets_experiment_id_name_digest UNIQUE (experiment_id, name, digest),
	CONSTRAINT fk_datasets_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id)
)

CREATE TABLE evaluation_dataset_experiments (
	dataset_id VARCHAR(256) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	experiment_id BIGINT NOT NULL,
	CONSTRAINT pk_evaluation_dataset_experiments PRIMARY KEY (dataset_id, experiment_id),
	CONSTRAINT fk_evaluation_dataset_experiments_dataset_id FOREIGN KEY(dataset_id) REFERENCES evaluation_datasets (id),
	CONSTRAINT fk_evaluation_dataset_experiments_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id)
)

CREATE TABLE evaluation_datasets (
	id VARCHAR(256) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	created_ms BIGINT NOT NULL,
	record IMAGE NOT NULL,
	CONSTRAINT pk_evaluation_datasets PRIMARY KEY (id)
)

CREATE TABLE evaluation_records (
	id VARCHAR(256) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	dataset_id VARCHAR(256) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	inputs_digest VARCHAR(256) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	created_ms BIGINT NOT NULL,
	record IMAGE NOT NULL,
	CONSTRAINT pk_evaluation_records PRIMARY KEY (id),
	CONSTRAINT uq_evaluation_records_dataset_id_inputs_digest UNIQUE (dataset_id, inputs_digest),
	CONSTRAINT fk_evaluation_records_dataset_id FOREIGN KEY(dataset_id) REFERENCES evaluation_datasets (id)
)

CREATE TABLE experiment_tags (
	experiment_id BIGINT NOT NULL,
	[key] VARCHAR(1000) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	value VARCHAR(max) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	CONSTRAINT pk_experiment_tags PRIMARY KEY (experiment_id, [key]),
	CONSTRAINT fk_experiment_tags_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id)
)

CREATE TABLE experiments (
	id BIGINT NOT NULL,
	name VARCHAR(2000) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	artifact_location VARCHAR(max) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	lifecycle SMALLINT NOT NULL,
	created_ms BIGINT NOT NULL,
	updated_ms BIGINT NOT NULL,
	deleted_ms BIGINT NULL,
	purging_ms BIGINT NULL,
	CONSTRAINT pk_experiments PRIMARY KEY (id),
	CONSTRAINT uq_experiments_name UNIQUE (name)
)

CREATE TABLE keys (
	id BIGINT NOT NULL,
	experiment_id BIGINT NOT NULL,
	kind SMALLINT NOT NULL,
	name VARCHAR(1000) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	CONSTRAINT pk_keys PRIMARY KEY (id),
	CONSTRAINT uq_keys_experiment_id_kind_name UNIQUE (experiment_id, kind, name),
	CONSTRAINT fk_keys_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id)
)

CREATE TABLE logged_model_metrics (
	model_id BIGINT NOT NULL,
	[key] VARCHAR(1000) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	run_uuid VARCHAR(128) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	dataset_name VARCHAR(2000) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	dataset_digest VARCHAR(144) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	step BIGINT NOT NULL,
	ms BIGINT NOT NULL,
	value BIGINT NOT NULL,
	CONSTRAINT pk_logged_model_metrics PRIMARY KEY (model_id, [key], run_uuid, dataset_name, dataset_digest, step, ms, value),
	CONSTRAINT fk_logged_model_metrics_model_id FOREIGN KEY(model_id) REFERENCES logged_models (id)
)

CREATE TABLE logged_model_params (
	model_id BIGINT NOT NULL,
	[key] VARCHAR(1000) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	value VARCHAR(max) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	number BIGINT NULL,
	CONSTRAINT pk_logged_model_params PRIMARY KEY (model_id, [key]),
	CONSTRAINT fk_logged_model_params_model_id FOREIGN KEY(model_id) REFERENCES logged_models (id)
)

CREATE TABLE logged_model_tags (
	model_id BIGINT NOT NULL,
	[key] VARCHAR(1000) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	value VARCHAR(max) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	CONSTRAINT pk_logged_model_tags PRIMARY KEY (model_id, [key]),
	CONSTRAINT fk_logged_model_tags_model_id FOREIGN KEY(model_id) REFERENCES logged_models (id)
)

CREATE TABLE logged_models (
	id BIGINT NOT NULL,
	uuid VARCHAR(256) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	experiment_id BIGINT NOT NULL,
	name VARCHAR(max) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	status SMALLINT NOT NULL,
	model_type VARCHAR(max) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	source_run_id VARCHAR(256) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	status_message VARCHAR(max) COLLATE Latin1_General_100_BIN2_UTF8 NULL,
	artifact_uri VARCHAR(max) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	created_ms BIGINT NOT NULL,
	updated_ms BIGINT NOT NULL,
	lifecycle SMALLINT NOT NULL,
	deleted_ms BIGINT NULL,
	purging_ms BIGINT NULL,
	CONSTRAINT pk_logged_models PRIMARY KEY (id),
	CONSTRAINT uq_logged_models_uuid UNIQUE (uuid),
	CONSTRAINT fk_logged_models_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id)
)

CREATE TABLE meta (
	name VARCHAR(256) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	value IMAGE NOT NULL,
	CONSTRAINT pk_meta PRIMARY KEY (name)
)

CREATE TABLE model_servers (
	id VARCHAR(256) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	version_id BIGINT NOT NULL,
	endpoint VARCHAR(1024) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	host VARCHAR(1024) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	started_ms BIGINT NOT NULL,
	lease_ms BIGINT NOT NULL,
	record IMAGE NOT NULL,
	CONSTRAINT pk_model_servers PRIMARY KEY (id)
)

CREATE TABLE model_version_manifests (
	version_id BIGINT NOT NULL,
	state SMALLINT NOT NULL,
	digest VARCHAR(256) COLLATE Latin1_General_100_BIN2_UTF8 NULL,
	record IMAGE NOT NULL,
	CONSTRAINT pk_model_version_manifests PRIMARY KEY (version_id),
	CONSTRAINT fk_model_version_manifests_version_id FOREIGN KEY(version_id) REFERENCES model_versions (id)
)

CREATE TABLE model_version_tags (
	version_id BIGINT NOT NULL,
	[key] VARCHAR(1000) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	value VARCHAR(max) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	CONSTRAINT pk_model_version_tags PRIMARY KEY (version_id, [key]),
	CONSTRAINT fk_model_version_tags_version_id FOREIGN KEY(version_id) REFERENCES model_versions (id)
)

CREATE TABLE model_versions (
	id BIGINT NOT NULL,
	model_id BIGINT NOT NULL,
	name VARCHAR(1024) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	version BIGINT NOT NULL,
	is_prompt SMALLINT NOT NULL,
	stage SMALLINT NOT NULL,
	source VARCHAR(max) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	location VARCHAR(max) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	run_uuid VARCHAR(256) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	logged_uuid VARCHAR(256) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	parent_id BIGINT NULL,
	created_ms BIGINT NOT NULL,
	updated_ms BIGINT NOT NULL,
	document IMAGE NOT NULL,
	CONSTRAINT pk_model_versions PRIMARY KEY (id),
	CONSTRAINT uq_model_versions_name_version UNIQUE (name, version),
	CONSTRAINT fk_model_versions_model_id FOREIGN KEY(model_id) REFERENCES registered_models (id)
)

CREATE TABLE params (
	run_id BIGINT NOT NULL,
	key_id BIGINT NOT NULL,
	value VARCHAR(max) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	number BIGINT NULL,
	CONSTRAINT pk_params PRIMARY KEY (run_id, key_id),
	CONSTRAINT fk_params_run_id FOREIGN KEY(run_id) REFERENCES runs (id),
	CONSTRAINT fk_params_key_id FOREIGN KEY(key_id) REFERENCES keys (id)
)

CREATE TABLE points (
	series_id BIGINT NOT NULL,
	step BIGINT NOT NULL,
	ms BIGINT NOT NULL,
	value BIGINT NOT NULL,
	CONSTRAINT pk_points PRIMARY KEY (series_id, step, ms, value)
)

CREATE TABLE receipts (
	key_digest VARCHAR(256) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	request_digest VARCHAR(256) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	at_ms BIGINT NOT NULL,
	result IMAGE NOT NULL,
	CONSTRAINT pk_receipts PRIMARY KEY (key_digest)
)

CREATE TABLE registered_model_aliases (
	model_id BIGINT NOT NULL,
	alias VARCHAR(1020) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	version_id BIGINT NOT NULL,
	CONSTRAINT pk_registered_model_aliases PRIMARY KEY (model_id, alias),
	CONSTRAINT fk_registered_model_aliases_model_id FOREIGN KEY(model_id) REFERENCES registered_models (id),
	CONSTRAINT fk_registered_model_aliases_version_id FOREIGN KEY(version_id) REFERENCES model_versions (id)
)

CREATE TABLE registered_model_tags (
	model_id BIGINT NOT NULL,
	[key] VARCHAR(1000) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	value VARCHAR(max) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	CONSTRAINT pk_registered_model_tags PRIMARY KEY (model_id, [key]),
	CONSTRAINT fk_registered_model_tags_model_id FOREIGN KEY(model_id) REFERENCES registered_models (id)
)

CREATE TABLE registered_models (
	id BIGINT NOT NULL,
	name VARCHAR(1024) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	is_prompt SMALLINT NOT NULL,
	last_version BIGINT NOT NULL,
	created_ms BIGINT NOT NULL,
	updated_ms BIGINT NOT NULL,
	document IMAGE NOT NULL,
	CONSTRAINT pk_registered_models PRIMARY KEY (id),
	CONSTRAINT uq_registered_models_name UNIQUE (name)
)

CREATE TABLE registry_comments (
	id VARCHAR(256) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	model_id BIGINT NOT NULL,
	version_id BIGINT NULL,
	created_ms BIGINT NOT NULL,
	record IMAGE NOT NULL,
	CONSTRAINT pk_registry_comments PRIMARY KEY (id),
	CONSTRAINT fk_registry_comments_model_id FOREIGN KEY(model_id) REFERENCES registered_models (id),
	CONSTRAINT fk_registry_comments_version_id FOREIGN KEY(version_id) REFERENCES model_versions (id)
)

CREATE TABLE registry_steps (
	id BIGINT NOT NULL,
	name VARCHAR(1024) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	record IMAGE NOT NULL,
	CONSTRAINT pk_registry_steps PRIMARY KEY (id)
)

CREATE TABLE run_datasets (
	run_id BIGINT NOT NULL,
	dataset_id BIGINT NOT NULL,
	position INTEGER NOT NULL,
	context VARCHAR(max) COLLATE Latin1_General_100_BIN2_UTF8 NULL,
	tags VARCHAR(max) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	CONSTRAINT pk_run_datasets PRIMARY KEY (run_id, dataset_id),
	CONSTRAINT fk_run_datasets_run_id FOREIGN KEY(run_id) REFERENCES runs (id),
	CONSTRAINT fk_run_datasets_dataset_id FOREIGN KEY(dataset_id) REFERENCES datasets (id)
)

CREATE TABLE run_documents (
	run_id BIGINT NOT NULL,
	revision BIGINT NOT NULL,
	document IMAGE NULL,
	CONSTRAINT pk_run_documents PRIMARY KEY (run_id),
	CONSTRAINT fk_run_documents_run_id FOREIGN KEY(run_id) REFERENCES runs (id)
)

CREATE TABLE run_models (
	run_id BIGINT NOT NULL,
	is_output SMALLINT NOT NULL,
	model_id VARCHAR(256) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	step BIGINT NOT NULL,
	position INTEGER NOT NULL,
	CONSTRAINT pk_run_models PRIMARY KEY (run_id, is_output, model_id),
	CONSTRAINT fk_run_models_run_id FOREIGN KEY(run_id) REFERENCES runs (id)
)

CREATE TABLE runs (
	id BIGINT NOT NULL,
	uuid VARCHAR(128) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	experiment_id BIGINT NOT NULL,
	name VARCHAR(max) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	user_id VARCHAR(1024) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	status SMALLINT NOT NULL,
	start_ms BIGINT NOT NULL,
	end_ms BIGINT NULL,
	artifact_uri VARCHAR(max) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	lifecycle SMALLINT NOT NULL,
	lease_until_ms BIGINT NULL,
	lost SMALLINT NOT NULL,
	deleted_ms BIGINT NULL,
	purging_ms BIGINT NULL,
	CONSTRAINT pk_runs PRIMARY KEY (id),
	CONSTRAINT uq_runs_uuid UNIQUE (uuid),
	CONSTRAINT fk_runs_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id)
)

CREATE TABLE series (
	id BIGINT NOT NULL,
	run_id BIGINT NOT NULL,
	key_id BIGINT NOT NULL,
	count BIGINT NOT NULL,
	nan_count BIGINT NOT NULL,
	first_step BIGINT NOT NULL,
	first_ms BIGINT NOT NULL,
	first_value BIGINT NOT NULL,
	last_step BIGINT NOT NULL,
	last_ms BIGINT NOT NULL,
	last_value BIGINT NOT NULL,
	min_value BIGINT NOT NULL,
	max_value BIGINT NOT NULL,
	min_step BIGINT NULL,
	max_step BIGINT NULL,
	total BIGINT NOT NULL,
	mean BIGINT NOT NULL,
	low_ms BIGINT NOT NULL,
	high_ms BIGINT NOT NULL,
	stride BIGINT NOT NULL,
	in_time_order SMALLINT NOT NULL,
	axis SMALLINT NOT NULL,
	shift SMALLINT NOT NULL,
	folded BIGINT NOT NULL,
	folded_step BIGINT NOT NULL,
	folded_ms BIGINT NOT NULL,
	folded_value BIGINT NOT NULL,
	CONSTRAINT pk_series PRIMARY KEY (id),
	CONSTRAINT uq_series_run_id_key_id UNIQUE (run_id, key_id),
	CONSTRAINT fk_series_run_id FOREIGN KEY(run_id) REFERENCES runs (id),
	CONSTRAINT fk_series_key_id FOREIGN KEY(key_id) REFERENCES keys (id)
)

CREATE TABLE tags (
	run_id BIGINT NOT NULL,
	key_id BIGINT NOT NULL,
	value VARCHAR(max) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	CONSTRAINT pk_tags PRIMARY KEY (run_id, key_id),
	CONSTRAINT fk_tags_run_id FOREIGN KEY(run_id) REFERENCES runs (id),
	CONSTRAINT fk_tags_key_id FOREIGN KEY(key_id) REFERENCES keys (id)
)

CREATE TABLE tasks (
	id VARCHAR(256) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	ended_ms BIGINT NULL,
	record IMAGE NOT NULL,
	run_ids IMAGE NOT NULL,
	CONSTRAINT pk_tasks PRIMARY KEY (id)
)

CREATE TABLE views (
	id VARCHAR(256) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	experiment_id VARCHAR(256) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	record IMAGE NOT NULL,
	is_named SMALLINT NULL,
	CONSTRAINT pk_views PRIMARY KEY (id)
)

CREATE TABLE webhook_deliveries (
	id VARCHAR(144) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	webhook_id VARCHAR(144) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	event VARCHAR(256) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	body IMAGE NOT NULL,
	created_ms BIGINT NOT NULL,
	state SMALLINT NOT NULL,
	due_ms BIGINT NOT NULL,
	lease_ms BIGINT NOT NULL,
	attempts INTEGER NOT NULL,
	response_status INTEGER NULL,
	problem VARCHAR(2000) COLLATE Latin1_General_100_BIN2_UTF8 NULL,
	took_ms BIGINT NULL,
	ended_ms BIGINT NULL,
	CONSTRAINT pk_webhook_deliveries PRIMARY KEY (id)
)

CREATE TABLE webhooks (
	id VARCHAR(144) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL,
	created_ms BIGINT NOT NULL,
	is_active SMALLINT NOT NULL,
	record IMAGE NOT NULL,
	secret IMAGE NULL,
	CONSTRAINT pk_webhooks PRIMARY KEY (id)
)

-- bucket
SELECT buckets.series_id, buckets.level, buckets.slot, buckets.count, buckets.finite, buckets.min_value, buckets.max_value, buckets.total, buckets.first_step, buckets.first_ms, buckets.first_value, buckets.last_step, buckets.last_ms, buckets.last_value, buckets.low_ms, buckets.high_ms 
FROM buckets 
WHERE buckets.series_id = ? AND buckets.level = ? AND buckets.slot = ?

-- bucket_counts
SELECT buckets.slot, buckets.count 
FROM buckets 
WHERE buckets.series_id = ? AND buckets.level = ? AND buckets.slot >= ? AND buckets.slot <= ? ORDER BY buckets.slot

-- buckets
SELECT buckets.series_id, buckets.level, buckets.slot, buckets.count, buckets.finite, buckets.min_value, buckets.max_value, buckets.total, buckets.first_step, buckets.first_ms, buckets.first_value, buckets.last_step, buckets.last_ms, buckets.last_value, buckets.low_ms, buckets.high_ms 
FROM buckets 
WHERE buckets.series_id = ? AND buckets.level = ? AND buckets.slot >= ? AND buckets.slot <= ? ORDER BY buckets.slot

-- change_run
UPDATE runs SET name=?, status=?, end_ms=?, lifecycle=?, lease_until_ms=?, deleted_ms=? WHERE runs.id = ?

-- change_series
MERGE INTO series WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS run_id, ? AS key_id, ? AS count, ? AS nan_count, ? AS first_step, ? AS first_ms, ? AS first_value, ? AS last_step, ? AS last_ms, ? AS last_value, ? AS min_value, ? AS max_value, ? AS min_step, ? AS max_step, ? AS total, ? AS mean, ? AS low_ms, ? AS high_ms, ? AS stride, ? AS in_time_order, ? AS axis, ? AS shift, ? AS folded, ? AS folded_step, ? AS folded_ms, ? AS folded_value) AS given ON held.id = given.id WHEN MATCHED THEN UPDATE SET count = given.count, nan_count = given.nan_count, first_step = given.first_step, first_ms = given.first_ms, first_value = given.first_value, last_step = given.last_step, last_ms = given.last_ms, last_value = given.last_value, min_value = given.min_value, max_value = given.max_value, min_step = given.min_step, max_step = given.max_step, total = given.total, mean = given.mean, low_ms = given.low_ms, high_ms = given.high_ms, stride = given.stride, in_time_order = given.in_time_order, axis = given.axis, shift = given.shift, folded = given.folded, folded_step = given.folded_step, folded_ms = given.folded_ms, folded_value = given.folded_value WHEN NOT MATCHED THEN INSERT (id, run_id, key_id, count, nan_count, first_step, first_ms, first_value, last_step, last_ms, last_value, min_value, max_value, min_step, max_step, total, mean, low_ms, high_ms, stride, in_time_order, axis, shift, folded, folded_step, folded_ms, folded_value) VALUES (given.id, given.run_id, given.key_id, given.count, given.nan_count, given.first_step, given.first_ms, given.first_value, given.last_step, given.last_ms, given.last_value, given.min_value, given.max_value, given.min_step, given.max_step, given.total, given.mean, given.low_ms, given.high_ms, given.stride, given.in_time_order, given.axis, given.shift, given.folded, given.folded_step, given.folded_ms, given.folded_value);

-- count_models
SELECT count(*) AS count_1 
FROM run_models 
WHERE run_models.run_id = ?

-- count_points
SELECT count(*) AS count_1 
FROM points 
WHERE points.series_id = ? AND points.step >= ? AND points.step <= ?

-- dataset
SELECT datasets.id 
FROM datasets 
WHERE datasets.experiment_id = ? AND datasets.name = ? AND datasets.digest = ?

-- datasets_of_run
SELECT run_datasets.dataset_id 
FROM run_datasets 
WHERE run_datasets.run_id = ?

-- delete_old_receipts
DELETE FROM receipts WHERE receipts.at_ms < ?

-- delete_tag
DELETE FROM tags WHERE tags.run_id = ? AND tags.key_id = ?

-- document
SELECT runs.id, run_documents.revision, run_documents.document 
FROM runs JOIN run_documents ON run_documents.run_id = runs.id 
WHERE runs.uuid = ?

-- experiment
SELECT experiments.lifecycle, experiments.artifact_location 
FROM experiments 
WHERE experiments.id = ?

-- first_point_at
SELECT TOP __[POSTCOMPILE_param_1] points.step, points.ms, points.value 
FROM points 
WHERE points.series_id = ? AND points.step = ? ORDER BY points.step, points.ms, points.value

-- greatest_id experiments
SELECT coalesce(max(experiments.id), 0) AS coalesce_1 
FROM experiments

-- greatest_id registered_models
SELECT coalesce(max(registered_models.id), 0) AS coalesce_1 
FROM registered_models

-- greatest_id registry_steps
SELECT coalesce(max(registry_steps.id), 0) AS coalesce_1 
FROM registry_steps

-- greatest_id datasets
SELECT coalesce(max(datasets.id), 0) AS coalesce_1 
FROM datasets

-- greatest_id keys
SELECT coalesce(max(keys.id), 0) AS coalesce_1 
FROM keys

-- greatest_id logged_models
SELECT coalesce(max(logged_models.id), 0) AS coalesce_1 
FROM logged_models

-- greatest_id model_versions
SELECT coalesce(max(model_versions.id), 0) AS coalesce_1 
FROM model_versions

-- greatest_id runs
SELECT coalesce(max(runs.id), 0) AS coalesce_1 
FROM runs

-- greatest_id series
SELECT coalesce(max(series.id), 0) AS coalesce_1 
FROM series

-- has_point
SELECT 1 
FROM points 
WHERE points.series_id = ? AND points.step = ? AND points.ms = ? AND points.value = ?

-- insert_dataset
INSERT INTO datasets (id, experiment_id, name, digest, source_type, source, [schema], profile) VALUES (?, ?, ?, ?, ?, ?, ?, ?)

-- insert_delivery
INSERT INTO webhook_deliveries (id, webhook_id, event, body, created_ms, state, due_ms, lease_ms, attempts, response_status, problem, took_ms, ended_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- insert_document
INSERT INTO run_documents (run_id, revision, document) VALUES (?, ?, ?)

-- insert_entry
INSERT INTO audit_entries (seq, at_ms, actor, action, kind, object_id, request_id, text, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)

-- insert_key
INSERT INTO keys (id, experiment_id, kind, name) VALUES (?, ?, ?, ?)

-- insert_model_metric
MERGE INTO logged_model_metrics WITH (HOLDLOCK) AS held USING (SELECT ? AS model_id, ? AS [key], ? AS run_uuid, ? AS dataset_name, ? AS dataset_digest, ? AS step, ? AS ms, ? AS value) AS given ON held.model_id = given.model_id AND held.[key] = given.[key] AND held.run_uuid = given.run_uuid AND held.dataset_name = given.dataset_name AND held.dataset_digest = given.dataset_digest AND held.step = given.step AND held.ms = given.ms AND held.value = given.value WHEN NOT MATCHED THEN INSERT (model_id, [key], run_uuid, dataset_name, dataset_digest, step, ms, value) VALUES (given.model_id, given.[key], given.run_uuid, given.dataset_name, given.dataset_digest, given.step, given.ms, given.value);

-- insert_param
MERGE INTO params WITH (HOLDLOCK) AS held USING (SELECT ? AS run_id, ? AS key_id, ? AS value, ? AS number) AS given ON held.run_id = given.run_id AND held.key_id = given.key_id WHEN NOT MATCHED THEN INSERT (run_id, key_id, value, number) VALUES (given.run_id, given.key_id, given.value, given.number);

-- insert_point
INSERT INTO points (series_id, step, ms, value) VALUES (?, ?, ?, ?)

-- insert_receipt
INSERT INTO receipts (key_digest, request_digest, at_ms, result) VALUES (?, ?, ?, ?)

-- insert_run
INSERT INTO runs (id, uuid, experiment_id, name, user_id, status, start_ms, end_ms, artifact_uri, lifecycle, lease_until_ms, lost, deleted_ms, purging_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- insert_run_dataset
INSERT INTO run_datasets (run_id, dataset_id, position, context, tags) VALUES (?, ?, ?, ?, ?)

-- insert_run_model
MERGE INTO run_models WITH (HOLDLOCK) AS held USING (SELECT ? AS run_id, ? AS is_output, ? AS model_id, ? AS step, ? AS position) AS given ON held.run_id = given.run_id AND held.is_output = given.is_output AND held.model_id = given.model_id WHEN NOT MATCHED THEN INSERT (run_id, is_output, model_id, step, position) VALUES (given.run_id, given.is_output, given.model_id, given.step, given.position);

-- insert_series
INSERT INTO series (id, run_id, key_id, count, nan_count, first_step, first_ms, first_value, last_step, last_ms, last_value, min_value, max_value, min_step, max_step, total, mean, low_ms, high_ms, stride, in_time_order, axis, shift, folded, folded_step, folded_ms, folded_value) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- key
SELECT keys.id 
FROM keys 
WHERE keys.experiment_id = ? AND keys.kind = ? AND keys.name = ?

-- keys_of_kind
SELECT keys.id, keys.name 
FROM keys 
WHERE keys.experiment_id = ? AND keys.kind = ?

-- last_entry
SELECT TOP __[POSTCOMPILE_param_1] audit_entries.seq, audit_entries.text, audit_entries.hash 
FROM audit_entries ORDER BY audit_entries.seq DESC

-- last_point
SELECT TOP __[POSTCOMPILE_param_1] points.step, points.ms, points.value 
FROM points 
WHERE points.series_id = ? AND points.step >= ? AND points.step <= ? ORDER BY points.step DESC, points.ms DESC, points.value DESC

-- model
SELECT logged_models.id, logged_models.experiment_id, logged_models.lifecycle 
FROM logged_models 
WHERE logged_models.uuid = ?

-- named_series
SELECT series.id, series.run_id, series.key_id, series.count, series.nan_count, series.first_step, series.first_ms, series.first_value, series.last_step, series.last_ms, series.last_value, series.min_value, series.max_value, series.min_step, series.max_step, series.total, series.mean, series.low_ms, series.high_ms, series.stride, series.in_time_order, series.axis, series.shift, series.folded, series.folded_step, series.folded_ms, series.folded_value, runs.start_ms 
FROM runs JOIN keys ON keys.experiment_id = runs.experiment_id AND keys.kind = 1 AND keys.name = ? JOIN series ON series.run_id = runs.id AND series.key_id = keys.id 
WHERE runs.uuid = ?

-- nth_point
SELECT points.step, points.ms, points.value 
FROM points 
WHERE points.series_id = ? AND points.step >= ? AND points.step <= ? ORDER BY points.step, points.ms, points.value
 OFFSET ? ROWS
 FETCH FIRST ? ROWS ONLY

-- params
SELECT params.key_id, params.value 
FROM params 
WHERE params.run_id = ?

-- points
SELECT points.step, points.ms, points.value 
FROM points 
WHERE points.series_id = ? AND points.step >= ? AND points.step <= ? ORDER BY points.step, points.ms, points.value

-- points_after
SELECT points.step, points.ms, points.value 
FROM points 
WHERE points.series_id = ? AND (points.step >= ? AND (points.step > ? OR points.step = ? AND points.ms > ? OR points.step = ? AND points.ms = ? AND points.value > ?)) ORDER BY points.step, points.ms, points.value

-- points_after_limited
SELECT points.step, points.ms, points.value 
FROM points 
WHERE points.series_id = ? AND (points.step >= ? AND (points.step > ? OR points.step = ? AND points.ms > ? OR points.step = ? AND points.ms = ? AND points.value > ?)) ORDER BY points.step, points.ms, points.value
 OFFSET 0 ROWS
 FETCH FIRST ? ROWS ONLY

-- points_between
SELECT points.step, points.ms, points.value 
FROM points 
WHERE points.series_id = ? AND (points.step >= ? AND (points.step > ? OR points.step = ? AND points.ms > ? OR points.step = ? AND points.ms = ? AND points.value >= ?)) AND (points.step <= ? AND (points.step < ? OR points.step = ? AND points.ms < ? OR points.step = ? AND points.ms = ? AND points.value <= ?)) ORDER BY points.step, points.ms, points.value

-- points_by_time
SELECT points.step, points.ms, points.value 
FROM points 
WHERE points.series_id = ? ORDER BY points.ms, points.step, CASE WHEN (points.value = ?) THEN ? ELSE points.value END, CASE WHEN (points.value = ?) THEN ? ELSE ? END
 OFFSET 0 ROWS
 FETCH FIRST ? ROWS ONLY

-- points_by_time_after
SELECT points.step, points.ms, points.value 
FROM points 
WHERE points.series_id = ? AND (points.ms >= ? AND (points.ms > ? OR points.ms = ? AND points.step > ? OR points.ms = ? AND points.step = ? AND CASE WHEN (points.value = ?) THEN ? ELSE points.value END > ? OR points.ms = ? AND points.step = ? AND CASE WHEN (points.value = ?) THEN ? ELSE points.value END = ? AND CASE WHEN (points.value = ?) THEN ? ELSE ? END > ?)) ORDER BY points.ms, points.step, CASE WHEN (points.value = ?) THEN ? ELSE points.value END, CASE WHEN (points.value = ?) THEN ? ELSE ? END
 OFFSET 0 ROWS
 FETCH FIRST ? ROWS ONLY

-- points_from
SELECT points.step, points.ms, points.value 
FROM points 
WHERE points.series_id = ? AND (points.step >= ? AND (points.step > ? OR points.step = ? AND points.ms >= ?)) ORDER BY points.step, points.ms, points.value
 OFFSET 0 ROWS
 FETCH FIRST ? ROWS ONLY

-- points_limited
SELECT points.step, points.ms, points.value 
FROM points 
WHERE points.series_id = ? AND points.step >= ? AND points.step <= ? ORDER BY points.step, points.ms, points.value
 OFFSET 0 ROWS
 FETCH FIRST ? ROWS ONLY

-- put_bucket
MERGE INTO buckets WITH (HOLDLOCK) AS held USING (SELECT ? AS series_id, ? AS level, ? AS slot, ? AS count, ? AS finite, ? AS min_value, ? AS max_value, ? AS total, ? AS first_step, ? AS first_ms, ? AS first_value, ? AS last_step, ? AS last_ms, ? AS last_value, ? AS low_ms, ? AS high_ms) AS given ON held.series_id = given.series_id AND held.level = given.level AND held.slot = given.slot WHEN MATCHED THEN UPDATE SET count = given.count, finite = given.finite, min_value = given.min_value, max_value = given.max_value, total = given.total, first_step = given.first_step, first_ms = given.first_ms, first_value = given.first_value, last_step = given.last_step, last_ms = given.last_ms, last_value = given.last_value, low_ms = given.low_ms, high_ms = given.high_ms WHEN NOT MATCHED THEN INSERT (series_id, level, slot, count, finite, min_value, max_value, total, first_step, first_ms, first_value, last_step, last_ms, last_value, low_ms, high_ms) VALUES (given.series_id, given.level, given.slot, given.count, given.finite, given.min_value, given.max_value, given.total, given.first_step, given.first_ms, given.first_value, given.last_step, given.last_ms, given.last_value, given.low_ms, given.high_ms);

-- raise_revision
MERGE INTO run_documents WITH (HOLDLOCK) AS held USING (SELECT ? AS run_id, ? AS revision, ? AS document) AS given ON held.run_id = given.run_id WHEN MATCHED THEN UPDATE SET revision = held.revision + 1, document = NULL WHEN NOT MATCHED THEN INSERT (run_id, revision, document) VALUES (given.run_id, given.revision, given.document);

-- receipt
SELECT receipts.request_digest, receipts.result 
FROM receipts 
WHERE receipts.key_digest = ?

-- rename_run
UPDATE runs SET name=? WHERE runs.id = ?

-- revive_run
UPDATE runs SET lost=0 WHERE runs.id = ?

-- run
SELECT runs.id, runs.uuid, runs.experiment_id, runs.name, runs.user_id, runs.status, runs.start_ms, runs.end_ms, runs.artifact_uri, runs.lifecycle, runs.lease_until_ms, runs.lost, runs.deleted_ms, runs.purging_ms 
FROM runs 
WHERE runs.id = ?

-- run_state
SELECT runs.id, runs.experiment_id, runs.lifecycle, runs.lost 
FROM runs 
WHERE runs.uuid = ?

-- series
SELECT series.id, series.run_id, series.key_id, series.count, series.nan_count, series.first_step, series.first_ms, series.first_value, series.last_step, series.last_ms, series.last_value, series.min_value, series.max_value, series.min_step, series.max_step, series.total, series.mean, series.low_ms, series.high_ms, series.stride, series.in_time_order, series.axis, series.shift, series.folded, series.folded_step, series.folded_ms, series.folded_value 
FROM series 
WHERE series.run_id = ? AND series.key_id = ?

-- series_of_run
SELECT series.id, series.run_id, series.key_id, series.count, series.nan_count, series.first_step, series.first_ms, series.first_value, series.last_step, series.last_ms, series.last_value, series.min_value, series.max_value, series.min_step, series.max_step, series.total, series.mean, series.low_ms, series.high_ms, series.stride, series.in_time_order, series.axis, series.shift, series.folded, series.folded_step, series.folded_ms, series.folded_value 
FROM series 
WHERE series.run_id = ?

-- set_tag
MERGE INTO tags WITH (HOLDLOCK) AS held USING (SELECT ? AS run_id, ? AS key_id, ? AS value) AS given ON held.run_id = given.run_id AND held.key_id = given.key_id WHEN MATCHED THEN UPDATE SET value = given.value WHEN NOT MATCHED THEN INSERT (run_id, key_id, value) VALUES (given.run_id, given.key_id, given.value);

-- slots
SELECT buckets.slot, buckets.count, buckets.finite, buckets.min_value, buckets.max_value, buckets.total, buckets.first_value, buckets.last_value, buckets.low_ms, buckets.high_ms 
FROM buckets 
WHERE buckets.series_id = ? AND buckets.level = ? AND buckets.slot >= ? AND buckets.slot <= ? ORDER BY buckets.slot

-- stale_documents
SELECT run_documents.run_id, run_documents.revision 
FROM run_documents 
WHERE run_documents.document IS NULL ORDER BY run_documents.run_id
 OFFSET 0 ROWS
 FETCH FIRST ? ROWS ONLY

-- store_document
UPDATE run_documents SET document=? WHERE run_documents.run_id = ? AND run_documents.revision = ?

-- tag
SELECT tags.value 
FROM tags 
WHERE tags.run_id = ? AND tags.key_id = ?

MERGE INTO approval_policies WITH (HOLDLOCK) AS held USING (SELECT ? AS models, ? AS record) AS given ON held.models = given.models WHEN NOT MATCHED THEN INSERT (models, record) VALUES (given.models, given.record);

MERGE INTO approval_policies WITH (HOLDLOCK) AS held USING (SELECT ? AS models, ? AS record) AS given ON held.models = given.models WHEN MATCHED THEN UPDATE SET record = given.record WHEN NOT MATCHED THEN INSERT (models, record) VALUES (given.models, given.record);

MERGE INTO approval_requests WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS name, ? AS is_open, ? AS created_ms, ? AS record) AS given ON held.id = given.id WHEN NOT MATCHED THEN INSERT (id, name, is_open, created_ms, record) VALUES (given.id, given.name, given.is_open, given.created_ms, given.record);

MERGE INTO approval_requests WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS name, ? AS is_open, ? AS created_ms, ? AS record) AS given ON held.id = given.id WHEN MATCHED THEN UPDATE SET name = given.name, is_open = given.is_open, created_ms = given.created_ms, record = given.record WHEN NOT MATCHED THEN INSERT (id, name, is_open, created_ms, record) VALUES (given.id, given.name, given.is_open, given.created_ms, given.record);

MERGE INTO artifacts WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS uri, ? AS head, ? AS size, ? AS sha256, ? AS recorded_ms, ? AS token, ? AS broken_ms) AS given ON held.id = given.id WHEN NOT MATCHED THEN INSERT (id, uri, head, size, sha256, recorded_ms, token, broken_ms) VALUES (given.id, given.uri, given.head, given.size, given.sha256, given.recorded_ms, given.token, given.broken_ms);

MERGE INTO artifacts WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS uri, ? AS head, ? AS size, ? AS sha256, ? AS recorded_ms, ? AS token, ? AS broken_ms) AS given ON held.id = given.id WHEN MATCHED THEN UPDATE SET uri = given.uri, head = given.head, size = given.size, sha256 = given.sha256, recorded_ms = given.recorded_ms, token = given.token, broken_ms = given.broken_ms WHEN NOT MATCHED THEN INSERT (id, uri, head, size, sha256, recorded_ms, token, broken_ms) VALUES (given.id, given.uri, given.head, given.size, given.sha256, given.recorded_ms, given.token, given.broken_ms);

MERGE INTO audit_entries WITH (HOLDLOCK) AS held USING (SELECT ? AS seq, ? AS at_ms, ? AS actor, ? AS action, ? AS kind, ? AS object_id, ? AS request_id, ? AS text, ? AS hash) AS given ON held.seq = given.seq WHEN NOT MATCHED THEN INSERT (seq, at_ms, actor, action, kind, object_id, request_id, text, hash) VALUES (given.seq, given.at_ms, given.actor, given.action, given.kind, given.object_id, given.request_id, given.text, given.hash);

MERGE INTO audit_entries WITH (HOLDLOCK) AS held USING (SELECT ? AS seq, ? AS at_ms, ? AS actor, ? AS action, ? AS kind, ? AS object_id, ? AS request_id, ? AS text, ? AS hash) AS given ON held.seq = given.seq WHEN MATCHED THEN UPDATE SET at_ms = given.at_ms, actor = given.actor, action = given.action, kind = given.kind, object_id = given.object_id, request_id = given.request_id, text = given.text, hash = given.hash WHEN NOT MATCHED THEN INSERT (seq, at_ms, actor, action, kind, object_id, request_id, text, hash) VALUES (given.seq, given.at_ms, given.actor, given.action, given.kind, given.object_id, given.request_id, given.text, given.hash);

MERGE INTO audit_heads WITH (HOLDLOCK) AS held USING (SELECT ? AS seq, ? AS record) AS given ON held.seq = given.seq WHEN NOT MATCHED THEN INSERT (seq, record) VALUES (given.seq, given.record);

MERGE INTO audit_heads WITH (HOLDLOCK) AS held USING (SELECT ? AS seq, ? AS record) AS given ON held.seq = given.seq WHEN MATCHED THEN UPDATE SET record = given.record WHEN NOT MATCHED THEN INSERT (seq, record) VALUES (given.seq, given.record);

MERGE INTO audit_keys WITH (HOLDLOCK) AS held USING (SELECT ? AS key_id, ? AS public_key) AS given ON held.key_id = given.key_id WHEN NOT MATCHED THEN INSERT (key_id, public_key) VALUES (given.key_id, given.public_key);

MERGE INTO audit_keys WITH (HOLDLOCK) AS held USING (SELECT ? AS key_id, ? AS public_key) AS given ON held.key_id = given.key_id WHEN MATCHED THEN UPDATE SET public_key = given.public_key WHEN NOT MATCHED THEN INSERT (key_id, public_key) VALUES (given.key_id, given.public_key);

MERGE INTO buckets WITH (HOLDLOCK) AS held USING (SELECT ? AS series_id, ? AS level, ? AS slot, ? AS count, ? AS finite, ? AS min_value, ? AS max_value, ? AS total, ? AS first_step, ? AS first_ms, ? AS first_value, ? AS last_step, ? AS last_ms, ? AS last_value, ? AS low_ms, ? AS high_ms) AS given ON held.series_id = given.series_id AND held.level = given.level AND held.slot = given.slot WHEN NOT MATCHED THEN INSERT (series_id, level, slot, count, finite, min_value, max_value, total, first_step, first_ms, first_value, last_step, last_ms, last_value, low_ms, high_ms) VALUES (given.series_id, given.level, given.slot, given.count, given.finite, given.min_value, given.max_value, given.total, given.first_step, given.first_ms, given.first_value, given.last_step, given.last_ms, given.last_value, given.low_ms, given.high_ms);

MERGE INTO buckets WITH (HOLDLOCK) AS held USING (SELECT ? AS series_id, ? AS level, ? AS slot, ? AS count, ? AS finite, ? AS min_value, ? AS max_value, ? AS total, ? AS first_step, ? AS first_ms, ? AS first_value, ? AS last_step, ? AS last_ms, ? AS last_value, ? AS low_ms, ? AS high_ms) AS given ON held.series_id = given.series_id AND held.level = given.level AND held.slot = given.slot WHEN MATCHED THEN UPDATE SET count = given.count, finite = given.finite, min_value = given.min_value, max_value = given.max_value, total = given.total, first_step = given.first_step, first_ms = given.first_ms, first_value = given.first_value, last_step = given.last_step, last_ms = given.last_ms, last_value = given.last_value, low_ms = given.low_ms, high_ms = given.high_ms WHEN NOT MATCHED THEN INSERT (series_id, level, slot, count, finite, min_value, max_value, total, first_step, first_ms, first_value, last_step, last_ms, last_value, low_ms, high_ms) VALUES (given.series_id, given.level, given.slot, given.count, given.finite, given.min_value, given.max_value, given.total, given.first_step, given.first_ms, given.first_value, given.last_step, given.last_ms, given.last_value, given.low_ms, given.high_ms);

MERGE INTO evaluation_datasets WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS created_ms, ? AS record) AS given ON held.id = given.id WHEN NOT MATCHED THEN INSERT (id, created_ms, record) VALUES (given.id, given.created_ms, given.record);

MERGE INTO evaluation_datasets WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS created_ms, ? AS record) AS given ON held.id = given.id WHEN MATCHED THEN UPDATE SET created_ms = given.created_ms, record = given.record WHEN NOT MATCHED THEN INSERT (id, created_ms, record) VALUES (given.id, given.created_ms, given.record);

MERGE INTO experiments WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS name, ? AS artifact_location, ? AS lifecycle, ? AS created_ms, ? AS updated_ms, ? AS deleted_ms, ? AS purging_ms) AS given ON held.id = given.id WHEN NOT MATCHED THEN INSERT (id, name, artifact_location, lifecycle, created_ms, updated_ms, deleted_ms, purging_ms) VALUES (given.id, given.name, given.artifact_location, given.lifecycle, given.created_ms, given.updated_ms, given.deleted_ms, given.purging_ms);

MERGE INTO experiments WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS name, ? AS artifact_location, ? AS lifecycle, ? AS created_ms, ? AS updated_ms, ? AS deleted_ms, ? AS purging_ms) AS given ON held.id = given.id WHEN MATCHED THEN UPDATE SET name = given.name, artifact_location = given.artifact_location, lifecycle = given.lifecycle, created_ms = given.created_ms, updated_ms = given.updated_ms, deleted_ms = given.deleted_ms, purging_ms = given.purging_ms WHEN NOT MATCHED THEN INSERT (id, name, artifact_location, lifecycle, created_ms, updated_ms, deleted_ms, purging_ms) VALUES (given.id, given.name, given.artifact_location, given.lifecycle, given.created_ms, given.updated_ms, given.deleted_ms, given.purging_ms);

MERGE INTO meta WITH (HOLDLOCK) AS held USING (SELECT ? AS name, ? AS value) AS given ON held.name = given.name WHEN NOT MATCHED THEN INSERT (name, value) VALUES (given.name, given.value);

MERGE INTO meta WITH (HOLDLOCK) AS held USING (SELECT ? AS name, ? AS value) AS given ON held.name = given.name WHEN MATCHED THEN UPDATE SET value = given.value WHEN NOT MATCHED THEN INSERT (name, value) VALUES (given.name, given.value);

MERGE INTO model_servers WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS version_id, ? AS endpoint, ? AS host, ? AS started_ms, ? AS lease_ms, ? AS record) AS given ON held.id = given.id WHEN NOT MATCHED THEN INSERT (id, version_id, endpoint, host, started_ms, lease_ms, record) VALUES (given.id, given.version_id, given.endpoint, given.host, given.started_ms, given.lease_ms, given.record);

MERGE INTO model_servers WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS version_id, ? AS endpoint, ? AS host, ? AS started_ms, ? AS lease_ms, ? AS record) AS given ON held.id = given.id WHEN MATCHED THEN UPDATE SET version_id = given.version_id, endpoint = given.endpoint, host = given.host, started_ms = given.started_ms, lease_ms = given.lease_ms, record = given.record WHEN NOT MATCHED THEN INSERT (id, version_id, endpoint, host, started_ms, lease_ms, record) VALUES (given.id, given.version_id, given.endpoint, given.host, given.started_ms, given.lease_ms, given.record);

MERGE INTO points WITH (HOLDLOCK) AS held USING (SELECT ? AS series_id, ? AS step, ? AS ms, ? AS value) AS given ON held.series_id = given.series_id AND held.step = given.step AND held.ms = given.ms AND held.value = given.value WHEN NOT MATCHED THEN INSERT (series_id, step, ms, value) VALUES (given.series_id, given.step, given.ms, given.value);

MERGE INTO receipts WITH (HOLDLOCK) AS held USING (SELECT ? AS key_digest, ? AS request_digest, ? AS at_ms, ? AS result) AS given ON held.key_digest = given.key_digest WHEN NOT MATCHED THEN INSERT (key_digest, request_digest, at_ms, result) VALUES (given.key_digest, given.request_digest, given.at_ms, given.result);

MERGE INTO receipts WITH (HOLDLOCK) AS held USING (SELECT ? AS key_digest, ? AS request_digest, ? AS at_ms, ? AS result) AS given ON held.key_digest = given.key_digest WHEN MATCHED THEN UPDATE SET request_digest = given.request_digest, at_ms = given.at_ms, result = given.result WHEN NOT MATCHED THEN INSERT (key_digest, request_digest, at_ms, result) VALUES (given.key_digest, given.request_digest, given.at_ms, given.result);

MERGE INTO registered_models WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS name, ? AS is_prompt, ? AS last_version, ? AS created_ms, ? AS updated_ms, ? AS document) AS given ON held.id = given.id WHEN NOT MATCHED THEN INSERT (id, name, is_prompt, last_version, created_ms, updated_ms, document) VALUES (given.id, given.name, given.is_prompt, given.last_version, given.created_ms, given.updated_ms, given.document);

MERGE INTO registered_models WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS name, ? AS is_prompt, ? AS last_version, ? AS created_ms, ? AS updated_ms, ? AS document) AS given ON held.id = given.id WHEN MATCHED THEN UPDATE SET name = given.name, is_prompt = given.is_prompt, last_version = given.last_version, created_ms = given.created_ms, updated_ms = given.updated_ms, document = given.document WHEN NOT MATCHED THEN INSERT (id, name, is_prompt, last_version, created_ms, updated_ms, document) VALUES (given.id, given.name, given.is_prompt, given.last_version, given.created_ms, given.updated_ms, given.document);

MERGE INTO registry_steps WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS name, ? AS record) AS given ON held.id = given.id WHEN NOT MATCHED THEN INSERT (id, name, record) VALUES (given.id, given.name, given.record);

MERGE INTO registry_steps WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS name, ? AS record) AS given ON held.id = given.id WHEN MATCHED THEN UPDATE SET name = given.name, record = given.record WHEN NOT MATCHED THEN INSERT (id, name, record) VALUES (given.id, given.name, given.record);

MERGE INTO tasks WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS ended_ms, ? AS record, ? AS run_ids) AS given ON held.id = given.id WHEN NOT MATCHED THEN INSERT (id, ended_ms, record, run_ids) VALUES (given.id, given.ended_ms, given.record, given.run_ids);

MERGE INTO tasks WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS ended_ms, ? AS record, ? AS run_ids) AS given ON held.id = given.id WHEN MATCHED THEN UPDATE SET ended_ms = given.ended_ms, record = given.record, run_ids = given.run_ids WHEN NOT MATCHED THEN INSERT (id, ended_ms, record, run_ids) VALUES (given.id, given.ended_ms, given.record, given.run_ids);

MERGE INTO views WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS experiment_id, ? AS record, ? AS is_named) AS given ON held.id = given.id WHEN NOT MATCHED THEN INSERT (id, experiment_id, record, is_named) VALUES (given.id, given.experiment_id, given.record, given.is_named);

MERGE INTO views WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS experiment_id, ? AS record, ? AS is_named) AS given ON held.id = given.id WHEN MATCHED THEN UPDATE SET experiment_id = given.experiment_id, record = given.record, is_named = given.is_named WHEN NOT MATCHED THEN INSERT (id, experiment_id, record, is_named) VALUES (given.id, given.experiment_id, given.record, given.is_named);

MERGE INTO webhook_deliveries WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS webhook_id, ? AS event, ? AS body, ? AS created_ms, ? AS state, ? AS due_ms, ? AS lease_ms, ? AS attempts, ? AS response_status, ? AS problem, ? AS took_ms, ? AS ended_ms) AS given ON held.id = given.id WHEN NOT MATCHED THEN INSERT (id, webhook_id, event, body, created_ms, state, due_ms, lease_ms, attempts, response_status, problem, took_ms, ended_ms) VALUES (given.id, given.webhook_id, given.event, given.body, given.created_ms, given.state, given.due_ms, given.lease_ms, given.attempts, given.response_status, given.problem, given.took_ms, given.ended_ms);

MERGE INTO webhook_deliveries WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS webhook_id, ? AS event, ? AS body, ? AS created_ms, ? AS state, ? AS due_ms, ? AS lease_ms, ? AS attempts, ? AS response_status, ? AS problem, ? AS took_ms, ? AS ended_ms) AS given ON held.id = given.id WHEN MATCHED THEN UPDATE SET webhook_id = given.webhook_id, event = given.event, body = given.body, created_ms = given.created_ms, state = given.state, due_ms = given.due_ms, lease_ms = given.lease_ms, attempts = given.attempts, response_status = given.response_status, problem = given.problem, took_ms = given.took_ms, ended_ms = given.ended_ms WHEN NOT MATCHED THEN INSERT (id, webhook_id, event, body, created_ms, state, due_ms, lease_ms, attempts, response_status, problem, took_ms, ended_ms) VALUES (given.id, given.webhook_id, given.event, given.body, given.created_ms, given.state, given.due_ms, given.lease_ms, given.attempts, given.response_status, given.problem, given.took_ms, given.ended_ms);

MERGE INTO webhooks WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS created_ms, ? AS is_active, ? AS record, ? AS secret) AS given ON held.id = given.id WHEN NOT MATCHED THEN INSERT (id, created_ms, is_active, record, secret) VALUES (given.id, given.created_ms, given.is_active, given.record, given.secret);

MERGE INTO webhooks WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS created_ms, ? AS is_active, ? AS record, ? AS secret) AS given ON held.id = given.id WHEN MATCHED THEN UPDATE SET created_ms = given.created_ms, is_active = given.is_active, record = given.record, secret = given.secret WHEN NOT MATCHED THEN INSERT (id, created_ms, is_active, record, secret) VALUES (given.id, given.created_ms, given.is_active, given.record, given.secret);

MERGE INTO datasets WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS experiment_id, ? AS name, ? AS digest, ? AS source_type, ? AS source, ? AS [schema], ? AS profile) AS given ON held.id = given.id WHEN NOT MATCHED THEN INSERT (id, experiment_id, name, digest, source_type, source, [schema], profile) VALUES (given.id, given.experiment_id, given.name, given.digest, given.source_type, given.source, given.[schema], given.profile);

MERGE INTO datasets WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS experiment_id, ? AS name, ? AS digest, ? AS source_type, ? AS source, ? AS [schema], ? AS profile) AS given ON held.id = given.id WHEN MATCHED THEN UPDATE SET experiment_id = given.experiment_id, name = given.name, digest = given.digest, source_type = given.source_type, source = given.source, [schema] = given.[schema], profile = given.profile WHEN NOT MATCHED THEN INSERT (id, experiment_id, name, digest, source_type, source, [schema], profile) VALUES (given.id, given.experiment_id, given.name, given.digest, given.source_type, given.source, given.[schema], given.profile);

MERGE INTO evaluation_dataset_experiments WITH (HOLDLOCK) AS held USING (SELECT ? AS dataset_id, ? AS experiment_id) AS given ON held.dataset_id = given.dataset_id AND held.experiment_id = given.experiment_id WHEN NOT MATCHED THEN INSERT (dataset_id, experiment_id) VALUES (given.dataset_id, given.experiment_id);

MERGE INTO evaluation_records WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS dataset_id, ? AS inputs_digest, ? AS created_ms, ? AS record) AS given ON held.id = given.id WHEN NOT MATCHED THEN INSERT (id, dataset_id, inputs_digest, created_ms, record) VALUES (given.id, given.dataset_id, given.inputs_digest, given.created_ms, given.record);

MERGE INTO evaluation_records WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS dataset_id, ? AS inputs_digest, ? AS created_ms, ? AS record) AS given ON held.id = given.id WHEN MATCHED THEN UPDATE SET dataset_id = given.dataset_id, inputs_digest = given.inputs_digest, created_ms = given.created_ms, record = given.record WHEN NOT MATCHED THEN INSERT (id, dataset_id, inputs_digest, created_ms, record) VALUES (given.id, given.dataset_id, given.inputs_digest, given.created_ms, given.record);

MERGE INTO experiment_tags WITH (HOLDLOCK) AS held USING (SELECT ? AS experiment_id, ? AS [key], ? AS value) AS given ON held.experiment_id = given.experiment_id AND held.[key] = given.[key] WHEN NOT MATCHED THEN INSERT (experiment_id, [key], value) VALUES (given.experiment_id, given.[key], given.value);

MERGE INTO experiment_tags WITH (HOLDLOCK) AS held USING (SELECT ? AS experiment_id, ? AS [key], ? AS value) AS given ON held.experiment_id = given.experiment_id AND held.[key] = given.[key] WHEN MATCHED THEN UPDATE SET value = given.value WHEN NOT MATCHED THEN INSERT (experiment_id, [key], value) VALUES (given.experiment_id, given.[key], given.value);

MERGE INTO keys WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS experiment_id, ? AS kind, ? AS name) AS given ON held.id = given.id WHEN NOT MATCHED THEN INSERT (id, experiment_id, kind, name) VALUES (given.id, given.experiment_id, given.kind, given.name);

MERGE INTO keys WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS experiment_id, ? AS kind, ? AS name) AS given ON held.id = given.id WHEN MATCHED THEN UPDATE SET experiment_id = given.experiment_id, kind = given.kind, name = given.name WHEN NOT MATCHED THEN INSERT (id, experiment_id, kind, name) VALUES (given.id, given.experiment_id, given.kind, given.name);

MERGE INTO logged_models WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS uuid, ? AS experiment_id, ? AS name, ? AS status, ? AS model_type, ? AS source_run_id, ? AS status_message, ? AS artifact_uri, ? AS created_ms, ? AS updated_ms, ? AS lifecycle, ? AS deleted_ms, ? AS purging_ms) AS given ON held.id = given.id WHEN NOT MATCHED THEN INSERT (id, uuid, experiment_id, name, status, model_type, source_run_id, status_message, artifact_uri, created_ms, updated_ms, lifecycle, deleted_ms, purging_ms) VALUES (given.id, given.uuid, given.experiment_id, given.name, given.status, given.model_type, given.source_run_id, given.status_message, given.artifact_uri, given.created_ms, given.updated_ms, given.lifecycle, given.deleted_ms, given.purging_ms);

MERGE INTO logged_models WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS uuid, ? AS experiment_id, ? AS name, ? AS status, ? AS model_type, ? AS source_run_id, ? AS status_message, ? AS artifact_uri, ? AS created_ms, ? AS updated_ms, ? AS lifecycle, ? AS deleted_ms, ? AS purging_ms) AS given ON held.id = given.id WHEN MATCHED THEN UPDATE SET uuid = given.uuid, experiment_id = given.experiment_id, name = given.name, status = given.status, model_type = given.model_type, source_run_id = given.source_run_id, status_message = given.status_message, artifact_uri = given.artifact_uri, created_ms = given.created_ms, updated_ms = given.updated_ms, lifecycle = given.lifecycle, deleted_ms = given.deleted_ms, purging_ms = given.purging_ms WHEN NOT MATCHED THEN INSERT (id, uuid, experiment_id, name, status, model_type, source_run_id, status_message, artifact_uri, created_ms, updated_ms, lifecycle, deleted_ms, purging_ms) VALUES (given.id, given.uuid, given.experiment_id, given.name, given.status, given.model_type, given.source_run_id, given.status_message, given.artifact_uri, given.created_ms, given.updated_ms, given.lifecycle, given.deleted_ms, given.purging_ms);

MERGE INTO model_versions WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS model_id, ? AS name, ? AS version, ? AS is_prompt, ? AS stage, ? AS source, ? AS location, ? AS run_uuid, ? AS logged_uuid, ? AS parent_id, ? AS created_ms, ? AS updated_ms, ? AS document) AS given ON held.id = given.id WHEN NOT MATCHED THEN INSERT (id, model_id, name, version, is_prompt, stage, source, location, run_uuid, logged_uuid, parent_id, created_ms, updated_ms, document) VALUES (given.id, given.model_id, given.name, given.version, given.is_prompt, given.stage, given.source, given.location, given.run_uuid, given.logged_uuid, given.parent_id, given.created_ms, given.updated_ms, given.document);

MERGE INTO model_versions WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS model_id, ? AS name, ? AS version, ? AS is_prompt, ? AS stage, ? AS source, ? AS location, ? AS run_uuid, ? AS logged_uuid, ? AS parent_id, ? AS created_ms, ? AS updated_ms, ? AS document) AS given ON held.id = given.id WHEN MATCHED THEN UPDATE SET model_id = given.model_id, name = given.name, version = given.version, is_prompt = given.is_prompt, stage = given.stage, source = given.source, location = given.location, run_uuid = given.run_uuid, logged_uuid = given.logged_uuid, parent_id = given.parent_id, created_ms = given.created_ms, updated_ms = given.updated_ms, document = given.document WHEN NOT MATCHED THEN INSERT (id, model_id, name, version, is_prompt, stage, source, location, run_uuid, logged_uuid, parent_id, created_ms, updated_ms, document) VALUES (given.id, given.model_id, given.name, given.version, given.is_prompt, given.stage, given.source, given.location, given.run_uuid, given.logged_uuid, given.parent_id, given.created_ms, given.updated_ms, given.document);

MERGE INTO registered_model_tags WITH (HOLDLOCK) AS held USING (SELECT ? AS model_id, ? AS [key], ? AS value) AS given ON held.model_id = given.model_id AND held.[key] = given.[key] WHEN NOT MATCHED THEN INSERT (model_id, [key], value) VALUES (given.model_id, given.[key], given.value);

MERGE INTO registered_model_tags WITH (HOLDLOCK) AS held USING (SELECT ? AS model_id, ? AS [key], ? AS value) AS given ON held.model_id = given.model_id AND held.[key] = given.[key] WHEN MATCHED THEN UPDATE SET value = given.value WHEN NOT MATCHED THEN INSERT (model_id, [key], value) VALUES (given.model_id, given.[key], given.value);

MERGE INTO runs WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS uuid, ? AS experiment_id, ? AS name, ? AS user_id, ? AS status, ? AS start_ms, ? AS end_ms, ? AS artifact_uri, ? AS lifecycle, ? AS lease_until_ms, ? AS lost, ? AS deleted_ms, ? AS purging_ms) AS given ON held.id = given.id WHEN NOT MATCHED THEN INSERT (id, uuid, experiment_id, name, user_id, status, start_ms, end_ms, artifact_uri, lifecycle, lease_until_ms, lost, deleted_ms, purging_ms) VALUES (given.id, given.uuid, given.experiment_id, given.name, given.user_id, given.status, given.start_ms, given.end_ms, given.artifact_uri, given.lifecycle, given.lease_until_ms, given.lost, given.deleted_ms, given.purging_ms);

MERGE INTO runs WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS uuid, ? AS experiment_id, ? AS name, ? AS user_id, ? AS status, ? AS start_ms, ? AS end_ms, ? AS artifact_uri, ? AS lifecycle, ? AS lease_until_ms, ? AS lost, ? AS deleted_ms, ? AS purging_ms) AS given ON held.id = given.id WHEN MATCHED THEN UPDATE SET uuid = given.uuid, experiment_id = given.experiment_id, name = given.name, user_id = given.user_id, status = given.status, start_ms = given.start_ms, end_ms = given.end_ms, artifact_uri = given.artifact_uri, lifecycle = given.lifecycle, lease_until_ms = given.lease_until_ms, lost = given.lost, deleted_ms = given.deleted_ms, purging_ms = given.purging_ms WHEN NOT MATCHED THEN INSERT (id, uuid, experiment_id, name, user_id, status, start_ms, end_ms, artifact_uri, lifecycle, lease_until_ms, lost, deleted_ms, purging_ms) VALUES (given.id, given.uuid, given.experiment_id, given.name, given.user_id, given.status, given.start_ms, given.end_ms, given.artifact_uri, given.lifecycle, given.lease_until_ms, given.lost, given.deleted_ms, given.purging_ms);

MERGE INTO logged_model_metrics WITH (HOLDLOCK) AS held USING (SELECT ? AS model_id, ? AS [key], ? AS run_uuid, ? AS dataset_name, ? AS dataset_digest, ? AS step, ? AS ms, ? AS value) AS given ON held.model_id = given.model_id AND held.[key] = given.[key] AND held.run_uuid = given.run_uuid AND held.dataset_name = given.dataset_name AND held.dataset_digest = given.dataset_digest AND held.step = given.step AND held.ms = given.ms AND held.value = given.value WHEN NOT MATCHED THEN INSERT (model_id, [key], run_uuid, dataset_name, dataset_digest, step, ms, value) VALUES (given.model_id, given.[key], given.run_uuid, given.dataset_name, given.dataset_digest, given.step, given.ms, given.value);

MERGE INTO logged_model_params WITH (HOLDLOCK) AS held USING (SELECT ? AS model_id, ? AS [key], ? AS value, ? AS number) AS given ON held.model_id = given.model_id AND held.[key] = given.[key] WHEN NOT MATCHED THEN INSERT (model_id, [key], value, number) VALUES (given.model_id, given.[key], given.value, given.number);

MERGE INTO logged_model_params WITH (HOLDLOCK) AS held USING (SELECT ? AS model_id, ? AS [key], ? AS value, ? AS number) AS given ON held.model_id = given.model_id AND held.[key] = given.[key] WHEN MATCHED THEN UPDATE SET value = given.value, number = given.number WHEN NOT MATCHED THEN INSERT (model_id, [key], value, number) VALUES (given.model_id, given.[key], given.value, given.number);

MERGE INTO logged_model_tags WITH (HOLDLOCK) AS held USING (SELECT ? AS model_id, ? AS [key], ? AS value) AS given ON held.model_id = given.model_id AND held.[key] = given.[key] WHEN NOT MATCHED THEN INSERT (model_id, [key], value) VALUES (given.model_id, given.[key], given.value);

MERGE INTO logged_model_tags WITH (HOLDLOCK) AS held USING (SELECT ? AS model_id, ? AS [key], ? AS value) AS given ON held.model_id = given.model_id AND held.[key] = given.[key] WHEN MATCHED THEN UPDATE SET value = given.value WHEN NOT MATCHED THEN INSERT (model_id, [key], value) VALUES (given.model_id, given.[key], given.value);

MERGE INTO model_version_manifests WITH (HOLDLOCK) AS held USING (SELECT ? AS version_id, ? AS state, ? AS digest, ? AS record) AS given ON held.version_id = given.version_id WHEN NOT MATCHED THEN INSERT (version_id, state, digest, record) VALUES (given.version_id, given.state, given.digest, given.record);

MERGE INTO model_version_manifests WITH (HOLDLOCK) AS held USING (SELECT ? AS version_id, ? AS state, ? AS digest, ? AS record) AS given ON held.version_id = given.version_id WHEN MATCHED THEN UPDATE SET state = given.state, digest = given.digest, record = given.record WHEN NOT MATCHED THEN INSERT (version_id, state, digest, record) VALUES (given.version_id, given.state, given.digest, given.record);

MERGE INTO model_version_tags WITH (HOLDLOCK) AS held USING (SELECT ? AS version_id, ? AS [key], ? AS value) AS given ON held.version_id = given.version_id AND held.[key] = given.[key] WHEN NOT MATCHED THEN INSERT (version_id, [key], value) VALUES (given.version_id, given.[key], given.value);

MERGE INTO model_version_tags WITH (HOLDLOCK) AS held USING (SELECT ? AS version_id, ? AS [key], ? AS value) AS given ON held.version_id = given.version_id AND held.[key] = given.[key] WHEN MATCHED THEN UPDATE SET value = given.value WHEN NOT MATCHED THEN INSERT (version_id, [key], value) VALUES (given.version_id, given.[key], given.value);

MERGE INTO params WITH (HOLDLOCK) AS held USING (SELECT ? AS run_id, ? AS key_id, ? AS value, ? AS number) AS given ON held.run_id = given.run_id AND held.key_id = given.key_id WHEN NOT MATCHED THEN INSERT (run_id, key_id, value, number) VALUES (given.run_id, given.key_id, given.value, given.number);

MERGE INTO params WITH (HOLDLOCK) AS held USING (SELECT ? AS run_id, ? AS key_id, ? AS value, ? AS number) AS given ON held.run_id = given.run_id AND held.key_id = given.key_id WHEN MATCHED THEN UPDATE SET value = given.value, number = given.number WHEN NOT MATCHED THEN INSERT (run_id, key_id, value, number) VALUES (given.run_id, given.key_id, given.value, given.number);

MERGE INTO registered_model_aliases WITH (HOLDLOCK) AS held USING (SELECT ? AS model_id, ? AS alias, ? AS version_id) AS given ON held.model_id = given.model_id AND held.alias = given.alias WHEN NOT MATCHED THEN INSERT (model_id, alias, version_id) VALUES (given.model_id, given.alias, given.version_id);

MERGE INTO registered_model_aliases WITH (HOLDLOCK) AS held USING (SELECT ? AS model_id, ? AS alias, ? AS version_id) AS given ON held.model_id = given.model_id AND held.alias = given.alias WHEN MATCHED THEN UPDATE SET version_id = given.version_id WHEN NOT MATCHED THEN INSERT (model_id, alias, version_id) VALUES (given.model_id, given.alias, given.version_id);

MERGE INTO registry_comments WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS model_id, ? AS version_id, ? AS created_ms, ? AS record) AS given ON held.id = given.id WHEN NOT MATCHED THEN INSERT (id, model_id, version_id, created_ms, record) VALUES (given.id, given.model_id, given.version_id, given.created_ms, given.record);

MERGE INTO registry_comments WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS model_id, ? AS version_id, ? AS created_ms, ? AS record) AS given ON held.id = given.id WHEN MATCHED THEN UPDATE SET model_id = given.model_id, version_id = given.version_id, created_ms = given.created_ms, record = given.record WHEN NOT MATCHED THEN INSERT (id, model_id, version_id, created_ms, record) VALUES (given.id, given.model_id, given.version_id, given.created_ms, given.record);

MERGE INTO run_datasets WITH (HOLDLOCK) AS held USING (SELECT ? AS run_id, ? AS dataset_id, ? AS position, ? AS context, ? AS tags) AS given ON held.run_id = given.run_id AND held.dataset_id = given.dataset_id WHEN NOT MATCHED THEN INSERT (run_id, dataset_id, position, context, tags) VALUES (given.run_id, given.dataset_id, given.position, given.context, given.tags);

MERGE INTO run_datasets WITH (HOLDLOCK) AS held USING (SELECT ? AS run_id, ? AS dataset_id, ? AS position, ? AS context, ? AS tags) AS given ON held.run_id = given.run_id AND held.dataset_id = given.dataset_id WHEN MATCHED THEN UPDATE SET position = given.position, context = given.context, tags = given.tags WHEN NOT MATCHED THEN INSERT (run_id, dataset_id, position, context, tags) VALUES (given.run_id, given.dataset_id, given.position, given.context, given.tags);

MERGE INTO run_documents WITH (HOLDLOCK) AS held USING (SELECT ? AS run_id, ? AS revision, ? AS document) AS given ON held.run_id = given.run_id WHEN NOT MATCHED THEN INSERT (run_id, revision, document) VALUES (given.run_id, given.revision, given.document);

MERGE INTO run_documents WITH (HOLDLOCK) AS held USING (SELECT ? AS run_id, ? AS revision, ? AS document) AS given ON held.run_id = given.run_id WHEN MATCHED THEN UPDATE SET revision = given.revision, document = given.document WHEN NOT MATCHED THEN INSERT (run_id, revision, document) VALUES (given.run_id, given.revision, given.document);

MERGE INTO run_models WITH (HOLDLOCK) AS held USING (SELECT ? AS run_id, ? AS is_output, ? AS model_id, ? AS step, ? AS position) AS given ON held.run_id = given.run_id AND held.is_output = given.is_output AND held.model_id = given.model_id WHEN NOT MATCHED THEN INSERT (run_id, is_output, model_id, step, position) VALUES (given.run_id, given.is_output, given.model_id, given.step, given.position);

MERGE INTO run_models WITH (HOLDLOCK) AS held USING (SELECT ? AS run_id, ? AS is_output, ? AS model_id, ? AS step, ? AS position) AS given ON held.run_id = given.run_id AND held.is_output = given.is_output AND held.model_id = given.model_id WHEN MATCHED THEN UPDATE SET step = given.step, position = given.position WHEN NOT MATCHED THEN INSERT (run_id, is_output, model_id, step, position) VALUES (given.run_id, given.is_output, given.model_id, given.step, given.position);

MERGE INTO series WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS run_id, ? AS key_id, ? AS count, ? AS nan_count, ? AS first_step, ? AS first_ms, ? AS first_value, ? AS last_step, ? AS last_ms, ? AS last_value, ? AS min_value, ? AS max_value, ? AS min_step, ? AS max_step, ? AS total, ? AS mean, ? AS low_ms, ? AS high_ms, ? AS stride, ? AS in_time_order, ? AS axis, ? AS shift, ? AS folded, ? AS folded_step, ? AS folded_ms, ? AS folded_value) AS given ON held.id = given.id WHEN NOT MATCHED THEN INSERT (id, run_id, key_id, count, nan_count, first_step, first_ms, first_value, last_step, last_ms, last_value, min_value, max_value, min_step, max_step, total, mean, low_ms, high_ms, stride, in_time_order, axis, shift, folded, folded_step, folded_ms, folded_value) VALUES (given.id, given.run_id, given.key_id, given.count, given.nan_count, given.first_step, given.first_ms, given.first_value, given.last_step, given.last_ms, given.last_value, given.min_value, given.max_value, given.min_step, given.max_step, given.total, given.mean, given.low_ms, given.high_ms, given.stride, given.in_time_order, given.axis, given.shift, given.folded, given.folded_step, given.folded_ms, given.folded_value);

MERGE INTO series WITH (HOLDLOCK) AS held USING (SELECT ? AS id, ? AS run_id, ? AS key_id, ? AS count, ? AS nan_count, ? AS first_step, ? AS first_ms, ? AS first_value, ? AS last_step, ? AS last_ms, ? AS last_value, ? AS min_value, ? AS max_value, ? AS min_step, ? AS max_step, ? AS total, ? AS mean, ? AS low_ms, ? AS high_ms, ? AS stride, ? AS in_time_order, ? AS axis, ? AS shift, ? AS folded, ? AS folded_step, ? AS folded_ms, ? AS folded_value) AS given ON held.id = given.id WHEN MATCHED THEN UPDATE SET run_id = given.run_id, key_id = given.key_id, count = given.count, nan_count = given.nan_count, first_step = given.first_step, first_ms = given.first_ms, first_value = given.first_value, last_step = given.last_step, last_ms = given.last_ms, last_value = given.last_value, min_value = given.min_value, max_value = given.max_value, min_step = given.min_step, max_step = given.max_step, total = given.total, mean = given.mean, low_ms = given.low_ms, high_ms = given.high_ms, stride = given.stride, in_time_order = given.in_time_order, axis = given.axis, shift = given.shift, folded = given.folded, folded_step = given.folded_step, folded_ms = given.folded_ms, folded_value = given.folded_value WHEN NOT MATCHED THEN INSERT (id, run_id, key_id, count, nan_count, first_step, first_ms, first_value, last_step, last_ms, last_value, min_value, max_value, min_step, max_step, total, mean, low_ms, high_ms, stride, in_time_order, axis, shift, folded, folded_step, folded_ms, folded_value) VALUES (given.id, given.run_id, given.key_id, given.count, given.nan_count, given.first_step, given.first_ms, given.first_value, given.last_step, given.last_ms, given.last_value, given.min_value, given.max_value, given.min_step, given.max_step, given.total, given.mean, given.low_ms, given.high_ms, given.stride, given.in_time_order, given.axis, given.shift, given.folded, given.folded_step, given.folded_ms, given.folded_value);

MERGE INTO tags WITH (HOLDLOCK) AS held USING (SELECT ? AS run_id, ? AS key_id, ? AS value) AS given ON held.run_id = given.run_id AND held.key_id = given.key_id WHEN NOT MATCHED THEN INSERT (run_id, key_id, value) VALUES (given.run_id, given.key_id, given.value);

MERGE INTO tags WITH (HOLDLOCK) AS held USING (SELECT ? AS run_id, ? AS key_id, ? AS value) AS given ON held.run_id = given.run_id AND held.key_id = given.key_id WHEN MATCHED THEN UPDATE SET value = given.value WHEN NOT MATCHED THEN INSERT (run_id, key_id, value) VALUES (given.run_id, given.key_id, given.value);

SELECT tags.run_id 
FROM tags 
WHERE (tags.value LIKE ? ESCAPE '/')

SELECT tags.run_id 
FROM tags 
WHERE ((translate(tags.value, ?, ?)) LIKE ? ESCAPE '/')

SELECT tags.run_id 
FROM tags 
WHERE NOT (tags.value LIKE ? ESCAPE '/')

SELECT experiments.id 
FROM experiments 
WHERE experiments.id IN (SELECT experiment_tags.experiment_id 
FROM experiment_tags 
WHERE experiment_tags.[key] = ? AND experiment_tags.value != ?)

SELECT logged_models.id 
FROM logged_models 
WHERE logged_models.id IN (SELECT logged_model_tags.model_id 
FROM logged_model_tags 
WHERE logged_model_tags.[key] = ? AND logged_model_tags.value != ?)

SELECT experiments.id 
FROM experiments 
WHERE experiments.id IN (SELECT experiment_tags.experiment_id 
FROM experiment_tags 
WHERE experiment_tags.[key] = ? AND ((translate(experiment_tags.value, ?, ?)) LIKE ? ESCAPE '/')) OR (experiments.id NOT IN (SELECT experiment_tags.experiment_id 
FROM experiment_tags 
WHERE experiment_tags.[key] = ?))

SELECT logged_models.id 
FROM logged_models 
WHERE logged_models.id IN (SELECT logged_model_tags.model_id 
FROM logged_model_tags 
WHERE logged_model_tags.[key] = ? AND ((translate(logged_model_tags.value, ?, ?)) LIKE ? ESCAPE '/')) OR (logged_models.id NOT IN (SELECT logged_model_tags.model_id 
FROM logged_model_tags 
WHERE logged_model_tags.[key] = ?))
