create schema if not exists auth;
create schema if not exists brainml;

create table auth.users (
  id varchar primary key, name varchar not null, display_name varchar, source varchar not null, roles varchar[] not null,
  created_at timestamptz not null, last_seen_at timestamptz);

create table auth.api_keys (
  id uuid primary key, user_id varchar not null, name varchar not null, key_hash varchar not null, prefix varchar not null,
  plugin_name varchar not null default 'maid', scopes varchar[] not null, metadata json, created_at timestamptz not null,
  expires_at timestamptz, last_used_at timestamptz, revoked_at timestamptz);

create table maid_runs (
  id uuid primary key, user_id varchar not null, api_key_id uuid, recipe_id varchar not null, recipe_version varchar, name varchar, tags varchar[],
  config_json json, plan_hash varchar, metrics_json json, verdict varchar, status varchar not null, reason varchar, generator_bound boolean not null,
  start_time timestamptz, end_time timestamptz, duration_seconds double, total_requests bigint not null, failed_requests bigint not null,
  avg_response_time_ms double, p50_response_time_ms double, p95_response_time_ms double, p99_response_time_ms double, throughput_rps double,
  rows_count bigint not null, notes varchar, parent_run_id uuid, pinned boolean not null default false, created_at timestamptz not null,
  updated_at timestamptz not null);

create table maid_recipes (
  id varchar, version varchar, name varchar not null, description varchar, category varchar, config_json json, source_yaml varchar not null,
  tags varchar[], content_hash varchar not null, trust_hash varchar, source varchar not null, parent_id varchar, parent_version varchar,
  created_by varchar, created_at timestamptz not null, updated_at timestamptz not null, archived_at timestamptz, primary key (id, version));

create table maid_recipe_marks (
  recipe_id varchar, user_id varchar, favourite boolean not null default false, rating tinyint, collections varchar[], primary key (recipe_id, user_id));

create table maid_recipe_trust (trust_hash varchar primary key, state varchar not null, "by" varchar, "at" timestamptz not null);

create table maid_extensions (
  id varchar primary key, name varchar not null, description varchar, version varchar not null, delivery varchar, enabled boolean not null,
  state varchar, config_json json, manifest_json json, sha256 varchar, created_at timestamptz not null, updated_at timestamptz not null);

create table maid_extension_versions (
  id varchar, version varchar, source varchar, sha256 varchar, argv_json json, executable_path varchar, executable_sha256 varchar, url varchar,
  tools_json json, permissions_json json, accepted_by varchar, accepted_at timestamptz, retired_at timestamptz);

create table maid_deeplinks (
  id uuid primary key, user_id varchar not null, config_json json, recipe_id varchar, preset varchar, url varchar, qr_code_url varchar,
  expires_at timestamptz, max_uses integer, uses integer not null default 0, revoked_at timestamptz, created_at timestamptz not null);

create table maid_deeplink_events (
  deeplink_id uuid, day date, kind varchar, agent_class varchar, count bigint not null, primary key (deeplink_id, day, kind, agent_class));

create table maid_prompts (
  id uuid primary key, slug varchar not null, owner_id varchar, head_version varchar, visibility varchar, category varchar, purpose varchar,
  language varchar, tags varchar[], parent_id uuid, parent_version varchar, source varchar, created_at timestamptz not null,
  updated_at timestamptz not null, archived_at timestamptz);

create table maid_prompt_versions (
  prompt_id uuid, version varchar, title_json json, description varchar, body varchar not null, variables_json json, example_json json,
  extensions varchar[], license varchar, note varchar, content_hash varchar, created_by varchar, created_at timestamptz,
  primary key (prompt_id, version));

create table maid_prompt_marks (prompt_id uuid, user_id varchar, favourite boolean, rating tinyint, "at" timestamptz, primary key (prompt_id, user_id));

create table maid_prompt_events (
  prompt_id uuid, version varchar, day date, kind varchar, count bigint not null, primary key (prompt_id, version, day, kind));

create table maid_generations (
  id uuid primary key, "at" timestamptz not null, user_id varchar, lang varchar, engine varchar, model_id varchar, prompt_version varchar,
  template_id varchar, slots_json json, attempts integer, tokens integer, ms double, recipe_id varchar, outcome varchar, text varchar);

create table maid_metrics (
  run_id uuid, second integer, scenario varchar, transaction varchar, request varchar, users integer, requests bigint, failures bigint,
  bytes_in bigint, bytes_out bigint, histogram blob);

create table maid_target_approvals (
  id uuid primary key, host varchar not null, port integer, protocols varchar[], max_users bigint, max_rate double, max_duration double,
  agents boolean, why varchar, "by" varchar, "at" timestamptz not null, expires_at timestamptz, withdrawn_at timestamptz);

create table maid_config_changes (id uuid primary key, user_id varchar, before_json json, after_json json, "at" timestamptz not null);

create table maid_audit (
  seq bigint primary key, "at" timestamptz not null, actor varchar not null, action varchar not null, subject varchar, detail_json json,
  hash varchar not null, previous_hash varchar not null);

create table brainml.documents (
  id uuid primary key, title varchar, content varchar not null, plugin_source varchar not null default 'maid', kind varchar not null, ref_id varchar,
  metadata json, api_key_id uuid, model_id varchar, embedding float[], created_at timestamptz not null, updated_at timestamptz not null);

create table brainml.terms (term varchar, document_id uuid, frequency integer not null, primary key (term, document_id));
