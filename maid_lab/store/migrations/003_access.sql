-- A key is found by its public id; after a rotation the secret before lives on for a while. The prefix says whether it is a test key.
alter table auth.api_keys add column public_id varchar;
alter table auth.api_keys add column agent boolean default false;
alter table auth.api_keys add column previous_hash varchar;
alter table auth.api_keys add column previous_until timestamptz;
-- Runs name the key by its public id, which is what people know it by.
alter table maid_runs alter column api_key_id type varchar;
