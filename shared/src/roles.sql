-- What each service may do in the database, and nothing more. Run after the migrations, as often as one likes.

do $$
declare
    service text;
begin
    foreach service in array array['clipmill_api', 'clipmill_worker'] loop
        begin
            if not exists (select from pg_roles where rolname = service) then
                execute format('create role %I nologin', service);
            end if;
        exception when duplicate_object or unique_violation then
            -- Somebody else was faster.
            null;
        end;
        begin
            -- Whoever migrates may act as either.
            if not pg_has_role(current_user, service, 'member') then
                execute format('grant %I to current_user', service);
            end if;
        exception when unique_violation or object_in_use then
            null;
        end;
        execute format('grant usage on schema %I to %I', current_schema(), service);
        execute format('revoke all on all tables in schema %I from %I', current_schema(), service);
    end loop;
end
$$;

grant select on _sqlx_migrations to clipmill_api, clipmill_worker;

-- The API takes jobs in and calls them off. It cannot claim one: that would raise `attempt`; nor finish one: that takes `outputs`.
grant select, insert, delete on jobs to clipmill_api;
grant update (status, lease_until, finished_at, worker, progress, released, run_at, virtual_start, kept, scrub_at) on jobs to clipmill_api;
-- Secrets come under another master key.
grant update (upload_url) on jobs to clipmill_api;
-- How long media stay is the customer's to say.
grant update (retention_seconds, expires_at, pinned, expiry_noted) on jobs to clipmill_api;
-- A job that is called off is rendered nowhere any more.
grant update (remote) on jobs to clipmill_api;
grant select, insert, update on accounts, erasures, credit_balances to clipmill_api;
grant select, insert, update, delete on api_keys, files, shares, webhook_endpoints, destinations, removals to clipmill_api;
grant select, insert on audit_log, credit_entries to clipmill_api;
grant select, insert, update, delete on exports to clipmill_api;
grant select, insert, delete on consents, events to clipmill_api;
-- To lock a row takes the right to change something of it.
grant update (id) on events to clipmill_api;
grant select, insert, update on deliveries, delivery_attempts to clipmill_api;
grant select, update (last_used_at) on operator_keys to clipmill_api;
grant select on usage, usage_statistics, workers, worker_processes, training_videos to clipmill_api;
-- What operators say to the fleet goes through the API.
grant select, insert, update, delete on drains, paused_tiers to clipmill_api;
grant update (api_key_id) on usage to clipmill_api;

-- The worker takes jobs to their end. It makes none, and what proves a key is hidden from it.
grant select, update, delete on jobs, accounts, exports, erasures to clipmill_worker;
grant select (id, account_id, name, lookup, scopes, created_at, expires_at, last_used_at, revoked_at) on api_keys to clipmill_worker;
grant select, delete on consents, audit_log to clipmill_worker;
grant select on credit_balances, credit_entries to clipmill_worker;
grant select, insert, update, delete on removals, shares, workers, worker_processes to clipmill_worker;
grant select, delete on drains to clipmill_worker;
grant select on paused_tiers to clipmill_worker;
grant select, insert, update, delete on upstream_buckets to clipmill_worker;
grant select, insert, delete on events to clipmill_worker;
grant update (id) on events to clipmill_worker;
grant select, insert, update on deliveries to clipmill_worker;
grant select, insert, delete on delivery_attempts to clipmill_worker;
grant update (attempt) on delivery_attempts to clipmill_worker;
grant select, update, delete on webhook_endpoints to clipmill_worker;
grant select, delete on destinations to clipmill_worker;
grant select, delete on files to clipmill_worker;
grant update (expires_at, missing_at) on files to clipmill_worker;
grant select, insert, delete on usage to clipmill_worker;
grant update (api_key_id) on usage to clipmill_worker;
grant select, insert on usage_statistics to clipmill_worker;
grant select, insert, update, delete on reconciliations to clipmill_worker;
